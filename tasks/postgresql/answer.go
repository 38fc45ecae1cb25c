package postgresql

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/templates/ordered"
)

// answer is what a server said to a statement.
type answer struct {
	any   bool // rows were returned, if only none
	names []string
	types []string // as the server names them; "": values are texts
	typed bool     // the types are known
	rows  [][]*string
	tag   string // what was done
}

// text returns a value of the answer; "" where there is none or it is null.
func (a answer) text(row, column int) string {
	if row >= len(a.rows) || column >= len(a.rows[row]) || a.rows[row][column] == nil {
		return ""
	}
	return *a.rows[row][column]
}

// list returns the values of the first column.
func (a answer) list() []string {
	var out []string
	for i := range a.rows {
		out = append(out, a.text(i, 0))
	}
	return out
}

// known reports whether there is such a row.
func (a answer) known() bool { return len(a.rows) > 0 }

// dicts returns the rows as a playbook sees them.
func (a answer) dicts() []any {
	list := []any{}
	for _, row := range a.rows {
		dict := ordered.New(len(row))
		for i, v := range row {
			if i >= len(a.names) {
				break
			}
			kind := ""
			if i < len(a.types) {
				kind = a.types[i]
			}
			dict.Set(a.names[i], value(v, kind))
		}
		list = append(list, dict)
	}
	return list
}

// value turns a text of the server's into a value of a playbook's.
func value(text *string, kind string) any {
	if text == nil {
		return nil
	}
	if element, ok := strings.CutSuffix(kind, "[]"); ok {
		if list, ok := array(*text, element); ok {
			return list
		}
		return *text
	}
	if i := strings.IndexByte(kind, '('); i > 0 && strings.HasPrefix(kind, "numeric") {
		kind = "numeric"
	}
	switch kind {
	case "boolean":
		return *text == "t"
	case "smallint", "integer", "bigint", "oid", "xid":
		if n, err := strconv.Atoi(*text); err == nil {
			return n
		}
	case "real", "double precision", "numeric":
		if f, err := strconv.ParseFloat(*text, 64); err == nil && !strings.ContainsAny(*text, "NIni") {
			return f
		}
	case "json", "jsonb":
		if v, err := ordered.DecodeJSON([]byte(*text)); err == nil {
			return v
		}
	case "timestamp without time zone", "timestamp with time zone":
		return isoTime(*text)
	}
	if strings.HasPrefix(kind, "interval") {
		return duration(*text)
	}
	return *text
}

var pgInterval = regexp.MustCompile(`^(?:(-?\d+) years? ?)?(?:([+-]?\d+) mons? ?)?(?:([+-]?\d+) days? ?)?(?:([+-]?)(\d+):(\d\d):(\d\d)(?:\.(\d+))?)?$`)

// duration writes an interval as Ansible shows it: "1 day, 2:00:00", in which a month has 30 days and a year 365.
func duration(text string) string {
	m := pgInterval.FindStringSubmatch(text)
	if m == nil || text == "" {
		return text
	}
	number := func(i int) int64 {
		n, _ := strconv.ParseInt(m[i], 10, 64) // what is not there is 0
		return n
	}
	const second, day = 1_000_000, 24 * 60 * 60 * 1_000_000
	fraction, _ := strconv.ParseInt((m[8] + "000000")[:6], 10, 64)
	clock := (number(5)*3600+number(6)*60+number(7))*second + fraction
	if m[4] == "-" {
		clock = -clock
	}
	total := (number(1)*365+number(2)*30+number(3))*day + clock
	days, rest := total/day, total%day
	if rest < 0 {
		days, rest = days-1, rest+day
	}
	out := ""
	if days != 0 {
		out = fmt.Sprintf("%d day%s, ", days, when(days != 1 && days != -1, "s"))
	}
	seconds := rest / second
	out += fmt.Sprintf("%d:%02d:%02d", seconds/3600, seconds/60%60, seconds%60)
	if rest %= second; rest != 0 {
		out += fmt.Sprintf(".%06d", rest)
	}
	return out
}

var pgTime = regexp.MustCompile(`^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(\.\d+)?([+-]\d\d)?(:\d\d)?$`)

// isoTime writes a time as Ansible shows it.
func isoTime(text string) string {
	m := pgTime.FindStringSubmatch(text)
	if m == nil {
		return text
	}
	if m[3] != "" {
		m[3] = (m[3] + "000000")[:7]
	}
	if m[4] != "" && m[5] == "" {
		m[5] = ":00"
	}
	return m[1] + "T" + m[2] + m[3] + m[4] + m[5]
}

// array reads the text of an array: {1,NULL,"a \"b\""}, or arrays of arrays.
func array(text, element string) ([]any, bool) {
	if i := strings.Index(text, "={"); strings.HasPrefix(text, "[") && i > 0 { // with bounds of its own
		text = text[i+1:]
	}
	list, rest, ok := arrayBegin(text, element)
	return list, ok && rest == ""
}

func arrayBegin(text, element string) (list []any, rest string, ok bool) {
	if !strings.HasPrefix(text, "{") {
		return nil, text, false
	}
	list, text = []any{}, text[1:]
	for {
		switch {
		case text == "":
			return nil, "", false
		case text[0] == '}':
			return list, text[1:], true
		case text[0] == ',':
			text = text[1:]
		case text[0] == '{':
			inner, rest, ok := arrayBegin(text, element)
			if !ok {
				return nil, "", false
			}
			list, text = append(list, inner), rest
		case text[0] == '"':
			var b strings.Builder
			i := 1
			for ; i < len(text) && text[i] != '"'; i++ {
				if text[i] == '\\' && i+1 < len(text) {
					i++
				}
				b.WriteByte(text[i])
			}
			if i >= len(text) {
				return nil, "", false
			}
			v := b.String()
			list, text = append(list, value(&v, element)), text[i+1:]
		default:
			i := strings.IndexAny(text, ",}")
			if i < 0 {
				return nil, "", false
			}
			if v := text[:i]; v == "NULL" {
				list = append(list, nil)
			} else {
				list = append(list, value(&v, element))
			}
			text = text[i:]
		}
	}
}

// strings returns an array of texts; nil where it is null.
func (a answer) array(row, column int) []string {
	list, _ := array(a.text(row, column), "")
	var out []string
	for _, v := range list {
		if s, ok := v.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

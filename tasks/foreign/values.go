package foreign

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/templates/ordered"
)

// moment is a date of YAML, which Ansible gives to modules as text.
type moment interface{ ISO() string }

// jsonOf is a value as Python's json.dumps writes it: modules that are shell scripts look for "name": with the space behind it.
func jsonOf(value any) (string, error) {
	var out strings.Builder
	err := writeJSON(&out, value)
	return out.String(), err
}

func writeJSON(out *strings.Builder, value any) error {
	switch x := value.(type) {
	case nil:
		out.WriteString("null")
	case bool:
		out.WriteString(strconv.FormatBool(x))
	case string:
		quoteJSON(out, x)
	case moment:
		quoteJSON(out, x.ISO())
	case []any:
		out.WriteByte('[')
		for i, item := range x {
			if i > 0 {
				out.WriteString(", ")
			}
			if err := writeJSON(out, item); err != nil {
				return err
			}
		}
		out.WriteByte(']')
	case map[string]any:
		return writeJSON(out, ordered.Sorted(x))
	case *ordered.Map:
		out.WriteByte('{')
		first := true
		for name, item := range x.All() {
			if !first {
				out.WriteString(", ")
			}
			first = false
			quoteJSON(out, name)
			out.WriteString(": ")
			if err := writeJSON(out, item); err != nil {
				return err
			}
		}
		out.WriteByte('}')
	default:
		text, ok := number(value, "NaN", "Infinity")
		if !ok {
			return fmt.Errorf("a module cannot be given a value like %v (%T)", value, value)
		}
		out.WriteString(text)
	}
	return nil
}

func quoteJSON(out *strings.Builder, s string) {
	short := map[rune]string{'"': `\"`, '\\': `\\`, '\n': `\n`, '\r': `\r`, '\t': `\t`, '\b': `\b`, '\f': `\f`}
	out.WriteByte('"')
	for _, r := range s {
		switch {
		case short[r] != "":
			out.WriteString(short[r])
		case r >= ' ' && r < 0x7f:
			out.WriteRune(r)
		case r <= 0xffff:
			fmt.Fprintf(out, `\u%04x`, r)
		default:
			r -= 0x10000
			fmt.Fprintf(out, `\u%04x\u%04x`, 0xd800+(r>>10), 0xdc00+(r&0x3ff))
		}
	}
	out.WriteByte('"')
}

// number writes a number as Python does.
func number(value any, nan, infinity string) (string, bool) {
	switch x := value.(type) {
	case int:
		return strconv.Itoa(x), true
	case int64:
		return strconv.FormatInt(x, 10), true
	case *big.Int:
		return x.String(), true
	case json.Number:
		return x.String(), true
	case float64:
		switch {
		case math.IsNaN(x):
			return nan, true
		case math.IsInf(x, 1):
			return infinity, true
		case math.IsInf(x, -1):
			return "-" + infinity, true
		}
		if size := math.Abs(x); size != 0 && (size < 1e-4 || size >= 1e16) {
			return strconv.FormatFloat(x, 'e', -1, 64), true
		}
		text := strconv.FormatFloat(x, 'f', -1, 64)
		if !strings.Contains(text, ".") {
			text += ".0"
		}
		return text, true
	}
	return "", false
}

// textOf is a value as Python's str has it; repr is what it is inside of lists and mappings.
func textOf(value any) string {
	switch x := value.(type) {
	case string:
		return x
	case moment:
		return x.ISO()
	}
	return repr(value)
}

func repr(value any) string {
	switch x := value.(type) {
	case nil:
		return "None"
	case bool:
		if x {
			return "True"
		}
		return "False"
	case string:
		return reprText(x)
	case moment:
		return reprText(x.ISO())
	case []any:
		items := make([]string, len(x))
		for i, item := range x {
			items[i] = repr(item)
		}
		return "[" + strings.Join(items, ", ") + "]"
	case map[string]any:
		return repr(ordered.Sorted(x))
	case *ordered.Map:
		var items []string
		for name, item := range x.All() {
			items = append(items, reprText(name)+": "+repr(item))
		}
		return "{" + strings.Join(items, ", ") + "}"
	}
	text, ok := number(value, "nan", "inf")
	if !ok {
		return fmt.Sprint(value)
	}
	return text
}

func reprText(s string) string {
	quote := `'`
	if strings.Contains(s, `'`) && !strings.Contains(s, `"`) {
		quote = `"`
	}
	var out strings.Builder
	out.WriteString(quote)
	for _, r := range s {
		switch {
		case r == '\\' || string(r) == quote:
			out.WriteByte('\\')
			out.WriteRune(r)
		case r == '\n':
			out.WriteString(`\n`)
		case r == '\r':
			out.WriteString(`\r`)
		case r == '\t':
			out.WriteString(`\t`)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&out, `\x%02x`, r)
		default:
			out.WriteRune(r)
		}
	}
	out.WriteString(quote)
	return out.String()
}

// plainWord are the characters that Python's shlex.quote leaves alone.
const plainWord = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-"

// pairs are arguments as an old-style module reads them: name=value, with a blank behind each, quoted for a shell.
func pairs(args *ordered.Map) string {
	var out strings.Builder
	for name, x := range args.All() {
		text := textOf(x)
		if text == "" || strings.Trim(text, plainWord) != "" {
			text = `'` + strings.ReplaceAll(text, `'`, `'"'"'`) + `'`
		}
		out.WriteString(name + "=" + text + " ")
	}
	return out.String()
}

package argspec

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/polarbook/polarbook/tasks/convert"
	"github.com/polarbook/polarbook/templates/ordered"
)

// Types are the types that an argument can have.
var Types = []string{"str", "list", "dict", "bool", "int", "float", "path", "raw", "jsonarg", "json", "bytes", "bits"}

// typed gives a value a type. The error is the end of a sentence about it.
func typed(value any, kind string) (any, error) {
	switch kind {
	case "str", "path":
		return text(value), nil
	case "raw":
		return value, nil
	case "list":
		switch v := value.(type) {
		case []any:
			return v, nil
		case string:
			return convert.AnyTexts(strings.Split(v, ",")), nil
		case bool, int, int64, float64:
			return []any{text(v)}, nil
		}
	case "dict":
		if dict, ok := dict(value); ok {
			return dict, nil
		}
	case "bool":
		if f, ok := value.(float64); ok && (f == 0 || f == 1) {
			return f == 1, nil
		}
		if b, err := convert.Bool(value); err == nil {
			return b, nil
		}
	case "int":
		if n, ok := whole(value); ok {
			return n, nil
		}
	case "float":
		if b, ok := value.(bool); ok {
			return map[bool]float64{true: 1}[b], nil
		}
		if f, err := convert.Float(value); err == nil {
			return f, nil
		}
	case "json", "jsonarg":
		switch v := value.(type) {
		case string:
			return strings.TrimSpace(v), nil
		case []any, *ordered.Map:
			out, err := json.Marshal(v)
			return string(out), err
		}
	case "bytes", "bits":
		if n, ok := amount(text(value), kind == "bits"); ok {
			return n, nil
		}
	default:
		return nil, fmt.Errorf("has a type that there is not: %s is none of %s", kind, strings.Join(Types, ", "))
	}
	return nil, fmt.Errorf("must be of type %s, not %s", kind, show(value))
}

// whole is a number without a fraction, or a text that is one in decimal digits. A boolean stays what it is, as in Python.
func whole(value any) (any, bool) {
	switch v := value.(type) {
	case bool, int, int64:
		return v, true
	case float64:
		return int(v), v == math.Trunc(v) && !math.IsInf(v, 0)
	case string:
		v = strings.TrimSpace(v)
		if n, err := strconv.Atoi(v); err == nil {
			return n, true
		}
		f, err := strconv.ParseFloat(v, 64)
		if err != nil || strings.ContainsAny(v, "xXpPiInN") {
			return nil, false
		}
		return int(f), f == math.Trunc(f)
	}
	return nil, false
}

// dict is a mapping, or a text that is one: in braces, or of NAME=VALUE with commas or blanks in between.
func dict(value any) (*ordered.Map, bool) {
	if m, ok := value.(*ordered.Map); ok {
		return m, true
	}
	s, ok := value.(string)
	if !ok {
		return nil, false
	}
	if strings.HasPrefix(s, "{") {
		x, err := ordered.DecodeJSON([]byte(s))
		if m, ok := x.(*ordered.Map); ok && err == nil {
			return m, true
		}
		var m map[string]any // Python's way to write one is YAML's as well
		if yaml.Unmarshal([]byte(s), &m) != nil {
			return nil, false
		}
		return ordered.From(m).(*ordered.Map), true
	}
	m := ordered.New(0)
	for _, field := range fields(s) {
		name, value, ok := strings.Cut(field, "=")
		if !ok {
			return nil, false
		}
		m.Set(name, value)
	}
	return m, strings.Contains(s, "=")
}

// fields splits a text at commas and blanks outside of quotes, which are left out; a backslash keeps what follows it.
func fields(s string) []string {
	var all []string
	var field strings.Builder
	end := func() {
		if field.Len() > 0 {
			all = append(all, field.String())
		}
		field.Reset()
	}
	quote, kept := rune(0), false
	for _, r := range strings.TrimSpace(s) {
		switch {
		case kept:
			field.WriteRune(r)
			kept = false
		case r == '\\':
			kept = true
		case quote == 0 && (r == '\'' || r == '"'):
			quote = r
		case quote == r:
			quote = 0
		case quote == 0 && (r == ',' || r == ' '):
			end()
		default:
			field.WriteRune(r)
		}
	}
	end()
	return all
}

var amountOf = regexp.MustCompile(`^([0-9]*\.?[0-9]+)(?:\s*([A-Za-z]+))?\s*$`)

// amount reads a number with a unit such as 2K, 2KB and 2 kilobyte; bits have Kb and kilobit.
func amount(s string, bits bool) (int, bool) {
	m := amountOf.FindStringSubmatch(s)
	if m == nil {
		return 0, false
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		return 0, false
	}
	unit := m[2]
	if unit == "" {
		return int(math.RoundToEven(n)), true
	}
	short, long := "B", "byte"
	if bits {
		short, long = "b", "bit"
	}
	power := strings.IndexByte("BKMGTPEZY", strings.ToUpper(unit)[0])
	if power < 0 {
		return 0, false
	}
	prefix := []string{"", "kilo", "mega", "giga", "tera", "peta", "exa", "zeta", "yotta"}[power]
	letter := strings.ToUpper(unit[:1])
	if power == 0 {
		letter = ""
	}
	if len(unit) > 1 && unit != letter+short && strings.ToLower(unit) != prefix+long {
		return 0, false
	}
	return int(math.RoundToEven(n * math.Pow(1024, float64(power)))), true
}

// text is a value as Python's str writes it, but for nothing, which is the empty text.
func text(value any) string {
	if value == nil {
		return ""
	}
	if s, err := convert.Text(value); err == nil {
		return s
	}
	return fmt.Sprint(value)
}

// texts lists values with commas.
func texts(values []any) string { return strings.Join(words(values), ", ") }

func words(value any) []string {
	var all []string
	for _, x := range list(value) {
		all = append(all, text(x))
	}
	return all
}

// show is a value as a message names it.
func show(value any) string { return convert.Describe(value) }

func isTrue(value any) bool {
	b, err := convert.Bool(value)
	return err == nil && b
}

// trues and falses are what Ansible takes for a boolean.
var (
	trues  = []any{"y", "yes", "on", "1", "true", "t", 1, true}
	falses = []any{"n", "no", "off", "0", "false", "f", 0, false}
)

func among(values []any, x any) bool {
	for _, v := range values {
		if equal(v, x) {
			return true
		}
	}
	return false
}

// equal compares as Python does: a boolean is 0 or 1.
func equal(a, b any) bool { return ordered.Same(number(a), number(b)) }

func number(x any) any {
	switch v := x.(type) {
	case bool:
		return map[bool]float64{true: 1}[v]
	case int:
		return float64(v)
	case int64:
		return float64(v)
	}
	return x
}

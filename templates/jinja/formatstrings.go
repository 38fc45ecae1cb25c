package jinja

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/polarbook/polarbook/templates/ordered"
)

// FormatPercent is Python's % operator on strings.
func FormatPercent(format string, values any) (string, error) {
	arguments, isTuple := values.(Tuple)
	if !isTuple {
		arguments = Tuple{values}
	}
	mapping, isMapping := values.(*ordered.Map)
	var out strings.Builder
	used := 0
	next := func() (any, error) {
		if used >= len(arguments) {
			return nil, errors.New("there are fewer values than the format needs")
		}
		used++
		return arguments[used-1], CheckDefined(arguments[used-1])
	}
	for at := 0; at < len(format); at++ {
		if format[at] != '%' {
			out.WriteByte(format[at])
			continue
		}
		if at++; at >= len(format) {
			return "", errors.New("the format ends in a single %")
		}
		if format[at] == '%' {
			out.WriteByte('%')
			continue
		}
		var value any
		named := false
		if format[at] == '(' {
			end := strings.IndexByte(format[at:], ')')
			if end < 0 || !isMapping {
				return "", errors.New("%(name) in a format needs a mapping")
			}
			key := format[at+1 : at+end]
			found, ok := mapping.Get(key)
			if !ok {
				return "", fmt.Errorf("the mapping has no key %q", key)
			}
			value, named = found, true
			used = len(arguments)
			at += end + 1
		}
		spec := formatSpec{fill: " ", sign: '-', precision: -1, align: '>'}
	flags:
		for ; at < len(format); at++ {
			switch format[at] {
			case '-':
				spec.align = '<'
			case '+', ' ':
				spec.sign = format[at]
			case '0':
				if spec.align != '<' {
					spec.fill, spec.align = "0", '='
				}
			case '#':
				spec.alternate = true
			default:
				break flags
			}
		}
		read := func() (int, error) {
			if at < len(format) && format[at] == '*' {
				at++
				value, err := next()
				if err != nil {
					return 0, err
				}
				i, _, isInt, _ := Number(value)
				if !isInt || i > MaximumWidth || i < 0 {
					return 0, errors.New("* in a format needs a small integer")
				}
				return i, nil
			}
			total := 0
			for at < len(format) && format[at] >= '0' && format[at] <= '9' && total <= MaximumWidth {
				total = total*10 + int(format[at]-'0')
				at++
			}
			if total > MaximumWidth {
				return 0, errors.New("the width is too large")
			}
			return total, nil
		}
		var err error
		if spec.width, err = read(); err != nil {
			return "", err
		}
		if at < len(format) && format[at] == '.' {
			at++
			if spec.precision, err = read(); err != nil {
				return "", err
			}
		}
		for at < len(format) && strings.IndexByte("hlL", format[at]) >= 0 {
			at++
		}
		if at >= len(format) {
			return "", errors.New("the format ends within a placeholder")
		}
		if !named {
			if value, err = next(); err != nil {
				return "", err
			}
		}
		part, err := spec.percent(format[at], value)
		if err != nil {
			return "", err
		}
		out.WriteString(part)
	}
	if used < len(arguments) && !isMapping {
		return "", errors.New("there are more values than the format needs")
	}
	return out.String(), nil
}

// percent formats one placeholder of the % operator.
func (f formatSpec) percent(kind byte, value any) (string, error) {
	switch kind {
	case 's', 'r', 'a':
		s := Text(value)
		if kind != 's' {
			s = Repr(value)
		}
		if runes := []rune(s); f.precision >= 0 && len(runes) > f.precision {
			s = string(runes[:f.precision])
		}
		if f.align == '=' {
			f.align, f.fill = '>', " "
		}
		return f.pad("", s, false), nil
	case 'c':
		if s, ok := value.(string); ok && utf8.RuneCountInString(s) == 1 {
			return f.pad("", s, false), nil
		}
	}
	_, number_, _, isNumber := Number(value)
	if !isNumber {
		return "", fmt.Errorf("%%%c needs a number, not %s", kind, Describe(value))
	}
	f.kind = kind
	switch kind {
	case 'd', 'i', 'u', 'x', 'X', 'o', 'c':
		i, isInt := Big(value)
		if !isInt {
			if kind == 'x' || kind == 'X' || kind == 'o' || math.IsInf(number_, 0) || math.IsNaN(number_) {
				return "", fmt.Errorf("%%%c needs an integer", kind)
			}
			i, _ = Big(Truncated(number_))
		}
		if kind == 'i' || kind == 'u' {
			f.kind = 'd'
		}
		f.precision = -1
		return f.integer(i)
	case 'e', 'E', 'f', 'F', 'g', 'G':
		return f.float(number_)
	}
	return "", fmt.Errorf("%%%c is not a placeholder", kind)
}

// formatBraces is Python's str.format.
func formatBraces(r *Run, format string, positional []any, named *ordered.Map) (string, error) {
	return braces(r, format, positional, named, new(int), 0)
}

func braces(r *Run, format string, positional []any, named *ordered.Map, automatic *int, depth int) (string, error) {
	if depth > 2 {
		return "", errors.New("the format nests too deep")
	}
	var out strings.Builder
	for at := 0; at < len(format); at++ {
		c := format[at]
		if c != '{' && c != '}' {
			out.WriteByte(c)
			continue
		}
		if at+1 < len(format) && format[at+1] == c {
			out.WriteByte(c)
			at++
			continue
		}
		if c == '}' {
			return "", errors.New("the format has a single }")
		}
		end, level := at+1, 1
		for ; end < len(format); end++ {
			if format[end] == '{' {
				level++
			} else if format[end] == '}' {
				if level--; level == 0 {
					break
				}
			}
		}
		if end >= len(format) {
			return "", errors.New("the format has a { that is not closed")
		}
		field, spec, _ := strings.Cut(format[at+1:end], ":")
		field, conversion, converted := strings.Cut(field, "!")
		value, err := fieldValue(r, field, positional, named, automatic)
		if err != nil {
			return "", err
		}
		if converted {
			switch conversion {
			case "r", "a":
				value = Repr(value)
			case "s":
				value = Text(value)
			default:
				return "", fmt.Errorf("!%s is not a conversion", conversion)
			}
		}
		if strings.Contains(spec, "{") {
			if spec, err = braces(r, spec, positional, named, automatic, depth+1); err != nil {
				return "", err
			}
		}
		part, err := formatValue(value, spec)
		if err != nil {
			return "", err
		}
		out.WriteString(part)
		at = end
	}
	return out.String(), nil
}

// fieldValue returns what {0.name[key]} of a format stands for.
func fieldValue(r *Run, field string, positional []any, named *ordered.Map, automatic *int) (any, error) {
	end := strings.IndexAny(field, ".[")
	if end < 0 {
		end = len(field)
	}
	first, rest := field[:end], field[end:]
	var value any
	at, err := strconv.Atoi(first)
	if first == "" {
		at, err = *automatic, nil
		*automatic++
	}
	switch found, ok := named.Get(first); {
	case err == nil && at >= 0 && at < len(positional):
		value = positional[at]
	case err == nil:
		return nil, fmt.Errorf("the format needs %d values", at+1)
	case ok:
		value = found
	default:
		return nil, fmt.Errorf("the format needs a value called %q", first)
	}
	for rest != "" {
		var key any
		if rest[0] == '.' {
			end := strings.IndexAny(rest[1:], ".[")
			if end < 0 {
				end = len(rest) - 1
			}
			key, rest = rest[1:1+end], rest[1+end:]
		} else {
			end := strings.IndexByte(rest, ']')
			if end < 0 {
				return nil, errors.New("the format has a [ that is not closed")
			}
			text := rest[1:end]
			rest = rest[end+1:]
			if number, err := strconv.Atoi(text); err == nil {
				key = number
			} else {
				key = text
			}
		}
		if value, err = r.Item(value, key, nil); err != nil {
			return nil, err
		}
	}
	value, err = r.session.Force(value)
	if err == nil {
		err = CheckDefined(value)
	}
	return value, err
}

package templates

import (
	"errors"
	"fmt"
	"time"

	"github.com/polarbook/polarbook/templates/ordered"
)

// globals are the functions that every template can call.
var globals map[string]any

func init() {
	globals = map[string]any{}
	for name, c := range map[string]callable{
		"range":     {"first! last step", rangeItems, false},
		"dict":      {"other **named", dictOf, false},
		"namespace": {"other **named", namespaceOf, false},
		"now":       {"utc fmt", now, false},
		"undef": {"hint", func(c *invocation) (any, error) {
			return &undefined{name: "undef()", message: c.text("hint", "Mandatory variable has not been overridden")}, nil
		}, false},
		"cycler": {"*items", nil, false},
		"joiner": {"sep", joiner, false},
	} {
		if c.do == nil {
			continue
		}
		globals[name] = &function{name: name, call: func(r *run, positional []any, named *ordered.Map) (any, error) {
			return c.run(r, name+"()", nil, positional, named)
		}}
	}
	for _, name := range []string{"lookup", "query", "q"} {
		globals[name] = &function{name: name, call: func(r *run, positional []any, named *ordered.Map) (any, error) {
			return r.lookupPlugin(name == "lookup", positional, named)
		}}
	}
}

func rangeItems(c *invocation) (any, error) {
	first, err := c.integer("first", 0)
	if err != nil {
		return nil, err
	}
	start, stop := 0, first
	if _, ok := c.given("last"); ok {
		start = first
		if stop, err = c.integer("last", 0); err != nil {
			return nil, err
		}
	}
	step, err := c.integer("step", 1)
	if err != nil {
		return nil, err
	}
	if step == 0 {
		return nil, errors.New("the step of range() cannot be zero")
	}
	items := []any{}
	for at := start; step > 0 && at < stop || step < 0 && at > stop; at += step {
		if len(items) >= maximumItems {
			return nil, fmt.Errorf("range() gives more than %d numbers", maximumItems)
		}
		items = append(items, at)
	}
	return items, nil
}

func dictOf(c *invocation) (any, error) {
	result := ordered.New(c.named.Len())
	if other, ok := c.given("other"); ok {
		values, isMap := other.(*ordered.Map)
		if !isMap {
			var err error
			if values, err = pairs(c.run, other); err != nil {
				return nil, err
			}
		}
		result.Update(values)
	}
	result.Update(c.named)
	return result, nil
}

func namespaceOf(c *invocation) (any, error) {
	values, err := dictOf(c)
	if err != nil {
		return nil, err
	}
	return &namespace{values.(*ordered.Map)}, nil
}

func joiner(c *invocation) (any, error) {
	separator, used := c.text("sep", ", "), false
	return &function{name: "joiner", call: func(*run, []any, *ordered.Map) (any, error) {
		if used {
			return separator, nil
		}
		used = true
		return "", nil
	}}, nil
}

// now returns the time as text: Python's form of a datetime, or what fmt asks for.
func now(c *invocation) (any, error) {
	utc, err := c.truth("utc", false)
	if err != nil {
		return nil, err
	}
	at := c.run.session.now()
	if utc {
		at = at.UTC()
	}
	if format := c.text("fmt", ""); format != "" {
		return strftime(format, at)
	}
	return at.Format("2006-01-02 15:04:05.000000"), nil
}

// strftime formats a time as C does.
func strftime(format string, at time.Time) (string, error) {
	simple := map[byte]string{
		'Y': "2006", 'm': "01", 'd': "02", 'H': "15", 'M': "04", 'S': "05", 'y': "06", 'B': "January", 'b': "Jan", 'h': "Jan",
		'A': "Monday", 'a': "Mon", 'p': "PM", 'I': "03", 'Z': "MST", 'z': "-0700", 'F': "2006-01-02", 'T': "15:04:05", 'D': "01/02/06",
		'R': "15:04", 'e': "_2", 'c': "Mon Jan _2 15:04:05 2006", 'x': "01/02/06", 'X': "15:04:05",
	}
	out := []byte{}
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 >= len(format) {
			out = append(out, format[i])
			continue
		}
		i++
		c := format[i]
		if layout, ok := simple[c]; ok {
			out = append(out, at.Format(layout)...)
			continue
		}
		switch c {
		case '%':
			out = append(out, '%')
		case 'n':
			out = append(out, '\n')
		case 't':
			out = append(out, '\t')
		case 's':
			out = fmt.Appendf(out, "%d", at.Unix())
		case 'f':
			out = fmt.Appendf(out, "%06d", at.Nanosecond()/1000)
		case 'j':
			out = fmt.Appendf(out, "%03d", at.YearDay())
		case 'w':
			out = fmt.Appendf(out, "%d", int(at.Weekday()))
		case 'u':
			out = fmt.Appendf(out, "%d", (int(at.Weekday())+6)%7+1)
		case 'V':
			_, week := at.ISOWeek()
			out = fmt.Appendf(out, "%02d", week)
		case 'G':
			year, _ := at.ISOWeek()
			out = fmt.Appendf(out, "%d", year)
		case 'C':
			out = fmt.Appendf(out, "%02d", at.Year()/100)
		default:
			return "", fmt.Errorf("the time format %q has %%%c, which is not known", format, c)
		}
	}
	return string(out), nil
}

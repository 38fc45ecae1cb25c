package templates

import (
	"errors"
	"fmt"

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
			return r.session.engine.library.Lookup(r, name == "lookup", positional, named)
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

package jinja

import (
	"errors"
	"fmt"

	"github.com/polarbook/polarbook/templates/ordered"
)

// globals are the functions that every template can call.
var globals map[string]any

func init() {
	globals = map[string]any{}
	for name, c := range map[string]Callable{
		"range":     {"first! last step", rangeItems, false},
		"dict":      {"other **named", dictOf, false},
		"namespace": {"other **named", namespaceOf, false},
		"now":       {"utc fmt", now, false},
		"undef": {"hint", func(c *Invocation) (any, error) {
			return &Undefined{name: "undef()", Message: c.Text("hint", "Mandatory variable has not been overridden")}, nil
		}, false},
		"cycler": {"*items", newCycle, false},
		"joiner": {"sep", joiner, false},
	} {
		globals[name] = &Function{name: name, call: func(r *Run, positional []any, named *ordered.Map) (any, error) {
			return c.run(r, name+"()", nil, positional, named)
		}}
	}
	for _, name := range []string{"lookup", "query", "q"} {
		globals[name] = &Function{name: name, call: func(r *Run, positional []any, named *ordered.Map) (any, error) {
			return r.session.engine.library.Lookup(r, name == "lookup", positional, named)
		}}
	}
}

func rangeItems(c *Invocation) (any, error) {
	first, err := c.Integer("first", 0)
	if err != nil {
		return nil, err
	}
	start, stop := 0, first
	if _, ok := c.Given("last"); ok {
		start = first
		if stop, err = c.Integer("last", 0); err != nil {
			return nil, err
		}
	}
	step, err := c.Integer("step", 1)
	if err != nil {
		return nil, err
	}
	if step == 0 {
		return nil, errors.New("the step of range() cannot be zero")
	}
	items := []any{}
	for at := start; step > 0 && at < stop || step < 0 && at > stop; at += step {
		if len(items) >= MaximumItems {
			return nil, fmt.Errorf("range() gives more than %d numbers", MaximumItems)
		}
		items = append(items, at)
	}
	return items, nil
}

func dictOf(c *Invocation) (any, error) {
	result := ordered.New(c.Named.Len())
	if other, ok := c.Given("other"); ok {
		values, isMap := other.(*ordered.Map)
		if !isMap {
			var err error
			if values, err = pairs(c.Run, other); err != nil {
				return nil, err
			}
		}
		result.Update(values)
	}
	result.Update(c.Named)
	return result, nil
}

func namespaceOf(c *Invocation) (any, error) {
	values, err := dictOf(c)
	if err != nil {
		return nil, err
	}
	return &namespace{values.(*ordered.Map)}, nil
}

func joiner(c *Invocation) (any, error) {
	separator, used := c.Text("sep", ", "), false
	return &Function{name: "joiner", call: func(*Run, []any, *ordered.Map) (any, error) {
		if used {
			return separator, nil
		}
		used = true
		return "", nil
	}}, nil
}

// now returns the time, or its text by fmt.
func now(c *Invocation) (any, error) {
	utc, err := c.Truth("utc", false)
	if err != nil {
		return nil, err
	}
	at := c.Run.session.Now()
	if utc {
		at = at.UTC()
	}
	m := NewMoment(at)
	if format := c.Text("fmt", ""); format != "" {
		return m.Strftime(format)
	}
	return m, nil
}

// cycle is the result of cycler(), which gives its items one after another, and the first again behind the last.
type cycle struct {
	items []any
	at    int
}

func newCycle(c *Invocation) (any, error) {
	if len(c.Rest) == 0 {
		return nil, errors.New("cycler() needs values to go through")
	}
	return &cycle{items: c.Rest}, nil
}

func (c *cycle) attribute(name string) (any, bool) {
	method := func(do func() any) *Function {
		return &Function{name: "cycler." + name, call: func(_ *Run, positional []any, named *ordered.Map) (any, error) {
			if len(positional)+named.Len() > 0 {
				return nil, fmt.Errorf("cycler.%s() takes no arguments", name)
			}
			return do(), nil
		}}
	}
	switch name {
	case "current":
		return c.items[c.at], true
	case "next":
		return method(func() any {
			item := c.items[c.at]
			c.at = (c.at + 1) % len(c.items)
			return item
		}), true
	case "reset":
		return method(func() any { c.at = 0; return nil }), true
	case "pos":
		return c.at, true
	}
	return nil, false
}

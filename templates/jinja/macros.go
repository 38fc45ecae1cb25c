package jinja

import (
	"fmt"

	"github.com/polarbook/polarbook/templates/ordered"
	"github.com/polarbook/polarbook/templates/suggest"
)

// macro is a {% macro %}, or the body of a {% call %}.
type macro struct {
	name       string
	parameters []string
	defaults   []expression // for the last of the parameters
	body       []statement
}

const maximumCalls = 200

// function returns the macro as something to call, which sees the variables of where it is defined.
func (m *macro) function(defined *Run) *Function {
	return &Function{name: m.name, macro: m, call: func(r *Run, positional []any, named *ordered.Map) (any, error) {
		shared := defined.session.shared
		if shared.depth++; shared.depth > maximumCalls {
			return nil, fmt.Errorf("macros call one another more than %d deep", maximumCalls)
		}
		defer func() { shared.depth-- }()
		inner := &Run{defined.session, newFrame(defined.frame), &output{}}
		if err := m.bind(inner, positional, named); err != nil {
			return nil, err
		}
		if err := inner.all(m.body); err != nil {
			return nil, err
		}
		return inner.out.value(), nil
	}}
}

func (m *macro) bind(inner *Run, positional []any, named *ordered.Map) error {
	rest := named.Clone()
	required := len(m.parameters) - len(m.defaults)
	for at, parameter := range m.parameters {
		value, given := rest.Get(parameter)
		rest.Delete(parameter)
		switch {
		case at < len(positional):
			if given {
				return fmt.Errorf("%s() was given %s twice", m.name, parameter)
			}
			value = positional[at]
		case given:
		case at >= required:
			var err error
			if value, err = inner.evaluate(m.defaults[at-required]); err != nil {
				return err
			}
		default:
			value = &Undefined{name: parameter, Message: fmt.Sprintf("the parameter %q of %s() was not given", parameter, m.name)}
		}
		inner.frame.values[parameter] = value
	}
	extra := Tuple{}
	if len(positional) > len(m.parameters) {
		extra = append(extra, positional[len(m.parameters):]...)
		if !uses(m.body, "varargs") {
			return fmt.Errorf("%s() takes %d arguments, it was given %d", m.name, len(m.parameters), len(positional))
		}
	}
	inner.frame.values["varargs"] = extra
	if caller, ok := rest.Get("caller"); ok {
		inner.frame.values["caller"] = caller
		rest.Delete("caller")
	}
	if rest.Len() > 0 && !uses(m.body, "kwargs") {
		first := rest.Keys()[0]
		return fmt.Errorf("%s() has no parameter %q%s", m.name, first, suggest.Suffix(first, m.parameters))
	}
	inner.frame.values["kwargs"] = rest
	return nil
}

// uses reports whether statements read a variable.
func uses(body []statement, variable string) bool {
	found := map[string]bool{}
	collectStatements(body, found)
	return found[variable]
}

// attribute returns what a template can ask about a macro.
func (m *macro) attribute(name string) (any, bool) {
	if m == nil {
		return nil, false
	}
	switch name {
	case "name":
		return m.name, true
	case "arguments":
		return Tuple(names(m.parameters)), true
	case "catch_kwargs":
		return uses(m.body, "kwargs"), true
	case "catch_varargs":
		return uses(m.body, "varargs"), true
	case "caller":
		return uses(m.body, "caller"), true
	}
	return nil, false
}

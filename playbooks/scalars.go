package playbooks

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/templates/suggest"
	"gopkg.in/yaml.v3"

	"github.com/polarbook/polarbook/inventory/vault"
	"github.com/polarbook/polarbook/templates/ordered"
)

// text is a string; numbers and booleans become one, as Ansible's strings do.
func (l *loader) text(f *file, e entry) Value {
	v := l.value(f, e.value)
	switch raw := v.Raw.(type) {
	case nil:
		return Value{}
	case string:
	case bool, int, *big.Int, float64:
		v.Raw = scalarText(raw)
	case ordered.Unsafe:
		s, ok := raw.Value.(string)
		if !ok || isTemplate(s) {
			l.fail(f.at(e.value), 0, "", "%s cannot be !unsafe and hold braces", e.key)
			return Value{}
		}
		v.Raw = s
	default:
		l.fail(f.at(e.value), 1, "", "%s has to be a string, not %s", e.key, describe(raw))
		return Value{}
	}
	return v
}

func scalarText(raw any) string {
	switch v := raw.(type) {
	case bool:
		if v {
			return "True"
		}
		return "False"
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return fmt.Sprint(raw)
}

// word is a string that must not be a template.
func (l *loader) word(f *file, e entry) string {
	v := l.text(f, e)
	s, _ := v.Raw.(string)
	if isTemplate(s) {
		l.fail(f.at(e.value), 0, "", "%s cannot be a template: it is needed before any host is asked", e.key)
	}
	return s
}

func (l *loader) oneOf(f *file, e entry, choices ...string) Value {
	v := l.text(f, e)
	s, ok := v.Raw.(string)
	if !ok || isTemplate(s) {
		return v
	}
	s = strings.TrimPrefix(strings.TrimPrefix(s, "ansible.builtin."), "ansible.legacy.")
	if !slices.Contains(choices, s) {
		hint := suggest.Hint(s, choices)
		l.fail(f.at(e.value), 0, hint, "%s has to be one of %s, not %q", e.key, strings.Join(choices, ", "), s)
	}
	v.Raw = s
	return v
}

func (l *loader) boolean(f *file, e entry) Value {
	v := l.value(f, e.value)
	switch raw := v.Raw.(type) {
	case nil:
		return Value{}
	case bool:
		return v
	case int:
		if raw == 0 || raw == 1 {
			return Value{raw == 1, v.Pos}
		}
	case string:
		if isTemplate(raw) {
			return v
		}
		switch strings.ToLower(raw) {
		case "yes", "on", "true", "1", "y", "t":
			return Value{true, v.Pos}
		case "no", "off", "false", "0", "n", "f":
			return Value{false, v.Pos}
		}
		if hint := `an expression is written in braces: "{{ … }}"`; strings.ContainsAny(raw, " .=") {
			l.fail(f.at(e.value), 0, hint, "%s has to be true, false or a template, not %q", e.key, raw)
			return Value{}
		}
	}
	l.fail(f.at(e.value), 0, "", "%s has to be true or false, not %s", e.key, describe(v.Raw))
	return Value{}
}

func (l *loader) integer(f *file, e entry, least, most int) Value {
	v := l.value(f, e.value)
	switch raw := v.Raw.(type) {
	case nil:
		return Value{}
	case string:
		if isTemplate(raw) {
			return v
		}
		if n, err := strconv.Atoi(strings.TrimSpace(raw)); err == nil {
			v.Raw = n
		}
	}
	n, ok := v.Raw.(int)
	if !ok {
		l.fail(f.at(e.value), 0, "", "%s has to be a whole number, not %s", e.key, describe(v.Raw))
		return Value{}
	}
	if n < least || n > most {
		l.fail(f.at(e.value), 0, "", "%s has to be between %d and %d, not %d", e.key, least, most, n)
	}
	return v
}

// amount is a number, not negative, that need not be whole.
func (l *loader) amount(f *file, e entry) Value {
	v := l.value(f, e.value)
	n := 0.0
	switch raw := v.Raw.(type) {
	case nil:
		return Value{}
	case int:
		n = float64(raw)
	case float64:
		n = raw
	case string:
		if isTemplate(raw) {
			return v
		}
		parsed, err := strconv.ParseFloat(strings.TrimSpace(raw), 64)
		if err != nil {
			l.fail(f.at(e.value), 0, "", "%s has to be a number, not %s", e.key, describe(raw))
			return Value{}
		}
		n, v.Raw = parsed, parsed
	default:
		l.fail(f.at(e.value), 0, "", "%s has to be a number, not %s", e.key, describe(raw))
		return Value{}
	}
	if !(n >= 0) {
		l.fail(f.at(e.value), 0, "", "%s cannot be less than 0", e.key)
	}
	return v
}

// items are the nodes of a list; a single value counts as a list of it, nothing as an empty one.
func items(n *yaml.Node) []*yaml.Node {
	if n.Kind == yaml.SequenceNode {
		list := make([]*yaml.Node, 0, len(n.Content))
		for _, item := range n.Content {
			list = append(list, follow(item))
		}
		return list
	}
	if isNull(n) {
		return nil
	}
	return []*yaml.Node{n}
}

// texts is a string or a list of strings.
func (l *loader) texts(f *file, e entry) []Value {
	var list []Value
	for _, item := range items(e.value) {
		if v := l.text(f, entry{e.key, e.at, item}); v.Given() {
			list = append(list, v)
		}
	}
	return list
}

// describe is a value as a message names it.
func describe(raw any) string {
	switch v := raw.(type) {
	case nil:
		return "nothing"
	case string:
		if len(v) > 60 {
			v = v[:57] + "…"
		}
		return strconv.Quote(v)
	case *vault.Value:
		return "an encrypted value (put it into a variable, and write \"{{ NAME }}\" here)"
	case *ordered.Map:
		return "a mapping"
	case ordered.Unsafe:
		return describe(v.Value)
	case []any:
		return "a list"
	}
	return scalarText(raw)
}

// Package argspec checks the arguments of a role against the specification that the role's meta has of them, as Ansible's
// module validate_argument_spec does: which are required, their types and choices, and the options of those that are dicts.
//
// A specification is a mapping of names to what is said of each: type, required, default, choices, elements, aliases, options,
// apply_defaults, no_log, and beside options mutually_exclusive, required_together, required_one_of, required_if and
// required_by. Nothing of it changes a variable: a default is none for the role, only for the checks that follow.
//
// It knows values as playbooks have them, and neither playbooks nor hosts.
package argspec

import (
	"fmt"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/templates/ordered"
)

// Check returns what is wrong with arguments, in the order in which Ansible looks; none: nothing is. Neither the specification
// nor the arguments are changed, and both may hold no templates.
func Check(spec, arguments *ordered.Map) []string {
	c := &check{}
	args := arguments.Clone()
	supported := c.begin(spec, args, nil)
	c.types(spec, args, nil)
	c.choices(spec, args, nil)
	c.options(spec, args, nil)
	if len(c.unknown) > 0 {
		slices.Sort(c.unknown)
		if c.known == nil {
			c.known = supported
		}
		c.say(nil, "there is no %s; there are %s", strings.Join(c.unknown, ", "), strings.Join(c.known, ", "))
	}
	return c.problems
}

// Secrets calls tell with each value, at any depth, of arguments that the specification says are not to be logged.
func Secrets(spec, arguments *ordered.Map, tell func(value any)) {
	for name, said := range each(spec) {
		value, ok := arguments.Get(name)
		if !ok {
			continue
		}
		if isTrue(said.get("no_log")) {
			tell(value)
		}
		if options := said.options(); options != nil {
			list, many := value.([]any)
			if !many {
				list = []any{value}
			}
			for _, item := range list {
				if args, ok := item.(*ordered.Map); ok {
					Secrets(options, args, tell)
				}
			}
		}
	}
}

// argument is what a specification says of one argument.
type argument struct{ *ordered.Map }

func (a argument) get(name string) any {
	x, _ := a.Map.Get(name)
	return x
}

func (a argument) text(name, otherwise string) string {
	if s, ok := a.get(name).(string); ok {
		return s
	}
	return otherwise
}

// options is the specification of what is in it, for a dict and a list of dicts; nil: there is none.
func (a argument) options() *ordered.Map {
	kind := a.text("type", "str")
	if kind != "dict" && (kind != "list" || a.get("elements") != "dict") {
		return nil
	}
	options, _ := a.get("options").(*ordered.Map)
	return options
}

// each lists the arguments of a specification. What is not a mapping says nothing.
func each(spec *ordered.Map) func(yield func(string, argument) bool) {
	return func(yield func(string, argument) bool) {
		for name, x := range spec.All() {
			said, ok := x.(*ordered.Map)
			if !ok {
				said = ordered.New(0)
			}
			if !yield(name, argument{said}) {
				return
			}
		}
	}
}

// check is one call of Check.
type check struct {
	problems []string
	unknown  []string // arguments that there are not, with those around them
	known    []string // those that there are where the first unknown one stands
}

// say notes a problem; within are the names of the dicts around, outermost first.
func (c *check) say(within []string, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if len(within) > 0 {
		text += ", in " + strings.Join(within, " -> ")
	}
	c.problems = append(c.problems, text)
}

// begin gives arguments their own names and defaults, and finds those that are missing or not known. It returns those that there are.
func (c *check) begin(spec, args *ordered.Map, within []string) (supported []string) {
	known := map[string]bool{}
	for name, said := range each(spec) {
		known[name] = true
		supported = append(supported, name)
		if said.get("default") != nil && isTrue(said.get("required")) {
			c.say(within, "%s is required, and has a default all the same", name)
		}
		aliases, _ := said.get("aliases").([]any)
		for _, x := range aliases {
			alias := text(x)
			known[alias] = true
			if value, ok := args.Get(alias); ok {
				args.Set(name, value)
			}
		}
	}
	slices.Sort(supported)
	for name := range args.All() {
		if !known[name] {
			c.unknown = append(c.unknown, strings.Join(append(slices.Clone(within), name), "."))
			if c.known == nil {
				c.known = supported
			}
		}
	}
	return supported
}

// defaults are given to what lacks them; with all also null, to what has none.
func defaults(spec, args *ordered.Map, all bool) {
	for name, said := range each(spec) {
		if _, ok := args.Get(name); !ok && (all || said.get("default") != nil) {
			args.Set(name, said.get("default"))
		}
	}
}

func (c *check) types(spec, args *ordered.Map, within []string) {
	defaults(spec, args, false)
	var missing []string
	for name, said := range each(spec) {
		if _, ok := args.Get(name); !ok && isTrue(said.get("required")) {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		c.say(within, "required and not given: %s", strings.Join(missing, ", "))
	}
	for name, said := range each(spec) {
		value, ok := args.Get(name)
		if !ok || value == nil && !isTrue(said.get("required")) && said.get("default") == nil {
			continue
		}
		out, err := typed(value, said.text("type", "str"))
		if err != nil {
			c.say(within, "%s %v", name, err)
			continue
		}
		args.Set(name, out)
		if kind := said.text("elements", ""); kind != "" {
			c.elements(args, name, kind, within)
		}
	}
}

// elements gives what is in a list its type.
func (c *check) elements(args *ordered.Map, name, kind string, within []string) {
	value, _ := args.Get(name)
	list, ok := value.([]any)
	if !ok {
		c.say(within, "%s is no list, and only a list has elements", name)
		return
	}
	converted := make([]any, 0, len(list))
	for _, item := range list {
		out, err := typed(item, kind)
		if err != nil {
			c.say(within, "each of %s %v", name, err)
			continue
		}
		converted = append(converted, out)
	}
	args.Set(name, converted)
}

func (c *check) choices(spec, args *ordered.Map, within []string) {
	for name, said := range each(spec) {
		given := said.get("choices")
		value, ok := args.Get(name)
		switch list, isList := given.([]any); {
		case given == nil:
		case !isList:
			c.say(within, "the choices of %s are no list", name)
		case !ok:
		default:
			c.choose(args, name, value, list, within)
		}
	}
}

func (c *check) choose(args *ordered.Map, name string, value any, choices []any, within []string) {
	if items, ok := value.([]any); ok {
		var strange []string
		for _, item := range items {
			if !among(choices, item) {
				strange = append(strange, text(item))
			}
		}
		if len(strange) > 0 {
			c.say(within, "%s may hold %s, and not %s", name, texts(choices), strings.Join(strange, ", "))
		}
		return
	}
	if among(choices, value) {
		return
	}
	// YAML makes booleans of some words; where only one choice can have been meant, it is that.
	for word, alike := range map[string][]any{"False": falses, "True": trues} {
		if value != word {
			continue
		}
		var meant []any
		for _, choice := range choices {
			if among(alike, choice) && !among(meant, choice) {
				meant = append(meant, choice)
			}
		}
		if len(meant) == 1 {
			args.Set(name, meant[0])
			return
		}
	}
	c.say(within, "%s must be one of %s, not %s", name, texts(choices), show(value))
}

// options checks what is in dicts and lists of dicts.
func (c *check) options(spec, args *ordered.Map, within []string) {
	for name, said := range each(spec) {
		inner := said.options()
		value, given := args.Get(name)
		switch {
		case inner == nil:
			continue
		case value == nil && isTrue(said.get("apply_defaults")):
			value = ordered.New(0)
		case !given || value == nil:
			continue
		}
		list, many := value.([]any)
		if !many {
			list = []any{value}
		}
		at := append(slices.Clone(within), name)
		for _, item := range list {
			dict, ok := item.(*ordered.Map)
			if !ok {
				continue // its type was wrong already
			}
			sub := dict.Clone()
			c.begin(inner, sub, at)
			c.mutuallyExclusive(said, sub, at)
			c.types(inner, sub, at)
			c.choices(inner, sub, at)
			c.together(said, sub, at)
			defaults(inner, sub, true)
			c.options(inner, sub, at)
		}
	}
}

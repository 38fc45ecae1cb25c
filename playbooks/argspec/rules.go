package argspec

import (
	"strings"

	"github.com/polarbook/polarbook/templates/ordered"
)

// count returns how many of the names have been given; a name alone is one.
func count(names any, args *ordered.Map) int {
	n := 0
	for _, name := range list(names) {
		if _, ok := args.Get(text(name)); ok {
			n++
		}
	}
	return n
}

// list is a list, or the list of one value.
func list(x any) []any {
	if items, ok := x.([]any); ok {
		return items
	}
	return []any{x}
}

// rules are the groups of names below a key of what is said of an argument.
func (a argument) rules(key string) []any {
	rules, _ := a.get(key).([]any)
	return rules
}

// mutuallyExclusive looks at the names as given, before there are defaults.
func (c *check) mutuallyExclusive(said argument, args *ordered.Map, within []string) {
	var broken []string
	for _, rule := range said.rules("mutually_exclusive") {
		if count(rule, args) > 1 {
			broken = append(broken, strings.Join(words(rule), "|"))
		}
	}
	if len(broken) > 0 {
		c.say(within, "only one may be given of %s", strings.Join(broken, ", "))
	}
}

// together checks the other rules about several arguments. As in Ansible the first broken one of a kind is told.
func (c *check) together(said argument, args *ordered.Map, within []string) {
	for _, rule := range said.rules("required_together") {
		if n := count(rule, args); n > 0 && n < len(list(rule)) {
			c.say(within, "all must be given or none of %s", texts(list(rule)))
			break
		}
	}
	for _, rule := range said.rules("required_one_of") {
		if count(rule, args) == 0 {
			c.say(within, "one must be given of %s", texts(list(rule)))
			break
		}
	}
	for _, rule := range said.rules("required_if") {
		if c.requiredIf(list(rule), args, within) {
			break
		}
	}
	by, _ := said.get("required_by").(*ordered.Map)
	for name, needed := range by.All() {
		if value, ok := args.Get(name); !ok || value == nil {
			continue
		}
		var missing []string
		for _, other := range list(needed) {
			if value, ok := args.Get(text(other)); !ok || value == nil {
				missing = append(missing, text(other))
			}
		}
		if len(missing) > 0 {
			c.say(within, "%s needs %s", name, strings.Join(missing, ", "))
			break
		}
	}
}

// requiredIf checks [NAME, VALUE, [NAMES], whether one of them is enough], and reports whether it is broken.
func (c *check) requiredIf(rule []any, args *ordered.Map, within []string) bool {
	if len(rule) < 3 {
		return false
	}
	name := text(rule[0])
	value, ok := args.Get(name)
	if !ok || !equal(value, rule[1]) {
		return false
	}
	needed := list(rule[2])
	var missing []string
	for _, other := range needed {
		if count(other, args) == 0 {
			missing = append(missing, text(other))
		}
	}
	most, how := 1, "all"
	if len(rule) > 3 && isTrue(rule[3]) {
		most, how = max(1, len(needed)), "one"
	}
	if len(missing) < most {
		return false
	}
	c.say(within, "with %s: %s %s must be given of %s; not given: %s", name, text(value), how, texts(needed), strings.Join(missing, ", "))
	return true
}

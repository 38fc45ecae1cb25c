package templates

import (
	"fmt"
	"strings"

	"github.com/polarbook/polarbook/templates/ordered"
)

// refusedFilters are filters of Ansible that are left out, and why.
var refusedFilters = map[string]string{
	"password_hash":  "give the hash itself, or let the module set the password",
	"shuffle":        "a run must give the same result when repeated; random takes a seed",
	"to_uuid":        "nothing here needs identifiers of that kind",
	"vault":          "encrypted values are not supported",
	"unvault":        "encrypted values are not supported",
	"json_query":     "write it with selectattr and map",
	"ipaddr":         "only ipv4_int is here",
	"urlize":         "nothing here writes HTML",
	"xmlattr":        "nothing here writes HTML",
	"win_basename":   "there are no Windows hosts here",
	"win_dirname":    "there are no Windows hosts here",
	"win_splitdrive": "there are no Windows hosts here",
}

// filters are the filters of Jinja2 and Ansible by their short names.
var filters map[string]callable

func init() {
	filters = map[string]callable{}
	for _, table := range []map[string]callable{
		plainFilters(), textFilters(), listFilters(), dataFilters(), encodingFilters(), pathFilters(), timeFilters(), postgresFilters(),
	} {
		for name, f := range table {
			filters[name] = f
		}
	}
	for alias, name := range map[string]string{
		"d": "default", "e": "escape", "count": "length", "forceescape": "escape", "b64_encode": "b64encode",
	} {
		filters[alias] = filters[name]
	}
}

// of makes a filter without arguments.
func of(do func(value any) (any, error)) callable {
	return callable{"", func(c *invocation) (any, error) { return do(c.value) }, false}
}

// ofText makes a filter without arguments over the text of its value.
func ofText(do func(s string) (any, error)) callable {
	return callable{"", func(c *invocation) (any, error) {
		if err := checkDefined(c.value); err != nil {
			return nil, err
		}
		return do(text(c.value))
	}, false}
}

// plainFilters concern values of any type.
func plainFilters() map[string]callable {
	return map[string]callable{
		"default": {"default_value boolean", func(c *invocation) (any, error) {
			_, absent := c.value.(*undefined)
			if !absent {
				anyFalse, err := c.truth("boolean", false)
				if err != nil {
					return nil, err
				}
				if !anyFalse {
					return c.value, nil
				}
				yes, err := truth(c.value)
				if err != nil {
					return nil, err
				}
				if yes {
					return c.value, nil
				}
			}
			return c.get("default_value", ""), nil
		}, true},
		"mandatory": {"msg", func(c *invocation) (any, error) {
			if u, ok := c.value.(*undefined); ok {
				failed := u.error()
				if message := c.text("msg", ""); message != "" {
					failed.message, failed.suggestion = message, ""
				}
				return nil, failed
			}
			return c.value, nil
		}, true},
		"ternary": {"true_val! false_val! none_val", func(c *invocation) (any, error) {
			if none, given := c.given("none_val"); given && c.value == nil && none != nil {
				return none, nil
			}
			yes, err := truth(c.value)
			if err != nil {
				return nil, err
			}
			if yes {
				return c.bound["true_val"], nil
			}
			return c.bound["false_val"], nil
		}, true},
		"bool":   of(toBool),
		"int":    {"default base", toInt, false},
		"float":  {"default", toFloat, false},
		"string": of(func(v any) (any, error) { return text(v), checkDefined(v) }),
		"list": {"", func(c *invocation) (any, error) {
			items, err := c.run.iterate(c.value)
			return append([]any{}, items...), err
		}, false},
		"length":     of(func(v any) (any, error) { return lengthOf(v) }),
		"abs":        of(absolute),
		"round":      {"precision method", round, false},
		"type_debug": of(func(v any) (any, error) { return typeName(v), nil }),
		"pow": {"x!", func(c *invocation) (any, error) {
			_, base, _, ok := number(c.value)
			_, exponent, _, also := number(c.bound["x"])
			if !ok || !also {
				return nil, fmt.Errorf("pow needs numbers, not %s and %s", describe(c.value), describe(c.bound["x"]))
			}
			return operateFloats("**", base, exponent)
		}, false},
		"log":      {"base", logarithm, false},
		"root":     {"base", root, false},
		"ipv4_int": of(ipv4Int),
		"attr": {"name!", func(c *invocation) (any, error) {
			return c.run.attribute(c.value, c.text("name", ""), nil)
		}, true},
		"safe":   of(func(v any) (any, error) { return v, nil }),
		"pprint": of(func(v any) (any, error) { return repr(sortedKeys(v)), nil }),
		"format": {"*positional **named", func(c *invocation) (any, error) {
			if c.named.Len() > 0 {
				return formatPercent(text(c.value), c.named)
			}
			return formatPercent(text(c.value), tuple(c.rest))
		}, false},
		"extract": {"container! morekeys", extract, false},
	}
}

func lengthOf(value any) (int, error) {
	switch v := value.(type) {
	case string:
		return len([]rune(v)), nil
	case []any:
		return len(v), nil
	case tuple:
		return len(v), nil
	case *ordered.Map:
		return v.Len(), nil
	case *lazyMap:
		return v.raw.Len(), nil
	case *lazyList:
		return len(v.raw), nil
	case Mapping:
		return len(v.Keys()), nil
	}
	return 0, fmt.Errorf("%s has no length", describe(value))
}

// toBool is Ansible's filter bool: unknown texts are false.
func toBool(value any) (any, error) {
	switch v := value.(type) {
	case nil:
		return nil, nil
	case bool:
		return v, nil
	case string:
		switch strings.ToLower(v) {
		case "yes", "on", "1", "true":
			return true, nil
		}
		return false, nil
	}
	return equal(value, 1), nil
}

// extract is container[value], and further keys into that.
func extract(c *invocation) (any, error) {
	value, err := c.run.item(c.bound["container"], c.value, nil)
	if err != nil {
		return nil, err
	}
	var more []any
	given, err := c.run.session.force(c.get("morekeys", nil))
	if err != nil {
		return nil, err
	}
	switch keys := given.(type) {
	case nil:
	case []any:
		more = keys
	default:
		more = []any{keys}
	}
	for _, key := range more {
		if value, err = c.run.item(value, key, nil); err != nil {
			return nil, err
		}
	}
	return value, nil
}

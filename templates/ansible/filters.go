package ansible

import (
	"fmt"
	"strings"

	"github.com/polarbook/polarbook/templates/jinja"
	"github.com/polarbook/polarbook/templates/ordered"
)

// refusedFilters are filters of Ansible that are left out, and why.
var refusedFilters = map[string]string{
	"urlize": "nothing here writes HTML",
}

// filters are the filters of Jinja2 and Ansible by their short names.
var filters map[string]jinja.Callable

func init() {
	filters = map[string]jinja.Callable{}
	for _, table := range []map[string]jinja.Callable{
		plainFilters(), textFilters(), listFilters(), dataFilters(), encodingFilters(), pathFilters(), timeFilters(), postgresFilters(),
		randomFilters(), vaultFilters(), windowsFilters(), passwordFilters(), ipFilters(), collectionFilters(),
	} {
		for name, f := range table {
			filters[name] = f
		}
	}
	for alias, name := range map[string]string{
		"d": "default", "e": "escape", "count": "length", "forceescape": "escape", "b64_encode": "b64encode",
		"community.general.json_query": "json_query",
	} {
		filters[alias] = filters[name]
	}
}

// of makes a filter without arguments.
func of(do func(value any) (any, error)) jinja.Callable {
	return jinja.Callable{Do: func(c *jinja.Invocation) (any, error) { return do(c.Value) }}
}

// ofText makes a filter without arguments over the text of its value.
func ofText(do func(s string) (any, error)) jinja.Callable {
	return jinja.Callable{Do: func(c *jinja.Invocation) (any, error) {
		if err := jinja.CheckDefined(c.Value); err != nil {
			return nil, err
		}
		return do(jinja.Text(c.Value))
	}}
}

// plainFilters concern values of any type.
func plainFilters() map[string]jinja.Callable {
	return map[string]jinja.Callable{
		"default": {Parameters: "default_value boolean", Do: func(c *jinja.Invocation) (any, error) {
			_, absent := c.Value.(*jinja.Undefined)
			if !absent {
				anyFalse, err := c.Truth("boolean", false)
				if err != nil {
					return nil, err
				}
				if !anyFalse {
					return c.Value, nil
				}
				yes, err := jinja.Truth(c.Value)
				if err != nil {
					return nil, err
				}
				if yes {
					return c.Value, nil
				}
			}
			return c.Get("default_value", ""), nil
		}, Lenient: true},
		"mandatory": {Parameters: "msg", Do: func(c *jinja.Invocation) (any, error) {
			if u, ok := c.Value.(*jinja.Undefined); ok {
				failed := u.Error()
				if message := c.Text("msg", ""); message != "" {
					failed.Message, failed.Suggestion = message, ""
				}
				return nil, failed
			}
			return c.Value, nil
		}, Lenient: true},
		"ternary": {Parameters: "true_val! false_val! none_val", Do: func(c *jinja.Invocation) (any, error) {
			if none, given := c.Given("none_val"); given && c.Value == nil && none != nil {
				return none, nil
			}
			yes, err := jinja.Truth(c.Value)
			if err != nil {
				return nil, err
			}
			if yes {
				return c.Bound["true_val"], nil
			}
			return c.Bound["false_val"], nil
		}, Lenient: true},
		"bool":   of(toBool),
		"int":    {Parameters: "default base", Do: toInt},
		"float":  {Parameters: "default", Do: toFloat},
		"string": of(func(v any) (any, error) { return jinja.Text(v), jinja.CheckDefined(v) }),
		"list": {Do: func(c *jinja.Invocation) (any, error) {
			items, err := c.Run.Iterate(c.Value)
			return append([]any{}, items...), err
		}},
		"length": {Do: func(c *jinja.Invocation) (any, error) {
			if err := c.Run.AskedLookalike(c.Value); err != nil {
				return nil, err
			}
			return lengthOf(c.Value)
		}},
		"abs":        of(absolute),
		"round":      {Parameters: "precision method", Do: round},
		"type_debug": of(func(v any) (any, error) { return jinja.TypeName(v), nil }),
		"pow": {Parameters: "x!", Do: func(c *jinja.Invocation) (any, error) {
			_, base, _, ok := jinja.Number(c.Value)
			_, exponent, _, also := jinja.Number(c.Bound["x"])
			if !ok || !also {
				return nil, fmt.Errorf("pow needs numbers, not %s and %s", jinja.Describe(c.Value), jinja.Describe(c.Bound["x"]))
			}
			return jinja.OperateFloats("**", base, exponent)
		}},
		"log":      {Parameters: "base", Do: logarithm},
		"root":     {Parameters: "base", Do: root},
		"ipv4_int": of(ipv4Int),
		"attr": {Parameters: "name!", Do: func(c *jinja.Invocation) (any, error) {
			return c.Run.Attribute(c.Value, c.Text("name", ""), nil)
		}, Lenient: true},
		"safe":   of(func(v any) (any, error) { return v, nil }),
		"pprint": of(func(v any) (any, error) { return jinja.Repr(jinja.SortedKeys(v)), nil }),
		"format": {Parameters: "*positional **named", Do: func(c *jinja.Invocation) (any, error) {
			if c.Named.Len() > 0 {
				return jinja.FormatPercent(jinja.Text(c.Value), c.Named)
			}
			return jinja.FormatPercent(jinja.Text(c.Value), jinja.Tuple(c.Rest))
		}},
		"extract":    {Parameters: "container! morekeys", Do: extract},
		"json_query": {Parameters: "expr!", Do: jsonQuery},
	}
}

func lengthOf(value any) (int, error) {
	switch v := value.(type) {
	case string:
		return len([]rune(v)), nil
	case []any:
		return len(v), nil
	case jinja.Tuple:
		return len(v), nil
	case *ordered.Map:
		return v.Len(), nil
	case *jinja.LazyMap:
		return v.Raw.Len(), nil
	case *jinja.LazyList:
		return len(v.Raw), nil
	case jinja.Mapping:
		return len(v.Keys()), nil
	}
	return 0, fmt.Errorf("%s has no length", jinja.Describe(value))
}

// toBool is Ansible's filter bool: unknown texts are false.
func toBool(value any) (any, error) {
	switch v := value.(type) {
	case bool:
		return v, nil
	case string:
		switch strings.ToLower(v) {
		case "yes", "on", "1", "true":
			return true, nil
		}
		return false, nil
	}
	return jinja.Equal(value, 1), nil
}

// extract is container[value], and further keys into that.
func extract(c *jinja.Invocation) (any, error) {
	value, err := c.Run.Item(c.Bound["container"], c.Value, nil)
	if err != nil {
		return nil, err
	}
	var more []any
	given, err := c.Run.Force(c.Get("morekeys", nil))
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
		if value, err = c.Run.Item(value, key, nil); err != nil {
			return nil, err
		}
	}
	return value, nil
}

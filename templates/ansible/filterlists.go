package ansible

import (
	"errors"
	"fmt"
	"strings"

	"github.com/polarbook/polarbook/templates/jinja"
)

// listFilters concern lists.
func listFilters() map[string]jinja.Callable {
	return map[string]jinja.Callable{
		"first": {Do: func(c *jinja.Invocation) (any, error) { return end(c, 0) }},
		"last":  {Do: func(c *jinja.Invocation) (any, error) { return end(c, -1) }},
		"join": {Parameters: "d attribute", Do: func(c *jinja.Invocation) (any, error) {
			items, err := c.Run.Iterate(c.Value)
			if err != nil {
				return nil, err
			}
			parts := make([]string, len(items))
			for at, item := range items {
				if key, ok := c.Given("attribute"); ok {
					if item, err = c.Run.Deep(item, key, nil); err != nil {
						return nil, err
					}
				}
				if err := jinja.CheckDefined(item); err != nil {
					return nil, err
				}
				parts[at] = jinja.Text(item)
			}
			return strings.Join(parts, c.Text("d", "")), nil
		}},
		"reverse": of(func(v any) (any, error) {
			if s, ok := v.(string); ok {
				runes := []rune(s)
				for i, j := 0, len(runes)-1; i < j; i, j = i+1, j-1 {
					runes[i], runes[j] = runes[j], runes[i]
				}
				return string(runes), nil
			}
			items, err := jinja.ListOf("reverse", v)
			reversed := make([]any, len(items))
			for at, item := range items {
				reversed[len(items)-1-at] = item
			}
			return reversed, err
		}),
		"sort":       {Parameters: "reverse case_sensitive attribute", Do: sorted},
		"min":        {Parameters: "case_sensitive attribute", Do: func(c *jinja.Invocation) (any, error) { return extreme(c, false) }},
		"max":        {Parameters: "case_sensitive attribute", Do: func(c *jinja.Invocation) (any, error) { return extreme(c, true) }},
		"sum":        {Parameters: "attribute start", Do: sum},
		"unique":     {Parameters: "case_sensitive attribute", Do: unique},
		"map":        {Parameters: "*arguments **named", Do: mapped},
		"select":     {Parameters: "*arguments **named", Do: func(c *jinja.Invocation) (any, error) { return selected(c, false, true) }},
		"reject":     {Parameters: "*arguments **named", Do: func(c *jinja.Invocation) (any, error) { return selected(c, false, false) }},
		"selectattr": {Parameters: "*arguments **named", Do: func(c *jinja.Invocation) (any, error) { return selected(c, true, true) }},
		"rejectattr": {Parameters: "*arguments **named", Do: func(c *jinja.Invocation) (any, error) { return selected(c, true, false) }},
		"groupby":    {Parameters: "attribute! default case_sensitive", Do: groupBy},
		"batch":      {Parameters: "linecount! fill_with", Do: batch},
		"slice":      {Parameters: "slices! fill_with", Do: columns},
		"flatten": {Parameters: "levels skip_nulls", Do: func(c *jinja.Invocation) (any, error) {
			items, err := c.Run.Iterate(c.Value) // of a text its characters, as in Ansible
			if err != nil {
				return nil, err
			}
			levels, err := c.Integer("levels", -1)
			if err != nil {
				return nil, err
			}
			skip, err := c.Truth("skip_nulls", true)
			return flatten(items, levels, skip), err
		}},
		"zip":          {Parameters: "*others strict", Do: func(c *jinja.Invocation) (any, error) { return zip(c, false) }},
		"zip_longest":  {Parameters: "*others fillvalue", Do: func(c *jinja.Invocation) (any, error) { return zip(c, true) }},
		"product":      {Parameters: "*others repeat", Do: product},
		"permutations": {Parameters: "size", Do: func(c *jinja.Invocation) (any, error) { return arrangements(c, true) }},
		"combinations": {Parameters: "size!", Do: func(c *jinja.Invocation) (any, error) { return arrangements(c, false) }},
		"union": {Parameters: "other!", Do: func(c *jinja.Invocation) (any, error) {
			return sets(c, func(a, b []any) []any { return distinct(append(append([]any{}, a...), b...)) })
		}},
		"intersect": {Parameters: "other!", Do: func(c *jinja.Invocation) (any, error) {
			return sets(c, func(a, b []any) []any { return keep(distinct(a), func(i any) bool { return has(b, i) }) })
		}},
		"difference": {Parameters: "other!", Do: func(c *jinja.Invocation) (any, error) {
			return sets(c, func(a, b []any) []any { return keep(distinct(a), func(i any) bool { return !has(b, i) }) })
		}},
		"symmetric_difference": {Parameters: "other!", Do: func(c *jinja.Invocation) (any, error) {
			return sets(c, func(a, b []any) []any {
				return keep(distinct(append(append([]any{}, a...), b...)), func(i any) bool { return has(a, i) != has(b, i) })
			})
		}},
		"subelements": {Parameters: "subelements! skip_missing", Do: func(c *jinja.Invocation) (any, error) {
			skip, err := c.Truth("skip_missing", false)
			if err != nil {
				return nil, err
			}
			return subelements(c.Value, c.Bound["subelements"], skip)
		}},
	}
}

func end(c *jinja.Invocation, at int) (any, error) {
	items, err := c.Run.Iterate(c.Value)
	if err != nil {
		return nil, err
	}
	if len(items) == 0 {
		return &jinja.Undefined{Message: "an empty list has no " + c.Name + " element"}, nil
	}
	if at < 0 {
		return items[len(items)-1], nil
	}
	return items[0], nil
}

// mapped is map('filter', arguments...) and map(attribute='name', default=...).
func mapped(c *jinja.Invocation) (any, error) {
	items, err := c.ItemsIfAny()
	if err != nil {
		return nil, err
	}
	result := make([]any, 0, len(items))
	if path, ok := c.Named.Get("attribute"); ok && len(c.Rest) == 0 {
		for _, item := range items {
			value, err := c.Run.Deep(item, path, c.Named.Value("default"))
			if err != nil {
				return nil, err
			}
			result = append(result, value)
		}
		return result, nil
	}
	if len(c.Rest) == 0 {
		return nil, errors.New("map needs the name of a filter or attribute=")
	}
	name, ok := c.Rest[0].(string)
	if !ok {
		return nil, fmt.Errorf("map needs the name of a filter, not %s", jinja.Describe(c.Rest[0]))
	}
	for _, item := range items {
		if err := c.Run.Step(); err != nil {
			return nil, err
		}
		value, err := c.Run.CallFilter(name, item, c.Rest[1:], c.Named)
		if err != nil {
			return nil, err
		}
		result = append(result, value)
	}
	return result, nil
}

// selected is select, reject, selectattr and rejectattr.
func selected(c *jinja.Invocation, attribute, want bool) (any, error) {
	items, err := c.ItemsIfAny()
	if err != nil {
		return nil, err
	}
	rest := c.Rest
	var path any
	if attribute {
		if len(rest) == 0 {
			return nil, fmt.Errorf("%s needs the name of an attribute", c.Name)
		}
		path, rest = rest[0], rest[1:]
	}
	result := []any{}
	for _, item := range items {
		if err := c.Run.Step(); err != nil {
			return nil, err
		}
		value := item
		if attribute {
			if value, err = c.Run.Deep(item, path, nil); err != nil {
				return nil, err
			}
		}
		if value, err = c.Run.Force(value); err != nil {
			return nil, err
		}
		var yes bool
		if len(rest) == 0 {
			yes, err = jinja.Truth(value)
		} else {
			yes, err = c.Run.CallTest(jinja.Text(rest[0]), value, rest[1:], c.Named)
		}
		if err != nil {
			return nil, err
		}
		if yes == want {
			result = append(result, item)
		}
	}
	return result, nil
}

func batch(c *jinja.Invocation) (any, error) {
	items, err := c.Run.Iterate(c.Value)
	if err != nil {
		return nil, err
	}
	size, err := c.Integer("linecount", 0)
	if err != nil || size < 1 || size > jinja.MaximumItems {
		return nil, errors.Join(err, errors.New("batch needs a size above zero"))
	}
	rows := []any{}
	for begin := 0; begin < len(items); begin += size {
		row := append([]any{}, items[begin:min(begin+size, len(items))]...)
		if fill := c.Get("fill_with", nil); fill != nil {
			for len(row) < size {
				row = append(row, fill)
			}
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// columns cuts a list into columns: the filter slice.
func columns(c *jinja.Invocation) (any, error) {
	items, err := c.Run.Iterate(c.Value)
	if err != nil {
		return nil, err
	}
	count, err := c.Integer("slices", 0)
	if err != nil || count < 1 || count > jinja.MaximumItems {
		return nil, errors.Join(err, errors.New("slice needs a number above zero"))
	}
	result := []any{}
	each, extra, begin := len(items)/count, len(items)%count, 0
	for at := range count {
		size := each
		if at < extra {
			size++
		}
		column := append([]any{}, items[begin:begin+size]...)
		if fill := c.Get("fill_with", nil); fill != nil && at >= extra { // as Jinja2, also where all have the same length
			column = append(column, fill)
		}
		begin += size
		result = append(result, column)
	}
	return result, nil
}

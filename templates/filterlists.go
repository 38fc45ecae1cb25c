package templates

import (
	"errors"
	"fmt"
	"strings"
)

// listFilters concern lists.
func listFilters() map[string]callable {
	return map[string]callable{
		"first": {"", func(c *invocation) (any, error) { return end(c, 0) }, false},
		"last":  {"", func(c *invocation) (any, error) { return end(c, -1) }, false},
		"join": {"d attribute", func(c *invocation) (any, error) {
			items, err := c.run.iterate(c.value)
			if err != nil {
				return nil, err
			}
			parts := make([]string, len(items))
			for at, item := range items {
				if key, ok := c.given("attribute"); ok {
					if item, err = c.run.deep(item, key, nil); err != nil {
						return nil, err
					}
				}
				if err := checkDefined(item); err != nil {
					return nil, err
				}
				parts[at] = text(item)
			}
			return strings.Join(parts, c.text("d", "")), nil
		}, false},
		"reverse": of(func(v any) (any, error) {
			if s, ok := v.(string); ok {
				runes := []rune(s)
				for i, j := 0, len(runes)-1; i < j; i, j = i+1, j-1 {
					runes[i], runes[j] = runes[j], runes[i]
				}
				return string(runes), nil
			}
			items, err := listOf("reverse", v)
			reversed := make([]any, len(items))
			for at, item := range items {
				reversed[len(items)-1-at] = item
			}
			return reversed, err
		}),
		"sort":       {"reverse case_sensitive attribute", sorted, false},
		"min":        {"case_sensitive attribute", func(c *invocation) (any, error) { return extreme(c, false) }, false},
		"max":        {"case_sensitive attribute", func(c *invocation) (any, error) { return extreme(c, true) }, false},
		"sum":        {"attribute start", sum, false},
		"unique":     {"case_sensitive attribute", unique, false},
		"map":        {"*arguments **named", mapped, false},
		"select":     {"*arguments **named", func(c *invocation) (any, error) { return selected(c, false, true) }, false},
		"reject":     {"*arguments **named", func(c *invocation) (any, error) { return selected(c, false, false) }, false},
		"selectattr": {"*arguments **named", func(c *invocation) (any, error) { return selected(c, true, true) }, false},
		"rejectattr": {"*arguments **named", func(c *invocation) (any, error) { return selected(c, true, false) }, false},
		"groupby":    {"attribute! default case_sensitive", groupBy, false},
		"batch":      {"linecount! fill_with", batch, false},
		"slice":      {"slices! fill_with", columns, false},
		"flatten": {"levels skip_nulls", func(c *invocation) (any, error) {
			items, err := c.items()
			if err != nil {
				return nil, err
			}
			levels, err := c.integer("levels", -1)
			if err != nil {
				return nil, err
			}
			skip, err := c.truth("skip_nulls", true)
			return flatten(items, levels, skip), err
		}, false},
		"zip":          {"*others strict", func(c *invocation) (any, error) { return zip(c, false) }, false},
		"zip_longest":  {"*others fillvalue", func(c *invocation) (any, error) { return zip(c, true) }, false},
		"product":      {"*others repeat", product, false},
		"permutations": {"size", func(c *invocation) (any, error) { return arrangements(c, true) }, false},
		"combinations": {"size!", func(c *invocation) (any, error) { return arrangements(c, false) }, false},
		"random":       {"end start step seed", random, false},
		"union": {"other!", func(c *invocation) (any, error) {
			return sets(c, func(a, b []any) []any { return distinct(append(append([]any{}, a...), b...)) })
		}, false},
		"intersect": {"other!", func(c *invocation) (any, error) {
			return sets(c, func(a, b []any) []any { return keep(distinct(a), func(i any) bool { return has(b, i) }) })
		}, false},
		"difference": {"other!", func(c *invocation) (any, error) {
			return sets(c, func(a, b []any) []any { return keep(distinct(a), func(i any) bool { return !has(b, i) }) })
		}, false},
		"symmetric_difference": {"other!", func(c *invocation) (any, error) {
			return sets(c, func(a, b []any) []any {
				return keep(distinct(append(append([]any{}, a...), b...)), func(i any) bool { return has(a, i) != has(b, i) })
			})
		}, false},
		"subelements": {"subelements! skip_missing", func(c *invocation) (any, error) {
			skip, err := c.truth("skip_missing", false)
			if err != nil {
				return nil, err
			}
			return subelements(c.value, c.bound["subelements"], skip)
		}, false},
	}
}

func end(c *invocation, at int) (any, error) {
	items, err := c.run.iterate(c.value)
	if err != nil {
		return nil, err
	}
	if len(items) == 0 {
		return &undefined{message: "an empty list has no " + c.name + " element"}, nil
	}
	if at < 0 {
		return items[len(items)-1], nil
	}
	return items[0], nil
}

// mapped is map('filter', arguments...) and map(attribute='name', default=...).
func mapped(c *invocation) (any, error) {
	items, err := c.itemsIfAny()
	if err != nil {
		return nil, err
	}
	result := make([]any, 0, len(items))
	if path, ok := c.named.Get("attribute"); ok && len(c.rest) == 0 {
		for _, item := range items {
			value, err := c.run.deep(item, path, c.named.Value("default"))
			if err != nil {
				return nil, err
			}
			result = append(result, value)
		}
		return result, nil
	}
	if len(c.rest) == 0 {
		return nil, errors.New("map needs the name of a filter or attribute=")
	}
	name, ok := c.rest[0].(string)
	if !ok {
		return nil, fmt.Errorf("map needs the name of a filter, not %s", describe(c.rest[0]))
	}
	for _, item := range items {
		if err := c.run.step(); err != nil {
			return nil, err
		}
		value, err := c.run.callFilter(name, item, c.rest[1:], c.named)
		if err != nil {
			return nil, err
		}
		result = append(result, value)
	}
	return result, nil
}

// selected is select, reject, selectattr and rejectattr.
func selected(c *invocation, attribute, want bool) (any, error) {
	items, err := c.itemsIfAny()
	if err != nil {
		return nil, err
	}
	rest := c.rest
	var path any
	if attribute {
		if len(rest) == 0 {
			return nil, fmt.Errorf("%s needs the name of an attribute", c.name)
		}
		path, rest = rest[0], rest[1:]
	}
	result := []any{}
	for _, item := range items {
		if err := c.run.step(); err != nil {
			return nil, err
		}
		value := item
		if attribute {
			if value, err = c.run.deep(item, path, nil); err != nil {
				return nil, err
			}
		}
		if value, err = c.run.session.force(value); err != nil {
			return nil, err
		}
		var yes bool
		if len(rest) == 0 {
			yes, err = truth(value)
		} else {
			yes, err = c.run.callTest(text(rest[0]), value, rest[1:], c.named)
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

func batch(c *invocation) (any, error) {
	items, err := c.run.iterate(c.value)
	if err != nil {
		return nil, err
	}
	size, err := c.integer("linecount", 0)
	if err != nil || size < 1 || size > maximumItems {
		return nil, errors.Join(err, errors.New("batch needs a size above zero"))
	}
	rows := []any{}
	for begin := 0; begin < len(items); begin += size {
		row := append([]any{}, items[begin:min(begin+size, len(items))]...)
		if fill := c.get("fill_with", nil); fill != nil {
			for len(row) < size {
				row = append(row, fill)
			}
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// columns cuts a list into columns: the filter slice.
func columns(c *invocation) (any, error) {
	items, err := c.run.iterate(c.value)
	if err != nil {
		return nil, err
	}
	count, err := c.integer("slices", 0)
	if err != nil || count < 1 || count > maximumItems {
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
		if fill := c.get("fill_with", nil); fill != nil && at >= extra { // as Jinja2, also where all have the same length
			column = append(column, fill)
		}
		begin += size
		result = append(result, column)
	}
	return result, nil
}

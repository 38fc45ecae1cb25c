package ansible

import (
	"errors"
	"sort"
	"strings"

	"github.com/polarbook/polarbook/templates/jinja"
)

// keysOf returns what each item is sorted by: itself or its attributes, lower case unless case
// counts.
func keysOf(c *jinja.Invocation, items []any) ([][]any, error) {
	sensitive, err := c.Truth("case_sensitive", false)
	if err != nil {
		return nil, err
	}
	var paths []any
	switch attribute := c.Get("attribute", nil).(type) {
	case nil:
	case string:
		for _, path := range strings.Split(attribute, ",") {
			paths = append(paths, path)
		}
	default:
		paths = []any{attribute}
	}
	list := make([][]any, len(items))
	for at, item := range items {
		parts := []any{item}
		if paths != nil {
			parts = nil
			for _, path := range paths {
				value, err := c.Run.Deep(item, path, c.Get("default", nil))
				if err != nil {
					return nil, err
				}
				if u, ok := value.(*jinja.Undefined); ok {
					return nil, u.Error()
				}
				parts = append(parts, value)
			}
		}
		for i, part := range parts {
			if s, ok := part.(string); ok && !sensitive {
				parts[i] = strings.ToLower(s)
			}
		}
		list[at] = parts
	}
	return list, nil
}

func sorted(c *jinja.Invocation) (any, error) {
	items, err := c.Run.Iterate(c.Value)
	if err != nil {
		return nil, err
	}
	by, err := keysOf(c, items)
	if err != nil {
		return nil, err
	}
	reverse, err := c.Truth("reverse", false)
	if err != nil {
		return nil, err
	}
	order := make([]int, len(items))
	for at := range order {
		order[at] = at
	}
	var failed error
	sort.SliceStable(order, func(a, b int) bool {
		x, y := by[order[a]], by[order[b]]
		if reverse {
			x, y = y, x
		}
		first, err := jinja.LessItems(x, y, "sort")
		failed = errors.Join(failed, err)
		return first
	})
	if failed != nil {
		return nil, firstOf(failed)
	}
	result := make([]any, len(items))
	for at, from := range order {
		result[at] = items[from]
	}
	return result, nil
}

// firstOf returns the first of joined errors: sorting finds the same one many times.
func firstOf(err error) error {
	for {
		joined, ok := err.(interface{ Unwrap() []error })
		if !ok || len(joined.Unwrap()) == 0 {
			return err
		}
		err = joined.Unwrap()[0]
	}
}

func extreme(c *jinja.Invocation, largest bool) (any, error) {
	items, err := c.Run.Iterate(c.Value)
	if err != nil {
		return nil, err
	}
	if len(items) == 0 {
		return &jinja.Undefined{Message: "an empty list has no " + c.Name}, nil
	}
	by, err := keysOf(c, items)
	if err != nil {
		return nil, err
	}
	best := 0
	for at := range items {
		x, y := by[at], by[best]
		if largest {
			x, y = y, x
		}
		better, err := jinja.LessItems(x, y, c.Name)
		if err != nil {
			return nil, err
		}
		if better {
			best = at
		}
	}
	return items[best], nil
}

func sum(c *jinja.Invocation) (any, error) {
	items, err := c.Run.Iterate(c.Value)
	if err != nil {
		return nil, err
	}
	total := c.Get("start", 0)
	for _, item := range items {
		if path := c.Get("attribute", nil); path != nil {
			if item, err = c.Run.Deep(item, path, nil); err != nil {
				return nil, err
			}
		}
		if u, ok := item.(*jinja.Undefined); ok {
			return nil, u.Error()
		}
		if total, err = jinja.Operate("+", total, item); err != nil {
			return nil, err
		}
	}
	return total, nil
}

func unique(c *jinja.Invocation) (any, error) {
	items, err := c.Run.Iterate(c.Value)
	if err != nil {
		return nil, err
	}
	if _, ok := c.Given("case_sensitive"); !ok {
		c.Bound["case_sensitive"] = false
	}
	by, err := keysOf(c, items)
	if err != nil {
		return nil, err
	}
	result, seen := []any{}, []any{}
	index := map[string]bool{}
	for at, item := range items {
		key := by[at]
		if name, ok := key[0].(string); ok && len(key) == 1 {
			if index[name] {
				continue
			}
			index[name] = true
		} else {
			if has(seen, any(key)) {
				continue
			}
			seen = append(seen, any(key))
		}
		result = append(result, item)
	}
	return result, nil
}

func groupBy(c *jinja.Invocation) (any, error) {
	items, err := sorted(c)
	if err != nil {
		return nil, err
	}
	list := items.([]any)
	by, err := keysOf(c, list)
	if err != nil {
		return nil, err
	}
	groups := []any{}
	for at, item := range list {
		if at > 0 && jinja.EqualItems(by[at], by[at-1]) {
			last := groups[len(groups)-1].(jinja.Tuple)
			last[1] = append(last[1].([]any), item)
			continue
		}
		key, err := c.Run.Deep(item, c.Bound["attribute"], c.Get("default", nil))
		if err != nil {
			return nil, err
		}
		groups = append(groups, jinja.Tuple{key, []any{item}})
	}
	return groups, nil
}

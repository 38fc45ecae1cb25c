package ansible

import (
	"errors"
	"fmt"
	"strings"

	"github.com/polarbook/polarbook/templates/jinja"
	"github.com/polarbook/polarbook/templates/ordered"
)

func flatten(items []any, levels int, skipNulls bool) []any {
	result := []any{}
	for _, item := range items {
		if skipNulls && (item == nil || item == "None" || item == "null") {
			continue
		}
		inner, ok := item.([]any)
		if t, isTuple := item.(jinja.Tuple); isTuple {
			inner, ok = t, true
		}
		if ok && levels != 0 {
			result = append(result, flatten(inner, levels-1, skipNulls)...)
			continue
		}
		result = append(result, item)
	}
	return result
}

func zip(c *jinja.Invocation, longest bool) (any, error) {
	lists, err := c.Lists()
	if err != nil {
		return nil, err
	}
	rows := len(lists[0])
	for _, list := range lists {
		if longest {
			rows = max(rows, len(list))
		} else {
			rows = min(rows, len(list))
		}
	}
	result := make([]any, rows)
	for at := range rows {
		row := make([]any, len(lists))
		for column, list := range lists {
			if at < len(list) {
				row[column] = list[at]
			} else {
				row[column] = c.Get("fillvalue", nil)
			}
		}
		result[at] = jinja.Tuple(row)
	}
	return result, nil
}

func product(c *jinja.Invocation) (any, error) {
	lists, err := c.Lists()
	if err != nil {
		return nil, err
	}
	repeat, err := c.Integer("repeat", 1)
	if err != nil || repeat < 0 || repeat > 20 {
		return nil, errors.Join(err, errors.New("product repeats up to 20 times"))
	}
	all := [][]any{}
	for range repeat {
		all = append(all, lists...)
	}
	rows, err := productOf(all)
	result := make([]any, len(rows))
	for at, row := range rows {
		result[at] = jinja.Tuple(row)
	}
	return result, err
}

// arrangements are the permutations or combinations of a size.
func arrangements(c *jinja.Invocation, ordered bool) (any, error) {
	items, err := c.Run.Iterate(c.Value)
	if err != nil {
		return nil, err
	}
	size, err := c.Integer("size", len(items))
	if err != nil || size < 0 {
		return nil, errors.Join(err, errors.New("the size cannot be negative"))
	}
	result := []any{}
	used := make([]bool, len(items))
	var build func(row jinja.Tuple, from int) error
	build = func(row jinja.Tuple, from int) error {
		if len(row) == size {
			if len(result) >= jinja.MaximumItems {
				return fmt.Errorf("there are more than %d of them", jinja.MaximumItems)
			}
			result = append(result, append(jinja.Tuple{}, row...))
			return c.Run.Step()
		}
		for at := from; at < len(items); at++ {
			if used[at] {
				continue
			}
			used[at] = true
			next := at + 1
			if ordered {
				next = 0
			}
			if err := build(append(row, items[at]), next); err != nil {
				return err
			}
			used[at] = false
		}
		return nil
	}
	if size > len(items) {
		return result, nil
	}
	return result, build(jinja.Tuple{}, 0)
}

func distinct(items []any) []any {
	result := []any{}
	for _, item := range items {
		if !has(result, item) {
			result = append(result, item)
		}
	}
	return result
}

func keep(items []any, want func(any) bool) []any {
	result := []any{}
	for _, item := range items {
		if want(item) {
			result = append(result, item)
		}
	}
	return result
}

func sets(c *jinja.Invocation, do func(a, b []any) []any) (any, error) {
	a, err := c.Items()
	if err != nil {
		return nil, err
	}
	b, err := jinja.ListOf(c.Name, c.Bound["other"])
	if err != nil {
		return nil, err
	}
	if err := jinja.Defined(append(a[:len(a):len(a)], b...)); err != nil {
		return nil, err
	}
	if len(a)*len(b) > 100*jinja.MaximumItems {
		return nil, errors.New(c.Name + ": the lists are too long")
	}
	return do(a, b), nil
}

// subelements pairs each element with each of what one of its keys lists.
func subelements(value, path any, skipMissing bool) ([]any, error) {
	var elements []any
	switch v := value.(type) {
	case []any:
		elements = v
	case *ordered.Map:
		elements = v.Values()
	default:
		return nil, fmt.Errorf("subelements needs a list or a mapping, this is %s", jinja.Describe(value))
	}
	var parts []string
	switch p := path.(type) {
	case string:
		parts = strings.Split(p, ".")
	case []any:
		for _, part := range p {
			parts = append(parts, jinja.Text(part))
		}
	default:
		return nil, fmt.Errorf("subelements needs the name of a key, not %s", jinja.Describe(path))
	}
	result := []any{}
	for _, element := range elements {
		current := element
		found := true
		for _, part := range parts {
			m, ok := current.(*ordered.Map)
			if !ok {
				return nil, fmt.Errorf("subelements: the key %q needs a mapping, this is %s", part, jinja.Describe(current))
			}
			if current, found = m.Get(part); !found {
				break
			}
		}
		if !found {
			if skipMissing {
				continue
			}
			return nil, fmt.Errorf("subelements: an element has no key %q", strings.Join(parts, "."))
		}
		list, ok := current.([]any)
		if !ok {
			return nil, fmt.Errorf("subelements: the key %q must hold a list, this is %s", strings.Join(parts, "."), jinja.Describe(current))
		}
		for _, item := range list {
			result = append(result, jinja.Tuple{element, item})
		}
	}
	return result, nil
}

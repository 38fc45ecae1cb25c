package templates

import (
	"errors"
	"fmt"
	"math/rand"
	"sort"
	"strconv"
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
		"slice":      {"slices! fill_with", slices, false},
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

// deep returns item.a.b, item['a.b'] apart: attributes of filters are paths, numbers are indexes.
func (r *run) deep(item, path, otherwise any) (any, error) {
	if at, ok := path.(int); ok {
		return r.orDefault(item, at, otherwise)
	}
	var err error
	for _, part := range strings.Split(text(path), ".") {
		var key any = part
		if at, failed := strconv.Atoi(part); failed == nil {
			key = at
		}
		if item, err = r.orDefault(item, key, otherwise); err != nil {
			return nil, err
		}
	}
	return item, nil
}

func (r *run) orDefault(item, key, otherwise any) (any, error) {
	value, err := r.item(item, key, nil)
	if err != nil {
		return nil, err
	}
	if _, absent := value.(*undefined); absent && otherwise != nil {
		return otherwise, nil
	}
	return value, nil
}

// keysOf returns what each item is sorted by: itself or its attributes, lower case unless case
// counts.
func keysOf(c *invocation, items []any) ([][]any, error) {
	sensitive, err := c.truth("case_sensitive", false)
	if err != nil {
		return nil, err
	}
	var paths []any
	switch attribute := c.get("attribute", nil).(type) {
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
				value, err := c.run.deep(item, path, c.get("default", nil))
				if err != nil {
					return nil, err
				}
				if u, ok := value.(*undefined); ok {
					return nil, u.error()
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

func sorted(c *invocation) (any, error) {
	items, err := c.run.iterate(c.value)
	if err != nil {
		return nil, err
	}
	by, err := keysOf(c, items)
	if err != nil {
		return nil, err
	}
	reverse, err := c.truth("reverse", false)
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
		first, err := lessItems(x, y, "sort")
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

func extreme(c *invocation, largest bool) (any, error) {
	items, err := c.run.iterate(c.value)
	if err != nil {
		return nil, err
	}
	if len(items) == 0 {
		return &undefined{message: "an empty list has no " + c.name}, nil
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
		better, err := lessItems(x, y, c.name)
		if err != nil {
			return nil, err
		}
		if better {
			best = at
		}
	}
	return items[best], nil
}

func sum(c *invocation) (any, error) {
	items, err := c.run.iterate(c.value)
	if err != nil {
		return nil, err
	}
	total := c.get("start", 0)
	for _, item := range items {
		if path := c.get("attribute", nil); path != nil {
			if item, err = c.run.deep(item, path, nil); err != nil {
				return nil, err
			}
		}
		if u, ok := item.(*undefined); ok {
			return nil, u.error()
		}
		if total, err = operate("+", total, item); err != nil {
			return nil, err
		}
	}
	return total, nil
}

func unique(c *invocation) (any, error) {
	items, err := c.run.iterate(c.value)
	if err != nil {
		return nil, err
	}
	if _, ok := c.given("case_sensitive"); !ok {
		c.bound["case_sensitive"] = false
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

// mapped is map('filter', arguments...) and map(attribute='name', default=...).
func mapped(c *invocation) (any, error) {
	items, err := c.run.iterate(c.value)
	if err != nil {
		return nil, err
	}
	result := make([]any, 0, len(items))
	if path, ok := c.named["attribute"]; ok && len(c.rest) == 0 {
		for _, item := range items {
			value, err := c.run.deep(item, path, c.named["default"])
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
	items, err := c.run.iterate(c.value)
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

func groupBy(c *invocation) (any, error) {
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
		if at > 0 && equalItems(by[at], by[at-1]) {
			last := groups[len(groups)-1].(tuple)
			last[1] = append(last[1].([]any), item)
			continue
		}
		key, err := c.run.deep(item, c.bound["attribute"], c.get("default", nil))
		if err != nil {
			return nil, err
		}
		groups = append(groups, tuple{key, []any{item}})
	}
	return groups, nil
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

// slices cuts a list into columns.
func slices(c *invocation) (any, error) {
	items, err := c.run.iterate(c.value)
	if err != nil {
		return nil, err
	}
	count, err := c.integer("slices", 0)
	if err != nil || count < 1 || count > maximumItems {
		return nil, errors.Join(err, errors.New("slice needs a number above zero"))
	}
	columns := []any{}
	each, extra, begin := len(items)/count, len(items)%count, 0
	for at := range count {
		size := each
		if at < extra {
			size++
		}
		column := append([]any{}, items[begin:begin+size]...)
		if fill := c.get("fill_with", nil); fill != nil && at >= extra && extra > 0 {
			column = append(column, fill)
		}
		begin += size
		columns = append(columns, column)
	}
	return columns, nil
}

func flatten(items []any, levels int, skipNulls bool) []any {
	result := []any{}
	for _, item := range items {
		if skipNulls && (item == nil || item == "None" || item == "null") {
			continue
		}
		inner, ok := item.([]any)
		if t, isTuple := item.(tuple); isTuple {
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

func (c *invocation) lists() ([][]any, error) {
	first, err := c.run.iterate(c.value)
	if err != nil {
		return nil, err
	}
	lists := [][]any{first}
	for _, other := range c.rest {
		list, err := c.run.iterate(other)
		if err != nil {
			return nil, err
		}
		lists = append(lists, list)
	}
	return lists, nil
}

func zip(c *invocation, longest bool) (any, error) {
	lists, err := c.lists()
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
				row[column] = c.get("fillvalue", nil)
			}
		}
		result[at] = tuple(row)
	}
	return result, nil
}

func product(c *invocation) (any, error) {
	lists, err := c.lists()
	if err != nil {
		return nil, err
	}
	repeat, err := c.integer("repeat", 1)
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
		result[at] = tuple(row)
	}
	return result, err
}

// arrangements are the permutations or combinations of a size.
func arrangements(c *invocation, ordered bool) (any, error) {
	items, err := c.run.iterate(c.value)
	if err != nil {
		return nil, err
	}
	size, err := c.integer("size", len(items))
	if err != nil || size < 0 {
		return nil, errors.Join(err, errors.New("the size cannot be negative"))
	}
	result := []any{}
	used := make([]bool, len(items))
	var build func(row tuple, from int) error
	build = func(row tuple, from int) error {
		if len(row) == size {
			if len(result) >= maximumItems {
				return fmt.Errorf("there are more than %d of them", maximumItems)
			}
			result = append(result, append(tuple{}, row...))
			return c.run.step()
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
	return result, build(tuple{}, 0)
}

// random picks with a seed; without one every run would differ, which is refused.
func random(c *invocation) (any, error) {
	seed, ok := c.given("seed")
	if !ok || seed == nil {
		return nil, errors.New("random needs a seed, such as random(seed=inventory_hostname): a run must give the same result when repeated")
	}
	hash := int64(1469598103934665603)
	for _, b := range []byte(text(seed)) {
		hash = (hash ^ int64(b)) * 1099511628211
	}
	source := rand.New(rand.NewSource(hash))
	if i, _, isInt, _ := number(c.value); isInt {
		start, e1 := c.integer("start", 0)
		step, e2 := c.integer("step", 1)
		if err := errors.Join(e1, e2); err != nil {
			return nil, err
		}
		if step < 1 || i <= start {
			return nil, errors.New("random needs an end above its start")
		}
		return start + step*source.Intn((i-start+step-1)/step), nil
	}
	items, err := c.run.iterate(c.value)
	if err != nil {
		return nil, err
	}
	if len(items) == 0 {
		return nil, errors.New("random needs something to pick from")
	}
	return items[source.Intn(len(items))], nil
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

func sets(c *invocation, do func(a, b []any) []any) (any, error) {
	a, err := c.items()
	if err != nil {
		return nil, err
	}
	b, err := listOf(c.name, c.bound["other"])
	if err != nil {
		return nil, err
	}
	if len(a)*len(b) > 100*maximumItems {
		return nil, errors.New(c.name + ": the lists are too long")
	}
	return do(a, b), nil
}

// subelements pairs each element with each of what one of its keys lists.
func subelements(value, path any, skipMissing bool) ([]any, error) {
	var elements []any
	switch v := value.(type) {
	case []any:
		elements = v
	case map[string]any:
		elements = valuesOf(v)
	default:
		return nil, fmt.Errorf("subelements needs a list or a mapping, this is %s", describe(value))
	}
	var parts []string
	switch p := path.(type) {
	case string:
		parts = strings.Split(p, ".")
	case []any:
		for _, part := range p {
			parts = append(parts, text(part))
		}
	default:
		return nil, fmt.Errorf("subelements needs the name of a key, not %s", describe(path))
	}
	result := []any{}
	for _, element := range elements {
		current := element
		found := true
		for _, part := range parts {
			m, ok := current.(map[string]any)
			if !ok {
				return nil, fmt.Errorf("subelements: the key %q needs a mapping, this is %s", part, describe(current))
			}
			if current, found = m[part]; !found {
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
			return nil, fmt.Errorf("subelements: the key %q must hold a list, this is %s", strings.Join(parts, "."), describe(current))
		}
		for _, item := range list {
			result = append(result, tuple{element, item})
		}
	}
	return result, nil
}

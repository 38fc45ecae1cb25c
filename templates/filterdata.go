package templates

import (
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/polarbook/polarbook/templates/ordered"
)

// dataFilters concern mappings.
func dataFilters() map[string]callable {
	return map[string]callable{
		"combine":    {"*others recursive list_merge", combine, false},
		"dict2items": {"key_name value_name", dictToItems, false},
		"items2dict": {"key_name value_name", itemsToDict, false},
		"dictsort":   {"case_sensitive by reverse", dictSort, false},
		"items": of(func(v any) (any, error) {
			m, ok := v.(*ordered.Map)
			if !ok {
				return nil, fmt.Errorf("items needs a mapping, this is %s", describe(v))
			}
			return itemsOf(m), nil
		}),
	}
}

var listMerges = []string{"replace", "keep", "append", "prepend", "append_rp", "prepend_rp"}

// combine lays mappings over one another, those further right over those further left.
func combine(c *invocation) (any, error) {
	recursive, err := c.truth("recursive", false)
	if err != nil {
		return nil, err
	}
	lists := c.text("list_merge", "replace")
	if !strings.Contains(" "+strings.Join(listMerges, " ")+" ", " "+lists+" ") {
		return nil, fmt.Errorf("combine has no list_merge %q%s", lists, didYouMean(lists, listMerges))
	}
	terms := flatten(append([]any{c.value}, c.rest...), -1, false)
	mappings := make([]*ordered.Map, len(terms))
	for at, term := range terms {
		if u, ok := term.(*undefined); ok {
			return nil, u.error()
		}
		m, ok := term.(*ordered.Map)
		if !ok {
			return nil, fmt.Errorf("combine needs mappings, number %d is %s", at+1, describe(term))
		}
		mappings[at] = m
	}
	if len(mappings) == 0 {
		return ordered.New(0), nil
	}
	// From the last to the first, as Ansible does: it shows where lists are merged.
	last := len(mappings) - 1
	result := mappings[last]
	for at := last - 1; at >= 0; at-- {
		result = merge(mappings[at], result, recursive, lists)
	}
	return result, nil
}

// merge lays one mapping over another. What only the upper one has comes after what the lower one has, unless both are
// equal: then it is the upper one, as Ansible has it.
func merge(below, above *ordered.Map, recursive bool, lists string) *ordered.Map {
	if below.Len() == 0 || equal(below, above) {
		return above
	}
	result := below.Clone()
	for key, value := range above.All() {
		old, ok := result.Get(key)
		if ok {
			oldMap, isMap := old.(*ordered.Map)
			newMap, alsoMap := value.(*ordered.Map)
			oldList, isList := old.([]any)
			newList, alsoList := value.([]any)
			switch {
			case isMap && alsoMap && recursive:
				value = merge(oldMap, newMap, recursive, lists)
			case isList && alsoList:
				value = mergeLists(oldList, newList, lists)
			}
		}
		result.Set(key, value)
	}
	return result
}

func mergeLists(old, new []any, how string) any {
	join := func(a, b []any) []any { return append(append([]any{}, a...), b...) }
	switch how {
	case "keep":
		return old
	case "append":
		return join(old, new)
	case "prepend":
		return join(new, old)
	case "append_rp":
		return join(keep(old, func(i any) bool { return !has(new, i) }), new)
	case "prepend_rp":
		return join(new, keep(old, func(i any) bool { return !has(new, i) }))
	}
	return new
}

func dictToItems(c *invocation) (any, error) {
	m, ok := c.value.(*ordered.Map)
	if !ok {
		return nil, fmt.Errorf("dict2items needs a mapping, this is %s", describe(c.value))
	}
	key, value := c.text("key_name", "key"), c.text("value_name", "value")
	items := []any{}
	for name, of := range m.All() {
		item := ordered.New(2)
		item.Set(key, name)
		item.Set(value, of)
		items = append(items, item)
	}
	return items, nil
}

func itemsToDict(c *invocation) (any, error) {
	items, err := c.items()
	if err != nil {
		return nil, err
	}
	key, value := c.text("key_name", "key"), c.text("value_name", "value")
	result := ordered.New(len(items))
	for at, item := range items {
		m, ok := item.(*ordered.Map)
		if !ok {
			return nil, fmt.Errorf("items2dict needs a list of mappings, element %d is %s", at, describe(item))
		}
		for _, need := range []string{key, value} {
			if !m.Has(need) {
				return nil, fmt.Errorf("items2dict: element %d has no key %q", at, need)
			}
		}
		name, err := keyText(m.Value(key))
		if err != nil {
			return nil, err
		}
		result.Set(name, m.Value(value))
	}
	return result, nil
}

func dictSort(c *invocation) (any, error) {
	m, ok := c.value.(*ordered.Map)
	if !ok {
		return nil, fmt.Errorf("dictsort needs a mapping, this is %s", describe(c.value))
	}
	sensitive, e1 := c.truth("case_sensitive", false)
	reverse, e2 := c.truth("reverse", false)
	if err := errors.Join(e1, e2); err != nil {
		return nil, err
	}
	at := map[string]int{"key": 0, "value": 1}
	by := c.text("by", "key")
	position, ok := at[by]
	if !ok {
		return nil, fmt.Errorf("dictsort sorts by key or value, not %q", by)
	}
	items := itemsOf(m)
	fold := func(v any) any {
		if s, ok := v.(string); ok && !sensitive {
			return strings.ToLower(s)
		}
		return v
	}
	var failed error
	sort.SliceStable(items, func(a, b int) bool {
		x, y := fold(items[a].(tuple)[position]), fold(items[b].(tuple)[position])
		if reverse {
			x, y = y, x
		}
		first, err := less(x, y, "dictsort")
		failed = errors.Join(failed, err)
		return first
	})
	if failed != nil {
		return nil, firstOf(failed)
	}
	return items, nil
}

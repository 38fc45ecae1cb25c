package ansible

import (
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/polarbook/polarbook/templates/jinja"
	"github.com/polarbook/polarbook/templates/ordered"
	"github.com/polarbook/polarbook/templates/suggest"
)

// dataFilters concern mappings.
func dataFilters() map[string]jinja.Callable {
	return map[string]jinja.Callable{
		"combine":         {Parameters: "*others recursive list_merge", Do: combine},
		"dict2items":      {Parameters: "key_name value_name", Do: dictToItems},
		"rekey_on_member": {Parameters: "key! duplicates", Do: rekeyOnMember},
		"items2dict":      {Parameters: "key_name value_name", Do: itemsToDict},
		"dictsort":        {Parameters: "case_sensitive by reverse", Do: dictSort},
		"items": of(func(v any) (any, error) {
			m, ok := v.(*ordered.Map)
			if !ok {
				return nil, fmt.Errorf("items needs a mapping, this is %s", jinja.Describe(v))
			}
			return jinja.ItemsOf(m), nil
		}),
	}
}

var listMerges = []string{"replace", "keep", "append", "prepend", "append_rp", "prepend_rp"}

// combine lays mappings over one another, those further right over those further left.
func combine(c *jinja.Invocation) (any, error) {
	recursive, err := c.Truth("recursive", false)
	if err != nil {
		return nil, err
	}
	lists := c.Text("list_merge", "replace")
	if !strings.Contains(" "+strings.Join(listMerges, " ")+" ", " "+lists+" ") {
		return nil, fmt.Errorf("combine has no list_merge %q%s", lists, suggest.Suffix(lists, listMerges))
	}
	terms := flatten(append([]any{c.Value}, c.Rest...), -1, false)
	mappings := make([]*ordered.Map, len(terms))
	for at, term := range terms {
		if u, ok := term.(*jinja.Undefined); ok {
			return nil, u.Error()
		}
		m, ok := term.(*ordered.Map)
		if !ok {
			return nil, fmt.Errorf("combine needs mappings, number %d is %s", at+1, jinja.Describe(term))
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
	if below.Len() == 0 || jinja.Equal(below, above) {
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
		result.SetAs(key, above.KeyOf(key), value)
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

func dictToItems(c *jinja.Invocation) (any, error) {
	m, ok := c.Value.(*ordered.Map)
	if !ok {
		return nil, fmt.Errorf("dict2items needs a mapping, this is %s", jinja.Describe(c.Value))
	}
	key, value := c.Text("key_name", "key"), c.Text("value_name", "value")
	items := []any{}
	for name, of := range m.All() {
		item := ordered.New(2)
		item.Set(key, jinja.KeyOf(m, name))
		item.Set(value, of)
		items = append(items, item)
	}
	return items, nil
}

func itemsToDict(c *jinja.Invocation) (any, error) {
	items, err := c.Items()
	if err != nil {
		return nil, err
	}
	key, value := c.Text("key_name", "key"), c.Text("value_name", "value")
	result := ordered.New(len(items))
	for at, item := range items {
		m, ok := item.(*ordered.Map)
		if !ok {
			return nil, fmt.Errorf("items2dict needs a list of mappings, element %d is %s", at, jinja.Describe(item))
		}
		for _, need := range []string{key, value} {
			if !m.Has(need) {
				return nil, fmt.Errorf("items2dict: element %d has no key %q", at, need)
			}
		}
		if err := jinja.SetKey(result, m.Value(key), m.Value(value)); err != nil {
			return nil, err
		}
	}
	return result, nil
}

func dictSort(c *jinja.Invocation) (any, error) {
	m, ok := c.Value.(*ordered.Map)
	if !ok {
		return nil, fmt.Errorf("dictsort needs a mapping, this is %s", jinja.Describe(c.Value))
	}
	sensitive, e1 := c.Truth("case_sensitive", false)
	reverse, e2 := c.Truth("reverse", false)
	if err := errors.Join(e1, e2); err != nil {
		return nil, err
	}
	at := map[string]int{"key": 0, "value": 1}
	by := c.Text("by", "key")
	position, ok := at[by]
	if !ok {
		return nil, fmt.Errorf("dictsort sorts by key or value, not %q", by)
	}
	items := jinja.ItemsOf(m)
	fold := func(v any) any {
		if s, ok := v.(string); ok && !sensitive {
			return strings.ToLower(s)
		}
		return v
	}
	var failed error
	sort.SliceStable(items, func(a, b int) bool {
		x, y := fold(items[a].(jinja.Tuple)[position]), fold(items[b].(jinja.Tuple)[position])
		if reverse {
			x, y = y, x
		}
		first, err := jinja.Less(x, y, "dictsort")
		failed = errors.Join(failed, err)
		return first
	})
	if failed != nil {
		return nil, firstOf(failed)
	}
	return items, nil
}

// rekeyOnMember makes a mapping of mappings, by what each has under a key.
func rekeyOnMember(c *jinja.Invocation) (any, error) {
	duplicates := c.Text("duplicates", "error")
	if duplicates != "error" && duplicates != "overwrite" {
		return nil, fmt.Errorf("rekey_on_member: duplicates is error or overwrite, not %q", duplicates)
	}
	var items []any
	if m, ok := c.Value.(*ordered.Map); ok {
		items = m.Values()
	} else {
		var err error
		if items, err = c.Items(); err != nil {
			return nil, err
		}
	}
	rekeyed := ordered.New(len(items))
	for _, item := range items {
		m, ok := item.(*ordered.Map)
		if !ok {
			return nil, fmt.Errorf("rekey_on_member needs mappings in its list, this is %s", jinja.Describe(item))
		}
		wanted := c.Text("key", "")
		value, ok := m.Get(wanted)
		if !ok {
			return nil, fmt.Errorf("rekey_on_member: one of the mappings has no %q%s", wanted, suggest.Suffix(wanted, m.Keys()))
		}
		key, err := jinja.KeyText(value)
		if err != nil {
			return nil, err
		}
		if duplicates == "error" && rekeyed.Has(key) {
			return nil, fmt.Errorf("rekey_on_member: two of the mappings have %s under %q; write duplicates='overwrite' to take the last",
				jinja.Repr(value), wanted)
		}
		if err := jinja.SetKey(rekeyed, value, m); err != nil {
			return nil, err
		}
	}
	return rekeyed, nil
}

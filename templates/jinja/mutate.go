package jinja

import (
	"errors"
	"fmt"
	"sort"

	"github.com/polarbook/polarbook/templates/ordered"
)

// Lists and dictionaries of variables are shared with whoever handed them in and must never change.
// The methods of Python that change them (append, update, ...) work on a copy, which is then put
// where the old value was found: what the template sees is the same, what others see does not change.

var mutators = map[string]map[string]Callable{
	"list": {
		"append": {Parameters: "value!"}, "extend": {Parameters: "items!"}, "insert": {Parameters: "at! value!"},
		"remove": {Parameters: "value!"}, "pop": {Parameters: "at"}, "clear": {}, "reverse": {}, "sort": {Parameters: "reverse"},
	},
	"dict": {
		"update": {Parameters: "other **named"}, "pop": {Parameters: "key! default"}, "setdefault": {Parameters: "key! default"},
		"clear": {},
	},
}

// mutate performs a call such as names.append(x). ok is false where the call is none of these.
func (r *Run) mutate(n *call) (result any, ok bool, err error) {
	function, isAttribute := n.function.(*attribute)
	if !isAttribute {
		return nil, false, nil
	}
	_, ofList := mutators["list"][function.name]
	_, ofDictionary := mutators["dict"][function.name]
	if !ofList && !ofDictionary {
		return nil, false, nil
	}
	holder, err := r.evaluate(function.of)
	if err != nil {
		return nil, true, err
	}
	kind := TypeName(holder)
	method, known := mutators[kind][function.name]
	if !known {
		return nil, false, nil
	}
	positional, named, err := r.arguments(n.arguments)
	if err != nil {
		return nil, true, err
	}
	c, err := method.bind(r, function.name+"()", holder, positional, named)
	if err != nil {
		return nil, true, err
	}
	for key, value := range c.Bound {
		if c.Bound[key], err = r.session.Force(value); err != nil {
			return nil, true, err
		}
	}
	forced, err := r.session.Force(holder)
	if err != nil {
		return nil, true, err
	}
	var changed any
	switch v := forced.(type) {
	case []any:
		changed, result, err = changeList(r, c, function.name, append([]any(nil), v...))
	case *ordered.Map:
		changed, result, err = changeDictionary(r, c, function.name, v.Clone())
	default:
		err = fmt.Errorf("%s cannot be changed", Describe(holder))
	}
	if err != nil {
		return nil, true, err
	}
	return result, true, r.put(function.of, changed)
}

func changeList(r *Run, c *Invocation, method string, items []any) (changed []any, result any, err error) {
	switch method {
	case "append":
		return append(items, c.Bound["value"]), nil, nil
	case "extend":
		more, err := r.Iterate(c.Bound["items"])
		return append(items, more...), nil, err
	case "insert":
		at, err := c.Integer("at", 0)
		if at < 0 {
			at = max(0, at+len(items))
		}
		at = min(at, len(items))
		items = append(items, nil)
		copy(items[at+1:], items[at:])
		items[at] = c.Bound["value"]
		return items, nil, err
	case "remove":
		for at, item := range items {
			if Equal(item, c.Bound["value"]) {
				return append(items[:at], items[at+1:]...), nil, nil
			}
		}
		return nil, nil, fmt.Errorf("%s is not in the list", Repr(c.Bound["value"]))
	case "pop":
		at, ok := index(c.Get("at", -1), len(items))
		if !ok {
			return nil, nil, errors.New("pop() from a list that has no such element")
		}
		result = items[at]
		return append(items[:at], items[at+1:]...), result, nil
	case "reverse":
		for i, j := 0, len(items)-1; i < j; i, j = i+1, j-1 {
			items[i], items[j] = items[j], items[i]
		}
		return items, nil, nil
	case "sort":
		reverse, err := c.Truth("reverse", false)
		sort.SliceStable(items, func(a, b int) bool {
			if reverse {
				a, b = b, a
			}
			first, failed := Less(items[a], items[b], "<")
			err = errors.Join(err, failed)
			return first
		})
		return items, nil, err
	}
	return []any{}, nil, nil // clear
}

func changeDictionary(r *Run, c *Invocation, method string, values *ordered.Map) (changed *ordered.Map, result any, err error) {
	if method == "clear" {
		return ordered.New(0), nil, nil
	}
	if method == "update" {
		if other, ok := c.Bound["other"]; ok {
			more, ok := other.(*ordered.Map)
			if !ok {
				if more, err = pairs(r, other); err != nil {
					return nil, nil, err
				}
			}
			values.Update(more)
		}
		more, err := r.session.forceNamed(c.Named)
		if err != nil {
			return nil, nil, err
		}
		values.Update(more)
		return values, nil, nil
	}
	key, err := KeyText(c.Bound["key"])
	if err != nil {
		return nil, nil, err
	}
	value, found := values.Get(key)
	if method == "setdefault" {
		if !found {
			value = c.Get("default", nil)
			values.Set(key, value)
		}
		return values, value, nil
	}
	if !found {
		if otherwise, ok := c.Given("default"); ok {
			return values, otherwise, nil
		}
		return nil, nil, fmt.Errorf("the mapping has no key %s", Repr(key))
	}
	values.Delete(key)
	return values, value, nil
}

// pairs makes a dictionary of a list of pairs.
func pairs(r *Run, value any) (*ordered.Map, error) {
	items, err := r.Iterate(value)
	if err != nil {
		return nil, err
	}
	result := ordered.New(len(items))
	for _, item := range items {
		pair, err := r.Iterate(item)
		if err != nil {
			return nil, err
		}
		if len(pair) != 2 {
			return nil, fmt.Errorf("a mapping is made of pairs, this has %d values", len(pair))
		}
		if err := SetKey(result, pair[0], pair[1]); err != nil {
			return nil, err
		}
	}
	return result, nil
}

// put stores a changed container where the old one was found.
func (r *Run) put(place expression, value any) error {
	switch n := place.(type) {
	case *name:
		for f := r.frame; f != nil; f = f.parent {
			if _, ok := f.values[n.name]; ok {
				f.values[n.name] = value
				return nil
			}
		}
		outermost := r.frame
		for outermost.parent != nil {
			outermost = outermost.parent
		}
		outermost.values[n.name] = value
		return nil
	case *attribute:
		return r.putInto(n.of, n.name, value)
	case *item:
		key, err := r.forced(n.key)
		if err != nil {
			return err
		}
		return r.putInto(n.of, key, value)
	}
	return nil // the value of a filter or a literal: nothing else can see it
}

func (r *Run) putInto(place expression, key, value any) error {
	holder, err := r.forced(place)
	if err != nil {
		return err
	}
	switch v := holder.(type) {
	case *namespace:
		name, err := KeyText(key)
		v.values.Set(name, value)
		return err
	case []any:
		at, ok := index(key, len(v))
		if !ok {
			return errors.New("the list has no such element")
		}
		changed := append([]any(nil), v...)
		changed[at] = value
		return r.put(place, changed)
	case *ordered.Map:
		changed := v.Clone()
		if err := SetKey(changed, key, value); err != nil {
			return err
		}
		return r.put(place, changed)
	}
	return fmt.Errorf("%s cannot be changed", Describe(holder))
}

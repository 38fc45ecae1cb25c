package jinja

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/templates/ordered"
)

// Attribute returns of.name: a method of the value first, then what a dictionary holds, as Jinja2.
func (r *Run) Attribute(of any, name string, node expression) (any, error) {
	switch v := of.(type) {
	case *Undefined:
		return v, nil
	case *loop:
		if value, ok := v.attribute(name); ok {
			return value, nil
		}
		return missing(node, name, "loop has no %q", name), nil
	case *namespace:
		if value, ok := v.values.Get(name); ok {
			return value, nil
		}
		return missing(node, name, "the namespace has no %q", name), nil
	case *cycle:
		if value, ok := v.attribute(name); ok {
			return value, nil
		}
		return missing(node, name, "cycler() has no %q", name), nil
	case *Function:
		if value, ok := v.macro.attribute(name); ok {
			return value, nil
		}
		return missing(node, name, "%s() has no %q", v.name, name), nil
	case *module:
		if value, ok := v.values[name]; ok {
			return value, nil
		}
		return missing(node, name, "the imported template has no %q", name), nil
	}
	if group, ok := of.(Tuple); ok && len(group) == 2 { // what groupby gives
		switch name {
		case "grouper":
			return group[0], nil
		case "list":
			return group[1], nil
		}
	}
	if part, ok := timeAttribute(of, name); ok {
		return part, nil
	}
	if m := r.method(of, name); m != nil {
		return m, nil
	}
	return r.Item(of, name, node)
}

// missing is the value of something that is not there. path names it where it was written plainly.
func missing(node expression, part, format string, arguments ...any) *Undefined {
	name := pathOf(node)
	if name == "" {
		return &Undefined{name: part, Message: fmt.Sprintf(format, arguments...)}
	}
	if isWord(part) {
		name += "." + part
	} else {
		name += "[" + part + "]"
	}
	return &Undefined{name: name}
}

func isWord(s string) bool {
	for at, c := range s {
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (at == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// pathOf returns a.b['c'] as it would be written, "" for other expressions.
func pathOf(node expression) string {
	switch n := node.(type) {
	case *name:
		return n.name
	case *attribute:
		if of := pathOf(n.of); of != "" {
			return of + "." + n.name
		}
	case *item:
		if key, ok := n.key.(*constant); ok {
			if of := pathOf(n.of); of != "" {
				return of + "[" + Repr(key.value) + "]"
			}
		}
	}
	return ""
}

// Item returns of[key].
func (r *Run) Item(of, key any, node expression) (any, error) {
	if u, ok := of.(*Undefined); ok {
		return u, nil
	}
	if _, ok := key.(*LazyList); ok {
		return nil, errors.New("a list cannot be a key")
	}
	if u, ok := key.(*Undefined); ok {
		return nil, u.Error()
	}
	switch v := of.(type) {
	case []any:
		return r.element(v, key, node)
	case Tuple:
		return r.element(v, key, node)
	case *LazyList:
		at, ok := index(key, len(v.Raw))
		if !ok {
			return r.element(make([]any, len(v.Raw)), key, node)
		}
		value, err := v.get(at)
		return undefinedInstead(pathOf(node), value, err)
	case string:
		if err := r.Lookalike(v); err != nil {
			return nil, err
		}
		runes := []rune(v)
		if at, ok := index(key, len(runes)); ok {
			return string(runes[at]), nil
		}
		if name, ok := key.(string); ok {
			return missing(node, name, "a string has no %q", name), nil
		}
		return missing(node, Repr(key), "the string has %d characters, none at %s", len(runes), Repr(key)), nil
	}
	name, err := KeyText(key)
	if err != nil {
		return nil, err
	}
	var value any
	var found bool
	var candidates func() []string
	switch v := of.(type) {
	case *ordered.Map:
		if value, found = lookKey(v, key); !found {
			candidates = v.Keys
		}
		value = plain(value)
	case *LazyMap:
		if known, ok := nameOfKey(v.Raw, key); ok {
			value, found, err = v.get(known)
		}
		if !found {
			candidates = v.Raw.Keys
		}
	case *namespace:
		value, found = v.values.Get(name)
	case Scope:
		if v.Vars != nil {
			value, found, err = r.session.scope(v).lookup(name)
		}
		if names, ok := v.Vars.(interface{ Names() []string }); ok && !found {
			candidates = names.Names
		}
	case Mapping:
		if value, found = v.Get(name); found {
			value, err = r.session.demand(name, value)
		} else {
			candidates = v.Keys
		}
	default:
		return missing(node, name, "%s has no %q", Describe(of), name), nil
	}
	if !found {
		u := missing(node, partOf(key), "a mapping has no %s", Repr(key))
		u.wanted, u.candidates = name, candidates
		return u, nil
	}
	return undefinedInstead(name, value, err)
}

func partOf(key any) string {
	if s, ok := key.(string); ok {
		if isWord(s) {
			return s
		}
		return Repr(s)
	}
	return Repr(key)
}

// undefinedInstead turns the failure of a variable that uses something undefined into an undefined
// value, see variable.
func undefinedInstead(name string, value any, err error) (any, error) {
	var absent *UndefinedError
	if errors.As(err, &absent) {
		return &Undefined{name: name, Message: err.Error()}, nil
	}
	return value, err
}

func (r *Run) element(items []any, key any, node expression) (any, error) {
	if at, ok := index(key, len(items)); ok {
		return plain(items[at]), nil
	}
	if name, ok := key.(string); ok {
		return missing(node, name, "a list has no %q", name), nil
	}
	u := missing(node, Repr(key), "the list has %d elements, none at %s", len(items), Repr(key))
	if u.Message == "" {
		u.Message = fmt.Sprintf("%q is undefined: the list has %d elements", u.name, len(items))
	}
	return u, nil
}

// index turns a key into an index; negative ones count from the end.
func index(key any, length int) (int, bool) {
	var at int
	switch k := key.(type) {
	case int:
		at = k
	case bool:
		if k {
			at = 1
		}
	default:
		return 0, false
	}
	if at < 0 {
		at += length
	}
	return at, at >= 0 && at < length
}

// Iterate returns what a for loop walks over: items, characters, or the keys of a dictionary.
func (r *Run) Iterate(value any) ([]any, error) {
	switch v := value.(type) {
	case []any:
		return plainItems(v), nil
	case Tuple:
		return v, nil
	case *LazyList:
		items := make([]any, len(v.Raw))
		for at := range items {
			value, err := v.get(at)
			if value, err = undefinedInstead(v.path, value, err); err != nil {
				return nil, err
			}
			items[at] = value
		}
		return items, nil
	case string:
		if err := r.Lookalike(v); err != nil {
			return nil, err
		}
		items := []any{}
		for _, c := range v {
			items = append(items, string(c))
		}
		return items, nil
	case *ordered.Map:
		return keysOf(v), nil
	case *LazyMap:
		forced, err := r.session.Force(v)
		if err != nil {
			return nil, err
		}
		return r.Iterate(forced)
	case Scope:
		listed, ok := v.Vars.(interface{ Names() []string })
		if !ok {
			return nil, errors.New("the variables of a host cannot be listed here")
		}
		return names(listed.Names()), nil
	case Mapping:
		return names(v.Keys()), nil
	case *Undefined:
		if v.quiet {
			return []any{}, nil
		}
		return nil, v.Error()
	}
	return nil, fmt.Errorf("%s cannot be walked over, only lists, mappings and strings can", Describe(value))
}

// plainItems is plain for what a list holds. The list is copied where that changes an item.
func plainItems(items []any) []any {
	for at, item := range items {
		if _, ok := item.(map[string]any); ok {
			copied := append([]any(nil), items...)
			for ; at < len(copied); at++ {
				copied[at] = plain(copied[at])
			}
			return copied
		}
	}
	return items
}

// keysOf are the keys of a dictionary.
func keysOf(m *ordered.Map) []any {
	keys := m.KeyValues()
	for at, key := range keys {
		keys[at] = plain(key)
	}
	return keys
}

func names(list []string) []any {
	items := make([]any, len(list))
	for at, name := range list {
		items[at] = name
	}
	return items
}

// Contains is `wanted in container`.
func (r *Run) Contains(container, wanted any) (bool, error) {
	switch v := container.(type) {
	case string:
		if err := r.AskedLookalike(v); err != nil {
			return false, err
		}
		part, ok := wanted.(string)
		if !ok {
			return false, fmt.Errorf("only a string can be in a string, not %s", Describe(wanted))
		}
		return strings.Contains(v, part), nil
	case *LazyMap:
		_, ok := lookKey(v.Raw, wanted)
		return ok, nil
	case *ordered.Map:
		_, ok := lookKey(v, wanted)
		return ok, nil
	case Scope:
		name, ok := wanted.(string)
		if !ok || v.Vars == nil {
			return false, nil
		}
		_, ok = v.Vars.Get(name)
		return ok, nil
	case Mapping:
		name, ok := wanted.(string)
		if !ok {
			return false, nil
		}
		_, ok = v.Get(name)
		return ok, nil
	}
	items, err := r.Iterate(container)
	if err != nil {
		return false, err
	}
	if items, err = r.session.ForceItems(items, 0); err != nil {
		return false, err
	}
	for _, item := range items {
		if same, err := Equals(item, wanted); err != nil || same {
			return same, err
		}
	}
	return false, nil
}

// Deep returns item.a.b, item['a.b'] apart: attributes of filters are paths, numbers are indexes.
func (r *Run) Deep(item, path, otherwise any) (any, error) {
	if at, ok := path.(int); ok {
		return r.orDefault(item, at, otherwise)
	}
	var err error
	for _, part := range strings.Split(Text(path), ".") {
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

func (r *Run) orDefault(item, key, otherwise any) (any, error) {
	value, err := r.Item(item, key, nil)
	if err != nil {
		return nil, err
	}
	_, absent := value.(*Undefined)
	if name, ok := key.(string); ok && absent { // such as grouper, of what groupby gives
		if value, err = r.Attribute(item, name, nil); err != nil {
			return nil, err
		}
		_, absent = value.(*Undefined)
	}
	if absent && otherwise != nil {
		return otherwise, nil
	}
	return value, nil
}

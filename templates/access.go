package templates

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/templates/ordered"
)

// attribute returns of.name: a method of the value first, then what a dictionary holds, as Jinja2.
func (r *run) attribute(of any, name string, node expression) (any, error) {
	switch v := of.(type) {
	case *undefined:
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
	case *function:
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
	if group, ok := of.(tuple); ok && len(group) == 2 { // what groupby gives
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
	return r.item(of, name, node)
}

// missing is the value of something that is not there. path names it where it was written plainly.
func missing(node expression, part, format string, arguments ...any) *undefined {
	name := pathOf(node)
	if name == "" {
		return &undefined{name: part, message: fmt.Sprintf(format, arguments...)}
	}
	if isWord(part) {
		name += "." + part
	} else {
		name += "[" + part + "]"
	}
	return &undefined{name: name}
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
				return of + "[" + repr(key.value) + "]"
			}
		}
	}
	return ""
}

// item returns of[key].
func (r *run) item(of, key any, node expression) (any, error) {
	if u, ok := of.(*undefined); ok {
		return u, nil
	}
	if _, ok := key.(*lazyList); ok {
		return nil, errors.New("a list cannot be a key")
	}
	if u, ok := key.(*undefined); ok {
		return nil, u.error()
	}
	switch v := of.(type) {
	case []any:
		return r.element(v, key, node)
	case tuple:
		return r.element(v, key, node)
	case *lazyList:
		at, ok := index(key, len(v.raw))
		if !ok {
			return r.element(make([]any, len(v.raw)), key, node)
		}
		value, err := v.get(at)
		return undefinedInstead(pathOf(node), value, err)
	case string:
		runes := []rune(v)
		if at, ok := index(key, len(runes)); ok {
			return string(runes[at]), nil
		}
		if name, ok := key.(string); ok {
			return missing(node, name, "a string has no %q", name), nil
		}
		return missing(node, repr(key), "the string has %d characters, none at %s", len(runes), repr(key)), nil
	}
	name, err := keyText(key)
	if err != nil {
		return nil, err
	}
	var value any
	var found bool
	var candidates func() []string
	switch v := of.(type) {
	case *ordered.Map:
		if value, found = v.Get(name); !found {
			candidates = v.Keys
		}
		value = plain(value)
	case *lazyMap:
		if value, found, err = v.get(name); !found {
			candidates = v.raw.Keys
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
		return missing(node, name, "%s has no %q", describe(of), name), nil
	}
	if !found {
		u := missing(node, partOf(key), "a mapping has no %s", repr(key))
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
		return repr(s)
	}
	return repr(key)
}

// undefinedInstead turns the failure of a variable that uses something undefined into an undefined
// value, see variable.
func undefinedInstead(name string, value any, err error) (any, error) {
	var absent *UndefinedError
	if errors.As(err, &absent) {
		return &undefined{name: name, message: err.Error()}, nil
	}
	return value, err
}

func (r *run) element(items []any, key any, node expression) (any, error) {
	if at, ok := index(key, len(items)); ok {
		return plain(items[at]), nil
	}
	if name, ok := key.(string); ok {
		return missing(node, name, "a list has no %q", name), nil
	}
	u := missing(node, repr(key), "the list has %d elements, none at %s", len(items), repr(key))
	if u.message == "" {
		u.message = fmt.Sprintf("%q is undefined: the list has %d elements", u.name, len(items))
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

// iterate returns what a for loop walks over: items, characters, or the keys of a dictionary.
func (r *run) iterate(value any) ([]any, error) {
	switch v := value.(type) {
	case []any:
		return plainItems(v), nil
	case tuple:
		return v, nil
	case *lazyList:
		items := make([]any, len(v.raw))
		for at := range items {
			value, err := v.get(at)
			if value, err = undefinedInstead(v.path, value, err); err != nil {
				return nil, err
			}
			items[at] = value
		}
		return items, nil
	case string:
		items := []any{}
		for _, c := range v {
			items = append(items, string(c))
		}
		return items, nil
	case *ordered.Map:
		return names(v.Keys()), nil
	case *lazyMap:
		forced, err := r.session.force(v)
		if err != nil {
			return nil, err
		}
		return r.iterate(forced)
	case Scope:
		listed, ok := v.Vars.(interface{ Names() []string })
		if !ok {
			return nil, errors.New("the variables of a host cannot be listed here")
		}
		return names(listed.Names()), nil
	case Mapping:
		return names(v.Keys()), nil
	case *undefined:
		if v.quiet {
			return []any{}, nil
		}
		return nil, v.error()
	}
	return nil, fmt.Errorf("%s cannot be walked over, only lists, mappings and strings can", describe(value))
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

func names(list []string) []any {
	items := make([]any, len(list))
	for at, name := range list {
		items[at] = name
	}
	return items
}

// contains is `wanted in container`.
func (r *run) contains(container, wanted any) (bool, error) {
	switch v := container.(type) {
	case string:
		part, ok := wanted.(string)
		if !ok {
			return false, fmt.Errorf("only a string can be in a string, not %s", describe(wanted))
		}
		return strings.Contains(v, part), nil
	case *lazyMap:
		name, err := keyText(wanted)
		return err == nil && v.raw.Has(name), nil
	case *ordered.Map:
		name, err := keyText(wanted)
		return err == nil && v.Has(name), nil
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
	items, err := r.iterate(container)
	if err != nil {
		return false, err
	}
	if items, err = r.session.forceItems(items, 0); err != nil {
		return false, err
	}
	for _, item := range items {
		if equal(item, wanted) {
			return true, nil
		}
	}
	return false, nil
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
	_, absent := value.(*undefined)
	if name, ok := key.(string); ok && absent { // such as grouper, of what groupby gives
		if value, err = r.attribute(item, name, nil); err != nil {
			return nil, err
		}
		_, absent = value.(*undefined)
	}
	if absent && otherwise != nil {
		return otherwise, nil
	}
	return value, nil
}

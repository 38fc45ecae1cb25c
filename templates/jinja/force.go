package jinja

import (
	"fmt"
	"math/big"

	"github.com/polarbook/polarbook/inventory/vault"
	"github.com/polarbook/polarbook/templates/ordered"
)

// Force renders everything in a value. undefined parts stay as they are.
func (s *session) Force(value any) (any, error) {
	return s.forceDepth(value, 0)
}

func (s *session) forceDepth(value any, depth int) (any, error) {
	if depth > MaximumDepth {
		return nil, fmt.Errorf("a value nests deeper than %d levels", MaximumDepth)
	}
	switch v := value.(type) {
	case nil, bool:
		return v, nil
	case int, *big.Int, float64, string:
		return s.seen(v), nil
	case *LazyMap:
		result := ordered.New(v.Raw.Len())
		for _, key := range v.Raw.Keys() {
			value, _, err := v.get(key)
			if err == nil {
				value, err = s.forceDepth(value, depth+1)
			}
			if err != nil {
				return nil, err
			}
			if !isTemplate(key) {
				result.SetAs(key, v.Raw.KeyOf(key), value)
				continue
			}
			renderedKey, err := v.session.renderVariable(v.path+" key "+key, key)
			if err != nil {
				return nil, err
			}
			result.Set(Text(renderedKey), value)
		}
		return result, nil
	case *LazyList:
		result := make([]any, len(v.Raw))
		for at := range v.Raw {
			value, err := v.get(at)
			if err == nil {
				value, err = s.forceDepth(value, depth+1)
			}
			if err != nil {
				return nil, err
			}
			result[at] = value
		}
		return result, nil
	case []any:
		return s.ForceItems(v, depth)
	case Tuple:
		items, err := s.ForceItems(v, depth)
		return Tuple(items), err
	case *ordered.Map:
		return s.forceMap(v, depth)
	case Scope:
		return s.forceScope(v, depth)
	case Mapping:
		result := ordered.New(0)
		for _, key := range v.Keys() {
			raw, ok := v.Get(key)
			if !ok {
				continue
			}
			value, err := s.demand(key, raw)
			if err == nil {
				value, err = s.forceDepth(value, depth+1)
			}
			if err != nil {
				return nil, err
			}
			result.Set(key, value)
		}
		return result, nil
	case *vault.Value:
		return s.decrypted(v)
	case Unsafe:
		s.shared.unsafe = true
		return s.forceDepth(plain(v.Value), depth+1)
	}
	return value, nil
}

func (s *session) ForceItems(items []any, depth int) ([]any, error) {
	var changed []any
	for at, item := range items {
		switch item.(type) {
		case nil, bool:
			if changed != nil {
				changed[at] = item
			}
			continue
		case int, *big.Int, float64, string:
			if seen := s.seen(item); changed != nil {
				changed[at] = seen
				continue
			} else if seen == item {
				continue
			}
		}
		value, err := s.forceDepth(plain(item), depth+1)
		if err != nil {
			return nil, err
		}
		if changed == nil {
			if identical(item, value) {
				continue
			}
			changed = append(make([]any, 0, len(items)), items...)
		}
		changed[at] = value
	}
	if changed == nil {
		return items, nil
	}
	return changed, nil
}

// identical reports whether a value came through as it was, so that what holds it need not be copied.
func identical(a, b any) bool {
	switch x := a.(type) {
	case nil, bool, int, *big.Int, float64, string:
		return a == b
	case *ordered.Map:
		y, ok := b.(*ordered.Map)
		return ok && x == y
	case []any:
		y, ok := b.([]any)
		return ok && len(x) == len(y) && (len(x) == 0 || &x[0] == &y[0])
	case Tuple:
		y, ok := b.(Tuple)
		return ok && len(x) == len(y) && (len(x) == 0 || &x[0] == &y[0])
	}
	return false
}

func (s *session) forceMap(values *ordered.Map, depth int) (*ordered.Map, error) {
	var changed *ordered.Map
	before := 0 // how many came through as they were
	for key, item := range values.All() {
		value, err := s.forceDepth(plain(item), depth+1)
		if err != nil {
			return nil, err
		}
		name := s.seen(key).(string)
		if changed == nil {
			if name == key && identical(item, value) {
				before++
				continue
			}
			changed = ordered.New(values.Len())
			for key, item := range values.All() {
				if changed.Len() == before {
					break
				}
				changed.SetAs(key, values.KeyOf(key), item)
			}
		}
		if name == key {
			changed.SetAs(key, values.KeyOf(key), value)
		} else {
			changed.Set(name, value)
		}
	}
	if changed == nil {
		return values, nil
	}
	return changed, nil
}

func (s *session) forceScope(of Scope, depth int) (any, error) {
	names, ok := of.Vars.(interface{ Names() []string })
	if !ok {
		return nil, fmt.Errorf("the variables of a host cannot be listed here; name the one that is wanted")
	}
	inner := s.scope(of)
	result := ordered.New(0)
	for _, name := range names.Names() {
		value, ok, err := inner.lookup(name)
		if err == nil && ok {
			value, err = s.forceDepth(value, depth+1)
		}
		if err != nil {
			return nil, err
		}
		result.Set(name, value)
	}
	return result, nil
}

// forceNamed is force for named arguments, which are copied only where that changes one of them.
func (s *session) forceNamed(named *ordered.Map) (*ordered.Map, error) {
	return s.forceMap(named, 0)
}

// Finish is force for values that leave a template: tuples become lists, what is undefined is an
// error, what has no meaning outside (functions) too.
func (s *session) Finish(value any) (any, error) {
	value, err := s.Force(value)
	if err != nil {
		return nil, err
	}
	return outside(value)
}

func outside(value any) (any, error) {
	switch v := value.(type) {
	case *Undefined:
		if v.quiet {
			return "", nil
		}
		return nil, v.Error()
	case Tuple:
		return outside([]any(v))
	case []any:
		result := make([]any, len(v))
		for at, item := range v {
			value, err := outside(item)
			if err != nil {
				return nil, err
			}
			result[at] = value
		}
		return result, nil
	case *ordered.Map:
		result := ordered.New(v.Len())
		for key, item := range v.All() {
			value, err := outside(item)
			if err != nil {
				return nil, err
			}
			as, err := outside(v.KeyOf(key))
			if err != nil {
				return nil, err
			}
			result.SetAs(key, as, value)
		}
		return result, nil
	case *namespace:
		return outside(v.values)
	case *Function:
		return nil, fmt.Errorf("%s is a function; call it with parentheses", v.name)
	case Moment:
		if v.kind != timeOnly {
			return ordered.Timestamp(v.iso("T")), nil
		}
		return Text(v), nil
	case span:
		return Text(v), nil
	case *loop, *module, *cycle:
		return nil, fmt.Errorf("%s cannot be a value", Describe(value))
	}
	return value, nil
}

// printed is the text of a value within a template. Something undefined in it is an error.
func (s *session) printed(value any) (string, error) {
	if text, ok := value.(string); ok {
		return text, nil
	}
	value, err := s.Force(value)
	if err != nil {
		return "", err
	}
	if err := CheckDefined(value); err != nil {
		return "", err
	}
	if f, ok := value.(*Function); ok {
		return "", fmt.Errorf("%s is a function; call it with parentheses", f.name)
	}
	return Text(listed(value)), nil
}

// listed is a value in which each tuple is a list, as Ansible 2.19 prints it and as it leaves a template.
func listed(value any) any {
	switch v := value.(type) {
	case Tuple:
		return listed([]any(v))
	case []any:
		result := make([]any, len(v))
		for at, item := range v {
			result[at] = listed(item)
		}
		return result
	case *ordered.Map:
		result := v.Clone()
		for key, item := range v.All() {
			result.Set(key, listed(item))
		}
		return result
	}
	return value
}

// CheckDefined returns the error of the first thing undefined in a value.
func CheckDefined(value any) error {
	switch v := value.(type) {
	case *Undefined:
		if v.quiet {
			return nil
		}
		return v.Error()
	case []any:
		for _, item := range v {
			if err := CheckDefined(item); err != nil {
				return err
			}
		}
	case Tuple:
		return CheckDefined([]any(v))
	case *ordered.Map:
		for _, item := range v.All() {
			if err := CheckDefined(item); err != nil {
				return err
			}
		}
	}
	return nil
}

package jinja

import (
	"errors"
	"fmt"
	"math"
	"math/big"

	"github.com/polarbook/polarbook/inventory/vault"
	"github.com/polarbook/polarbook/templates/ordered"
)

// evaluate returns the value of an expression. An error has its place in the template.
func (r *Run) evaluate(node expression) (any, error) {
	value, err := r.value(node)
	if err != nil {
		return nil, locate(node, err)
	}
	if sealed, ok := value.(*vault.Value); ok { // out of a value that is not rendered
		if value, err = r.session.decrypted(sealed); err != nil {
			return nil, locate(node, err)
		}
	}
	return r.session.noticed(node, value), nil
}

func (r *Run) value(node expression) (any, error) {
	switch n := node.(type) {
	case *constant:
		return n.value, nil
	case *name:
		return r.Variable(n.name)
	case *list:
		items := make([]any, len(n.items))
		for at, item := range n.items {
			value, err := r.evaluate(item)
			if err != nil {
				return nil, err
			}
			items[at] = value
		}
		if n.tuple {
			return Tuple(items), nil
		}
		return items, nil
	case *dictionary:
		return r.dictionary(n)
	case *attribute:
		of, err := r.evaluate(n.of)
		if err != nil {
			return nil, err
		}
		value, err := r.Attribute(of, n.name, n.of)
		if err != nil {
			return nil, err
		}
		return r.session.named(n.name, false, value), nil
	case *item:
		of, err := r.evaluate(n.of)
		if err != nil {
			return nil, err
		}
		if s, ok := n.key.(*slice); ok {
			return r.slice(of, s)
		}
		if c, ok := n.key.(*constant); ok { // a name, and no text that may hold a secret
			return r.keyed(of, c.value, n.of)
		}
		key, err := r.evaluate(n.key)
		if err != nil {
			return nil, err
		}
		return r.keyed(of, key, n.of)
	case *call:
		return r.evaluateCall(n, nil)
	case *filtered:
		of, err := r.evaluate(n.of)
		if sealed := undecrypted(err); sealed != nil && BaseName(n.name) == "unvault" {
			of, err = sealed.Text, nil
		}
		if err != nil {
			return nil, err
		}
		return r.applyFilter(n, of)
	case *tested:
		return r.applyTest(n)
	case *unary:
		return r.unary(n)
	case *binary:
		left, err := r.forced(n.left)
		if err != nil {
			return nil, err
		}
		right, err := r.forced(n.right)
		if err != nil {
			return nil, err
		}
		return Operate(n.operator, left, right)
	case *logical:
		left, err := r.evaluate(n.left)
		if err != nil {
			return nil, err
		}
		yes, err := Truth(left)
		if err != nil {
			return nil, locate(n.left, err)
		}
		if yes == n.or {
			return left, nil
		}
		return r.evaluate(n.right)
	case *comparison:
		return r.compare(n)
	case *conditional:
		yes, err := r.truth(n.condition)
		if err != nil {
			return nil, err
		}
		if yes {
			return r.evaluate(n.then)
		}
		if n.otherwise == nil {
			return &Undefined{Message: "the condition of this inline if is false and it has no else", quiet: true}, nil
		}
		return r.evaluate(n.otherwise)
	}
	return nil, fmt.Errorf("this expression is not known")
}

// keyed is of[key].
func (r *Run) keyed(of, key any, node expression) (any, error) {
	value, err := r.Item(of, key, node)
	if name, ok := key.(string); ok && err == nil {
		return r.session.named(name, false, value), nil
	}
	return value, err
}

// truth evaluates a condition.
func (r *Run) truth(node expression) (bool, error) {
	value, err := r.evaluate(node)
	if err != nil {
		return false, err
	}
	yes, err := Truth(value)
	return yes, locate(node, err)
}

// forced evaluates an operand; undefined operands are errors.
func (r *Run) forced(node expression) (any, error) {
	value, err := r.evaluate(node)
	if err == nil {
		value, err = r.session.Force(value)
	}
	if err != nil {
		return nil, locate(node, err)
	}
	if u, ok := value.(*Undefined); ok {
		return nil, locate(node, u.Error())
	}
	return value, nil
}

// Variable returns a variable by name: what the template set, then what it was given, then the
// functions that are always there.
func (r *Run) Variable(name string) (any, error) {
	for f := r.frame; f != nil; f = f.parent {
		if value, ok := f.values[name]; ok {
			return value, nil
		}
	}
	value, ok, err := r.session.lookup(name)
	if err != nil {
		// A variable that cannot be rendered because of something undefined is itself undefined:
		// default() and "is defined" see it as such.
		var missing *UndefinedError
		if errors.As(err, &missing) {
			return &Undefined{name: name, Message: err.Error()}, nil
		}
		return nil, err
	}
	if ok {
		return value, nil
	}
	if global, ok := globals[name]; ok {
		return global, nil
	}
	return &Undefined{name: name, wanted: name, candidates: r.session.Names}, nil
}

func (r *Run) dictionary(n *dictionary) (any, error) {
	result := ordered.New(len(n.keys))
	for at := range n.keys {
		key, err := r.forced(n.keys[at])
		if err != nil {
			return nil, err
		}
		value, err := r.evaluate(n.values[at])
		if err != nil {
			return nil, err
		}
		if err := SetKey(result, key, value); err != nil {
			return nil, locate(n.keys[at], err)
		}
	}
	return result, nil
}

// SetKey gives a key of a dictionary a value. As in Python 1, 1.0 and True are one key.
func SetKey(m *ordered.Map, key, value any) error {
	name, err := KeyText(key)
	if err != nil {
		return err
	}
	m.SetAs(keyIn(m, name, key), key, value)
	return nil
}

// KeyOf is a key of a dictionary, which goes by that name.
func KeyOf(m *ordered.Map, name string) any { return plain(m.KeyOf(name)) }

// keyIn is the name under which a dictionary has a key, or would have it.
func keyIn(m *ordered.Map, name string, key any) string {
	_, f, _, number := Number(key)
	if !number || m.Has(name) || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return name
	}
	twins := []string{Repr(int(f)), Repr(f)}
	if f == 0 || f == 1 {
		twins = append(twins, Repr(f == 1))
	}
	for _, twin := range twins {
		if _, isText := m.KeyOf(twin).(string); !isText {
			return twin
		}
	}
	return name
}

// lookKey finds the value of a key. A text does not find a number; a number finds a text that reads so, for what hosts and files of
// JSON say has no other keys.
func lookKey(m *ordered.Map, key any) (any, bool) {
	name, ok := nameOfKey(m, key)
	return m.Value(name), ok
}

// nameOfKey is the name that lookKey finds a key under.
func nameOfKey(m *ordered.Map, key any) (name string, ok bool) {
	name, err := KeyText(key)
	if err != nil {
		return "", false
	}
	if _, isText := key.(string); !isText {
		name = keyIn(m, name, key)
	} else if _, same := m.KeyOf(name).(string); !same {
		return name, false
	}
	return name, m.Has(name)
}

// KeyText is the key under which a dictionary holds a value: keys are strings here.
func KeyText(key any) (string, error) {
	switch k := key.(type) {
	case string:
		return k, nil
	case nil, bool, int, *big.Int, float64:
		return Repr(k), nil
	case Moment:
		return k.String(), nil
	}
	return "", fmt.Errorf("%s cannot be the key of a mapping", Describe(key))
}

func (r *Run) unary(n *unary) (any, error) {
	if n.operator == "not" {
		yes, err := r.truth(n.of)
		return !yes, err
	}
	value, err := r.forced(n.of)
	if err != nil {
		return nil, err
	}
	if s, ok := value.(span); ok {
		if n.operator == "-" {
			s = -s
		}
		return s, nil
	}
	if i, ok := Big(value); ok {
		if n.operator == "-" {
			return Negated(i), nil
		}
		return Whole(i), nil
	}
	_, f, _, ok := Number(value)
	switch {
	case !ok:
		return nil, fmt.Errorf("%s has no sign", Describe(value))
	case n.operator == "-":
		return -f, nil
	}
	return f, nil
}

func (r *Run) compare(n *comparison) (any, error) {
	left, err := r.forced(n.first)
	if err != nil {
		return nil, err
	}
	for at, operator := range n.operators {
		var right any
		if operator == "in" || operator == "not in" {
			if right, err = r.evaluate(n.others[at]); err != nil {
				return nil, err
			}
		} else if right, err = r.forced(n.others[at]); err != nil {
			return nil, err
		}
		yes, err := r.Compares(operator, left, right)
		if err != nil || !yes {
			return false, err
		}
		left = right
	}
	return true, nil
}

// Compares applies one operator of a comparison.
func (r *Run) Compares(operator string, left, right any) (bool, error) {
	switch operator {
	case "==":
		return Equals(left, right)
	case "!=":
		same, err := Equals(left, right)
		return !same, err
	case "<":
		return Less(left, right, operator)
	case ">":
		return Less(right, left, operator)
	case "<=":
		yes, err := Less(left, right, operator)
		return yes || Equal(left, right), err
	case ">=":
		yes, err := Less(right, left, operator)
		return yes || Equal(left, right), err
	case "in":
		return r.Contains(right, left)
	default: // not in
		yes, err := r.Contains(right, left)
		return !yes, err
	}
}

// evaluateCall calls a function, with arguments of the caller's own besides those written.
func (r *Run) evaluateCall(n *call, extra *ordered.Map) (any, error) {
	if err := r.Step(); err != nil {
		return nil, err
	}
	if value, ok, err := r.mutate(n); ok {
		return value, err
	}
	callee, err := r.evaluate(n.function)
	if err != nil {
		return nil, err
	}
	positional, named, err := r.arguments(n.arguments)
	if err != nil {
		return nil, err
	}
	if extra.Len() > 0 {
		if named == nil {
			named = ordered.New(extra.Len())
		}
		named.Update(extra)
	}
	switch f := callee.(type) {
	case *Function:
		return f.call(r, positional, named)
	case *Undefined:
		return nil, f.Error()
	case *loop:
		if f.recurse == nil {
			return nil, fmt.Errorf("loop() can be called only within {%% for ... recursive %%}")
		}
		if len(positional) != 1 {
			return nil, fmt.Errorf("loop() takes one argument")
		}
		return f.recurse(positional[0])
	}
	return nil, fmt.Errorf("%s cannot be called", Describe(callee))
}

func (r *Run) arguments(a arguments) (positional []any, named *ordered.Map, err error) {
	for _, node := range a.positional {
		value, err := r.evaluate(node)
		if err != nil {
			return nil, nil, err
		}
		positional = append(positional, value)
	}
	if a.list != nil {
		value, err := r.forced(a.list)
		if err != nil {
			return nil, nil, err
		}
		items, err := r.Iterate(value)
		if err != nil {
			return nil, nil, locate(a.list, err)
		}
		positional = append(positional, items...)
	}
	if len(a.names) > 0 || a.dict != nil {
		named = ordered.New(len(a.names))
	}
	for at, key := range a.names {
		value, err := r.evaluate(a.named[at])
		if err != nil {
			return nil, nil, err
		}
		named.Set(key, value)
	}
	if a.dict != nil {
		value, err := r.forced(a.dict)
		if err != nil {
			return nil, nil, err
		}
		values, ok := value.(*ordered.Map)
		if !ok {
			return nil, nil, locate(a.dict, fmt.Errorf("** needs a mapping, this is %s", Describe(value)))
		}
		named.Update(values)
	}
	return positional, named, nil
}

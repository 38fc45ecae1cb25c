package jinja

import (
	"fmt"
	"math/big"

	"github.com/polarbook/polarbook/templates/ordered"
)

// Number returns bools, ints and floats as numbers. A whole number that no int holds is a float here; see Big.
func Number(value any) (i int, f float64, isInt, ok bool) {
	switch v := value.(type) {
	case bool:
		if v {
			return 1, 1, true, true
		}
		return 0, 0, true, true
	case int:
		return v, float64(v), true, true
	case *big.Int:
		f, _ := new(big.Float).SetInt(v).Float64()
		return 0, f, false, true
	case float64:
		return 0, v, false, true
	}
	return 0, 0, false, false
}

// Equal is Python's == where nothing undefined is met; what is undefined equals nothing.
func Equal(a, b any) bool {
	same, err := Equals(a, b)
	return same && err == nil
}

// Equals is Python's ==. As there it goes from left to right and ends at the first difference: something undefined that it meets
// on the way, however deep, is an error.
func Equals(a, b any) (bool, error) {
	for _, side := range []any{a, b} {
		if u, ok := side.(*Undefined); ok && !u.quiet {
			return false, u.Error()
		}
	}
	ai, af, aInt, aNumber := Number(a)
	bi, bf, bInt, bNumber := Number(b)
	if aNumber || bNumber {
		if aInt && bInt {
			return ai == bi, nil
		}
		if x, ok := Big(a); ok {
			if y, ok := Big(b); ok {
				return x.Cmp(y) == 0, nil
			}
		}
		return aNumber && bNumber && af == bf, nil
	}
	switch x := a.(type) {
	case Moment:
		y, ok := b.(Moment)
		return ok && x.kind == y.kind && (x.offset == nil) == (y.offset == nil) && x.instant().Equal(y.instant()), nil
	case span:
		return a == b, nil
	case nil:
		return b == nil, nil
	case string:
		y, ok := b.(string)
		return ok && x == y, nil
	case []any:
		if y, ok := b.([]any); ok {
			return equalItems(x, y)
		}
	case Tuple:
		if y, ok := b.(Tuple); ok {
			return equalItems(x, y)
		}
	case *ordered.Map:
		y, ok := b.(*ordered.Map)
		if !ok || x.Len() != y.Len() {
			return false, nil
		}
		for key, value := range x.All() {
			name, ok := nameOfKey(y, KeyOf(x, key))
			_, isText := x.KeyOf(key).(string)
			if _, alsoText := y.KeyOf(name).(string); !ok || isText != alsoText {
				return false, nil
			}
			other := y.Value(name)
			if same, err := Equals(value, other); err != nil || !same {
				return false, err
			}
		}
		return true, nil
	case *namespace:
		return a == b, nil
	case *Function:
		return a == b, nil
	case omitted:
		_, ok := b.(omitted)
		return ok, nil
	}
	return false, nil
}

// EqualItems is Equal of two lists.
func EqualItems(x, y []any) bool {
	same, err := equalItems(x, y)
	return same && err == nil
}

// Defined returns an error when one of the items is undefined.
func Defined(items []any) error {
	for _, item := range items {
		if u, ok := item.(*Undefined); ok {
			return u.Error()
		}
	}
	return nil
}

func equalItems(x, y []any) (bool, error) {
	if len(x) != len(y) {
		return false, nil
	}
	for at := range x {
		if same, err := Equals(x[at], y[at]); err != nil || !same {
			return false, err
		}
	}
	return true, nil
}

// Less is Python's <. Values of different kinds have no order.
func Less(a, b any, operator string) (bool, error) {
	ai, af, aInt, aNumber := Number(a)
	bi, bf, bInt, bNumber := Number(b)
	if aNumber && bNumber {
		if aInt && bInt {
			return ai < bi, nil
		}
		if x, ok := Big(a); ok {
			if y, ok := Big(b); ok {
				return x.Cmp(y) < 0, nil
			}
		}
		return af < bf, nil
	}
	switch x := a.(type) {
	case Moment:
		if y, ok := b.(Moment); ok && x.kind == y.kind && (x.offset == nil) == (y.offset == nil) {
			return x.instant().Before(y.instant()), nil
		}
	case span:
		if y, ok := b.(span); ok {
			return x < y, nil
		}
	case string:
		if y, ok := b.(string); ok {
			return x < y, nil
		}
	case []any:
		if y, ok := b.([]any); ok {
			return LessItems(x, y, operator)
		}
	case Tuple:
		if y, ok := b.(Tuple); ok {
			return LessItems(x, y, operator)
		}
	}
	return false, fmt.Errorf("%q cannot compare %s with %s", operator, Describe(a), Describe(b))
}

// LessItems is Python's < of two lists; operator is for the message.
func LessItems(x, y []any, operator string) (bool, error) {
	for at := range min(len(x), len(y)) {
		same, err := Equals(x[at], y[at])
		if err != nil {
			return false, err
		}
		if !same {
			return Less(x[at], y[at], operator)
		}
	}
	return len(x) < len(y), nil
}

package templates

import (
	"fmt"

	"github.com/polarbook/polarbook/templates/ordered"
)

// number returns bools, ints and floats as numbers.
func number(value any) (i int, f float64, isInt, ok bool) {
	switch v := value.(type) {
	case bool:
		if v {
			return 1, 1, true, true
		}
		return 0, 0, true, true
	case int:
		return v, float64(v), true, true
	case float64:
		return 0, v, false, true
	}
	return 0, 0, false, false
}

// equal is Python's ==.
func equal(a, b any) bool {
	ai, af, aInt, aNumber := number(a)
	bi, bf, bInt, bNumber := number(b)
	if aNumber || bNumber {
		if aInt && bInt {
			return ai == bi
		}
		return aNumber && bNumber && af == bf
	}
	switch x := a.(type) {
	case moment:
		y, ok := b.(moment)
		return ok && x.Equal(y.Time)
	case span:
		return a == b
	case nil:
		return b == nil
	case string:
		y, ok := b.(string)
		return ok && x == y
	case []any:
		y, ok := b.([]any)
		return ok && equalItems(x, y)
	case tuple:
		y, ok := b.(tuple)
		return ok && equalItems(x, y)
	case *ordered.Map:
		y, ok := b.(*ordered.Map)
		if !ok || x.Len() != y.Len() {
			return false
		}
		for key, value := range x.All() {
			if other, ok := y.Get(key); !ok || !equal(value, other) {
				return false
			}
		}
		return true
	case *namespace:
		return a == b
	case *function:
		return a == b
	case omitted:
		_, ok := b.(omitted)
		return ok
	}
	return false
}

func equalItems(x, y []any) bool {
	if len(x) != len(y) {
		return false
	}
	for at := range x {
		if !equal(x[at], y[at]) {
			return false
		}
	}
	return true
}

// less is Python's <. Values of different kinds have no order.
func less(a, b any, operator string) (bool, error) {
	ai, af, aInt, aNumber := number(a)
	bi, bf, bInt, bNumber := number(b)
	if aNumber && bNumber {
		if aInt && bInt {
			return ai < bi, nil
		}
		return af < bf, nil
	}
	switch x := a.(type) {
	case moment:
		if y, ok := b.(moment); ok {
			return x.Before(y.Time), nil
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
			return lessItems(x, y, operator)
		}
	case tuple:
		if y, ok := b.(tuple); ok {
			return lessItems(x, y, operator)
		}
	}
	return false, fmt.Errorf("%q cannot compare %s with %s", operator, describe(a), describe(b))
}

func lessItems(x, y []any, operator string) (bool, error) {
	for at := range min(len(x), len(y)) {
		if !equal(x[at], y[at]) {
			return less(x[at], y[at], operator)
		}
	}
	return len(x) < len(y), nil
}

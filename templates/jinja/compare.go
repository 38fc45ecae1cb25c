package jinja

import (
	"fmt"

	"github.com/polarbook/polarbook/templates/ordered"
)

// Number returns bools, ints and floats as numbers.
func Number(value any) (i int, f float64, isInt, ok bool) {
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

// Equal is Python's ==.
func Equal(a, b any) bool {
	ai, af, aInt, aNumber := Number(a)
	bi, bf, bInt, bNumber := Number(b)
	if aNumber || bNumber {
		if aInt && bInt {
			return ai == bi
		}
		return aNumber && bNumber && af == bf
	}
	switch x := a.(type) {
	case Moment:
		y, ok := b.(Moment)
		return ok && x.kind == y.kind && (x.offset == nil) == (y.offset == nil) && x.instant().Equal(y.instant())
	case span:
		return a == b
	case nil:
		return b == nil
	case string:
		y, ok := b.(string)
		return ok && x == y
	case []any:
		y, ok := b.([]any)
		return ok && EqualItems(x, y)
	case Tuple:
		y, ok := b.(Tuple)
		return ok && EqualItems(x, y)
	case *ordered.Map:
		y, ok := b.(*ordered.Map)
		if !ok || x.Len() != y.Len() {
			return false
		}
		for key, value := range x.All() {
			if other, ok := y.Get(key); !ok || !Equal(value, other) {
				return false
			}
		}
		return true
	case *namespace:
		return a == b
	case *Function:
		return a == b
	case omitted:
		_, ok := b.(omitted)
		return ok
	}
	return false
}

// EqualItems is Python's == of two lists.
func EqualItems(x, y []any) bool {
	if len(x) != len(y) {
		return false
	}
	for at := range x {
		if !Equal(x[at], y[at]) {
			return false
		}
	}
	return true
}

// Less is Python's <. Values of different kinds have no order.
func Less(a, b any, operator string) (bool, error) {
	ai, af, aInt, aNumber := Number(a)
	bi, bf, bInt, bNumber := Number(b)
	if aNumber && bNumber {
		if aInt && bInt {
			return ai < bi, nil
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
		if !Equal(x[at], y[at]) {
			return Less(x[at], y[at], operator)
		}
	}
	return len(x) < len(y), nil
}

package jinja

import (
	"math"
	"testing"
)

// What Python's float_floor_div gives, which is not the nearest whole number where the quotient lies half-way.
func TestFloorDivisionOfFloats(t *testing.T) {
	for _, c := range []struct{ a, b, want float64 }{
		{1e16, 3, 3333333333333333}, {7, 2, 3}, {-7, 2, -4}, {7, -2, -4}, {-7, -2, 3}, {0.3, 0.1, 2}, {1, 3, 0},
		{-1, -3, 0}, {0, -3, math.Copysign(0, -1)},
	} {
		got, err := OperateFloats("//", c.a, c.b)
		if f, ok := got.(float64); err != nil || !ok || f != c.want || math.Signbit(f) != math.Signbit(c.want) {
			t.Errorf("%v // %v is %v (%v), want %v", c.a, c.b, got, err, c.want)
		}
	}
}

// A truth is a whole number where it is asked for as one.
func TestConjugateOfATruth(t *testing.T) {
	for value, want := range map[any]any{true: 1, false: 0, 5: 5} {
		if got, err := wholeMethods["conjugate"].Do(&Invocation{Value: value}); err != nil || got != want {
			t.Errorf("%v: %v (%T), %v", value, got, got, err)
		}
	}
}

package convert

import (
	"math"
	"testing"

	"github.com/polarbook/polarbook/templates/ordered"
)

// The texts are those of Python's json.dumps.
func TestJSON(t *testing.T) {
	for want, value := range map[string]any{
		`{"b": [1, 1.0, 1234567.5, null], "a": true}`:           ordered.Of("b", []any{1, 1.0, 1234567.5, nil}, "a", true),
		`"\u00fc \ud83d\ude00 \u007f <&> \" \\ \n\t\b\f\u0001"`: "ü 😀 \x7f <&> \" \\ \n\t\b\f\x01",
		`[NaN, Infinity, -Infinity]`:                            []any{math.NaN(), math.Inf(1), math.Inf(-1)},
	} {
		if got, err := JSON(value); err != nil || got != want {
			t.Errorf("%s %v, want %s", got, err, want)
		}
	}
	if _, err := JSON([]any{func() {}}); err == nil {
		t.Error("a function is JSON")
	}
}

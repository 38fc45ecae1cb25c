package convert

import (
	"testing"

	"github.com/polarbook/polarbook/templates/ordered"
)

func TestRepr(t *testing.T) {
	ports := ordered.New(2)
	ports.SetAs("80", 80, "it's")
	ports.SetAs("True", true, nil)
	for _, c := range []struct {
		value any
		want  string
	}{
		{[]any{1, 1.0, "a\n", true}, `[1, 1.0, 'a\n', True]`}, {ports, `{80: "it's", True: None}`},
		{map[string]any{"b": 1, "a": []any{}}, "{'a': [], 'b': 1}"},
	} {
		if got := Repr(c.value); got != c.want {
			t.Errorf("%v: %s, want %s", c.value, got, c.want)
		}
	}
}

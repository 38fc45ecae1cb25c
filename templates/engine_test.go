package templates

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/polarbook/polarbook/templates/ordered"
)

func TestRenderKeepsTypes(t *testing.T) {
	vars := Map{"port": 5432, "nodes": []any{"a", "b"}, "yes": true, "indirect": "{{ port }}",
		"deep": map[string]any{"x": "{{ nodes | first }}"}}
	for _, c := range []struct {
		template string
		want     any
	}{
		{"plain", "plain"},
		{"{{ port }}", 5432},
		{"{{ indirect }}", 5432},
		{"{{ deep }}", ordered.Of("x", "a")},
		{"{{ nodes }}", []any{"a", "b"}},
		{"{{ yes }}", true},
		{"{{ none }}", nil},
		{" {{ port }}", " 5432"},
		{"{{ nodes }}!", "['a', 'b']!"},
		{"{{ (1, 2) }}", []any{1, 2}},
	} {
		got, err := New(Options{}).Render(c.template, vars)
		if err != nil {
			t.Errorf("%s: %v", c.template, err)
		} else if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.template, diff)
		}
	}
}

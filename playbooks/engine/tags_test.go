package engine

import (
	"strings"
	"testing"
)

// The expectations were taken from ansible-core 2.14's Taggable.evaluate_tags.
func TestTags(t *testing.T) {
	for _, c := range []struct {
		tags, only, skip string
		want             bool
	}{
		{"", "", "", true},
		{"a", "", "", true},
		{"never", "", "", false},
		{"never,a", "a", "", true},
		{"never,a", "all", "", false},
		{"a", "a", "", true},
		{"a", "b", "", false},
		{"always", "b", "", true},
		{"", "b", "", false},
		{"", "untagged", "", true},
		{"a", "untagged", "", false},
		{"a", "tagged", "", true},
		{"", "tagged", "", false},
		{"never,a", "tagged", "", false},
		{"a", "", "a", false},
		{"a,b", "b", "a", false},
		{"always", "", "always", false},
		{"always", "", "all", true},
		{"a", "", "all", false},
		{"a", "", "tagged", false},
		{"", "", "tagged", true},
		{"", "", "untagged", false},
	} {
		split := func(s string) []string { return strings.FieldsFunc(s, func(r rune) bool { return r == ',' }) }
		r := &run{o: Options{Tags: split(c.only), SkipTags: split(c.skip)}}
		if got := r.selected(split(c.tags)); got != c.want {
			t.Errorf("tags %q with --tags %q --skip-tags %q: %v", c.tags, c.only, c.skip, got)
		}
	}
}

package templates

import (
	"strings"
	"testing"
)

// cycler and joiner keep what they are at between calls.
func TestFunctionsThatCount(t *testing.T) {
	e := New(Options{})
	for text, want := range map[string]string{
		"{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}{{ c.reset() }}{{ c.next() }}": "ababa",
		"{% set j = joiner() %}{% for i in [1,2,3] %}{{ j() }}{{ i }}{% endfor %}":                                             "1, 2, 3",
		"{% set c = cycler(1, 2) %}{% for i in 'abc' %}{{ c.next() }}{% endfor %}.":                                            "121.",
	} {
		if got, err := e.Render(text, nil); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for text, problem := range map[string]string{
		"{{ cycler() }}":      "cycler() needs values",
		"{{ lipsum(n=2) }}":   "lipsum() is not supported",
		"{{ cycler('a').x }}": "has no",
	} {
		if _, err := e.Render(text, nil); err == nil || !strings.Contains(err.Error(), problem) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

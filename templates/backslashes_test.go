package templates

import (
	"testing"
)

// Recorded from ansible-core 2.14: what a playbook's text and a template file make of the same characters.
func TestBackslashesInPlaybooks(t *testing.T) {
	e := New(Options{})
	for text, want := range map[string]string{
		`{{ 'node12' | regex_replace('^node(.*)$', 'n\1') }}`: "n12",
		`{{ 'a.b' | regex_replace('\.', '-') }}`:              "a-b",
		`x {{ 'a\tb' }}`:                                      `x a\tb`,
		`x {{ 'it\'s' }}`:                                     "x it's",
		`\d {{ 1 }}`:                                          `\d 1`,
		`{{ "a\\b" }}`:                                        `a\\b`,
		`{# it's #}{{ '\d' }}{% raw %}{{ '\d' }}{% endraw %}`: `\d{{ '\d' }}`,
		`{% set x = 'a\\b' %}{{ x }}`:                         `a\b`,
	} {
		got, err := e.Render(text, Map{})
		if err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", text, got, err, want)
		}
	}
	if got, err := e.File("f", `{{ 'a\tb' }}{{ none }}|`, Map{}, DefaultFileOptions()); err != nil || got != "a\tb|" {
		t.Errorf("a template file: got %q, %v", got, err)
	}
}

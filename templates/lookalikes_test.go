package templates

import (
	"strings"
	"testing"
)

// A text that looks like a list or mapping is one up to ansible-core 2.18 and a text from 2.19 on: whoever takes a variable of that
// kind for a list or mapping is told. What is a text in both is one here.
func TestTextsThatLookLikeLists(t *testing.T) {
	e := New(Options{})
	vars := Map{
		"peers": "[{% for h in hosts %}'{{ h }}:1'{% if not loop.last %}, {% endif %}{% endfor %}]", "hosts": []any{"a", "b"},
		"opts": "{'port': {{ 1 }}, 'on': true}", "said": Unsafe{Value: "['a', 'b']"}, "half": "[{{ 1 }}", "words": "[x {{ 1 }}]", "plain": "['a']",
	}
	for text, want := range map[string]any{
		"{{ 'a' in said }} {{ said[0] }} {{ said | length }}": "True [ 10",
		"{{ peers }}!":                 "['a:1', 'b:1']!",
		"{{ peers is string }}":        true,
		"{{ (peers | from_yaml)[1] }}": "b:1", "{{ half | length }}": 2, "{{ '1' in words }}": true, "{{ plain | first }}": "[",
		"{{ peers | replace('a', 'x') }}": "['x:1', 'b:1']",
	} {
		if got, err := e.Render(text, vars); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{
		"{{ peers | length }}", "{{ peers | first }}", "{{ peers[0] }}", "{{ 'a' in peers }}", "{{ 'a' not in peers }}", "{% for p in peers %}{{ p }}{% endfor %}",
		"{{ opts.port }}", "{{ opts['port'] | default(2) }}", "{{ peers | join(',') }}", "{{ peers | union(['c']) }}", "{{ peers | map('upper') | list }}",
	} {
		if got, err := e.Render(text, vars); err == nil || !strings.Contains(err.Error(), "2.19 does not; write it as one expression") {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	if _, err := e.Condition("'a' in peers", vars); err == nil || !strings.Contains(err.Error(), "the template [{% for h in hosts %}") {
		t.Error(err)
	}
}

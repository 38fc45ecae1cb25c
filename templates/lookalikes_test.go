package templates

import (
	"strings"
	"testing"

	"github.com/polarbook/polarbook/templates/ordered"
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

// Such a text is known as one behind a set_fact or register too, by the variable's name. A text that is only handed on may be asked what
// is in it, and how long it is, and a text of a task that no template gave is a text.
func TestTextsThatVariablesWereSetTo(t *testing.T) {
	e := New(Options{})
	made := "['a:1', 'b:1']"
	raw := "[{% for h in hosts %}'{{ h }}:1'{% if not loop.last %}, {% endif %}{% endfor %}]"
	e.NoteMade([]string{"peers", "result"}, raw, made)
	e.NoteMade([]string{"said"}, "{{ r.stdout | trim }}", made)
	e.NoteMade([]string{"conf"}, ordered.Of("list", []any{raw}), ordered.Of("list", []any{made}))
	e.NoteMade([]string{"plain"}, made, made)
	vars := Map{
		"peers": Unsafe{Value: made}, "result": Unsafe{Value: ordered.Of("msg", made)}, "said": Unsafe{Value: made}, "r": Unsafe{Value: ordered.Of("stdout", made)},
		"conf": Unsafe{Value: ordered.Of("list", []any{made})}, "plain": Unsafe{Value: made}, "again": "{{ peers }}",
		"block": "{% set l %}[{% for h in ['a'] %}'{{ h }}'{% endfor %}]{% endset %}{{ l }}",
		"macro": "{% macro l() %}['{{ 1 }}']{% endmacro %}{{ l() }}",
	}
	for _, text := range []string{
		"{{ 'a:1' in peers }}", "{{ peers | first }}", "{{ result.msg | length }}", "{{ hostvars.me.peers[0] }}", "{{ conf.list[0] | join('-') }}",
		"{{ again | map('upper') | list }}", "{{ said | first }}", "{% for x in said %}{{ x }}{% endfor %}", "{{ block | first }}", "{{ '1' in macro }}",
	} {
		if got, err := e.Render(text, Map(withHostvars(vars))); err == nil ||
			!strings.Contains(err.Error(), "2.19 does not; write it as one expression") {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for text, want := range map[string]any{
		"{{ 'a:1' in said }}": true, "{{ said | length }}": 14, "{{ 'a:1' in r.stdout }}": true, "{{ r.stdout | first }}": "[", "{{ 'a' in plain }}": true,
		"{{ plain[0] }}": "[", "{{ peers | from_yaml | length }}": 2, "{{ peers }}": made, "{{ result.msg == peers }}": true,
		"{% set l %}['a']{% endset %}{{ l | length }}": 5,
	} {
		if got, err := e.Render(text, vars); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
}

func withHostvars(vars Map) map[string]any {
	all := map[string]any{"hostvars": ordered.Of("me", Scope{Vars: vars})}
	for name, value := range vars {
		all[name] = value
	}
	return all
}

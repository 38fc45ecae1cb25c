package templates

import (
	"encoding/json"
	"os"
	"testing"
)

// FuzzRender looks for panics and endless work: any text is an error or a value, soon.
func FuzzRender(f *testing.F) {
	data, err := os.ReadFile("ansible/testdata/ansible.json")
	if err != nil {
		f.Fatal(err)
	}
	var cases []struct{ Template string }
	if err := json.Unmarshal(data, &cases); err != nil {
		f.Fatal(err)
	}
	for _, c := range cases {
		f.Add(c.Template, false)
	}
	for _, text := range []string{
		"{%", "{{", "{#", "{% raw %}", "{{ '", "{%-", "{% if", "{{ a[ }}", "{% set a.b.c = 1 %}", "{% block x %}", "\x00{{\xff}}",
	} {
		f.Add(text, true)
	}
	f.Fuzz(func(t *testing.T, text string, file bool) {
		e := New(Options{})
		vars := Map{"port": 5432, "nodes": []any{"a", "b"}, "settings": map[string]any{"a": 1}, "self": text, "name": "{{ port }}"}
		checked := e.Check(text)
		var err error
		if file {
			_, err = e.File("fuzz.j2", text, vars, DefaultFileOptions())
		} else {
			_, err = e.Render(text, vars)
		}
		if checked != nil && err == nil && !file {
			t.Errorf("%q: Check says %v, but it renders", text, checked)
		}
	})
}

// FuzzCondition does the same for conditions.
func FuzzCondition(f *testing.F) {
	for _, text := range []string{
		"a == 1", "not a", "a is defined and a.b", "'{{ a }}' == 'x'", "a | default(", "a[1:", "{'a': 1}.a", "", "-", "a if b",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e := New(Options{})
		_ = e.CheckCondition(text)
		_, _ = e.Condition(text, Map{"a": 1, "b": text})
	})
}

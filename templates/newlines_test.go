package templates

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Recorded from ansible-core 2.14: a playbook's text loses the newline after a tag, and ends with as many newlines as were written.
func TestNewlinesInPlaybooks(t *testing.T) {
	e := New(Options{})
	for text, want := range map[string]any{
		"a{% if true %}\nb{% endif %}\nc":  "abc",
		"{% if false %}\nx\n{% endif %}\n": "\n",
		"{% if true %}\nx\n{% endif %}\n":  "x\n",
		"{{ 'x' }}\n":                      "x\n",
		"{{ 'x\n' }}\n":                    "x\n",
		"{{ 'x' }}\n\n":                    "x\n\n",
		"{{ [1] }}\n":                      []any{1},
	} {
		got, err := e.Render(text, nil)
		if err != nil {
			t.Errorf("%q: %v", text, err)
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

// A template file has the options of its module, and those of its first line; what it includes has the same.
func TestTheFirstLineSetsOptions(t *testing.T) {
	e := New(Options{Templates: func(name string) (string, bool) { return "  {% if true %}i{% endif %}\n", name == "inc" }})
	for _, c := range []struct {
		text, want, problem string
		options             FileOptions
	}{
		{text: "#jinja2: lstrip_blocks: True\n  {% if true %}\nx\n  {% endif %}\n", want: "x\n", options: DefaultFileOptions()},
		{text: "#jinja2:lstrip_blocks:True,trim_blocks:False\n  {% if true %}\nx\n  {% endif %}\n", want: "\nx\n", options: DefaultFileOptions()},
		{text: "#jinja2: newline_sequence: '\\r\\n'\na\n{{ 'b\\n' }}\n\n", want: "a\r\nb\n\r\n\r\n"},
		{text: "#jinja2: keep_trailing_newline: True\na\n", want: "a\n"},
		{text: "#jinja2: lstrip_blocks: True\n{% include 'inc' %}|", want: "i|"},
		{text: "{% include 'inc' %}|", want: "  i|"},
		{text: "#jinja2: lstrip_blocks: True", want: ""},
		{text: "#jinja2: trim_blocks: maybe\n", problem: "1:10: trim_blocks is True or False, not maybe"},
		{text: "#jinja2: variable_start_string: '[['\n", problem: "1:10: the option variable_start_string is not supported"},
		{text: "#jinja2: trim_blocks\n", problem: "1:10: expected an option and its value"},
		{text: "#jinja2: trim_blocks: True\n{{ x y }}", problem: "2:6: "},
	} {
		got, err := e.File("f", c.text, Map{}, c.options)
		if c.problem != "" {
			if err == nil || !strings.Contains(err.Error(), "f:"+c.problem) {
				t.Errorf("%q: %q, %v", c.text, got, err)
			}
		} else if err != nil || got != c.want {
			t.Errorf("%q: %q, %v, want %q", c.text, got, err, c.want)
		}
	}
}

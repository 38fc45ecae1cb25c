package templates

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A playbook's text loses the newline after a tag, and ends with as many newlines as were written, but where nothing is left of it.
func TestNewlinesInPlaybooks(t *testing.T) {
	e := New(Options{})
	for text, want := range map[string]any{
		"a{% if true %}\nb{% endif %}\nc":  "abc",
		"{% if false %}\nx\n{% endif %}\n": nil, // 2.14 makes a line end of it
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
		{text: "#jinja2: newline_sequence: '\\r\\n'\na\n{{ 'b\\n' }}\n\n", want: "a\r\nb\n\r\n\n"}, // 2.14 ends with \r\n
		{text: "a\n{{ 'b\n' }}\n\n", want: "a\r\nb\n\r\n\r\n", options: FileOptions{NewlineSequence: "\r\n"}},
		{text: "#jinja2: keep_trailing_newline: True\na\n", want: "a\n"},
		{text: "#jinja2: lstrip_blocks: True\n{% include 'inc' %}|", want: "i|"},
		{text: "{% include 'inc' %}|", want: "  i|"},
		{text: "#jinja2: lstrip_blocks: True", problem: "1:1: the line with the template's options is not followed by another"},
		{text: "#jinja2: trim_blocks: maybe\n", problem: "1:10: trim_blocks is True or False, not maybe"},
		{text: "#jinja2: variable_start_string: '{%'\n",
			problem: "1:9: block_start_string, variable_start_string and comment_start_string must differ"},
		{text: "#jinja2: variable_start: '[['\n", problem: "1:10: there is no option \"variable_start\" for a template"},
		{text: "#jinja2: trim_blocks: yes\n", problem: "1:10: trim_blocks is True or False, not yes"},
		{text: "#jinja2: trim_blocks\n", problem: "1:10: expected an option and its value"},
		{text: "#jinja2: trim_blocks: True\n{{ x y }}", problem: "2:6: "},
		{text: "#jinja2: variable_start_string: '[[', variable_end_string: ']]'\n[[ [1][0] ]] {{ y }}\n", want: "1 {{ y }}\n"},
		{text: "#jinja2: block_start_string:'<%', block_end_string:'%>'\n<% if true %>a<% endif %>{% if %}", want: "a{% if %}"},
		{text: "#jinja2: block_start_string:'[%', block_end_string:'%]'\n" +
			"[% raw %]{{ x }}[%- endraw -%]  y [%- if true -%] z [%- endif %]\n{{ 1 }}", want: "{{ x }}yz\n1"},
		{text: "#jinja2: comment_start_string:'/*', comment_end_string:'*/'\na /*- x -*/ b /* y */\nc", want: "ab \nc"},
		{text: "#jinja2: line_statement_prefix:'%%', line_comment_prefix:'##'\na {{ 1 }}   ## c {{ x }}\n## whole\n" +
			"  %% for i in [1,\n 2]:\n\n\n  x{{ i }}\n  %% endfor   \n\nend", want: "a 1\n\n  x1\n  x2\nend"},
		{text: "#jinja2: line_comment_prefix:'//'\nhttp://x\na //b\n //c\n{{ 1 }}", want: "http:\na\n\n1"},
		{text: "#jinja2: line_statement_prefix:'%%'\na\n%% if true\nb", problem: "4:2: the template ends before"},
		{text: "{% if true %}a{% endif %}\r\n\r\n", want: "a\n"},
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

// What is alone in a text keeps its type, whatever tags stand around it: recorded from ansible-core 2.19. What is not there, and None,
// do not count; several things are put together as text.
func TestOneThingAloneKeepsItsType(t *testing.T) {
	e := New(Options{})
	list := []any{1, 2}
	for text, want := range map[string]any{
		"{% if true %}{{ 1 }}{% endif %}":  1,
		"{% if false %}{{ 1 }}{% endif %}": nil,
		"{{ [1, 2] }}{{ none }}":           list,
		"{{ [1, 2] }}{{ '' }}":             "[1, 2]",
		"{{ [1, 2] }}{# c #}":              list,
		"{# c #}":                          nil,
		"{% set x = [] %}{% for i in [1, 2] %}{% set _ = x.append(i) %}{% endfor %}{{ x }}":   list,
		"{% set x = [] %}{% for i in [1, 2] %}{{ x.append(i) }}{% endfor %}{{ x }}":           list,
		"{% set x = [] %}{% for i in [1, 2] %}{{ x.append(i) or '' }}{% endfor %}{{ x }}":     "[1, 2]",
		"{% set x = [] %} {% for i in [1, 2] %}{% set _ = x.append(i) %} {% endfor %}{{ x }}": "   [1, 2]",
		"{% for i in [3] %}{{ i }}{% endfor %}":                                               3,
		"{% for i in [3, 4] %}{{ i }}{% endfor %}":                                            "34",
		"{% macro m() %}{{ [1, 2] }}{% endmacro %}{{ m() }}":                                  list,
		"{% macro m() %}{% endmacro %}{{ m() | type_debug }}":                                 "NoneType",
		"{% macro m() %}{{ [3] }} {% endmacro %}{{ m() | type_debug }}":                       "str",
		"{% set x %}{{ [1, 2] }}{% endset %}{{ x | type_debug }}":                             "list",
		"{% filter type_debug %}{{ [1] }}{% endfilter %}":                                     "list",
		"{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}{{ [1, 2] }}{% endcall %}":  list,
		"{% with a = 1 %}{{ a }}{% endwith %}":                                                1,
		"{{ true }}{% if false %}x{% endif %}":                                                true,
		"{% if true %}True{% endif %}":                                                        "True",
		"{{ {'a': [none]} }}!":                                                                "{'a': [None]}!",
	} {
		got, err := e.Render(text, nil)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
	for text, want := range map[string]string{
		"{{ 5 }}\n": "5", "{{ none }}\n": "", "{% if false %}\nx\n{% endif %}\n": "", "a{% if true %}\nx\n{% endif %}\n": "ax\n",
		"{{ 'x' }}\n": "x\n",
	} {
		if got, err := e.File("f", text, nil, DefaultFileOptions()); err != nil || got != want {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}

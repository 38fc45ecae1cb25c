package templates

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/polarbook/polarbook/templates/ordered"
)

// hosts is hostvars over maps.
type hosts map[string]Map

func (h hosts) Get(name string) (any, bool) {
	vars, ok := h[name]
	return Scope{Vars: counted{vars}}, ok
}

func (h hosts) Keys() []string {
	list := []string{}
	for name := range h {
		list = append(list, name)
	}
	return list
}

// counted is Vars that can be compared, unlike a map.
type counted struct{ vars Vars }

func (c counted) Get(name string) (any, bool) { return c.vars.Get(name) }

func TestVariablesAreRenderedWhenRead(t *testing.T) {
	other := Map{"address": "10.0.0.{{ number }}", "number": 2, "bad": "{{ nope }}"}
	vars := Map{
		"number": 1, "address": "10.0.0.{{ number }}", "groups": map[string][]string{"db": {"a", "b"}},
		"hostvars": hosts{"b": other}, "bad": "{{ nope.x }}",
		"list": []any{"{{ number }}", map[string]any{"k{{ number }}": "{{ address }}"}},
		"raw":  Unsafe{Value: map[string]any{"out": "{{ number }}"}}, "lit": Unsafe{Value: "{{ x }}"},
		"int64": int64(7), "strings": []string{"x", "y"},
		"a": "{{ b }}", "b": "{{ c }}", "c": "{{ a }}", "self": map[string]any{"x": "{{ self.y }}", "y": 2},
		"omit": Omit,
	}
	for _, c := range []struct {
		template string
		want     any
		err      string
	}{
		{"{{ address }}", "10.0.0.1", ""},
		{"{{ hostvars['b'].address }}", "10.0.0.2", ""},
		{"{{ hostvars.b.number + number }}", 3, ""},
		{"{{ hostvars['c'].x | default('none') }}", "none", ""},
		{"{{ 'b' in hostvars }}{{ 'c' in hostvars }}", "TrueFalse", ""},
		{"{{ groups['db'] | map('extract', hostvars, 'number') | list }}", nil, `has no 'a'`},
		{"{{ groups['db'] | map('extract', hostvars, 'number') | map('default', 0) | list }}", []any{0, 2}, ""},
		{"{{ ['b'] | map('extract', hostvars, 'number') | list }}", []any{2}, ""},
		{"{{ hostvars.b.get('number') }}", 2, ""},
		{"{{ hostvars['b']['bad'] }}", nil, `"nope" is undefined`},
		{"{{ hostvars | list }}", []any{"b"}, ""},
		{"{{ list }}", []any{1, ordered.Of("k1", "10.0.0.1")}, ""},
		{"{{ raw.out }} {{ raw }} {{ lit }}", "{{ number }} {'out': '{{ number }}'} {{ x }}", ""},
		{"{{ int64 + 1 }}", 8, ""},
		{"{{ strings | join }}", "xy", ""},
		{"{{ groups.db | length }}", 2, ""},
		{"{{ a }}", nil, "a -> b -> c -> a"},
		{"{{ self.x }}", 2, ""},
		{"{{ bad }}", nil, `"nope" is undefined`},
		{"{{ adress }}", nil, `did you mean "address"?`},
		{"{{ groups.bd }}", nil, `did you mean "db"?`},
		{"{{ number | default(omit) }}", 1, ""},
		{"{{ missing | default(omit) }}", Omit, ""},
		{"{{ 10 if number == 2 else omit }}", Omit, ""},
	} {
		got, err := New(Options{}).Render(c.template, vars)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v %v, want an error with %s", c.template, got, err, c.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.template, err)
		} else if c.want == Omit {
			if got != Omit {
				t.Errorf("%s: %v", c.template, got)
			}
		} else if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.template, diff)
		}
	}
}

func TestErrorsSayWhere(t *testing.T) {
	e := New(Options{})
	_, err := e.Render("{{ db.port }}", Map{"db": map[string]any{"prot": 1}})
	var missing *UndefinedError
	if !errors.As(err, &missing) || missing.Name != "db.port" || !strings.Contains(err.Error(), `did you mean "prot"?`) {
		t.Errorf("undefined: %v", err)
	}
	_, err = e.File("pg.conf.j2", "port = 1\nname = {{ nmae }}\n", Map{"name": "x"}, DefaultFileOptions())
	want := `pg.conf.j2:2:11: "nmae" is undefined; did you mean "name"?, in the line: name = {{ nmae }}`
	if err == nil || err.Error() != want {
		t.Errorf("file: %v", err)
	}
	for text, want := range map[string]string{
		"a {{ x | uper }}":                       `1:10 there is no filter "uper"; did you mean "upper"?`,
		"{{ x is defind }}":                      `1:9 there is no test "defind"; did you mean "defined"?`,
		"{{ lookup('evn', 'X') }}":               `1:11 there is no lookup "evn"; did you mean "env"?`,
		"{{ x | urlize }}":                       `1:8 the filter urlize is not supported: nothing here writes HTML`,
		"{{ x | regex_replace(a, b, c=1) }}":     `1:8 the filter regex_replace has no argument "c"`,
		"{{ x | combine(recursiv=1, x=2, zz) }}": `1:33 an argument without a name cannot follow one with a name`,
		"one\n{% fro x in y %}{% endfor %}":      `2:4 there is no tag "fro"; did you mean "for"?`,
		"{% if x %}\n":                           `2:1 the template ends before elif or else or endif`,
		"{% endif %}":                            `1:4 endif closes nothing: there is no open if`,
		"{{ x y }}":                              `1:6 "y" is not expected here`,
		"{{ x":                                   `1:1 this tag is not closed by }}`,
		"a {{ x\nit's":                           `1:3 this tag is not closed by }}`,
		"{{ (x }}":                               `1:1 this tag is not closed by }}`,
		"{{ (x] }}":                              `1:6 expected ")", found "]"`,
		"{% for x in y %}{% if x %}{% endfor %}": `1:30 endfor cannot be here: the if within comes to its end first, with elif or else or endif`,
		"{% if x %}{% endif y %}":                `1:20 "y" is not expected here`,
		"{% raw x %}{% endraw %}":                `1:8 "x" is not expected here`,
		"{{ 1 }}{% raw %}":                       `1:8 the template ends before endraw`,
		"{# c":                                   `1:1 this comment is not closed by #}`,
		"{% %}":                                  `1:1 this tag is empty`,
		"{{ }}":                                  `1:1 there is no expression between the braces`,
		"{% extends %}":                          `1:12 expected a value, found the end of the expression`,
	} {
		err := e.Check(text)
		var at *Error
		if !errors.As(err, &at) {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got := strings.TrimSpace(strings.Join([]string{position2(at), at.Message}, " ")); got != want {
			t.Errorf("%q:\n got  %s\n want %s", text, got, want)
		}
	}
	if err := e.CheckCondition("x == "); err == nil || !strings.Contains(err.Error(), "expected a value") {
		t.Errorf("condition: %v", err)
	}
}

func position2(e *Error) string { return fmt.Sprintf("%d:%d", e.Line, e.Column) }

func TestCondition(t *testing.T) {
	vars := Map{"yes": true, "word": "False", "zero": 0, "expression": "zero == 0", "empty": "", "ref": "{{ yes }}", "list": []any{}}
	for condition, want := range map[string]bool{
		"": true, "yes": true, "not yes": false, "word": true, "zero": false, "ref": true, "list": false, "empty": false,
		"{{ word }}": false, "{{ yes }}": true, "{{ expression }}": true, "{{ empty }}": false, "'{{ word }}' == 'False'": true,
		"nope is none": false, "nope is not string": true, "nope.x is mapping": false,
		"yes and zero == 0": true, "nope is not defined": true, "nope | default(false)": false, "{'a': {'b': 1}} == {'a': {'b': 1}}": true,
		"false": false, "True": true, "none": false,
	} {
		got, err := New(Options{}).Condition(condition, vars)
		if err != nil || got != want {
			t.Errorf("%q: %v %v", condition, got, err)
		}
	}
	for _, condition := range []string{
		"nope", "nope == 1", "nope is iterable", "'%s' % nope == ''", "'%s' | format(nope) == ''", "1 +", "{{ nope }}",
	} {
		if got, err := New(Options{}).Condition(condition, vars); err == nil {
			t.Errorf("%q gave %v", condition, got)
		}
	}
}

// TestUnsafeCondition: what a host says is a value, and never an expression.
func TestUnsafeCondition(t *testing.T) {
	asked := false
	e := New(Options{Env: func(string) (string, bool) { asked = true; return "CANARY", true }})
	const attack = "lookup('env','X') is search('CANARY')"
	vars := Map{
		"r": Unsafe{Value: map[string]any{"stdout": attack, "rc": 0, "changed": true, "stdout_lines": []any{attack},
			"none": nil, "yes": "true"}},
		"said": Unsafe{Value: attack}, "alias": "{{ r.stdout }}", "deep": map[string]any{"a": []any{"{{ said }}"}},
		"cond": "zero == 0", "zero": 0,
		"hosts": Map{"h": Scope{Vars: Map{"fact": Unsafe{Value: attack}}}}, "list": []any{Unsafe{Value: attack}},
	}
	for _, condition := range []string{
		"{{ r.stdout }}", "{{ said }}", "{{ alias }}", "{{ deep.a[0] }}", "{{ r.stdout }} == 'x'", "'{{ r.stdout }}' == 'x'",
		"{{ hosts.h.fact }}", "{{ list[0] }}",
		"{{ r.stdout_lines | first }}", "{{ r.stdout | trim | upper | lower }}", "{% if true %}{{ said }}{% endif %}",
		"{% set x %}{{ said }}{% endset %}{{ x }}",
		"{% set x = said %}{{ x }}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(said) }}",
		"{% for x in r.stdout_lines %}{{ x }}{% endfor %}", "{{ r.yes }}",
		"{{ lookup('env', 'X') }}", "{{ '' ~ r.stdout }}", "{% filter lower %}{{ said }}{% endfilter %}",
		"{{ [said] | join }}", "{{ '%s' % said }}",
		"{{ {'a': said}.a }}", "{{ said if true else 1 }}", "{% call x() %}{% endcall %}{{ said }}", "{{ cond if r.rc == 0 else said }}",
	} {
		asked = strings.Contains(condition, "lookup")
		was := asked
		got, err := e.Condition(condition, vars)
		if err == nil || asked != was {
			t.Errorf("%s: %v %v, the environment was read: %v", condition, got, err, asked)
		}
		var unsafe *UnsafeConditionError
		if !errors.As(err, &unsafe) && !strings.Contains(condition, "call") {
			t.Errorf("%s: %v", condition, err)
		}
	}
	for condition, want := range map[string]bool{
		"{{ cond }}": true, "{{ r.changed }}": true, "{{ r.rc == 0 }}": true, "{{ r.rc }} == 0": true, "{{ r.rc }} == {{ zero }}": true,
		"{{ r.stdout | length > 3 }}": true,
		"r.stdout":                    true, "said == 'x'": false, "r.yes | bool": true, "{{ r.none }}": false,
		"{{ cond }} and {{ r.changed }}": true, "not said is search('CANARY')": false,
	} {
		if got, err := e.Condition(condition, vars); err != nil || got != want {
			t.Errorf("%s: %v %v", condition, got, err)
		}
	}
	if _, err := e.Condition("{{ r.stdout }}", vars); err == nil || !strings.Contains(err.Error(), "r.stdout | bool") {
		t.Errorf("what to write is not said: %v", err)
	}
}

func TestIPv4Int(t *testing.T) {
	for address, want := range map[string]any{
		"10.0.0.1": 167772161, "192.168.1.1": 3232235777, "0.0.0.0": 0, "255.255.255.255": 4294967295,
		"::1": nil, "node1": nil, "10.0.0": nil, "10.0.0.256": nil, "010.0.0.1": nil, "": nil, "::ffff:10.0.0.1": nil,
	} {
		got, err := New(Options{}).Render("{{ a | ipv4_int }}", Map{"a": address})
		if want == nil && err == nil || want != nil && got != want {
			t.Errorf("%s: %v %v", address, got, err)
		}
	}
}

func TestFilesAndEnvironment(t *testing.T) {
	directory := t.TempDir()
	for name, content := range map[string]string{
		"files/a.txt": "content\n", "templates/inc.j2": "<{{ name }}{{ x | default('') }}>\n",
		"templates/lib.j2": "{% macro m(a) %}[{{ a }}]{% endmacro %}{% set v = 5 %}",
		"templates/bad.j2": "ok\n{{ nope }}",
	} {
		if err := os.MkdirAll(directory+"/"+name[:strings.IndexByte(name, '/')], 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(directory+"/"+name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	e := New(Options{
		Env:         func(name string) (string, bool) { return "secret", name == "SET" },
		Read:        os.ReadFile,
		Directories: []string{directory},
		Templates:   func(name string) (string, bool) { return "built-in {{ name }}", name == "own.j2" },
	})
	for template, want := range map[string]string{
		"{{ lookup('env', 'SET') }}":                                 "secret",
		"{{ lookup('env', 'UNSET') }}|":                              "|",
		"{{ lookup('env', 'UNSET', default='d') }}":                  "d",
		"{{ lookup('file', 'a.txt') }}!":                             "content!",
		"{{ lookup('template', 'inc.j2') }}":                         "<n>\n",
		"{{ lookup('template', 'inc.j2', template_vars={'x': 1}) }}": "<n1>\n",
		"{{ lookup('template', 'own.j2', variable_start_string='[[', variable_end_string=']]', convert_data=false) }}": "built-in {{ name }}",
		"{{ lookup('template', 'own.j2', trim_blocks='no', comment_start_string='in', comment_end_string=' ') }}":      "built-n",
		"{{ lookup('env', 'UNSET', default=none) }}|":                                                                  "|",
		"{{ q('nested', [[1, 2], 3], [[4, [5]]]) }}":                                                                   "[[1, 2, 4, 5], [3, 4, 5]]",
		"{{ q('cartesian', [[1, 2], 3], [[4, [5]]]) }}":                                                                "[[1, 2, 4, [5]], [3, 4, [5]]]",
		"{% set x = 2 %}{% include 'inc.j2' %}":                                                                        "<n2>", // an included file's last newline goes
		"{% include 'none.j2' ignore missing %}x":                                                                      "x",
		"{% include ['none.j2', 'own.j2'] %}":                                                                          "built-in n",
		"{% import 'lib.j2' as l %}{{ l.m(1) }}{{ l.v }}":                                                              "[1]5",
		"{% from 'lib.j2' import m as k, v %}{{ k(2) }}{{ v }}":                                                        "[2]5",
		"{{ lookup('first_found', ['no.txt', 'a.txt']) | basename }}":                                                  "a.txt",
		"{{ q('first_found', ['no', 'no.txt,a.txt']) | length }}":                                                      "1",
		"{{ q('first_found', files='a.txt', paths='no:files') | length }}":                                             "1",
		"{{ q('first_found', {'files': 'no', 'skip': 'yes'}) }}":                                                       "[]",
		"{{ q('first_found', ['inc.j2'], errors='ignore') }}":                                                          "[]",
		"{{ q('fileglob', 'files/[!b]*') | map('basename') }}":                                                         "['a.txt']",
		"{{ q('fileglob', 'none/*', '*.none') }}":                                                                      "[]",
		"{{ lookup('file', 'none', errors='ignore') }}":                                                                "",
		"{{ query('fileglob', '*.txt') | map('basename') | list }}":                                                    "['a.txt']",
		"{{ '" + directory + "' is directory }}{{ '/no/such' is exists }}":                                             "TrueFalse",
	} {
		got, err := e.File("t.j2", template, Map{"name": "n"}, DefaultFileOptions())
		if err != nil || got != want {
			t.Errorf("%s: %q %v", template, got, err)
		}
	}
	for template, want := range map[string]string{
		"{% include 'none.j2' %}":             "t.j2:1:12: the template none.j2 does not exist",
		"{% include 'bad.j2' %}":              "templates/bad.j2:2:4: \"nope\" is undefined",
		"{{ lookup('file', 'none') }}":        "the file none does not exist; looked for",
		"{% from 'lib.j2' import n %}":        `has no "n"; did you mean "m"?`,
		"{{ lookup('first_found', ['no']) }}": "none of the files exists: no",
	} {
		_, err := e.File("t.j2", template, Map{"name": "n"}, DefaultFileOptions())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", template, err)
		}
	}
}

func TestMutationStaysWithinTheTemplate(t *testing.T) {
	inner := []any{1}
	vars := Map{"list": inner, "map": map[string]any{"l": inner}}
	got, err := New(Options{}).File("t", "{% set _ = list.append(2) %}{% set _ = map.l.append(3) %}{% set _ = map.update({'x': "+
		"1}) %}{{ list }}{{ map }}", vars, FileOptions{})
	if err != nil || got != "[1, 2]{'l': [1, 3], 'x': 1}" {
		t.Errorf("%q %v", got, err)
	}
	if len(inner) != 1 || len(vars["map"].(map[string]any)) != 1 {
		t.Errorf("the caller's values changed: %v", vars)
	}
}

func TestWorkIsBounded(t *testing.T) {
	work := []string{
		"{{ 'x' * 1000000000 }}", "{{ range(100000000) }}", "{{ 9 ** 9 ** 9 ** 9 ** 9 }}",
		"{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
		strings.Repeat("(", 5000), "{{ " + strings.Repeat("(", 5000) + "1" + strings.Repeat(")", 5000) + " }}",
		strings.Repeat("{% if true %}", 5000) + strings.Repeat("{% endif %}", 5000),
		"{% set n = namespace(s=[1]) %}{% for i in range(100) %}{% set n.s = n.s + n.s %}{% endfor %}", "{{ '%99999999d' % 1 }}",
	}
	if !testing.Short() { // millions of steps, and of bytes that are copied
		work = append(work, "{% for a in range(1000000) %}{% for b in range(1000000) %}{% endfor %}{% endfor %}",
			"{% set n = namespace(s='x') %}{% for i in range(100) %}{% set n.s = n.s ~ n.s %}{% endfor %}")
	}
	for _, template := range work {
		if got, err := New(Options{}).Render(template, nil); err == nil && template[0] == '{' {
			t.Errorf("%.40s gave %.40v", template, got)
		}
	}
}

func TestEngineIsSafeForManyGoroutines(t *testing.T) {
	e := New(Options{})
	vars := Map{"a": "{{ b }}", "b": map[string]any{"c": "{{ d }}"}, "d": 1}
	var group sync.WaitGroup
	for range 8 {
		group.Add(1)
		go func() {
			defer group.Done()
			for range 100 {
				if got, err := e.Render("{{ a.c + 1 }}", vars); err != nil || got != 2 {
					t.Errorf("%v %v", got, err)
					return
				}
			}
		}()
	}
	group.Wait()
}

func TestNames(t *testing.T) {
	got, err := New(Options{}).Names("{% set x = a.b %}{{ x }}{% for i in c[d] if i is divisibleby e %}{{ loop.index }}{{ i " +
		"}}{% endfor %}{{ lookup('vars', f) | default(g) }}")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "c", "d", "e", "f", "g"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestRenderValue(t *testing.T) {
	got, err := New(Options{}).RenderValue(map[string]any{"{{ k }}": []any{"{{ n }}", 1, nil, "x{{ n }}"}}, Map{"k": "key", "n": 5})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(ordered.Of("key", []any{5, 1, nil, "x5"}), got); diff != "" {
		t.Error(diff)
	}
}

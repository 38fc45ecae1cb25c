package templates

import (
	"errors"
	"html"
	"math/rand"
	"regexp"
	"strings"
	"testing"
)

// Expressions and statements give what they give in Jinja2.
func TestExpressionsAsJinja(t *testing.T) {
	compare(t, func(source *rand.Rand) *rendered {
		w := &writer{Rand: source}
		for range 1 + w.Intn(2) {
			w.statement(2)
		}
		return &rendered{template: w.out.String(), options: DefaultFileOptions(), variables: expressionVariables}
	}, func(c *rendered, got string, err error) string {
		var absent *UndefinedError
		switch {
		case errors.As(err, &absent) && strings.Contains(c.text, "Undefined"):
			return "Jinja2 prints a list or mapping that holds something undefined; here it is an error, as in Ansible"
		case strings.Contains(c.err, "unhashable") && strings.Contains(c.template, "unique"):
			return "Ansible's unique takes lists and mappings too"
		case strings.Contains(c.err, "expected token") && testBeforeIf.MatchString(c.template):
			return "Jinja2 takes the if behind a test without argument for its argument; here it is an inline if"
		case err != nil && unreached.MatchString(err.Error()):
			return "an unknown filter is a mistake here even where it is not reached"
		case err != nil && slicedNumber.MatchString(c.template) && strings.Contains(err.Error(), "cannot be sliced"):
			return "Jinja2 takes a slice of a number that it knows beforehand for undefined; here it is an error, as that of a variable is in Python"
		case err == nil && html.UnescapeString(got) == html.UnescapeString(c.text), strings.Contains(c.text, "Markup("):
			return "Jinja2 escapes what is put together with escaped text; nothing here writes HTML"
		case strings.Contains(c.template, "pprint"):
			return "pprint breaks no lines and sorts no keys here; to_nice_yaml and to_nice_json are for people"
		case strings.Contains(c.template, "|truncate"), strings.Contains(c.template, "|indent"):
			return "truncate and indent make a text of everything here"
		case strings.Contains(c.template, "|wordwrap"):
			return "wordwrap makes a text of everything here, and puts one blank between words"
		case errors.As(err, &absent) && strings.Contains(c.text, "UNDEFINED"):
			return "%r of something undefined is an error here, as in Ansible"
		case errors.As(err, &absent) && undefinedCalled.MatchString(c.template):
			return "something undefined is not asked whether it is callable, as in Ansible"
		case errors.As(err, &absent) && strings.Contains(c.template, "!r") && strings.Contains(c.template, "e["):
			return "Jinja2 gives the form of something undefined that it knows beforehand; here it is an error, as in Ansible"
		case strings.Contains(c.err, "no attribute 'is_integer'"):
			return "whole numbers have is_integer in Python 3.12 and newer"
		case strings.Contains(c.template, "|safe"):
			return "safe makes a text of everything in Jinja2; nothing here writes HTML"
		}
		return ""
	})
}

var (
	slicedNumber    = regexp.MustCompile(`[0-9]\[[-0-9]*:`)
	testBeforeIf    = regexp.MustCompile(` is (not )?[a-z]+( none)? if `)
	undefinedCalled = regexp.MustCompile(`\][^|}]* is (not )?callable`)
	unreached       = regexp.MustCompile(`there is no filter "[a-z]+\.`)
)

// The names say what they hold: i is an integer, li a list of them.
var expressionVariables = map[string]any{
	"i": 7, "j": -3, "zero": 0, "f": 2.5, "s": "Hello World", "t": "a,b;c", "e": "", "yes": true, "no": false, "null": nil,
	"li": []any{3, 1, 2}, "ls": []any{"b", "A", "c"}, "le": []any{}, "lm": []any{1, "x", 2.5, nil, true, []any{1}},
	"d": map[string]any{"a": 1, "b": "x", "c": []any{1, 2}},
	"rows": []any{map[string]any{"name": "n1", "port": 5432, "up": true}, map[string]any{"name": "n2", "port": 5433, "up": false},
		map[string]any{"name": "n3", "port": 5432}},
}

// value writes an expression of a kind: i integer, f float, s string, b truth, l list, d mapping, or anything.
func (w *writer) value(kind string, depth int) string {
	if depth <= 0 {
		switch kind {
		case "i":
			return w.one("i", "j", "zero", "1", "2", "42", "-1", "0x10", "1_000", "9223372036854775807", "12345678901234567890123",
				"(-2 ** 63)", "3")
		case "f":
			return w.one("f", "0.5", "1e3", "-2.5", "3.0", "1e-7", "1e16")
		case "s":
			return w.one("s", "t", "e", "'x'", "\"it's\"", "'a b'", "'5'", "'é'", "'a' 'b'", "'A\\tb'", "'x\\ny'")
		case "b":
			return w.one("yes", "no", "true", "False")
		case "l":
			return w.one("li", "ls", "le", "lm", "[1, 2, 3]", "['x', 'y']", "rows", "(1, 2)", "[]", "range(4)|list", "d.c")
		case "d":
			return w.one("d", "{}", "{'b': 1, 'a': 2}", "rows[0]", "dict(b='z', a=1)")
		}
		return w.value(w.one("i", "f", "s", "b", "l", "d", "n"), 0)
	}
	depth--
	v := func(kind string) string { return w.value(kind, depth) }
	if w.chance(8) {
		return "(" + v(kind) + ")"
	}
	if w.chance(6) {
		return v(kind) + " if " + v("b") + " else " + v(kind)
	}
	switch kind {
	case "i":
		return w.pick(
			func() string { return v("i") + w.one(" + ", " - ", " * ", " // ", " % ") + v("i") },
			func() string { return "-" + w.value("i", 0) },
			func() string { return "(" + v("i") + ").bit_length()" },
			func() string { return v("i") + " ** " + w.one("2", "0", "3") },
			func() string { return v("l") + "|" + w.one("length", "count") },
			func() string { return v("s") + "|length" },
			func() string { return v(w.one("s", "f", "i", "b")) + "|int" + w.one("", "(5)", "(default=3)") },
			func() string { return v("i") + "|abs" },
			func() string {
				return "li" + w.one("[0]", "[-1]", "|first", "|last", "|sum", "|max", "|min", ".1", "[i]|default(9)")
			},
			func() string { return v("s") + ".count('" + w.one("a", "l", "o") + "')" },
			func() string { return v("s") + ".find('" + w.one("a", "l", "W") + "')" },
			func() string { return "d.a" + w.one("", " + 1", "|default(3)") },
			func() string { return "rows|sum(attribute='port')" },
			func() string { return v("s") + "|wordcount" },
		)
	case "f":
		return w.pick(
			func() string { return v(w.one("i", "f")) + " / " + v(w.one("i", "f")) },
			func() string { return v("f") + w.one(" + ", " - ", " * ", " // ", " % ") + v(w.one("i", "f")) },
			func() string {
				return v(w.one("f", "i")) + "|round" + w.one("", "(1)", "(2, 'ceil')", "(method='floor')", "(0)", "(-1)")
			},
			func() string { return v(w.one("s", "i", "b")) + "|float" + w.one("", "(1.5)") },
			func() string { return v("f") + "|abs" },
			func() string { return v("i") + " ** -1" },
			func() string { return "(" + v("f") + ").conjugate()" },
		)
	case "s":
		return w.pick(
			func() string {
				return v("s") + "|" + w.one("upper", "lower", "capitalize", "title", "trim", "trim('a')", "string", "reverse", "center(14)",
					"indent", "indent(2, true)", "indent(width=3, blank=true)",
					"replace('a', 'b')", "replace('l', 'L', 1)", "truncate(5)", "truncate(5, true)", "truncate(8, false, '..', 0)",
					"wordwrap(5)", "default('d')", "default('d', true)", "first", "last", "striptags", "urlencode",
					"format", "safe", "wordwrap(3, false)", "list|join('-')", "batch(2)|list", "int", "unique|join", "sort|join", "join(',')")
			},
			func() string { return v("s") + " + " + v("s") },
			func() string { return v("any") + " ~ " + v("any") },
			func() string { return v("s") + " * " + w.one("2", "0", "3", "-1") },
			func() string { return v("s") + w.slice() },
			func() string { return v("s") + "[" + w.one("0", "-1", "1") + "]" },
			func() string {
				return v("s") + "." + w.one("upper()", "lower()", "strip()", "title()", "capitalize()", "replace('o', '0')",
					"split(',')|join('|')", "split()[0]", "rstrip('d')", "lstrip('H')", "zfill(14)", "ljust(14, '.')",
					"rjust(14)", "center(15, '*')", "swapcase()", "splitlines()|join('/')", "partition(',')|join('_')", "rsplit(' ', 1)|last",
					"format(1)", "join(ls)", "expandtabs(4)", "removeprefix('a')", "casefold()")
			},
			func() string { return "'%s-%s' % (" + v("any") + ", " + v("any") + ")" },
			func() string { return w.one("'%d'", "'%5d|'", "'%-5d|'", "'%05d'", "'%x'", "'%+d'") + " % " + v("i") },
			func() string { return w.one("'%.2f'", "'%e'", "'%g'", "'%8.3f|'", "'%s'", "'%r'") + " % " + v("f") },
			func() string { return "'%s %s'|format(" + v("any") + ", " + v("any") + ")" },
			func() string {
				return w.one("'{} {}'", "'{1}-{0}'", "'{0!r:>8}{1}'") + ".format(" + v(w.one("i", "s", "f")) + ", " + v(w.one("i", "s")) + ")"
			},
			func() string {
				return w.one("'{:>6}'", "'{:05d}'", "'{:,}'", "'{:x}'", "'{:^7}'", "'{:+}'") + ".format(" + v("i") + ")"
			},
			func() string { return v("l") + "|join" + w.one("", "(', ')", "('', attribute='name')", "(d='-')") },
			func() string { return v("any") + "|string" },
			func() string { return "d.b" },
		)
	case "b":
		return w.pick(
			func() string {
				return v("i") + w.one(" < ", " > ", " <= ", " >= ", " == ", " != ") + v(w.one("i", "f"))
			},
			func() string { return v("s") + w.one(" < ", " >= ", " == ", " != ") + v("s") },
			func() string { return v("any") + w.one(" == ", " != ") + v("any") },
			func() string { return v("i") + w.one(" < ", " <= ") + v("i") + w.one(" < ", " == ", " != ") + v("i") },
			func() string { return v("b") + w.one(" and ", " or ") + v("b") },
			func() string { return "(" + v("f") + ").is_integer()" },
			func() string { return "not " + v("b") },
			func() string { return v(w.one("i", "s")) + w.one(" in ", " not in ") + v("l") },
			func() string { return v("s") + w.one(" in ", " not in ") + v("s") },
			func() string { return "'a'" + w.one(" in ", " not in ") + v("d") },
			func() string {
				return v("any") + " is " + w.one("", "not ") + w.one("defined", "none", "string", "number", "integer", "float", "boolean",
					"mapping", "sequence", "iterable", "true", "false", "callable", "undefined", "sameas none")
			},
			func() string {
				return v("i") + " is " + w.one("even", "odd", "divisibleby 3", "divisibleby(2)", "gt 3", "lt(3)", "ge 2", "le 2", "eq 7",
					"ne 7", "equalto 7", "in [1, 7]", "greaterthan 2")
			},
			func() string { return v("s") + " is " + w.one("lower", "upper", "in ls", "eq 'x'", "in t") },
			func() string { return "missing is " + w.one("", "not ") + "defined" },
			func() string {
				return w.one("d.zz", "d['a']", "rows[9]", "rows[0].port", "missing.a.b") + " is " + w.one("defined", "undefined")
			},
			func() string {
				return v("s") + w.one(".startswith('H')", ".endswith(('d', 'x'))", ".isdigit()", ".isalpha()", ".isupper()", ".isspace()", ".isalnum()")
			},
		)
	case "l":
		return w.pick(
			func() string { return v("l") + " + " + v("l") },
			func() string { return v("l") + w.slice() },
			func() string { return "[" + v("any") + ", " + v("any") + "]" },
			func() string { return "(" + v("any") + ", " + v("any") + ",)" },
			func() string {
				return v("l") + "|" + w.one("list", "reverse|list", "unique|list", "batch(2)|list", "batch(2, 'x')|map('list')|list",
					"slice(2)|list", "slice(3, 0)|map('list')|list", "map('string')|list", "select|list", "reject|list",
					"select('string')|list", "reject('none')|list", "map('default', 1)|list", "select('defined')|list", "map('int')|map('abs')|list")
			},
			func() string {
				return "li|" + w.one("sort", "sort(true)", "sort(reverse=true)", "map('float')|list", "select('odd')|list",
					"select('gt', 1)|list", "reject('in', [1, 5])|list", "map('round', 1)|list", "select('divisibleby', 3)|list")
			},
			func() string {
				return "ls|" + w.one("sort", "sort(case_sensitive=true)", "sort(true, true)", "map('upper')|list",
					"map('replace', 'b', 'B')|list", "unique(case_sensitive=true)|list", "map('length')|list", "select('in', ['A'])|list")
			},
			func() string {
				return "rows|" + w.one("map(attribute='name')|list", "selectattr('up', 'defined')|list",
					"selectattr('port', 'equalto', 5432)|map(attribute='name')|list", "rejectattr('port', 'gt', 5432)|list",
					"sort(attribute='port')|map(attribute='name')|list",
					"sort(attribute='port,name', reverse=true)|map(attribute='name')|list", "groupby('port')|list",
					"groupby('port')|map(attribute='grouper')|list", "map(attribute='up', default=7)|list",
					"selectattr('up')|list|length|list|d([])", "rejectattr('up', 'undefined')|map(attribute='up')|list",
					"unique(attribute='port')|map(attribute='name')|list", "map(attribute='name')|map('upper')|join(',')|list",
					"groupby('port', 0)|length|string|list", "max(attribute='port')|list", "min(attribute='name')|list")
			},
			func() string {
				return v("d") + "|" + w.one("dictsort", "dictsort(true)", "dictsort(false, 'key', true)", "list", "items|list")
			},
			func() string { return v("d") + w.one(".keys()|list", ".values()|list", ".items()|list") },
			func() string { return "range(" + w.one("3", "1, 5", "5, 0, -2", "0") + ")|list" },
			func() string {
				return v("s") + w.one(".split(',')", "|list", ".split()", ".splitlines()", ".split('l', 1)", ".rsplit('o', 1)")
			},
			func() string { return v("l") + " * " + w.one("2", "0") },
		)
	case "d":
		return w.pick(
			func() string { return "{'k': " + v("any") + ", 'a': " + v("any") + "}" },
			func() string { return "dict(a=" + v("any") + ", b=" + v("any") + ")" },
			func() string { return "dict([('a', " + v("any") + ")])" },
			func() string {
				return "rows|" + w.one("first", "last", "max(attribute='port')", "min(attribute='port')")
			},
			func() string { return "dict(d, z=" + v("i") + ")" },
		)
	case "n":
		return w.one("none", "null", "d.get('zz')")
	}
	return w.value(w.one("i", "i", "f", "s", "s", "b", "l", "d", "n"), depth+1)
}

func (w *writer) pick(of ...func() string) string { return of[w.Intn(len(of))]() }

func (w *writer) slice() string {
	bound := func() string { return w.one("", "0", "1", "2", "-1", "-2", "9", "-9") }
	return "[" + bound() + ":" + bound() + w.one("", "", ":", ":2", ":-1", ":-2") + "]"
}

// statement writes a statement, and what it prints.
func (w *writer) statement(depth int) {
	kinds := []func(){
		func() { w.put("{{ ", w.value("any", 3), " }}|") },
		func() { w.put("{{ ", w.value("any", 3), " }}|") },
		func() { w.put("{{ ", w.value("any", 4), " }}|") },
		func() {
			w.put("{{ ", w.value("any", 2), w.one("|tojson", "|e", "|pprint", "|escape", "|tojson(indent=2)", "|filesizeformat", "|string"), " }}|")
		},
		func() {
			w.put("{% if ", w.value("b", 2), " %}y{% elif ", w.value("b", 1), " %}m{% else %}n{% endif %}|")
		},
		func() { w.put("{% set x = ", w.value("any", 2), " %}{{ x }}|") },
		func() { w.put("{% set x, y = ", w.value("any", 1), ", ", w.value("any", 1), " %}{{ y }}{{ x }}|") },
		func() { w.put("{% print ", w.value("any", 1), ", ", w.value("any", 1), " %}|") },
	}
	if depth > 0 {
		inner := func() {
			for range 1 + w.Intn(2) {
				w.statement(depth - 1)
			}
		}
		kinds = append(kinds,
			func() {
				w.put("{% for x in ", w.value("l", 2), w.one("", "", " if x", " if loop is defined", " if x is not none"), " %}", w.loopPart())
				inner()
				w.put(w.one("", "{% else %}empty"), "{% endfor %}|")
			},
			func() {
				w.put("{% for k, v in ", w.one("d.items()", "d|dictsort", "rows[0]|items", "{'a': 1}.items()"), " %}{{ k }}={{ v }}",
					w.loopPart(), "{% endfor %}|")
			},
			func() {
				w.put("{% set ns = namespace(a=",
					w.value("any", 1), ", n=0) %}{% for x in li %}{% set ns.n = ns.n + x %}{% set x = 9 %}{% set outer = x %}{% endfor "+
						"%}{{ ns.n }}{{ ns.a }}{{ outer is defined }}{{ x is defined }}|")
			},
			func() {
				w.put("{% macro m(a, b=", w.value("any", 1), ") %}[{{ a }}|{{ b }}", w.one("", "|{{ varargs }}", "|{{ kwargs }}",
					"|{{ caller() if caller is defined else 'none' }}"), "]")
				inner()
				w.put("{% endmacro %}{{ m(", w.value("any", 1), w.one("", ", "+w.value("any", 1), ", b="+w.value("any", 1), ", 1, 2",
					", k=1", ", *[5]", ", **{'b': 6}"), ") }}|{{ m.name }}")
			},
			func() {
				w.put("{% macro c(n) %}<{{ caller(n) }}>{% endmacro %}{% call(v) c(", w.value("any", 1), ") %}{{ v }}")
				inner()
				w.put("{% endcall %}|")
			},
			func() {
				w.put("{% with a = ", w.value("any", 1), ", b = ", w.one("a", "1", "i"), " %}{{ a }}{{ b }}")
				inner()
				w.put("{% endwith %}{{ a is defined }}|")
			},
			func() {
				w.put("{% filter ", w.one("upper", "replace('a', 'b')|title", "indent(2)", "trim"), " %}")
				inner()
				w.put("{% endfilter %}|")
			},
			func() {
				w.put("{% set x", w.one("", " | upper", " | length", " | trim | title"), " %}")
				inner()
				w.put("{% endset %}{{ x }}|")
			},
			func() {
				w.put("{% for x in [1, [2, [3]]] recursive %}{{ loop.depth }}{% if x is iterable %}({{ loop(x) }}){% else %}{{ " +
					"x }}{% endif %}{% endfor %}|")
			},
			func() {
				w.put("{% if ", w.value("b", 1), " %}{% set z = 1 %}{% endif %}{{ z|default('-') }}|")
			},
		)
	}
	kinds[w.Intn(len(kinds))]()
}

func (w *writer) loopPart() string {
	return w.one("", "{{ loop.index }}", "{{ loop.index0 }}/{{ loop.length }}", "{{ loop.revindex }}{{ loop.revindex0 }}",
		"{{ ',' if not loop.last }}", "{{ loop.first }}", "{{ loop.cycle('o', 'e') }}", "{{ loop.previtem|default('-') }}",
		"{{ loop.nextitem is defined }}", "{{ loop.changed(x|string|length) }}", "{{ loop.depth0 }}", "{{ x }}", "{{ x }}{{ loop.last }}")
}

package templates

import (
	"errors"
	"math/rand"
	"strings"
	"testing"
)

// Text, tags, comments and raw blocks are told apart, and white space goes and stays, as in Jinja2.
func TestStructureAsJinja(t *testing.T) {
	compare(t, func(source *rand.Rand) *rendered {
		w := &writer{Rand: source}
		w.blocks(3)
		text := w.out.String()
		if w.chance(15) {
			text = w.spoiled(text)
		}
		return &rendered{
			template: text, options: FileOptions{TrimBlocks: w.chance(50), LeftStripBlocks: w.chance(50)},
			variables: map[string]any{"x": "X", "n": []any{1, 2}, "no": false},
		}
	}, func(c *rendered, _ string, err error) string {
		var absent *UndefinedError
		switch {
		case err == nil:
		case strings.HasSuffix(strings.TrimRight(c.template, "-+\r\n"), "{#"):
			return "Jinja2 leaves out a comment that begins at the very end and is not closed; here it is a mistake as anywhere"
		case strings.Contains(err.Error(), "expected a key within the brackets"):
			return "Jinja2 takes a[] for a[()], which nothing has; here it is a mistake"
		case strings.Contains(err.Error(), `there is no filter "le`):
			return "an unknown filter is a mistake here even where it is not reached"
		case errors.As(err, &absent) && strings.Contains(c.template, "%a"):
			return "Python's '' % takes something undefined for a mapping that nothing is asked of; here it is an error"
		case errors.As(err, &absent) && strings.Contains(c.text, "Undefined"):
			return "Jinja2 prints a list or mapping that holds something undefined; here it is an error, as in Ansible"
		}
		return ""
	})
}

// blocks writes some text and tags.
func (w *writer) blocks(depth int) {
	for range w.Intn(5) {
		switch kind := w.Intn(14); {
		case kind < 5:
			w.text()
		case kind < 7:
			w.put("{{", w.mark(), w.space(), w.simple(), w.space(), w.one("", "", "", "-"), "}}")
		case kind < 9:
			w.put("{#", w.mark(), w.comment(), w.mark(), "#}")
		case kind < 10:
			w.tag("set v = " + w.simple())
		case kind < 11:
			w.put("{%", w.mark(), w.space(), "raw", w.space(), w.one("", "", "-"), "%}")
			for range w.Intn(4) {
				w.put(w.one("{{ x }}", "{% if %}", "{#", "#}", "{%", "'", "{% raw %}"))
				w.text()
			}
			w.tag("endraw")
		case depth > 0:
			w.enclosing(depth - 1)
		}
	}
}

// enclosing writes a statement with what it encloses.
func (w *writer) enclosing(depth int) {
	switch w.Intn(7) {
	case 0, 1:
		w.tag("if " + w.one("x", "no", "n", "'%}'", "not x", "x == {'a': 'X'}.a"))
		w.blocks(depth)
		if w.chance(30) {
			w.tag("elif " + w.one("x", "no"))
			w.blocks(depth)
		}
		if w.chance(30) {
			w.tag("else")
			w.blocks(depth)
		}
		w.tag("endif")
	case 2, 3:
		w.tag("for i in " + w.one("n", "[1, 2]", "[]", "'ab'", "{'k': 1}"))
		w.blocks(depth)
		if w.chance(20) {
			w.tag("else")
			w.blocks(depth)
		}
		w.tag("endfor")
	case 4:
		w.tag("with w = " + w.simple())
		w.blocks(depth)
		w.tag("endwith")
	case 5:
		w.tag("filter " + w.one("upper", "replace('a', '%}')", "upper|lower"))
		w.blocks(depth)
		w.tag("endfilter")
	case 6:
		w.tag("set s")
		w.blocks(depth)
		w.tag("endset")
		w.put("{{ s }}")
	}
}

func (w *writer) tag(inner string) {
	w.put("{%", w.mark(), w.space(), inner, w.space(), w.mark(), "%}")
}

func (w *writer) text() {
	for range 1 + w.Intn(4) {
		w.put(w.one(" ", "  ", "\n", "\n", "\n\n", "\t", "a", "b c", "{", "}", "%", "#", "%}", "}}", "#}", "-", "+", "-%}", "é",
			"\u00a0", "\u2028", "\r\n", "\r", "\\", "'", "\"", "\v", "\x1c"))
	}
}

func (w *writer) mark() string { return w.one("", "", "", "", "-", "+") }

func (w *writer) space() string { return w.one(" ", " ", " ", "", "  ", "\n", "\t", "\n  ") }

func (w *writer) simple() string {
	return w.one("x", "1", "'a'", "\"}}\"", "'%}'", "{'a': 1}['a']", "{'a': {'b': 2}}.a.b", "[1, [2]][1][0]", "(x)",
		"'{{'", "'{# #}'", "-1", "'it\\'s'",
		"'a\nb'", "'\\n'", "n", "{'a': {}}", "1 - 2", "x ~ '-'", "{}|length", "none", "1.5", "'\u00e9'")
}

func (w *writer) comment() string {
	return w.one("", " ", " c ", "c", "\n", " {{ x }} ", " {% if %} ", " ' ", " } ", " # ", " - ", "\n c\n", "{#", " \\ ")
}

// spoiled returns the text with a mistake in it, which may be none.
func (w *writer) spoiled(text string) string {
	runes := []rune(text)
	for range 1 + w.Intn(2) {
		if len(runes) == 0 {
			return ""
		}
		at := w.Intn(len(runes))
		switch w.Intn(3) {
		case 0:
			runes = append(runes[:at:at], runes[at+1:]...)
		case 1:
			runes = append(runes[:at:at], append([]rune(w.one("{", "}", "%", "#", "-", "+", "'", "(", "]", "{%", "%}", "{{", "}}", "\n")),
				runes[at:]...)...)
		case 2:
			other := w.Intn(len(runes))
			runes[at], runes[other] = runes[other], runes[at]
		}
	}
	return string(runes)
}

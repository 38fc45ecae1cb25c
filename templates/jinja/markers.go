package jinja

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// Markers are what tags and comments begin and end with. "" is Jinja2's own; line statements and comments have none unless one is given.
type Markers struct {
	BlockStart, BlockEnd, VariableStart, VariableEnd, CommentStart, CommentEnd string
	// LineStatement begins a line that is a statement, LineComment what is a comment up to the end of its line.
	LineStatement, LineComment string
}

// withDefaults returns the markers with Jinja2's own for those that are not given.
func (m Markers) withDefaults() Markers {
	for _, marker := range []struct {
		given     *string
		otherwise string
	}{
		{&m.BlockStart, "{%"}, {&m.BlockEnd, "%}"}, {&m.VariableStart, "{{"}, {&m.VariableEnd, "}}"},
		{&m.CommentStart, "{#"}, {&m.CommentEnd, "#}"},
	} {
		*marker.given = cmp.Or(*marker.given, marker.otherwise)
	}
	return m
}

// problem says why a template cannot have these markers, "" where it can.
func (m Markers) problem() string {
	m = m.withDefaults()
	if m.BlockStart == m.VariableStart || m.VariableStart == m.CommentStart || m.CommentStart == m.BlockStart {
		return "block_start_string, variable_start_string and comment_start_string must differ from one another"
	}
	return ""
}

// grammar finds tags by their markers.
type grammar struct {
	Markers
	custom           bool
	rawBegin, rawEnd *regexp.Regexp
	openings         []opening // the longest first
}

// opening is what a tag, a comment or a line begins with.
type opening struct {
	text string
	kind partKind
	line bool
}

var jinjaGrammar = newGrammar(Markers{})

func newGrammar(m Markers) *grammar {
	g := &grammar{Markers: m.withDefaults(), custom: m != Markers{}}
	begin, end := regexp.QuoteMeta(g.BlockStart), regexp.QuoteMeta(g.BlockEnd)
	g.rawBegin = regexp.MustCompile(`^` + begin + `[-+]?` + blank + `*raw` + blank + `*(-?)` + end)
	g.rawEnd = regexp.MustCompile(begin + `([-+]?)` + blank + `*endraw` + blank + `*([-+]?)` + end)
	g.openings = []opening{
		{g.BlockStart, partTag, false}, {g.VariableStart, partOutput, false}, {g.CommentStart, partComment, false},
	}
	if g.LineStatement != "" {
		g.openings = append(g.openings, opening{g.LineStatement, partTag, true})
	}
	if g.LineComment != "" {
		g.openings = append(g.openings, opening{g.LineComment, partComment, true})
	}
	slices.SortStableFunc(g.openings, func(a, b opening) int { return cmp.Compare(len(b.text), len(a.text)) })
	return g
}

func grammarOf(m Markers) *grammar {
	if m == (Markers{}) {
		return jinjaGrammar
	}
	return newGrammar(m)
}

// find returns the next tag, comment or line from a place on: where it begins, with the blanks before it where it is a line, and
// where its opening ends. found is false where there is none.
func (g *grammar) find(source string, from int) (what opening, begin, end int, found bool) {
	if !g.custom {
		begin := tagBegin(source, from)
		if begin < 0 {
			return opening{}, 0, 0, false
		}
		kind := map[byte]partKind{'{': partOutput, '%': partTag, '#': partComment}[source[begin+1]]
		return opening{kind: kind}, begin, begin + 2, true
	}
	for _, o := range g.openings {
		at, after, ok := o.find(source, from)
		if ok && (!found || at < begin) {
			what, begin, end, found = o, at, after, true
		}
	}
	return what, begin, end, found
}

func (o opening) find(source string, from int) (begin, end int, found bool) {
	for at := from; ; at++ {
		next := strings.Index(source[at:], o.text)
		if next < 0 {
			return 0, 0, false
		}
		at += next
		if !o.line {
			return at, at + len(o.text), true
		}
		blanks, alone := " \t\v", " \t\v"
		if o.kind == partComment {
			blanks, alone = " \t\v\f", ""
		}
		begin := from + len(strings.TrimRight(source[from:at], blanks))
		fresh := begin == 0 || source[begin-1] == '\n'
		if fresh || alone == "" && !strings.ContainsAny(source[begin-1:begin], blanks) {
			return begin, at + len(o.text), true
		}
	}
}

// tagBegin returns where the next tag or comment with Jinja2's own markers begins, -1 where there is none.
func tagBegin(source string, from int) int {
	for at := from; ; at++ {
		brace := strings.IndexByte(source[at:], '{')
		if brace < 0 || at+brace+1 >= len(source) {
			return -1
		}
		at += brace
		if c := source[at+1]; c == '{' || c == '%' || c == '#' {
			return at
		}
	}
}

// lineEnd returns where a line statement that may end here is over: behind the last newline of the white space, or at the end of
// the template. It is -1 where the line goes on.
func lineEnd(source string, at int) int {
	rest := source[at:]
	space := rest[:len(rest)-len(strings.TrimLeftFunc(rest, isBlank))]
	if len(space) == len(rest) {
		return len(source)
	}
	if newline := strings.LastIndexByte(space, '\n'); newline >= 0 {
		return at + newline + 1
	}
	return -1
}

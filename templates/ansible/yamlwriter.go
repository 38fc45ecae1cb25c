package ansible

import (
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/polarbook/polarbook/templates/jinja"
	"github.com/polarbook/polarbook/templates/ordered"
	"github.com/polarbook/polarbook/templates/pytext"
)

// toYAML writes YAML byte for byte as libyaml does for Ansible's filters: files that a template makes are compared with what
// Ansible made. flow puts lists and mappings without further ones within them on one line.
func toYAML(c *jinja.Invocation, flow bool, indent int) (any, error) {
	indent, err := c.Integer("indent", indent)
	if err != nil {
		return nil, err
	}
	if indent < 2 || indent > 9 { // libyaml then takes its own
		indent = 2
	}
	width, err := c.Integer("width", yamlWidth)
	if err != nil {
		return nil, err
	}
	switch {
	case width < 0:
		width = math.MaxInt
	case width <= indent*2:
		width = yamlWidth
	}
	sorted, err := c.Truth("sort_keys", true)
	if err != nil {
		return nil, err
	}
	w := &yamlWriter{best: indent, width: width, flow: flow, sorted: sorted, indent: -1, blank: true, fresh: true}
	if style, ok := c.Given("default_flow_style"); ok && style != nil {
		all, err := jinja.Truth(style)
		if err != nil {
			return nil, err
		}
		w.flow, w.all = all, all
	}
	if err := jinja.CheckDefined(c.Value); err != nil {
		return nil, err
	}
	start, err := c.Truth("explicit_start", false)
	if err != nil {
		return nil, err
	}
	if start {
		w.mark("---", true, false, false)
	}
	if err := w.node(c.Value, false); err != nil {
		return nil, err
	}
	if w.column > 0 {
		w.lineBreak('\n')
	}
	return w.out.String(), nil
}

// yamlWidth is the column behind which a text is broken at its next blank.
const yamlWidth = 80

// yamlWriter is libyaml's emitter, as far as plain values need it.
type yamlWriter struct {
	out    strings.Builder
	best   int  // columns of one step of indentation
	width  int  // see yamlWidth
	flow   bool // leaves on one line
	all    bool // everything on one line
	sorted bool // by key

	column, indent int  // indent is -1 before the first value
	within         int  // lists and mappings on one line that are open
	blank          bool // the last that was written is a blank, or the line's beginning
	fresh          bool // nothing but indentation is on the line, marks of lists included
}

func (w *yamlWriter) keys(m *ordered.Map) []string { return jinja.WrittenKeys(m, w.sorted) }

// deeper steps the indentation in; what it returns steps it out again.
func (w *yamlWriter) deeper(flow, stay bool) func() {
	before := w.indent
	switch {
	case w.indent < 0 && flow:
		w.indent = w.best
	case w.indent < 0:
		w.indent = 0
	case !stay:
		w.indent += w.best
	}
	return func() { w.indent = before }
}

func (w *yamlWriter) node(value any, inMapping bool) error {
	switch v := value.(type) {
	case jinja.Tuple:
		return w.list(v, inMapping)
	case []any:
		return w.list(v, inMapping)
	case *ordered.Map:
		return w.mapping(v)
	}
	text, isText, err := yamlScalar(value)
	if err != nil {
		return err
	}
	w.scalar(text, isText, false)
	return nil
}

func (w *yamlWriter) list(items []any, inMapping bool) error {
	if w.within > 0 || len(items) == 0 || w.oneLine(items) {
		return w.onOneLine('[', ']', len(items), func(i int) error { return w.node(items[i], false) })
	}
	defer w.deeper(false, inMapping && !w.fresh)() // a list within a mapping is not indented
	for _, item := range items {
		w.newLine()
		w.mark("-", true, false, true)
		if err := w.node(item, false); err != nil {
			return err
		}
	}
	return nil
}

func (w *yamlWriter) mapping(m *ordered.Map) error {
	keys := w.keys(m)
	if w.within > 0 || len(keys) == 0 || w.oneLine(m.Values()) {
		return w.onOneLine('{', '}', len(keys), func(i int) error { return w.pair(jinja.KeyOf(m, keys[i]), m.Value(keys[i])) })
	}
	defer w.deeper(false, false)()
	for _, key := range keys {
		w.newLine()
		if err := w.pair(jinja.KeyOf(m, key), m.Value(key)); err != nil {
			return err
		}
	}
	return nil
}

// longestKey is how many bytes a key may have that stands before its colon without a mark.
const longestKey = 128

func (w *yamlWriter) pair(of, value any) error {
	key, isText, err := yamlScalar(of)
	if err != nil {
		return err
	}
	if len(key) <= longestKey && !strings.ContainsFunc(key, breaksYAML) {
		w.scalar(key, isText, true)
		w.mark(":", false, false, false)
		return w.node(value, true)
	}
	w.mark("?", true, false, w.within == 0)
	w.scalar(key, isText, false)
	if w.within == 0 || w.column > w.width {
		w.newLine()
	}
	w.mark(":", true, false, w.within == 0)
	return w.node(value, true)
}

// onOneLine writes a list or mapping between brackets. The line is broken all the same where it has become too long.
func (w *yamlWriter) onOneLine(begin, end rune, count int, item func(i int) error) error {
	w.mark(string(begin), true, true, false)
	back := w.deeper(true, false)
	w.within++
	for i := range count {
		if i > 0 {
			w.mark(",", false, false, false)
		}
		if w.column > w.width {
			w.newLine()
		}
		if err := item(i); err != nil {
			return err
		}
	}
	w.within--
	back()
	w.mark(string(end), false, false, false)
	return nil
}

// oneLine reports whether the list or mapping that has these values is written between brackets.
func (w *yamlWriter) oneLine(values []any) bool {
	if w.all || !w.flow {
		return w.all
	}
	for _, value := range values {
		switch value.(type) {
		case jinja.Tuple, []any, *ordered.Map:
			return false
		}
	}
	return true
}

// mark writes a mark: before says whether a blank comes before it, blank whether it counts as one itself, and indents whether
// it is part of the indentation.
func (w *yamlWriter) mark(text string, before, blank, indents bool) {
	if before && !w.blank {
		w.put(" ")
	}
	w.put(text)
	w.blank, w.fresh = blank, w.fresh && indents
}

func (w *yamlWriter) put(text string) {
	w.out.WriteString(text)
	w.column += utf8.RuneCountInString(text)
}

func (w *yamlWriter) lineBreak(r rune) {
	w.out.WriteRune(r)
	w.column = 0
}

// newLine goes to the indentation, on a line of its own.
func (w *yamlWriter) newLine() {
	indent := max(w.indent, 0)
	if !w.fresh || w.column > indent || w.column == indent && !w.blank {
		w.lineBreak('\n')
	}
	if w.column < indent {
		w.put(strings.Repeat(" ", indent-w.column))
	}
	w.blank, w.fresh = true, true
}

// scalar writes a value in the plainest form that reads as the same one. isText: it is a string, whatever it looks like. A key
// before its colon is not broken.
func (w *yamlWriter) scalar(text string, isText, key bool) {
	back := w.deeper(true, false)
	defer back()
	can := analyzeYAML(text)
	plain := !isText || plainScalar(text) == "str" && !yamlOther.MatchString(text)
	switch {
	case plain && (w.within > 0 && can.plainInFlow || w.within == 0 && can.plain) && (text != "" || w.within == 0 && !key):
		w.plain(text, !key)
	case !isText:
		// A time between brackets: libyaml writes no colon without quotes there, and says with the mark that what it quotes has a type.
		w.mark("!", true, false, false)
		w.single(text, !key)
	case can.single && !(key && can.breaks):
		w.single(text, !key)
	default:
		w.double(text, !key)
	}
}

// yamlForms says which forms a text can be written in.
type yamlForms struct{ plain, plainInFlow, single, breaks bool }

func analyzeYAML(text string) yamlForms {
	runes := []rune(text)
	f := yamlForms{plain: true, plainInFlow: text != "", single: true}
	flowMarks := strings.HasPrefix(text, "---") || strings.HasPrefix(text, "...")
	blockMarks := flowMarks
	special := !utf8.ValidString(text)
	breakSpace, spaceBreak, edge := false, false, false
	for i, r := range runes {
		followed := i+1 >= len(runes) || blankYAML(runes[i+1])
		preceded := i == 0 || blankYAML(runes[i-1])
		both, inFlow := false, false
		if i == 0 {
			both = strings.ContainsRune("#,[]{}&*!|>'\"%@`", r) || strings.ContainsRune("?:-", r) && followed
			inFlow = r == '?' || r == ':'
		} else {
			both = r == ':' && followed || r == '#' && preceded
			inFlow = strings.ContainsRune(",?[]{}:", r)
		}
		flowMarks, blockMarks = flowMarks || both || inFlow, blockMarks || both
		broken := breaksYAML(r)
		special = special || !printableYAML(r)
		f.breaks = f.breaks || broken
		edge = edge || (broken || r == ' ') && (i == 0 || i == len(runes)-1)
		breakSpace = breakSpace || r == ' ' && i > 0 && breaksYAML(runes[i-1])
		spaceBreak = spaceBreak || broken && i > 0 && runes[i-1] == ' '
	}
	if edge || breakSpace || spaceBreak || special || f.breaks {
		f.plain, f.plainInFlow = false, false
	}
	f.single = !breakSpace && !spaceBreak && !special
	f.plain, f.plainInFlow = f.plain && !blockMarks, f.plainInFlow && !flowMarks
	return f
}

func blankYAML(r rune) bool { return r == ' ' || r == '\t' || r == 0 || breaksYAML(r) }

func breaksYAML(r rune) bool {
	return r == '\n' || r == '\r' || r == 0x85 || r == 0x2028 || r == 0x2029
}

// printableYAML is libyaml's notion: nothing beyond the first 65536 characters is.
func printableYAML(r rune) bool {
	return r == '\n' || r >= ' ' && r <= '~' || r >= 0xa0 && r <= 0xd7ff || r >= 0xe000 && r <= 0xfffd && r != 0xfeff
}

func (w *yamlWriter) plain(text string, breaks bool) {
	if !w.blank && (text != "" || w.within > 0) {
		w.put(" ")
	}
	w.words(text, breaks, false)
	w.blank, w.fresh = false, false
}

func (w *yamlWriter) single(text string, breaks bool) {
	w.mark("'", true, false, false)
	w.words(text, breaks, true)
	w.mark("'", false, false, false)
}

// words writes a text as it is, between single quotes where quoted, and breaks long lines at single blanks.
func (w *yamlWriter) words(text string, breaks, quoted bool) {
	runes := []rune(text)
	spaces, broken := false, false
	for i, r := range runes {
		switch {
		case r == ' ':
			next := i + 1
			inside := !quoted || i > 0 && next < len(runes)
			if breaks && !spaces && w.column > w.width && inside && !(next < len(runes) && runes[next] == ' ') {
				w.newLine()
			} else {
				w.put(" ")
			}
			spaces = true
		case breaksYAML(r):
			if !broken && r == '\n' {
				w.lineBreak('\n')
			}
			w.lineBreak(r)
			w.fresh, broken = true, true
		default:
			if broken {
				w.newLine()
			}
			if quoted && r == '\'' {
				w.put("'")
			}
			w.put(string(r))
			w.fresh, spaces, broken = false, false, false
		}
	}
	if broken {
		w.newLine()
	}
}

func (w *yamlWriter) double(text string, breaks bool) {
	w.mark(`"`, true, false, false)
	runes := []rune(text)
	spaces := false
	for i, r := range runes {
		switch {
		case !printableYAML(r) || breaksYAML(r) || r == '"' || r == '\\':
			w.put(yamlEscape(r))
			spaces = false
		case r == ' ':
			if breaks && !spaces && w.column > w.width && i > 0 && i < len(runes)-1 {
				w.newLine()
				if runes[i+1] == ' ' {
					w.put(`\`)
				}
			} else {
				w.put(" ")
			}
			spaces = true
		default:
			w.put(string(r))
			spaces = false
		}
	}
	w.mark(`"`, false, false, false)
}

func yamlEscape(r rune) string {
	const named, names = "\x00\a\b\t\n\v\f\r\x1b\"\\\u0085\u2028\u2029", "0abtnvfre\"\\NLP"
	if i := strings.IndexRune(named, r); i >= 0 {
		return `\` + names[utf8.RuneCountInString(named[:i]):][:1]
	}
	switch {
	case r <= 0xff:
		return fmt.Sprintf(`\x%02X`, r)
	case r <= 0xffff:
		return fmt.Sprintf(`\u%04X`, r)
	}
	return fmt.Sprintf(`\U%08X`, r)
}

// yamlScalar returns the words for a value that is neither a list nor a mapping.
func yamlScalar(value any) (text string, isText bool, err error) {
	switch v := value.(type) {
	case nil:
		return "null", false, nil
	case bool:
		return map[bool]string{true: "true", false: "false"}[v], false, nil
	case float64:
		switch {
		case math.IsNaN(v):
			return ".nan", false, nil
		case math.IsInf(v, 1):
			return ".inf", false, nil
		case math.IsInf(v, -1):
			return "-.inf", false, nil
		}
		s := pytext.Float(v)
		if !strings.Contains(s, ".") { // YAML 1.1 has no 1e+20
			s = strings.Replace(s, "e", ".0e", 1)
		}
		return s, false, nil
	case int, *big.Int:
		return jinja.Text(v), false, nil
	case jinja.Moment:
		return v.String(), false, nil
	case string:
		return v, true, nil
	}
	return "", false, fmt.Errorf("%s cannot be written as YAML", jinja.Describe(value))
}

var (
	yamlNull = regexp.MustCompile(`^(?:~|null|Null|NULL|)$`)
	yamlBool = regexp.MustCompile(`^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$`)
	yamlInts = regexp.MustCompile(`^(?:[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|` +
		`[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$`)
	yamlFloat = regexp.MustCompile(`^(?:[-+]?(?:[0-9][0-9_]*)\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|` +
		`[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$`)
	yamlOther = regexp.MustCompile(`^(?:=|<<|[0-9]{4}-[0-9]{2}-[0-9]{2}|` +
		`[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::?[0-9]{2})?))?)$`)
)

// plainScalar returns what YAML 1.1 reads an unquoted text as.
func plainScalar(s string) string {
	switch {
	case yamlNull.MatchString(s):
		return "null"
	case yamlBool.MatchString(s):
		return "bool"
	case yamlInts.MatchString(s):
		return "int"
	case yamlFloat.MatchString(s):
		return "float"
	}
	return "str"
}

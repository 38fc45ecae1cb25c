package playbooks

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"gopkg.in/yaml.v3"
)

// file is a YAML file read into nodes.
type file struct {
	name  string // as messages show it
	fsys  fs.FS
	path  string
	text  string
	lines []string
	root  *yaml.Node // nil: the file is empty
	whole bool       // it was read without a mistake in its YAML
	// sealed: it was encrypted, and nothing of it is quoted.
	sealed bool
}

// maxFileBytes is more than any playbook; what is larger is something else, given by mistake.
const maxFileBytes = 8 << 20

// read reads and parses a file. Nil means that there were problems, which it has reported.
func (l *loader) read(fsys fs.FS, path string, from Position) *file {
	name := l.display(fsys, path)
	if f := l.files[name]; f != nil && f.whole && f.path == path && (f.fsys == hostFiles) == (fsys == hostFiles) {
		return f
	}
	if outside(l.Only, fsys, path) {
		l.fail(from, 0, "", "%s is not in the bundle", name)
		return nil
	}
	data, err := readLimited(fsys, path)
	if err != nil {
		l.fail(from, 0, "", "cannot read %s: %v", name, reason(err))
		return nil
	}
	data, sealed, err := l.Vault.File(data)
	if err != nil {
		l.fail(Position{name, 1, 1}, 0, "", "%v", err)
		return nil
	}
	return l.parse(&file{name: name, fsys: fsys, path: path, sealed: sealed}, data)
}

// readLimited reads a file that a playbook is made of.
func readLimited(fsys fs.FS, path string) ([]byte, error) { return readUpTo(fsys, path, maxFileBytes) }

// readUpTo reads a file of at most so many bytes.
func readUpTo(fsys fs.FS, path string, most int64) ([]byte, error) {
	f, err := fsys.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("it is larger than %d MiB", most>>20)
	}
	return data, err
}

func (l *loader) parse(f *file, data []byte) *file {
	f.setText(data)
	l.register(f)
	root, second, err := parseYAML(f.text)
	if err != nil {
		l.syntaxError(f, err)
		return nil
	}
	if second != nil {
		l.fail(Position{f.name, second.Line, second.Column}, 3, "write all plays one below the other, or into files of their own",
			"a second YAML document begins here; a playbook is one")
		return nil
	}
	f.root = root
	if !l.walkable(f) {
		return nil
	}
	f.whole = true
	return f
}

func (f *file) setText(data []byte) {
	f.text = strings.TrimPrefix(string(data), "\ufeff")
	f.lines = strings.Split(strings.ReplaceAll(f.text, "\r\n", "\n"), "\n")
}

// parseYAML returns the first document's root, nil when there is nothing in it, and the second document if there is one.
func parseYAML(text string) (root, second *yaml.Node, err error) {
	// The library panics on some malformed input.
	defer func() {
		if caught := recover(); caught != nil {
			root, second, err = nil, nil, fmt.Errorf("yaml: %v", caught)
		}
	}()
	decoder := yaml.NewDecoder(strings.NewReader(text))
	var document, next yaml.Node
	if err := decoder.Decode(&document); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, nil, nil
		}
		return nil, nil, err
	}
	switch err := decoder.Decode(&next); {
	case errors.Is(err, io.EOF):
	case err != nil:
		return nil, nil, err
	default:
		second = &next
	}
	if len(document.Content) == 0 {
		return nil, second, nil
	}
	root = document.Content[0]
	if isNull(root) {
		root = nil
	}
	return root, second, nil
}

// maxNodes bounds what the aliases of a file may expand to.
const maxNodes = 200_000

// walkable checks what all that reads the nodes relies on: aliases do not run in circles nor expand without end. It
// also reports the keys that a mapping has twice, once for every place in the file.
func (l *loader) walkable(f *file) bool {
	budget, aliases := l.mostNodes, 0 // aliases: how many are being followed
	open := map[*yaml.Node]bool{}
	checked := map[*yaml.Node]bool{}
	var walk func(n *yaml.Node) bool
	walk = func(n *yaml.Node) bool {
		if aliases > 0 {
			budget--
		}
		if budget < 0 {
			l.fail(f.at(n), 1, "", "the aliases of this file expand to more than %d values", l.mostNodes)
			return false
		}
		if open[n] {
			l.fail(f.at(n), 1, "", "an anchor holds an alias of itself")
			return false
		}
		open[n] = true
		defer delete(open, n)
		if n.Kind == yaml.AliasNode {
			aliases++
			defer func() { aliases-- }()
			return walk(n.Alias)
		}
		if n.Kind == yaml.MappingNode && !checked[n] {
			checked[n] = true
			l.checkKeys(f, n)
		}
		for _, child := range n.Content {
			if !walk(child) {
				return false
			}
		}
		return true
	}
	return f.root == nil || walk(f.root)
}

func (l *loader) checkKeys(f *file, n *yaml.Node) {
	lines := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode {
			msg, hint := "the key of a mapping has to be a plain word", ""
			if key.Kind == yaml.MappingNode {
				msg, hint = "a value that begins with {{ has to be quoted", `write "{{ … }}"; a condition needs no braces at all`
			}
			at := f.at(key)
			if key.Kind == yaml.MappingNode && at.Column > 1 && f.charAt(at.Line, at.Column-1) == '{' {
				at.Column--
			}
			l.fail(at, 2, hint, "%s", msg)
			continue
		}
		if first, twice := lines[key.Value]; twice && !isMerge(key) {
			hint := ""
			if key.Value == "name" {
				hint = "does another task or play begin here? it begins with a dash"
			}
			l.fail(f.at(key), len([]rune(key.Value)), hint, "%q is here a second time; the first is on line %d", key.Value, first)
			continue
		}
		lines[key.Value] = key.Line
	}
}

var yamlLine = regexp.MustCompile(`^yaml: (?:unmarshal errors:\s+)?line (\d+): (?s:(.*))$`)

var (
	pairsBefore = regexp.MustCompile(`^\s*(?:- +)?(?:[\w.]+: +)?[\w.]+=\S`)
	afterQuote  = regexp.MustCompile(`^\s*(?:- +)?[^"'\s:]+: +("[^"]*"|'[^']*')[ ]*([^\s#,].*)$`)
)

// syntaxError puts the parser's complaint on the line that caused it, which is not always the one it names, and in
// words that name the usual mistakes. The library gives its errors as text alone, so that text is what is looked at.
func (l *loader) syntaxError(f *file, err error) {
	msg, line := strings.TrimPrefix(err.Error(), "yaml: "), 0
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		line, _ = strconv.Atoi(m[1])
		msg = m[2]
	}
	if at := firstBadLine(f.lines); at > 0 {
		line = at
	}
	if line < 1 || line > len(f.lines) {
		l.fail(Position{File: f.name}, 0, "", "this is not YAML: %s", msg)
		return
	}
	text := f.lines[line-1]
	quoted := line // the line that the message speaks of
	column, width, hint := 1+len(text)-len(strings.TrimLeftFunc(text, unicode.IsSpace)), 1, ""
	indent := text[:column-1]
	colon := regexp.MustCompile(`^\s*(?:- +)?[^"'\s:][^"':]*: +(.*?)(:)(?: |$)`).FindStringSubmatchIndex(text)
	switch {
	case strings.Contains(indent, "\t"):
		column = strings.Index(indent, "\t") + 1
		msg, hint = "a tab where YAML wants spaces", "indent with spaces"
	case strings.Contains(text, ": {{") || strings.Contains(text, "- {{"):
		column = runes(text, strings.Index(text, "{{"))
		width = 2
		msg, hint = "a value that begins with {{ has to be quoted", `write "{{ … }}", with quotes around the whole value`
	case strings.Contains(msg, "mapping values are not allowed") && colon != nil && !strings.ContainsAny(text[colon[2]:colon[3]], `"'`):
		column = runes(text, colon[4])
		msg, hint = "a colon and a space within a value", "quote the value"
	case strings.Contains(msg, "mapping values are not allowed") && line > 1 && pairsBefore.MatchString(f.lines[line-2]):
		msg = "arguments as name=value on the line before, and as name: value here"
		hint = "write them all one a line, as name: value"
	case strings.Contains(msg, "mapping values are not allowed"):
		hint = "is the line before this one complete, and is this one indented as far as its neighbours?"
	case strings.Contains(msg, "did not find expected key") && afterQuote.MatchString(text):
		at := afterQuote.FindStringSubmatchIndex(text)
		column, width = runes(text, at[4]), max(at[5]-at[4], 1)
		msg, hint = "a text behind the quote that ends the value", "put the quotes around the whole value"
	case strings.Contains(msg, "alphabetic or numeric character") && strings.ContainsAny(text, "*&"):
		column = runes(text, strings.IndexAny(text, "*&"))
		msg, hint = "a value that begins with * or & has to be quoted", "write it in quotes"
	case strings.Contains(msg, "did not find expected '-' indicator"):
		msg = "this line is not indented like those that it belongs with"
		hint = "the keys of a task stand below one another, two further in than its dash"
	case strings.Contains(msg, "did not find expected key"):
		hint = "is this line indented as far as its neighbours, and are quotes and brackets closed?"
	case strings.Contains(msg, "found unexpected end of stream"):
		msg, hint = "a quote is opened and never closed", ""
		if i := strings.IndexAny(text, `"'`); i >= 0 {
			column = runes(text, i)
		}
	case strings.Contains(msg, "cannot start any token"):
		if i := strings.IndexAny(text, "@`%\t"); i >= 0 {
			column = runes(text, i)
		}
		hint = "quote a value that begins with such a character"
	case strings.Contains(msg, "expected ',' or"):
		msg, hint = "a bracket or a brace is opened and never closed", ""
		if i := strings.LastIndexAny(text, "[{"); i >= 0 {
			column = runes(text, i)
		}
	case strings.Contains(msg, "unknown anchor"):
		quoted = 0
		if i := strings.Index(text, "*"); i >= 0 {
			column = runes(text, i)
		}
		hint = "a value that begins with * has to be quoted"
	case strings.Contains(msg, "could not find expected ':'"):
		hint = "a key is followed by a colon and a space"
	}
	if !strings.Contains(msg, "YAML") && strings.HasPrefix(msg, "did not find") || strings.HasPrefix(msg, "found ") {
		msg = "this is not YAML: " + msg
	}
	l.problems = append(l.problems, l.problemQuoting(quoted, Position{f.name, line, column}, width, hint, msg))
}

// maxBisected is the number of lines up to which a syntax error is searched for.
const maxBisected = 1000

// firstBadLine finds the line after which no beginning of the file is YAML any more: the parser names the line that
// the surrounding block began on, or where a quote that should have been closed met its like.
func firstBadLine(lines []string) int {
	if len(lines) > maxBisected {
		return 0
	}
	for n := len(lines) - 1; n >= 0; n-- {
		if _, _, err := parseYAML(strings.Join(lines[:n], "\n")); err == nil {
			return n + 1
		}
	}
	return 0
}

// at is where a node begins.
func (f *file) at(n *yaml.Node) Position { return Position{f.name, n.Line, n.Column} }

func (f *file) charAt(line, column int) rune {
	if line < 1 || line > len(f.lines) {
		return 0
	}
	if r := []rune(f.lines[line-1]); column >= 1 && column <= len(r) {
		return r[column-1]
	}
	return 0
}

// runes is the column, from 1, of a byte in a line.
func runes(line string, offset int) int { return len([]rune(line[:offset])) + 1 }

// head is the comment at the beginning of a file without its number signs.
func head(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \t\r\n")
		if line == "---" {
			continue
		}
		if !strings.HasPrefix(line, "#") {
			if line == "" && b.Len() == 0 {
				continue
			}
			break
		}
		b.WriteString(strings.TrimPrefix(strings.TrimPrefix(line, "#"), " ") + "\n")
	}
	return string(bytes.TrimSpace([]byte(b.String())))
}

// inside is the place in the file of a line and column (from 1) within a scalar's text. It walks source and text side
// by side and goes by what both have, the characters that are not blanks: folding and indenting change only those.
func (f *file) inside(n *yaml.Node, line, column int) Position {
	start := f.at(n)
	ahead := visibleBefore(n.Value, line, column)
	// A place behind the last character is the one after it: the text ended too early.
	beyond := 0
	if all := visibleBefore(n.Value, strings.Count(n.Value, "\n")+2, 1); ahead >= all && all > 0 {
		ahead, beyond = all-1, 1
	}
	row, at := n.Line-1, n.Column-1
	if row < 0 || row >= len(f.lines) {
		return start
	}
	text := []rune(f.lines[row])
	for at < len(text) && (text[at] == '!' || text[at] == '&') { // a tag or an anchor comes first
		for at < len(text) && !unicode.IsSpace(text[at]) {
			at++
		}
		for at < len(text) && unicode.IsSpace(text[at]) {
			at++
		}
	}
	switch n.Style &^ yaml.TaggedStyle {
	case yaml.LiteralStyle, yaml.FoldedStyle:
		row, at = row+1, 0
	case yaml.SingleQuotedStyle, yaml.DoubleQuotedStyle:
		at++
	}
	for ; row < len(f.lines); row, at = row+1, 0 {
		text = []rune(f.lines[row])
		for at < len(text) {
			r := text[at]
			length := 1
			switch {
			case unicode.IsSpace(r):
				at++
				continue
			case r == '\'' && n.Style&yaml.SingleQuotedStyle != 0:
				length = 2
			case r == '\\' && n.Style&yaml.DoubleQuotedStyle != 0:
				length = 2
				if at+1 >= len(text) || strings.ContainsRune("ntrv ", text[at+1]) {
					at += 2
					continue
				}
				length += map[rune]int{'x': 2, 'u': 4, 'U': 8}[text[at+1]]
			}
			if ahead == 0 {
				return Position{f.name, row + 1, at + 1 + beyond*length}
			}
			ahead--
			at += length
		}
	}
	return start
}

// visibleBefore counts the characters other than blanks before a place in a text.
func visibleBefore(text string, line, column int) int {
	count := 0
	row, col := 1, 1
	for _, r := range text {
		if row > line || row == line && col >= column {
			break
		}
		if r == '\n' {
			row, col = row+1, 1
			continue
		}
		if !unicode.IsSpace(r) {
			count++
		}
		col++
	}
	return count
}

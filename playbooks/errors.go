package playbooks

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"unicode"

	"github.com/polarbook/polarbook/inventory"
)

// Error is one thing that is wrong with a playbook, shown with the line it is on.
type Error struct {
	Pos Position
	Msg string
	// Hint says what to do about it; empty: nothing obvious.
	Hint string
	// Line is the source line that Pos is on, as written; Width is how many of its characters the caret underlines.
	Line  string
	Width int
}

// Error returns
//
//	file:line:column: message
//	  12 |     source line
//	     |     ^^^^
//	hint: …
func (e *Error) Error() string {
	var b strings.Builder
	if at := e.Pos.String(); at != "" {
		b.WriteString(at + ": ")
	}
	b.WriteString(inOneLine(e.Msg))
	if e.Pos.Line > 0 && e.Line != "" {
		number := fmt.Sprintf("%4d", e.Pos.Line)
		shown := inventory.MaskNamed(e.Line)
		line, column := around(shown, min(e.Pos.Column, len([]rune(shown))+1))
		fmt.Fprintf(&b, "\n%s | %s", number, line)
		if column > 0 {
			width := min(e.Width, len([]rune(line))-column+1)
			fmt.Fprintf(&b, "\n%s | %s", strings.Repeat(" ", len(number)), caret(line, column, width))
		}
	}
	if e.Hint != "" {
		b.WriteString("\nhint: " + inOneLine(e.Hint))
	}
	return b.String()
}

// inOneLine is a text that has words of a playbook in it, and no lines of theirs: such a line could look like one of ours.
func inOneLine(text string) string { return strings.ReplaceAll(text, "\n", `\n`) }

// maxShown bounds the problems that are shown at once.
const maxShown = 20

// Errors are the problems of a playbook in the order in which its files were read, by line within a file.
type Errors []*Error

func (e Errors) Error() string {
	texts := make([]string, 0, maxShown+1)
	for _, err := range e[:min(len(e), maxShown)] {
		texts = append(texts, err.Error())
	}
	if more := len(e) - maxShown; more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(texts, "\n\n")
}

// Unwrap gives errors.As and errors.Is the single problems.
func (e Errors) Unwrap() []error {
	list := make([]error, 0, len(e))
	for _, err := range e {
		list = append(list, err)
	}
	return list
}

// String returns file:line:column, without what is not known.
func (p Position) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// sorted orders problems by file, as files were first read, and by place. Of several at one place the first is kept:
// what follows from a mistake says nothing that the mistake does not.
func sorted(problems []*Error, order map[string]int) Errors {
	list := slices.Clone(problems)
	slices.SortStableFunc(list, func(a, b *Error) int {
		return cmp.Or(
			cmp.Compare(order[a.Pos.File], order[b.Pos.File]),
			cmp.Compare(a.Pos.Line, b.Pos.Line),
			cmp.Compare(a.Pos.Column, b.Pos.Column))
	})
	return slices.CompactFunc(list, func(a, b *Error) bool { return a.Pos == b.Pos && a.Pos.Line > 0 })
}

// maxLine bounds what is shown of a source line, in characters.
const maxLine = 160

// around cuts a long line to what surrounds a column, and says which column that is then.
func around(line string, column int) (string, int) {
	r := []rune(line)
	if len(r) <= maxLine {
		return line, column
	}
	begin := max(min(column-maxLine/2, len(r)-maxLine), 0)
	cut := slices.Clone(r[begin : begin+maxLine])
	if begin > 0 {
		cut[0] = '…'
	}
	if begin+maxLine < len(r) {
		cut[maxLine-1] = '…'
	}
	return string(cut), max(column-begin, min(column, 1))
}

// caret underlines width characters from a column on. Tabs are kept and wide characters count two, so that the caret
// stands under what it means on a terminal.
func caret(line string, column, width int) string {
	var b strings.Builder
	runes := []rune(line)
	for i := 0; i < column-1; i++ {
		switch {
		case i < len(runes) && runes[i] == '\t':
			b.WriteByte('\t')
		case i < len(runes) && wide(runes[i]):
			b.WriteString("  ")
		default:
			b.WriteByte(' ')
		}
	}
	for i := column - 1; i < column-1+max(width, 1); i++ {
		b.WriteByte('^')
		if i < len(runes) && wide(runes[i]) {
			b.WriteByte('^')
		}
	}
	return b.String()
}

// wide reports whether terminals give a character two columns: CJK and its punctuation and full-width forms.
func wide(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul) ||
		r >= 0x3000 && r <= 0x303e || r >= 0xff01 && r <= 0xff60
}

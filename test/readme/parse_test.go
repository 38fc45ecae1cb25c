package readme

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	table "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"
)

// A document is a README as its sections, each a heading and what follows up to the next.
type document struct {
	sections [][]block
	anchors  []string // of the headings, as GitHub makes them
}

// A block is what has text and no other block in it.
type block struct {
	line  int      // counted from 1
	kind  string   // "paragraph", "cell of column 1" …
	text  string   // as it is written, on one line
	code  string   // of a block of code
	same  []string // what both READMEs have in this block: code, numbers, links
	files []string // what it has links to, in this repository
	marks []string // the headings that it has links to, by their anchors
}

var number = regexp.MustCompile(`[0-9]+(?:[.,][0-9]+)*`)

func parse(source []byte) *document {
	d := &document{}
	root := goldmark.New(goldmark.WithExtensions(extension.Table)).Parser().Parse(text.NewReader(source))
	_ = ast.Walk(root, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		kind := kindOf(n)
		if !entering || kind == "" {
			return ast.WalkContinue, nil
		}
		b := block{kind: kind, line: 1}
		raw := ""
		if lines := n.Lines(); lines.Len() > 0 {
			b.line += bytes.Count(source[:lines.At(0).Start], []byte("\n"))
			raw = string(lines.Value(source))
		}
		b.text = strings.Join(strings.Fields(raw), " ")
		if kind == "block of code" {
			b.code = raw
		} else {
			b.inline(n, source)
		}
		if n.Kind() == ast.KindHeading || len(d.sections) == 0 {
			d.sections = append(d.sections, nil)
			d.anchors = append(d.anchors, anchor(b.text))
		}
		last := len(d.sections) - 1
		d.sections[last] = append(d.sections[last], b)
		return ast.WalkSkipChildren, nil
	})
	for _, list := range d.sections {
		for i := range list {
			for _, mark := range list[i].marks {
				list[i].same = append(list[i].same, fmt.Sprintf("the link to heading %d", slices.Index(d.anchors, mark)+1))
			}
		}
	}
	return d
}

// kindOf names a node that is a block, and no other.
func kindOf(n ast.Node) string {
	switch n := n.(type) {
	case *ast.Heading:
		return fmt.Sprintf("heading of level %d", n.Level)
	case *ast.Paragraph, *ast.TextBlock:
		if item := n.Parent(); item.Kind() == ast.KindListItem && item.FirstChild() == n {
			return "list item"
		}
		return "paragraph"
	case *ast.CodeBlock, *ast.FencedCodeBlock:
		return "block of code"
	case *table.TableCell:
		column := 1
		for c := n.PreviousSibling(); c != nil; c = c.PreviousSibling() {
			column++
		}
		return fmt.Sprintf("cell of column %d", column)
	}
	return ""
}

// inline takes what both READMEs have from a block's text.
func (b *block) inline(n ast.Node, source []byte) {
	var prose strings.Builder
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.CodeSpan:
			var code strings.Builder
			for c := n.FirstChild(); c != nil; c = c.NextSibling() {
				code.Write(c.(*ast.Text).Value(source))
			}
			b.same = append(b.same, strings.Join(strings.Fields(code.String()), " "))
			prose.WriteString(" ")
			return ast.WalkSkipChildren, nil
		case *ast.Text:
			prose.Write(n.Value(source))
			if n.SoftLineBreak() {
				prose.WriteString(" ")
			}
		case *ast.Link:
			to := string(n.Destination)
			switch {
			case strings.HasPrefix(to, "#"):
				b.marks = append(b.marks, to[1:])
			case strings.Contains(to, "://"):
				b.same = append(b.same, "the link to "+to)
			default:
				b.files = append(b.files, to)
				if to != english && to != chinese {
					b.same = append(b.same, "the link to "+to)
				}
			}
		}
		return ast.WalkContinue, nil
	})
	for _, one := range number.FindAllString(prose.String(), -1) {
		b.same = append(b.same, strings.ReplaceAll(one, ",", ""))
	}
}

// anchor is what GitHub makes of a heading's text.
func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
			return unicode.ToLower(r)
		}
		return -1
	}, heading)
}

func (d *document) section(i int) []block {
	if i >= len(d.sections) {
		return nil
	}
	return d.sections[i]
}

// links returns the files that the document has links to.
func (d *document) links() (files []string) {
	for _, list := range d.sections {
		for _, b := range list {
			files = append(files, b.files...)
		}
	}
	return files
}

// lost tells which links within the document lead nowhere, and whether the one to the other README is missing.
func (d *document) lost(name, other string) (said []string) {
	for _, list := range d.sections {
		for _, b := range list {
			for _, mark := range b.marks {
				if !slices.Contains(d.anchors, mark) {
					said = append(said, fmt.Sprintf("%s:%d (%s) has a link to #%s, and no such heading", name, b.line, list[0].text, mark))
				}
			}
		}
	}
	if !slices.Contains(d.links(), other) {
		said = append(said, fmt.Sprintf("%s has no link to %s", name, other))
	}
	return said
}

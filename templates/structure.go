package templates

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"github.com/nikolalohinski/gonja/v2/config"
	"github.com/nikolalohinski/gonja/v2/nodes"
	gonja "github.com/nikolalohinski/gonja/v2/parser"
	"github.com/nikolalohinski/gonja/v2/tokens"
)

// gonja reads the structure of a template: where text ends and tags begin, white space control, and
// which block a tag belongs to. What stands within the tags is read by parser. To keep gonja's lexer
// away from it, every expression is first overwritten with letters of the same length, so that the
// offsets gonja reports are those of the original.

// hidden stands for the bytes of an expression while gonja reads the template.
const hidden = 'Z'

// separator is what the hidden bytes begin with where no blank stands before them.
const separator = '~'

// reader reads one template.
type reader struct {
	engine *Engine
	source string
	spans  map[int]string // the hidden expressions by their offset
	depth  int
	err    *syntaxError
}

// read parses a template into statements.
func (e *Engine) read(source string, options FileOptions) (program []statement, failed *syntaxError) {
	r := &reader{engine: e, source: source, spans: map[int]string{}}
	// gonja panics on some malformed input.
	defer func() {
		if caught := recover(); caught != nil {
			program, failed = nil, &syntaxError{message: "this template cannot be read"}
		}
	}()
	masked, err := r.hide()
	if err != nil {
		return nil, err
	}
	c := config.New()
	c.TrimBlocks = options.TrimBlocks
	c.LeftStripBlocks = options.LeftStripBlocks
	c.KeepTrailingNewline = true
	tree, failure := gonja.NewParser("", tokens.LexAll(masked, c), c, nil, r).Parse()
	if r.err != nil {
		return nil, r.err
	}
	if failure != nil {
		return nil, r.structureError(failure)
	}
	return r.statements(tree.Nodes)
}

// structureError turns gonja's errors into ours.
func (r *reader) structureError(err error) *syntaxError {
	var syntax *gonja.SyntaxError
	message := err.Error()
	offset := 0
	if errors.As(err, &syntax) {
		message = syntax.Message
		offset = offsetOf(r.source, syntax.Line, syntax.Column)
	}
	if strings.HasPrefix(message, "Unexpected EOF, expected tag ") {
		return &syntaxError{len(r.source), "the template ends before " + strings.TrimSuffix(strings.TrimPrefix(message, "Unexpected EOF, expected tag "), ".")}
	}
	if match := unknownTag.FindStringSubmatch(message); match != nil {
		word := match[1]
		if why, ok := refusedTags[word]; ok {
			return &syntaxError{offset, fmt.Sprintf("the tag %s is not supported: %s", word, why)}
		}
		if opening, ok := closingTags[word]; ok {
			return &syntaxError{offset, fmt.Sprintf("%s closes nothing: there is no open %s", word, opening)}
		}
		known := []string{}
		for tag := range tags {
			known = append(known, tag)
		}
		return &syntaxError{offset, fmt.Sprintf("there is no tag %q%s", word, didYouMean(word, known))}
	}
	return &syntaxError{offset, message}
}

var unknownTag = regexp.MustCompile(`^ControlStructure '(.*)' not found`)

// refusedTags are tags of Jinja2 that are left out, and why.
var refusedTags = map[string]string{
	"extends": "templates can include and import one another", "block": "templates can include and import one another",
	"do": "Ansible does not enable it", "break": "Ansible does not enable it", "continue": "Ansible does not enable it",
	"trans": "nothing here is translated", "autoescape": "nothing here writes HTML",
}

var closingTags = map[string]string{
	"endfor": "for", "endif": "if", "else": "if or for", "elif": "if", "endset": "set", "endmacro": "macro", "endcall": "call",
	"endfilter": "filter", "endwith": "with", "endraw": "raw",
}

func offsetOf(source string, line, column int) int {
	offset := 0
	for ; line > 1; line-- {
		next := strings.IndexByte(source[offset:], '\n')
		if next < 0 {
			break
		}
		offset += next + 1
	}
	return min(offset+max(column-1, 0), len(source))
}

// hide overwrites the expressions of the template and remembers them.
func (r *reader) hide() (string, *syntaxError) {
	out := []byte(r.source)
	for at := 0; ; {
		next := nextTag(r.source, at)
		if next < 0 {
			return string(out), nil
		}
		kind := r.source[next+1]
		if kind == '#' {
			end := strings.Index(r.source[next+2:], "#}")
			if end < 0 {
				return "", &syntaxError{next, "this comment is not closed by #}"}
			}
			at = next + 2 + end + 2
			continue
		}
		begin := next + 2
		if begin < len(r.source) && (r.source[begin] == '-' || r.source[begin] == '+') {
			if kind == '{' && r.source[begin] == '+' {
				out[begin] = ' ' // gonja knows {%+ only
			}
			begin++
		}
		closing := "}}"
		if kind == '%' {
			closing = "%}"
		}
		end, ok := tagEnd(r.source, begin, closing)
		if !ok {
			return "", &syntaxError{next, "this tag is not closed by " + closing}
		}
		at = end + 2
		inner := end
		if inner > begin && (r.source[inner-1] == '-' || r.source[inner-1] == '+' && kind == '%') {
			inner--
		}
		if kind == '{' && inner > begin && r.source[inner-1] == '+' {
			return "", &syntaxError{inner - 1, "expected a value, found the end of the expression"}
		}
		if kind == '%' {
			word, rest := keyword(r.source, begin, inner)
			for blank := begin; blank < rest; blank++ {
				if r.source[blank] == '\n' {
					out[blank] = ' '
				}
			}
			if word == "" {
				return "", &syntaxError{next, "this tag is empty"}
			}
			if word == "raw" {
				if at, ok = rawEnd(r.source, at); !ok {
					return "", &syntaxError{next, "the template ends before endraw"}
				}
				continue
			}
			begin = rest
			if rest < inner && strings.IndexByte(" \t\n", r.source[rest]) < 0 {
				// call(x): what follows the keyword at once must not become a part of it.
				r.overwrite(out, begin, inner)
				out[rest] = separator
				continue
			}
		} else if strings.TrimSpace(r.source[begin:inner]) == "" {
			return "", &syntaxError{next, "there is no expression between the braces"}
		}
		r.overwrite(out, begin, inner)
	}
}

// overwrite hides source[begin:end] without the white space around it.
func (r *reader) overwrite(out []byte, begin, end int) {
	text := r.source[begin:end]
	trimmed := strings.TrimLeftFunc(text, unicode.IsSpace)
	start := begin + len(text) - len(trimmed)
	trimmed = strings.TrimRightFunc(trimmed, unicode.IsSpace)
	for at := begin; at < end; at++ {
		out[at] = ' '
	}
	if trimmed == "" {
		return
	}
	for at := start; at < start+len(trimmed); at++ {
		out[at] = hidden
	}
	r.spans[start] = trimmed
}

// nextTag returns where the next tag or comment begins, -1 where there is none.
func nextTag(source string, from int) int {
	for at := from; at+1 < len(source); at++ {
		if source[at] == '{' && (source[at+1] == '{' || source[at+1] == '%' || source[at+1] == '#') {
			return at
		}
	}
	return -1
}

// tagEnd finds the closing braces of a tag, which do not count within strings and brackets.
func tagEnd(source string, from int, closing string) (int, bool) {
	open := 0
	for at := from; at < len(source); at++ {
		if open == 0 && strings.HasPrefix(source[at:], closing) {
			return at, true
		}
		switch source[at] {
		case '(', '[', '{':
			open++
		case ')', ']', '}':
			if open > 0 {
				open--
			}
		case '\'', '"':
			quote := source[at]
			for at++; at < len(source) && source[at] != quote; at++ {
				if source[at] == '\\' {
					at++
				}
			}
		}
	}
	return 0, false
}

// keyword returns the first word of a tag and where it ends.
func keyword(source string, from, to int) (string, int) {
	for from < to && strings.IndexByte(" \t\r\n", source[from]) >= 0 {
		from++
	}
	end := from
	for end < to && (source[end] == '_' || source[end] >= 'a' && source[end] <= 'z' || source[end] >= 'A' && source[end] <= 'Z') {
		end++
	}
	return source[from:end], end
}

// rawEnd returns where the tag that ends a raw block ends.
func rawEnd(source string, from int) (int, bool) {
	for at := from; ; {
		next := strings.Index(source[at:], "{%")
		if next < 0 {
			return 0, false
		}
		at += next + 2
		inner := strings.TrimLeft(strings.TrimLeft(source[at:], "-+"), " \t\n")
		if rest, ok := strings.CutPrefix(inner, "endraw"); ok {
			if end := strings.Index(rest, "%}"); end >= 0 && strings.Trim(rest[:end], " \t\n-+") == "" {
				return len(source) - len(rest) + end + 2, true
			}
		}
	}
}

// Get is gonja's question for the parser of a tag.
func (r *reader) Get(word string) (gonja.ControlStructureParser, bool) {
	parse, ok := tags[word]
	if !ok {
		return nil, false
	}
	return func(p, arguments *gonja.Parser) (nodes.ControlStructure, error) {
		if r.depth++; r.depth > maximumDepth {
			return nil, r.fail(p.Current(), "blocks nest too deep")
		}
		defer func() { r.depth-- }()
		location := p.Current()
		node, err := parse(r, p, r.arguments(arguments, location))
		if err != nil {
			if r.err == nil {
				r.err = err
			}
			return nil, errors.New(err.message)
		}
		return &tagNode{location, node}, nil
	}, true
}

func (r *reader) fail(token *tokens.Token, message string) error {
	if r.err == nil {
		offset := len(r.source)
		if token != nil && token.Type != tokens.EOF {
			offset = token.Pos
		}
		r.err = &syntaxError{offset, message}
	}
	return errors.New(message)
}

// tagNode carries a statement through gonja's tree.
type tagNode struct {
	location  *tokens.Token
	statement statement
}

func (t *tagNode) Position() *tokens.Token { return t.location }
func (t *tagNode) String() string          { return "tag" }

// arguments returns a parser for what a tag holds after its keyword.
func (r *reader) arguments(p *gonja.Parser, location *tokens.Token) *parser {
	t := p.Current()
	text, offset := "", len(r.source)
	if t != nil && (t.Type == tokens.Name || t.Type == tokens.Tilde) {
		text, offset = r.spans[t.Pos], t.Pos
	} else if location != nil && location.Type != tokens.EOF {
		offset = location.Pos
	}
	return r.parse(text, offset)
}

func (r *reader) parse(text string, offset int) *parser {
	words, err := tokenize(text, offset)
	if err != nil {
		if r.err == nil {
			r.err = err
		}
		words = []token{{kind: tokenEnd, offset: offset}}
	}
	return &parser{engine: r.engine, tokens: words}
}

// statements turns gonja's nodes into ours.
func (r *reader) statements(list []nodes.Node) ([]statement, *syntaxError) {
	result := []statement{}
	for _, node := range list {
		switch n := node.(type) {
		case *nodes.Data:
			if text := trimmed(n); text != "" {
				result = append(result, &textStatement{text})
			}
		case *nodes.Output:
			position := n.Expression.Position().Pos
			p := r.parse(r.spans[position], position)
			if r.err != nil {
				return nil, r.err
			}
			value, err := p.tuple("", false)
			if err == nil {
				err = p.end()
			}
			if err != nil {
				return nil, err
			}
			result = append(result, &outputStatement{value})
		case *nodes.ControlStructureBlock:
			if tag, ok := n.ControlStructure.(*tagNode); ok && tag.statement != nil {
				result = append(result, tag.statement)
			}
		}
	}
	return result, r.err
}

// trimmed applies white space control to text.
func trimmed(n *nodes.Data) string {
	text := n.Data.Val
	if n.Trim.Left {
		text = strings.TrimLeft(text, " \r\n\t\f\v")
	}
	if n.Trim.Right {
		text = strings.TrimRight(text, " \r\n\t\f\v")
	}
	return text
}

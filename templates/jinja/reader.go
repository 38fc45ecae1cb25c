package jinja

import (
	"fmt"
	"strings"

	"github.com/polarbook/polarbook/templates/suggest"
)

// reader reads a template's parts into statements.
type reader struct {
	engine  *Engine
	parts   *splitter
	length  int      // of the template
	open    []string // the tags that enclose what is read, the innermost last
	blocks  []*blockStatement
	extends bool
}

// read parses a template, from begin on.
func (e *Engine) read(source string, begin int, options FileOptions) (*parsed, *syntaxError) {
	r := &reader{engine: e, parts: newSplitter(source, begin, options), length: len(source)}
	program, _, err := r.statements()
	return &parsed{source: source, options: options, program: program, blocks: r.blocks, extends: r.extends}, err
}

// ending is the tag that ended a body: its name, and a parser for what else it holds.
type ending struct {
	word string
	rest *parser
}

// statements reads up to one of the tags named, or up to the end of the template where none is.
func (r *reader) statements(ends ...string) ([]statement, ending, *syntaxError) {
	body := []statement{}
	for {
		p, err := r.parts.next()
		if err != nil {
			return nil, ending{}, err
		}
		inner := &parser{engine: r.engine, tokens: p.tokens}
		switch p.kind {
		case partEnd:
			if len(ends) > 0 {
				err = &syntaxError{r.length, "the template ends before " + strings.Join(ends, " or ")}
			}
			return body, ending{}, err
		case partText:
			body = append(body, &textStatement{strings.ReplaceAll(p.text, "\n", r.parts.options.newline())})
		case partOutput:
			value, err := inner.tuple("", false)
			if err == nil {
				err = inner.end()
			}
			if err != nil {
				return nil, ending{}, err
			}
			body = append(body, &outputStatement{value})
		case partTag:
			for _, end := range ends {
				if inner.acceptName(end) {
					return body, ending{end, inner}, nil
				}
			}
			s, err := r.tag(inner, ends)
			if err != nil {
				return nil, ending{}, err
			}
			body = append(body, s)
		}
	}
}

// tag reads a tag and what it encloses. ends are the tags that could have been here instead.
func (r *reader) tag(p *parser, ends []string) (statement, *syntaxError) {
	word := p.current()
	parse, ok := tags[word.text]
	if word.kind != tokenName || !ok {
		return nil, r.unknown(word, p, ends)
	}
	if len(r.open) >= MaximumDepth {
		return nil, p.fail("blocks nest too deep")
	}
	p.advance()
	r.open = append(r.open, word.text)
	defer func() { r.open = r.open[:len(r.open)-1] }()
	return parse(r, p)
}

// body reads what a tag encloses, up to one of the tags named. p is what is left of the tag itself: nothing, or a colon.
func (r *reader) body(p *parser, ends ...string) ([]statement, ending, *syntaxError) {
	p.accept(":")
	if err := p.end(); err != nil {
		return nil, ending{}, err
	}
	return r.statements(ends...)
}

// closed reads what a tag encloses, up to the end tag, which holds nothing but its name.
func (r *reader) closed(p *parser, end string) ([]statement, *syntaxError) {
	body, last, err := r.body(p, end)
	if err == nil {
		err = last.rest.end()
	}
	return body, err
}

// refusedTags are tags of Jinja2 that are left out, and why.
var refusedTags = map[string]string{
	"do": "Ansible does not enable it", "break": "Ansible does not enable it", "continue": "Ansible does not enable it",
	"trans": "nothing here is translated", "autoescape": "nothing here writes HTML",
}

var closingTags = map[string]string{
	"endfor": "for", "endif": "if", "else": "if or for", "elif": "if", "endset": "set", "endmacro": "macro", "endcall": "call",
	"endfilter": "filter", "endwith": "with", "endraw": "raw", "endblock": "block",
}

// unknown returns what is wrong with a tag that cannot be here.
func (r *reader) unknown(word token, p *parser, ends []string) *syntaxError {
	if word.kind != tokenName {
		return p.fail("expected the name of a tag, found %s", word)
	}
	if word.text == "raw" { // the splitter takes it as text otherwise
		if p.advance(); p.current().kind != tokenEnd {
			return p.end()
		}
		return p.fail("raw cannot end with +%%}")
	}
	if why, ok := refusedTags[word.text]; ok {
		return p.fail("the tag %s is not supported: %s", word.text, why)
	}
	if opening, ok := closingTags[word.text]; ok {
		for _, open := range r.open {
			if strings.Contains(opening, open) {
				return p.fail("%s cannot be here: the %s within comes to its end first, with %s",
					word.text, r.open[len(r.open)-1], strings.Join(ends, " or "))
			}
		}
		return p.fail("%s closes nothing: there is no open %s", word.text, opening)
	}
	known := []string{}
	for tag := range tags {
		known = append(known, tag)
	}
	return &syntaxError{word.offset, fmt.Sprintf("there is no tag %q%s", word.text, suggest.Suffix(word.text, known))}
}

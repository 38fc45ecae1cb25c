package templates

import (
	"fmt"

	gonja "github.com/nikolalohinski/gonja/v2/parser"
)

// tagParser reads one tag: p stands after it in gonja's stream, a on what it holds.
type tagParser func(r *reader, p *gonja.Parser, a *parser) (statement, *syntaxError)

// tags are the tags of Jinja2 that Ansible's templates can use. It is a function's result for the
// sake of the initialization order: the parsers call the reader, which reads the table.
var tags map[string]tagParser

func init() {
	tags = map[string]tagParser{
		"for": parseFor, "if": parseIf, "set": parseSet, "macro": parseMacro, "call": parseCall,
		"filter": parseFilterTag, "with": parseWith, "include": parseInclude, "import": parseImport,
		"from": parseFrom, "raw": parseRaw,
	}
}

// body reads up to one of the tags named, and returns which it was and the parser for what it holds.
func (r *reader) body(p *gonja.Parser, ends ...string) ([]statement, string, *parser, *syntaxError) {
	location := p.Current()
	wrapper, rest, err := p.WrapUntil(ends...)
	if err != nil {
		if r.err != nil {
			return nil, "", nil, r.err
		}
		return nil, "", nil, r.structureError(err)
	}
	statements, failed := r.statements(wrapper.Nodes)
	if failed != nil {
		return nil, "", nil, failed
	}
	return statements, wrapper.EndTag, r.arguments(rest, location), r.err
}

// closed reads up to the end tag, which holds nothing.
func (r *reader) closed(p *gonja.Parser, end string) ([]statement, *syntaxError) {
	statements, _, rest, err := r.body(p, end)
	if err == nil {
		err = rest.end()
	}
	return statements, err
}

func parseFor(r *reader, p *gonja.Parser, a *parser) (statement, *syntaxError) {
	s := &forStatement{}
	var err *syntaxError
	if s.target, err = a.targets(true); err != nil {
		return nil, err
	}
	if !a.acceptName("in") {
		return nil, a.fail("expected in after the name, found %s", a.current())
	}
	if s.items, err = a.tupleWithoutIf(); err != nil {
		return nil, err
	}
	if a.acceptName("if") {
		if s.condition, err = a.expression(); err != nil {
			return nil, err
		}
	}
	s.recursive = a.acceptName("recursive")
	if err = a.end(); err != nil {
		return nil, err
	}
	body, end, rest, err := r.body(p, "else", "endfor")
	if err == nil {
		err = rest.end()
	}
	if err != nil {
		return nil, err
	}
	s.body = body
	if end == "else" {
		s.otherwise, err = r.closed(p, "endfor")
	}
	return s, err
}

// tupleWithoutIf reads an expression where an if that follows belongs to the tag.
func (p *parser) tupleWithoutIf() (expression, *syntaxError) {
	begin := at(p.current().offset)
	var items []expression
	for {
		value, err := p.conditional(false)
		if err != nil {
			return nil, err
		}
		items = append(items, value)
		if !p.accept(",") {
			break
		}
	}
	if len(items) == 1 {
		return items[0], nil
	}
	return &list{begin, items, true}, nil
}

// targets reads what is assigned to: a, or a, b, or (a, b), c.
func (p *parser) targets(several bool) (target, *syntaxError) {
	one := func() (target, *syntaxError) {
		if p.accept("(") {
			inner, err := p.targets(true)
			if err == nil {
				err = p.expect(")")
			}
			return inner, err
		}
		t := p.current()
		if t.kind != tokenName || reserved[t.text] {
			return target{}, p.fail("expected the name of a variable, found %s", t)
		}
		if _, ok := constants[t.text]; ok {
			return target{}, p.fail("%s cannot be assigned to", t)
		}
		p.advance()
		if p.accept(".") {
			of := t.text
			if t = p.current(); t.kind != tokenName {
				return target{}, p.fail("expected a name after the dot, found %s", t)
			}
			p.advance()
			return target{name: t.text, of: of}, nil
		}
		return target{name: t.text}, nil
	}
	if err := p.enter(); err != nil {
		return target{}, err
	}
	defer func() { p.depth-- }()
	first, err := one()
	if err != nil || !several || !p.is(",") {
		return first, err
	}
	parts := []target{first}
	for p.accept(",") {
		if p.current().kind != tokenName && !p.is("(") || p.isName("in") {
			break
		}
		next, err := one()
		if err != nil {
			return target{}, err
		}
		parts = append(parts, next)
	}
	return target{parts: parts}, nil
}

func parseIf(r *reader, p *gonja.Parser, a *parser) (statement, *syntaxError) {
	s := &ifStatement{}
	for {
		condition, err := a.tuple("", false)
		if err == nil {
			err = a.end()
		}
		if err != nil {
			return nil, err
		}
		body, end, rest, err := r.body(p, "elif", "else", "endif")
		if err != nil {
			return nil, err
		}
		s.conditions, s.bodies = append(s.conditions, condition), append(s.bodies, body)
		if end == "elif" {
			a = rest
			continue
		}
		if err := rest.end(); err != nil {
			return nil, err
		}
		if end == "else" {
			s.otherwise, err = r.closed(p, "endif")
		}
		return s, err
	}
}

func parseSet(r *reader, p *gonja.Parser, a *parser) (statement, *syntaxError) {
	to, err := a.targets(true)
	if err != nil {
		return nil, err
	}
	if a.accept("=") {
		value, err := a.tuple("", false)
		if err == nil {
			err = a.end()
		}
		return &setStatement{to, value}, err
	}
	filter, err := a.filters()
	if err != nil {
		return nil, err
	}
	body, err := r.closed(p, "endset")
	return &setBlock{to, filter, body}, err
}

// filters reads | a | b up to the end of the tag; nil where there are none.
func (p *parser) filters() (*filtered, *syntaxError) {
	var chain *filtered
	for p.accept("|") {
		var of expression
		if chain != nil {
			of = chain
		}
		next, err := p.filter(of)
		if err != nil {
			return nil, err
		}
		chain = next.(*filtered)
	}
	return chain, p.end()
}

func parseFilterTag(r *reader, p *gonja.Parser, a *parser) (statement, *syntaxError) {
	first, err := a.filter(nil)
	if err != nil {
		return nil, err
	}
	chain := first.(*filtered)
	for a.accept("|") {
		next, err := a.filter(chain)
		if err != nil {
			return nil, err
		}
		chain = next.(*filtered)
	}
	if err := a.end(); err != nil {
		return nil, err
	}
	body, err := r.closed(p, "endfilter")
	return &filterStatement{chain, body}, err
}

// signature reads the parameters of a macro with their parentheses.
func (p *parser) signature(m *macro) *syntaxError {
	if err := p.expect("("); err != nil {
		return err
	}
	for !p.is(")") {
		t := p.current()
		if t.kind != tokenName {
			return p.fail("expected the name of a parameter, found %s", t)
		}
		p.advance()
		m.parameters = append(m.parameters, t.text)
		if p.accept("=") {
			value, err := p.expression()
			if err != nil {
				return err
			}
			m.defaults = append(m.defaults, value)
		} else if len(m.defaults) > 0 {
			return &syntaxError{t.offset, fmt.Sprintf("the parameter %q needs a default too: those before it have one", t.text)}
		}
		if !p.is(")") {
			if err := p.expect(","); err != nil {
				return err
			}
		}
	}
	return p.expect(")")
}

func parseMacro(r *reader, p *gonja.Parser, a *parser) (statement, *syntaxError) {
	t := a.current()
	if t.kind != tokenName {
		return nil, a.fail("expected the name of the macro, found %s", t)
	}
	a.advance()
	m := &macro{name: t.text}
	err := a.signature(m)
	if err == nil {
		err = a.end()
	}
	if err != nil {
		return nil, err
	}
	m.body, err = r.closed(p, "endmacro")
	return &macroStatement{m}, err
}

func parseCall(r *reader, p *gonja.Parser, a *parser) (statement, *syntaxError) {
	caller := &macro{name: "caller"}
	if a.is("(") {
		if err := a.signature(caller); err != nil {
			return nil, err
		}
	}
	begin := a.current()
	value, err := a.expression()
	if err == nil {
		err = a.end()
	}
	if err != nil {
		return nil, err
	}
	called, ok := value.(*call)
	if !ok {
		return nil, &syntaxError{begin.offset, "expected the call of a macro"}
	}
	caller.body, err = r.closed(p, "endcall")
	return &callStatement{caller, called}, err
}

func parseWith(r *reader, p *gonja.Parser, a *parser) (statement, *syntaxError) {
	s := &withStatement{}
	for a.current().kind != tokenEnd {
		to, err := a.targets(false)
		if err == nil {
			err = a.expect("=")
		}
		if err != nil {
			return nil, err
		}
		value, err := a.expression()
		if err != nil {
			return nil, err
		}
		s.targets, s.values = append(s.targets, to), append(s.values, value)
		if a.current().kind != tokenEnd {
			if err := a.expect(","); err != nil {
				return nil, err
			}
		}
	}
	var err *syntaxError
	s.body, err = r.closed(p, "endwith")
	return s, err
}

func parseRaw(r *reader, p *gonja.Parser, a *parser) (statement, *syntaxError) {
	if err := a.end(); err != nil {
		return nil, err
	}
	body, err := r.closed(p, "endraw")
	if err != nil {
		return nil, err
	}
	return &rawStatement{body}, nil
}

// rawStatement is the text of a raw block.
type rawStatement struct{ body []statement }

func (s *rawStatement) execute(r *run) error { return r.all(s.body) }

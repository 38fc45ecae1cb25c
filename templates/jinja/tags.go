package jinja

import (
	"fmt"
)

// tagParser reads one tag, and what it encloses: p stands after its name.
type tagParser func(r *reader, p *parser) (statement, *syntaxError)

// tags are the tags of Jinja2 that Ansible's templates can use. They are filled in by init for the sake of the order of
// initialization: the parsers call the reader, which reads the table.
var tags map[string]tagParser

func init() {
	tags = map[string]tagParser{
		"for": parseFor, "if": parseIf, "set": parseSet, "macro": parseMacro, "call": parseCall,
		"filter": parseFilterTag, "with": parseWith, "include": parseInclude, "import": parseImport,
		"from": parseFrom, "print": parsePrint, "block": parseBlock, "extends": parseExtends,
	}
}

func parseFor(r *reader, p *parser) (statement, *syntaxError) {
	s := &forStatement{}
	var err *syntaxError
	if s.target, err = p.targets(); err != nil {
		return nil, err
	}
	if !p.acceptName("in") {
		return nil, p.fail("expected in after the name, found %s", p.current())
	}
	if s.items, err = p.tupleWithoutIf(); err != nil {
		return nil, err
	}
	if p.acceptName("if") {
		if s.condition, err = p.expression(); err != nil {
			return nil, err
		}
	}
	s.recursive = p.acceptName("recursive")
	body, end, err := r.body(p, "else", "endfor")
	if err != nil {
		return nil, err
	}
	s.body = body
	if end.word == "else" {
		s.otherwise, err = r.closed(end.rest, "endfor")
		return s, err
	}
	return s, end.rest.end()
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
			if len(items) == 1 {
				return value, nil
			}
			break
		}
		if p.current().kind == tokenEnd || p.isName("recursive") || p.is(")") {
			break
		}
	}
	return &list{begin, items, true}, nil
}

// targets reads what is assigned to: a, or a, b, or (a, b), c.
func (p *parser) targets() (target, *syntaxError) {
	one := func() (target, *syntaxError) {
		if p.accept("(") {
			inner, err := p.targets()
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
	if err != nil || !p.is(",") {
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

func parseIf(r *reader, p *parser) (statement, *syntaxError) {
	s := &ifStatement{}
	for {
		condition, err := p.tupleWithoutIf()
		if err != nil {
			return nil, err
		}
		body, end, err := r.body(p, "elif", "else", "endif")
		if err != nil {
			return nil, err
		}
		s.conditions, s.bodies = append(s.conditions, condition), append(s.bodies, body)
		switch p = end.rest; end.word {
		case "else":
			s.otherwise, err = r.closed(p, "endif")
			return s, err
		case "endif":
			return s, p.end()
		}
	}
}

func parseSet(r *reader, p *parser) (statement, *syntaxError) {
	to, err := p.targets()
	if err != nil {
		return nil, err
	}
	if p.accept("=") {
		value, err := p.tuple("", false)
		if err == nil {
			err = p.end()
		}
		return &setStatement{to, value}, err
	}
	var filter *filtered
	if p.is("|") {
		p.advance()
		if filter, err = p.filters(); err != nil {
			return nil, err
		}
	}
	body, err := r.closed(p, "endset")
	return &setBlock{to, filter, body}, err
}

// filters reads a | b: the filters of a tag, the first of which is applied to the text within.
func (p *parser) filters() (*filtered, *syntaxError) {
	chain, err := p.filter(nil)
	for err == nil && p.accept("|") {
		chain, err = p.filter(chain)
	}
	if err != nil {
		return nil, err
	}
	return chain.(*filtered), nil
}

func parseFilterTag(r *reader, p *parser) (statement, *syntaxError) {
	chain, err := p.filters()
	if err != nil {
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

func parseMacro(r *reader, p *parser) (statement, *syntaxError) {
	t := p.current()
	if t.kind != tokenName {
		return nil, p.fail("expected the name of the macro, found %s", t)
	}
	p.advance()
	m := &macro{name: t.text}
	err := p.signature(m)
	if err != nil {
		return nil, err
	}
	m.body, err = r.closed(p, "endmacro")
	return &macroStatement{m}, err
}

func parseCall(r *reader, p *parser) (statement, *syntaxError) {
	caller := &macro{name: "caller"}
	if p.is("(") {
		if err := p.signature(caller); err != nil {
			return nil, err
		}
	}
	begin := p.current()
	value, err := p.expression()
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

func parseWith(r *reader, p *parser) (statement, *syntaxError) {
	s := &withStatement{}
	for p.current().kind != tokenEnd {
		if len(s.targets) > 0 {
			if err := p.expect(","); err != nil {
				return nil, err
			}
		}
		to, err := p.targets()
		if err == nil {
			err = p.expect("=")
		}
		if err != nil {
			return nil, err
		}
		value, err := p.expression()
		if err != nil {
			return nil, err
		}
		s.targets, s.values = append(s.targets, to), append(s.values, value)
	}
	var err *syntaxError
	s.body, err = r.closed(p, "endwith")
	return s, err
}

// parsePrint reads {% print a, b %}, which is {{ a }}{{ b }}.
func parsePrint(_ *reader, p *parser) (statement, *syntaxError) {
	s := &printStatement{}
	for p.current().kind != tokenEnd {
		if len(s.outputs) > 0 {
			if err := p.expect(","); err != nil {
				return nil, err
			}
		}
		value, err := p.expression()
		if err != nil {
			return nil, err
		}
		s.outputs = append(s.outputs, &outputStatement{value})
	}
	return s, nil
}

type printStatement struct{ outputs []statement }

func (s *printStatement) execute(r *Run) error { return r.all(s.outputs) }

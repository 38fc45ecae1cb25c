package templates

import (
	gonja "github.com/nikolalohinski/gonja/v2/parser"
)

func parseInclude(r *reader, p *gonja.Parser, a *parser) (statement, *syntaxError) {
	s := &includeStatement{at: at(a.current().offset)}
	var err *syntaxError
	if s.names, err = a.expression(); err != nil {
		return nil, err
	}
	if a.isName("ignore") && a.peekName("missing") {
		a.advance()
		a.advance()
		s.ignoreMissing = true
	}
	if err := a.context(); err != nil {
		return nil, err
	}
	return s, a.end()
}

// context reads "with context", which is what always holds here.
func (p *parser) context() *syntaxError {
	if p.isName("without") && p.peekName("context") {
		return p.fail("without context is not supported: included templates see all variables")
	}
	if p.isName("with") && p.peekName("context") {
		p.advance()
		p.advance()
	}
	return nil
}

func parseImport(r *reader, p *gonja.Parser, a *parser) (statement, *syntaxError) {
	s := &importStatement{at: at(a.current().offset)}
	var err *syntaxError
	if s.file, err = a.expression(); err != nil {
		return nil, err
	}
	if !a.acceptName("as") || a.current().kind != tokenName {
		return nil, a.fail("expected as and a name, found %s", a.current())
	}
	s.as = a.advance().text
	if err := a.context(); err != nil {
		return nil, err
	}
	return s, a.end()
}

func parseFrom(r *reader, p *gonja.Parser, a *parser) (statement, *syntaxError) {
	s := &importStatement{at: at(a.current().offset)}
	var err *syntaxError
	if s.file, err = a.expression(); err != nil {
		return nil, err
	}
	if !a.acceptName("import") {
		return nil, a.fail("expected import, found %s", a.current())
	}
	for {
		t := a.current()
		if t.kind != tokenName {
			return nil, a.fail("expected a name to import, found %s", t)
		}
		a.advance()
		pair := [2]string{t.text, t.text}
		if a.acceptName("as") {
			if a.current().kind != tokenName {
				return nil, a.fail("expected a name after as, found %s", a.current())
			}
			pair[1] = a.advance().text
		}
		s.names = append(s.names, pair)
		if !a.accept(",") {
			break
		}
	}
	if err := a.context(); err != nil {
		return nil, err
	}
	return s, a.end()
}

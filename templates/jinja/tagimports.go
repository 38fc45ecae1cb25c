package jinja

func parseInclude(r *reader, p *parser) (statement, *syntaxError) {
	s := &includeStatement{at: at(p.current().offset)}
	var err *syntaxError
	if s.names, err = p.expression(); err != nil {
		return nil, err
	}
	if p.isName("ignore") && p.peekName("missing") {
		p.advance()
		p.advance()
		s.ignoreMissing = true
	}
	if err := p.context(); err != nil {
		return nil, err
	}
	return s, p.end()
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

func parseImport(r *reader, p *parser) (statement, *syntaxError) {
	s := &importStatement{at: at(p.current().offset)}
	var err *syntaxError
	if s.file, err = p.expression(); err != nil {
		return nil, err
	}
	if !p.acceptName("as") || p.current().kind != tokenName {
		return nil, p.fail("expected as and a name, found %s", p.current())
	}
	s.as = p.advance().text
	if err := p.context(); err != nil {
		return nil, err
	}
	return s, p.end()
}

func parseFrom(r *reader, p *parser) (statement, *syntaxError) {
	s := &importStatement{at: at(p.current().offset)}
	var err *syntaxError
	if s.file, err = p.expression(); err != nil {
		return nil, err
	}
	if !p.acceptName("import") {
		return nil, p.fail("expected import, found %s", p.current())
	}
	for {
		t := p.current()
		if t.kind != tokenName {
			return nil, p.fail("expected a name to import, found %s", t)
		}
		p.advance()
		pair := [2]string{t.text, t.text}
		if p.acceptName("as") {
			if p.current().kind != tokenName {
				return nil, p.fail("expected a name after as, found %s", p.current())
			}
			pair[1] = p.advance().text
		}
		s.names = append(s.names, pair)
		if !p.accept(",") {
			break
		}
	}
	if err := p.context(); err != nil {
		return nil, err
	}
	return s, p.end()
}

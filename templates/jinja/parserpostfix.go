package jinja

func (p *parser) postfix(value expression) (expression, *syntaxError) {
	for {
		var err *syntaxError
		switch {
		case p.is("."):
			value, err = p.dotted(value)
		case p.is("["):
			value, err = p.subscript(value)
		case p.is("("):
			value, err = p.call(value)
		default:
			return value, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func (p *parser) dotted(of expression) (expression, *syntaxError) {
	begin := at(p.advance().offset)
	switch t := p.current(); t.kind {
	case tokenName:
		p.advance()
		return &attribute{begin, of, t.text}, nil
	case tokenInteger:
		p.advance()
		return &item{begin, of, &constant{at(t.offset), t.value}}, nil
	}
	return nil, p.fail("expected a name or a number after the dot, found %s", p.current())
}

func (p *parser) subscript(of expression) (expression, *syntaxError) {
	begin := at(p.advance().offset)
	var start, stop, step expression
	var err *syntaxError
	sliced := false
	bound := func() (expression, *syntaxError) {
		if p.is(":") || p.is("]") {
			return nil, nil
		}
		return p.expression()
	}
	if start, err = bound(); err != nil {
		return nil, err
	}
	if p.accept(":") {
		sliced = true
		if stop, err = bound(); err != nil {
			return nil, err
		}
		if p.accept(":") {
			if step, err = bound(); err != nil {
				return nil, err
			}
		}
	}
	if err := p.expect("]"); err != nil {
		return nil, err
	}
	if sliced {
		return &item{begin, of, &slice{begin, start, stop, step}}, nil
	}
	if start == nil {
		return nil, &syntaxError{offset: int(begin), message: "expected a key within the brackets"}
	}
	return &item{begin, of, start}, nil
}

package jinja

import (
	"fmt"
)

func (p *parser) call(function expression) (expression, *syntaxError) {
	begin := at(p.current().offset)
	arguments, err := p.arguments()
	if err != nil {
		return nil, err
	}
	node := &call{begin, function, arguments}
	if err := p.engine.checkCall(node); err != nil {
		return nil, err
	}
	return node, nil
}

// arguments reads a list of arguments with its parentheses.
func (p *parser) arguments() (arguments, *syntaxError) {
	var result arguments
	if err := p.expect("("); err != nil {
		return result, err
	}
	for !p.is(")") {
		var err *syntaxError
		switch {
		case p.accept("**"):
			result.dict, err = p.expression()
		case p.accept("*"):
			result.list, err = p.expression()
		case p.current().kind == tokenName && p.tokens[p.next+1].kind == tokenOperator && p.tokens[p.next+1].text == "=":
			key := p.advance()
			p.advance()
			for _, known := range result.names {
				if known == key.text {
					return result, &syntaxError{offset: key.offset, message: fmt.Sprintf("the argument %q is given twice", key.text)}
				}
			}
			var value expression
			value, err = p.expression()
			result.names, result.named = append(result.names, key.text), append(result.named, value)
		default:
			if len(result.names) > 0 {
				return result, p.fail("an argument without a name cannot follow one with a name")
			}
			var value expression
			value, err = p.expression()
			result.positional = append(result.positional, value)
		}
		if err != nil {
			return result, err
		}
		if !p.is(")") {
			if err := p.expect(","); err != nil {
				return result, err
			}
		}
	}
	return result, p.expect(")")
}

func (p *parser) filtersAndTests(value expression) (expression, *syntaxError) {
	for {
		var err *syntaxError
		switch {
		case p.is("|"):
			p.advance()
			value, err = p.filter(value)
		case p.isName("is"):
			value, err = p.test(value)
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

func (p *parser) dottedName(what string) (token, *syntaxError) {
	t := p.current()
	if t.kind != tokenName {
		return t, p.fail("expected the name of a %s, found %s", what, t)
	}
	p.advance()
	for p.is(".") {
		p.advance()
		if p.current().kind != tokenName {
			return t, p.fail("expected a name after the dot, found %s", p.current())
		}
		t.text += "." + p.advance().text
	}
	return t, nil
}

func (p *parser) filter(of expression) (expression, *syntaxError) {
	t, err := p.dottedName("filter")
	if err != nil {
		return nil, err
	}
	node := &filtered{at: at(t.offset), of: of, name: t.text}
	if p.is("(") {
		if node.arguments, err = p.arguments(); err != nil {
			return nil, err
		}
	}
	if err := p.engine.checkFilter(node); err != nil {
		return nil, err
	}
	return node, nil
}

func (p *parser) test(of expression) (expression, *syntaxError) {
	p.advance()
	negated := p.acceptName("not")
	t, err := p.dottedName("test")
	if err != nil {
		return nil, err
	}
	node := &tested{at: at(t.offset), of: of, name: t.text, negated: negated}
	switch next := p.current(); {
	case p.is("("):
		if node.arguments, err = p.arguments(); err != nil {
			return nil, err
		}
	case next.kind == tokenName && next.text == "is":
		return nil, p.fail("tests cannot follow one another; join them with and")
	case next.kind == tokenString, next.kind == tokenInteger, next.kind == tokenFloat, p.is("["), p.is("{"),
		next.kind == tokenName && !reserved[next.text]:
		if err := p.enter(); err != nil {
			return nil, err
		}
		value, err := p.primary()
		if err == nil {
			value, err = p.postfix(value)
		}
		p.depth--
		if err != nil {
			return nil, err
		}
		node.arguments.positional = []expression{value}
	}
	if err := p.engine.checkTest(node); err != nil {
		return nil, err
	}
	return node, nil
}

package jinja

import (
	"fmt"
	"strings"
)

// MaximumDepth bounds how deeply expressions and blocks may nest, so that no input can exhaust the
// stack.
const MaximumDepth = 200

// parser reads the tokens of an expression or of a tag, by Jinja2's grammar.
type parser struct {
	engine *Engine
	tokens []token
	next   int
	depth  int
}

func (p *parser) current() token { return p.tokens[p.next] }

func (p *parser) advance() token {
	t := p.tokens[p.next]
	if t.kind != tokenEnd {
		p.next++
	}
	return t
}

func (p *parser) is(operator string) bool {
	t := p.current()
	return t.kind == tokenOperator && t.text == operator
}

func (p *parser) isName(word string) bool {
	t := p.current()
	return t.kind == tokenName && t.text == word
}

func (p *parser) peekName(word string) bool {
	if p.next+1 >= len(p.tokens) {
		return false
	}
	t := p.tokens[p.next+1]
	return t.kind == tokenName && t.text == word
}

func (p *parser) accept(operator string) bool {
	if p.is(operator) {
		p.next++
		return true
	}
	return false
}

func (p *parser) acceptName(word string) bool {
	if p.isName(word) {
		p.next++
		return true
	}
	return false
}

func (p *parser) expect(operator string) *syntaxError {
	if p.accept(operator) {
		return nil
	}
	return p.fail("expected %q, found %s", operator, p.current())
}

func (p *parser) fail(format string, arguments ...any) *syntaxError {
	return &syntaxError{offset: p.current().offset, message: fmt.Sprintf(format, arguments...)}
}

func (p *parser) end() *syntaxError {
	if p.current().kind != tokenEnd {
		return p.fail("%s is not expected here", p.current())
	}
	return nil
}

func (p *parser) enter() *syntaxError {
	if p.depth++; p.depth > MaximumDepth {
		return p.fail("this expression nests deeper than %d levels", MaximumDepth)
	}
	return nil
}

func (p *parser) expression() (expression, *syntaxError) { return p.conditional(true) }

func (p *parser) conditional(withIf bool) (expression, *syntaxError) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	value, err := p.or()
	if err != nil {
		return nil, err
	}
	for withIf && p.isName("if") {
		begin := at(value.offset())
		p.advance()
		condition, err := p.or()
		if err != nil {
			return nil, err
		}
		var otherwise expression
		if p.acceptName("else") {
			if otherwise, err = p.conditional(true); err != nil {
				return nil, err
			}
		}
		value = &conditional{begin, condition, value, otherwise}
	}
	return value, nil
}

func (p *parser) or() (expression, *syntaxError) {
	left, err := p.and()
	for err == nil && p.acceptName("or") {
		var right expression
		if right, err = p.and(); err == nil {
			left = &logical{at(left.offset()), true, left, right}
		}
	}
	return left, err
}

func (p *parser) and() (expression, *syntaxError) {
	left, err := p.not()
	for err == nil && p.acceptName("and") {
		var right expression
		if right, err = p.not(); err == nil {
			left = &logical{at(left.offset()), false, left, right}
		}
	}
	return left, err
}

func (p *parser) not() (expression, *syntaxError) {
	if !p.isName("not") {
		return p.compare()
	}
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	begin := at(p.advance().offset)
	of, err := p.not()
	return &unary{begin, "not", of}, err
}

func (p *parser) compare() (expression, *syntaxError) {
	first, err := p.sum()
	if err != nil {
		return nil, err
	}
	chain := &comparison{at: at(first.offset()), first: first}
	for {
		operator := ""
		switch t := p.current(); {
		case t.kind == tokenOperator && strings.Contains(" == != < <= > >= ", " "+t.text+" "):
			operator = t.text
		case p.isName("in"):
			operator = "in"
		case p.isName("not") && p.peekName("in"):
			operator = "not in"
			p.advance()
		}
		if operator == "" {
			break
		}
		p.advance()
		other, err := p.sum()
		if err != nil {
			return nil, err
		}
		chain.operators = append(chain.operators, operator)
		chain.others = append(chain.others, other)
	}
	if len(chain.operators) == 0 {
		return first, nil
	}
	return chain, nil
}

// operation reads operands separated by any of the operators, which bind to the left.
func (p *parser) operation(operand func() (expression, *syntaxError), operators ...string) (expression, *syntaxError) {
	left, err := operand()
	if err != nil {
		return nil, err
	}
again:
	for _, operator := range operators {
		if p.accept(operator) {
			right, err := operand()
			if err != nil {
				return nil, err
			}
			left = &binary{at(left.offset()), operator, left, right}
			goto again
		}
	}
	return left, nil
}

func (p *parser) sum() (expression, *syntaxError) { return p.operation(p.concat, "+", "-") }

func (p *parser) concat() (expression, *syntaxError) { return p.operation(p.product, "~") }

func (p *parser) product() (expression, *syntaxError) {
	return p.operation(p.power, "*", "/", "//", "%")
}

func (p *parser) power() (expression, *syntaxError) {
	return p.operation(func() (expression, *syntaxError) { return p.unary(true) }, "**")
}

func (p *parser) unary(filters bool) (expression, *syntaxError) {
	var value expression
	var err *syntaxError
	begin := at(p.current().offset)
	if p.is("-") || p.is("+") {
		if err := p.enter(); err != nil {
			return nil, err
		}
		operator := p.advance().text
		value, err = p.unary(false)
		p.depth--
		value = &unary{begin, operator, value}
	} else {
		value, err = p.primary()
	}
	if err == nil {
		value, err = p.postfix(value)
	}
	if err == nil && filters {
		value, err = p.filtersAndTests(value)
	}
	return value, err
}

var constants = map[string]any{"true": true, "True": true, "false": false, "False": false, "none": nil, "None": nil}

// reserved are words that Jinja2 does not take as the name of a variable.
var reserved = map[string]bool{"and": true, "or": true, "not": true, "if": true, "else": true, "elif": true, "in": true, "is": true}

func (p *parser) primary() (expression, *syntaxError) {
	t := p.current()
	begin := at(t.offset)
	switch t.kind {
	case tokenName:
		if value, ok := constants[t.text]; ok {
			p.advance()
			return &constant{begin, value}, nil
		}
		if reserved[t.text] {
			return nil, p.fail("expected a value, found %s", t)
		}
		p.advance()
		return &name{begin, t.text}, nil
	case tokenString:
		var joined strings.Builder
		for p.current().kind == tokenString {
			joined.WriteString(p.advance().value.(string))
		}
		return &constant{begin, joined.String()}, nil
	case tokenInteger, tokenFloat:
		p.advance()
		return &constant{begin, t.value}, nil
	case tokenOperator:
		switch t.text {
		case "(":
			p.advance()
			value, err := p.tuple(")", true)
			if err != nil {
				return nil, err
			}
			return value, p.expect(")")
		case "[":
			p.advance()
			items, err := p.items("]")
			return &list{begin, items, false}, err
		case "{":
			return p.dictionary()
		}
	}
	return nil, p.fail("expected a value, found %s", t)
}

// tuple reads one expression, or several with commas between them as a tuple.
func (p *parser) tuple(closing string, parentheses bool) (expression, *syntaxError) {
	begin := at(p.current().offset)
	var items []expression
	comma := false
	for {
		if closing != "" && p.is(closing) || p.current().kind == tokenEnd {
			break
		}
		value, err := p.expression()
		if err != nil {
			return nil, err
		}
		items = append(items, value)
		if !p.accept(",") {
			break
		}
		comma = true
	}
	switch {
	case len(items) == 1 && !comma:
		return items[0], nil
	case len(items) == 0 && !parentheses:
		return nil, p.fail("expected an expression, found %s", p.current())
	}
	return &list{begin, items, true}, nil
}

func (p *parser) items(closing string) ([]expression, *syntaxError) {
	var items []expression
	for !p.is(closing) {
		value, err := p.expression()
		if err != nil {
			return nil, err
		}
		items = append(items, value)
		if !p.is(closing) {
			if err := p.expect(","); err != nil {
				return nil, err
			}
		}
	}
	return items, p.expect(closing)
}

func (p *parser) dictionary() (expression, *syntaxError) {
	d := &dictionary{at: at(p.advance().offset)}
	for !p.is("}") {
		key, err := p.expression()
		if err == nil {
			err = p.expect(":")
		}
		if err != nil {
			return nil, err
		}
		value, err := p.expression()
		if err != nil {
			return nil, err
		}
		d.keys, d.values = append(d.keys, key), append(d.values, value)
		if !p.is("}") {
			if err := p.expect(","); err != nil {
				return nil, err
			}
		}
	}
	return d, p.expect("}")
}

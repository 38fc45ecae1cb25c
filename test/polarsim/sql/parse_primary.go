package sql

import (
	"strings"
)

// keywords is the table of expressions that begin with a word of their own.
var keywords map[string]func(*parser) (Expr, error)

func init() {
	keywords = map[string]func(*parser) (Expr, error){
		"null":  func(p *parser) (Expr, error) { p.i++; return &Literal{nil, unknown}, nil },
		"true":  func(p *parser) (Expr, error) { p.i++; return &Literal{true, Bool}, nil },
		"false": func(p *parser) (Expr, error) { p.i++; return &Literal{false, Bool}, nil },
		"case":  parseCase, "exists": parseExists, "cast": parseCast, "array": parseArrayExpr,
		"default":      func(p *parser) (Expr, error) { p.i++; return nil, nil },
		"current_user": parseBare, "session_user": parseBare, "current_timestamp": parseBare, "user": parseBare,
		"current_date": parseBare, "localtimestamp": parseBare, "current_catalog": parseBare,
	}
}

func parseBare(p *parser) (Expr, error) { return &Call{Name: p.next().text}, nil }

func parseExists(p *parser) (Expr, error) {
	p.i++
	if err := p.expectOperator("("); err != nil {
		return nil, err
	}
	q, err := p.query()
	if err != nil {
		return nil, err
	}
	return &Exists{q}, p.expectOperator(")")
}

func parseCast(p *parser) (Expr, error) {
	p.i++
	if err := p.expectOperator("("); err != nil {
		return nil, err
	}
	x, err := p.expr()
	if err != nil {
		return nil, err
	}
	if err := p.expect("as"); err != nil {
		return nil, err
	}
	to, err := p.typeName()
	if err != nil {
		return nil, err
	}
	return &CastTo{x, to}, p.expectOperator(")")
}

func parseArrayExpr(p *parser) (Expr, error) {
	p.i++
	if p.operator("(") {
		q, err := p.query()
		if err != nil {
			return nil, err
		}
		return &Call{Name: "array", Arguments: []Expr{&Scalar{q}}}, p.expectOperator(")")
	}
	if err := p.expectOperator("["); err != nil {
		return nil, err
	}
	if p.operator("]") {
		return &Array{}, nil
	}
	items, err := p.exprList()
	if err != nil {
		return nil, err
	}
	return &Array{items}, p.expectOperator("]")
}

func parseCase(p *parser) (Expr, error) {
	p.i++
	c := &Case{}
	var err error
	if p.peek().text != "when" {
		if c.Subject, err = p.expr(); err != nil {
			return nil, err
		}
	}
	for p.words("when") {
		var when, then Expr
		if when, err = p.expr(); err != nil {
			return nil, err
		}
		if err = p.expect("then"); err != nil {
			return nil, err
		}
		if then, err = p.expr(); err != nil {
			return nil, err
		}
		c.When = append(c.When, [2]Expr{when, then})
	}
	if p.words("else") {
		if c.Else, err = p.expr(); err != nil {
			return nil, err
		}
	}
	return c, p.expect("end")
}

// reference reads a column, table.column or a function call; typename 'text' is a constant of that type.
func (p *parser) reference() (Expr, error) {
	first, err := p.name()
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind == tokenString {
		if oid, ok := typeNames[first]; ok {
			p.i++
			return &CastTo{&Literal{t.text, unknown}, oid}, nil
		}
	}
	parts := []string{first}
	for p.peek().text == "." && p.peek().kind == tokenOperator && p.peekAt(1).text != "*" {
		p.i++
		part, err := p.name()
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	last := parts[len(parts)-1]
	if p.operator("(") {
		return p.call(strings.ToLower(last))
	}
	c := &Column{Name: last}
	if len(parts) > 1 {
		c.Table = parts[len(parts)-2]
	}
	return c, nil
}

func (p *parser) call(name string) (Expr, error) {
	c := &Call{Name: name}
	var err error
	switch {
	case p.operator(")"):
	case p.operator("*"):
		c.Star = true
		if err = p.expectOperator(")"); err != nil {
			return nil, err
		}
	default:
		c.Distinct = p.words("distinct")
		if c.Arguments, err = p.exprList(); err != nil {
			return nil, err
		}
		if p.words("order", "by") {
			if c.Order, err = p.orderings(); err != nil {
				return nil, err
			}
		}
		if err = p.expectOperator(")"); err != nil {
			return nil, err
		}
	}
	if p.words("filter") {
		if err = p.expectOperator("("); err != nil {
			return nil, err
		}
		if err = p.expect("where"); err != nil {
			return nil, err
		}
		if c.Filter, err = p.expr(); err != nil {
			return nil, err
		}
		err = p.expectOperator(")")
	}
	return c, err
}

package sql

import (
	"strconv"
)

func (p *parser) expr() (Expr, error) { return p.binary(0) }

// levels lists the binary operators from loosest to tightest.
var levels = [][]string{
	{"or"}, {"and"}, {"not"}, {"is"}, {"=", "<", ">", "<=", ">=", "<>", "!="}, {"like", "ilike", "in", "between", "~", "!~", "~*",
		"||", "->>"}, {"+", "-"}, {"*", "/", "%"},
}

func (p *parser) binary(level int) (Expr, error) {
	if level == len(levels) {
		return p.unary()
	}
	if level == 2 {
		if p.words("not") {
			x, err := p.binary(2)
			return &Unary{"not", x}, err
		}
		return p.binary(3)
	}
	x, err := p.binary(level + 1)
	for err == nil {
		t := p.peek()
		negated := false
		if level == 5 && t.kind == tokenWord && t.text == "not" {
			if after := p.peekAt(1).text; after == "in" || after == "like" || after == "ilike" || after == "between" {
				negated = true
				p.i++
				t = p.peek()
			}
		}
		if t.kind != tokenWord && t.kind != tokenOperator || !contains(levels[level], t.text) {
			return x, nil
		}
		p.i++
		x, err = p.rest(level, t.text, x)
		if negated {
			x = &Unary{"not", x}
		}
	}
	return x, err
}

func contains(list []string, s string) bool {
	for _, item := range list {
		if item == s {
			return true
		}
	}
	return false
}

// rest parses what follows a binary operator whose left side is x.
func (p *parser) rest(level int, operator string, x Expr) (Expr, error) {
	switch operator {
	case "is":
		not := p.words("not")
		switch {
		case p.words("null"):
			return &IsNull{x, not}, nil
		case p.words("true"):
			return p.negate(&Call{Name: "coalesce", Arguments: []Expr{x, &Literal{false, Bool}}}, not), nil
		case p.words("false"):
			return p.negate(&Unary{"not", &Call{Name: "coalesce", Arguments: []Expr{x, &Literal{true, Bool}}}}, not), nil
		case p.words("distinct", "from"):
			y, err := p.binary(level + 1)
			return p.negate(&Binary{"is distinct from", x, y}, not), err
		}
		return nil, p.unexpected()
	case "in":
		if err := p.expectOperator("("); err != nil {
			return nil, err
		}
		if t := p.peek().text; t == "select" || t == "values" {
			q, err := p.query()
			if err != nil {
				return nil, err
			}
			return &In{X: x, Query: q}, p.expectOperator(")")
		}
		list, err := p.exprList()
		if err != nil {
			return nil, err
		}
		return &In{X: x, List: list}, p.expectOperator(")")
	case "between":
		low, err := p.binary(level + 1)
		if err != nil {
			return nil, err
		}
		if err := p.expect("and"); err != nil {
			return nil, err
		}
		high, err := p.binary(level + 1)
		return &Binary{"and", &Binary{">=", x, low}, &Binary{"<=", x, high}}, err
	}
	if level == 4 && (p.words("any") || p.words("some")) {
		if err := p.expectOperator("("); err != nil {
			return nil, err
		}
		if p.peek().text == "select" {
			q, err := p.query()
			if err != nil {
				return nil, err
			}
			return &In{X: x, Query: q}, p.expectOperator(")")
		}
		array, err := p.expr()
		if err != nil {
			return nil, err
		}
		return &In{X: x, Array: array}, p.expectOperator(")")
	}
	y, err := p.binary(level + 1)
	if operator == "!=" {
		operator = "<>"
	}
	return &Binary{operator, x, y}, err
}

func (p *parser) negate(x Expr, not bool) Expr {
	if not {
		return &Unary{"not", x}
	}
	return x
}

func (p *parser) exprList() ([]Expr, error) {
	var out []Expr
	for {
		x, err := p.expr()
		if err != nil {
			return nil, err
		}
		out = append(out, x)
		if !p.operator(",") {
			return out, nil
		}
	}
}

func (p *parser) unary() (Expr, error) {
	if p.operator("-") {
		x, err := p.unary()
		return &Unary{"-", x}, err
	}
	if p.operator("+") {
		return p.unary()
	}
	x, err := p.primary()
	for err == nil {
		switch {
		case p.operator("::"):
			var to uint32
			to, err = p.typeName()
			x = &CastTo{x, to}
		case p.peek().text == "at" && p.words("at", "time", "zone"):
			_, err = p.primary()
		case p.peek().text == "collate" && p.words("collate"):
			_, err = p.name()
		default:
			return x, nil
		}
	}
	return x, err
}

func (p *parser) typeName() (uint32, error) {
	t := p.peek()
	if t.kind != tokenWord && t.kind != tokenQuoted {
		return 0, p.unexpected()
	}
	p.i++
	name := t.text
	if p.operator(".") {
		name = p.next().text
	}
	switch name {
	case "double":
		if p.words("precision") {
			name += " precision"
		}
	case "character":
		if p.words("varying") {
			name += " varying"
		}
	}
	if p.operator("(") {
		for !p.operator(")") {
			if p.next().kind == tokenEnd {
				return 0, p.unexpected()
			}
		}
	}
	if name == "timestamp" {
		switch {
		case p.words("with", "time", "zone"):
			name = "timestamptz"
		case p.words("without", "time", "zone"):
		}
	}
	if p.operator("[") {
		if err := p.expectOperator("]"); err != nil {
			return 0, err
		}
		return TextArray, nil
	}
	oid, ok := typeNames[name]
	if !ok {
		return 0, &Error{Code: "42704", Message: "type \"" + name + "\" does not exist", Position: t.at + 1}
	}
	return oid, nil
}

func (p *parser) primary() (Expr, error) {
	t := p.peek()
	switch t.kind {
	case tokenString:
		p.i++
		return &Literal{t.text, unknown}, nil
	case tokenNumber:
		p.i++
		if n, err := strconv.ParseInt(t.text, 10, 64); err == nil {
			if n > 1<<31-1 {
				return &Literal{n, Int8}, nil
			}
			return &Literal{n, Int4}, nil
		}
		f, err := strconv.ParseFloat(t.text, 64)
		if err != nil {
			return nil, syntaxError(p.source, t.at, t.end)
		}
		return &Literal{f, Numeric}, nil
	case tokenParameter:
		p.i++
		n, err := strconv.Atoi(t.text)
		if err != nil || n < 1 || n > 65535 {
			return nil, &Error{Code: "42P02", Message: "there is no parameter $" + t.text, Position: t.at + 1}
		}
		return &Parameter{n}, nil
	case tokenOperator:
		if t.text == "(" {
			p.i++
			if next := p.peek().text; next == "select" || next == "values" {
				q, err := p.query()
				if err != nil {
					return nil, err
				}
				return &Scalar{q}, p.expectOperator(")")
			}
			x, err := p.expr()
			if err != nil {
				return nil, err
			}
			if err := p.expectOperator(")"); err != nil {
				return nil, err
			}
			if p.operator(".") { // (function()).column
				_, err = p.name()
			}
			return x, err
		}
	case tokenWord:
		if parse := keywords[t.text]; parse != nil {
			return parse(p)
		}
		return p.reference()
	case tokenQuoted:
		return p.reference()
	}
	return nil, p.unexpected()
}

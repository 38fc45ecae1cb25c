package sql

func (p *parser) query() (*Select, error) {
	q, err := p.queryTerm()
	if err != nil {
		return nil, err
	}
	tail := q
	for p.words("union") {
		tail.All = p.words("all")
		next, err := p.queryTerm()
		if err != nil {
			return nil, err
		}
		tail.Union = next
		tail = next
	}
	if p.words("order", "by") {
		if q.Order, err = p.orderings(); err != nil {
			return nil, err
		}
	}
	for {
		switch {
		case p.words("limit"):
			if p.words("all") {
				continue
			}
			q.Limit, err = p.expr()
		case p.words("offset"):
			q.Offset, err = p.expr()
		case p.words("for", "update"), p.words("for", "share"):
		default:
			return q, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func (p *parser) queryTerm() (*Select, error) {
	if p.operator("(") {
		q, err := p.query()
		if err != nil {
			return nil, err
		}
		return q, p.expectOperator(")")
	}
	if p.words("values") {
		rows, err := p.valueRows()
		return &Select{Values: rows}, err
	}
	if p.words("table") {
		schema, name, err := p.qualified()
		return &Select{Targets: []Target{{Star: true}}, From: []Source{{Schema: schema, Table: name, Alias: name}}}, err
	}
	if t := p.peek(); t.text == "with" {
		return nil, unsupported("WITH")
	}
	if err := p.expect("select"); err != nil {
		return nil, err
	}
	q := &Select{Distinct: p.words("distinct")}
	p.words("all")
	var err error
	if q.Targets, err = p.targets(); err != nil {
		return nil, err
	}
	if p.words("from") {
		if q.From, err = p.sources(); err != nil {
			return nil, err
		}
	}
	if p.words("where") {
		if q.Where, err = p.expr(); err != nil {
			return nil, err
		}
	}
	if p.words("group", "by") {
		if q.Group, err = p.exprList(); err != nil {
			return nil, err
		}
	}
	if p.words("having") {
		q.Having, err = p.expr()
	}
	return q, err
}

func (p *parser) valueRows() ([][]Expr, error) {
	var rows [][]Expr
	for {
		if err := p.expectOperator("("); err != nil {
			return nil, err
		}
		row, err := p.exprList()
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
		if err := p.expectOperator(")"); err != nil {
			return nil, err
		}
		if !p.operator(",") {
			return rows, nil
		}
	}
}

func (p *parser) targets() ([]Target, error) {
	var out []Target
	if t := p.peek(); t.kind == tokenEnd || t.text == "from" || t.text == ";" {
		return nil, nil
	}
	for {
		var target Target
		if p.operator("*") {
			target.Star = true
		} else if p.peekAt(1).text == "." && p.peekAt(2).text == "*" {
			target.Star, target.Table = true, p.peek().text
			p.i += 3
		} else {
			x, err := p.expr()
			if err != nil {
				return nil, err
			}
			target.Expr, target.Name = x, defaultName(x)
			if p.words("as") {
				target.Name = p.peek().text // any word will do after AS
				if k := p.next().kind; k != tokenWord && k != tokenQuoted {
					p.i--
					return nil, p.unexpected()
				}
			} else if t := p.peek(); t.kind == tokenQuoted || t.kind == tokenWord && !reserved[t.text] {
				target.Name = t.text
				p.i++
			}
		}
		out = append(out, target)
		if !p.operator(",") {
			return out, nil
		}
	}
}

func defaultName(x Expr) string {
	switch x := x.(type) {
	case *Column:
		return x.Name
	case *Call:
		return x.Name
	case *CastTo:
		if inner := defaultName(x.X); inner != "?column?" {
			return inner
		}
		return internalNames[x.Type]
	case *Case:
		return "case"
	case *Exists:
		return "exists"
	case *Array:
		return "array"
	case *Literal:
		if _, ok := x.Value.(bool); ok {
			return "bool"
		}
	case *Scalar:
		if len(x.Query.Targets) == 1 && !x.Query.Targets[0].Star {
			return x.Query.Targets[0].Name
		}
	}
	return "?column?"
}

var internalNames = map[uint32]string{
	Bool: "bool", Int8: "int8", Int4: "int4", Int2: "int2", Text: "text", OID: "oid", Float8: "float8",
	Float4: "float4", Inet: "inet", LSN: "pg_lsn",
	Timestamptz: "timestamptz", Timestamp: "timestamp", Interval: "interval", Numeric: "numeric", Varchar: "varchar", Name: "name",
	Date: "date", TextArray: "text",
}

func (p *parser) orderings() ([]Ordering, error) {
	var out []Ordering
	for {
		x, err := p.expr()
		if err != nil {
			return nil, err
		}
		o := Ordering{Expr: x, Descending: p.words("desc")}
		if !o.Descending {
			p.words("asc")
		}
		if p.words("nulls") {
			first := p.words("first")
			if !first {
				if err := p.expect("last"); err != nil {
					return nil, err
				}
			}
			o.NullsFirst = &first
		}
		out = append(out, o)
		if !p.operator(",") {
			return out, nil
		}
	}
}

func (p *parser) sources() ([]Source, error) {
	var out []Source
	s, err := p.source1()
	if err != nil {
		return nil, err
	}
	out = append(out, s)
joins:
	for {
		left, cross := false, false
		switch {
		case p.words("join"), p.words("inner", "join"):
		case p.words("left", "join"), p.words("left", "outer", "join"):
			left = true
		case p.words("cross", "join"):
			cross = true
		case p.operator(","):
			cross = true
		default:
			break joins
		}
		p.words("lateral")
		s, err := p.source1()
		if err != nil {
			return nil, err
		}
		s.Left = left
		switch {
		case cross:
		case p.words("on"):
			if s.On, err = p.expr(); err != nil {
				return nil, err
			}
		case p.words("using"):
			if err := p.expectOperator("("); err != nil {
				return nil, err
			}
			if s.Using, err = p.names(); err != nil {
				return nil, err
			}
			if err := p.expectOperator(")"); err != nil {
				return nil, err
			}
		default:
			return nil, p.unexpected()
		}
		out = append(out, s)
	}
	return out, nil
}

func (p *parser) source1() (Source, error) {
	var s Source
	if p.operator("(") {
		q, err := p.query()
		if err != nil {
			return s, err
		}
		s.Query = q
		if err := p.expectOperator(")"); err != nil {
			return s, err
		}
	} else {
		schema, name, err := p.qualified()
		if err != nil {
			return s, err
		}
		if p.operator("(") {
			call, err := p.call(name)
			if err != nil {
				return s, err
			}
			s.Function = call.(*Call)
			s.Alias = name
			if p.words("with", "ordinality") {
				return s, unsupported("WITH ORDINALITY")
			}
		} else {
			s.Schema, s.Table, s.Alias = schema, name, name
		}
	}
	if p.words("as") || p.peek().kind == tokenQuoted || p.peek().kind == tokenWord && !reserved[p.peek().text] && !clauseWords[p.peek().text] {
		alias, err := p.name()
		if err != nil {
			return s, err
		}
		s.Alias = alias
		if p.operator("(") {
			if s.Columns, err = p.names(); err != nil {
				return s, err
			}
			return s, p.expectOperator(")")
		}
	}
	return s, nil
}

var clauseWords = map[string]bool{"natural": true, "window": true}

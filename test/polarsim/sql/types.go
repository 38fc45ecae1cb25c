package sql

import "time"

// typeOf tells an expression's type without evaluating it.
func (s *scope) typeOf(x Expr) uint32 {
	switch x := x.(type) {
	case *Literal:
		return x.Type
	case *Parameter:
		if x.Number <= len(s.context.Types) && s.context.Types[x.Number-1] != 0 {
			return s.context.Types[x.Number-1]
		}
		return unknown
	case *Column:
		if _, oid, _, err := s.find(x.Table, x.Name); err == nil {
			return oid
		}
	case *Unary:
		if x.Operator == "not" {
			return Bool
		}
		return s.typeOf(x.X)
	case *Binary:
		return s.typeOfBinary(x)
	case *IsNull, *In, *Exists:
		return Bool
	case *Scalar:
		if columns, err := s.context.describe(x.Query, s); err == nil && len(columns) > 0 {
			return columns[0].Type
		}
	case *CastTo:
		return x.Type
	case *Array:
		return TextArray
	case *Case:
		for _, when := range x.When {
			if t := s.typeOf(when[1]); t != unknown {
				return t
			}
		}
		return s.typeOf(x.Else)
	case *Call:
		return s.typeOfCall(x)
	}
	return unknown
}

func (s *scope) typeOfBinary(x *Binary) uint32 {
	switch x.Operator {
	case "+", "-", "*", "/", "%":
		a, b := s.typeOf(x.X), s.typeOf(x.Y)
		switch {
		case a == LSN:
			return Numeric
		case a == Timestamptz && b == Timestamptz:
			return Interval
		case a == Numeric || b == Numeric:
			return Numeric
		case a == Float8 || b == Float8:
			return Float8
		case a == Int8 || b == Int8:
			return Int8
		case a == unknown:
			return b
		}
		return a
	case "||", "->>":
		return Text
	}
	return Bool
}

func (s *scope) typeOfCall(x *Call) uint32 {
	switch x.Name {
	case "count", "sum", "row_number":
		return Int8
	case "avg":
		return Numeric
	case "bool_and", "bool_or", "every":
		return Bool
	case "array":
		return TextArray
	case "string_agg":
		return Text
	case "array_agg":
		return TextArray
	case "max", "min", "coalesce", "nullif", "greatest", "least", "abs":
		for _, argument := range x.Arguments {
			if t := s.typeOf(argument); t != unknown {
				return t
			}
		}
		return unknown
	}
	if f, ok := s.context.function(x.Name); ok {
		return f.Type
	}
	return unknown
}

// settled returns a result column's type: nothing leaves the server as unknown.
func settled(oid uint32) uint32 {
	if oid == unknown || oid == 0 {
		return Text
	}
	return oid
}

// infer fills in the types of parameters from what they meet. It walks everything an expression contains.
func (s *scope) infer(x Expr) {
	pair := func(a, b Expr) {
		if p, ok := a.(*Parameter); ok {
			s.context.want(p, s.typeOf(b))
		}
		if p, ok := b.(*Parameter); ok {
			s.context.want(p, s.typeOf(a))
		}
	}
	switch x := x.(type) {
	case *Parameter:
		s.context.want(x, unknown)
	case *Unary:
		s.infer(x.X)
	case *Binary:
		pair(x.X, x.Y)
		s.infer(x.X)
		s.infer(x.Y)
	case *IsNull:
		s.infer(x.X)
	case *In:
		for _, item := range x.List {
			pair(x.X, item)
			s.infer(item)
		}
		if p, ok := x.Array.(*Parameter); ok {
			s.context.want(p, TextArray)
		}
		s.infer(x.X)
		if x.Query != nil {
			s.context.inferSelect(x.Query, s)
		}
	case *Exists:
		s.context.inferSelect(x.Query, s)
	case *Scalar:
		s.context.inferSelect(x.Query, s)
	case *CastTo:
		if p, ok := x.X.(*Parameter); ok {
			s.context.want(p, x.Type)
		}
		s.infer(x.X)
	case *Case:
		s.infer(x.Subject)
		for _, when := range x.When {
			s.infer(when[0])
			s.infer(when[1])
		}
		s.infer(x.Else)
	case *Array:
		for _, item := range x.Items {
			s.infer(item)
		}
	case *Call:
		for _, argument := range x.Arguments {
			if p, ok := argument.(*Parameter); ok {
				s.context.want(p, argumentTypes[x.Name])
			}
			s.infer(argument)
		}
	}
}

var argumentTypes = map[string]uint32{
	"pg_wal_lsn_diff": LSN, "pg_sleep": Float8, "pg_terminate_backend": Int4, "pg_cancel_backend": Int4, "generate_series": Int4,
}

func (c *Context) want(p *Parameter, oid uint32) {
	for len(c.Types) < p.Number {
		c.Types = append(c.Types, 0)
	}
	if c.Types[p.Number-1] == 0 && oid != unknown {
		c.Types[p.Number-1] = oid
	}
}

// ParameterTypes returns how many parameters a statement has and of what types; text where nothing says.
func (c *Context) ParameterTypes(statement *Statement) []uint32 {
	switch {
	case statement.Select != nil:
		c.inferSelect(statement.Select, nil)
	default:
		if i, ok := statement.Change.(interface{ infer(*Context) }); ok {
			i.infer(c)
		}
	}
	for i, oid := range c.Types {
		c.Types[i] = settled(oid)
	}
	return c.Types
}

func (c *Context) inferSelect(q *Select, outer *scope) {
	s, err := c.bind(q, outer)
	if err != nil {
		return
	}
	for _, target := range q.Targets {
		s.infer(target.Expr)
	}
	for _, source := range q.From {
		s.infer(source.On)
		if source.Query != nil {
			c.inferSelect(source.Query, nil)
		}
		if source.Function != nil {
			s.infer(source.Function)
		}
	}
	s.infer(q.Where)
	for _, x := range q.Group {
		s.infer(x)
	}
	s.infer(q.Having)
	for _, o := range q.Order {
		s.infer(o.Expr)
	}
	for _, x := range []Expr{q.Limit, q.Offset} {
		if p, ok := x.(*Parameter); ok {
			c.want(p, Int8)
		}
	}
	for _, row := range q.Values {
		for _, x := range row {
			s.infer(x)
		}
	}
	if q.Union != nil {
		c.inferSelect(q.Union, outer)
	}
}

// Describe tells a statement's result columns, nil when it has none, without running it.
func (c *Context) Describe(statement *Statement) ([]ResultColumn, error) {
	if statement.Select != nil {
		return c.describe(statement.Select, nil)
	}
	if d, ok := statement.Change.(interface {
		columns(*Context) ([]ResultColumn, error)
	}); ok {
		return d.columns(c)
	}
	return nil, nil
}

func (c *Context) describe(q *Select, outer *scope) ([]ResultColumn, error) {
	s, err := c.bind(q, outer)
	if err != nil {
		return nil, err
	}
	return s.outputs(q)
}

func (c *Context) time() time.Time { return time.UnixMicro(c.Now).UTC() }

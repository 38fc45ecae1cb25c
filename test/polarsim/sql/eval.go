package sql

// scope is the row an expression sees, with the rows of the queries around it.
type scope struct {
	context *Context
	tables  []boundTable
	row     []Value
	group   []*scope // the rows of the group, inside an aggregate query
	outer   *scope
}

type boundTable struct {
	alias   string
	columns []ResultColumn
	first   int // index of its first column in row
	merged  map[string]bool
}

func (s *scope) find(table, name string) (int, uint32, *scope, error) {
	for at := s; at != nil; at = at.outer {
		found, oid := -1, uint32(0)
		for _, t := range at.tables {
			if table != "" && t.alias != table {
				continue
			}
			for i, column := range t.columns {
				if column.Name != name || t.merged[name] && table == "" {
					continue
				}
				if found >= 0 {
					return 0, 0, nil, Errorf("42702", "column reference \"%s\" is ambiguous", name)
				}
				found, oid = t.first+i, column.Type
			}
		}
		if found >= 0 {
			return found, oid, at, nil
		}
	}
	if table != "" {
		for at := s; at != nil; at = at.outer {
			for _, t := range at.tables {
				if t.alias == table {
					return 0, 0, nil, Errorf("42703", "column %s.%s does not exist", table, name)
				}
			}
		}
		return 0, 0, nil, Errorf("42P01", "missing FROM-clause entry for table \"%s\"", table)
	}
	return 0, 0, nil, Errorf("42703", "column \"%s\" does not exist", name)
}

func (s *scope) eval(x Expr) (Value, error) {
	switch x := x.(type) {
	case nil:
		return nil, nil
	case *Literal:
		return x.Value, nil
	case *Parameter:
		if x.Number > len(s.context.Parameters) {
			return nil, Errorf("42P02", "there is no parameter $%d", x.Number)
		}
		return s.context.Parameters[x.Number-1], nil
	case *Column:
		i, _, at, err := s.find(x.Table, x.Name)
		if err != nil {
			return nil, err
		}
		if at.row == nil {
			return nil, nil
		}
		return at.row[i], nil
	case *Unary:
		return s.unary(x)
	case *Binary:
		return s.binary(x)
	case *IsNull:
		v, err := s.eval(x.X)
		return (v == nil) != x.Not, err
	case *In:
		return s.in(x)
	case *Exists:
		r, err := s.context.query(x.Query, s)
		if err != nil {
			return nil, err
		}
		return len(r.Rows) > 0, nil
	case *Scalar:
		r, err := s.context.query(x.Query, s)
		if err != nil || len(r.Rows) == 0 {
			return nil, err
		}
		if len(r.Rows) > 1 {
			return nil, Errorf("21000", "more than one row returned by a subquery used as an expression")
		}
		return r.Rows[0][0], nil
	case *CastTo:
		return s.cast(x)
	case *Case:
		return s.choose(x)
	case *Array:
		out := []string{}
		for _, item := range x.Items {
			v, err := s.eval(item)
			if err != nil {
				return nil, err
			}
			out = append(out, Format(v, s.typeOf(item)))
		}
		return out, nil
	case *Call:
		return s.call(x)
	}
	return nil, unsupported("this expression")
}

func (s *scope) cast(x *CastTo) (Value, error) {
	v, err := s.eval(x.X)
	if err != nil {
		return nil, err
	}
	from := s.typeOf(x.X)
	if text, ok := v.(string); ok && x.Type == OID && from == unknown {
		// 'name'::regclass of something that has no number here.
		if _, err := castInteger(text, OID); err != nil {
			d, err := s.context.database()
			if err != nil {
				return nil, err
			}
			if t := d.table("", text); t != nil {
				return t.OID, nil
			}
			return nil, undefinedTable("", text)
		}
	}
	return Cast(v, from, x.Type)
}

func (s *scope) unary(x *Unary) (Value, error) {
	v, err := s.eval(x.X)
	if err != nil || v == nil {
		return nil, err
	}
	if x.Operator == "not" {
		b, err := Cast(v, unknown, Bool)
		if err != nil {
			return nil, err
		}
		return !b.(bool), nil
	}
	switch v := v.(type) {
	case int64:
		return -v, nil
	case float64:
		return -v, nil
	}
	return nil, Errorf("42883", "operator does not exist: - %s", TypeName(s.typeOf(x.X)))
}

func (s *scope) choose(x *Case) (Value, error) {
	var subject Value
	var err error
	if x.Subject != nil {
		if subject, err = s.eval(x.Subject); err != nil {
			return nil, err
		}
	}
	for _, when := range x.When {
		v, err := s.eval(when[0])
		if err != nil {
			return nil, err
		}
		if x.Subject != nil {
			v = subject != nil && v != nil && compare(subject, v) == 0
		}
		if v == true {
			return s.eval(when[1])
		}
	}
	return s.eval(x.Else)
}

func (s *scope) in(x *In) (Value, error) {
	v, err := s.eval(x.X)
	if err != nil {
		return nil, err
	}
	var list []Value
	switch {
	case x.Query != nil:
		r, err := s.context.query(x.Query, s)
		if err != nil {
			return nil, err
		}
		for _, row := range r.Rows {
			list = append(list, row[0])
		}
	case x.Array != nil:
		a, err := s.eval(x.Array)
		if err != nil {
			return nil, err
		}
		array, err := Cast(a, unknown, TextArray)
		if err != nil {
			return nil, err
		}
		if array == nil {
			return nil, nil
		}
		for _, item := range array.([]string) {
			list = append(list, item)
		}
	default:
		for _, item := range x.List {
			w, err := s.eval(item)
			if err != nil {
				return nil, err
			}
			list = append(list, w)
		}
	}
	if v == nil {
		return nil, nil
	}
	sawNull := false
	for _, item := range list {
		if item == nil {
			sawNull = true
			continue
		}
		if compare(v, item) == 0 {
			return true, nil
		}
	}
	if sawNull {
		return nil, nil
	}
	return false, nil
}

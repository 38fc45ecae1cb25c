package sql

// Query runs a SELECT.
func (c *Context) Query(q *Select) (*Relation, error) { return c.query(q, nil) }

// bind resolves FROM into a scope without a row.
func (c *Context) bind(q *Select, outer *scope) (*scope, error) {
	s, _, err := c.from(q, outer, false)
	return s, err
}

// from resolves and, when rows are wanted, joins the sources.
func (c *Context) from(q *Select, outer *scope, rows bool) (*scope, [][]Value, error) {
	s := &scope{context: c, outer: outer}
	joined := [][]Value{{}}
	for i := range q.From {
		source := &q.From[i]
		relation, err := c.source(source, s, rows)
		if err != nil {
			return nil, nil, err
		}
		bound := boundTable{alias: source.Alias, columns: append([]ResultColumn(nil), relation.Columns...), merged: map[string]bool{}}
		for j, name := range source.Columns {
			if j < len(bound.columns) {
				bound.columns[j].Name = name
			}
		}
		if source.Function != nil && len(bound.columns) == 1 && len(source.Columns) == 0 {
			bound.columns[0].Name = source.Alias
		}
		for _, t := range s.tables {
			bound.first += len(t.columns)
		}
		for _, name := range source.Using {
			bound.merged[name] = true
		}
		left := *s
		s.tables = append(s.tables, bound)
		if !rows {
			continue
		}
		if joined, err = s.join(joined, relation.Rows, source, &left, bound); err != nil {
			return nil, nil, err
		}
	}
	return s, joined, nil
}

func (s *scope) join(left, right [][]Value, source *Source, leftScope *scope, bound boundTable) ([][]Value, error) {
	var out [][]Value
	for _, a := range left {
		matched := false
		for _, b := range right {
			row := append(append(make([]Value, 0, len(a)+len(b)), a...), b...)
			at := *s
			at.row = row
			ok := true
			if source.On != nil {
				v, err := at.eval(source.On)
				if err != nil {
					return nil, err
				}
				ok = v == true
			}
			for _, name := range source.Using {
				i, _, _, err := leftScope.find("", name)
				if err != nil {
					return nil, err
				}
				j, _, _, err := at.find(bound.alias, name)
				if err != nil {
					return nil, err
				}
				ok = ok && row[i] != nil && row[j] != nil && compare(row[i], row[j]) == 0
			}
			if ok {
				matched = true
				out = append(out, row)
			}
		}
		if !matched && source.Left {
			out = append(out, append(append([]Value(nil), a...), make([]Value, len(bound.columns))...))
		}
	}
	return out, nil
}

func (c *Context) source(source *Source, s *scope, rows bool) (*Relation, error) {
	switch {
	case source.Query != nil:
		if rows {
			return c.query(source.Query, s.outer)
		}
		columns, err := c.describe(source.Query, s.outer)
		return &Relation{Columns: columns}, err
	case source.Function != nil:
		f, ok := c.function(source.Function.Name)
		if !ok {
			return nil, undefinedFunction(source.Function.Name, s, source.Function.Arguments)
		}
		if f.Rows == nil {
			r := &Relation{Columns: []ResultColumn{{source.Function.Name, f.Type}}}
			v, err := s.call(source.Function)
			r.Rows = [][]Value{{v}}
			return r, err
		}
		var arguments []Value
		if rows {
			for _, x := range source.Function.Arguments {
				v, err := s.eval(x)
				if err != nil {
					return nil, err
				}
				arguments = append(arguments, v)
			}
		}
		return f.Rows(c, arguments)
	}
	return c.relation(source.Schema, source.Table)
}

func (c *Context) query(q *Select, outer *scope) (*Relation, error) {
	r, keys, err := c.block(q, outer)
	if err != nil {
		return nil, err
	}
	for next := q; next.Union != nil; next = next.Union {
		more, _, err := c.block(next.Union, outer)
		if err != nil {
			return nil, err
		}
		if len(more.Columns) != len(r.Columns) {
			return nil, Errorf("42601", "each UNION query must have the same number of columns")
		}
		r.Rows = append(r.Rows, more.Rows...)
		if !next.All {
			r.Rows = distinct(r.Rows)
		}
		keys = nil
	}
	if keys == nil && len(q.Order) > 0 {
		s := &scope{context: c, tables: []boundTable{{columns: r.Columns}}}
		for _, row := range r.Rows {
			s.row = row
			key, err := s.sortKey(q, row, r.Columns)
			if err != nil {
				return nil, err
			}
			keys = append(keys, key)
		}
	}
	if len(q.Order) > 0 {
		sortRows(r.Rows, keys, q.Order)
	}
	return r, c.slice(q, r, outer)
}

func (c *Context) slice(q *Select, r *Relation, outer *scope) error {
	s := &scope{context: c, outer: outer}
	count := func(x Expr) (int, bool, error) {
		v, err := s.eval(x)
		if err != nil || v == nil {
			return 0, false, err
		}
		n, err := castInteger(v, Int8)
		if err != nil {
			return 0, false, err
		}
		if n.(int64) < 0 {
			return 0, false, Errorf("2201W", "LIMIT must not be negative")
		}
		return int(n.(int64)), true, nil
	}
	if n, ok, err := count(q.Offset); err != nil {
		return err
	} else if ok {
		r.Rows = r.Rows[min(n, len(r.Rows)):]
	}
	if n, ok, err := count(q.Limit); err != nil {
		return err
	} else if ok {
		r.Rows = r.Rows[:min(n, len(r.Rows))]
	}
	return nil
}

// block runs one SELECT without its ORDER BY and LIMIT; keys are the sort keys of the rows.
func (c *Context) block(q *Select, outer *scope) (*Relation, [][]Value, error) {
	s, rows, err := c.from(q, outer, true)
	if err != nil {
		return nil, nil, err
	}
	columns, err := s.outputs(q)
	if err != nil {
		return nil, nil, err
	}
	r := &Relation{Columns: columns}
	if q.Values != nil {
		for _, list := range q.Values {
			row := make([]Value, len(list))
			for i, x := range list {
				if row[i], err = s.eval(x); err != nil {
					return nil, nil, err
				}
			}
			r.Rows = append(r.Rows, row)
		}
		return r, nil, nil
	}
	var scopes []*scope
	for _, row := range rows {
		at := *s
		at.row = row
		if q.Where != nil {
			v, err := at.eval(q.Where)
			if err != nil {
				return nil, nil, err
			}
			if v != true {
				continue
			}
		}
		scopes = append(scopes, &at)
	}
	if q.Where != nil && len(rows) == 0 {
		if err := s.check(q.Where); err != nil {
			return nil, nil, err
		}
	}
	if scopes, err = s.grouped(q, scopes); err != nil {
		return nil, nil, err
	}
	var keys [][]Value
	for _, at := range scopes {
		produced, err := at.project(q)
		if err != nil {
			return nil, nil, err
		}
		for _, row := range produced {
			r.Rows = append(r.Rows, row)
			key, err := at.sortKey(q, row, columns)
			if err != nil {
				return nil, nil, err
			}
			keys = append(keys, key)
		}
	}
	if q.Distinct {
		r.Rows, keys = distinct(r.Rows), nil
	}
	return r, keys, nil
}

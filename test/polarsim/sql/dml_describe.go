package sql

func (c *Context) returned(t *Table, alias string, targets []Target, rows [][]Value, tag string) (*Result, error) {
	result := &Result{Tag: tag}
	if targets == nil {
		return result, nil
	}
	s := c.tableScope(t, alias)
	q := &Select{Targets: targets}
	var err error
	if result.Columns, err = s.outputs(q); err != nil {
		return nil, err
	}
	for _, row := range rows {
		s.row = row
		produced, err := s.project(q)
		if err != nil {
			return nil, err
		}
		result.Rows = append(result.Rows, produced...)
	}
	return result, nil
}

func (i *insert) columns(c *Context) ([]ResultColumn, error) {
	return c.returningColumns(i.schema, i.table, i.table, i.returning)
}

func (u *update) columns(c *Context) ([]ResultColumn, error) {
	return c.returningColumns(u.schema, u.table, u.alias, u.returning)
}

func (c *Context) returningColumns(schema, table, alias string, targets []Target) ([]ResultColumn, error) {
	t, err := c.writable(schema, table)
	if err != nil || targets == nil {
		return nil, err
	}
	return c.tableScope(t, alias).outputs(&Select{Targets: targets})
}

func (i *insert) infer(c *Context) {
	t, err := c.writable(i.schema, i.table)
	if err != nil {
		return
	}
	positions, err := i.positions(t)
	if err != nil {
		return
	}
	for _, list := range i.query.Values {
		for k, x := range list {
			if p, ok := x.(*Parameter); ok && k < len(positions) {
				c.want(p, t.Columns[positions[k]].Type)
			}
		}
	}
	for k, target := range i.query.Targets {
		if p, ok := target.Expr.(*Parameter); ok && k < len(positions) {
			c.want(p, t.Columns[positions[k]].Type)
		}
	}
	c.inferSelect(i.query, nil)
	c.inferSet(t, i.table, i.set)
}

func (c *Context) inferSet(t *Table, alias string, set []assignment) {
	s := c.tableScope(t, alias)
	for _, a := range set {
		if p, ok := a.value.(*Parameter); ok {
			if k := t.columnIndex(a.column); k >= 0 {
				c.want(p, t.Columns[k].Type)
			}
		}
		s.infer(a.value)
	}
}

func (u *update) infer(c *Context) {
	t, err := c.writable(u.schema, u.table)
	if err != nil {
		return
	}
	c.inferSet(t, u.alias, u.set)
	c.tableScope(t, u.alias).infer(u.where)
}

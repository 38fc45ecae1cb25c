package sql

import "fmt"

type assignment struct {
	column string
	value  Expr
}

type insert struct {
	schema, table string
	names         []string
	query         *Select
	conflict      bool
	target        []string
	set           []assignment
	returning     []Target
}

type update struct {
	schema, table, alias string
	set                  []assignment
	where                Expr
	returning            []Target
	remove               bool
}

type truncate struct{ schema, table string }

// writable finds a table that the user may change.
func (c *Context) writable(schema, name string) (*Table, error) {
	if c.Virtual != nil && (schema == "" || schema == "pg_catalog") {
		if r, err := c.Virtual(schema, name); r != nil && err == nil {
			return nil, Errorf("55000", "cannot change \"%s\"", name)
		}
	}
	d, err := c.database()
	if err != nil {
		return nil, err
	}
	t := d.table(schema, name)
	if t == nil {
		return nil, undefinedTable(schema, name)
	}
	if !c.IsMember(t.Owner) && !t.Grants[c.User] && !t.Grants["public"] {
		return nil, Errorf("42501", "permission denied for table %s", name)
	}
	return t, nil
}

func (c *Context) tableScope(t *Table, alias string) *scope {
	return &scope{context: c, tables: []boundTable{{alias: alias, columns: t.relation().Columns}}}
}

func (i *insert) execute(c *Context, s *State) (*Result, error) {
	t, err := c.writable(i.schema, i.table)
	if err != nil {
		return nil, err
	}
	positions, err := i.positions(t)
	if err != nil {
		return nil, err
	}
	var incoming [][]Value
	var explicit [][]bool
	if i.query.Values != nil {
		empty := &scope{context: c}
		for _, list := range i.query.Values {
			if len(list) > len(positions) {
				return nil, Errorf("42601", "INSERT has more expressions than target columns")
			}
			row, given := make([]Value, len(list)), make([]bool, len(list))
			for k, x := range list {
				if x == nil {
					continue // DEFAULT
				}
				v, err := empty.eval(x)
				if err != nil {
					return nil, err
				}
				if row[k], err = Cast(v, empty.typeOf(x), t.Columns[positions[k]].Type); err != nil {
					return nil, err
				}
				given[k] = true
			}
			incoming, explicit = append(incoming, row), append(explicit, given)
		}
	} else {
		r, err := c.query(i.query, nil)
		if err != nil {
			return nil, err
		}
		for _, source := range r.Rows {
			row, given := make([]Value, len(source)), make([]bool, len(source))
			for k, v := range source {
				if k >= len(positions) {
					return nil, Errorf("42601", "INSERT has more expressions than target columns")
				}
				if row[k], err = Cast(v, r.Columns[k].Type, t.Columns[positions[k]].Type); err != nil {
					return nil, err
				}
				given[k] = true
			}
			incoming, explicit = append(incoming, row), append(explicit, given)
		}
	}
	if i.set != nil {
		t.Rows = append([][]Value(nil), t.Rows...)
	}
	var affected [][]Value
	for n, values := range incoming {
		row := make([]Value, len(t.Columns))
		given := make([]bool, len(t.Columns))
		for k, v := range values {
			row[positions[k]], given[positions[k]] = v, explicit[n][k]
		}
		stored, err := i.store(c, t, row, given)
		if err != nil {
			return nil, err
		}
		if stored != nil {
			affected = append(affected, stored)
		}
	}
	return c.returned(t, i.table, i.returning, affected, fmt.Sprintf("INSERT 0 %d", len(affected)))
}

func (i *insert) positions(t *Table) ([]int, error) {
	var out []int
	if i.names == nil {
		for k := range t.Columns {
			out = append(out, k)
		}
		return out, nil
	}
	for _, name := range i.names {
		k := t.columnIndex(name)
		if k < 0 {
			return nil, Errorf("42703", "column \"%s\" of relation \"%s\" does not exist", name, t.Name)
		}
		out = append(out, k)
	}
	return out, nil
}

// store adds one row, or settles its conflict; nil means that the conflict said to do nothing.
func (i *insert) store(c *Context, t *Table, row []Value, given []bool) ([]Value, error) {
	for k, column := range t.Columns {
		if given[k] || column.Default == "" {
			continue
		}
		v, err := c.fallback(t, k)
		if err != nil {
			return nil, err
		}
		row[k] = v
	}
	at, constraint := t.collision(row, -1)
	if at < 0 {
		if err := t.notNull(row); err != nil {
			return nil, err
		}
		t.Rows = append(t.Rows, row)
		return row, nil
	}
	if !i.conflict {
		return nil, t.duplicate(row, constraint)
	}
	if i.set == nil {
		return nil, nil
	}
	s := &scope{context: c, tables: []boundTable{{alias: i.table, columns: t.relation().Columns},
		{alias: "excluded", columns: t.relation().Columns, first: len(t.Columns), merged: allMerged(t)}}}
	s.row = append(append([]Value(nil), t.Rows[at]...), row...)
	return s.assign(t, at, i.set)
}

func allMerged(t *Table) map[string]bool {
	out := map[string]bool{}
	for _, column := range t.Columns {
		out[column.Name] = true
	}
	return out
}

func (c *Context) fallback(t *Table, k int) (Value, error) {
	column := t.Columns[k]
	if column.Default == "serial" {
		t.Serial[k]++
		return t.Serial[k], nil
	}
	p := &parser{source: column.Default}
	var err error
	if p.tokens, err = tokenize(column.Default); err != nil {
		return nil, err
	}
	x, err := p.expr()
	if err != nil {
		return nil, err
	}
	s := &scope{context: c}
	v, err := s.eval(x)
	if err != nil {
		return nil, err
	}
	return Cast(v, s.typeOf(x), column.Type)
}

// collision finds a row with the same key; skip is the row being changed itself.
func (t *Table) collision(row []Value, skip int) (at int, constraint []int) {
	for _, key := range t.Unique {
		for n, other := range t.Rows {
			if n == skip {
				continue
			}
			same := true
			for _, k := range key {
				same = same && row[k] != nil && other[k] != nil && compare(row[k], other[k]) == 0
			}
			if same {
				return n, key
			}
		}
	}
	return -1, nil
}

func (t *Table) duplicate(row []Value, key []int) *Error {
	name, columns, values := t.Name, "", ""
	for n, k := range key {
		if n > 0 {
			columns, values = columns+", ", values+", "
		}
		columns += t.Columns[k].Name
		values += Format(row[k], t.Columns[k].Type)
	}
	e := Errorf("23505", "duplicate key value violates unique constraint \"%s_pkey\"", name)
	e.Detail = fmt.Sprintf("Key (%s)=(%s) already exists.", columns, values)
	return e
}

func (t *Table) notNull(row []Value) error {
	for k, column := range t.Columns {
		if column.NotNull && row[k] == nil {
			return Errorf("23502", "null value in column \"%s\" violates not-null constraint", column.Name)
		}
	}
	return nil
}

// assign writes one changed row; the scope's row is the old one.
func (s *scope) assign(t *Table, at int, set []assignment) ([]Value, error) {
	row := append([]Value(nil), t.Rows[at]...)
	for _, a := range set {
		k := t.columnIndex(a.column)
		if k < 0 {
			return nil, Errorf("42703", "column \"%s\" of relation \"%s\" does not exist", a.column, t.Name)
		}
		v, err := s.eval(a.value)
		if err != nil {
			return nil, err
		}
		if row[k], err = Cast(v, s.typeOf(a.value), t.Columns[k].Type); err != nil {
			return nil, err
		}
	}
	if _, key := t.collision(row, at); key != nil {
		return nil, t.duplicate(row, key)
	}
	if err := t.notNull(row); err != nil {
		return nil, err
	}
	t.Rows[at] = row
	return row, nil
}

func (u *update) execute(c *Context, s *State) (*Result, error) {
	t, err := c.writable(u.schema, u.table)
	if err != nil {
		return nil, err
	}
	at := c.tableScope(t, u.alias)
	t.Rows = append([][]Value(nil), t.Rows...)
	var affected, kept [][]Value
	for n := range t.Rows {
		at.row = t.Rows[n]
		hit := true
		if u.where != nil {
			v, err := at.eval(u.where)
			if err != nil {
				return nil, err
			}
			hit = v == true
		}
		switch {
		case !hit:
			kept = append(kept, t.Rows[n])
		case u.remove:
			affected = append(affected, t.Rows[n])
		default:
			row, err := at.assign(t, n, u.set)
			if err != nil {
				return nil, err
			}
			affected = append(affected, row)
		}
	}
	tag := fmt.Sprintf("UPDATE %d", len(affected))
	if u.remove {
		t.Rows = kept
		tag = fmt.Sprintf("DELETE %d", len(affected))
	}
	return c.returned(t, u.alias, u.returning, affected, tag)
}

func (t *truncate) execute(c *Context, s *State) (*Result, error) {
	table, err := c.writable(t.schema, t.table)
	if err != nil {
		return nil, err
	}
	table.Rows = nil
	return &Result{Tag: "TRUNCATE TABLE"}, nil
}

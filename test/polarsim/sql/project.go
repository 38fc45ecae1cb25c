package sql

import (
	"sort"
	"strings"
)

// outputs expands stars and names the result columns.
func (s *scope) outputs(q *Select) ([]ResultColumn, error) {
	if q.Values != nil {
		var out []ResultColumn
		for i, x := range q.Values[0] {
			out = append(out, ResultColumn{"column" + string(rune('1'+i)), settled(s.typeOf(x))})
		}
		return out, nil
	}
	out := []ResultColumn{}
	for _, target := range q.Targets {
		if !target.Star {
			if err := s.check(target.Expr); err != nil {
				return nil, err
			}
			out = append(out, ResultColumn{target.Name, settled(s.typeOf(target.Expr))})
			continue
		}
		found := false
		for _, t := range s.tables {
			if target.Table != "" && t.alias != target.Table {
				continue
			}
			found = true
			for _, column := range t.columns {
				if !t.merged[column.Name] || target.Table != "" {
					out = append(out, column)
				}
			}
		}
		if !found {
			if target.Table != "" {
				return nil, Errorf("42P01", "missing FROM-clause entry for table \"%s\"", target.Table)
			}
			return nil, Errorf("42601", "SELECT * with no tables specified is not valid")
		}
	}
	return out, nil
}

// check finds unknown columns and functions before any row is looked at.
func (s *scope) check(x Expr) error {
	switch x := x.(type) {
	case *Column:
		_, _, _, err := s.find(x.Table, x.Name)
		return err
	case *Binary:
		if err := s.check(x.X); err != nil {
			return err
		}
		return s.check(x.Y)
	case *Unary:
		return s.check(x.X)
	case *CastTo:
		return s.check(x.X)
	case *IsNull:
		return s.check(x.X)
	case *Call:
		if _, ok := s.context.function(x.Name); !ok && !isAggregate(x.Name) && !isSpecial(x.Name) {
			return undefinedFunction(x.Name, s, x.Arguments)
		}
		for _, argument := range x.Arguments {
			if err := s.check(argument); err != nil {
				return err
			}
		}
	}
	return nil
}

// project evaluates the targets for one row; a set-returning function makes several rows of it.
func (s *scope) project(q *Select) ([][]Value, error) {
	var row []Value
	series, at := []Value(nil), -1
	for _, target := range q.Targets {
		if target.Star {
			for _, t := range s.tables {
				if target.Table != "" && t.alias != target.Table {
					continue
				}
				for i, column := range t.columns {
					if !t.merged[column.Name] || target.Table != "" {
						row = append(row, s.row[t.first+i])
					}
				}
			}
			continue
		}
		if call, ok := target.Expr.(*Call); ok && (call.Name == "generate_series" || call.Name == "unnest") {
			r, err := s.context.source(&Source{Function: call}, s, true)
			if err != nil {
				return nil, err
			}
			series, at = []Value{}, len(row)
			for _, item := range r.Rows {
				series = append(series, item[0])
			}
			row = append(row, nil)
			continue
		}
		v, err := s.eval(target.Expr)
		if err != nil {
			return nil, err
		}
		row = append(row, v)
	}
	if at < 0 {
		return [][]Value{row}, nil
	}
	var out [][]Value
	for _, v := range series {
		copied := append([]Value(nil), row...)
		copied[at] = v
		out = append(out, copied)
	}
	return out, nil
}

// sortKey evaluates ORDER BY, where a bare name or number may mean an output column.
func (s *scope) sortKey(q *Select, row []Value, columns []ResultColumn) ([]Value, error) {
	var key []Value
next:
	for _, o := range q.Order {
		if l, ok := o.Expr.(*Literal); ok {
			if n, ok := l.Value.(int64); ok && n >= 1 && int(n) <= len(row) {
				key = append(key, row[n-1])
				continue
			}
		}
		if c, ok := o.Expr.(*Column); ok && c.Table == "" {
			for i, column := range columns {
				if column.Name == c.Name {
					key = append(key, row[i])
					continue next
				}
			}
		}
		v, err := s.eval(o.Expr)
		if err != nil {
			return nil, err
		}
		key = append(key, v)
	}
	return key, nil
}

func sortRows(rows, keys [][]Value, order []Ordering) {
	index := make([]int, len(rows))
	for i := range index {
		index[i] = i
	}
	sort.SliceStable(index, func(a, b int) bool {
		for i, o := range order {
			x, y := keys[index[a]][i], keys[index[b]][i]
			if x == nil || y == nil {
				if x == nil && y == nil {
					continue
				}
				first := o.Descending
				if o.NullsFirst != nil {
					first = *o.NullsFirst
				}
				return (x == nil) == first
			}
			if d := compare(x, y); d != 0 {
				return (d < 0) != o.Descending
			}
		}
		return false
	})
	sorted := make([][]Value, len(rows))
	for i, j := range index {
		sorted[i] = rows[j]
	}
	copy(rows, sorted)
}

func distinct(rows [][]Value) [][]Value {
	seen := map[string]bool{}
	var out [][]Value
	for _, row := range rows {
		key := rowKey(row)
		if !seen[key] {
			seen[key] = true
			out = append(out, row)
		}
	}
	return out
}

func rowKey(row []Value) string {
	var b strings.Builder
	for _, v := range row {
		if v == nil {
			b.WriteString("\x01")
		} else {
			b.WriteString(Format(v, 0))
		}
		b.WriteByte(0)
	}
	return b.String()
}

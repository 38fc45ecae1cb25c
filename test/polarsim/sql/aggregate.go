package sql

func isAggregate(name string) bool {
	switch name {
	case "count", "sum", "max", "min", "avg", "bool_and", "bool_or", "every", "string_agg", "array_agg":
		return true
	}
	return false
}

func isSpecial(name string) bool {
	switch name {
	case "coalesce", "nullif", "greatest", "least", "array", "abs":
		return true
	}
	return false
}

func hasAggregate(x Expr) bool {
	switch x := x.(type) {
	case *Call:
		if isAggregate(x.Name) {
			return true
		}
		for _, argument := range x.Arguments {
			if hasAggregate(argument) {
				return true
			}
		}
	case *Binary:
		return hasAggregate(x.X) || hasAggregate(x.Y)
	case *Unary:
		return hasAggregate(x.X)
	case *CastTo:
		return hasAggregate(x.X)
	case *IsNull:
		return hasAggregate(x.X)
	case *In:
		return hasAggregate(x.X)
	case *Case:
		for _, when := range x.When {
			if hasAggregate(when[0]) || hasAggregate(when[1]) {
				return true
			}
		}
		return hasAggregate(x.Else)
	}
	return false
}

// grouped turns rows into groups when the query aggregates, each group standing for its first row.
func (s *scope) grouped(q *Select, rows []*scope) ([]*scope, error) {
	aggregates := q.Group != nil || q.Having != nil
	for _, target := range q.Targets {
		aggregates = aggregates || hasAggregate(target.Expr)
	}
	if !aggregates {
		return rows, nil
	}
	var groups []*scope
	if q.Group == nil {
		all := *s
		if all.group = rows; rows == nil {
			all.group = []*scope{}
		}
		if len(rows) > 0 {
			all.row = rows[0].row
		}
		groups = []*scope{&all}
	} else {
		byKey := map[string]*scope{}
		for _, row := range rows {
			key := make([]Value, len(q.Group))
			for i, x := range q.Group {
				if l, ok := x.(*Literal); ok {
					if n, ok := l.Value.(int64); ok && n >= 1 && int(n) <= len(q.Targets) {
						x = q.Targets[n-1].Expr
					}
				}
				v, err := row.eval(x)
				if err != nil {
					return nil, err
				}
				key[i] = v
			}
			group := byKey[rowKey(key)]
			if group == nil {
				copied := *row
				group = &copied
				byKey[rowKey(key)] = group
				groups = append(groups, group)
			}
			group.group = append(group.group, row)
		}
	}
	if q.Having == nil {
		return groups, nil
	}
	var kept []*scope
	for _, group := range groups {
		v, err := group.eval(q.Having)
		if err != nil {
			return nil, err
		}
		if v == true {
			kept = append(kept, group)
		}
	}
	return kept, nil
}

func (s *scope) aggregate(x *Call) (Value, error) {
	if s.group == nil {
		return nil, Errorf("42803", "aggregate functions are not allowed here")
	}
	var values []Value
	seen := map[string]bool{}
	for _, row := range s.group {
		if x.Filter != nil {
			v, err := row.eval(x.Filter)
			if err != nil {
				return nil, err
			}
			if v != true {
				continue
			}
		}
		if x.Star {
			values = append(values, int64(1))
			continue
		}
		if len(x.Arguments) == 0 {
			return nil, Errorf("42809", "%s(*) must be used to call a parameterless aggregate function", x.Name)
		}
		v, err := row.eval(x.Arguments[0])
		if err != nil {
			return nil, err
		}
		if v == nil || x.Distinct && seen[Format(v, 0)] {
			continue
		}
		seen[Format(v, 0)] = true
		values = append(values, v)
	}
	if len(x.Order) > 0 {
		keys := make([][]Value, len(values))
		rows := make([][]Value, len(values))
		for i, v := range values {
			keys[i], rows[i] = []Value{v}, []Value{v}
		}
		sortRows(rows, keys, []Ordering{{Descending: x.Order[0].Descending}})
		for i := range rows {
			values[i] = rows[i][0]
		}
	}
	return s.fold(x, values)
}

func (s *scope) fold(x *Call, values []Value) (Value, error) {
	if x.Name == "count" {
		return int64(len(values)), nil
	}
	if len(values) == 0 {
		return nil, nil
	}
	out := values[0]
	switch x.Name {
	case "array_agg":
		list := []string{}
		for _, v := range values {
			list = append(list, Format(v, 0))
		}
		return list, nil
	case "string_agg":
		separator := ""
		if len(x.Arguments) > 1 {
			v, err := s.eval(x.Arguments[1])
			if err != nil {
				return nil, err
			}
			separator = Format(v, 0)
		}
		text := Format(out, 0)
		for _, v := range values[1:] {
			text += separator + Format(v, 0)
		}
		return text, nil
	}
	total, whole := 0.0, int64(0)
	for i, v := range values {
		switch x.Name {
		case "max":
			if compare(v, out) > 0 {
				out = v
			}
		case "min":
			if compare(v, out) < 0 {
				out = v
			}
		case "bool_and", "every":
			out = out == true && v == true
		case "bool_or":
			out = i > 0 && out == true || v == true
		default:
			f, ok := number(v)
			if !ok {
				return nil, Errorf("42883", "function %s(%s) does not exist", x.Name, TypeName(s.typeOf(x.Arguments[0])))
			}
			total += f
			n, _ := v.(int64)
			whole += n
		}
	}
	switch x.Name {
	case "sum":
		if _, ok := out.(int64); ok {
			return whole, nil
		}
		return total, nil
	case "avg":
		return total / float64(len(values)), nil
	}
	return out, nil
}

package sql

import (
	"regexp"
	"strings"
	"time"
)

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

func (s *scope) binary(x *Binary) (Value, error) {
	a, err := s.eval(x.X)
	if err != nil {
		return nil, err
	}
	if x.Operator == "and" && a == false || x.Operator == "or" && a == true {
		return a, nil
	}
	b, err := s.eval(x.Y)
	if err != nil {
		return nil, err
	}
	switch x.Operator {
	case "and", "or":
		decisive := x.Operator == "or"
		if b == decisive {
			return decisive, nil
		}
		if a == nil || b == nil {
			return nil, nil
		}
		return !decisive, nil
	case "is distinct from":
		if a == nil || b == nil {
			return (a == nil) != (b == nil), nil
		}
		return compare(a, b) != 0, nil
	}
	if a == nil || b == nil {
		return nil, nil
	}
	switch x.Operator {
	case "=":
		return compare(a, b) == 0, s.comparable(x, a, b)
	case "<>":
		return compare(a, b) != 0, s.comparable(x, a, b)
	case "<":
		return compare(a, b) < 0, nil
	case ">":
		return compare(a, b) > 0, nil
	case "<=":
		return compare(a, b) <= 0, nil
	case ">=":
		return compare(a, b) >= 0, nil
	case "||":
		return castText(a, s.typeOf(x.X)).(string) + castText(b, s.typeOf(x.Y)).(string), nil
	case "like", "ilike":
		return like(Format(a, 0), Format(b, 0), x.Operator == "ilike"), nil
	case "~", "!~", "~*":
		pattern := Format(b, 0)
		if x.Operator == "~*" {
			pattern = "(?i)" + pattern
		}
		re, err := regexp.Compile(pattern)
		if err != nil {
			return nil, Errorf("2201B", "invalid regular expression: %v", err)
		}
		return re.MatchString(Format(a, 0)) != (x.Operator == "!~"), nil
	}
	return s.arithmetic(x, a, b)
}

// comparable refuses integer = 'abc' as PostgreSQL does when it reads the constant.
func (s *scope) comparable(x *Binary, a, b Value) error {
	check := func(typed Expr, text Value) error {
		if str, ok := text.(string); ok && isInteger(s.typeOf(typed)) {
			_, err := castInteger(str, s.typeOf(typed))
			return err
		}
		return nil
	}
	if err := check(x.X, b); err != nil {
		return err
	}
	return check(x.Y, a)
}

func like(text, pattern string, fold bool) bool {
	var b strings.Builder
	b.WriteString("(?s)^")
	if fold {
		b.WriteString("(?i)")
	}
	for i := 0; i < len(pattern); i++ {
		switch pattern[i] {
		case '%':
			b.WriteString(".*")
		case '_':
			b.WriteString(".")
		case '\\':
			if i+1 < len(pattern) {
				i++
			}
			fallthrough
		default:
			b.WriteString(regexp.QuoteMeta(string(pattern[i])))
		}
	}
	re, err := regexp.Compile(b.String() + "$")
	return err == nil && re.MatchString(text)
}

func (s *scope) arithmetic(x *Binary, a, b Value) (Value, error) {
	if ta, ok := a.(time.Time); ok {
		if tb, ok := b.(time.Time); ok && x.Operator == "-" {
			return ta.Sub(tb), nil
		}
	}
	if x.Operator == "-" && s.typeOf(x.X) == LSN {
		return lsnDifference(Format(a, 0), Format(b, 0))
	}
	if text, ok := a.(string); ok {
		a, _ = Cast(text, unknown, s.typeOf(x.Y))
	}
	if text, ok := b.(string); ok {
		b, _ = Cast(text, unknown, s.typeOf(x.X))
	}
	i, iok := a.(int64)
	j, jok := b.(int64)
	if iok && jok {
		switch x.Operator {
		case "+":
			return i + j, nil
		case "-":
			return i - j, nil
		case "*":
			return i * j, nil
		case "/", "%":
			if j == 0 {
				return nil, Errorf("22012", "division by zero")
			}
			if x.Operator == "/" {
				return i / j, nil
			}
			return i % j, nil
		}
	}
	f, fok := number(a)
	g, gok := number(b)
	if fok && gok {
		switch x.Operator {
		case "+":
			return f + g, nil
		case "-":
			return f - g, nil
		case "*":
			return f * g, nil
		case "/":
			if g == 0 {
				return nil, Errorf("22012", "division by zero")
			}
			return f / g, nil
		}
	}
	return nil, Errorf("42883", "operator does not exist: %s %s %s", TypeName(s.typeOf(x.X)), x.Operator, TypeName(s.typeOf(x.Y)))
}

func number(v Value) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

func lsnDifference(a, b string) (Value, error) {
	x, err := ParseLSN(a)
	if err != nil {
		return nil, Errorf("22P02", "invalid input syntax for type pg_lsn: \"%s\"", a)
	}
	y, err := ParseLSN(b)
	if err != nil {
		return nil, Errorf("22P02", "invalid input syntax for type pg_lsn: \"%s\"", b)
	}
	return float64(int64(x) - int64(y)), nil
}

// compare orders two non-null values; a string meets another type as that type's text.
func compare(a, b Value) int {
	switch x := a.(type) {
	case bool:
		if y, err := Cast(b, unknown, Bool); err == nil {
			return boolToInt(x) - boolToInt(y.(bool))
		}
	case time.Time:
		if y, err := Cast(b, unknown, Timestamptz); err == nil {
			return x.Compare(y.(time.Time))
		}
	case int64:
		switch y := b.(type) {
		case int64:
			return order(x, y)
		case string:
			if n, err := castInteger(y, Int8); err == nil {
				return order(x, n.(int64))
			}
		}
	case string:
		switch y := b.(type) {
		case string:
			if lx, err := ParseLSN(x); err == nil {
				if ly, err := ParseLSN(y); err == nil {
					return order(lx, ly)
				}
			}
			return strings.Compare(x, y)
		case nil:
		default:
			return -compare(b, a)
		}
	}
	if f, ok := number(a); ok {
		if text, isText := b.(string); isText {
			b, _ = Cast(text, unknown, Float8)
		}
		if g, ok := number(b); ok {
			return order(f, g)
		}
	}
	return strings.Compare(Format(a, 0), Format(b, 0))
}

func order[T int64 | float64 | uint64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func boolToInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

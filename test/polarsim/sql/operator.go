package sql

import (
	"regexp"
	"strings"
	"time"
)

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

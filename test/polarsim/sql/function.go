package sql

import (
	"strings"
	"time"
)

func (c *Context) function(name string) (Function, bool) {
	if f, ok := c.Functions[name]; ok {
		return f, true
	}
	f, ok := builtins[name]
	return f, ok
}

func undefinedFunction(name string, s *scope, arguments []Expr) *Error {
	var types []string
	for _, x := range arguments {
		t := s.typeOf(x)
		if t == unknown {
			types = append(types, "unknown")
			continue
		}
		types = append(types, TypeName(t))
	}
	return &Error{Code: "42883", Message: "function " + name + "(" + strings.Join(types, ", ") + ") does not exist",
		Hint: "No function matches the given name and argument types. You might need to add explicit type casts."}
}

func (s *scope) call(x *Call) (Value, error) {
	if isAggregate(x.Name) {
		return s.aggregate(x)
	}
	var arguments []Value
	if x.Name == "array" {
		scalar, _ := x.Arguments[0].(*Scalar)
		r, err := s.context.query(scalar.Query, s)
		if err != nil {
			return nil, err
		}
		out := []string{}
		for _, row := range r.Rows {
			out = append(out, Format(row[0], 0))
		}
		return out, nil
	}
	for _, argument := range x.Arguments {
		v, err := s.eval(argument)
		if err != nil {
			return nil, err
		}
		if x.Name == "coalesce" && v != nil {
			return v, nil
		}
		arguments = append(arguments, v)
	}
	switch x.Name {
	case "coalesce":
		return nil, nil
	case "nullif":
		if len(arguments) == 2 && arguments[0] != nil && arguments[1] != nil && compare(arguments[0], arguments[1]) == 0 {
			return nil, nil
		}
		return arguments[0], nil
	case "greatest", "least":
		var out Value
		for _, v := range arguments {
			if v != nil && (out == nil || (compare(v, out) > 0) == (x.Name == "greatest")) {
				out = v
			}
		}
		return out, nil
	case "abs":
		if n, ok := arguments[0].(int64); ok && n < 0 {
			return -n, nil
		}
		if f, ok := arguments[0].(float64); ok && f < 0 {
			return -f, nil
		}
		return arguments[0], nil
	}
	f, ok := s.context.function(x.Name)
	if !ok {
		return nil, undefinedFunction(x.Name, s, x.Arguments)
	}
	if f.Call == nil {
		r, err := f.Rows(s.context, arguments)
		if err != nil || len(r.Rows) == 0 {
			return nil, err
		}
		return r.Rows[0][0], nil
	}
	return f.Call(s.context, arguments)
}

func textFunction(f func(a []string) Value) Function {
	return Function{Type: Text, Call: func(_ *Context, arguments []Value) (Value, error) {
		texts := make([]string, len(arguments))
		for i, v := range arguments {
			if v == nil {
				return nil, nil
			}
			texts[i] = Format(v, 0)
		}
		if len(texts) == 0 {
			return nil, Errorf("42883", "function needs an argument")
		}
		return f(texts), nil
	}}
}

func clock(f func(c *Context) time.Time) Function {
	return Function{Type: Timestamptz, Call: func(c *Context, _ []Value) (Value, error) { return f(c), nil }}
}

// builtins are the functions that need to know nothing of the server.
var builtins map[string]Function

func init() {
	statementTime := clock(func(c *Context) time.Time { return c.time() })
	user := Function{Type: Name, Call: func(c *Context, _ []Value) (Value, error) { return c.User, nil }}
	catalog := Function{Type: Name, Call: func(c *Context, _ []Value) (Value, error) { return c.Database, nil }}
	builtins = map[string]Function{
		"now": statementTime, "current_timestamp": statementTime, "transaction_timestamp": statementTime,
		"statement_timestamp": statementTime, "localtimestamp": statementTime,
		"clock_timestamp":  clock(func(*Context) time.Time { return time.Now().UTC() }),
		"current_user":     user,
		"session_user":     user,
		"user":             user,
		"current_database": catalog, "current_catalog": catalog,
		"current_schema": {Type: Name, Call: func(*Context, []Value) (Value, error) { return "public", nil }},
		"lower":          textFunction(func(a []string) Value { return strings.ToLower(a[0]) }),
		"upper":          textFunction(func(a []string) Value { return strings.ToUpper(a[0]) }),
		"quote_ident":    textFunction(func(a []string) Value { return a[0] }),
		"quote_literal":  textFunction(func(a []string) Value { return "'" + strings.ReplaceAll(a[0], "'", "''") + "'" }),
		"trim":           textFunction(func(a []string) Value { return strings.TrimSpace(a[0]) }),
		"md5":            textFunction(func(a []string) Value { return HashPassword(a[0], "")[3:] }),
		"host":           textFunction(func(a []string) Value { h, _, _ := strings.Cut(a[0], "/"); return h }),
		"concat":         textFunction(func(a []string) Value { return strings.Join(a, "") }),
		"repeat": textFunction(func(a []string) Value {
			n, err := castInteger(a[1], Int4)
			if err != nil || n.(int64) < 0 {
				return ""
			}
			return strings.Repeat(a[0], int(n.(int64)))
		}),
		"replace":    textFunction(func(a []string) Value { return strings.ReplaceAll(a[0], a[1], a[2]) }),
		"split_part": textFunction(splitPart),
		"length": {Type: Int4, Call: func(_ *Context, a []Value) (Value, error) {
			if len(a) != 1 || a[0] == nil {
				return nil, nil
			}
			return int64(len([]rune(Format(a[0], 0)))), nil
		}},
		"pg_wal_lsn_diff": {Type: Numeric, Call: func(_ *Context, a []Value) (Value, error) {
			if len(a) != 2 || a[0] == nil || a[1] == nil {
				return nil, nil
			}
			return lsnDifference(Format(a[0], 0), Format(a[1], 0))
		}},
		"to_regclass": {Type: Text, Call: func(c *Context, a []Value) (Value, error) {
			if len(a) != 1 || a[0] == nil {
				return nil, nil
			}
			schema, name, ok := strings.Cut(Format(a[0], 0), ".")
			if !ok {
				schema, name = "", schema
			}
			if _, err := c.relation(schema, name); err != nil {
				return nil, nil
			}
			return Format(a[0], 0), nil
		}},
		"date_part": {Type: Float8, Call: func(_ *Context, a []Value) (Value, error) {
			if len(a) != 2 || a[1] == nil {
				return nil, nil
			}
			if Format(a[0], 0) != "epoch" {
				return nil, unsupported("date_part of " + Format(a[0], 0))
			}
			switch v := a[1].(type) {
			case time.Time:
				return float64(v.UnixMicro()) / 1e6, nil
			case time.Duration:
				return v.Seconds(), nil
			}
			return nil, unsupported("date_part of such a value")
		}},
		"extract_epoch": {Type: Float8, Call: func(_ *Context, a []Value) (Value, error) { return nil, unsupported("extract") }},
		"generate_series": {Type: Int4, Rows: func(_ *Context, a []Value) (*Relation, error) {
			r := &Relation{Columns: []ResultColumn{{"generate_series", Int4}}}
			if len(a) < 2 {
				return r, nil
			}
			from, err := castInteger(a[0], Int8)
			if err != nil {
				return nil, err
			}
			to, err := castInteger(a[1], Int8)
			if err != nil {
				return nil, err
			}
			for i := from.(int64); i <= to.(int64); i++ {
				r.Rows = append(r.Rows, []Value{i})
			}
			return r, nil
		}},
		"unnest": {Type: Text, Rows: func(_ *Context, a []Value) (*Relation, error) {
			r := &Relation{Columns: []ResultColumn{{"unnest", Text}}}
			if len(a) == 1 {
				if list, ok := a[0].([]string); ok {
					for _, item := range list {
						r.Rows = append(r.Rows, []Value{item})
					}
				}
			}
			return r, nil
		}},
	}
}

func splitPart(a []string) Value {
	n, err := castInteger(a[2], Int4)
	if err != nil {
		return ""
	}
	parts := strings.Split(a[0], a[1])
	if i := n.(int64); i >= 1 && int(i) <= len(parts) {
		return parts[i-1]
	}
	return ""
}

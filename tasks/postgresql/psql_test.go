package postgresql

import "testing"

// TestDescribable: what psql would read otherwise than the server is not shown to it as a statement.
func TestDescribable(t *testing.T) {
	for sql, want := range map[string]bool{
		"select 1":    true,
		"select 1;\n": true,
		"select a::int, 'x:y;\\' as \"b$:c\" from t": true,
		`select 'it''s'`:           true,
		"select 1; drop table t":   false,
		`select 1 \! touch /tmp/x`: false,
		"select :HOST":             false,
		"select :'HOST'":           false,
		"select 1 -- it's; :HOST":  true,
		"select -- one\n1; select": false,
		"select /* it's; */ 1":     true,
		"select /* /* */ 1":        false,
		"select /* 1":              false,
		"-- nothing":               false,
		"/* nothing */":            false,
		"select $$a$$":             false,
		`select E'it\'s'`:          false,
		"select 'open":             false,
		" ; ":                      false,
	} {
		if got := describable(sql); got != want {
			t.Errorf("%q: %v", sql, got)
		}
	}
}

package templates

import (
	"testing"
)

func TestPostgresFilters(t *testing.T) {
	for _, c := range []struct{ filter, in, want string }{
		{"postgres_setting", "plain", "'plain'"},
		{"postgres_setting", "", "''"},
		{"postgres_setting", `a'b\c"d$e%f #g`, `'a''b\\c"d$e%f #g'`},
		{"postgres_setting", "two\nlines\r", `'two\nlines\r'`},
		{"postgres_setting", "é密", "'é密'"},
		{"postgres_conninfo", "plain", "plain"},
		{"postgres_conninfo", "", "''"},
		{"postgres_conninfo", `$x%"#:é;&|{7*7}`, `$x%"#:é;&|{7*7}`},
		{"postgres_conninfo", `'quoted'`, `\'quoted'`},
		{"postgres_conninfo", "a b\\c\td", "a\\ b\\\\c\\\td"},
		{"postgres_conninfo", " ", `\ `},
		{"postgres_hba", "replicator", `"replicator"`},
		{"postgres_hba", "all", `"all"`},
		{"postgres_hba", `a"b, #c`, `"a""b, #c"`},
	} {
		got, err := New(Options{}).Render("{{ v | "+c.filter+" }}", Map{"v": c.in})
		if err != nil || got != c.want {
			t.Errorf("%s of %q: %q, %v", c.filter, c.in, got, err)
		}
	}
	for _, c := range [][2]string{
		{"postgres_setting", "a\x00b"}, {"postgres_conninfo", "a\x00b"}, {"postgres_hba", "a\nb"}, {"postgres_hba", ""},
	} {
		if got, err := New(Options{}).Render("{{ v | "+c[0]+" }}", Map{"v": c[1]}); err == nil {
			t.Errorf("%s of %q gave %q", c[0], c[1], got)
		}
	}
}

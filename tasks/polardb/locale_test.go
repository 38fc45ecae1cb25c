package polardb

import (
	"strings"
	"testing"
)

func TestLocalePlan(t *testing.T) {
	args := &localeArgs{Locale: "en_US.UTF-8", Encoding: "UTF8"}
	for _, c := range []struct {
		made madeWith
		want string // a part of the refusal; empty: there is none
	}{
		{made: madeWith{}},
		{made: madeWith{"en_US.utf8", "en_US.utf8", "UTF8"}},
		{made: madeWith{"C", "C", "UTF8"}, want: "polardb_locale is en_US.UTF-8"},
		{made: madeWith{"en_US.utf8", "C", "UTF8"}, want: "en_US.utf8 (characters: C)"},
		{made: madeWith{"en_US.utf8", "en_US.utf8", "SQL_ASCII"}, want: "polardb_encoding is UTF8"},
	} {
		p, err := (&localeAction{args: args}).Plan(c.made)
		switch {
		case (err == nil) != (c.want == ""), err != nil && !strings.Contains(err.Error(), c.want):
			t.Errorf("%v: %v, want %q", c.made, err, c.want)
		case p.Change:
			t.Errorf("%v: a check reports a change", c.made)
		}
	}
}

package main

import (
	"testing"

	"github.com/jackc/pgx/v5"
)

// What is printed is read back by a client's own parser, whatever letters names have.
func TestClientStringsAreReadBack(t *testing.T) {
	e := endpoint{
		Hosts: []hostPort{{"192.0.2.1", 5432}, {"192.0.2.2", 5433}}, Database: `a/b c'd\e?f&g`, User: `x@y:z "q" %41+`,
	}
	for name, text := range map[string]string{
		"URI": e.strings(forWriting).URI, "keywords": e.strings(forWriting).Keywords, "reading": e.strings(forReading).URI,
		"before 14": e.strings(forReading).Older,
	} {
		c, err := pgx.ParseConfig(text)
		if err != nil {
			t.Errorf("%s: %s: %v", name, text, err)
			continue
		}
		if c.Database != e.Database || c.User != e.User || c.Host != "192.0.2.1" || c.Port != 5432 || c.ConnectTimeout.Seconds() != 3 {
			t.Errorf("%s: %s is read as %q, %q, %s:%d, %s", name, text, c.Database, c.User, c.Host, c.Port, c.ConnectTimeout)
		}
		second := false
		for _, f := range c.Fallbacks {
			second = second || f.Host == "192.0.2.2" && f.Port == 5433
		}
		if !second {
			t.Errorf("%s: %s: the second host is not among %+v", name, text, c.Fallbacks)
		}
		if (c.ValidateConnect == nil) != (name == "before 14") {
			t.Errorf("%s: %s: whether the session's kind is looked at is not as it should be", name, text)
		}
	}
}

func TestNetValues(t *testing.T) {
	for text, want := range map[string]string{
		"app": "app", "two words": "two words", "a;b": `"a;b"`, `a"b`: `"a""b"`, " a": `" a"`, "a'b": `"a'b"`,
	} {
		if got := netValue(text); got != want {
			t.Errorf("%q is written %s, want %s", text, got, want)
		}
	}
}

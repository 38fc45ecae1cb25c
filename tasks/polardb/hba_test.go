package polardb

import (
	"testing"
)

func TestListsOfPgHBAMeetNames(t *testing.T) {
	for _, c := range []struct {
		list, name  string
		named, meet bool
	}{
		{"all", "app", false, true},
		{`"all"`, "app", false, false},
		{`"all"`, "all", true, true},
		{"app", "app", true, true},
		{"app2,ap", "app", false, false},
		{`a,"app"`, "app", true, true},
		{`"a,app"`, "app", false, false},
		{`"a,app"`, "a,app", true, true},
		{`"a""b"`, `a"b`, true, true},
		{"a,,b", "b", true, true},
		{"a,all", "app", false, true},
		{"", "", false, false},
	} {
		if got := hbaNamed(c.list, c.name); got != c.named {
			t.Errorf("%s names %q: %v", c.list, c.name, got)
		}
		if got := hbaMeets(c.list, c.name); got != c.meet {
			t.Errorf("%s meets %q: %v", c.list, c.name, got)
		}
	}
}

// The first line that applies decides, whatever follows it.
func TestMethodOfALoginFromTheHostItself(t *testing.T) {
	for name, c := range map[string]struct {
		text          string
		socket, local string
	}{
		"nothing":                   {"", "", ""},
		"too short":                 {"local all all\nhost all all 127.0.0.1/32\n", "", ""},
		"a socket":                  {"local all all peer\n", "peer", ""},
		"the first":                 {"local all root peer\nlocal all all md5\nlocal all all trust\n", "md5", ""},
		"another database":          {"local other all trust\nlocal all all md5\n", "md5", ""},
		"an address":                {"host all all 127.0.0.1/32 md5\n", "", "md5"},
		"another address":           {"host all all 10.0.0.0/8 trust\nhost all all 127.0.0.0/8 md5\n", "", "md5"},
		"a mask":                    {"host all all 10.0.0.0 255.0.0.0 trust\nhost all all 127.0.0.0 255.0.0.0 md5\n", "", "md5"},
		"a mask in IPv6":            {"host all all ::1 ffff:: trust\n", "", ""},
		"IPv6":                      {"host all all ::1/128 trust\nhost all all all md5\n", "", "md5"},
		"everything in IPv4":        {"host all all 0.0.0.0/0 md5\n", "", "md5"},
		"words":                     {"host all all samehost trust\n", "", "trust"},
		"with TLS alone":            {"hostssl all all all md5\nhost all all all scram-sha-256\n", "", "scram-sha-256"},
		"without TLS alone":         {"hostnossl all all all reject\n", "", "reject"},
		"a name of a host":          {"host all all db.example.org trust\nhost all all all md5\n", "", "md5"},
		"an address and no prefix":  {"host all all 127.0.0.1 trust\n", "", ""},
		"no such prefix":            {"host all all 127.0.0.1/33 trust\nhost all all all md5\n", "", "md5"},
		"no newline at the end":     {"local all app md5", "md5", ""},
		"a role in quotes and more": {"local \"polardb\" \"app\" md5\nhost polardb app localhost trust\n", "md5", "trust"},
	} {
		if got := hbaMethod(c.text, true, "app", "polardb"); got != c.socket {
			t.Errorf("%s: over the socket by %q, want %q", name, got, c.socket)
		}
		if got := hbaMethod(c.text, false, "app", "polardb"); got != c.local {
			t.Errorf("%s: over 127.0.0.1 by %q, want %q", name, got, c.local)
		}
	}
}

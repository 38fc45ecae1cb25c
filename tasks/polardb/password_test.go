package polardb

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestWhatTheEngineCannotHold(t *testing.T) {
	for _, c := range []struct {
		role, password string
		copies         bool
		problem        string // "": none
	}{
		{"replicator", `a'b\c"d$e%f g:h#é`, true, ""},
		{"replicator", strings.Repeat("ü", 100), true, ""},
		{"replicator", strings.Repeat("p", 301), true, ""},
		{"replicator", strings.Repeat("p", 302), true, "line of 319 bytes"},
		{"replicator", strings.Repeat(":", 151), true, "line of 319 bytes"},
		{"replicator", "two\nlines", true, "line break"},
		{"polardb", "two\nlines", false, ""},
		{"polardb", strings.Repeat("p", 1024), false, ""},
		{"polardb", strings.Repeat("p", 1025), false, "1024 that the engine takes"},
		{"polardb", "", false, "empty"},
	} {
		got := PasswordProblem(c.role, c.password, c.copies)
		if c.problem == "" && got != "" || !strings.Contains(got, c.problem) {
			t.Errorf("%.20q: %q, want %q", c.password, got, c.problem)
		}
	}
	for role, problem := range map[string]string{
		"replicator":            "",
		`rep 'li"c\ator`:        "",
		"":                      "empty",
		"pg_copy":               "pg_",
		"a\nb":                  "line break",
		strings.Repeat("ü", 32): "64 bytes",
	} {
		if got := RoleProblem(role); problem == "" && got != "" || !strings.Contains(got, problem) {
			t.Errorf("role %q: %q, want %q", role, got, problem)
		}
	}
}

func TestAFailedAuthenticationIsNamed(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		h.Itself = true
		n := WantedNode{Name: "node2", Pgdata: dir}
		if got := streamFailure(t.Context(), h, n, "it waits"); got != nil {
			t.Errorf("without a log: %v", got)
		}
		if err := os.Mkdir(filepath.Join(dir, "pg_log"), 0o700); err != nil {
			t.Fatal(err)
		}
		for text, named := range map[string]string{
			"FATAL:  could not connect to the primary server: FATAL:  password authentication failed for user \"replicator\"\nLOG:  x\n": `password authentication failed for user "replicator"`,
			"FATAL:  could not connect to the primary server: FATAL:  no pg_hba.conf entry for replication connection from host\n":       "no pg_hba.conf entry",
			"FATAL:  could not connect to the primary server: could not connect to server: Connection refused\n":                         "",
		} {
			if err := os.WriteFile(filepath.Join(dir, "pg_log", "postgresql_error.log"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			got := streamFailure(t.Context(), h, n, "it waits")
			if (got != nil) != (named != "") || got != nil && !strings.Contains(got.Error(), named) {
				t.Errorf("%q: %v", text, got)
			}
		}
	})
}

package remote

import (
	"os/exec"
	"strings"
	"testing"
)

func TestQuote(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":             "''",
		"plain-1.2/x":  "plain-1.2/x",
		"a b":          "'a b'",
		"it's":         `'it'\''s'`,
		"a=b":          "'a=b'",
		"~":            "'~'",
		"$x`y`":        "'$x`y`'",
		"new\nline":    "'new\nline'",
		"数据":           "'数据'",
		"{a,b}":        "'{a,b}'",
		"'":            `''\'''`,
		"!":            "'!'",
		"*":            "'*'",
		"a\\":          `'a\'`,
		"user@host:22": "user@host:22",
	} {
		if got := Quote(in); got != want {
			t.Errorf("Quote(%q) is %s, want %s", in, got, want)
		}
	}
}

func FuzzQuote(f *testing.F) {
	for _, s := range []string{"", "a", "it's", "-n", "a\nb\n", "\\", "$(id)", "\x01\x7f\x81\x88", "é", "'''", "~root", "a=b", "#", "\r"} {
		f.Add(s)
	}
	found := shells(f)
	f.Fuzz(func(t *testing.T, s string) {
		if strings.IndexByte(s, 0) >= 0 {
			t.Skip("no shell can hold a NUL")
		}
		for name, path := range found {
			// As an argument, and inside an eval as Run does it.
			script := "printf '%s|' " + Quote(s) + "\neval " + quoteAlways("printf '%s|' "+Quote(s)) + "\n"
			cmd := exec.Command(path)
			cmd.Stdin = strings.NewReader(script)
			out, err := cmd.Output()
			if err != nil || string(out) != s+"|"+s+"|" {
				t.Errorf("%s: %q became %q, %v", name, s, out, err)
			}
		}
	})
}

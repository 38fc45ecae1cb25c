package hba

import (
	"strings"
	"testing"

	_ "github.com/polarbook/polarbook/test/golden" // there are no golden files here, but the flag that writes them is for all packages
)

// The fields are those that the engine's hba.c makes of a line.
func TestFields(t *testing.T) {
	for line, want := range map[string]string{
		"":                              "",
		"# host all all all trust":      "",
		"  \t\n":                        "",
		"local all all trust\n":         "local|all|all|trust",
		"host\tall  all\t::1/128 md5 ":  "host|all|all|::1/128|md5",
		"local all all trust#why":       "local|all|all|trust",
		"local all \"a#b\" trust # why": `local|all|"a#b"|trust`,
		`local all "two words" trust`:   `local|all|"two words"|trust`,
		"host a, b all all md5":         "host|a,b|all|all|md5",
		"host a,b all all md5":          "host|a,b|all|all|md5",
		"host a,\t\"b c\", d u all md5": `host|a,"b c",d|u|all|md5`,
		`local all "open trust`:         `local|all|"open trust`,
		"local all all,# and no more":   "local|all|all,",
	} {
		var got []string
		fields, _, _ := Fields(line)
		for _, f := range fields {
			got = append(got, f.Text)
			if !strings.Contains(line[f.From:f.To], strings.Split(f.Text, ",")[0]) {
				t.Errorf("%q: the field %q is said to stand at %q", line, f.Text, line[f.From:f.To])
			}
		}
		if strings.Join(got, "|") != want {
			t.Errorf("%q has the fields %q, want %q", line, got, want)
		}
	}
}

func TestCommentsAndQuotes(t *testing.T) {
	for line, want := range map[string]struct {
		comment string
		open    bool
	}{
		"local all all trust # why": {"# why", false}, `local "a#b" all trust`: {"", false}, `local all "open # trust`: {"", true},
	} {
		if _, comment, open := Fields(line); comment != want.comment || open != want.open {
			t.Errorf("%q: %q %v", line, comment, open)
		}
	}
}

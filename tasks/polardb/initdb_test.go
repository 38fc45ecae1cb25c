package polardb

import (
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/dma"
)

func TestInitdbPlan(t *testing.T) {
	for name, c := range map[string]struct{ probe, want string }{
		"bare":              {bareNode + "\n" + engineThere, "initialise /d/pgdata and /d/polardata"},
		"no engine yet":     {bareNode, "unknown: not installed"},
		"begun, unfinished": {halfCopy, "empty /d/pgdata and /d/polardata, which polarbook began"},
		"done":              {wholeInit, ""},
		"somebody else's":   {somebodys, "refuse: did not begin"},
	} {
		a := &initdbAction{&initdbArgs{NodeArgs: planArgs, Superuser: "polardb", Password: "very-secret", Timeout: 60}}
		p, err := a.Plan(probeText(c.probe))
		checkPlan(t, name, c.want, p, err)
		if strings.Contains(p.Script, "very-secret") {
			t.Errorf("%s: the password is in the script, and so on an argv", name)
		}
		if p.Change && p.Unknown == "" {
			lines := strings.Split(string(p.Stdin), "\n")
			_, rest, ok := strings.Cut(lines[1], `alter role "polardb" password '`)
			if !ok || len(lines[0]) != 32 || !dma.PasswordFits(strings.TrimSuffix(rest, "'"), "polardb", "very-secret") ||
				strings.Contains(string(p.Stdin), "very-secret") {
				t.Errorf("%s: what goes to the host is %q", name, p.Stdin)
			}
		}
	}
}

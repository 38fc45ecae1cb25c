package polardb

import (
	"testing"
)

func TestBasebackupPlan(t *testing.T) {
	for name, c := range map[string]struct{ probe, want string }{
		"bare":            {bareNode + "\n" + engineThere, "copy the leader into /d/pgdata"},
		"no engine yet":   {bareNode, "unknown: not installed"},
		"a half-done one": {halfCopy, "empty /d/pgdata and /d/polardata, which polarbook began and did not finish (basebackup)"},
		"done":            {wholeCopy, ""},
		"somebody else's": {somebodys, "refuse: did not begin"},
	} {
		a := &basebackupAction{args: &basebackupArgs{NodeArgs: planArgs}}
		p, _, err := a.Plan(probeText(c.probe))
		checkPlan(t, name, c.want, p, err)
	}
}

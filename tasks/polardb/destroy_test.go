package polardb

import (
	"strings"
	"testing"
)

func TestDestroyPlan(t *testing.T) {
	for name, c := range map[string]struct{ probe, want string }{
		"a whole node":                  {wholeInit, "remove /d/pgdata and /d/polardata of the cluster demo"},
		"begun, unfinished":             {halfCopy, "remove /d/pgdata"},
		"wiped, the marker left":        {marked + "basebackup\nmarker.step=wiped\npgdata=absent\npolardata=absent", "remove /d/pgdata"},
		"nothing":                       {bareNode, ""},
		"a restore that was only noted": {bareNode + "\nrestoring=/b/a", "forget the restore of /b/a"},
		"half a restore":                {strings.ReplaceAll(halfCopy, "basebackup\nmarker.step=basebackup", "restore\nmarker.step=restore"), "remove /d/pgdata"},
		"somebody else's":               {somebodys, "refuse: did not begin"},
		"another cluster's": {strings.Replace(wholeInit, "marker.cluster=demo", "marker.cluster=other", 1),
			`refuse: belongs to the cluster "other"`},
		"other directories": {strings.Replace(wholeInit, "marker.polardata=/d/polardata", "marker.polardata=/e/polardata", 1),
			"refuse: notes the directories"},
		"it runs": {wholeInit + "\npid=7", "refuse: the server runs (process 7)"},
	} {
		a := &destroyAction{args: &destroyArgs{NodeArgs: planArgs, Unit: "polardb-demo"}}
		p, err := a.Plan(probeText(c.probe))
		checkPlan(t, name, c.want, p, err)
		if p.Script != "" && strings.Index(p.Script, "grep -qxF") > strings.Index(p.Script, "-exec rm -rf") {
			t.Errorf("%s: the marker is not asked before the removal", name)
		}
	}
}

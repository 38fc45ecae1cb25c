package polardb

import (
	"testing"

	"github.com/polarbook/polarbook/tasks"
)

func TestCopyBackupPlan(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*copyBackupFound)
		named  string
		want   string
	}{
		"a new one":            {want: "copy the backup a of node2"},
		"an unfinished one":    {change: func(f *copyBackupFound) { f.Holds, f.State, f.Cluster = []string{"backup.polarbook"}, "begun", "demo" }, want: "copy the backup"},
		"of another cluster":   {change: func(f *copyBackupFound) { f.described.Cluster = "other" }, want: "refuse: is of the cluster other"},
		"something else":       {change: func(f *copyBackupFound) { f.Holds = []string{"notes"} }, want: "refuse: is not empty"},
		"another's unfinished": {change: func(f *copyBackupFound) { f.Holds, f.State, f.Cluster = []string{"x"}, "begun", "other" }, want: "refuse: is not empty"},
		"whole already":        {change: func(f *copyBackupFound) { k := wholeBackup("a", nil); f.mine, f.Holds = &k, []string{"pgdata"} }, want: ""},
		"another of that name": {change: func(f *copyBackupFound) {
			k := wholeBackup("a", nil)
			k.Bytes--
			f.mine, f.Holds = &k, []string{"pgdata"}
		}, want: "refuse: is not empty, and is not that backup"},
		"no room":                {change: func(f *copyBackupFound) { f.Free = 1 << 20 }, want: "refuse: there is no room"},
		"no account":             {change: func(f *copyBackupFound) { f.Account = false }, want: "refuse: there is no account polardb"},
		"an unsafe place":        {change: func(f *copyBackupFound) { f.Stranger = "bob can write in /b" }, want: "refuse: is not a safe place"},
		"another's directory":    {change: func(f *copyBackupFound) { f.Owner = "bob" }, want: "refuse: belongs to bob"},
		"a file":                 {change: func(f *copyBackupFound) { f.Kind = "file" }, want: "refuse: is a file"},
		"itself":                 {change: func(f *copyBackupFound) { f.here = true }, want: "refuse: to itself"},
		"one that is not whole":  {change: func(f *copyBackupFound) { f.unfit = "it has 3 files instead of 4" }, want: "refuse: is not copied: it has 3 files"},
		"none":                   {change: func(f *copyBackupFound) { f.theirs, f.unfit = keptBackup{}, "there is none" }, want: "refuse: has no whole backup of the cluster demo"},
		"none of that name":      {named: "b", change: func(f *copyBackupFound) { f.theirs, f.unfit = keptBackup{}, "there is none" }, want: "refuse: has no backup /b/b"},
		"one that is nobody's":   {change: func(f *copyBackupFound) { f.Owner = "root" }, want: "copy the backup"},
		"unfinished and no room": {change: func(f *copyBackupFound) { f.Holds, f.State, f.Cluster, f.Free = []string{"x"}, "begun", "demo", 0 }, want: "refuse: there is no room"},
	} {
		k := wholeBackup("a", nil)
		found := copyBackupFound{theirs: k, Account: true, Free: 1 << 40}
		found.described, found.unfit = k.described()
		if c.change != nil {
			c.change(&found)
		}
		a := &copyBackupArgs{From: "node2", Name: c.named, FromDir: "/b", Dir: "/c", User: "polardb", Cluster: "demo"}
		var p tasks.Plan
		p, _, err := (&copyBackupAction{args: a}).Plan(found)
		checkPlan(t, name, c.want, p, err)
	}
}

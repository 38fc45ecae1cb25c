package polardb

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

var noon = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// wholeBackup is the description of a backup, with changes, and what lies there.
func wholeBackup(name string, change func(*backupDescription)) keptBackup {
	d := backupDescription{Format: 1, Cluster: "demo", SystemID: "7123", Superuser: "polardb",
		Engine: backupEngine{"11.9", "1.1.20", "20240430"},
		Source: "node2", SourceRole: "follower", Host: "node2", TakenBy: "me@here", Started: noon, Ended: noon, Timeline: 1,
		StartLSN: "0/2000028", EndLSN: "0/2000130", Consensus: backupConsensus{2, 70, 71}, Bytes: 1000, Files: 10, Pgdata: 100, Polardata: 900,
		Spaces: []backupTablespace{}, Sums: backupSums{"sha256", "SHA256SUMS", strings.Repeat("ab", 32)}}
	k := keptBackup{Name: name, Cluster: "demo", State: "finished", Sums: d.Sums.SHA256, Bytes: 1000, Files: 10}
	if change != nil {
		change(&d)
	}
	k.Description, _ = d.json()
	return k
}

func TestDescription(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*backupDescription)
		lies   func(*keptBackup)
		want   string
	}{
		"whole":               {},
		"unfinished":          {lies: func(k *keptBackup) { k.Description, k.State = nil, "begun" }, want: "unfinished"},
		"an earlier release":  {lies: func(k *keptBackup) { k.Description = nil }, want: "earlier polarbook"},
		"no description":      {lies: func(k *keptBackup) { k.Description, k.State = nil, "" }, want: "has no backup.json"},
		"cut off":             {lies: func(k *keptBackup) { k.Description = k.Description[:80] }, want: "is not what polarbook writes"},
		"something else":      {lies: func(k *keptBackup) { k.Description = []byte(`{"format":1,"x":2}`) }, want: "unknown field"},
		"endless":             {lies: func(k *keptBackup) { k.Description = make([]byte, descriptionLimit+1) }, want: "longer than any"},
		"packed by halves":    {change: func(d *backupDescription) { d.Format = 2 }, want: "whether it is compressed"},
		"newer":               {change: func(d *backupDescription) { d.Format = 3 }, want: "format 3 of a newer polarbook"},
		"no format":           {change: func(d *backupDescription) { d.Format = 0 }, want: "has no format"},
		"no cluster":          {change: func(d *backupDescription) { d.Cluster = "" }, want: "does not name the cluster"},
		"no version":          {change: func(d *backupDescription) { d.Engine.Version = "x" }, want: "engine's version"},
		"no identifier":       {change: func(d *backupDescription) { d.SystemID = "" }, want: "system identifier"},
		"no LSN":              {change: func(d *backupDescription) { d.EndLSN = "" }, want: "positions in the log"},
		"no time":             {change: func(d *backupDescription) { d.Ended = time.Time{} }, want: "the time"},
		"no files":            {change: func(d *backupDescription) { d.Files = 0 }, want: "how much it holds"},
		"another list":        {change: func(d *backupDescription) { d.Sums.List = "/etc/passwd" }, want: "list of checksums"},
		"control characters":  {change: func(d *backupDescription) { d.Host = "a\x1b[2J" }, want: "control characters"},
		"a strange space":     {change: func(d *backupDescription) { d.Spaces = []backupTablespace{{1, "a", "b", 1}} }, want: "a tablespace"},
		"one space twice":     {change: func(d *backupDescription) { d.Spaces = []backupTablespace{{1, "a", "/a", 1}, {1, "b", "/b", 1}} }, want: "a tablespace"},
		"no list":             {lies: func(k *keptBackup) { k.Sums = "" }, want: "list of checksums is missing"},
		"a list that changed": {lies: func(k *keptBackup) { k.Sums = strings.Repeat("cd", 32) }, want: "not the one that was written"},
		"a file is missing":   {lies: func(k *keptBackup) { k.Files-- }, want: "9 files instead of 10"},
		"a file is cut":       {lies: func(k *keptBackup) { k.Bytes-- }, want: "999 bytes instead of 1000"},
		"unreadable":          {lies: func(k *keptBackup) { k.Unreadable = true }, want: "cannot be read"},
	} {
		k := wholeBackup("a", c.change)
		if c.lies != nil {
			c.lies(&k)
		}
		if _, got := k.described(); c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		v := k.values("/b", "node1")
		if v["whole"] != (c.want == "") || v["path"] != "/b/a" {
			t.Errorf("%s: %v", name, v)
		}
	}
}

func TestDescriptionReadsWhatItWrites(t *testing.T) {
	k := wholeBackup("a", func(d *backupDescription) { d.Spaces = []backupTablespace{{16384, "ts1", "/srv/ts 1", 5}} })
	d, err := parseDescription(k.Description)
	if err != nil {
		t.Fatal(err)
	}
	again, _ := d.json()
	if string(again) != string(k.Description) || !json.Valid(again) {
		t.Errorf("%s\nis read as\n%s", k.Description, again)
	}
}

func TestOutlived(t *testing.T) {
	aged := func(name string, days int) keptBackup {
		return wholeBackup(name, func(d *backupDescription) { d.Ended = noon.Add(-time.Duration(days)*24*time.Hour - time.Hour) })
	}
	other := wholeBackup("other", func(d *backupDescription) { d.Cluster, d.Ended = "other", noon.Add(-9000*time.Hour) })
	other.Cluster = "other"
	cut := aged("cut", 40)
	cut.Bytes--
	list := []keptBackup{aged("a", 30), aged("b", 20), aged("c", 10), aged("new", 0), other, cut,
		{Name: "begun", State: "begun", Cluster: "demo"}, {Name: "under way", State: "begun", Cluster: "demo", By: "timer", Taken: noon.Add(-time.Hour).Format(time.RFC3339)},
		{Name: "theirs", State: "begun", Cluster: "other"},
		{Name: "former", State: "finished", Cluster: "demo"}}
	for _, c := range []struct {
		keep, days int
		want       string
	}{
		{0, 0, "begun"},
		{1, 0, "a b begun c"},
		{2, 0, "a b begun"},
		{4, 0, "begun"},
		{0, 15, "a b begun"},
		{3, 15, "a b begun"},
		{2, 25, "a b begun"},
		{0, 1, "a b begun c"},
	} {
		if got := strings.Join(outlived(list, "demo", "new", c.keep, c.days, noon), " "); got != c.want {
			t.Errorf("keep %d, %d days: %q, want %q", c.keep, c.days, got, c.want)
		}
	}
	// By a clock that is wrong by years, too, the new one stays.
	if got := outlived([]keptBackup{aged("new", 0)}, "demo", "new", 1, 1, noon.AddDate(20, 0, 0)); len(got) > 0 {
		t.Errorf("removed %q", got)
	}
}

func TestBackupSource(t *testing.T) {
	var list []WantedNode
	var survey dma.Survey
	leader := dma.View{Node: "node1"}
	for i := 1; i <= 5; i++ {
		a := dma.Address{Host: fmt.Sprintf("10.0.0.%d", i), Port: 5432}
		list = append(list, WantedNode{Name: fmt.Sprintf("node%d", i), Address: a, Role: roleFollower})
		survey = append(survey, dma.View{Node: fmt.Sprintf("node%d", i), Address: a, InRecovery: i > 1})
		leader.Cluster = append(leader.Cluster, dma.Member{IPPort: a.Consensus(), MatchIndex: 5000})
		name, _ := a.AppName()
		leader.Replicas = append(leader.Replicas, dma.Replica{ClientAddr: a.Host, AppName: name, State: "streaming"})
	}
	leader.Address, leader.Status.LastLogIndex = list[0].Address, 5000
	for name, c := range map[string]struct {
		wanted, here string
		change       func()
		want         string
	}{
		"the host's own":       {wanted: "follower", here: "node4", want: "node4"},
		"on another host":      {wanted: "follower", here: "elsewhere", want: "node2"},
		"the leader's host":    {wanted: "follower", here: "node1", want: "node2"},
		"the leader":           {wanted: "leader", want: "node1"},
		"by name":              {wanted: "node3", want: "node3"},
		"the leader, by name":  {wanted: "node1", want: "node1"},
		"nobody":               {wanted: "node9", want: "there is no node node9"},
		"the least lag":        {wanted: "follower", change: func() { leader.Cluster[1].MatchIndex = 4990 }, want: "node3"},
		"a learner first":      {wanted: "follower", change: func() { leader.Cluster[4].Role = dma.Learner }, want: "node5"},
		"late":                 {wanted: "node2", change: func() { leader.Cluster[1].MatchIndex = 10 }, want: "node2, which is 4990 log entries behind"},
		"does not stream":      {wanted: "node2", change: func() { leader.Replicas = leader.Replicas[2:] }, want: "does not stream"},
		"no member":            {wanted: "node5", change: func() { leader.Cluster = leader.Cluster[:4] }, want: "does not list"},
		"a logger":             {wanted: "node3", change: func() { list[2].Role = roleLogger }, want: "logger"},
		"a follower that does": {wanted: "node3", change: func() { survey[2].InRecovery = false }, want: "does not follow"},
		"no other is fit":      {wanted: "follower", change: func() { leader.Replicas = nil }, want: "node1"},
	} {
		keptList, keptSurvey, kept := slices.Clone(list), slices.Clone(survey), leader
		kept.Cluster, kept.Replicas = slices.Clone(leader.Cluster), slices.Clone(leader.Replicas)
		if c.change != nil {
			c.change()
		}
		got, _, err := backupSource(survey, leader, list, c.wanted, c.here)
		if err == nil && got.Node != c.want || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %s, %v; want %s", name, got.Node, err, c.want)
		}
		list, survey, leader = keptList, keptSurvey, kept
	}
}

// TestBackupsOnHost lists directories as they may lie on a host, and removes some.
func TestBackupsOnHost(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIP: changes owners, so it needs root")
	}
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		taskstest.Open(t, dir)
		k := wholeBackup("a", nil)
		taskstest.MustWrite(t, dir+"/d", string(k.Description))
		out, err := taskstest.Sh(t, "cd '"+dir+`' && mkdir -p b/good/pgdata b/good/polardata b/good/tablespaces b/begun b/letters b/hidden && cd b &&
			printf 12345 >good/pgdata/x && echo sums >good/SHA256SUMS && cp ../d good/backup.json &&
			printf 'cluster=demo\nsource=node2\ntaken=then\nstate=finished\n' >good/backup.polarbook &&
			printf 'cluster=demo\nsource=node2\ntaken=then\nstate=begun\n' >begun/backup.polarbook && echo x >begun/x &&
			cp begun/backup.polarbook hidden/ && mkdir 'odd
name' && cp begun/backup.polarbook 'odd
name/' && ln -s /etc link && chown -R nobody good begun letters && chmod 700 good && chown 61234 hidden && chmod 700 hidden`)
		if err != nil {
			t.Fatal(err, out)
		}
		found, err := listBackups(t.Context(), h, dir+"/b", "nobody")
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, k := range found.List {
			got += fmt.Sprintf("%s %s %d %d %t %t\n", k.Name, k.State, k.Files, k.Bytes, len(k.Description) > 0, k.Unreadable)
		}
		if want := "begun begun 0 0 false false\ngood finished 1 5 true false\nhidden  0 0 false true\n"; got != want {
			t.Errorf("listed\n%swant\n%s", got, want)
		}
		if found, err := listBackups(t.Context(), h, dir+"/b", "nobody", "letters"); err != nil || len(found.List) != 1 {
			t.Errorf("one that is none, by name: %+v, %v", found, err)
		}
		if found, err := listBackups(t.Context(), h, dir+"/none", "nobody"); err != nil || len(found.List) != 0 {
			t.Errorf("no directory: %+v, %v", found, err)
		}
		remove := func(names ...string) (remote.Result, error) {
			return h.Run(t.Context(), remote.Command{Script: scripts.Script("polardb_backup_remove",
				script.Values{"DIR": dir + "/b", "OWNER": "nobody", "CLUSTER": "demo"}, names...)})
		}
		if r, err := remove("letters"); err != nil || r.Status == 0 {
			t.Errorf("letters: %v, %+v", err, r)
		}
		if r, err := remove("link", "begun", "good"); err != nil || r.Status != 0 || string(r.Stdout) != "removed=begun\nremoved=good\n" {
			t.Errorf("removal: %v, %+v", err, r)
		}
		if out, err := taskstest.Sh(t, "ls '"+dir+"/b' | tr '\\n' ' '"); err != nil || !strings.Contains(out, "hidden letters link odd") {
			t.Errorf("left is %q, %v", out, err)
		}
	})
}

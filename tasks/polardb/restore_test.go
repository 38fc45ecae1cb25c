package polardb

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestRestorePlan(t *testing.T) {
	wholeRestore := strings.ReplaceAll(wholeInit, "initdb", "restore") + "\nrestoring=/b/a"
	for name, c := range map[string]struct {
		lines  string
		change func(*restoreFound)
		check  bool
		state  string
		want   string
	}{
		"a bare host":              {lines: bareNode + "\n" + engineThere, want: "restore /b/a, taken 2026-11-28T12:00:00Z of node2"},
		"no engine yet":            {lines: bareNode, want: "unknown: not installed"},
		"unfit":                    {lines: bareNode, change: func(f *restoreFound) { f.unfit = "it is unfinished" }, want: "refuse: /b/a is not restored: it is unfinished"},
		"no place":                 {lines: bareNode, change: func(f *restoreFound) { f.doubts = []string{"ts1 is not empty"}; f.spaces = []tablespace{{name: "ts1"}} }, want: "refuse: there is no place: ts1"},
		"killed while it copied":   {lines: strings.ReplaceAll(halfCopy, "basebackup\nmarker.step=basebackup", "restore\nmarker.step=restore") + "\nrestoring=/b/a", want: "empty /d/pgdata and /d/polardata, which polarbook began and did not finish (restore)"},
		"killed before":            {lines: bareNode + "\n" + engineThere + "\nrestoring=/b/a", want: "restore /b/a"},
		"another's half":           {lines: halfCopy, want: "empty /d/pgdata"},
		"another one was begun":    {lines: bareNode + "\nrestoring=/b/other", want: "refuse: a restore of /b/other was begun"},
		"restored":                 {lines: wholeRestore, want: ""},
		"restored, another":        {lines: strings.ReplaceAll(wholeRestore, "restoring=/b/a", "restoring=/b/c"), want: "refuse: a restore of /b/c"},
		"restored long ago":        {lines: strings.ReplaceAll(wholeRestore, "restoring=/b/a", ""), want: "refuse: still holds the node's data"},
		"data, asked beforehand":   {lines: wholeInit, check: true, want: "restore /b/a"},
		"a server runs":            {lines: wholeInit + "\npid=7", check: true, want: "refuse: the server runs (process 7)"},
		"somebody's data":          {lines: somebodys, want: "refuse: holds a data directory"},
		"another cluster's":        {lines: strings.ReplaceAll(wholeInit, "cluster=demo", "cluster=other"), check: true, want: "refuse: belongs to the cluster"},
		"finished":                 {lines: wholeRestore, state: "finished", want: "note that the restore is finished"},
		"finished, again":          {lines: wholeInit, state: "finished", want: ""},
		"a lost disk":              {lines: marked + "initdb\nmarker.step=meta\n" + bareNode, want: "refuse: the data of this node is gone"},
		"finished, of another":     {lines: bareNode, state: "finished", want: ""},
		"a note that was tampered": {lines: marked + "elsewhere\nmarker.step=data\n" + bareNode, want: "refuse: names no origin"},
	} {
		a := &restoreArgs{NodeArgs: planArgs, From: "/b/a", State: "restored"}
		if c.state != "" {
			a.State = c.state
		}
		s, err := ParseNode(probeText(c.lines))
		if err != nil {
			t.Fatal(err)
		}
		k := wholeBackup("a", nil)
		found := restoreFound{state: s}
		found.backup, _ = k.described()
		if c.change != nil {
			c.change(&found)
		}
		p, _, err := (&restoreAction{args: a, check: c.check}).Plan(found)
		checkPlan(t, name, c.want, p, err)
	}
}

func TestRestoreUnfit(t *testing.T) {
	fit := func() *restoreLook {
		return &restoreLook{Owner: "polardb", Engine: "11.9", Control: true, SystemID: "7123", Rooms: []room{
			{Mount: "/d", Place: "/d/pgdata", Free: 1 << 30}, {Mount: "/d", Place: "/d/polardata", Free: 1 << 30}}}
	}
	for name, c := range map[string]struct {
		args   func(*restoreArgs)
		backup func(*backupDescription)
		look   func(*restoreLook)
		want   string
	}{
		"fit":                  {},
		"root's":               {look: func(l *restoreLook) { l.Owner = "root" }},
		"a newer minor":        {look: func(l *restoreLook) { l.Engine = "11.12" }},
		"another cluster":      {backup: func(d *backupDescription) { d.Cluster = "prod" }, want: "of the cluster prod, and this is demo"},
		"other_cluster":        {backup: func(d *backupDescription) { d.Cluster = "prod" }, args: func(a *restoreArgs) { a.OtherCluster = true }},
		"another superuser":    {backup: func(d *backupDescription) { d.Superuser = "postgres" }, want: "superuser is postgres"},
		"inside PGDATA":        {args: func(a *restoreArgs) { a.From = "/d/pgdata/backup" }, want: "inside one another"},
		"around POLARDATA":     {args: func(a *restoreArgs) { a.From = "/d" }, want: "inside one another"},
		"another major":        {look: func(l *restoreLook) { l.Engine = "14.2" }, want: "of the engine 11.9, and the one on this host is \"14.2\""},
		"no engine":            {look: func(l *restoreLook) { l.Engine = "" }, want: "of the engine 11.9"},
		"unreadable control":   {look: func(l *restoreLook) { l.Control = false }, want: "does not read its control file"},
		"another system":       {look: func(l *restoreLook) { l.SystemID = "1" }, want: "of the system 1, and it says that it is of 7123"},
		"another's":            {look: func(l *restoreLook) { l.Owner = "mallory" }, want: "belongs to mallory"},
		"below another's":      {look: func(l *restoreLook) { l.Stranger = "/b belongs to mallory" }, want: "/b belongs to mallory"},
		"a changed file":       {look: func(l *restoreLook) { l.Wrong = []string{"pgdata/x"} }, want: "not what was written: pgdata/x"},
		"no room":              {look: func(l *restoreLook) { l.Rooms[0].Free = 1000 }, want: "on /d, which has room for 0 MB"},
		"room when it is gone": {look: func(l *restoreLook) { l.Rooms[0].Free = 1000; l.Rooms[1].Goes = 1 << 30 }},
		"both need it":         {backup: func(d *backupDescription) { d.Pgdata, d.Polardata = 600<<20, 600<<20 }, want: "it needs 1265 MB on /d, which has room for 1024 MB"},
		"a tablespace needs it": {backup: func(d *backupDescription) { d.Spaces = []backupTablespace{{16384, "ts1", "/ts", 2 << 30}} },
			look: func(l *restoreLook) { l.Rooms = append(l.Rooms, room{Mount: "/ts", Place: "/ts", Free: 1 << 30}) }, want: "on /ts"},
		"a space elsewhere": {backup: func(d *backupDescription) { d.Spaces = []backupTablespace{{16384, "ts1", "/d/pgdata/ts", 2}} },
			args: func(a *restoreArgs) { a.moved = map[string]string{"ts1": "/ts1"} }},
		"a space in PGDATA": {backup: func(d *backupDescription) { d.Spaces = []backupTablespace{{16384, "ts1", "/d/pgdata/ts", 2}} }, want: "inside another directory"},
		"spaces in one":     {backup: func(d *backupDescription) { d.Spaces = []backupTablespace{{1, "a", "/ts", 2}, {2, "b", "/ts/b", 2}} }, want: "inside one another"},
		"no such space":     {args: func(a *restoreArgs) { a.moved = map[string]string{"ts9": "/ts1"} }, want: "it has no tablespace ts9"},
	} {
		a := &restoreArgs{NodeArgs: planArgs, From: "/b/a", Superuser: "polardb"}
		l := fit()
		if c.args != nil {
			c.args(a)
		}
		if c.look != nil {
			c.look(l)
		}
		k := wholeBackup("a", c.backup)
		d, problem := k.described()
		if problem != "" {
			t.Fatal(name, problem)
		}
		got := a.unlike(d)
		if got == "" {
			_, got = a.places(d)
		}
		if got == "" {
			got = a.unfit(d, l, true)
		}
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestRestoreMeta: the meta of a restored founder is written although the backup's names this very node, and only once.
func TestRestoreMeta(t *testing.T) {
	self := dma.Address{Host: "10.0.0.1", Port: 5432}
	for name, c := range map[string]struct{ lines, want string }{
		"without a meta":     {"marker.step=data", "found the cluster with 10.0.0.1:15432 from the backup"},
		"another's":          {"marker.step=data\nmeta=yes\nmeta.members=10.0.0.9:15432@1", "found the cluster with 10.0.0.1:15432 from the backup"},
		"its own, of before": {"marker.step=data\nmeta=yes\nmeta.members=10.0.0.1:15432#5N;10.0.0.2:15432#5N@1", "found the cluster"},
		"its own":            {"marker.step=meta\nmeta=yes\nmeta.members=10.0.0.1:15432@1", ""},
		"others', later":     {"marker.step=meta\nmeta=yes\nmeta.members=10.0.0.9:15432@1", "refuse: names other nodes"},
	} {
		lines := strings.Replace(strings.ReplaceAll(wholeInit, "initdb", "restore"), "marker.step=data", c.lines, 1)
		s, err := ParseNode(probeText(lines))
		if err != nil {
			t.Fatal(err)
		}
		a := &metaAction{args: &metaArgs{NodeArgs: planArgs, Founder: true}}
		p, err := a.Plan(metaFound{state: s, Name: "node1", Self: self})
		checkPlan(t, name, c.want, p, err)
	}
	s, err := ParseNode(probeText(bareNode, engineThere, "restoring=/b/a"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := (&initdbAction{&initdbArgs{NodeArgs: planArgs}}).Plan(probeText(bareNode, engineThere, "restoring=/b/a"))
	checkPlan(t, "initdb beside it "+s.Restoring, "refuse: a restore of /b/a was begun", p, err)
}

// TestRestoreOnHost copies a backup with the scripts, into directories and tablespaces of the engine's account.
func TestRestoreOnHost(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIP: changes owners, so it needs root")
	}
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		taskstest.Open(t, dir)
		for tool, text := range map[string]string{"postgres": "echo 'postgres (PostgreSQL) 11.9 (POLARDB 11.9)'",
			"pg_controldata": "echo 'Database system identifier:           7123'"} {
			taskstest.MustWrite(t, dir+"/home/current/bin/"+tool, "#!/bin/sh\n"+text+"\n")
			if err := os.Chmod(dir+"/home/current/bin/"+tool, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		out, err := taskstest.Sh(t, `umask 022; chmod -R go+rX '`+dir+`/home'; echo >'`+dir+`/file'; cd '`+dir+`'; mkdir -p b/a/pgdata/pg_tblspc b/a/polardata/polar_dma b/a/tablespaces/16384/PG_11_1 data
			cd b/a; echo 11 >pgdata/PG_VERSION; echo secret >pgdata/recovery.conf; echo id >pgdata/polarbook.id; mkdir polardata/global
			echo control >polardata/global/pg_control; echo meta >polardata/polar_dma/consensus_meta; echo rows >tablespaces/16384/PG_11_1/1
			ln -s "$PWD/tablespaces/16384" pgdata/pg_tblspc/16384
			find pgdata polardata tablespaces -type f | sort | xargs sha256sum >SHA256SUMS
			printf 'cluster=demo\nsource=node2\ntaken=then\nstate=finished\n' >backup.polarbook
			chown -R nobody . ../../data; chmod 700 .
			echo "$(find pgdata polardata tablespaces -type f | xargs cat | wc -c) $(wc -l <SHA256SUMS) $(sha256sum <SHA256SUMS)"`)
		if err != nil {
			t.Fatal(out, err)
		}
		var size, count int64
		var sums string
		if _, err := fmt.Sscan(out, &size, &count, &sums); err != nil {
			t.Fatal(out, err)
		}
		k := wholeBackup("a", func(d *backupDescription) {
			d.Bytes, d.Files, d.Sums.SHA256, d.Superuser = size, count, sums, "nobody"
			d.Spaces = []backupTablespace{{16384, "ts1", dir + "/ts1", 5}}
		})
		taskstest.MustWrite(t, dir+"/b/a/backup.json", string(k.Description))
		if err := os.Chown(dir+"/b/a/backup.json", 65534, 65534); err != nil {
			t.Fatal(err)
		}
		values := map[string]any{"pgdata": dir + "/data/pgdata", "polardata": dir + "/data/polardata", "home": dir + "/home", "user": "nobody",
			"cluster": "demo", "from": dir + "/b/a", "tablespaces": map[string]any{"ts1": dir + "/other/ts"}}
		action := taskstest.NewAction(t, "polardb_restore", values, &taskstest.FakeLocal{Dir: dir})
		r := taskstest.Work[*restoreAction](t, action)
		r.args.state = dir + "/state"

		// What is wrong with it is seen before anything is changed.
		if out, err := taskstest.Sh(t, "cp -p '"+dir+"/b/a/polardata/global/pg_control' '"+dir+"/control'"); err != nil {
			t.Fatal(out, err)
		}
		before := taskstest.Listing(t, dir)
		for name, c := range map[string]struct{ spoil, mend, want string }{
			"a changed file": {"echo hostile >polardata/global/pg_control; cp -p polardata/global/pg_control ../kept", "echo control >polardata/global/pg_control", "polardata/global/pg_control"},
			"a missing file": {"mv pgdata/PG_VERSION ../kept", "mv ../kept pgdata/PG_VERSION", "files instead of"},
			"a cut file":     {"printf 1 >pgdata/PG_VERSION", "echo 11 >pgdata/PG_VERSION", "bytes instead of"},
			"another list":   {"echo >>SHA256SUMS", "sed -i '$d' SHA256SUMS", "not the one that was written"},
			"no description": {"mv backup.json ../kept", "mv ../kept backup.json", "does not describe itself"},
			"another's":      {"chown 61234 .; chmod 755 .", "chown nobody .; chmod 700 .", ""},
		} {
			if out, err := taskstest.Sh(t, "cd '"+dir+"/b/a'; "+c.spoil); err != nil {
				t.Fatal(name, out, err)
			}
			r.check = true
			_, err := taskstest.PlanOn(t, h, action)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %q", name, err, c.want)
			}
			if out, err := taskstest.Sh(t, "cd '"+dir+"/b/a'; "+c.mend+"; rm -f ../kept"); err != nil {
				t.Fatal(name, out, err)
			}
		}
		if after := taskstest.Listing(t, dir); after != before {
			t.Fatalf("it was\n%sand is\n%s", before, after)
		}
		if _, err := taskstest.PlanOn(t, h, action); err != nil {
			t.Fatal("mended:", err)
		}
		r.check = false
		for try := range 2 {
			plan, err := taskstest.PlanOn(t, h, action)
			if err != nil || plan.Change != (try == 0) {
				t.Fatalf("run %d: %+v, %v", try, plan, err)
			}
			if !plan.Change {
				break
			}
			var said []string
			for _, text := range restoreScripts(r, dir) {
				answer, err := h.Run(t.Context(), remote.Command{Script: text})
				if err != nil || answer.Status != 0 {
					t.Fatalf("%v, %d: %s", err, answer.Status, answer.Stderr)
				}
				said = append(said, string(answer.Stderr))
			}
			if got := strings.Join(said, ""); got != "" {
				t.Error(got)
			}
		}
		got, err := taskstest.Sh(t, "cd '"+dir+"'; cat data/pgdata/PG_VERSION other/ts/PG_11_1/1 data/pgdata/pg_tblspc/16384/PG_11_1/1; readlink data/pgdata/pg_tblspc/16384; "+
			"find data other/ts ! -user nobody -mindepth 1; ls data/pgdata data/polardata/polar_dma; cat state/demo/*.restore")
		want := "11\nrows\nrows\n" + dir + "/other/ts\ndata/pgdata:\nPG_VERSION\npg_tblspc\npolarbook.id\n\ndata/polardata/polar_dma:\n" + dir +
			"/b/a\n"
		if err != nil || got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	})
}

// restoreScripts are the scripts of an Apply.
func restoreScripts(r *restoreAction, dir string) []string {
	a := r.args
	v := a.beginning(stepRestore, NodeState{})
	v["FROM"], v["TIMEOUT"] = a.From, a.Timeout
	return slices.Concat([]string{a.script("polardb_restore", v, "16384", filepath.Join(dir, "other/ts"))},
		[]string{a.markScript(NodeState{Origin: stepRestore, MarkerID: "a1"}) + "sign\nmark " + stepData + "\n"})
}

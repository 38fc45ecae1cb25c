package polardb

import (
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
)

// planArgs are a node's arguments as plans are tested with; probeText is what its probe printed.
var planArgs = NodeArgs{Pgdata: "/d/pgdata", Polardata: "/d/polardata", Home: "/opt/polardb", User: "polardb", Port: 5432, Cluster: "demo"}

func probeText(lines ...string) tasks.Found {
	return tasks.Found{Result: remote.Result{Stdout: []byte(strings.Join(append(lines, "end=yes"), "\n"))}}
}

const marked = "marker=yes\nmarker.cluster=demo\nmarker.pgdata=/d/pgdata\nmarker.polardata=/d/polardata\nmarker.origin="

var (
	bareNode    = "pgdata=absent\npolardata=empty"
	engineThere = "postgres=/opt/polardb/current/bin/postgres\nbasebackup=/opt/polardb/current/bin/polar_basebackup"
	wholeCopy   = marked + "basebackup\nmarker.step=data\nmarker.id=a1\nid=a1\npgdata=filled\npolardata=filled\n" +
		"version=11\ncontrol=yes\n" + engineThere
	wholeInit = marked + "initdb\nmarker.step=data\nmarker.id=a1\nid=a1\npgdata=filled\npolardata=filled\nversion=11\ncontrol=yes\n" +
		engineThere
	halfCopy  = marked + "basebackup\nmarker.step=basebackup\npgdata=filled\npolardata=filled\nversion=11\n" + engineThere
	somebodys = "pgdata=filled\npgdata.first=base global\npolardata=absent\nversion=11\n" + engineThere
)

// checkPlan compares a plan with what is wanted: "" for nothing to do, "refuse: …", "unknown: …" or a part of the message.
func checkPlan(t *testing.T, name, want string, p tasks.Plan, err error) {
	t.Helper()
	got := ""
	switch {
	case err != nil:
		got = "refuse: " + err.Error()
	case p.Unknown != "":
		got = "unknown: " + p.Unknown
	case p.Change:
		got = p.Msg
	}
	kind, text, ok := strings.Cut(want, ": ")
	if want == "" && got != "" ||
		want != "" && !(ok && strings.HasPrefix(got, kind+": ") && strings.Contains(got, text) || strings.Contains(got, want)) {
		t.Errorf("%s: got %q, want %q", name, got, want)
	}
}

func TestBackupProgress(t *testing.T) {
	for line, want := range map[string][2]int64{
		"31373/63155 kB (49%), 0/2 tablespaces (/d/pgdata/pg_subtrans        )": {31373 << 10, 63155 << 10},
		"    0/63155 kB (0%), 0/2 tablespaces":                                  {0, 63155 << 10},
		"63183/63183 kB (100%), 2/2 tablespaces":                                {63183 << 10, 63183 << 10},
	} {
		done, total, ok := backupProgress(strings.TrimSpace(line))
		if !ok || done != want[0] || total != want[1] {
			t.Errorf("%q: %d of %d, %t", line, done, total, ok)
		}
	}
	if _, _, ok := backupProgress("polar_basebackup: base backup completed"); ok {
		t.Error("a message is taken for progress")
	}
	if got := pgpass(`a:b\c`); got != `a\:b\\c` {
		t.Errorf("password file field %s", got)
	}
}

func TestArchiveName(t *testing.T) {
	for file, want := range map[string]string{
		"/x/polardb-11.9.tar.gz": "polardb-11.9",
		"p 11.tgz":               "p_11",
		"polardb.tar":            "polardb",
		"a/b.tar.xz":             "b",
	} {
		if got := archiveName(file); got != want {
			t.Errorf("%s: %s, want %s", file, got, want)
		}
	}
}

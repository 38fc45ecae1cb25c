package polardb

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestVerifyBackupPlan(t *testing.T) {
	k := wholeBackup("a", nil)
	d, _ := k.described()
	for name, c := range map[string]struct {
		found verifyFound
		want  string
	}{
		"whole":     {verifyFound{Postgres: "/p", Free: 1 << 30, from: "/b/a", backup: d}, "restore /b/a, taken 2026-11-28T12:00:00Z, for a moment"},
		"none":      {verifyFound{unfit: "there is none"}, "refuse: no whole backup of the cluster demo in /b"},
		"unfit":     {verifyFound{unfit: "it is unfinished", from: "/b/a"}, "refuse: /b/a cannot be restored: it is unfinished"},
		"no engine": {verifyFound{Free: 1 << 30, from: "/b/a", backup: d}, "refuse: engine is not installed"},
		"no room":   {verifyFound{Postgres: "/p", Free: 1000, from: "/b/a", backup: d}, "refuse: no room in /b: the backup needs 65 MB, and 0 MB are free"},
	} {
		v := &verifyAction{args: &verifyArgs{Dir: "/b", Scratch: "/b", Cluster: "demo"}}
		p, _, err := v.Plan(c.found)
		checkPlan(t, name, c.want, p, err)
	}
}

func TestNewestBackup(t *testing.T) {
	at := func(name string, hours int, cluster string) keptBackup {
		return wholeBackup(name, func(d *backupDescription) { d.Ended, d.Cluster = noon.Add(time.Duration(hours)*time.Hour), cluster })
	}
	cut := at("cut", 9, "demo")
	cut.Bytes--
	list := []keptBackup{at("b", 2, "demo"), at("a", 1, "demo"), at("other", 8, "other"), cut, {Name: "begun", State: "begun"}}
	if got := newestBackup(list, "demo"); got == nil || got.Name != "b" {
		t.Errorf("got %+v", got)
	}
	if got := newestBackup(list, "none"); got != nil {
		t.Errorf("got %+v", got)
	}
}

// TestVerifyBackupOnHost starts what stands for the engine on a backup that is whole, spoiled, or does not start, and wants
// nothing to be left of it.
func TestVerifyBackupOnHost(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIP: starts programs as another account, so it needs root")
	}
	for name, c := range map[string]struct{ spoil, want string }{
		"whole":          {"true", ""},
		"a changed file": {"echo 12 >b/a/pgdata/PG_VERSION", "not what was written: pgdata/PG_VERSION"},
		"does not start": {"touch b/dies", "the server ended while it started\nPANIC:  could not locate a valid checkpoint record"},
		"a bad database": {"touch b/bad", "the database app does not answer: psql: FATAL"},
		"left of before": {"install -d -o nobody b/.verify b/.verify/pgdata; echo 1 >b/.verify/pgdata/postmaster.pid", ""},
		"a link":         {"mkdir other; touch other/file; ln -s ../other b/.verify", "is a link"},
	} {
		t.Run(name, func(t *testing.T) {
			taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
				taskstest.Open(t, dir)
				for tool, text := range map[string]string{
					"postgres": `cd "$2" && [ ! -e ../../dies ] || { echo "PANIC:  could not locate a valid checkpoint record" >&2; exit 1; }
						echo $$ >postmaster.pid; exec sleep 60`,
					"pg_controldata": "echo 'max_connections setting:              177'",
					"psql": `for a do last=$a; done; case $last in
						*pg_database*) echo app; echo postgres ;;
						*pg_class*) if [ -e ` + dir + `/b/bad ]; then echo "psql: FATAL: broken" >&2; exit 2; fi; id -un >` + dir + `/b/asked; echo 42 ;;
						*) [ -f ` + dir + `/b/.verify/pgdata/postmaster.pid ] && grep -qx 'max_connections = 177' ` + dir + `/b/.verify/pgdata/postgresql.conf ;; esac`,
				} {
					taskstest.MustWrite(t, dir+"/home/current/bin/"+tool, "#!/bin/sh\n"+text+"\n")
					if err := os.Chmod(dir+"/home/current/bin/"+tool, 0o755); err != nil {
						t.Fatal(err)
					}
				}
				out, err := taskstest.Sh(t, `umask 022; chmod -R go+rX '`+dir+`/home'; cd '`+dir+`'; mkdir -p b/a/pgdata/pg_tblspc b/a/polardata/polar_dma b/a/tablespaces
					cd b/a; echo 11 >pgdata/PG_VERSION; find pgdata polardata tablespaces -type f | sort | xargs sha256sum >SHA256SUMS
					chown -R nobody .. ; cd ../..; `+c.spoil+`; chmod 755 b; ls -A b`)
				if err != nil {
					t.Fatal(out, err)
				}
				action := taskstest.NewAction(t, "polardb_verify_backup", map[string]any{"from": dir + "/b/a", "dir": dir + "/b", "home": dir + "/home",
					"user": "nobody", "cluster": "demo", "timeout": 20}, &taskstest.FakeLocal{Dir: dir})
				v := taskstest.Work[*verifyAction](t, action)
				k := wholeBackup("a", nil)
				d, _ := k.described()
				began := time.Now()
				r, err := v.Apply(t.Context(), h, tasks.Plan{}, verifyFound{Postgres: dir + "/home/current/bin/postgres", from: dir +
					"/b/a", backup: d})
				switch {
				case c.want == "" && (err != nil || !strings.Contains(r.Msg, "app (42 relations), postgres (42 relations)")):
					t.Errorf("%+v, %v", r, err)
				case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
					t.Errorf("%v, want %q", err, c.want)
				}
				left, err := taskstest.Sh(t, "cd '"+dir+"'; ls -A b | tr '\\n' ' '; ls other 2>/dev/null | tr '\\n' ' '; for d in /proc/[0-9]*; do readlink $d/cwd; done 2>/dev/null | grep -F '"+dir+"/b'")
				if c.want == "" && !strings.HasPrefix(left, "a asked ") || strings.Contains(left, "/") || c.want != "is a link" &&
					strings.Contains(left, ".verify") {
					t.Errorf("after %s left is %q, %v", time.Since(began), left, err)
				}
				if c.want == "is a link" && !strings.Contains(left, "file") {
					t.Errorf("the link was followed: %q", left)
				}
				if c.want == "" {
					if by, _ := os.ReadFile(dir + "/b/asked"); string(by) != "nobody\n" {
						t.Errorf("asked by %q", by)
					}
				}
			})
		})
	}
}

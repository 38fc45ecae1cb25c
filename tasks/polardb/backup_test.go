package polardb

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestBackupPlan(t *testing.T) {
	for name, c := range map[string]struct {
		found, want string
		data        int64 // of the databases, in MB
	}{
		"nothing there":             {found: "tool=polar_basebackup", want: "take a base backup of the leader into /backup/a"},
		"an empty directory":        {found: "kind=directory\ntool=polar_basebackup", want: "take a base backup"},
		"a finished one":            {found: "kind=directory\nholds=pgdata\nnote.cluster=demo\nnote.state=finished\ntool=polar_basebackup", want: ""},
		"one begun":                 {found: "kind=directory\nholds=pgdata\nnote.cluster=demo\nnote.state=begun\ntool=polar_basebackup", want: "empty /backup/a"},
		"one that describes itself": {found: "kind=directory\nholds=pgdata\nnote.cluster=demo\nnote.state=begun\nwhole=yes\ntool=polar_basebackup", want: ""},
		"another cluster's":         {found: "kind=directory\nholds=pgdata\nnote.cluster=other\nnote.state=begun\ntool=polar_basebackup", want: "refuse: not empty"},
		"somebody's files":          {found: "kind=directory\nholds=letters\ntool=polar_basebackup", want: "refuse: /backup/a is not empty: letters"},
		"a file":                    {found: "kind=file", want: "refuse: is a file"},
		"another's":                 {found: "kind=directory\nowner=mallory\ntool=polar_basebackup", want: "refuse: /backup/a belongs to mallory"},
		"below another's":           {found: "stranger=/backup belongs to mallory", want: "refuse: not a safe place for a backup: /backup belongs to mallory"},
		"no engine":                 {found: "", want: "unknown: not installed"},
		"room":                      {found: "free=2000000000\ntool=t", data: 1000, want: "take a base backup"},
		"no room":                   {found: "free=2000000000\ntool=t", data: 1900, want: "refuse: there is no room in /backup: the databases have 1900 MB, and 1907 MB are free"},
		"room that will be":         {found: "kind=directory\nholds=pgdata\nnote.cluster=demo\nnote.state=begun\nfree=0\ntool=t", data: 1000, want: "empty /backup/a"},
		"a disk that says nothing":  {found: "tool=t", want: "take a base backup"},
	} {
		a := &backupAction{args: &backupArgs{To: "/backup/a", Source: "leader", Home: "/opt/polardb", Cluster: "demo", Compress: "none"}}
		var found backupFound
		if err := script.Decode([]byte(c.found), &found); err != nil {
			t.Fatal(err)
		}
		found.data = c.data << 20
		p, _, err := a.Plan(found)
		checkPlan(t, name, c.want, p, err)
	}
}

// TestBackupWhereAnotherAccountOwns takes a copy with programs that stand for the engine's, in a directory of its account or
// of another one, which put there what it could.
func TestBackupWhereAnotherAccountOwns(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIP: changes owners, so it needs root")
	}
	for name, c := range map[string]struct {
		prepare string // in a directory that root alone can write to, with victim, a directory of root's
		to      string
		refused string
		packs   string
	}{
		"a new directory":      {"", "new/first", "", ""},
		"one in archives":      {"", "new/first", "", "gzip"},
		"one of the account's": {"install -d -o nobody mine mine/first", "mine/first", "", ""},
		"root's link to it":    {"install -d -o nobody mine; ln -s mine/first link; mkdir mine/first", "link", "", ""},
		"below another's":      {"install -d -o 61234 theirs", "theirs/first", "theirs belongs to the user with the number 61234", ""},
		"deep below another's": {"install -d -o 61234 theirs; mkdir theirs/deep", "theirs/deep/first", "theirs belongs to", ""},
		"another's":            {"install -d -o 61234 first", "first", "first belongs to", ""},
		"everybody's":          {"install -d -m 0777 all", "all/first", "can be written to by everybody", ""},
		"another's link": {"install -d -m 1777 all; ln -s ../victim all/first; chown -h 61234 all/first",
			"all/first", "is not followed", ""},
		"the account's link to root's": {"install -d -o nobody mine; ln -s ../victim mine/first; chown -h nobody mine/first",
			"mine/first", "is not followed", ""},
		"its parent's link to root's": {"install -d -o nobody mine; ln -s ../victim mine/dir; chown -h nobody mine/dir",
			"mine/dir/first", "is not followed", ""},
		"linked notes of what was begun": {`install -d -o nobody mine mine/first; cd mine/first; printf 'cluster=demo\nstate=begun\n' >backup.polarbook
			ln -s ../../victim/none backup.polarbook.new; ln -s ../../victim/none SHA256SUMS.new
			ln -s ../../victim pgdata; ln -s ../../victim polardata; chown -h nobody *`, "mine/first", "", ""},
		"a linked note": {`install -d -o nobody mine mine/first; printf 'cluster=demo\nstate=begun\n' >victim/begun
			ln -s ../../victim/begun mine/first/backup.polarbook`, "mine/first", "was changed by somebody else", ""},
	} {
		t.Run(name, func(t *testing.T) {
			taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
				taskstest.Open(t, dir)
				for _, tool := range []string{"polar_basebackup", "pg_controldata"} {
					taskstest.MustWrite(t, dir+"/home/current/bin/"+tool, engineThatCopies)
					if err := os.Chmod(dir+"/home/current/bin/"+tool, 0o755); err != nil {
						t.Fatal(err)
					}
				}
				taskstest.MustWrite(t, dir+"/victim/file", "before\n")
				if out, err := taskstest.Sh(t, "umask 022; chmod -R go+rX '"+dir+"/home'; cd '"+dir+"'; "+c.prepare); err != nil {
					t.Fatal(err, out)
				}
				before := taskstest.Listing(t, dir+"/victim")
				action := taskstest.NewAction(t, "polardb_backup", map[string]any{"to": dir + "/" + c.to, "home": dir + "/home",
					"user": "nobody", "cluster": "demo", "replication_password": "x",
					"login_password": "y", "nodes": []any{map[string]any{"name": "a", "address": "10.0.0.1"}}}, &taskstest.FakeLocal{Dir: dir})
				a := taskstest.Work[*backupAction](t, action)
				_, err := taskstest.PlanOn(t, h, action)
				leader := dma.View{Node: "a"}
				r, failed := h.Run(context.Background(), remote.Command{Script: a.script("polardb_backup", leader, nil,
					backupTools{"polar_basebackup", c.packs}),
					Stdin: []byte("secret")})
				if failed == nil && r.Status == 0 {
					r, failed = h.Run(context.Background(), remote.Command{Script: a.script("polardb_backup_finish", leader, nil,
						backupTools{"polar_basebackup", c.packs}),
						Stdin: []byte("described")})
				}
				if failed != nil {
					t.Fatal(failed)
				}
				switch said := string(r.Stderr); {
				case c.refused == "" && (err != nil || r.Status != 0):
					t.Fatalf("%v, %d: %s", err, r.Status, said)
				case c.refused != "" &&
					(r.Status == 0 || !strings.Contains(said, c.refused) && (err == nil || !strings.Contains(err.Error(), c.refused))):
					t.Errorf("the plan says %v, the script ended with %d and %q; want %q", err, r.Status, said, c.refused)
				}
				if after := taskstest.Listing(t, dir+"/victim"); after != before {
					t.Errorf("root's directory was:\n%sand is:\n%s", before, after)
				}
				if c.refused != "" {
					return
				}
				out, err := taskstest.Sh(t, "cd '"+dir+"/"+c.to+"' && grep -x described backup.json && grep -x state=finished backup.polarbook && sha256sum -c SHA256SUMS && "+
					"{ if [ -f pgdata.tar.gz ]; then mkdir x && tar -xzf pgdata.tar.gz -C x && cat x/by && rm -r x; else cat pgdata/by; fi; } && find . ! -user nobody && stat -c %a .")
				want := "described\nstate=finished\npgdata/by: OK\npolardata/global/pg_control: OK\nnobody\n700\n"
				if c.packs != "" {
					want = "described\nstate=finished\nCONTENTS: OK\ncontrol/global/pg_control: OK\npgdata.tar.gz: OK\npolardata.tar.gz: OK\nnobody\n700\n"
				}
				if err != nil || out != want {
					t.Errorf("got %q, %v; want %q", out, err, want)
				}
				plan, err := taskstest.PlanOn(t, h, action)
				if err != nil || plan.Change {
					t.Errorf("another run: %+v, %v", plan, err)
				}
			})
		})
	}
}

// engineThatCopies is what polar_basebackup and pg_controldata do, as far as a backup sees it.
const engineThatCopies = `#!/bin/sh
for a do case $a in --polardata=*) polardata=${a#*=} ;; */pgdata) pgdata=$a ;; esac; done
[ -n "$pgdata" ] || exit 0
id -un >"$pgdata/by" && mkdir "$polardata/global" && echo control >"$polardata/global/pg_control"
`

package polardb

import (
	"os"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestUnfitSpaces(t *testing.T) {
	nodes := []WantedNode{{Name: "node1", Pgdata: "/data/pg", Polardata: "/data/polar"},
		{Name: "node2", Pgdata: "/d2/pg", Polardata: "/d2/polar"}}
	for location, want := range map[string]string{
		"/srv/ts1":                      "",
		"/data/pg2":                     "",
		"":                              "is not a directory of its own",
		"/srv/a\nb":                     "control characters",
		"/" + strings.Repeat("x", 98):   "",
		"/" + strings.Repeat("x", 99):   "has a path of 100 bytes",
		"/data/pg/ts":                   "and /data/pg of node1 are inside one another",
		"/d2/polar/pg_tblspc/../../pol": "",
		"/d2/polar/ts":                  "and /d2/polar of node2 are inside one another",
		"/d2":                           "are inside one another",
	} {
		doubts := unfitSpaces([]tablespace{{oid: 1, name: "ts1", location: location, databases: []string{"app"}}}, nodes)
		if got := strings.Join(doubts, "; "); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%q: %q, want %q", location, got, want)
		}
	}
}

// What is in a tablespace goes when it is the node's by its links or by root's note, and nothing else does, whoever put what
// there. A place is prepared that is empty, or is made.
func TestPreparedSpaces(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	for name, c := range map[string]struct {
		prepare string // in a directory with ts, pgdata and state/demo
		refused string
		left    string // the names in ts afterwards
	}{
		"absent": {prepare: "rmdir p/ts"},
		"empty":  {prepare: ":"},
		"linked": {prepare: "ln -s $PWD/p/ts pgdata/pg_tblspc/1; mkdir p/ts/PG_11_1; touch p/ts/PG_11_1/f"},
		"noted":  {prepare: "mkdir p/ts/PG_11_1; echo $(stat -c %i p/ts) $PWD/p/ts >state/demo/n.spaces"},
		"noted of another disk": {prepare: "mkdir p/ts/PG_11_1; echo 1 $PWD/p/ts >state/demo/n.spaces",
			refused: "is not empty", left: "PG_11_1"},
		"a disk of its own": {prepare: "mkdir -m 700 p/ts/lost+found"},
		"nobody's":          {prepare: "mkdir p/ts/PG_11_1", refused: "is not empty", left: "PG_11_1"},
		"another release's": {prepare: "ln -s $PWD/p/ts pgdata/pg_tblspc/1; mkdir p/ts/PG_14_1", refused: "is not empty", left: "PG_14_1"},
		"a link in it": {prepare: "ln -s $PWD/p/ts pgdata/pg_tblspc/1; ln -s $PWD/victim p/ts/PG_11_1",
			refused: "is not empty", left: "PG_11_1"},
		"a link to root's":  {prepare: "ln -s $PWD/victim pgdata/pg_tblspc/1"},
		"something beside":  {prepare: "touch p/ts/other", refused: "is not empty", left: "other"},
		"another account's": {prepare: "chown daemon p/ts", refused: "belongs to another account"},
		"another node's": {prepare: "mkdir -p other/pg_tblspc p/ts/PG_11_1; ln -s $PWD/p/ts other/pg_tblspc/1; " +
			"ln -s $PWD/p/ts pgdata/pg_tblspc/1; echo pgdata=$PWD/other >state/demo/m.node",
			refused: "is the tablespace of the node in", left: "PG_11_1"},
		"a link of the account": {prepare: "rmdir p/ts; mkdir theirs; chown nobody theirs; ln -s $PWD/victim theirs/ts; " +
			"ln -s ../theirs/ts p/ts", refused: "is not followed", left: "PG_11_2"},
		"a directory for anyone": {prepare: "chmod 777 p", refused: "can be written to by everybody"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, err := os.MkdirTemp("/var/lib", "polarbook-test-")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.RemoveAll(dir) })
			if out, err := taskstest.Sh(t,
				"cd "+dir+"; chmod 755 .; mkdir -p p/ts pgdata/pg_tblspc state/demo victim/PG_11_2; chmod 700 victim; "+
					"chown -R nobody p/ts pgdata; "+c.prepare+"; chown -Rh nobody p/ts/PG* 2>/dev/null; :"); err != nil {
				t.Fatal(err, out)
			}
			text := "PGDATA=" + dir + "/pgdata MARKER=" + dir + "/state/demo/n.node OWNER=nobody\n" +
				scripts.Text("preamble", "inside", "roots", "strangers", "polardb_keep_for_root", "polardb_spaces") +
				"set -e\n" + scripts.Source("polardb_space_prepare").Text + "prepare_space " + dir + "/p/ts\n"
			out, err := taskstest.Sh(t, text)
			if c.refused == "" && err != nil || c.refused != "" && (err == nil || !strings.Contains(out, c.refused)) {
				t.Errorf("%v: %s; want %q", err, out, c.refused)
			}
			if left, _ := taskstest.Sh(t, "ls "+dir+"/p/ts"); strings.TrimSpace(left) != c.left {
				t.Errorf("left is %q, want %q", left, c.left)
			}
			if there, err := taskstest.Sh(t, "ls -d "+dir+"/victim/PG_11_2"); err != nil {
				t.Error(there)
			}
			if c.refused == "" {
				state, _ := taskstest.Sh(t, "cd "+dir+"; stat -c '%U %a' p/ts; sed 's/^[0-9]* //' state/demo/n.spaces")
				if state != "nobody 700\n"+dir+"/p/ts\n" {
					t.Errorf("%q", state)
				}
			}
		})
	}
}

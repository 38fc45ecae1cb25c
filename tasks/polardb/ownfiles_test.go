package polardb

import (
	"context"
	"os"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

// A node that is made anew from another's data has its own certificate again, though that was cut off twice.
func TestOwnFilesComeBack(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIP: changes owners, so it needs root")
	}
	a := testNode(t)
	own := OwnFilesArgs{OwnFiles: []string{"server.pem", "tls/server.key", "link.crt", "never.crt"}}
	mark := func(step string) {
		taskstest.MustWrite(t, a.marker(), "cluster=demo\npgdata="+a.Pgdata+"\npolardata="+a.Polardata+"\nstep="+step+"\norigin=basebackup\npgdata_inode="+
			inode(t, a.Pgdata)+"\npolardata_inode="+inode(t, a.Polardata)+"\n")
	}
	fill := func(whose string) {
		for _, name := range []string{"server.pem", "tls/server.key", "PG_VERSION"} {
			taskstest.MustWrite(t, a.Pgdata+"/"+name, whose)
		}
		taskstest.MustWrite(t, a.Polardata+"/global/pg_control", "x")
	}
	retire := func() {
		t.Helper()
		out, err := taskstest.Sh(t, a.Probe())
		if err != nil {
			t.Fatal(err, out)
		}
		s, err := ParseNode(probeText(out))
		if err != nil {
			t.Fatal(err)
		}
		r := &retireAction{args: &retireArgs{NodeArgs: *a, OwnFilesArgs: own, Wipe: true, Again: true}}
		p, err := r.Plan(retireFound{NodeState: s})
		if err != nil || !p.Change {
			t.Fatal(p, err)
		}
		if out, err := taskstest.Sh(t, p.Script); err != nil {
			t.Fatal(err, out)
		}
		if left, _ := os.ReadDir(a.Pgdata); len(left) > 0 {
			t.Errorf("%v is left", left)
		}
	}
	fill("mine")
	_ = os.Symlink("/etc/tls/node.crt", a.Pgdata+"/link.crt")
	mark(stepMeta)
	retire()
	fill("the leader's") // a copy that was cut off
	mark(stepCopy)
	retire()
	fill("the leader's")
	taskstest.MustWrite(t, a.Pgdata+"/never.crt", "the leader's")
	for range 2 {
		h := &taskstest.LocalHost{Words: taskstest.ShellsFor(t)[0]}
		warnings, err := own.copied(context.Background(), h, a, stepCopy, "node1")
		if want := "never.crt in " + a.Pgdata + " is that of node1: put the node's own there and restart it"; err != nil || len(warnings) != 1 ||
			warnings[0] != want {
			t.Fatal(err, warnings)
		}
		for _, name := range []string{"server.pem", "tls/server.key"} {
			if got := taskstest.Read(t, a.Pgdata+"/"+name); got != "mine" {
				t.Errorf("%s is %s", name, got)
			}
			if info, err := os.Stat(a.Pgdata + "/" + name); err != nil || info.Mode() != 0o600 {
				t.Errorf("%s: %v, %v", name, info.Mode(), err)
			}
		}
		if to, err := os.Readlink(a.Pgdata + "/link.crt"); err != nil || to != "/etc/tls/node.crt" {
			t.Errorf("the link leads to %q: %v", to, err)
		}
	}
	// A destruction for good keeps nothing, one before a restore does.
	destroy := func(own OwnFilesArgs) {
		t.Helper()
		out, err := taskstest.Sh(t, a.Probe())
		if err != nil {
			t.Fatal(err, out)
		}
		mark(stepMeta)
		d := &destroyArgs{NodeArgs: *a, OwnFilesArgs: own, Unit: "polardb-none"}
		if out, err := taskstest.Sh(t, d.removal(NodeState{Step: stepMeta})); err != nil {
			t.Fatal(err, out)
		}
	}
	destroy(own)
	if got := taskstest.Read(t, a.base()+".own/server.pem"); got != "mine" {
		t.Errorf("kept is %s", got)
	}
	fill("mine")
	destroy(OwnFilesArgs{})
	if _, err := os.Stat(a.base() + ".own"); err == nil {
		t.Error("something is kept")
	}
	for _, bad := range []string{"/etc/shadow", "../x", "a%b"} {
		if err := (&OwnFilesArgs{OwnFiles: []string{bad}}).check("polardb_retire"); err == nil {
			t.Errorf("%s is not refused", bad)
		}
	}
}

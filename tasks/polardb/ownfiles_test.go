package polardb

import (
	"os"
	"strings"
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
	v := a.marking(NodeState{Origin: stepCopy, MarkerID: newID()})
	for range 2 {
		out, err := taskstest.Sh(t, a.script("polardb_copied", v, own.OwnFiles...))
		if err != nil || !strings.Contains(out, "foreign never.crt") || strings.Count(out, "foreign") != 1 {
			t.Fatal(err, out)
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
	for _, bad := range []string{"/etc/shadow", "../x", "a%b"} {
		if err := (&OwnFilesArgs{OwnFiles: []string{bad}}).check("polardb_retire"); err == nil {
			t.Errorf("%s is not refused", bad)
		}
	}
}

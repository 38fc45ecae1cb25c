package polardb

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

// testNode returns a node whose directories are in a temporary directory and belong to whoever runs the test.
func testNode(t *testing.T) *NodeArgs {
	t.Helper()
	dir := t.TempDir()
	return &NodeArgs{
		Pgdata:    dir + "/data/pgdata",
		Polardata: dir + "/data/polardata",
		Home:      dir + "/home/polardb",
		User:      "root",
		Port:      5432,
		Cluster:   "demo",
		state:     dir + "/state",
	}
}

func examine(t *testing.T, a *NodeArgs) NodeState {
	t.Helper()
	out, err := exec.Command("sh", "-c", a.Probe()).Output()
	if err != nil {
		t.Fatal(err)
	}
	s, err := ParseNode(tasks.Found{Result: remote.Result{Stdout: out}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func inode(t *testing.T, name string) string {
	t.Helper()
	out, err := taskstest.Sh(t, "stat -c %i '"+name+"'")
	if err != nil {
		t.Fatal(err, out)
	}
	return strings.TrimSpace(out)
}

func TestOnlyOurUnfinishedDirectoriesAreEmptied(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIP: changes owners, so it needs root")
	}
	a := testNode(t)
	fresh := examine(t, a)
	if !fresh.bare() || fresh.Refuse(a) != nil {
		t.Fatalf("nothing there, and it is not bare: %+v", fresh)
	}
	if out, err := taskstest.Sh(t, a.begin(stepCopy, fresh)); err != nil {
		t.Fatal(err, out)
	}
	begun := examine(t, a)
	if !begun.Unfinished(a) || begun.Pgdata != "empty" || begun.Origin != stepCopy {
		t.Fatalf("after begin: %+v", begun)
	}
	taskstest.MustWrite(t, a.Pgdata+"/PG_VERSION", "11\n")
	taskstest.MustWrite(t, a.Pgdata+"/.hidden", "x")
	taskstest.MustWrite(t, a.Polardata+"/base/1", "x")
	beside := filepath.Join(filepath.Dir(a.Pgdata), "sentinel")
	taskstest.MustWrite(t, beside, "somebody else's")
	half := examine(t, a)
	if !half.Unfinished(a) || half.Refuse(a) != nil {
		t.Fatalf("a half-done copy of ours: %+v, %v", half, half.Refuse(a))
	}
	if out, err := taskstest.Sh(t, a.begin(stepInit, half)); err != nil {
		t.Fatal(err, out)
	}
	again := examine(t, a)
	if again.Pgdata != "empty" || again.Polardata != "empty" || again.Step != stepInit || again.Origin != stepInit {
		t.Errorf("the half-done copy was not emptied: %+v", again)
	}
	if _, err := os.Stat(beside); err != nil {
		t.Errorf("a file beside the directories is gone: %v", err)
	}
}

func TestBeginRefusesADirectoryThatFilledUpMeanwhile(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIP: changes owners, so it needs root")
	}
	a := testNode(t)
	bare := examine(t, a)
	taskstest.MustWrite(t, a.Pgdata+"/precious", "x")
	out, err := taskstest.Sh(t, a.begin(stepInit, bare))
	if err == nil || !strings.Contains(out, "no longer empty") {
		t.Errorf("begun over a file: %v %s", err, out)
	}
	if _, err := os.Stat(a.Pgdata + "/precious"); err != nil {
		t.Errorf("the file is gone: %v", err)
	}
}

func TestForeignDirectoriesAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		make func(a *NodeArgs)
		want string
	}{
		"a data directory without a marker": {func(a *NodeArgs) { taskstest.MustWrite(t, a.Pgdata+"/PG_VERSION", "11\n") },
			"PG_VERSION 11) that polarbook did not begin"},
		"some file": {func(a *NodeArgs) { taskstest.MustWrite(t, a.Polardata+"/notes.txt", "x") }, "did not put there: notes.txt"},
		"another cluster's": {func(a *NodeArgs) {
			taskstest.MustWrite(t, a.Pgdata+"/PG_VERSION", "11\n")
			taskstest.MustWrite(t, strings.Replace(a.marker(), "/demo/", "/other/", 1),
				"cluster=other\npgdata="+a.Pgdata+"\npolardata="+a.Polardata+"\nstep=meta\n")
		}, `belongs to the cluster "other"`},
		"another cluster's, unfinished": {func(a *NodeArgs) {
			taskstest.MustWrite(t, a.Pgdata+"/PG_VERSION", "11\n")
			taskstest.MustWrite(t, strings.Replace(a.marker(), "/demo/", "/other/", 1),
				"cluster=other\npgdata="+a.Pgdata+"\npolardata="+a.Polardata+"\nstep=initdb\n")
		}, `belongs to the cluster "other"`},
		"a marker for another POLARDATA": {func(a *NodeArgs) {
			taskstest.MustWrite(t, a.Polardata+"/x", "x")
			taskstest.MustWrite(t, a.marker(), "cluster=demo\npgdata="+a.Pgdata+"\npolardata=/somewhere/else\nstep=initdb\n")
		}, "did not put there"},
		"set up, and the disk is gone": {func(a *NodeArgs) {
			taskstest.MustWrite(t, a.marker(), "cluster=demo\npgdata="+a.Pgdata+"\npolardata="+a.Polardata+"\nstep=meta\n")
		}, "gone or its disk is not mounted"},
	} {
		a := testNode(t)
		c.make(a)
		err := examine(t, a).Refuse(a)
		var f *tasks.Failure
		if !errors.As(err, &f) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

func TestProbeFindsProcessPortsAndMeta(t *testing.T) {
	a := testNode(t)
	taskstest.MustWrite(t, a.Pgdata+"/PG_VERSION", "11\n")
	taskstest.MustWrite(t, a.Polardata+"/global/pg_control", "x")
	taskstest.MustWrite(t, a.Polardata+"/polar_dma/consensus_meta", "x")
	taskstest.MustWrite(t, a.Home+"/current/bin/postgres", "#!/bin/sh\n")
	taskstest.MustWrite(t, a.Home+"/current/bin/polar_tools", "#!/bin/sh\necho 'dma_meta member info size:        3'\n"+
		"echo 'dma_meta member info:            10.0.0.1:15432#5N;10.0.0.2:15432#5N@2'\necho 'dma_meta learner info: "+
		"          10.0.0.9:15432$00'\n")
	for _, p := range []string{"postgres", "polar_tools"} {
		if err := os.Chmod(a.Home+"/current/bin/"+p, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	sleeper := exec.Command("sleep", "60")
	sleeper.Dir = a.Pgdata
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sleeper.Process.Kill(); _ = sleeper.Wait() }()
	taskstest.MustWrite(t, a.Pgdata+"/postmaster.pid", strings.TrimSpace(itoa(sleeper.Process.Pid))+"\n"+a.Pgdata+"\n")
	s := examine(t, a)
	if s.PID != sleeper.Process.Pid || !s.Meta || s.MetaMembers != "10.0.0.1:15432#5N;10.0.0.2:15432#5N@2" ||
		s.MetaLearners != "10.0.0.9:15432$00" ||
		!s.Control || s.Version != "11" || s.Postgres != a.Home+"/current/bin/postgres" {
		t.Errorf("found %+v", s)
	}
	// A pid file that a crash left names a process of somebody else's: it does not work in PGDATA.
	taskstest.MustWrite(t, a.Pgdata+"/postmaster.pid", itoa(os.Getpid())+"\n")
	if s := examine(t, a); s.PID != 0 {
		t.Errorf("process %d is taken for the server", s.PID)
	}
}

func itoa(n int) string { return text(n) }

func TestAnswerThatBrokeOffIsNoHostWithNothingOnIt(t *testing.T) {
	if s, err := ParseNode(tasks.Found{Result: remote.Result{Stdout: []byte("pgdata=absent\n"), Status: 1}}); err == nil {
		t.Errorf("half an answer was read: %+v", s)
	}
}

func TestNodePathsThatCouldHitMore(t *testing.T) {
	for _, c := range [][2]string{
		{"/", "/x/y"}, {"/data", "/x/y"}, {"data/pg", "/x/y"}, {"/x/y", "/x/y"}, {"/x/y", "/x/y/z"}, {"/x/y/z", "/x/y"},
		{"/x/../y", "/a/b"}, {"/x/y", "/a/b c"}, {"/x/y%i", "/a/b"}, {"/x/$y", "/a/b"},
	} {
		a := &NodeArgs{Pgdata: c[0], Polardata: c[1], Home: "/opt/polardb", Port: 5432, Cluster: "demo"}
		if err := a.Check(); err == nil {
			t.Errorf("pgdata %s with polardata %s was accepted", c[0], c[1])
		}
	}
	a := &NodeArgs{Pgdata: "/x/y/", Polardata: "/x/z//", Home: "/opt/polardb", Port: 5432, Cluster: "demo"}
	if err := a.Check(); err != nil || a.Pgdata != "/x/y" || a.Polardata != "/x/z" {
		t.Errorf("%v %+v", err, a)
	}
}

// TestRootReadsNoMetaOfAnother holds that what parses the meta, which the engine's account wrote, is not root.
func TestRootReadsNoMetaOfAnother(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIP: becomes another account, so it needs root")
	}
	a := testNode(t)
	a.User = "nobody"
	taskstest.Open(t, filepath.Dir(a.state))
	taskstest.MustWrite(t, a.Polardata+"/polar_dma/consensus_meta", "x")
	taskstest.MustWrite(t, a.Home+"/current/bin/polar_tools",
		"#!/bin/sh\necho \"dma_meta member info:            $(id -u):$(id -G):$LD_LIBRARY_PATH\"\n")
	if out, err := taskstest.Sh(t, "chmod -R a+rX "+filepath.Dir(a.state)+" && chmod 755 "+a.Home+"/current/bin/polar_tools"); err != nil {
		t.Fatal(err, out)
	}
	for _, words := range taskstest.ShellsFor(t) {
		h := &taskstest.LocalHost{Words: words}
		r, err := h.Run(t.Context(), remote.Command{Script: a.Probe()})
		if err != nil {
			t.Fatal(err)
		}
		s, err := ParseNode(tasks.Found{Result: r})
		if want := "65534:65534:" + a.Home + "/current/lib"; err != nil || s.MetaMembers != want {
			t.Errorf("%s: %q, want %q (%v, %s)", words[0], s.MetaMembers, want, err, r.Stderr)
		}
	}
}

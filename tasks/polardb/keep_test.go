package polardb

import (
	"os"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestKeptFilesComeBack(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIP: changes owners, so it needs root")
	}
	a := testNode(t)
	do := func(state string, change bool) {
		t.Helper()
		k := &keepAction{&keepArgs{NodeArgs: *a, State: state}}
		out, err := taskstest.Sh(t, k.Probe())
		if err != nil {
			t.Fatal(err, out)
		}
		p, err := k.Plan(probeText(out))
		if err != nil || p.Change != change {
			t.Fatalf("%s: %+v, %v", state, p, err)
		}
		if out, err := taskstest.Sh(t, p.Script); err != nil {
			t.Fatal(state, err, out)
		}
	}
	files := []string{"postgresql.conf", "polar_dma.conf", "pg_hba.conf"}
	fill := func(text string) {
		for _, f := range files {
			taskstest.MustWrite(t, a.Pgdata+"/"+f, text+f)
		}
	}
	holds := func(text string) {
		t.Helper()
		for _, f := range files {
			if b, err := os.ReadFile(a.Pgdata + "/" + f); err != nil || string(b) != text+f {
				t.Errorf("%s is %q, %v", f, b, err)
			}
		}
	}
	fill("old ")
	do("kept", true)
	fill("new ")
	do("kept", false)
	// What the owner of PGDATA puts there is not followed.
	target := a.Pgdata + "/../target"
	taskstest.MustWrite(t, target, "root's")
	if err := os.Remove(a.Pgdata + "/pg_hba.conf"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, a.Pgdata+"/pg_hba.conf"); err != nil {
		t.Fatal(err)
	}
	do("restored", true)
	holds("old ")
	if b, _ := os.ReadFile(target); string(b) != "root's" {
		t.Errorf("written through a link: %q", b)
	}
	do("forgotten", true)
	do("forgotten", false)
	if _, err := os.Stat(a.kept()); !os.IsNotExist(err) {
		t.Errorf("%s is left", a.kept())
	}
	// What a run of an earlier release kept beside PGDATA, before it was killed, is older.
	for _, f := range files {
		taskstest.MustWrite(t, a.Pgdata+".conf-before/"+f, "older "+f)
	}
	do("kept", true)
	do("restored", true)
	holds("older ")
	if _, err := os.Stat(a.Pgdata + ".conf-before"); !os.IsNotExist(err) {
		t.Error("what an earlier release kept is left")
	}
}

func TestFormerMarkersAreReadStrictly(t *testing.T) {
	a := &NodeArgs{Pgdata: "/d/pgdata", Polardata: "/d/polardata", User: "polardb", Cluster: "demo"}
	const honest = "cluster=demo\npgdata=/d/pgdata\npolardata=/d/polardata\nstep=meta\norigin=initdb\npid=\n"
	for name, c := range map[string]struct{ text, want string }{
		"honest":             {honest, ""},
		"a second origin":    {honest + "origin=initdb\n", "says origin twice"},
		"another line":       {honest + "* * * * * root sh\n", "does not write there in line 7"},
		"an unknown key":     {honest + "x=y\n", "does not write there"},
		"a newer key":        {honest + "pgdata_inode=1\n", "does not write there"},
		"an unknown step":    {strings.Replace(honest, "meta", "root", 1), "no step"},
		"an unknown origin":  {strings.Replace(honest, "initdb", "$(id)", 1), "no origin"},
		"control characters": {strings.Replace(honest, "demo", "demo\x1b[2J", 1), "control characters"},
		"no cluster":         {strings.Replace(honest, "cluster=demo\n", "", 1), "does not say cluster"},
		"a pid that is none": {honest[:len(honest)-1] + "1;id\n", "a number that is none"},
		"endless":            {strings.Replace(honest, "demo", strings.Repeat("d", 5000), 1), "longer"},
		"other directories":  {strings.Replace(honest, "/d/pgdata", "/e/pgdata", 1), "polarbook did not begin"},
		"another cluster's":  {strings.Replace(honest, "demo", "other", 1), `belongs to the cluster "other"`},
	} {
		probe := "marker=former\n"
		for line := range strings.Lines(c.text) {
			probe += "marker." + line
		}
		s, err := ParseNode(probeText(probe + "\npgdata=filled\npgdata.first=base\npolardata=filled\nversion=11\ncontrol=yes\nend=yes"))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if err := s.Refuse(a); err != nil {
			got = err.Error()
		}
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if c.want != "" && (s.Unfinished(a) || s.Whole(a)) {
			t.Errorf("%s: it is believed", name)
		}
	}
}

// A directory that is another than the one that was begun is not emptied: its disk is not mounted, or another is.
func TestAnotherDirectoryIsNotEmptied(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIP: changes owners, so it needs root")
	}
	a := testNode(t)
	if out, err := taskstest.Sh(t, a.begin(stepCopy, examine(t, a))); err != nil {
		t.Fatal(err, out)
	}
	if err := os.Rename(a.Pgdata, a.Pgdata+".disk"); err != nil {
		t.Fatal(err)
	}
	taskstest.MustWrite(t, a.Pgdata+"/precious", "x")
	s := examine(t, a)
	err := s.Refuse(a)
	if s.Unfinished(a) || err == nil || !strings.Contains(err.Error(), "is a disk not mounted") &&
		!strings.Contains(err.Error(), "not mounted") {
		t.Errorf("%+v: %v", s, err)
	}
}

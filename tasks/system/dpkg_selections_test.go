package system

import (
	"os"
	"os/exec"
	"testing"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

// pretendDebian has programs of Debian's work in a directory of the test's own; it skips the test where they are not there.
func pretendDebian(t *testing.T, dir string, programs map[string]string) {
	t.Helper()
	wrapped := map[string]string{}
	for name, how := range programs {
		real, err := exec.LookPath(name)
		if err != nil {
			t.Skip("SKIP: this machine has no " + name)
		}
		wrapped[name] = how + " exec " + real
	}
	for name := range wrapped {
		wrapped[name] += ` "$@"`
	}
	if err := os.Mkdir(dir+"/fake", 0o755); err != nil {
		t.Fatal(err)
	}
	taskstest.Pretend(t, dir+"/fake", wrapped)
}

func TestDpkgSelections(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		pretendDebian(t, dir, map[string]string{"dpkg": "DPKG_ADMINDIR=" + dir + "/admin"})
		for _, name := range []string{"/admin", "/admin/updates", "/admin/info"} {
			if err := os.Mkdir(dir+name, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		taskstest.MustWrite(t, dir+"/admin/status", "Package: probe\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n"+
			"Maintainer: nobody <nobody@localhost>\nDescription: none\n\n")
		args := func(selection string) map[string]any { return map[string]any{"name": "probe", "selection": selection} }
		l := &taskstest.FakeLocal{}
		for _, c := range [][2]string{{"hold", "install"}, {"install", "hold"}, {"purge", "install"}} {
			_, r := taskstest.MustChange(t, h, "dpkg_selections", args(c[0]), l)
			if r.Values["before"] != c[1] || r.Values["after"] != c[0] {
				t.Errorf("%v", r.Values)
			}
			taskstest.MustNotChange(t, h, "dpkg_selections", args(c[0]), l)
		}
		// dpkg knows of a package that is not installed when a repository has it: it is told, and shows nothing.
		taskstest.MustWrite(t, dir+"/admin/available", "Package: other\nArchitecture: all\nVersion: 1\nMaintainer: nobody <nobody@localhost>\nDescription: none\n\n")
		other := map[string]any{"name": "other", "selection": "hold"}
		if _, r := taskstest.MustChange(t, h, "dpkg_selections", other, l); r.Values["before"] != "not present" {
			t.Errorf("%v", r.Values)
		}
		taskstest.MustFail(t, h, "dpkg_selections", map[string]any{"name": "polarprobe-none", "selection": "hold"}, l,
			"Failed to find package 'polarprobe-none'")
	})
	for _, bad := range []map[string]any{{"name": "-x", "selection": "hold"}, {"name": "a b", "selection": "hold"},
		{"name": "a", "selection": "held"}, {"name": "a"}} {
		if _, err := dpkgSelectionsModule.New(bad, &taskstest.FakeLocal{}); err == nil {
			t.Errorf("%v is taken", bad)
		}
	}
	if _, err := (&dpkgSelections{}).Plan(tasks.Found{}); err == nil {
		t.Error("a host without dpkg is no failure")
	}
}

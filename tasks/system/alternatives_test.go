package system

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestAlternatives(t *testing.T) {
	if _, err := exec.LookPath("update-alternatives"); err != nil {
		t.Skip("SKIP: this machine has no update-alternatives")
	}
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		real, err := exec.LookPath("update-alternatives")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"/fake", "/alt", "/admin"} {
			if err := os.Mkdir(dir+name, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		taskstest.Pretend(t, dir+"/fake", map[string]string{
			"update-alternatives": "exec " + real + " --altdir " + dir + "/alt --admindir " + dir + `/admin --log /dev/null "$@"`,
		})
		for _, name := range []string{"/a", "/b", "/a.man", "/b.man"} {
			taskstest.MustWrite(t, dir+name, name)
		}
		l := &taskstest.FakeLocal{}
		args := func(file string, more ...any) map[string]any {
			all := map[string]any{"name": "polarprobe", "path": dir + file, "link": dir + "/link"}
			for i := 0; i < len(more); i += 2 {
				all[more[i].(string)] = more[i+1]
			}
			return all
		}
		must := func(leads string, args map[string]any) {
			t.Helper()
			taskstest.MustChange(t, h, "alternatives", args, l)
			taskstest.MustNotChange(t, h, "alternatives", args, l)
			if got, err := os.ReadFile(dir + "/link"); string(got) != leads {
				t.Errorf("it leads to %q: %v", got, err)
			}
		}
		taskstest.MustNotChange(t, h, "alternatives", args("/a", "state", "absent"), l)
		taskstest.MustFail(t, h, "alternatives", args("/c"), l, dir+"/c does not exist")
		taskstest.MustFail(t, h, "alternatives", map[string]any{"name": "polarprobe", "path": dir + "/a"}, l, "its link is not given")
		must("/a", args("/a", "priority", 10, "state", "present"))
		must("/b", args("/b", "priority", 90, "state", "present"))
		must("/a", args("/a"))
		must("/b", args("/a", "state", "auto"))
		subs := []any{map[string]any{"name": "polarprobe.man", "path": dir + "/a.man", "link": dir + "/man"}}
		must("/a", args("/a", "subcommands", subs, "priority", 95, "state", "auto"))
		if got := taskstest.Read(t, dir+"/man"); got != "/a.man" {
			t.Errorf("the manual is %q", got)
		}
		// The links that follow stay with another priority.
		must("/b", args("/a", "priority", 5, "state", "present"))
		must("/a", args("/b", "state", "absent"))
		if got := taskstest.Read(t, dir+"/man"); got != "/a.man" {
			t.Errorf("the manual is %q", got)
		}
	})
}

// RHEL's program says the same in other words.
func TestAlternativesOfRHEL(t *testing.T) {
	g := readGroup("java - status is manual.\n link currently points to /usr/lib/jvm/11/bin/java\n" +
		"/usr/lib/jvm/11/bin/java - family java-11.x86_64 priority 1100\n follower jre: /usr/lib/jvm/11\n slave x: (null)\n" +
		"/usr/lib/jvm/8/bin/java - priority 800\nCurrent `best' version is /usr/lib/jvm/11/bin/java.\n")
	java := g.paths["/usr/lib/jvm/11/bin/java"]
	if g.mode != "manual" || g.now != "/usr/lib/jvm/11/bin/java" || len(g.paths) != 2 || java.priority != 1100 || len(java.subs) != 1 ||
		java.subs["jre"] != "/usr/lib/jvm/11" {
		t.Errorf("%+v", g)
	}
}

func TestAlternativesRefusals(t *testing.T) {
	for _, bad := range []map[string]any{
		{"name": "-x", "path": "/a"}, {"name": "a b", "path": "/a"}, {"name": "../a", "path": "/a"}, {"name": "a", "path": "b"},
		{"name": "a", "path": "/a", "link": "-b"}, {"name": "a", "path": "/a\n/b"},
		{"name": "a", "path": "/a", "subcommands": []any{map[string]any{"name": "x", "path": "y", "link": "/z"}}},
	} {
		if _, err := taskstest.ModuleNamed(t, "alternatives").New(bad, &taskstest.FakeLocal{}); err == nil ||
			!strings.Contains(err.Error(), "alternatives: argument") {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

package builtin

import (
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestAssemble(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		for name, content := range map[string]string{"10 it's": "one", "2": "two\n", ".h": "hidden\n", "a.conf": "conf\n", "sub/x": "no\n"} {
			taskstest.MustWrite(t, dir+"/d/"+name, content)
		}
		for _, remote := range []bool{true, false} {
			l := &taskstest.FakeLocal{Dir: dir}
			src := "d"
			if remote {
				src = dir + "/d"
			}
			write := func(want string, more map[string]any) {
				t.Helper()
				more["src"], more["dest"], more["remote_src"] = src, dir+"/out", remote
				plan, _ := taskstest.MustChange(t, h, "assemble", more, l)
				if got := taskstest.Read(t, dir+"/out"); got != want {
					t.Errorf("%v: %q", more, got)
				}
				if plan.Values["checksum"] == nil || plan.Values["dest"] != dir+"/out" {
					t.Errorf("%v", plan.Values)
				}
				taskstest.MustNotChange(t, h, "assemble", more, l)
			}
			write("hidden\none\ntwo\nconf\n", map[string]any{})
			write("one\ntwo\nconf\n", map[string]any{"ignore_hidden": true})
			write("conf\n", map[string]any{"regexp": `\.conf$`})
			write("one\n--\n\ntwo\n--\n\nconf\n", map[string]any{"ignore_hidden": true, "delimiter": `--\n\n`, "mode": "0600"})
		}
		l := &taskstest.FakeLocal{}
		taskstest.MustFail(t, h, "assemble", map[string]any{"src": dir + "/no", "dest": dir + "/out"}, l, "does not exist")
		taskstest.MustFail(t, h, "assemble", map[string]any{"src": dir + "/out", "dest": dir + "/o"}, l, "is not a directory")
		taskstest.MustFail(t, h, "assemble", map[string]any{"src": dir + "/d", "dest": dir + "/no/out"}, l, "does not exist")
		taskstest.MustFail(t, h, "assemble", map[string]any{"src": dir + "/d", "dest": dir + "/out", "validate": "grep -q nothing %s"}, l,
			"refused by its validate")
	})
}

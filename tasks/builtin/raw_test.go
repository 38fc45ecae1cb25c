package builtin

import (
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestRawPlan(t *testing.T) {
	taskstest.TestPlan(t, "raw", []taskstest.Case{
		{Name: "a line", Args: map[string]any{"cmd": "uname -a"}, Does: "change: run a command"},
		{Name: "only asked", Args: map[string]any{"cmd": "uname -a"}, Check: true, Does: "unknown: what the command changes"},
	})
}

func TestRaw(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, _ string) {
		l := &taskstest.FakeLocal{}
		if _, r := taskstest.MustChange(t, h, "raw", map[string]any{"cmd": "echo a; echo"}, l); r.Values["stdout"] != "a\n\n" {
			t.Errorf("the output is not as it was: %v", r.Values)
		}
		_, r := taskstest.MustChange(t, h, "raw", map[string]any{"cmd": "echo \"$0 it's\"", "executable": "/bin/sh"}, l)
		if r.Values["stdout"] != "/bin/sh it's\n" {
			t.Errorf("another shell did not run it: %v", r.Values)
		}
		taskstest.MustFail(t, h, "raw", map[string]any{"cmd": "exit 3"}, l, "ended with status 3")
	})
}

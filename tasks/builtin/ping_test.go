package builtin

import (
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestPingPlan(t *testing.T) {
	taskstest.TestPlan(t, "ping", []taskstest.Case{
		{Name: "alive", Found: "alive yes\n", Does: "nothing"},
		{Name: "asked to crash", Args: map[string]any{"data": "crash"}, Found: "alive yes\n", Does: "fails: boom"},
		{Name: "a shell that says something else", Found: "welcome\n", Does: "fails: the host's shell did not repeat what it was told"},
	})
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, _ string) {
		if plan := taskstest.MustNotChange(t, h, "ping", nil, &taskstest.FakeLocal{}); plan.Values["ping"] != "pong" {
			t.Errorf("%v", plan.Values)
		}
		plan := taskstest.MustNotChange(t, h, "ping", map[string]any{"data": "hello"}, &taskstest.FakeLocal{})
		if plan.Values["ping"] != "hello" {
			t.Errorf("%v", plan.Values)
		}
	})
}

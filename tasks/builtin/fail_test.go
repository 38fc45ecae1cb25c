package builtin

import (
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestFailPlan(t *testing.T) {
	taskstest.TestPlan(t, "fail", []taskstest.Case{
		{Name: "with a reason", Args: map[string]any{"msg": "This playbook is for Linux."}, Does: "fails: This playbook is for Linux."},
		{Name: "also when only asked", Args: map[string]any{"msg": "no"}, Check: true, Does: "fails: no"},
		{Name: "with several", Args: map[string]any{"msg": []any{"a", 2}}, Does: "fails: a\n2"},
		{Name: "without one", Does: "fails: Failed as requested from task"},
	})
}

package builtin

import (
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestGatherFacts(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, _ string) {
		plan := taskstest.MustNotChange(t, h, "gather_facts", map[string]any{
			"gather_subset": []any{"!all"}, "filter": "hostname", "parallel": true,
		}, &taskstest.FakeLocal{})
		facts, _ := plan.Values["ansible_facts"].(map[string]any)
		if len(facts) != 1 || facts["ansible_hostname"] == "" {
			t.Errorf("%v", plan.Values)
		}
	})
	if _, err := gatherFactsModule.New(map[string]any{"gather_subset": "nothing"}, &taskstest.FakeLocal{}); err == nil {
		t.Error("a subset that is none is taken")
	}
}

package builtin

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestSetFactPlan(t *testing.T) {
	taskstest.TestPlan(t, "set_fact", []taskstest.Case{
		{Name: "a variable", Args: map[string]any{"ready": true}, Does: "nothing"},
		{Name: "none", Args: map[string]any{"cacheable": true},
			Does: `fails: set_fact: argument "key_value" is missing: give at least one variable`},
		{Name: "a name that none has", Args: map[string]any{"a-b": 1}, Does: `fails: set_fact: argument "a-b" cannot be the name of a variable`},
		{Name: "a digit first", Args: map[string]any{"1st": 1}, Does: `fails: set_fact: argument "1st" cannot be the name of a variable`},
	})
}

func TestSetFactValues(t *testing.T) {
	given := map[string]any{"no": "No", "yes": "TRUE", "text": "nope", "list": []any{"yes"}, "cacheable": true}
	plan, err := taskstest.NewAction(t, "set_fact", given, &taskstest.FakeLocal{}).Plan(tasks.Found{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"no": "No", "yes": "TRUE", "text": "nope", "list": []any{"yes"}}
	if len(plan.Warnings) != 2 || !strings.Contains(plan.Warnings[0], `no is the text "No"`) {
		t.Errorf("it warns of %q", plan.Warnings)
	}
	if diff := cmp.Diff(want, plan.Values["ansible_facts"]); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

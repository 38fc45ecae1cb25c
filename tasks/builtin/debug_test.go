package builtin

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestDebugPlan(t *testing.T) {
	taskstest.TestPlan(t, "debug", []taskstest.Case{
		{Name: "nothing to say", Does: "nothing: Hello world!"},
		{Name: "a message", Args: map[string]any{"msg": "it is done"}, Does: "nothing: it is done"},
		{Name: "both", Args: map[string]any{"msg": "x", "var": "y"}, Does: `fails: debug: argument "var" and msg exclude each other`},
	})
}

func TestDebugValues(t *testing.T) {
	l := &taskstest.FakeLocal{Vars: map[string]any{"port": 5432}}
	for _, c := range []struct{ args, want map[string]any }{
		{map[string]any{"msg": nil}, map[string]any{"msg": nil}},
		{map[string]any{"msg": []any{1, 2}}, map[string]any{"msg": []any{1, 2}}},
		{map[string]any{"var": "port"}, map[string]any{"port": 5432}},
		{map[string]any{"var": "port", "verbosity": 2}, map[string]any{"port": 5432, "verbosity": 2}},
		{map[string]any{"var": "nothing"}, map[string]any{"nothing": `VARIABLE IS NOT DEFINED!: "nothing" is undefined`}},
	} {
		plan, err := taskstest.NewAction(t, "debug", c.args, l).Plan(tasks.Found{})
		if diff := cmp.Diff(c.want, plan.Values); err != nil || diff != "" {
			t.Errorf("%v: %v, -want +got\n%s", c.args, err, diff)
		}
	}
}

// Found when the playbook is loaded, and in plain words.
func TestDebugVarThatIsNoText(t *testing.T) {
	for _, spec := range debugModule.Args {
		if spec.Name != "var" {
			continue
		}
		for _, value := range []any{[]any{1}, map[string]any{"a": 1}, true, 5} {
			err := spec.Check(value)
			if err == nil || !strings.Contains(err.Error(), "a variable's name or an expression") || !strings.Contains(err.Error(), "msg") {
				t.Errorf("%v: %v", value, err)
			}
		}
		for _, value := range []any{"a.b", nil} {
			if err := spec.Check(value); err != nil {
				t.Errorf("%v: %v", value, err)
			}
		}
	}
}

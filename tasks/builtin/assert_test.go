package builtin

import (
	"errors"
	"reflect"
	"testing"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestAssert(t *testing.T) {
	l := &taskstest.FakeLocal{Vars: map[string]any{"yes_it_is": true, "not_so": false}}
	plan, err := taskstest.NewAction(t, "assert", map[string]any{"that": []any{"yes_it_is", true}}, l).Plan(tasks.Found{})
	if err != nil || plan.Change || plan.Values["msg"] != "All assertions passed" {
		t.Errorf("%+v, %v", plan, err)
	}
	_, err = taskstest.NewAction(t, "assert", map[string]any{"that": []any{"yes_it_is", "not_so"}, "msg": "no!"}, l).Plan(tasks.Found{})
	var f *tasks.Failure
	if !errors.As(err, &f) || f.Msg != "no!" || f.Values["assertion"] != "not_so" {
		t.Errorf("%+v", err)
	}
	list := []any{"no!", "not at all"}
	_, err = taskstest.NewAction(t, "assert", map[string]any{"that": "not_so", "fail_msg": list}, l).Plan(tasks.Found{})
	if !errors.As(err, &f) || f.Msg != "no!\nnot at all" || !reflect.DeepEqual(f.Values["msg"], list) {
		t.Errorf("%+v", err)
	}
	plan, err = taskstest.NewAction(t, "assert", map[string]any{"that": "yes_it_is", "success_msg": list}, l).Plan(tasks.Found{})
	if err != nil || plan.Msg != "no!\nnot at all" || !reflect.DeepEqual(plan.Values["msg"], list) {
		t.Errorf("%+v, %v", plan, err)
	}
	if _, err = taskstest.ModuleNamed(t, "assert").New(map[string]any{"that": "not_so", "msg": map[string]any{}}, l); err == nil {
		t.Error("a dict is taken for a message")
	}
	if _, err = taskstest.NewAction(t, "assert", map[string]any{"that": []any{"unheard_of"}}, l).Plan(tasks.Found{}); err == nil {
		t.Error("an undefined variable passed")
	}
	if _, err := taskstest.NewAction(t, "assert", map[string]any{"that": "yes_it_is"}, l).Plan(tasks.Found{}); err != nil {
		t.Errorf("a single expression: %v", err)
	}
}

func TestFailAndDebug(t *testing.T) {
	_, err := taskstest.NewAction(t, "fail", map[string]any{"msg": "why"}, &taskstest.FakeLocal{}).Plan(tasks.Found{})
	if err == nil || err.Error() != "why" {
		t.Error(err)
	}
	l := &taskstest.FakeLocal{Vars: map[string]any{"x": []any{1}}}
	for _, c := range []struct{ args, want map[string]any }{
		{map[string]any{"msg": []any{"a"}}, map[string]any{"msg": []any{"a"}}},
		{map[string]any{"var": "x"}, map[string]any{"x": []any{1}}},
		{map[string]any{}, map[string]any{"msg": "Hello world!"}},
		{map[string]any{"msg": "m", "verbosity": "2"}, map[string]any{"msg": "m", "verbosity": 2}},
		{map[string]any{"var": "y"}, map[string]any{"y": `VARIABLE IS NOT DEFINED!: "y" is undefined`}},
	} {
		plan, err := taskstest.NewAction(t, "debug", c.args, l).Plan(tasks.Found{})
		if err != nil || !reflect.DeepEqual(plan.Values, c.want) {
			t.Errorf("%v: %v, %v", c.args, plan.Values, err)
		}
	}
}

func TestSetFact(t *testing.T) {
	plan, err := taskstest.NewAction(t, "set_fact", map[string]any{"a": 1, "cacheable": true}, &taskstest.FakeLocal{}).Plan(tasks.Found{})
	if want := map[string]any{"ansible_facts": map[string]any{"a": 1}}; err != nil || !reflect.DeepEqual(plan.Values, want) {
		t.Errorf("%v, %v", plan.Values, err)
	}
	plan, err = taskstest.NewAction(t, "set_fact", map[string]any{"a": "No", "b": "true", "c": "yes please"},
		&taskstest.FakeLocal{}).Plan(tasks.Found{})
	facts, _ := plan.Values["ansible_facts"].(map[string]any)
	if err != nil || facts["a"] != "No" || facts["b"] != "true" || facts["c"] != "yes please" {
		t.Errorf("%v, %v", plan.Values, err)
	}
	m := taskstest.ModuleNamed(t, "set_fact")
	for _, args := range []map[string]any{{}, {"cacheable": true}, {"1a": 1}, {"a-b": 1}} {
		if _, err := m.New(args, &taskstest.FakeLocal{}); err == nil {
			t.Errorf("%v: taken", args)
		}
	}
}

// As with Ansible nothing that is to hold holds.
func TestAssertOfNothing(t *testing.T) {
	plan, err := taskstest.NewAction(t, "assert", map[string]any{"that": []any{}}, &taskstest.FakeLocal{}).Plan(tasks.Found{})
	if err != nil || plan.Values["msg"] != "All assertions passed" {
		t.Errorf("%+v, %v", plan, err)
	}
}

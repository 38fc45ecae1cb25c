package tasks

import (
	"errors"
	"reflect"
	"testing"
)

func TestAssert(t *testing.T) {
	l := &fakeLocal{vars: map[string]any{"yes_it_is": true, "not_so": false}}
	plan, err := newAction(t, "assert", map[string]any{"that": []any{"yes_it_is", true}}, l).Plan(Found{})
	if err != nil || plan.Change || plan.Values["msg"] != "All assertions passed" {
		t.Errorf("%+v, %v", plan, err)
	}
	_, err = newAction(t, "assert", map[string]any{"that": []any{"yes_it_is", "not_so"}, "msg": "no!"}, l).Plan(Found{})
	var f *Failure
	if !errors.As(err, &f) || f.Msg != "no!" || f.Values["assertion"] != "not_so" {
		t.Errorf("%+v", err)
	}
	if _, err = newAction(t, "assert", map[string]any{"that": []any{"unheard_of"}}, l).Plan(Found{}); err == nil {
		t.Error("an undefined variable passed")
	}
	if _, err := newAction(t, "assert", map[string]any{"that": "yes_it_is"}, l).Plan(Found{}); err != nil {
		t.Errorf("a single expression: %v", err)
	}
}

func TestFailAndDebug(t *testing.T) {
	if _, err := newAction(t, "fail", map[string]any{"msg": "why"}, &fakeLocal{}).Plan(Found{}); err == nil || err.Error() != "why" {
		t.Error(err)
	}
	l := &fakeLocal{vars: map[string]any{"x": []any{1}}}
	for _, c := range []struct{ args, want map[string]any }{
		{map[string]any{"msg": []any{"a"}}, map[string]any{"msg": []any{"a"}}},
		{map[string]any{"var": "x"}, map[string]any{"x": []any{1}}},
		{map[string]any{}, map[string]any{"msg": "Hello world!"}},
		{map[string]any{"msg": "m", "verbosity": "2"}, map[string]any{"msg": "m", "verbosity": 2}},
		{map[string]any{"var": "y"}, map[string]any{"y": `VARIABLE IS NOT DEFINED!: "y" is undefined`}},
	} {
		plan, err := newAction(t, "debug", c.args, l).Plan(Found{})
		if err != nil || !reflect.DeepEqual(plan.Values, c.want) {
			t.Errorf("%v: %v, %v", c.args, plan.Values, err)
		}
	}
}

func TestSetFact(t *testing.T) {
	plan, err := newAction(t, "set_fact", map[string]any{"a": 1, "cacheable": true}, &fakeLocal{}).Plan(Found{})
	if want := map[string]any{"ansible_facts": map[string]any{"a": 1}}; err != nil || !reflect.DeepEqual(plan.Values, want) {
		t.Errorf("%v, %v", plan.Values, err)
	}
	plan, err = newAction(t, "set_fact", map[string]any{"a": "No", "b": "true", "c": "yes please"}, &fakeLocal{}).Plan(Found{})
	if facts, _ := plan.Values["ansible_facts"].(map[string]any); err != nil || facts["a"] != false || facts["b"] != true || facts["c"] != "yes please" {
		t.Errorf("%v, %v", plan.Values, err)
	}
	m := moduleNamed(t, "set_fact")
	for _, args := range []map[string]any{{}, {"cacheable": true}, {"1a": 1}, {"a-b": 1}} {
		if _, err := m.New(args, &fakeLocal{}); err == nil {
			t.Errorf("%v: taken", args)
		}
	}
}

func TestPingAndRaw(t *testing.T) {
	eachShell(t, func(t *testing.T, h *localHost, _ string) {
		if plan := mustNotChange(t, h, "ping", nil, &fakeLocal{}); plan.Values["ping"] != "pong" {
			t.Errorf("%v", plan.Values)
		}
		if _, r := mustChange(t, h, "raw", map[string]any{"cmd": "echo a; echo"}, &fakeLocal{}); r.Values["stdout"] != "a\n\n" {
			t.Errorf("%v", r.Values)
		}
	})
}

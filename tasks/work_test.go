package tasks

import (
	"context"
	"errors"
	"testing"

	"github.com/polarbook/polarbook/tasks/remote"
)

type asksAndApplies struct{}

func (a *asksAndApplies) Probe() string { return "probe" }

func (a *asksAndApplies) Ask(_ context.Context, _ Host, probed Found) (int, error) {
	return len(probed.Stdout), nil
}

func (a *asksAndApplies) Plan(found int) (Plan, string, error) {
	if found == 0 {
		return Plan{}, "", errors.New("nothing there")
	}
	return Plan{Change: true, Msg: "planned", Values: map[string]any{"found": found, "by": "plan"}}, "handed on", nil
}

func (a *asksAndApplies) Apply(_ context.Context, _ Host, p Plan, change string) (Result, error) {
	return Result{Changed: true, Values: map[string]any{"change": change, "msg": p.Msg, "by": "apply"}}, nil
}

// asksAlone has a script for its change, and knows why that fails.
type asksAlone struct{}

func (asksAlone) Ask(context.Context, Host, Found) (string, error) {
	return "", errors.New("nobody answers")
}
func (asksAlone) Plan(string) (Plan, error)   { return Plan{Change: true, Script: "true"}, nil }
func (asksAlone) Explain(remote.Result) error { return errors.New("explained") }

// asksApplier makes its change itself from its plan alone.
type asksApplier struct{}

func (asksApplier) Ask(context.Context, Host, Found) (string, error) { return "", nil }
func (asksApplier) Plan(string) (Plan, error)                        { return Plan{Change: true, Msg: "m"}, nil }
func (asksApplier) Apply(_ context.Context, _ Host, p Plan) (Result, error) {
	return Result{Msg: "applied " + p.Msg}, nil
}

type knows struct{}

func (knows) Plan() (Plan, error) { return Plan{Msg: "known"}, nil }

func TestWorkKeepsItsTypes(t *testing.T) {
	a := AskApply(&asksAndApplies{})
	if a.Probe() != "probe" {
		t.Error("the probe is lost")
	}
	if _, err := a.Plan(Found{}); err == nil {
		t.Error("a plan is made of nothing")
	}
	found, err := Find(t.Context(), nil, a, Found{Result: remote.Result{Stdout: []byte("four")}})
	if err != nil || string(found.Stdout) != "four" {
		t.Fatalf("%+v, %v", found, err)
	}
	plan, err := a.Plan(found)
	if err != nil || plan.Values["found"] != 4 {
		t.Fatalf("%+v, %v", plan, err)
	}
	r, err := a.(Applier).Apply(t.Context(), nil, plan)
	if err != nil || r.Values["change"] != "handed on" || r.Values["msg"] != "planned" {
		t.Errorf("%+v, %v", r, err)
	}
	if r = plan.Complete(r); r.Msg != "planned" || r.Values["found"] != 4 || r.Values["by"] != "apply" {
		t.Errorf("the plan's message and values are not in the result, or before its own: %+v", r)
	}
	if _, err := a.(Applier).Apply(t.Context(), nil, Plan{Change: true}); err == nil {
		t.Error("a change is made that nobody planned")
	}
	if empty, _ := Find(t.Context(), nil, a, Found{}); true {
		if _, err := a.Plan(empty); err == nil || err.Error() != "nothing there" {
			t.Errorf("the refusal of Plan is lost: %v", err)
		}
	}
}

func TestWorkIsAsMuchAsItSays(t *testing.T) {
	a := Ask(asksAlone{})
	if _, ok := a.(Applier); ok || a.Probe() != "" {
		t.Error("work without Apply or Probe has one")
	}
	if _, err := Find(t.Context(), nil, a, Found{}); err == nil || err.Error() != "nobody answers" {
		t.Errorf("%v", err)
	}
	if err := a.(Explainer).Explain(remote.Result{}); err == nil || err.Error() != "explained" {
		t.Errorf("%v", err)
	}
	applier, ok := Ask(asksApplier{}).(Applier)
	if !ok {
		t.Fatal("the work's own Apply is lost")
	}
	if r, err := applier.Apply(t.Context(), nil, Plan{Msg: "m"}); err != nil || r.Msg != "applied m" {
		t.Errorf("%+v, %v", r, err)
	}
	known := Know(knows{})
	found, err := Find(t.Context(), nil, known, Found{})
	if err != nil {
		t.Fatal(err)
	}
	if plan, err := known.Plan(found); err != nil || plan.Msg != "known" {
		t.Errorf("%+v, %v", plan, err)
	}
}

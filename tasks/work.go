package tasks

import (
	"context"
	"errors"

	"github.com/polarbook/polarbook/tasks/remote"
)

// The forms of work that the package's comment lists. Each may have a probe besides: a method Probe as an Action's, whose
// answer Ask gets; without one that is empty. Plan gets F alone, so nothing that was not found can reach it. Ask writes
// nothing into the work: it returns what it found.

// Asks is work whose facts a script cannot see.
type Asks[F any] interface {
	// Ask only reads.
	Ask(ctx context.Context, h Host, probed Found) (F, error)
	// Plan is pure: it touches neither host nor control node.
	Plan(found F) (Plan, error)
}

// AsksApplies is an Asks whose change needs more than the plan.
type AsksApplies[F, C any] interface {
	Ask(ctx context.Context, h Host, probed Found) (F, error)
	// Plan is pure. Its C matters only where the plan is a change.
	Plan(found F) (Plan, C, error)
	// Apply makes the change and proves that it took effect. It gets what Plan returned; see Applier.
	Apply(ctx context.Context, h Host, p Plan, change C) (Result, error)
}

// ProbesApplies is work that needs a probe's answer alone, and whose change needs more than the plan.
type ProbesApplies[C any] interface {
	Probe() string
	Plan(found Found) (Plan, C, error)
	Apply(ctx context.Context, h Host, p Plan, change C) (Result, error)
}

// Knows is work that needs to know nothing but its arguments.
type Knows interface {
	Plan() (Plan, error)
}

// Know makes an Action of work that neither probes nor asks.
func Know(w Knows) Action {
	return whole(work{of: w, plan: func(Found) (Plan, error) { return w.Plan() }})
}

// Ask makes an Action of work that asks.
func Ask[F any](w Asks[F]) Action {
	return whole(work{of: w, ask: func(ctx context.Context, h Host, probed Found) (func() (Plan, error), error) {
		found, err := w.Ask(ctx, h, probed)
		return func() (Plan, error) { return w.Plan(found) }, err
	}})
}

// AskApply makes an Action of work that asks, and hands on what its change needs.
func AskApply[F, C any](w AsksApplies[F, C]) Action {
	return &applying{work{of: w, ask: func(ctx context.Context, h Host, probed Found) (func() (Plan, error), error) {
		found, err := w.Ask(ctx, h, probed)
		return func() (Plan, error) { return carrying(w.Apply)(w.Plan(found)) }, err
	}}, carryOut}
}

// ProbeApply makes an Action of work that probes, and hands on what its change needs.
func ProbeApply[C any](w ProbesApplies[C]) Action {
	return &applying{work{of: w, plan: func(found Found) (Plan, error) { return carrying(w.Apply)(w.Plan(found)) }}, carryOut}
}

// Find completes a probe's answer by what an Action asks itself; it comes between Probe and Plan. It only reads.
func Find(ctx context.Context, h Host, a Action, probed Found) (Found, error) {
	asks, ok := a.(interface {
		find(ctx context.Context, h Host, probed Found) (Found, error)
	})
	if !ok {
		return probed, nil
	}
	return asks.find(ctx, h, probed)
}

// work is an Action made of work, with the work's types closed in. One of ask and plan is there: work that asks plans with
// what that found.
type work struct {
	of   any
	ask  func(ctx context.Context, h Host, probed Found) (plan func() (Plan, error), err error)
	plan func(probed Found) (Plan, error)
}

// whole adds Apply where the work has one.
func whole(w work) Action {
	if applier, ok := w.of.(Applier); ok {
		return &applying{w, applier.Apply}
	}
	return &w
}

func (w *work) Probe() string {
	if p, ok := w.of.(interface{ Probe() string }); ok {
		return p.Probe()
	}
	return ""
}

func (w *work) find(ctx context.Context, h Host, probed Found) (Found, error) {
	if w.ask == nil {
		return probed, nil
	}
	var err error
	probed.plan, err = w.ask(ctx, h, probed)
	return probed, err
}

func (w *work) Plan(found Found) (Plan, error) {
	if w.ask == nil {
		return w.plan(found)
	}
	if found.plan == nil {
		return Plan{}, errors.New("nothing was asked: Find comes before Plan")
	}
	return found.plan()
}

// Work returns the work itself, which tests ask for.
func (w *work) Work() any { return w.of }

// Explain implements Explainer for work that does.
func (w *work) Explain(made remote.Result) error {
	if e, ok := w.of.(Explainer); ok {
		return e.Explain(made)
	}
	return nil
}

// applying is work with an Apply.
type applying struct {
	work
	apply func(ctx context.Context, h Host, p Plan) (Result, error)
}

// Apply implements Applier.
func (a *applying) Apply(ctx context.Context, h Host, p Plan) (Result, error) {
	return a.apply(ctx, h, p)
}

// carrying puts what Apply needs into a plan, where its type does not show.
func carrying[C any](apply func(context.Context, Host, Plan, C) (Result, error)) func(Plan, C, error) (Plan, error) {
	return func(p Plan, change C, err error) (Plan, error) {
		p.apply = func(ctx context.Context, h Host, p Plan) (Result, error) { return apply(ctx, h, p, change) }
		return p, err
	}
}

// carryOut makes the change that a plan carries.
func carryOut(ctx context.Context, h Host, p Plan) (Result, error) {
	if p.apply == nil {
		return Result{}, errors.New("nothing was planned: Plan comes before Apply")
	}
	return p.apply(ctx, h, p)
}

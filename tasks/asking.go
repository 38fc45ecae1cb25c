package tasks

import (
	"context"
	"errors"

	"github.com/polarbook/polarbook/tasks/remote"
)

// The forms of work that the package's comment lists. Plan gets F alone, so nothing that was not found can reach it. Ask
// writes nothing into the work: it returns what it found.

// Asks is work whose facts a script cannot see.
type Asks[F any] interface {
	// Ask only reads.
	Ask(ctx context.Context, h Host) (F, error)
	// Plan is pure: it touches neither host nor control node.
	Plan(found F) (Plan, error)
}

// AsksApplies is an Asks whose change needs more than the plan.
type AsksApplies[F, C any] interface {
	Ask(ctx context.Context, h Host) (F, error)
	// Plan is pure. Its C matters only where the plan is a change.
	Plan(found F) (Plan, C, error)
	// Apply makes the change and proves that it took effect. It gets what Plan returned; see Applier.
	Apply(ctx context.Context, h Host, p Plan, change C) (Result, error)
}

// ProbesAsks is work that needs a probe's answer and more: Ask gets the answer.
type ProbesAsks[F any] interface {
	Probe() string
	Ask(ctx context.Context, h Host, probed Found) (F, error)
	Plan(found F) (Plan, error)
}

// ProbesAsksApplies is a ProbesAsks whose change needs more than the plan.
type ProbesAsksApplies[F, C any] interface {
	Probe() string
	Ask(ctx context.Context, h Host, probed Found) (F, error)
	Plan(found F) (Plan, C, error)
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
func Know(w Knows) Action { return whole(asking{of: w, told: w.Plan}) }

// Ask makes an Action of work that asks.
func Ask[F any](w Asks[F]) Action {
	return whole(asking{of: w, ask: func(ctx context.Context, h Host, _ Found) (func() (Plan, error), error) {
		found, err := w.Ask(ctx, h)
		return func() (Plan, error) { return w.Plan(found) }, err
	}})
}

// AskApply makes an Action of work that asks, and hands on what its change needs.
func AskApply[F, C any](w AsksApplies[F, C]) Action {
	return &applying{asking{of: w, ask: func(ctx context.Context, h Host, _ Found) (func() (Plan, error), error) {
		found, err := w.Ask(ctx, h)
		return func() (Plan, error) { return carrying(w.Apply)(w.Plan(found)) }, err
	}}, carryOut}
}

// ProbeAsk makes an Action of work that probes and asks.
func ProbeAsk[F any](w ProbesAsks[F]) Action {
	return whole(asking{of: w, probe: w.Probe, ask: func(ctx context.Context, h Host, probed Found) (func() (Plan, error), error) {
		found, err := w.Ask(ctx, h, probed)
		return func() (Plan, error) { return w.Plan(found) }, err
	}})
}

// ProbeAskApply makes an Action of work that probes, asks, and hands on what its change needs.
func ProbeAskApply[F, C any](w ProbesAsksApplies[F, C]) Action {
	return &applying{asking{of: w, probe: w.Probe, ask: func(ctx context.Context, h Host, probed Found) (func() (Plan, error), error) {
		found, err := w.Ask(ctx, h, probed)
		return func() (Plan, error) { return carrying(w.Apply)(w.Plan(found)) }, err
	}}, carryOut}
}

// ProbeApply makes an Action of work that probes, and hands on what its change needs.
func ProbeApply[C any](w ProbesApplies[C]) Action { return &probing[C]{w} }

// Find completes a probe's answer by what an Action asks itself; it comes between Probe and Plan. It only reads.
func Find(ctx context.Context, h Host, a Action, probed Found) (Found, error) {
	if asks, ok := a.(finder); ok {
		return asks.find(ctx, h, probed)
	}
	return probed, nil
}

type finder interface {
	find(ctx context.Context, h Host, probed Found) (Found, error)
}

// asking is work that asks, or knows, with its type closed in.
type asking struct {
	of    any
	probe func() string // nil: none
	ask   func(ctx context.Context, h Host, probed Found) (plan func() (Plan, error), err error)
	told  func() (Plan, error) // instead of ask: nothing has to be found
}

// whole adds Apply where the work has one.
func whole(a asking) Action {
	if applier, ok := a.of.(Applier); ok {
		return &applying{a, applier.Apply}
	}
	return &a
}

func (a *asking) Probe() string {
	if a.probe == nil {
		return ""
	}
	return a.probe()
}

func (a *asking) find(ctx context.Context, h Host, probed Found) (Found, error) {
	if a.ask == nil {
		return probed, nil
	}
	var err error
	probed.plan, err = a.ask(ctx, h, probed)
	return probed, err
}

func (a *asking) Plan(found Found) (Plan, error) {
	if a.told != nil {
		return a.told()
	}
	if found.plan == nil {
		return Plan{}, errors.New("nothing was asked: Find comes before Plan")
	}
	return found.plan()
}

// Work returns the work itself, which tests ask for.
func (a *asking) Work() any { return a.of }

// Explain implements Explainer for work that does.
func (a *asking) Explain(made remote.Result) error {
	if e, ok := a.of.(Explainer); ok {
		return e.Explain(made)
	}
	return nil
}

// applying is work that asks and applies.
type applying struct {
	asking
	apply func(ctx context.Context, h Host, p Plan) (Result, error)
}

// Apply implements Applier.
func (a *applying) Apply(ctx context.Context, h Host, p Plan) (Result, error) {
	return a.apply(ctx, h, p)
}

// probing is work that probes and applies.
type probing[C any] struct{ of ProbesApplies[C] }

func (p *probing[C]) Probe() string { return p.of.Probe() }

// Work returns the work itself, which tests ask for.
func (p *probing[C]) Work() any { return p.of }

func (p *probing[C]) Plan(found Found) (Plan, error) { return carrying(p.of.Apply)(p.of.Plan(found)) }

// Apply implements Applier.
func (p *probing[C]) Apply(ctx context.Context, h Host, plan Plan) (Result, error) {
	return carryOut(ctx, h, plan)
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

package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/polarbook/polarbook/inventory"
	"github.com/polarbook/polarbook/playbooks/engine/event"
	"github.com/polarbook/polarbook/tasks"
)

// outcome holds how a task, or one item of its loop, ended on a host.
type outcome struct {
	status    event.Status
	values    map[string]any // what register sees: see result
	returns   []tasks.Return // of the module
	msg, hint string
	unknown   string
	diff      []tasks.Diff
	warnings  []string
	learned   []learned
	attempts  int
	elapsed   time.Duration
	delegated string
	noLog     bool
	notify    []string // what a change calls for, of each item of a loop
	label     string
	inLoop    bool
	stopped   bool // the user stopped the run before this had begun
	failed    bool // before ignore_errors
	certain   bool // ignore_errors does not hold
}

func (o *outcome) changed() bool { return o.values["changed"] == true }

// learned are variables that a result brings.
type learned struct {
	host *host // another than the task's, with delegate_facts
	into func(h *host)
}

// host runs the task on one host: once, or for every item of its loop.
func (s *taskRun) host(ctx context.Context, h *host) *outcome {
	began := time.Now()
	s.p.r.events.Emit(event.HostStarted{Time: began, TaskID: s.id, Host: h.name})
	var o *outcome
	v, err := s.p.vars(h, s.sc, &s.t.Origin)
	switch {
	case err != nil:
		o = s.failure(v, err)
	case s.t.Loop != nil:
		o = s.loop(ctx, v)
	default:
		o = s.item(ctx, v, nil)
	}
	o.elapsed = time.Since(began)
	return o
}

// item runs the task for one item (or its only one). late is an error to report unless the condition is false.
func (s *taskRun) item(ctx context.Context, v *variables, late error) *outcome {
	began := time.Now()
	o := s.conditional(ctx, v, late)
	if o.status == event.OK || o.status == event.Changed {
		names, err := s.p.handlers.names(s, v)
		if err != nil {
			o = s.failure(v, err)
		}
		o.notify = names
	}
	o.elapsed = time.Since(began)
	o.noLog = s.hidden(v)
	if o.status == event.Failed {
		o.failed = true
		ignore, err := v.boolean(s.sc.keyword(ignoreErrors), false)
		switch {
		case err != nil:
			o.msg += fmt.Sprintf(" (and ignore_errors: %v)", err)
		case ignore:
			o.status = event.Ignored
		case s.sc.rescuable:
			o.status = event.Rescued
		}
	}
	if o.status == event.Unreachable {
		if ignore, err := v.boolean(s.sc.keyword(ignoreUnreachable), false); err == nil && ignore {
			o.status = event.Ignored
		}
	}
	return o
}

// hidden reports whether nothing of what the task says may be shown. When in doubt, nothing may.
func (s *taskRun) hidden(v *variables) bool {
	hidden, err := v.boolean(s.sc.keyword(noLog), s.p.r.o.Defaults.NoLog)
	return hidden || err != nil
}

func (s *taskRun) conditional(ctx context.Context, v *variables, late error) *outcome {
	ok, which, err := v.conditions(s.sc.when())
	switch {
	case err != nil && late != nil:
		return s.failure(v, late)
	case err != nil:
		return s.failure(v, err)
	case !ok:
		return &outcome{status: event.Skipped, values: map[string]any{
			"changed": false, "skipped": true, "skip_reason": "Conditional result was False", "false_condition": which,
		}, msg: "Conditional result was False"}
	case late != nil:
		return s.failure(v, late)
	}
	attempts, delay, err := s.retries(v)
	if err != nil {
		return s.failure(v, err)
	}
	for n := 1; ; n++ {
		o := s.attempt(ctx, v)
		o.attempts = n
		if inventory.SecretName(s.t.Register) {
			isResult := func(string) bool { return true } // what all of them have is added to the values later
			for name, x := range o.values {
				s.p.r.noteInner(s.t.Register, name, true, isResult, x)
			}
		}
		if attempts > 1 && o.values != nil {
			o.values["attempts"] = n
		}
		if o.status == event.Skipped || o.status == event.Unreachable || o.stopped {
			return o
		}
		seen := v
		if s.t.Register != "" {
			seen = v.with(map[string]any{s.t.Register: untrusted(o.result())})
		}
		s.evaluateConditions(seen, o)
		if attempts <= 1 {
			return o
		}
		if s.t.Register != "" { // until sees what changed_when and failed_when made of it
			seen = v.with(map[string]any{s.t.Register: untrusted(o.result())})
		}
		done, err := s.holds(seen, o)
		if err != nil {
			return s.failure(v, err)
		}
		if done {
			return o
		}
		if n >= attempts {
			o.status = event.Failed
			o.values["failed"] = true
			o.values["attempts"] = attempts - 1 // Ansible's count of a task that was given up: the retries
			if o.msg == "" {
				o.msg = fmt.Sprintf("the condition of until did not hold in %d attempts", n)
			}
			return o
		}
		again := event.Retrying{Time: time.Now(), TaskID: s.id, Host: v.h.name, Attempt: n, Of: attempts, Msg: o.msg}
		if s.hidden(v) {
			again.Msg = ""
		}
		s.p.r.events.Emit(again)
		if !s.p.pause(ctx, delay) {
			v.h.wait(s.name)
			return &outcome{stopped: true}
		}
	}
}

// retries returns how often to try, at most, and the pause in between.
func (s *taskRun) retries(v *variables) (int, time.Duration, error) {
	if len(s.t.Until) == 0 && !s.t.Retries.Given() {
		return 1, 0, nil
	}
	n, err := v.number(s.t.Retries, 3)
	if err != nil {
		return 0, 0, fmt.Errorf("retries: %w", err)
	}
	delay, err := v.number(s.t.Delay, 5)
	if err != nil {
		return 0, 0, fmt.Errorf("delay: %w", err)
	}
	return max(1, int(n)+1), time.Duration(delay * float64(time.Second)), nil
}

// holds reports whether no further attempt is needed.
func (s *taskRun) holds(v *variables, o *outcome) (bool, error) {
	if len(s.t.Until) == 0 {
		return o.status != event.Failed, nil
	}
	ok, _, err := v.conditions(s.t.Until)
	return ok, err
}

// evaluateConditions applies changed_when and failed_when to an outcome. An error in one of them is a failure.
func (s *taskRun) evaluateConditions(v *variables, o *outcome) {
	if len(s.t.ChangedWhen) > 0 {
		ok, _, err := v.conditions(s.t.ChangedWhen)
		if err != nil {
			s.markFailed(o, fmt.Errorf("changed_when: %w", err))
			return
		}
		o.values["changed"] = ok
		if o.status == event.OK || o.status == event.Changed {
			o.status = statusOf(ok)
		}
	}
	if len(s.t.FailedWhen) == 0 {
		return
	}
	if s.t.Register != "" {
		v = v.with(map[string]any{s.t.Register: untrusted(o.result())})
	}
	ok, which, err := v.conditions(s.t.FailedWhen)
	if err != nil {
		s.markFailed(o, fmt.Errorf("failed_when: %w", err))
		return
	}
	o.values["failed"], o.values["failed_when_result"] = ok, ok
	switch {
	case ok && o.status != event.Failed:
		o.status = event.Failed
		if o.msg == "" {
			o.msg = "failed_when was true"
			if which != nil {
				o.msg += ": " + text(which)
			}
		}
	case !ok && o.status == event.Failed:
		o.status = statusOf(o.changed())
	}
}

// markFailed makes an outcome the failure of one of its conditions.
func (s *taskRun) markFailed(o *outcome, err error) {
	o.status, o.msg = event.Failed, err.Error()
	o.values["failed"], o.values["msg"] = true, o.msg
}

func statusOf(changed bool) event.Status {
	if changed {
		return event.Changed
	}
	return event.OK
}

// attempt runs the task once. Whatever goes wrong becomes an outcome.
func (s *taskRun) attempt(ctx context.Context, v *variables) *outcome {
	limit, err := v.number(s.sc.keyword(timeoutOf), float64(s.p.r.o.Defaults.Timeout))
	if err != nil {
		return s.failure(v, fmt.Errorf("timeout: %w", err))
	}
	work := ctx
	if limit > 0 {
		var cancel context.CancelFunc
		work, cancel = context.WithTimeout(ctx, time.Duration(limit*float64(time.Second)))
		defer cancel()
	}
	o := s.work(work, v)
	if ctx.Err() != nil && (o.status == event.Failed || o.status == event.Unreachable) {
		v.h.wait(s.name)
		return &outcome{stopped: true}
	}
	if work.Err() != nil && o.status == event.Failed {
		o.msg = fmt.Sprintf("stopped: it took longer than the %g seconds that timeout allows", limit)
		var period any = limit
		if whole := int(limit); float64(whole) == limit {
			period = whole
		}
		o.values["msg"], o.values["timedout"] = o.msg, map[string]any{"period": period}
	}
	return o
}

func (s *taskRun) work(ctx context.Context, v *variables) *outcome {
	if s.action != "" {
		return s.builtinAction(ctx, v)
	}
	if lacking := s.t.Unavailable; lacking != nil {
		return s.failure(v, &tasks.Failure{Msg: lacking.Pos.String() + ": " + lacking.Msg, Hint: lacking.Hint})
	}
	if s.t.ModuleFrom.Given() {
		named, err := s.named(v)
		if err != nil {
			return s.failure(v, err)
		}
		s = named
	}
	if s.t.Module == nil {
		return s.failure(v, s.unregistered())
	}
	target, err := s.target(v)
	if err != nil {
		return s.failure(v, err)
	}
	o := s.module(ctx, v, target)
	if target.h != v.h {
		o.delegated = target.h.name
	}
	return o
}

// pause waits, and reports false when the run is stopped meanwhile.
func (p *playRun) pause(ctx context.Context, d time.Duration) bool { return p.r.pause(ctx, d) }

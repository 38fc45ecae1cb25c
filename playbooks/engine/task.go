package engine

import (
	"context"
	"fmt"
	"path"
	"sync"
	"time"

	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/playbooks/engine/event"
	"github.com/polarbook/polarbook/templates/ordered"
)

// taskRun is one task on its hosts.
type taskRun struct {
	p       *playRun
	t       *playbooks.Task
	sc      *scope
	id      int
	name    string
	handler bool
	action  string // the built-in action, which the engine does itself; empty: the module
}

// taskKind tells tasks, handlers and the gathering of facts apart.
type taskKind int

const (
	ordinary taskKind = iota
	handlerTask
	factsTask // Gathering Facts, which every way into a play begins with
)

// task runs a task on all hosts, tells the world, and marks the hosts that fall.
func (p *playRun) task(ctx context.Context, t *playbooks.Task, outer *scope, hosts []*host, kind taskKind) {
	handler := kind == handlerTask
	sc := outer.task(t)
	s := &taskRun{p: p, t: t, sc: sc, handler: handler, action: builtinActionOf(t)}
	if !handler && !p.selected(sc) {
		return
	}
	s.name = s.label(hosts[0])
	if kind != factsTask && !p.r.start.passes(s.name) {
		return
	}
	if p.r.stopped(ctx) {
		for _, h := range hosts {
			h.wait(s.name)
		}
		return
	}
	if s.action == "meta" {
		s.meta(ctx, hosts)
		return
	}
	if p.r.o.Step != nil && p.strategy() != "free" {
		run, err := p.r.o.Step(ctx, s.name)
		if err != nil {
			p.fail(err)
		}
		if err != nil || !run {
			return
		}
	}
	v, err := p.vars(hosts[0], sc, &t.Origin)
	if err != nil {
		p.fail(err)
		return
	}
	once, err := v.boolean(sc.keyword(runOnce), false)
	if err != nil {
		p.fail(err)
		return
	}
	once = once || s.action == "add_host" || s.action == "pause"
	fatal, err := v.boolean(sc.keyword(anyErrorsFatal), p.r.o.Defaults.AnyErrorsFatal)
	if err != nil {
		p.fail(err)
		return
	}
	throttle, err := v.number(sc.keyword(throttleOf), 0)
	if err != nil {
		p.fail(err)
		return
	}
	on := hosts
	alone := once && !fatal && p.strategy() != "free"
	if once && p.strategy() != "free" {
		on = hosts[:1]
		fatal = true
	}
	s.id = int(p.r.nextID.Add(1))
	p.r.events.Emit(event.TaskStarted{
		Time: time.Now(), ID: s.id, Name: s.name, Module: s.moduleName(), Handler: handler, Pos: t.Pos, Hosts: texts(hostNames(on)),
	})
	outcomes := make([]*outcome, len(on))
	s.each(ctx, on, int(throttle), func(i int, h *host) {
		outcomes[i] = s.host(ctx, h)
		if !outcomes[i].stopped {
			p.r.events.Emit(s.done(h, outcomes[i]))
		}
	})
	for i, h := range on {
		s.applyOutcome(h, outcomes[i], hosts, len(on) < len(hosts))
	}
	p.applyFailuresOf(hosts, fatal, alone, sc)
}

// each calls f for every host at once, as far as forks and throttle allow.
func (s *taskRun) each(ctx context.Context, hosts []*host, throttle int, f func(i int, h *host)) {
	gate := s.p.throttle(s.t, throttle)
	var all sync.WaitGroup
	for i, h := range hosts {
		if gate != nil {
			gate <- struct{}{}
		}
		s.p.r.forks <- struct{}{}
		if s.p.r.stopped(ctx) {
			h.wait(s.name)
			s.release(gate)
			continue
		}
		all.Go(func() {
			defer s.release(gate)
			f(i, h)
		})
	}
	all.Wait()
}

func (s *taskRun) release(gate chan struct{}) {
	<-s.p.r.forks
	if gate != nil {
		<-gate
	}
}

// throttle is shared by all hosts of a task, also when each goes at its own pace.
func (p *playRun) throttle(t *playbooks.Task, n int) chan struct{} {
	if n <= 0 {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	gate, ok := p.throttles[t]
	if !ok {
		gate = make(chan struct{}, n)
		p.throttles[t] = gate
	}
	return gate
}

// applyOutcome draws the consequences of a task on one host: variables, recap, state, handlers. With shared the result is
// that of all hosts of the play (run_once).
func (s *taskRun) applyOutcome(h *host, o *outcome, hosts []*host, shared bool) {
	if o == nil || o.stopped {
		return
	}
	targets := []*host{h}
	if shared {
		targets = hosts
	}
	for _, target := range targets {
		s.remember(target, o)
	}
	h.count(o.status, o.changed())
	switch o.status {
	case event.Failed, event.Rescued:
		s.fall(h, s.ownName(h), s.moduleName(), o)
	case event.Unreachable:
		h.become(unreachable)
	case event.Changed:
		if err := s.p.handlers.notify(s, h, o.notify); err != nil {
			s.p.fail(err)
		}
	}
	if o.status != event.Failed && o.status != event.Unreachable {
		for _, target := range targets {
			s.p.handlers.passed(s, target)
		}
	}
}

// fall has the host fall at this task. Where a rescue is to come, that and an always on the way see at what.
func (s *taskRun) fall(h *host, name, action string, o *outcome) {
	h.become(failed)
	if !s.sc.rescuable {
		return
	}
	var args, to any = raw(s.t.Args), s.sc.keyword(delegateTo).Raw
	if v, err := s.p.vars(h, s.sc, &s.t.Origin); err == nil {
		for _, x := range []*any{&args, &to} {
			if rendered, err := v.render(*x); err == nil {
				*x = rendered
			}
		}
	}
	task := ordered.Of("name", name, "action", action, "args", args, "tags", anys(s.sc.tags()), "delegate_to", to)
	h.setVars(ordered.Of("ansible_failed_task", untrusted(task), "ansible_failed_result", untrusted(o.result())))
}

// remember keeps what the task found out.
func (s *taskRun) remember(h *host, o *outcome) {
	if s.t.Register != "" && o.status != event.Unreachable {
		h.setVars(ordered.Of(s.t.Register, untrusted(o.result())))
	}
	if s.t.Register != "" && o.status == event.Unreachable {
		result := ordered.Of("unreachable", true, "msg", o.msg, "changed", false)
		h.setVars(ordered.Of(s.t.Register, untrusted(result)))
	}
	for _, f := range o.learned {
		to := h
		if f.host != nil {
			to = f.host
		}
		f.into(to)
	}
}

func (s *taskRun) done(h *host, o *outcome) event.HostDone {
	d := event.HostDone{
		Time: time.Now(), TaskID: s.id, Host: h.name, Delegated: o.delegated, Status: o.status, Msg: o.msg, Hint: o.hint,
		Values: o.result(), Diff: o.diff, Warnings: o.warnings, Attempts: o.attempts, Elapsed: o.elapsed, NoLog: o.noLog,
		Unknown: o.unknown, Item: o.label, InLoop: o.inLoop,
	}
	if o.noLog {
		d.Values, d.Diff, d.Warnings, d.Hint, d.Unknown = nil, nil, nil, "", ""
		d.Msg = "the output is hidden: no_log is set for this task"
		if o.inLoop {
			d.Item = "(hidden: no_log)"
		}
	}
	return d
}

// label is the task's name as Ansible shows it.
func (s *taskRun) label(h *host) string {
	name := s.moduleName()
	if s.t.Called != "" {
		name = s.t.Called
	}
	if s.t.Name.Given() && text(s.t.Name.Raw) != "" {
		if v, err := s.p.vars(h, s.sc, &s.t.Origin); err == nil {
			name = v.label(s.t.Name, name)
		} else {
			name = text(s.t.Name.Raw)
		}
	}
	return roleLabel(s.sc, name)
}

// ownName is the name that the playbook gave the task; most have one.
func (s *taskRun) ownName(h *host) string {
	if v, err := s.p.vars(h, s.sc, &s.t.Origin); err == nil {
		return v.label(s.t.Name, "")
	}
	return text(s.t.Name.Raw)
}

func roleLabel(sc *scope, name string) string {
	if r := sc.ownRole(); r != nil {
		return r.label() + " : " + name
	}
	return name
}

func (s *taskRun) moduleName() string {
	if s.t.Module != nil {
		return s.t.Module.Name
	}
	if s.t.Called != "" {
		return s.t.Called
	}
	return s.action
}

// builtinActionOf names what the engine does itself instead of asking a module; "": nothing.
func builtinActionOf(t *playbooks.Task) string {
	if t.BuiltinAction != "" {
		return t.BuiltinAction
	}
	if t.Module != nil {
		switch t.Module.Name {
		case "meta", "include_vars", "add_host", "group_by", "pause", "set_stats", "wait_for_connection", "validate_argument_spec":
			return t.Module.Name
		}
	}
	return ""
}

func runOnce(c *playbooks.Common) playbooks.Value           { return c.RunOnce }
func anyErrorsFatal(c *playbooks.Common) playbooks.Value    { return c.AnyErrorsFatal }
func throttleOf(c *playbooks.Common) playbooks.Value        { return c.Throttle }
func ignoreErrors(c *playbooks.Common) playbooks.Value      { return c.IgnoreErrors }
func ignoreUnreachable(c *playbooks.Common) playbooks.Value { return c.IgnoreUnreachable }
func noLog(c *playbooks.Common) playbooks.Value             { return c.NoLog }
func checkMode(c *playbooks.Common) playbooks.Value         { return c.CheckMode }
func diffMode(c *playbooks.Common) playbooks.Value          { return c.Diff }
func timeoutOf(c *playbooks.Common) playbooks.Value         { return c.Timeout }
func delegateTo(c *playbooks.Common) playbooks.Value        { return c.DelegateTo }
func delegateFacts(c *playbooks.Common) playbooks.Value     { return c.DelegateFacts }
func connection(c *playbooks.Common) playbooks.Value        { return c.Connection }
func becomeOf(c *playbooks.Common) playbooks.Value          { return c.Become }
func becomeUser(c *playbooks.Common) playbooks.Value        { return c.BecomeUser }
func becomeMethod(c *playbooks.Common) playbooks.Value      { return c.BecomeMethod }
func becomeFlags(c *playbooks.Common) playbooks.Value       { return c.BecomeFlags }
func remoteUser(c *playbooks.Common) playbooks.Value        { return c.RemoteUser }
func portOf(c *playbooks.Common) playbooks.Value            { return c.Port }

// startAt is --start-at-task.
type startAt struct {
	mu      sync.Mutex
	pattern string
	found   bool
}

func newStartAt(pattern string) *startAt { return &startAt{pattern: pattern, found: pattern == ""} }

// passes reports whether a task of that name is to run: it or one before it was the one to start at.
func (a *startAt) passes(name string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.found {
		a.found = matches(a.pattern, name)
	}
	return a.found
}

func (a *startAt) reached() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.found
}

// skips reports whether the task to start at is not reached yet and not among these nodes.
func (a *startAt) skips(nodes []playbooks.Node, role string, p *playRun) bool {
	return !a.reached() && !a.among(nodes, role, p)
}

func (a *startAt) among(nodes []playbooks.Node, role string, p *playRun) bool {
	for _, node := range nodes {
		name, inner, in := "", role, [][]playbooks.Node(nil)
		switch n := node.(type) {
		case *playbooks.Task:
			name = n.Called
			if name == "" {
				name = (&taskRun{t: n, action: builtinActionOf(n)}).moduleName()
			}
			name = p.label(n.Name, name)
		case *playbooks.Include:
			name, in = p.label(n.Name, n.What), [][]playbooks.Node{n.Nodes}
		case *playbooks.Block:
			in = [][]playbooks.Node{n.Block, n.Rescue, n.Always}
			if n.Role != "" {
				inner = roleOf(n).label()
			}
		}
		if name != "" && role != "" {
			name = role + " : " + name
		}
		if name != "" && matches(a.pattern, name) {
			return true
		}
		for _, nodes := range in {
			if a.among(nodes, inner, p) {
				return true
			}
		}
	}
	return false
}

// matches compares a task's name, with or without its role, with a name or glob.
func matches(pattern, name string) bool {
	short := name
	for i := 0; i+3 <= len(name); i++ {
		if name[i:i+3] == " : " {
			short = name[i+3:]
			break
		}
	}
	for _, n := range []string{name, short} {
		if n == pattern {
			return true
		}
		if ok, err := path.Match(pattern, n); err == nil && ok {
			return true
		}
	}
	return false
}

// unregistered is a task whose module the registry has lost, which the loader would have refused.
func (s *taskRun) unregistered() error {
	return fmt.Errorf("%s:%d: the task %q has neither a module nor a built-in action", s.t.Pos.File, s.t.Pos.Line, s.name)
}

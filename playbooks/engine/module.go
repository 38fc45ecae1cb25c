package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"strings"

	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/playbooks/engine/event"
	"github.com/polarbook/polarbook/playbooks/engine/session"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/argument"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/templates"
	"github.com/polarbook/polarbook/templates/ordered"
)

// module runs the task's module once on a target: arguments, probe, plan, and unless only asked, the change.
func (s *taskRun) module(ctx context.Context, v *variables, on target) *outcome {
	args, err := s.arguments(v)
	if err != nil {
		return s.failure(v, err)
	}
	s.p.r.noteArgs(s.t.Module, args)
	check, err := v.boolean(s.sc.keyword(checkMode), s.p.r.o.Check)
	if err != nil {
		return s.failure(v, fmt.Errorf("check_mode: %w", err))
	}
	diff, err := v.boolean(s.sc.keyword(diffMode), s.p.r.o.Diff)
	if err != nil {
		return s.failure(v, fmt.Errorf("diff: %w", err))
	}
	d := &moduleRun{s: s, v: v, target: on, check: check, diff: diff}
	result, unknown, err := d.run(ctx, args)
	var refused *tasks.NotConfirmed
	if errors.As(err, &refused) {
		s.p.r.requestStop(Aborted, []string{v.h.name}, refused)
	}
	if err != nil {
		o := s.failure(v, err)
		if o.status == event.Failed {
			o.diff = result.Diff
			o.values["changed"] = result.Changed
		}
		return o
	}
	o := s.success(v, on, result)
	o.unknown = unknown
	return o
}

// named is the task with the module that a template names for a host.
func (s *taskRun) named(v *variables) (*taskRun, error) {
	from := s.t.ModuleFrom
	rendered, err := v.render(from.Raw)
	if err != nil {
		return nil, at(from.Pos, fmt.Errorf("action: %w", err))
	}
	name := text(rendered)
	m, ok := s.p.r.lookup(name)
	if !ok {
		return nil, &tasks.Failure{
			Msg:  fmt.Sprintf("%s:%d: action: there is no module %q that a template can name", from.Pos.File, from.Pos.Line, name),
			Hint: "polarbook doc lists the modules; what the engine does itself, and modules of your own, are written by their names",
		}
	}
	t := *s.t
	t.Module, t.ModuleFrom = m, playbooks.Value{}
	t.Args = maps.Clone(s.t.Args)
	if words, ok := t.Args[playbooks.FreeText]; ok {
		delete(t.Args, playbooks.FreeText)
		args, err := playbooks.SplitArguments(m, text(words.Raw))
		if err != nil {
			return nil, at(words.Pos, err)
		}
		for name, value := range args {
			t.Args[name] = playbooks.Value{Raw: value, Pos: words.Pos}
		}
	}
	named := *s
	named.t = &t
	return &named, nil
}

// arguments are the module's: its defaults, those of the task, rendered, without what was omitted.
func (s *taskRun) arguments(v *variables) (map[string]any, error) {
	m := s.t.Module
	given := map[string]playbooks.Value{}
	for name, x := range s.sc.moduleDefaults(func(name string) bool { return isModule(m, name) }) {
		given[canonical(m, name)] = x
	}
	if s.t.ArgsFrom.Given() {
		whole, err := v.render(s.t.ArgsFrom.Raw)
		if err != nil {
			return nil, at(s.t.ArgsFrom.Pos, fmt.Errorf("args: %w", err))
		}
		dict, ok := whole.(*ordered.Map)
		if !ok {
			return nil, at(s.t.ArgsFrom.Pos, fmt.Errorf("args has to be a dict, not %q", text(whole)))
		}
		for name, x := range dict.All() {
			given[canonical(m, name)] = playbooks.Value{Raw: untrusted(x), Pos: s.t.ArgsFrom.Pos}
		}
	}
	for name, x := range s.t.Args {
		given[canonical(m, name)] = x
	}
	args := make(map[string]any, len(given))
	for name, x := range given {
		if m.AnyArgs && strings.Contains(name, "{{") {
			own, err := v.render(name)
			if err != nil {
				return nil, at(x.Pos, fmt.Errorf("%s: %w", name, err))
			}
			name = text(own)
		}
		if arg, ok := m.Arg(name); ok && arg.Kind == argument.Raw {
			args[name] = trusted(x.Raw)
			continue
		}
		if arg, ok := m.Arg(name); ok && arg.Late {
			args[name] = argument.Message(func() (any, error) {
				out, _, err := v.argument(name, x)
				return out, err
			})
			continue
		}
		out, keep, err := v.argument(name, x)
		if err != nil {
			return nil, err
		}
		if keep {
			args[name] = out
			s.noteMade(v, name, x.Raw, out)
		}
	}
	return args, nil
}

// noteMade tells the templates of what an argument gave, where a variable gets it.
func (s *taskRun) noteMade(v *variables, name string, raw, out any) {
	var names []string
	if s.t.Register != "" {
		names = append(names, s.t.Register)
	}
	if s.t.Module != nil && (s.t.Module.Name == "set_fact" || s.t.Module.Name == "add_host") {
		names = append(names, name)
	}
	if len(names) > 0 {
		v.r.o.Templates.NoteMade(names, raw, out)
	}
}

// argument renders an argument. keep is false for one that is omitted.
func (v *variables) argument(name string, x playbooks.Value) (out any, keep bool, err error) {
	out, err = v.render(x.Raw)
	if err != nil {
		return nil, false, at(x.Pos, fmt.Errorf("%s: %w", name, err))
	}
	out, keep = withoutOmitted(out)
	return out, keep, nil
}

func trusted(x any) any {
	if u, ok := x.(templates.Unsafe); ok {
		return u.Value
	}
	return x
}

// canonical spells an argument by its own name, so that an alias replaces a default of the same argument.
func canonical(m *tasks.Module, name string) string {
	if arg, ok := m.Arg(name); ok {
		return arg.Name
	}
	return name
}

func isModule(m *tasks.Module, name string) bool {
	if name == m.Name {
		return true
	}
	collection, short, ok := cutLast(name, ".")
	if !ok || short != m.Name {
		return false
	}
	for _, c := range m.Collections {
		if c == collection {
			return true
		}
	}
	return false
}

func cutLast(s, sep string) (string, string, bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// withoutOmitted takes out what has the value omit, at any depth.
func withoutOmitted(x any) (any, bool) {
	if x == templates.Omit && isOmit(x) {
		return nil, false
	}
	switch x := x.(type) {
	case *ordered.Map:
		out := ordered.New(x.Len())
		for k, item := range x.All() {
			if item, keep := withoutOmitted(item); keep {
				out.SetAs(k, x.KeyOf(k), item)
			}
		}
		return out, true
	case []any:
		out := make([]any, 0, len(x))
		for _, item := range x {
			if item, keep := withoutOmitted(item); keep {
				out = append(out, item)
			}
		}
		return out, true
	}
	return x, true
}

// moduleRun takes one Action from its arguments to its result.
type moduleRun struct {
	s           *taskRun
	v           *variables
	target      target
	check, diff bool
	left        bool // in the background, with poll: 0; what it may notify is noted already
	// offline is what a change would want of the network that the site does not have; nil: nothing.
	offline *tasks.Failure
}

// wantsNetwork refuses a task that wants something of a network where there is none, and returns the refusal of its change.
func (d *moduleRun) wantsNetwork(args map[string]any, l tasks.Local) (*tasks.Failure, error) {
	m := d.s.t.Module
	if m.Network == nil {
		return nil, nil
	}
	offline, err := tasks.Offline(l)
	if err != nil || !offline {
		return nil, err
	}
	hint := func(what string) string {
		if strings.Contains(what, "repositories") || strings.Contains(what, "sources") {
			return "bring the packages along, and install them with polardb_os_packages; or leave the task out with when: not polarbook_offline"
		}
		return ""
	}
	if what := m.Network(args, l, false); what != "" {
		return nil, tasks.NoNetwork(m.Name, what, hint(what))
	}
	if what := m.Network(args, l, true); what != "" {
		return tasks.NoNetwork(m.Name, what, hint(what)), nil
	}
	return nil, nil
}

// run returns the result, and in check mode what cannot be known yet. A panic of the module is its failure.
func (d *moduleRun) run(ctx context.Context, args map[string]any) (r tasks.Result, unknown string, err error) {
	name := d.s.t.Module.Name
	defer d.recovered(&err)
	background, err := d.s.asyncOf(d.v)
	if err != nil {
		return r, "", err
	}
	if background.limit > 0 && d.s.t.Module.NoAsync {
		return r, "", &tasks.Failure{Msg: fmt.Sprintf("This action (%s) does not support async.", name), Hint: playbooks.WithoutAsync}
	}
	if r, ok := d.s.p.r.jobs.checked(d, args); ok {
		return r, "", nil
	}
	local := &controller{s: d.s, v: d.v, check: d.check, diff: d.diff}
	if d.offline, err = d.wantsNetwork(args, local); err != nil {
		return r, "", err
	}
	action, err := d.s.t.Module.New(args, local)
	if err != nil {
		return r, "", err
	}
	h, err := d.s.p.hostFor(d)
	if err != nil {
		return r, "", err
	}
	if background.limit > 0 {
		return d.async(ctx, h, action, background)
	}
	return d.do(ctx, h, action)
}

// recovered makes a panic of the module its failure. It is deferred.
func (d *moduleRun) recovered(err *error) {
	if caught := recover(); caught != nil {
		*err = &tasks.Failure{
			Msg:    fmt.Sprintf("the module %s panicked: %v", d.s.t.Module.Name, caught),
			Hint:   "this is a bug in polarbook, not in the playbook",
			Values: map[string]any{"exception": string(debug.Stack())},
		}
	}
}

// do takes an Action from its probe to its result.
func (d *moduleRun) do(ctx context.Context, h *session.Handle, action tasks.Action) (r tasks.Result, unknown string, err error) {
	probe := action.Probe()
	found, err := d.find(ctx, h, action, probe, nil)
	if err != nil {
		return r, "", err
	}
	plan, err := action.Plan(found)
	if d.offline != nil && (err != nil || plan.Change && !plan.Quiet || plan.Unknown != "") {
		return r, "", d.offline
	}
	if err != nil {
		return r, "", err
	}
	planned := tasks.Result{
		Changed: plan.Change && !plan.Quiet, Skipped: plan.Values["skipped"] == true, Msg: plan.Msg,
		Values: mergeValues(plan.Values, plan.Made), Diff: plan.Diff, Warnings: plan.Warnings,
	}
	switch {
	case d.check:
		if !d.diff {
			planned.Diff = nil
		}
		return planned, plan.Unknown, nil
	case !plan.Change && plan.Unknown != "":
		return r, "", &tasks.Failure{Msg: plan.Unknown, Values: plan.Values}
	case !plan.Change:
		return planned, "", nil
	}
	if !d.left {
		if err := d.s.p.handlers.recordPending(ctx, d.s, d.v, h); err != nil {
			return r, "", err
		}
	}
	if a, ok := action.(tasks.Applier); ok {
		r, err = a.Apply(ctx, h, plan)
		r = plan.Complete(r)
	} else {
		r, err = d.script(ctx, h, action, probe, plan)
	}
	if !d.diff {
		r.Diff = nil
	}
	return r, "", err
}

// find asks what an Action has to know: its probe, then its own questions. probed is an answer had already.
func (d *moduleRun) find(
	ctx context.Context, h *session.Handle, action tasks.Action, probe string, probed *tasks.Found,
) (tasks.Found, error) {
	var found tasks.Found
	if probed != nil {
		found = *probed
	} else if probe != "" {
		answer, err := h.Probe(ctx, probe)
		if err != nil {
			return found, err
		}
		found.Result = answer
	}
	return tasks.Find(ctx, h, action, found)
}

// script makes the change, and in the same round trip asks again whether it took effect.
func (d *moduleRun) script(
	ctx context.Context, h *session.Handle, action tasks.Action, probe string, plan tasks.Plan,
) (tasks.Result, error) {
	if plan.Script == "" && plan.Unknown != "" {
		// In a check this is no failure: a task before would have changed it. Here all that come before have been run.
		return tasks.Result{}, &tasks.Failure{Msg: plan.Unknown, Values: plan.Values}
	}
	if plan.Script == "" {
		return tasks.Result{}, fmt.Errorf("the module %s plans a change but no way to make it", d.s.t.Module.Name)
	}
	if plan.Event {
		probe = ""
	}
	made, proof, err := h.Change(ctx, remote.Command{Script: plan.Script, Stdin: plan.Stdin, Uncut: plan.Uncut}, probe)
	if err != nil {
		return tasks.Result{}, err
	}
	stdout, stderr := session.Trimmed(made.Stdout), session.Trimmed(made.Stderr)
	output := map[string]any{"rc": made.Status, "stdout": stdout, "stderr": stderr}
	if plan.Output {
		output["stdout"], output["stderr"] = string(made.Stdout), string(made.Stderr)
	}
	r := tasks.Result{Changed: !plan.Quiet, Msg: plan.Msg, Diff: plan.Diff, Values: plan.Values, Warnings: plan.Warnings}
	if made.Status != 0 {
		r.Changed = plan.Event // a command that fails has happened all the same
		failed := &tasks.Failure{Msg: session.ScriptFailed(made.Status, stderr, stdout), Values: mergeValues(output, plan.Values)}
		var said *tasks.Failure
		if e, ok := action.(tasks.Explainer); ok && errors.As(e.Explain(made), &said) && said.Msg != "" {
			failed.Msg, failed.Hint = said.Msg, said.Hint
		}
		return r, failed
	}
	if plan.Event {
		r.Values = mergeValues(output, plan.Values)
		return r, nil
	}
	found, err := d.find(ctx, h, action, probe, &tasks.Found{Result: proof})
	if err != nil {
		return r, fmt.Errorf("check that the change, which was made, took effect: %w", err)
	}
	judge := action.Plan
	if plan.Proof != nil {
		judge = plan.Proof
	}
	after, err := judge(found)
	if err != nil {
		return r, fmt.Errorf("compare what the change, which was made, has done: %w", err)
	}
	if after.Change || after.Unknown != "" {
		return r, &tasks.Failure{Msg: "the change reported success but did not take effect: " + stillWanted(after),
			Hint: "something on the host undoes it or stands in its way", Values: mergeValues(output, after.Values)}
	}
	r.Values = mergeValues(mergeValues(plan.Values, after.Values), plan.Made)
	if plan.Output {
		for name, text := range map[string][]byte{"stdout": made.Stdout, "stderr": made.Stderr} {
			if len(text) > 0 {
				r.Values[name] = string(text)
			}
		}
	}
	return r, nil
}

// stillWanted says in one line what a plan still asks for.
func stillWanted(p tasks.Plan) string {
	what := p.Msg
	if what == "" {
		what = p.Unknown
	}
	for _, d := range p.Diff {
		if d.Hidden || (d.Before == "" && d.After == "") {
			continue
		}
		header := d.AfterHeader
		if header == "" {
			header = d.BeforeHeader
		}
		what += fmt.Sprintf("; %s is %q and should be %q", header, shorten(d.Before), shorten(d.After))
	}
	if what = strings.TrimPrefix(what, "; "); what == "" {
		return "the same change is wanted again"
	}
	return what
}

func shorten(s string) string {
	const most = 120
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// mergeValues returns the values of both; where both have a key, that of above.
func mergeValues(below, above map[string]any) map[string]any {
	out := make(map[string]any, len(below)+len(above))
	for k, x := range below {
		out[k] = x
	}
	for k, x := range above {
		out[k] = x
	}
	return out
}

func isOmit(x any) bool {
	switch x.(type) {
	case nil, bool, int, float64, string, *ordered.Map, map[string]any, []any:
		return false
	}
	return true
}

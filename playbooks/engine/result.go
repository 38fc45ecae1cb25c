package engine

import (
	"errors"

	"github.com/polarbook/polarbook/playbooks/engine/event"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/templates/ordered"
	"github.com/polarbook/polarbook/templates/pytext"
)

// failure turns an error into an outcome.
func (s *taskRun) failure(v *variables, err error) *outcome {
	o := &outcome{status: event.Failed, returns: s.returns(), values: map[string]any{"changed": false, "failed": true}}
	var lost *remote.UnreachableError
	var unknown *remote.UnknownHostKeyError
	var changed *remote.ChangedHostKeyError
	if errors.As(err, &lost) && s.concerns(v, lost.Host) || errors.As(err, &unknown) && s.concerns(v, unknown.Host) ||
		errors.As(err, &changed) && s.concerns(v, changed.Host) {
		o.status = event.Unreachable
		o.values["unreachable"] = true
		delete(o.values, "failed") // as in Ansible a host that is not reached has not failed
	}
	o.msg = err.Error()
	var f *tasks.Failure
	if errors.As(err, &f) {
		for k, x := range f.Values {
			o.values[k] = x
		}
		o.hint = f.Hint
		plain := *f
		plain.Hint = ""
		o.msg = plain.Error()
	}
	var become *remote.BecomeError
	if errors.As(err, &become) && become.AboutPassword() {
		o.hint = "have the password asked for with --ask-become-pass (-K), or give it as ansible_become_password"
	}
	if _, has := o.values["msg"]; !has {
		o.values["msg"] = o.msg
	}
	addLines(o.values)
	return o
}

// concerns reports whether a host is the task's own, or the one it is delegated to. One that a module asked by the way
// may be unreachable without this host being so.
func (s *taskRun) concerns(v *variables, name string) bool {
	if v == nil || name == "" || name == v.h.name {
		return true
	}
	target, err := s.target(v)
	if err != nil {
		return false
	}
	if target.h.name == name {
		return true
	}
	_, inventory := s.p.r.o.Inventory.Host(name)
	return !inventory // a jump host on the way
}

// success turns a module's result into an outcome.
func (s *taskRun) success(v *variables, on target, r tasks.Result) *outcome {
	o := &outcome{status: statusOf(r.Changed), returns: s.returns(), msg: r.Msg, diff: r.Diff, warnings: r.Warnings}
	o.values = map[string]any{}
	for k, x := range r.Values {
		o.values[k] = x
	}
	o.values["changed"], o.values["failed"] = r.Changed, false
	if r.Msg != "" {
		if _, has := o.values["msg"]; !has {
			o.values["msg"] = r.Msg
		}
	}
	if r.Skipped {
		o.status = event.Skipped
		o.values["skipped"], o.values["changed"] = true, false
		if _, has := o.values["skip_reason"]; !has {
			o.values["skip_reason"] = r.Msg
		}
	}
	if len(r.Warnings) > 0 {
		o.values["warnings"] = anys(r.Warnings)
	}
	addLines(o.values)
	facts := s.factsOf(r.Values)
	if facts.Len() == 0 {
		return o
	}
	o.values["ansible_facts"] = facts
	learnedFacts := ordered.New(facts.Len())
	for name, x := range facts.All() {
		learnedFacts.Set(name, fromHost(x))
	}
	to := learned{into: func(h *host) { h.addFacts(learnedFacts) }}
	if s.t.Module != nil && s.t.Module.Name == "set_fact" {
		s.p.r.noteWords(facts)
		to.into = func(h *host) { h.setVars(learnedFacts) }
		if cacheable, err := v.boolean(s.t.Args["cacheable"], false); err == nil && cacheable {
			// A fact as well, which stays as such when another level's is cleared.
			to.into = func(h *host) { h.setVars(learnedFacts); h.addFacts(learnedFacts) }
		}
	}
	if on.h != v.h {
		if yes, err := v.boolean(s.sc.keyword(delegateFacts), false); err == nil && yes {
			to.host = on.h
		}
	}
	o.learned = append(o.learned, to)
	return o
}

// factsOf returns the variables that a result has under ansible_facts: in the order of the module, or where it has none in
// that of the task's arguments (set_fact), or by name.
func (s *taskRun) factsOf(values map[string]any) *ordered.Map {
	switch facts := values["ansible_facts"].(type) {
	case *ordered.Map:
		return facts
	case map[string]any:
		sorted := ordered.New(len(facts))
		for _, name := range written(s.t.Args) {
			if x, ok := facts[name]; ok {
				sorted.Set(name, x)
			}
		}
		sorted.Update(ordered.Sorted(facts))
		return sorted
	}
	return nil
}

// addLines gives stdout and stderr their _lines.
func addLines(values map[string]any) {
	for _, name := range []string{"stdout", "stderr"} {
		s, ok := values[name].(string)
		if _, has := values[name+"_lines"]; ok && !has {
			values[name+"_lines"] = pytext.Lines(s, false)
		}
	}
}

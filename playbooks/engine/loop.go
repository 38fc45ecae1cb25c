package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/playbooks/engine/event"
)

// loop runs the task for every item, one after the other, and puts the results together.
func (s *taskRun) loop(ctx context.Context, v *variables) *outcome {
	items, err := loopItems(v, s.t.Loop, s.t.Called)
	if err != nil {
		// As in Ansible, a loop that cannot be worked out matters only if the task is to run at all.
		return s.item(ctx, v, err)
	}
	if s.t.Register != "" && len(items) > maximumRegistered {
		return s.failure(v, at(s.t.Loop.Items.Pos, fmt.Errorf("the loop has %d items, and the results of at most %d can be registered; "+
			"leave register out, or loop over fewer", len(items), maximumRegistered)))
	}
	var outcomes []*outcome
	for i := range items {
		if i > 0 {
			if pause, err := v.number(s.t.Loop.Control.Pause, 0); err != nil {
				return s.failure(v, fmt.Errorf("loop_control: pause: %w", err))
			} else if pause > 0 && !s.p.pause(ctx, time.Duration(pause*float64(time.Second))) {
				v.h.wait(s.name)
				return &outcome{stopped: true}
			}
		}
		if s.p.r.stopped(ctx) {
			v.h.wait(s.name)
			return &outcome{stopped: true}
		}
		o := s.one(ctx, v, items, i)
		if o.stopped {
			return o
		}
		outcomes = append(outcomes, o)
		if o.status == event.Unreachable {
			break
		}
		if len(s.t.Loop.Control.BreakWhen) > 0 {
			seen := v.with(untrustedEach(loopVariables(s.t.Loop.Control, items, i))).with(s.seenByTheNext(o))
			ends, _, err := seen.conditions(s.t.Loop.Control.BreakWhen)
			if err != nil {
				return s.failure(v, fmt.Errorf("loop_control: break_when: %w", err))
			}
			if ends {
				break
			}
		}
		v = v.with(s.seenByTheNext(o))
		if i >= maximumItemsTold && s.t.Register == "" {
			// Nobody will ask for them, and there may be very many.
			o.values = bareValues[[2]bool{o.changed(), o.failed}]
			o.diff, o.msg = nil, ""
		}
	}
	all := together(outcomes)
	if len(outcomes) > maximumItemsTold {
		all.warnings = append(all.warnings, fmt.Sprintf("this loop has %d items: the first %d are reported one by one, "+
			"and of the rest those that failed", len(outcomes), maximumItemsTold))
	}
	return all
}

const (
	// maximumItemsTold bounds the items of a loop that have an event each; after them those that failed.
	maximumItemsTold = 10_000
	// maximumRegistered bounds the items' results that one variable may hold.
	maximumRegistered = 100_000
)

// bareValues are what is kept of an item that nobody asks for, by whether it changed something and whether it failed. All such
// items share them.
var bareValues = map[[2]bool]map[string]any{
	{false, false}: {"changed": false, "failed": false}, {false, true}: {"changed": false, "failed": true},
	{true, false}: {"changed": true, "failed": false}, {true, true}: {"changed": true, "failed": true},
}

// seenByTheNext returns what the items that follow see of one: its result, and the facts that it set, so that a list can be
// gathered item by item.
func (s *taskRun) seenByTheNext(o *outcome) map[string]any {
	seen := map[string]any{}
	if s.t.Module != nil && (s.t.Module.Name == "set_fact" || s.t.Module.Name == "include_vars") {
		for name, x := range s.factsOf(o.values).All() {
			seen[name] = untrusted(x)
		}
	}
	if s.t.Register != "" {
		seen[s.t.Register] = untrusted(o.result())
	}
	return seen
}

func (s *taskRun) one(ctx context.Context, v *variables, items []any, i int) *outcome {
	control := s.t.Loop.Control
	inner := v.with(untrustedEach(loopVariables(control, items, i)))
	o := s.item(ctx, inner, nil)
	if o.stopped {
		return o
	}
	s.tell(o, inner, control, items, i)
	if i < maximumItemsTold || o.failed || o.status == event.Unreachable {
		s.p.r.events.Emit(s.done(v.h, o))
	}
	return o
}

// tell adds to an item's outcome which item it is of.
func (s *taskRun) tell(o *outcome, inner *variables, control playbooks.LoopControl, items []any, i int) {
	item := items[i]
	o.inLoop = true
	o.values[loopVar(control)] = item
	o.values["ansible_loop_var"] = loopVar(control)
	if control.IndexVar != "" {
		o.values[control.IndexVar], o.values["ansible_index_var"] = i, control.IndexVar
	}
	if control.Extended {
		o.values["ansible_loop"] = extendedLoop(control, items, i)
	}
	o.label = text(item)
	if control.Label.Given() {
		o.label = inner.label(control.Label, o.label)
		o.values["_ansible_item_label"] = o.label
	}
}

// loopVariables returns the variables that an item adds.
func loopVariables(c playbooks.LoopControl, items []any, i int) map[string]any {
	vars := map[string]any{loopVar(c): items[i], "ansible_loop_var": loopVar(c)}
	if c.IndexVar != "" {
		vars[c.IndexVar], vars["ansible_index_var"] = i, c.IndexVar
	}
	if c.Extended {
		vars["ansible_loop"] = extendedLoop(c, items, i)
	}
	return vars
}

func loopVar(c playbooks.LoopControl) string {
	if c.LoopVar == "" {
		return "item"
	}
	return c.LoopVar
}

func extendedLoop(c playbooks.LoopControl, items []any, i int) map[string]any {
	loop := map[string]any{
		"allitems": items, "index": i + 1, "index0": i, "first": i == 0, "last": i+1 == len(items), "length": len(items),
		"revindex": len(items) - i, "revindex0": len(items) - i - 1,
	}
	if c.WithoutAll {
		delete(loop, "allitems")
	}
	if i > 0 {
		loop["previtem"] = items[i-1]
	}
	if i+1 < len(items) {
		loop["nextitem"] = items[i+1]
	}
	return loop
}

// together makes one outcome of those of all items, which are left without their values: there may be very many.
func together(items []*outcome) *outcome {
	o := &outcome{status: event.OK, values: map[string]any{}}
	results := make([]any, len(items))
	changed, failed, skipped := false, false, len(items) > 0
	worst := event.OK
	for i, item := range items {
		results[i] = item.result()
		changed = changed || item.changed()
		item.values = nil
		failed = failed || item.failed && item.status != event.Ignored
		skipped = skipped && item.status == event.Skipped
		o.learned = append(o.learned, item.learned...)
		for _, name := range item.notify {
			if !slices.Contains(o.notify, name) {
				o.notify = append(o.notify, name)
			}
		}
		o.noLog = o.noLog || item.noLog
		if o.delegated == "" {
			o.delegated = item.delegated
		}
		if severity[item.status] > severity[worst] {
			worst = item.status
		}
	}
	o.values["results"], o.values["changed"] = results, changed
	switch {
	case worst == event.Unreachable:
		o.status, o.msg = event.Unreachable, items[len(items)-1].msg
		o.values["unreachable"] = true
	case worst == event.Failed || worst == event.Rescued:
		o.status, o.msg, o.failed = worst, "One or more items failed", true
		o.values["msg"] = o.msg
	case worst == event.Ignored:
		o.status, o.msg = event.Ignored, "One or more items failed"
		o.values["msg"], failed = o.msg, true
	case len(items) == 0:
		o.status, o.msg = event.Skipped, "No items in the list"
		o.values["skipped"], o.values["skipped_reason"], o.values["skip_reason"] = true, o.msg, o.msg
	case skipped:
		o.status, o.msg = event.Skipped, "All items skipped"
		o.values["skipped"], o.values["msg"] = true, o.msg
	default:
		o.status = statusOf(changed)
		o.values["msg"] = "All items completed"
	}
	o.values["failed"] = failed
	if _, is := o.values["skipped"]; !is {
		o.values["skipped"] = false
	}
	return o
}

// severity orders the ways in which items end: the worst is the loop's.
var severity = map[event.Status]int{
	event.Skipped: 0, event.OK: 0, event.Changed: 1, event.Ignored: 2, event.Rescued: 3, event.Failed: 4, event.Unreachable: 5,
}

package engine

import (
	"slices"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/templates/ordered"
)

// The keys that the engine adds to a module's own, in the order in which Ansible has them (ansible-core 2.14, by to_json of
// registered results): changed first, as most modules begin with it, and last what the run of the task adds. Results that are
// facts, or those of a loop's items, begin with these instead.
var (
	afterOwn = []string{
		"skipped", "skip_reason", "skipped_reason", "false_condition", "msg", "stdout_lines", "stderr_lines", "warnings",
		"exception", "timedout", "unreachable", "failed", "changed", "attempts", "failed_when_result",
	}
	lines  = []string{"stdout_lines", "stderr_lines"}
	ofLoop = []string{"ansible_loop_var", "ansible_index_var", "ansible_loop", "_ansible_item_label"}
)

// result returns what register sees, as a mapping of its own at every depth but for the results of a loop's items, which never
// change. Its order is Ansible's as far as the module
// says: its own keys as its Returns name them, and those that these leave out by name.
func (o *outcome) result() *ordered.Map {
	out := ordered.New(len(o.values))
	take := func(names ...string) {
		for _, name := range names {
			if x, ok := o.values[name]; ok && !out.Has(name) {
				out.Set(name, ordered.From(x))
			}
		}
	}
	_, facts := o.values["ansible_facts"]
	_, items := o.values["results"]
	switch {
	case facts:
		take("ansible_facts")
	case items && o.returns == nil:
		// They are results already, of which there may be very many: see together.
		out.Set("results", o.values["results"])
		take("skipped", "changed", "msg")
	default:
		take("changed")
	}
	for _, r := range o.returns {
		if !slices.Contains(lines, r.Name) {
			take(r.Name)
		}
	}
	item, _ := o.values["ansible_loop_var"].(string)
	index, _ := o.values["ansible_index_var"].(string)
	after := append(append(slices.Clone(afterOwn), item, index), ofLoop...)
	for _, name := range keys(o.values) {
		if !slices.Contains(after, name) {
			take(name)
		}
	}
	if o.values["failed"] == true {
		take("failed", "msg")
	}
	take(after...)
	return out
}

// returns lists the keys that the task's module documents.
func (s *taskRun) returns() []tasks.Return {
	if s.t.Module == nil {
		return nil
	}
	return s.t.Module.Returns
}

package builtin

import (
	"fmt"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/argument"
	"github.com/polarbook/polarbook/tasks/convert"
)

type assertArgs struct {
	That       any              `arg:"that,required,raw" doc:"Expressions that must all hold, written as in when."`
	FailMsg    argument.Message `arg:"fail_msg" alias:"msg" doc:"Message when one does not hold: a text, or a list of texts."`
	SuccessMsg argument.Message `arg:"success_msg" doc:"Message when all hold: a text, or a list of texts."`
	Quiet      bool             `arg:"quiet" default:"false" doc:"Do not return each expression."`
}

var assertModule = tasks.Define(tasks.Module{
	Name: "assert", Collections: []string{"ansible.builtin"}, NoAsync: true,
	Summary: "Fail unless expressions hold",
	Notes: []string{
		"fail_msg is rendered only when an expression does not hold, success_msg only when all do: each may use what exists only then.",
	},
	Returns: []tasks.Return{
		{Name: "assertion", Type: "str", Doc: "the expression that does not hold"},
		{Name: "evaluated_to", Type: "bool", Doc: "false"},
		{Name: "msg", Type: "str", Doc: "fail_msg or success_msg"},
	},
	Examples: `
- assert:
    that:
      - ansible_memtotal_mb >= 2048
      - polardb_port | int + 10000 <= 65535
    fail_msg: the host is too small, or the port too high
`,
}, func(a *assertArgs, l tasks.Local) (tasks.Action, error) {
	that, many := a.That.([]any)
	if !many {
		that = []any{a.That}
	}
	return tasks.Know(&assertAction{*a, that, l}), nil
})

type assertAction struct {
	assertArgs
	that  []any
	local tasks.Local
}

// Plan needs no host: expressions are about variables.
func (a *assertAction) Plan() (tasks.Plan, error) {
	var all []any
	for _, that := range a.that {
		text, ok := that.(string)
		holds := false
		var err error
		switch b, isBool := that.(bool); {
		case isBool:
			holds = b
		case !ok:
			return tasks.Plan{}, &tasks.ArgError{
				Module:  "assert",
				Arg:     "that",
				Problem: fmt.Sprintf("holds %s, which is not an expression", convert.Describe(that)),
			}
		default:
			if holds, err = a.local.Condition(text); err != nil {
				return tasks.Plan{}, fmt.Errorf("assert: %q: %w", text, err)
			}
		}
		all = append(all, map[string]any{"assertion": that, "evaluated_to": holds})
		if !holds {
			msg, given := a.FailMsg.Or("fail_msg", fmt.Sprintf("this does not hold: %v", that))
			return tasks.Plan{}, &tasks.Failure{Msg: msg, Values: map[string]any{"assertion": that, "evaluated_to": false, "msg": given}}
		}
	}
	msg, given := a.SuccessMsg.Or("success_msg", "All assertions passed")
	values := map[string]any{"msg": given}
	if !a.Quiet {
		values["assertions"] = all
	}
	return tasks.Plan{Msg: msg, Values: values}, nil
}

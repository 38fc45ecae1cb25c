package tasks

import "fmt"

type assertArgs struct {
	That       any     `arg:"that,required,raw" doc:"Expressions that must all hold, written as in when."`
	FailMsg    Message `arg:"fail_msg" alias:"msg" doc:"What to say when one does not."`
	SuccessMsg Message `arg:"success_msg" doc:"What to say when all do."`
	Quiet      bool    `arg:"quiet" default:"false" doc:"Say nothing of each expression."`
}

var assertModule = Define(Module{
	Name: "assert", Collections: []string{"ansible.builtin"},
	Summary: "Fail unless expressions hold",
	Notes:   []string{"fail_msg is rendered when an expression does not hold, success_msg when all do: they may name what is there only then."},
	Returns: []Return{{"assertion", "str", "the expression that does not hold"}, {"evaluated_to", "bool", "false"}, {"msg", "str", "fail_msg or success_msg"}},
	Examples: `
- assert:
    that:
      - ansible_memtotal_mb >= 2048
      - polardb_port | int + 10000 <= 65535
    fail_msg: the host is too small, or the port too high
`,
}, func(a *assertArgs, l Local) (Action, error) {
	that, many := a.That.([]any)
	if !many {
		that = []any{a.That}
	}
	if len(that) == 0 {
		return nil, &ArgError{Module: "assert", Arg: "that", Problem: "is empty"}
	}
	return &assertAction{*a, that, l}, nil
})

type assertAction struct {
	assertArgs
	that  []any
	local Local
}

// Probe asks nothing: expressions are about variables.
func (a *assertAction) Probe() string { return "" }

func (a *assertAction) Plan(Found) (Plan, error) {
	var all []any
	for _, that := range a.that {
		text, ok := that.(string)
		holds := false
		var err error
		switch b, isBool := that.(bool); {
		case isBool:
			holds = b
		case !ok:
			return Plan{}, &ArgError{Module: "assert", Arg: "that", Problem: fmt.Sprintf("holds %s, which is no expression", describe(that))}
		default:
			if holds, err = a.local.Condition(text); err != nil {
				return Plan{}, fmt.Errorf("assert: %q: %w", text, err)
			}
		}
		all = append(all, map[string]any{"assertion": that, "evaluated_to": holds})
		if !holds {
			msg := a.FailMsg.or("fail_msg", fmt.Sprintf("this does not hold: %v", that))
			return Plan{}, &Failure{Msg: msg, Values: map[string]any{"assertion": that, "evaluated_to": false, "msg": msg}}
		}
	}
	msg := a.SuccessMsg.or("success_msg", "All assertions passed")
	values := map[string]any{"msg": msg}
	if !a.Quiet {
		values["assertions"] = all
	}
	return Plan{Msg: msg, Values: values}, nil
}

package builtin

import (
	"strings"

	"github.com/polarbook/polarbook/tasks"
)

type debugArgs struct {
	Msg       any    `arg:"msg" doc:"What to show: text or any value."`
	Var       string `arg:"var,raw" doc:"A variable or expression to show, written without braces."`
	Verbosity int    `arg:"verbosity" default:"0" doc:"Show it only with at least this many -v."`

	Given map[string]any `arg:",rest"` // a msg that is null is one
}

var debugModule = tasks.Define(tasks.Module{
	Name: "debug", Collections: []string{"ansible.builtin"}, NoAsync: true,
	Summary: "Show a message or a variable",
	Returns: []tasks.Return{{Name: "msg", Type: "any", Doc: "what is shown"}},
	Examples: `
- debug: {msg: "{{ inventory_hostname }} has {{ ansible_memtotal_mb }} MB"}
- debug: {var: ansible_mounts, verbosity: 1}
`,
}, func(a *debugArgs, l tasks.Local) (tasks.Action, error) {
	if a.Msg != nil && a.Var != "" {
		return nil, &tasks.ArgError{Module: "debug", Arg: "var", Problem: "and msg exclude each other"}
	}
	return tasks.Know(&debugAction{*a, l}), nil
})

type debugAction struct {
	debugArgs
	local tasks.Local
}

// Plan needs no host: what is shown is known here.
func (a *debugAction) Plan() (tasks.Plan, error) {
	values := map[string]any{}
	if a.Verbosity > 0 {
		values["verbosity"] = a.Verbosity
	}
	switch {
	case a.Var != "":
		value, err := a.local.Eval(strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(a.Var), "{{"), "}}"))
		if err != nil {
			// As in Ansible, showing that a variable is missing is not a failure.
			value = "VARIABLE IS NOT DEFINED!: " + err.Error()
		}
		values[a.Var] = value
	default:
		values["msg"] = a.Msg
		if _, given := a.Given["msg"]; !given {
			values["msg"] = "Hello world!"
		}
	}
	msg, _ := values["msg"].(string)
	return tasks.Plan{Msg: msg, Values: values}, nil
}

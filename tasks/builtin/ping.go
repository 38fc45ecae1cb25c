package builtin

import "github.com/polarbook/polarbook/tasks"

type pingArgs struct {
	Data string `arg:"data" default:"pong" doc:"Value to return; crash makes the module fail."`
}

var pingModule = tasks.Define(tasks.Module{
	Name: "ping", Collections: []string{"ansible.builtin"},
	Summary:  "Check that a host can be worked on",
	Returns:  []tasks.Return{{Name: "ping", Type: "str", Doc: "data"}},
	Examples: "- ping:\n",
}, func(a *pingArgs, _ tasks.Local) (tasks.Action, error) { return pingAction(a.Data), nil })

type pingAction string

// Probe makes a round trip through the task's shell, which also tries to become its user.
func (a pingAction) Probe() string { return "echo alive yes\n" }

func (a pingAction) Plan(found tasks.Found) (tasks.Plan, error) {
	var said struct {
		Alive string `answer:"alive"`
	}
	if err := found.Decode(&said); err != nil {
		return tasks.Plan{}, err
	}
	if said.Alive != "yes" {
		return tasks.Plan{}, &tasks.Failure{
			Msg:  "the host's shell did not repeat what it was told",
			Hint: "something in its start-up files prints or ends it",
		}
	}
	if a == "crash" {
		return tasks.Plan{}, &tasks.Failure{Msg: "boom"}
	}
	return tasks.Plan{Values: map[string]any{"ping": string(a)}}, nil
}

package builtin

import (
	"context"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/script"
)

type rawArgs struct {
	Cmd        string `arg:"cmd,required" alias:"free_form _raw_params" doc:"What the login shell is to run."`
	Executable string `arg:"executable,path" doc:"Path of another shell."`
}

var rawModule = tasks.Define(tasks.Module{
	Name: "raw", Collections: []string{"ansible.builtin"}, FreeForm: "cmd", NoAsync: true,
	Summary:  "Run a shell command as it is",
	Notes:    []string{"shell does the same with more care: no module here needs Python, so what raw is for in Ansible does not arise."},
	Returns:  commandReturns,
	Examples: "- raw: uname -a\n  changed_when: false\n",
}, func(a *rawArgs, l tasks.Local) (tasks.Action, error) {
	text := a.Cmd
	if a.Executable != "" {
		text = "exec " + string(script.Path(a.Executable)) + " -c " + script.Words([]string{a.Cmd})
	}
	return &rawAction{commandAction{module: "raw", shown: a.Cmd, script: text, asking: l.Check()}}, nil
})

type rawAction struct{ commandAction }

// Apply runs the command and leaves its output as it is.
func (a *rawAction) Apply(ctx context.Context, h tasks.Host, p tasks.Plan) (tasks.Result, error) {
	a.input.StripEnds = false
	return a.commandAction.Apply(ctx, h, p)
}

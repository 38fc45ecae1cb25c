package tasks

import "context"

type rawArgs struct {
	Cmd        string `arg:"cmd,required" alias:"free_form _raw_params" doc:"What the login shell is to run."`
	Executable string `arg:"executable,path" doc:"Another shell, by its path."`
}

var rawModule = Define(Module{
	Name: "raw", Collections: []string{"ansible.builtin"}, FreeForm: "cmd",
	Summary:  "Run a line of the shell as it is",
	Notes:    []string{"shell does the same with more care: no module here needs Python, which is what raw is for in Ansible."},
	Returns:  commandReturns,
	Examples: "- raw: uname -a\n  changed_when: false\n",
}, func(a *rawArgs, l Local) (Action, error) {
	script := a.Cmd
	if a.Executable != "" {
		script = "exec " + shellPath(a.Executable) + " -c " + quoteAll([]string{a.Cmd})
	}
	return &rawAction{commandAction{module: "raw", shown: a.Cmd, script: script, asking: l.Check()}}, nil
})

type rawAction struct{ commandAction }

// Apply is a command's, with the output left as it is.
func (a *rawAction) Apply(ctx context.Context, h Host, p Plan) (Result, error) {
	a.input.StripEnds = false
	return a.commandAction.Apply(ctx, h, p)
}

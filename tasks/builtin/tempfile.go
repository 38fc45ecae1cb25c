package builtin

import (
	"context"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/script"
)

type tempfileArgs struct {
	State  string `arg:"state" default:"file" choices:"directory file" doc:"Kind to create."`
	Path   string `arg:"path,path" doc:"Directory for it; $TMPDIR or /tmp by default."`
	Prefix string `arg:"prefix" default:"ansible." doc:"Beginning of its name."`
	Suffix string `arg:"suffix" doc:"End of its name."`
}

var tempfileModule = tasks.Define(tasks.Module{
	Name: "tempfile", Collections: []string{"ansible.builtin"},
	Summary: "Create a temporary file or directory",
	Notes:   []string{"A new one is created each time, and only its owner may use it. Remove it with the file module."},
	Returns: append([]tasks.Return{{Name: "path", Type: "str", Doc: "what was created"}}, fileReturns...),
	Examples: `
- tempfile: {state: directory, suffix: build}
  register: work
- file: {path: "{{ work.path }}", state: absent}
`,
}, func(a *tempfileArgs, l tasks.Local) (tasks.Action, error) {
	if strings.Contains(a.Prefix+a.Suffix, "/") {
		return nil, &tasks.ArgError{Module: "tempfile", Arg: "prefix", Problem: "and suffix are parts of a name: no slashes"}
	}
	return tasks.Know(&tempfile{*a, l.Check()}), nil
})

type tempfile struct {
	tempfileArgs
	asking bool
}

// Plan needs no host: the file is new in any case.
func (a *tempfile) Plan() (tasks.Plan, error) {
	if a.asking {
		const why = "the name is known only after it has been created"
		return tasks.Plan{Unknown: why, Msg: why, Values: map[string]any{"skipped": true}}, nil
	}
	values := script.Values{
		"directory": a.State == "directory", "prefix": a.Prefix, "suffix": a.Suffix,
	}
	if a.Path != "" {
		values["d"] = script.Path(script.TrimSlashes(a.Path))
	}
	text := scripts.Script("tempfile", values)
	return tasks.Plan{Change: true, Event: true, Msg: "create a temporary " + a.State, Script: text}, nil
}

func (a *tempfile) Apply(ctx context.Context, h tasks.Host, p tasks.Plan) (tasks.Result, error) {
	r, err := files.RunPlan(ctx, h.Shell(), p)
	if err != nil {
		return tasks.Result{}, err
	}
	var made struct {
		Path []byte      `answer:"path"`
		File script.File `answer:"made,required"`
	}
	if err := (tasks.Found{Result: r}).Decode(&made); err != nil {
		return tasks.Result{}, err
	}
	values := files.FileValues(made.File)
	values["path"] = string(made.Path)
	return tasks.Result{Changed: true, Msg: p.Msg, Values: values}, nil
}

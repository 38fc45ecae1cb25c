package builtin

import (
	"context"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/script"
)

type tempfileArgs struct {
	State  string `arg:"state" default:"file" choices:"directory file" doc:"What to make."`
	Path   string `arg:"path,path" doc:"Where; $TMPDIR or /tmp when not given."`
	Prefix string `arg:"prefix" default:"ansible." doc:"What its name begins with."`
	Suffix string `arg:"suffix" doc:"What its name ends with."`
}

var tempfileModule = tasks.Define(tasks.Module{
	Name: "tempfile", Collections: []string{"ansible.builtin"},
	Summary: "Make a temporary file or directory",
	Notes:   []string{"It is made anew each time, and only its owner may use it. Remove it with the file module."},
	Returns: []tasks.Return{{Name: "path", Type: "str", Doc: "what was made"}},
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

// Plan asks no host: the file is new in any case.
func (a *tempfile) Plan() (tasks.Plan, error) {
	if a.asking {
		const why = "the name is known only when it has been made"
		return tasks.Plan{Unknown: why, Msg: why, Values: map[string]any{"skipped": true}}, nil
	}
	values := script.Values{
		"d": script.Word(`"${TMPDIR:-/tmp}"`), "directory": a.State == "directory", "prefix": a.Prefix, "suffix": a.Suffix,
	}
	if a.Path != "" {
		values["d"] = script.Path(script.TrimSlashes(a.Path))
	}
	text := scripts.Script("tempfile", values)
	return tasks.Plan{Change: true, Event: true, Msg: "make a temporary " + a.State, Script: text}, nil
}

func (a *tempfile) Apply(ctx context.Context, h tasks.Host, p tasks.Plan) (tasks.Result, error) {
	r, err := files.RunPlan(ctx, h.Shell(), p)
	if err != nil {
		return tasks.Result{}, err
	}
	return tasks.Result{Changed: true, Msg: p.Msg, Values: map[string]any{"path": string(r.Stdout), "state": a.State}}, nil
}

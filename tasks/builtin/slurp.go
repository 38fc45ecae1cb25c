package builtin

import (
	"encoding/base64"
	"fmt"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
)

type slurpArgs struct {
	Src string `arg:"src,required,path" alias:"path" doc:"File to read."`
}

var slurpModule = tasks.Define(tasks.Module{
	Name: "slurp", Collections: []string{"ansible.builtin"},
	Summary: "Read a file of a host",
	Returns: []tasks.Return{
		{Name: "content", Type: "str", Doc: "its content in base64"},
		{Name: "encoding", Type: "str", Doc: "base64"},
		{Name: "source", Type: "str", Doc: "the file"},
	},
	Examples: `
- slurp: {src: /etc/machine-id}
  register: machine
- debug: {msg: "{{ machine.content | b64decode }}"}
`,
}, func(a *slurpArgs, l tasks.Local) (tasks.Action, error) { return &slurp{*a, l.Check()}, nil })

type slurp struct {
	slurpArgs
	asking bool
}

func (a *slurp) Probe() string { return files.ReadFile(a.Src) }

func (a *slurp) Plan(found tasks.Found) (tasks.Plan, error) {
	var said files.Read
	if err := found.Decode(&said); err != nil {
		return tasks.Plan{}, err
	}
	file := said.File
	switch {
	case !file.Exists():
		return tasks.NotYet(a.asking, a.Src+" does not exist", "")
	case file.Kind != "file":
		return tasks.Plan{}, &tasks.Failure{Msg: fmt.Sprintf("%s is %s and cannot be read", a.Src, files.DescribeKind(file.Kind))}
	case said.Large:
		return tasks.Plan{}, &tasks.Failure{Msg: fmt.Sprintf("%s has %d bytes, and up to %d are read", a.Src, file.Size, files.EditLimit)}
	}
	return tasks.Plan{Values: map[string]any{
		"content":  base64.StdEncoding.EncodeToString(said.Content),
		"encoding": "base64",
		"source":   a.Src,
	}}, nil
}

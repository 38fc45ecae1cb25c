package crypto

import (
	"fmt"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
)

// info is the work of a module that tells what is in a file of the host's, or in the arguments.
type info struct {
	source
	what   string // it is of
	tell   func(text []byte) (map[string]any, error)
	failed map[string]any // values of a task that could not read the file
	asking bool
}

// newInfo checks that there is one source.
func newInfo(module string, i *info) (tasks.Action, error) {
	switch {
	case i.path == "" && i.content == "":
		return nil, &tasks.ArgError{Module: module, Arg: "path", Problem: "or content is required"}
	case i.path != "" && i.content != "":
		return nil, &tasks.ArgError{Module: module, Arg: "content", Problem: "and path exclude each other"}
	}
	return i, nil
}

func (i *info) Probe() string {
	if i.path == "" {
		return ""
	}
	return files.ReadFile(i.path)
}

func (i *info) Plan(found tasks.Found) (tasks.Plan, error) {
	text := []byte(i.content)
	if i.path != "" {
		var said files.Read
		if err := found.Decode(&said); err != nil {
			return tasks.Plan{}, err
		}
		switch {
		case !said.File.Exists() && i.asking:
			return tasks.NotYet(true, i.path+" does not exist", "")
		case !said.File.Exists():
			return tasks.Plan{}, &tasks.Failure{Msg: i.path + " does not exist, and " + i.what + " is needed", Values: i.failed}
		case said.File.Kind != "file" || said.Large:
			return tasks.Plan{}, &tasks.Failure{
				Msg: fmt.Sprintf("%s is %s of %d bytes, and %s is needed", i.path, files.DescribeKind(said.File.Kind), said.File.Size,
					i.what),
				Values: i.failed,
			}
		}
		text = said.Content
	}
	values, err := i.tell(text)
	if err != nil {
		return tasks.Plan{}, err
	}
	return tasks.Plan{Values: values}, nil
}

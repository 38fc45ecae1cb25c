package crypto

import (
	"context"
	"fmt"
	"maps"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/script"
)

// fileArgs are what every module with a file has.
type fileArgs struct {
	files.Attributes
	path, state string
	backup      bool
	gone        map[string]any // values of the result where the file is to be absent, besides filename
}

// maker works out what is to be in a file.
type maker interface {
	// sources are what it needs besides the file.
	sources() []source
	// hidden: what is in the file is not shown.
	hidden() bool
	// make returns what the file is to hold: the text that it has where that is as wanted. text is empty where there is no file.
	make(text []byte, from []given) (made, error)
}

// preparer is a maker that takes long: what can be stopped.
type preparer interface {
	prepare(ctx context.Context, h tasks.Host, text []byte) error
}

// made is a text, why it is another than before, and values for the result.
type made struct {
	text     []byte
	msg      string
	values   map[string]any
	warnings []string
	unknown  string // what has to be there before the text can be made
}

// file is the work of a module with a file.
type file struct {
	fileArgs
	maker  maker
	edit   *files.Edit
	asking bool
}

// seen is what was found: the file's probe, and the sources.
type seen struct {
	probed tasks.Found
	from   []given
}

func newFile(module string, a fileArgs, l tasks.Local, m maker) (tasks.Action, error) {
	e, err := files.NewEdit(module, files.EditArgs{Attributes: a.Attributes, Path: a.path, Backup: a.backup}, true, l)
	if err != nil {
		return nil, err
	}
	e.InDirectory, e.Replace = true, true
	return a.Marked(module, script.TrimSlashes(a.path), "", tasks.Ask(&file{fileArgs: a, maker: m, edit: e, asking: l.Check()}))
}

// Probe reads the file.
func (f *file) Probe() string { return f.edit.Probe() }

func (f *file) Ask(ctx context.Context, h tasks.Host, probed tasks.Found) (seen, error) {
	s := seen{probed: probed}
	if f.state == "absent" {
		return s, nil
	}
	if p, ok := f.maker.(preparer); ok {
		var said files.Read
		if err := probed.Decode(&said); err != nil {
			return s, err
		}
		if err := p.prepare(ctx, h, said.Content); err != nil {
			return s, err
		}
	}
	var err error
	s.from, err = readAll(ctx, h, f.maker.sources())
	return s, err
}

func (f *file) Plan(s seen) (tasks.Plan, error) {
	edit := *f.edit
	if f.state == "absent" {
		return f.absent(s)
	}
	var m made
	edit.Rewrite = func(text string, _ bool) (string, string, map[string]any, error) {
		var err error
		m, err = f.maker.make([]byte(text), s.from)
		return string(m.text), m.msg, nil, err
	}
	plan, err := edit.Plan(s.probed)
	if err != nil {
		return plan, err
	}
	if m.unknown != "" {
		return tasks.NotYet(f.asking, m.unknown, "make it first")
	}
	if plan.Values == nil {
		plan.Values = map[string]any{}
	}
	maps.Copy(plan.Values, m.values)
	// The file is looked at again afterwards, and judged by its text alone: these come from here.
	if plan.Change {
		if plan.Made == nil {
			plan.Made = map[string]any{}
		}
		maps.Copy(plan.Made, m.values)
	}
	plan.Warnings = append(plan.Warnings, m.warnings...)
	if f.maker.hidden() {
		plan = hide(plan)
	}
	return plan, nil
}

// absent removes the file.
func (f *file) absent(s seen) (tasks.Plan, error) {
	var said files.Read
	if err := s.probed.Decode(&said); err != nil {
		return tasks.Plan{}, err
	}
	plan := tasks.Plan{Values: map[string]any{"filename": f.path}}
	maps.Copy(plan.Values, f.gone)
	switch {
	case !said.File.Exists():
		return plan, nil
	case said.File.Kind != "file" || said.Large:
		return plan, &tasks.Failure{Msg: fmt.Sprintf("%s is %s, and only a file is removed here", f.path, files.DescribeKind(said.File.Kind))}
	}
	edit := *f.edit
	edit.Emptied = func(string) bool { return true }
	edit.Rewrite = func(text string, _ bool) (string, string, map[string]any, error) {
		return text + "\n", "remove " + f.path, nil, nil
	}
	removing, err := edit.Plan(s.probed)
	removing.Msg, removing.Values = "remove "+f.path, plan.Values
	return hide(removing), err
}

// written is a file's text as return_content returns it: in check mode, where none is written, the one that is there, or none.
func written(after, before []byte, asking bool) any {
	if asking {
		after = before
	}
	if len(after) == 0 {
		return nil
	}
	return string(after)
}

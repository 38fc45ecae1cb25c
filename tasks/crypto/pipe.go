package crypto

import (
	"bytes"
	"context"

	"github.com/polarbook/polarbook/tasks"
)

// pipe is the work of a module that returns what others write into a file.
type pipe struct {
	result  string // by which name it is returned
	content []byte // what there is
	sources []source
	make    func(text []byte, from []given) (made, error)
	msg     string
	newOnly bool // it is returned where it is another than content alone
	asking  bool
}

func (p *pipe) Ask(ctx context.Context, h tasks.Host, _ tasks.Found) ([]given, error) {
	return readAll(ctx, h, p.sources)
}

func (p *pipe) Plan(from []given) (tasks.Plan, struct{}, error) {
	none := struct{}{}
	m, err := p.make(p.content, from)
	if err != nil {
		return tasks.Plan{}, none, err
	}
	if m.unknown != "" {
		plan, err := tasks.NotYet(p.asking, m.unknown, "make it first")
		return plan, none, err
	}
	plan := tasks.Plan{Values: m.values, Warnings: m.warnings}
	same := bytes.Equal(m.text, p.content)
	if !same {
		plan.Change, plan.Event, plan.Msg = true, true, p.msg
	}
	if !same || !p.newOnly {
		plan.Values[p.result] = string(m.text)
	}
	return plan, none, nil
}

// Apply has nothing to do: what was made is in the plan.
func (p *pipe) Apply(context.Context, tasks.Host, tasks.Plan, struct{}) (tasks.Result, error) {
	return tasks.Result{Changed: true}, nil
}

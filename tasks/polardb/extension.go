package polardb

import (
	"context"
	"fmt"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
)

type extensionArgs struct {
	ClusterArgs
	sqlTarget
	Name string `arg:"name,required" alias:"ext" doc:"the extension"`
}

var extensionModule = tasks.Define(tasks.Module{
	Name:    "polardb_extension",
	Summary: "Create a database extension where it is missing",
	Examples: `- polardb_extension:
    name: polar_monitor
    on: self
    nodes: "{{ polardb_nodes }}"
    login_password: "{{ polardb_password }}"
`,
}, func(a *extensionArgs, _ tasks.Local) (tasks.Action, error) {
	list, err := a.Listed()
	return tasks.AskApply(&extensionAction{args: a, list: list}), err
})

type extensionAction struct {
	args *extensionArgs
	list []WantedNode
}

func (e *extensionAction) Ask(ctx context.Context, h tasks.Host, _ tasks.Found) (sqlFound, error) {
	query := "select extversion from pg_extension where extname = " + dma.Literal(e.args.Name)
	return e.args.ask(ctx, &e.args.ClusterArgs, h, e.list, query), nil
}

func (e *extensionAction) Plan(found sqlFound) (tasks.Plan, *sqlChange, error) {
	switch {
	case found.Err != nil:
		return tasks.Plan{Change: true, Unknown: found.Err.Error(), Msg: "extension " + e.args.Name}, nil, nil
	case found.Row != nil:
		return tasks.Plan{Values: map[string]any{"version": found.Row[0]}, Msg: "the extension exists"}, nil, nil
	}
	change := &sqlChange{found: found, statement: "create extension if not exists " + dma.Identifier(e.args.Name)}
	return tasks.Plan{Change: true, Msg: "create extension " + e.args.Name}, change, nil
}

func (e *extensionAction) Apply(ctx context.Context, h tasks.Host, p tasks.Plan, change *sqlChange) (tasks.Result, error) {
	if p.Unknown != "" {
		return tasks.Result{}, &tasks.Failure{Msg: "cannot ask for the extension " + e.args.Name + ": " + p.Unknown}
	}
	if err := e.args.run(ctx, &e.args.ClusterArgs, h, change.found, change.statement); err != nil {
		return tasks.Result{}, &tasks.Failure{Msg: fmt.Sprintf("on %s: %s", change.found.Node.Name, p.Msg), Err: err}
	}
	return tasks.Result{Changed: true, Msg: p.Msg}, nil
}

package system

import (
	"context"
	"fmt"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/remote"
)

// Modules returns the modules of the system. A module is a variable in the file of its name.
func Modules() []tasks.Module {
	return []tasks.Module{mountModule, modprobeModule, localeGenModule, rebootModule, alternativesModule, filesystemModule,
		dpkgSelectionsModule, debconfModule}
}

// answers runs a probe, where there is one, and completes its answer.
func answers(ctx context.Context, h tasks.Host, a tasks.Action) (tasks.Found, error) {
	var found tasks.Found
	if text := a.Probe(); text != "" {
		r, err := h.Shell().Run(ctx, remote.Command{Script: text})
		if err != nil {
			return found, err
		}
		found.Result = r
	}
	return tasks.Find(ctx, h, a, found)
}

// proved asks again after a change, and fails where one is still wanted.
func proved(ctx context.Context, h tasks.Host, a tasks.Action) (tasks.Plan, error) {
	found, err := answers(ctx, h, a)
	if err != nil {
		return tasks.Plan{}, err
	}
	plan, err := a.Plan(found)
	if err == nil && plan.Change {
		err = &tasks.Failure{Msg: "the change was made and did not take effect: " + plan.Msg}
	}
	return plan, err
}

// run makes a part of a change.
func run(ctx context.Context, h tasks.Host, script string, stdin []byte) error {
	_, err := files.RunPlan(ctx, h.Shell(), tasks.Plan{Script: script, Stdin: stdin})
	return err
}

// restore puts a file back as it was, after what its change was for has failed. Its own failure is told by the task's.
func restore(ctx context.Context, h tasks.Host, e files.Edit, before string) {
	e.Backup = false
	e.Rewrite = func(string, bool) (string, string, map[string]any, error) { return before, "restore", nil, nil }
	found, err := answers(ctx, h, &e)
	if err != nil {
		return
	}
	if plan, err := e.Plan(found); err == nil && plan.Change {
		_ = run(ctx, h, plan.Script, plan.Stdin)
	}
}

// refusing returns the way for one module to refuse an argument.
func refusing(module string) func(arg, problem string, values ...any) (tasks.Action, error) {
	return func(arg, problem string, values ...any) (tasks.Action, error) {
		return nil, &tasks.ArgError{Module: module, Arg: arg, Problem: fmt.Sprintf(problem, values...)}
	}
}

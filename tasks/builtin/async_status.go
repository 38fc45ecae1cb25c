package builtin

import (
	"context"
	"errors"
	"maps"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/job"
)

type asyncStatusArgs struct {
	Jid  string `arg:"jid,required" doc:"The ansible_job_id that the task with async returned."`
	Mode string `arg:"mode" default:"status" choices:"status cleanup" doc:"Ask for the job, or (cleanup) remove what the host keeps of it."`
}

var asyncStatusModule = tasks.Define(tasks.Module{
	Name: "async_status", Collections: []string{"ansible.builtin"}, NoAsync: true,
	Summary: "Ask how a job of a task with async is doing",
	Notes: []string{
		"A job is found on its host by its id, by the account that started it, in ~/.ansible_async or, as in Ansible, in " +
			"ANSIBLE_ASYNC_DIR of the task's environment. While it runs, finished is false; then the result is that of the task with async.",
		"A job that was ended without a result, by a reboot or as work of a run that was killed, is a failure.",
		"Jobs that ansible-playbook started are found as well, and ansible-playbook finds those of polarbook.",
	},
	Returns: append([]tasks.Return{
		{Name: "ansible_job_id", Type: "str", Doc: "the job"}, {Name: "started", Type: "bool", Doc: "whether it was started"},
		{Name: "finished", Type: "bool", Doc: "whether it has ended"}, {Name: "results_file", Type: "str", Doc: "where it is noted on the host"},
		{Name: "erased", Type: "str", Doc: "the same, after cleanup"},
	}, commandReturns...),
	Examples: `
- async_status: {jid: "{{ job.ansible_job_id }}"}
  register: done
  until: done.finished
  retries: 60
  delay: 10
- async_status: {jid: "{{ job.ansible_job_id }}", mode: cleanup}
`,
}, func(a *asyncStatusArgs, _ tasks.Local) (tasks.Action, error) {
	if a.Jid == "" || a.Jid == "." || a.Jid == ".." || strings.ContainsAny(a.Jid, "/\x00") {
		return nil, &tasks.ArgError{Module: "async_status", Arg: "jid", Problem: "is not the ansible_job_id of a task with async"}
	}
	return &asyncStatus{asyncStatusArgs: a}, nil
})

type asyncStatus struct {
	*asyncStatusArgs
	failed error // of the job
}

func (a *asyncStatus) Probe() string { return job.Look(a.Jid, commandKeep) }

// Plan says what came of the job; to forget it is the change.
func (a *asyncStatus) Plan(found tasks.Found) (tasks.Plan, error) {
	var state job.State
	if err := found.Decode(&state); err != nil {
		return tasks.Plan{}, err
	}
	values := map[string]any{"ansible_job_id": a.Jid, "started": true, "finished": true, "results_file": string(state.File)}
	switch {
	case a.Mode == "cleanup":
		values = map[string]any{"ansible_job_id": a.Jid, "started": state.Gone, "finished": state.Gone, "erased": string(state.File)}
		if !state.Gone {
			return tasks.Plan{Change: true, Msg: "forget the job", Event: true, Values: values}, nil
		}
		fallthrough
	case state.Gone:
		return tasks.Plan{}, &tasks.Failure{Msg: "could not find job", Values: values,
			Hint: "a job is found on its host, by the account that started it"}
	}
	r, running, err := tasks.Result{}, state.Running, error(nil)
	if state.Written != nil {
		r, running, err = notedJob(state.Written)
		state.Lost = state.Lost && running
	}
	switch {
	case state.Lost:
		return tasks.Plan{}, &tasks.Failure{Msg: job.ErrLost.Error(), Values: values}
	case running:
		values["finished"] = false
		return tasks.Plan{Msg: "the job is running", Values: values}, nil
	case state.Written == nil:
		r, err = commandJob(&state)
	}
	var failed *tasks.Failure
	switch {
	case errors.As(err, &failed):
		maps.Copy(failed.Values, values)
		if state.Late {
			failed.Msg, failed.Err = "the job was ended", tasks.ErrJobLate
		}
		a.failed = failed
		return tasks.Plan{Change: true, Msg: failed.Msg, Values: failed.Values}, nil
	case err != nil:
		return tasks.Plan{}, err
	}
	maps.Copy(values, r.Values)
	if r.Skipped {
		values["skipped"] = true
	}
	return tasks.Plan{Change: r.Changed, Msg: r.Msg, Event: true, Values: values, Warnings: r.Warnings}, nil
}

// Apply forgets the job; what it changed is known already.
func (a *asyncStatus) Apply(ctx context.Context, h tasks.Host, p tasks.Plan) (tasks.Result, error) {
	if a.failed != nil {
		var failed *tasks.Failure
		return tasks.Result{Changed: !errors.As(a.failed, &failed) || failed.Values["changed"] != false}, a.failed
	}
	if a.Mode != "cleanup" {
		return tasks.Result{Changed: true, Msg: p.Msg, Values: p.Values, Warnings: p.Warnings}, nil
	}
	_, err := h.Shell().Run(ctx, job.Erase(a.Jid, false))
	return tasks.Result{Msg: p.Msg, Values: p.Values}, err
}

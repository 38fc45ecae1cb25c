package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/polarbook/polarbook/playbooks/engine/session"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

// async is what the keywords async and poll say: a task that goes on by itself for at most limit seconds, and is looked at every
// poll; 0: it is left alone.
type async struct {
	limit int
	poll  time.Duration
}

// late is the failure of a job that was not done in its time.
func (a async) late(id string) error {
	return &tasks.Failure{Msg: a.lateMsg(), Values: map[string]any{
		"async_result": map[string]any{"ansible_job_id": id, "started": true, "finished": false},
	}}
}

// defaultPoll is Ansible's, in seconds.
const defaultPoll = 15

// asyncOf returns what a task says; a limit of 0 is none.
func (s *taskRun) asyncOf(v *variables) (async, error) {
	limit, err := v.number(s.t.Async, 0)
	if err != nil {
		return async{}, fmt.Errorf("async: %w", err)
	}
	poll, err := v.number(s.t.Poll, defaultPoll)
	if err != nil {
		return async{}, fmt.Errorf("poll: %w", err)
	}
	return async{int(limit), time.Duration(poll * float64(time.Second))}, nil
}

// lateMsg is how Ansible says it.
func (a async) lateMsg() string {
	return fmt.Sprintf("async task did not complete within the requested time - %ds", a.limit)
}

// detached starts the change as a job of the host, and waits for it unless poll is 0.
func (d *moduleRun) detached(
	ctx context.Context, h *session.Handle, action tasks.Detacher, plan tasks.Plan, a async,
) (tasks.Result, error) {
	id, start, err := action.Detach(plan, a.limit, a.poll == 0)
	if err != nil {
		return tasks.Result{}, err
	}
	made, err := h.Shell().Run(ctx, start)
	if err != nil {
		return tasks.Result{}, err
	}
	if made.Status != 0 {
		return tasks.Result{}, &tasks.Failure{Msg: "the job was not started: " +
			session.ScriptFailed(made.Status, session.Trimmed(made.Stderr), session.Trimmed(made.Stdout))}
	}
	var noted struct {
		File []byte `answer:"file,required"`
	}
	if err := script.Decode(made.Stdout, &noted); err != nil {
		return tasks.Result{}, err
	}
	started := map[string]any{"ansible_job_id": id, "started": true, "finished": false, "results_file": string(noted.File)}
	if a.poll == 0 {
		return tasks.Result{Changed: true, Msg: "started as the job " + id, Values: started}, nil
	}
	r, err := d.poll(ctx, h, id, a)
	if err == nil || ctx.Err() == nil {
		// As in Ansible, nothing is kept of what was waited for.
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), endingPatience)
		defer cancel()
		if _, e := h.Shell().Run(late, action.EndJob(id)); e != nil && err == nil {
			return r, fmt.Errorf("forget the job %s: %w", id, e)
		}
	}
	return r, err
}

// endingPatience bounds how long the end of a job is waited for.
const endingPatience = 15 * time.Second

// errLate is a job that was not done in its time.
var errLate = errors.New("the time is over")

// poll looks at a job until it has ended. A connection that is lost meanwhile is made anew.
func (d *moduleRun) poll(ctx context.Context, h *session.Handle, id string, a async) (tasks.Result, error) {
	status, ok := d.s.p.r.lookup("async_status")
	if !ok {
		return tasks.Result{}, errors.New("the module async_status is missing")
	}
	over := time.Now().Add(time.Duration(a.limit) * time.Second)
	for {
		if !wait(ctx, min(a.poll, max(time.Until(over), 0))) {
			return tasks.Result{}, ctx.Err()
		}
		r, running, err := d.look(ctx, h, status, id)
		var lost *remote.UnreachableError
		switch {
		case errors.As(err, &lost) && time.Now().Before(over): // the next look connects
		case errors.Is(err, tasks.ErrJobLate):
			return tasks.Result{}, a.late(id)
		case err != nil || !running:
			return r, err
		}
		if !time.Now().Before(over) {
			return tasks.Result{}, a.late(id)
		}
	}
}

func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// look asks once how a job is doing.
func (d *moduleRun) look(
	ctx context.Context, h *session.Handle, status *tasks.Module, id string,
) (r tasks.Result, running bool, err error) {
	local := &controller{s: d.s, v: d.v, diff: d.diff}
	action, err := status.New(map[string]any{"jid": id}, local)
	if err != nil {
		return r, false, err
	}
	found, err := d.find(ctx, h, action, action.Probe(), nil)
	if err != nil {
		return r, false, err
	}
	plan, err := action.Plan(found)
	switch {
	case err != nil:
		return r, false, err
	case plan.Values["finished"] != true:
		return r, true, nil
	case !plan.Change:
		return tasks.Result{Msg: plan.Msg, Values: plan.Values, Warnings: plan.Warnings}, false, nil
	}
	r, err = action.(tasks.Applier).Apply(ctx, h, plan)
	return r, false, err
}

// limited is the time that async allows to a module that cannot go on by itself; nobody may leave it alone.
func (d *moduleRun) limited(ctx context.Context, a async) (context.Context, context.CancelFunc, error) {
	if a.poll == 0 {
		return nil, nil, &tasks.Failure{
			Msg:  fmt.Sprintf("async with poll: 0 is not possible with %s: %s", d.s.t.Module.Name, tasks.NoJob),
			Hint: "leave poll out, or give it a number",
		}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, time.Duration(a.limit)*time.Second, errLate)
	return ctx, cancel, nil
}

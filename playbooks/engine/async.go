package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/polarbook/polarbook/playbooks/engine/session"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/job"
	"github.com/polarbook/polarbook/tasks/remote"
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

// async does the work of a task with async. What can be one job of the host from its beginning to its end is that; for the rest see
// lasting and leave.
func (d *moduleRun) async(
	ctx context.Context, h *session.Handle, action tasks.Action, a async,
) (r tasks.Result, unknown string, err error) {
	job, detaches := action.(tasks.Detacher)
	switch {
	case d.check:
		r, unknown, err = d.do(ctx, h, action)
		if err == nil {
			r = d.s.p.r.jobs.check(d, r, a)
		}
	case detaches:
		r, err = d.detached(ctx, h, job, a)
	case a.poll == 0:
		r, err = d.leave(ctx, h, action, a)
	default:
		r, err = d.lasting(ctx, h, action, a)
	}
	return r, unknown, err
}

// detached starts the change as a job of the host, and waits for it unless poll is 0.
func (d *moduleRun) detached(ctx context.Context, h *session.Handle, detacher tasks.Detacher, a async) (tasks.Result, error) {
	action := detacher.(tasks.Action)
	found, err := d.find(ctx, h, action, action.Probe(), nil)
	if err != nil {
		return tasks.Result{}, err
	}
	plan, err := action.Plan(found)
	if err != nil {
		return tasks.Result{}, err
	}
	if err := d.s.p.handlers.recordPending(ctx, d.s, d.v, h); err != nil {
		return tasks.Result{}, err
	}
	id, start, err := detacher.Detach(plan, a.limit, a.poll == 0)
	if err != nil {
		return tasks.Result{}, err
	}
	over := time.Now().Add(time.Duration(a.limit) * time.Second)
	var made remote.Result
	err = session.Persist(ctx, over, func() (err error) {
		made, err = h.Shell().Run(ctx, start)
		return err
	})
	if err != nil {
		return tasks.Result{}, err
	}
	file, err := job.Started(made)
	if err != nil {
		return tasks.Result{}, err
	}
	if a.poll == 0 {
		return startedJob(id, file), nil
	}
	r, err := d.poll(ctx, h, id, a, over)
	if err == nil || ctx.Err() == nil {
		// As in Ansible, nothing is kept of what was waited for.
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), endingPatience)
		defer cancel()
		if _, e := h.Shell().Run(late, detacher.EndJob(id)); e != nil && err == nil {
			return r, fmt.Errorf("forget the job %s: %w", id, e)
		}
	}
	return r, err
}

// startedJob is the result of a task with poll: 0.
func startedJob(id, file string) tasks.Result {
	return tasks.Result{Changed: true, Msg: "started as the job " + id, Values: map[string]any{
		"ansible_job_id": id, "started": true, "finished": false, "results_file": file,
	}}
}

// lasting does work that has several steps so that a lost connection does not end it, within the time that async allows.
func (d *moduleRun) lasting(ctx context.Context, h *session.Handle, action tasks.Action, a async) (tasks.Result, error) {
	id := job.ID()
	ctx, cancel := context.WithTimeoutCause(ctx, time.Duration(a.limit)*time.Second, errLate)
	defer cancel()
	h = h.Lasting(time.Now().Add(time.Duration(a.limit)*time.Second), a.poll)
	r, _, err := d.do(ctx, h, action)
	if err != nil && (errors.Is(context.Cause(ctx), errLate) || errors.Is(err, tasks.ErrJobLate)) {
		return r, a.late(id)
	}
	values := map[string]any{"ansible_job_id": id, "started": true, "finished": true}
	var failed *tasks.Failure
	if errors.As(err, &failed) {
		failed.Values = mergeValues(failed.Values, values)
	}
	r.Values = mergeValues(r.Values, values)
	return r, err
}

// endingPatience bounds how long the end of a job is waited for.
const endingPatience = 15 * time.Second

// errLate is a job that was not done in its time.
var errLate = errors.New("the time is over")

// poll looks at a job until it has ended. A connection that is lost meanwhile is made anew.
func (d *moduleRun) poll(ctx context.Context, h *session.Handle, id string, a async, over time.Time) (tasks.Result, error) {
	status, ok := d.s.p.r.lookup("async_status")
	if !ok {
		return tasks.Result{}, errors.New("the module async_status is missing")
	}
	for {
		if tasks.Sleep(ctx, min(a.poll, time.Until(over))) != nil {
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

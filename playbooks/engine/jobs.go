package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/polarbook/polarbook/playbooks/engine/event"
	"github.com/polarbook/polarbook/playbooks/engine/session"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/job"
	"github.com/polarbook/polarbook/templates/ordered"
)

// jobs are a run's tasks with poll: 0 that polarbook itself works at, beside the tasks that follow. The run waits for them at its
// end, for what they have in hand could not go on without it.
type jobs struct {
	ctx context.Context // of the run
	all sync.WaitGroup

	mu      sync.Mutex
	running map[string]string       // the task and host of each, by id
	asked   map[string]tasks.Result // of tasks that were only asked (check mode), by host and id
}

func newJobs(ctx context.Context) *jobs {
	return &jobs{ctx: ctx, running: map[string]string{}, asked: map[string]tasks.Result{}}
}

// leave begins the work of a task and does not wait for it. Its result is noted on the host where Ansible notes those of jobs, so that
// async_status finds it, in another run too.
func (d *moduleRun) leave(ctx context.Context, h *session.Handle, action tasks.Action, a async) (tasks.Result, error) {
	if err := d.s.p.handlers.recordPending(ctx, d.s, d.v, h); err != nil {
		return tasks.Result{}, err
	}
	js := d.s.p.r.jobs
	id, limit := job.ID(), time.Duration(a.limit)*time.Second
	lasting := h.Lasting(time.Now().Add(limit), defaultPoll*time.Second)
	made, err := h.Shell().Run(ctx, job.Write(id, fmt.Sprintf(`{"started": 1, "finished": 0, "ansible_job_id": %q}`, id), a.limit+int(endingPatience.Seconds())))
	if err != nil {
		return tasks.Result{}, err
	}
	file, err := job.Started(made)
	if err != nil {
		return tasks.Result{}, err
	}
	js.mu.Lock()
	js.running[id] = d.s.name + " on " + d.v.h.name
	js.mu.Unlock()
	d.left = true
	hidden := d.s.hidden(d.v)
	js.all.Go(func() {
		defer func() {
			js.mu.Lock()
			delete(js.running, id)
			js.mu.Unlock()
		}()
		work, cancel := context.WithTimeoutCause(js.ctx, limit, errLate)
		defer cancel()
		r, err := d.alone(work, lasting, action)
		if err != nil && errors.Is(context.Cause(work), errLate) {
			err = &tasks.Failure{Msg: a.lateMsg()}
		}
		d.note(h, id, r, err, hidden)
	})
	return startedJob(id, file), nil
}

// alone does the work where nobody else would notice a panic.
func (d *moduleRun) alone(ctx context.Context, h *session.Handle, action tasks.Action) (r tasks.Result, err error) {
	defer d.recovered(&err)
	r, _, err = d.do(ctx, h, action)
	return r, err
}

// note writes the result of a job where async_status looks for it. What is secret in it is not written. The task's variables may be in
// use by what follows: they are not asked.
func (d *moduleRun) note(h *session.Handle, id string, r tasks.Result, err error, hidden bool) {
	var o *outcome
	if err != nil {
		o = d.s.failure(nil, err)
		o.values["changed"] = r.Changed
	} else {
		o = d.s.success(d.v, target{d.v.h, d.v}, r)
	}
	values := maps.Clone(o.values)
	values["ansible_job_id"], values["started"], values["finished"] = id, 1, 1
	state, e := json.Marshal(d.s.p.r.events.Masked(ordered.Sorted(values)))
	ctx, cancel := context.WithTimeout(context.WithoutCancel(d.s.p.r.jobs.ctx), endingPatience)
	defer cancel()
	if e == nil {
		e = session.Persist(ctx, time.Now().Add(endingPatience), func() error {
			made, err := h.Shell().Run(ctx, job.Write(id, string(state), 0))
			if err == nil {
				_, err = job.Started(made)
			}
			return err
		})
	}
	switch said := ""; {
	case e != nil:
		said = fmt.Sprintf("what came of the job %s (%s) could not be noted: %v", id, d.s.name, e)
		fallthrough
	case err != nil:
		if said == "" {
			said = fmt.Sprintf("the job %s (%s) failed: %s", id, d.s.name, o.msg)
		}
		if hidden {
			said = fmt.Sprintf("the job %s (%s) failed; the output is hidden: no_log is set for this task", id, d.s.name)
		}
		d.s.p.r.events.Emit(event.HostSaid{Time: time.Now(), Host: d.v.h.name, Line: said})
	}
}

// wait waits for the jobs that have not ended, each of which has its time.
func (js *jobs) wait(tell func(line string)) {
	js.mu.Lock()
	for id, what := range js.running {
		tell(fmt.Sprintf("waiting for the job %s: %s", id, what))
	}
	js.mu.Unlock()
	js.all.Wait()
}

// check gives what a task with async would do the marks of a job, for which async_status may ask while the run lasts.
func (js *jobs) check(d *moduleRun, r tasks.Result, a async) tasks.Result {
	id := job.ID()
	marks := map[string]any{"ansible_job_id": id, "started": true, "finished": true, "results_file": "~/.ansible_async/" + id}
	r.Values = mergeValues(r.Values, marks)
	if a.poll != 0 {
		return r
	}
	js.mu.Lock()
	defer js.mu.Unlock()
	js.asked[d.target.h.name+"\x00"+id] = r
	return startedJob(id, "~/.ansible_async/"+id)
}

// checked answers an async_status that asks for a job of check.
func (js *jobs) checked(d *moduleRun, args map[string]any) (tasks.Result, bool) {
	if d.s.t.Module.Name != "async_status" {
		return tasks.Result{}, false
	}
	key := d.target.h.name + "\x00" + text(args["jid"])
	js.mu.Lock()
	defer js.mu.Unlock()
	r, ok := js.asked[key]
	if ok && args["mode"] == "cleanup" {
		delete(js.asked, key)
		r = tasks.Result{Values: map[string]any{
			"ansible_job_id": r.Values["ansible_job_id"], "started": false, "finished": false, "erased": r.Values["results_file"],
		}}
	}
	return r, ok
}

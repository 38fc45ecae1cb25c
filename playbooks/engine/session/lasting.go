package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/job"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

// Lasting returns the same host for work that a lost connection is not to end: until then it is connected to anew. Each script that
// is run goes on as a job of the host meanwhile, and is looked for by its id at least every pause; files are sent again. What has to
// be one connection (Stream, Dial) fails as ever.
//
// Nothing is told of the work, which may go on beside the tasks that follow.
func (h *Handle) Lasting(until time.Time, pause time.Duration) *Handle {
	lasting := *h
	lasting.lasting = &span{until: until, pause: pause}
	lasting.work.Quiet = true
	return &lasting
}

// span is for how long something is tried, and after which pause at most.
type span struct {
	until time.Time
	pause time.Duration
}

// pauses between tries: short at first, for most scripts are.
const (
	firstPause = 50 * time.Millisecond
	losePause  = time.Second
)

// Persist tries again what fails because the connection is lost, until it is too late.
func Persist(ctx context.Context, until time.Time, try func() error) error {
	for {
		err := try()
		var lost *remote.UnreachableError
		if err == nil || !errors.As(err, &lost) || ctx.Err() != nil || !time.Now().Add(losePause).Before(until) {
			return err
		}
		if tasks.Sleep(ctx, losePause) != nil {
			return err
		}
	}
}

// lastingShell is a shell that outlives its connections.
type lastingShell struct {
	tasks.Shell // of the connection that stood when it was opened
	span
	open func(ctx context.Context) (tasks.Shell, error)
}

// on has something done with a shell of a connection that stands.
func (s lastingShell) on(ctx context.Context, do func(tasks.Shell) error) error {
	return Persist(ctx, s.until, func() error {
		shell, err := s.open(ctx)
		if err != nil {
			return err
		}
		return do(shell)
	})
}

// ask runs a script that may be run again.
func (s lastingShell) ask(ctx context.Context, c remote.Command) (r remote.Result, err error) {
	err = s.on(ctx, func(shell tasks.Shell) (err error) {
		r, err = shell.Run(ctx, c)
		return err
	})
	return r, err
}

// endPatience bounds how long a job is waited for that is ended or forgotten.
const endPatience = 15 * time.Second

// Run runs a script as a job, unless nobody may end it half-way: the lock knows of those.
func (s lastingShell) Run(ctx context.Context, c remote.Command) (remote.Result, error) {
	if c.Uncut != "" {
		return s.Shell.Run(ctx, c)
	}
	id := job.ID()
	limit := int(time.Until(s.until)/time.Second) + 1
	start := job.Start(job.Request{ID: id, Script: c.Script, Stdin: c.Stdin, Limit: max(limit, 1)})
	start.Env, start.Dir = c.Env, c.Dir
	answer, err := s.ask(ctx, start)
	if err == nil {
		_, err = job.Started(answer)
	}
	var r remote.Result
	if err == nil {
		r, err = s.wait(ctx, c, id)
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), endPatience)
	defer cancel()
	if _, e := s.ask(late, job.Erase(id, err != nil)); e != nil && err == nil {
		err = fmt.Errorf("forget the job %s: %w", id, e)
	}
	return r, err
}

// wait looks at a job until it has ended.
func (s lastingShell) wait(ctx context.Context, c remote.Command, id string) (remote.Result, error) {
	keep := c.Keep
	if keep == 0 {
		keep = remote.MaxOutput
	}
	look := remote.Command{Script: job.Look(id, keep), Keep: 4 * keep} // in base64, twice
	for pause := firstPause; ; pause = min(2*pause, max(s.pause, firstPause)) {
		answer, err := s.ask(ctx, look)
		if err != nil {
			return remote.Result{}, err
		}
		var state job.State
		err = script.Decode(answer.Stdout, &state)
		r := state.Result()
		switch {
		case err != nil:
			return r, err
		case state.Gone, state.Lost:
			return r, job.ErrLost
		case state.Late:
			return r, tasks.ErrJobLate
		case !state.Running && !c.Cut && (r.StdoutCut != 0 || r.StderrCut != 0):
			return r, fmt.Errorf("a command wrote more than the %d bytes that its answer may have", keep)
		case !state.Running:
			return r, nil
		}
		if err := tasks.Sleep(ctx, pause); err != nil {
			return r, err
		}
	}
}

func (s lastingShell) Upload(ctx context.Context, u remote.Upload) error {
	return s.on(ctx, func(shell tasks.Shell) error { return shell.Upload(ctx, u) })
}

func (s lastingShell) ReadFile(ctx context.Context, path string, limit int64) (content []byte, err error) {
	err = s.on(ctx, func(shell tasks.Shell) (err error) {
		content, err = shell.ReadFile(ctx, path, limit)
		return err
	})
	return content, err
}

package site

import (
	"maps"
	"math/rand/v2"
	"strings"
	"time"
)

// Polarbook runs it to its end and wants the exit code.
func (l *ControlNode) Polarbook(code int, args ...string) *Outcome {
	l.T.Helper()
	return l.Start(nil, args...).Wait().Exits(code)
}

// Run runs a playbook with events, and wants the exit code.
func (l *ControlNode) Run(code int, playbook string, args ...string) *Outcome {
	l.T.Helper()
	return l.Polarbook(code, withEvents(playbook, args)...)
}

func withEvents(playbook string, args []string) []string {
	return append([]string{"run", playbook, "--output", "json"}, args...)
}

// Disturb runs a playbook and breaks something once the moment-th task has begun. It waits for both.
func (l *ControlNode) Disturb(playbook string, moment int, breakIt func(), args ...string) *Outcome {
	l.T.Helper()
	began, broken := 0, make(chan struct{})
	r := l.Start(func(_ *Running, e Event) {
		if e.Type == "task_started" {
			if began++; began == moment {
				go func() { defer close(broken); breakIt() }()
			}
		}
	}, withEvents(playbook, args)...)
	o := r.Wait()
	if began < moment {
		l.T.Fatalf("the run began %d tasks, want %d at least\n%s", began, moment, o.Story())
	}
	<-broken
	return o
}

// KillAt runs a playbook and kills polarbook that long after it began its moment-th task, or as soon as that task is over:
// where tasks are short, a fixed time would leave most runs alive. It says false when the run had ended well by then; one
// that failed before it was killed fails the test.
func (l *ControlNode) KillAt(playbook string, moment int, late time.Duration, args ...string) bool {
	l.T.Helper()
	began, task := 0, ""
	o := l.Start(func(r *Running, e Event) {
		if e.Type != "task_started" {
			return
		}
		switch began++; {
		case began == moment:
			task = e.Name
			time.AfterFunc(late, r.Kill)
		case began > moment:
			r.Kill()
		}
	}, withEvents(playbook, args)...).Wait()
	switch o.Code {
	case 0:
		l.T.Logf("the run of %d tasks was over before %s after its task %d", began, late.Round(time.Millisecond), moment)
		return false
	case -1:
		l.T.Logf("killed at most %s after task %d began, in %q, after %s", late.Round(time.Millisecond), moment, task,
			o.Took.Round(time.Millisecond))
		return true
	}
	l.T.Fatalf("a run that was not killed yet failed\n%s", o.Story())
	return false
}

// KillWhen runs a playbook and kills polarbook at the first event that sign knows.
func (l *ControlNode) KillWhen(sign func(Event) bool, playbook string, args ...string) *Outcome {
	l.T.Helper()
	o := l.Start(func(r *Running, e Event) {
		if sign(e) {
			r.Kill()
		}
	}, withEvents(playbook, args)...).Wait()
	return o.Exits(-1)
}

// Begins knows the beginning of a task, by the end of its name.
func Begins(task string) func(Event) bool {
	return func(e Event) bool { return e.Type == "task_started" && strings.HasSuffix(e.Name, task) }
}

// Ends knows the moment when a task has changed a host.
func Ends(task string) func(Event) bool {
	id := -1
	return func(e Event) bool {
		if Begins(task)(e) {
			id = e.TaskID
		}
		return e.Type == "host_done" && e.TaskID == id && e.Status == "changed"
	}
}

// KillSomewhere runs a playbook and kills polarbook somewhere in it, and says how often it did: 0 when the run was over
// before. How many tasks there are is asked of a check.
func (l *ControlNode) KillSomewhere(dice *rand.Rand, playbook string, args ...string) (kills int) {
	l.T.Helper()
	tasks := 0
	for _, e := range l.Run(0, playbook, append([]string{"--check"}, args...)...).Events {
		if e.Type == "task_started" {
			tasks++
		}
	}
	moment := 1 + dice.IntN(max(1, tasks))
	// Most steps take some milliseconds, some a few seconds.
	late := time.Duration(dice.Float64() * dice.Float64() * float64(1500*time.Millisecond))
	if l.KillAt(playbook, moment, late, args...) {
		return 1
	}
	return 0
}

// Twice runs a playbook that changes something, asks before what it would do, and runs it again: nothing more is to do.
func (s *Site) Twice(playbook string, args ...string) *Outcome {
	s.T.Helper()
	s.untouched(func() { s.Run(0, playbook, append([]string{"--check"}, args...)...).Changed() })
	o := s.Run(0, playbook, args...).Changed()
	s.Run(0, playbook, args...).Unchanged()
	return o
}

// Refused wants that a run fails with this text, and that a check of it does too, and that neither changes a thing.
func (s *Site) Refused(text, playbook string, args ...string) {
	s.T.Helper()
	s.untouched(func() {
		s.Run(2, playbook, append([]string{"--check"}, args...)...).Says(text).Unchanged()
		s.Run(2, playbook, args...).Says(text).Unchanged()
	})
}

// untouched wants that nobody's part in the cluster is another after f.
func (s *Site) untouched(f func()) {
	s.T.Helper()
	before := s.answered()
	f()
	if after := s.answered(); after.Leader != before.Leader || !maps.Equal(after.Roles(), before.Roles()) {
		s.T.Errorf("the cluster was changed from %+v to %+v", before, after)
	}
}

package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/playbooks/engine/event"
	"github.com/polarbook/polarbook/playbooks/engine/session"
	"github.com/polarbook/polarbook/tasks/remote"
)

// entry is one handler as it is remembered: with the play, for the same name may mean another handler in the next.
func (p *playRun) entry(handler string) string {
	return strings.ReplaceAll(text(p.play.Name.Raw), "\n", " ") + "\t" + strings.ReplaceAll(handler, "\n", " ")
}

// recordPending writes down, before a change is made, the handlers that it will call for.
func (hs *handlers) recordPending(ctx context.Context, s *taskRun, v *variables, on *session.Handle) error {
	if hs.p.r.o.PendingHandlers == nil {
		return nil
	}
	names, err := hs.names(s, v)
	if err != nil || len(names) == 0 {
		return err
	}
	h := v.h
	h.mu.Lock()
	pending := slices.Clone(h.pendingHandlers[hs.p.book.Name])
	h.mu.Unlock()
	before := len(pending)
	for _, name := range names {
		if e := hs.p.entry(name); !slices.Contains(pending, e) {
			pending = append(pending, e)
		}
	}
	if len(pending) == before {
		return nil
	}
	return hs.p.remember(ctx, s, h, on, pending)
}

// remember writes down which handlers are pending on a host. That they cannot be written (a host without root) is said
// and stops nothing.
func (p *playRun) remember(ctx context.Context, s *taskRun, h *host, on *session.Handle, pending []string) error {
	if on == nil || on.Name() != h.name {
		own, err := p.playHandle(s, h)
		if err != nil {
			return err
		}
		on = own
	}
	if err := p.r.o.PendingHandlers.Save(ctx, on, p.book.Name, pending); err != nil {
		var lost *remote.UnreachableError
		if errors.As(err, &lost) || ctx.Err() != nil {
			return err
		}
		on.Say(fmt.Sprintf("could not record the pending handlers, which are lost if this run is interrupted: %v", err))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.pendingHandlers == nil {
		h.pendingHandlers = map[string][]string{}
	}
	h.pendingHandlers[p.book.Name] = pending
	return nil
}

// playHandle returns a handle of a host outside any task, with the play's own keywords. s may be nil.
func (p *playRun) playHandle(s *taskRun, h *host) (*session.Handle, error) {
	v, err := p.vars(h, p.scope, nil)
	if err != nil {
		return nil, err
	}
	if s == nil {
		s = &taskRun{p: p, t: &playbooks.Task{Origin: p.play.Origin}, sc: p.scope}
	}
	return p.handle(s, target{h, v}, h, nil, false)
}

// loadPendingHandlers asks each host once a playbook what earlier runs left, and notes those handlers of this play.
func (p *playRun) loadPendingHandlers(ctx context.Context, hosts []*host) {
	if p.r.o.PendingHandlers == nil {
		return
	}
	var all sync.WaitGroup
	for _, h := range standing(hosts) {
		if h.knowsPendingHandlers(p.book.Name) {
			continue
		}
		p.r.forks <- struct{}{}
		all.Go(func() {
			defer func() { <-p.r.forks }()
			on, err := p.playHandle(nil, h)
			var pending []string
			if err == nil {
				pending, err = p.r.o.PendingHandlers.Load(ctx, on, p.book.Name)
			}
			var refused *session.NotBelievedError
			if errors.As(err, &refused) {
				p.r.sayOf(h, "the note of which handlers an interrupted run left: %v; none of it is run. "+
					"Look at who wrote it, and give it back to root or remove it", refused)
				err = nil
			}
			if err != nil {
				return // the first task meets the same trouble, and says so
			}
			h.mu.Lock()
			defer h.mu.Unlock()
			if h.pendingHandlers == nil {
				h.pendingHandlers = map[string][]string{}
			}
			h.pendingHandlers[p.book.Name] = pending
		})
	}
	all.Wait()
	for _, h := range standing(hosts) {
		h.mu.Lock()
		pending := h.pendingHandlers[p.book.Name]
		h.mu.Unlock()
		for _, e := range pending {
			if name, ok := strings.CutPrefix(e, p.entry("")); ok {
				p.handlers.owe(name, h)
				if len(p.handlers.meant(name, h)) > 0 {
					p.r.sayOf(h, "an earlier run was interrupted before the handler %q: it will run", name)
				}
			}
		}
	}
}

// owe notes a handler that an earlier run left.
func (hs *handlers) owe(name string, h *host) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	hs.owed[h] = append(hs.owed[h], name)
}

// passed calls for the handlers that an earlier run left and that a task calls for, whether it changed something now or not. A
// name that cannot be told without a loop's item waits for the end of the play's tasks.
func (hs *handlers) passed(s *taskRun, h *host) {
	hs.mu.Lock()
	none := len(hs.owed[h]) == 0
	hs.mu.Unlock()
	if none || len(s.sc.notified()) == 0 {
		return
	}
	v, err := hs.p.vars(h, s.sc, &s.t.Origin)
	if err != nil {
		return
	}
	names, err := hs.names(s, v)
	if err != nil {
		return
	}
	hs.settle(h, func(name string) bool { return slices.Contains(names, name) })
}

// settle calls for those of the handlers that an earlier run left of which due is true. A name that is no handler's any more is
// dropped.
func (hs *handlers) settle(h *host, due func(name string) bool) {
	hs.mu.Lock()
	var now []string
	hs.owed[h] = slices.DeleteFunc(hs.owed[h], func(name string) bool {
		if !due(name) {
			return false
		}
		now = append(now, name)
		return true
	})
	hs.mu.Unlock()
	for _, name := range now {
		hs.mark(name, h)
	}
}

// sayOf reports a line about a host that belongs to no task.
func (r *run) sayOf(h *host, format string, args ...any) {
	r.events.Emit(event.HostSaid{Time: time.Now(), Host: h.name, Line: fmt.Sprintf(format, args...)})
}

func (h *host) knowsPendingHandlers(book string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, known := h.pendingHandlers[book]
	return known
}

// savePendingHandlers writes down what is pending now that the play is over.
func (p *playRun) savePendingHandlers(ctx context.Context, hosts []*host) {
	if p.r.o.PendingHandlers == nil || p.r.o.Check {
		return
	}
	// Being asked to stop must not lose what is pending: a run that is cancelled has written it down before each change.
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var all sync.WaitGroup
	for _, h := range hosts {
		h.mu.Lock()
		before := h.pendingHandlers[p.book.Name]
		h.mu.Unlock()
		var pending []string
		for _, e := range before {
			if !strings.HasPrefix(e, p.entry("")) {
				pending = append(pending, e)
			}
		}
		for _, name := range p.handlers.pending(h) {
			pending = append(pending, p.entry(name))
		}
		if h.state() == unreachable || slices.Equal(pending, before) {
			continue
		}
		p.r.forks <- struct{}{}
		all.Go(func() {
			defer func() { <-p.r.forks }()
			_ = p.remember(ctx, nil, h, nil, pending) // an unreachable host keeps the older, longer list
		})
	}
	all.Wait()
}

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

// owe remembers, before a change is made, the handlers that it will call for.
func (hs *handlers) owe(ctx context.Context, s *step, h *host, on *session.Handle) error {
	if hs.p.r.o.Owed == nil {
		return nil
	}
	names, err := hs.names(s, h)
	if err != nil || len(names) == 0 {
		return err
	}
	h.mu.Lock()
	owed := slices.Clone(h.owed[hs.p.book.Name])
	h.mu.Unlock()
	before := len(owed)
	for _, name := range names {
		if e := hs.p.entry(name); !slices.Contains(owed, e) {
			owed = append(owed, e)
		}
	}
	if len(owed) == before {
		return nil
	}
	return hs.p.remember(ctx, s, h, on, owed)
}

// remember writes what a host owes. That it cannot be written (a host without root) is said and stops nothing.
func (p *playRun) remember(ctx context.Context, s *step, h *host, on *session.Handle, owed []string) error {
	if on == nil || on.Name() != h.name {
		own, err := p.lendTo(s, h)
		if err != nil {
			return err
		}
		on = own
	}
	if err := p.r.o.Owed.Save(ctx, on, p.book.Name, owed); err != nil {
		var lost *remote.UnreachableError
		if errors.As(err, &lost) || ctx.Err() != nil {
			return err
		}
		on.Say(fmt.Sprintf("could not write down which handlers are owed, should this run be interrupted: %v", err))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.owed == nil {
		h.owed = map[string][]string{}
	}
	h.owed[p.book.Name] = owed
	return nil
}

// lendTo lends a host outside any task, with the play's own keywords.
func (p *playRun) lendTo(s *step, h *host) (*session.Handle, error) {
	v, err := p.vars(h, p.scope, nil)
	if err != nil {
		return nil, err
	}
	if s == nil {
		s = &step{p: p, t: &playbooks.Task{Origin: p.play.Origin}, sc: p.scope}
	}
	return p.handle(s, place{h, v}, h, nil, false)
}

// loadOwed asks each host once a playbook what earlier runs left, and calls for those handlers of this play.
func (p *playRun) loadOwed(ctx context.Context, hosts []*host) {
	if p.r.o.Owed == nil {
		return
	}
	var all sync.WaitGroup
	for _, h := range standing(hosts) {
		if h.knowsOwed(p.book.Name) {
			continue
		}
		p.r.forks <- struct{}{}
		all.Go(func() {
			defer func() { <-p.r.forks }()
			on, err := p.lendTo(nil, h)
			var owed []string
			if err == nil {
				owed, err = p.r.o.Owed.Load(ctx, on, p.book.Name)
			}
			var refused *session.NotBelievedError
			if errors.As(err, &refused) {
				p.r.events.Emit(event.HostSaid{Time: time.Now(), Host: h.name, Line: "the note of which handlers an interrupted run left: " + refused.Error() + "; none of it is run. Look at who wrote it, and give it back to root or remove it"})
				err = nil
			}
			if err != nil {
				return // the first task meets the same trouble, and says so
			}
			h.mu.Lock()
			defer h.mu.Unlock()
			if h.owed == nil {
				h.owed = map[string][]string{}
			}
			h.owed[p.book.Name] = owed
		})
	}
	all.Wait()
	for _, h := range standing(hosts) {
		h.mu.Lock()
		owed := h.owed[p.book.Name]
		h.mu.Unlock()
		for _, e := range owed {
			if name, ok := strings.CutPrefix(e, p.entry("")); ok && p.handlers.mark(name, h) {
				p.r.events.Emit(event.HostSaid{Time: time.Now(), Host: h.name, Line: fmt.Sprintf("an earlier run was interrupted before the handler %q: it will run", name)})
			}
		}
	}
}

func (h *host) knowsOwed(book string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, known := h.owed[book]
	return known
}

// saveOwed brings what is remembered in line with what is owed now that the play is over.
func (p *playRun) saveOwed(ctx context.Context, hosts []*host) {
	if p.r.o.Owed == nil || p.r.o.Check {
		return
	}
	// Being asked to stop must not lose what is owed; a run that is cancelled has written it down before each change.
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var all sync.WaitGroup
	for _, h := range hosts {
		h.mu.Lock()
		before := h.owed[p.book.Name]
		h.mu.Unlock()
		var owed []string
		for _, e := range before {
			if !strings.HasPrefix(e, p.entry("")) {
				owed = append(owed, e)
			}
		}
		for _, name := range p.handlers.pending(h) {
			owed = append(owed, p.entry(name))
		}
		if h.state() == unreachable || slices.Equal(owed, before) {
			continue
		}
		p.r.forks <- struct{}{}
		all.Go(func() {
			defer func() { <-p.r.forks }()
			_ = p.remember(ctx, nil, h, nil, owed) // an unreachable host keeps the older, longer list
		})
	}
	all.Wait()
}

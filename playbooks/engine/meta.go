package engine

import (
	"context"
	"fmt"
	"slices"

	"github.com/polarbook/polarbook/playbooks/engine/event"
)

// As in Ansible, some of what meta does is for the whole play, and asks the condition on the first host alone; and some asks none.
var (
	metaForAll     = []string{"clear_facts", "clear_host_errors", "end_batch", "end_play", "refresh_inventory"}
	metaRegardless = []string{"noop", "refresh_inventory", "reset_connection"}
)

// meta does what a meta task says, on each host for which its condition holds.
func (s *taskRun) meta(ctx context.Context, hosts []*host) {
	action := text(s.t.Args["action"].Raw)
	if slices.Contains(metaForAll, action) {
		hosts = hosts[:1]
	}
	on := hosts
	if !slices.Contains(metaRegardless, action) {
		var ok bool
		if on, ok = s.metaHosts(hosts); !ok {
			return
		}
	}
	if len(on) == 0 {
		return
	}
	switch action {
	case "noop":
	case "flush_handlers":
		s.p.handlers.flush(ctx, on, s.sc.rescuable)
	case "end_host":
		for _, h := range on {
			h.become(ended)
		}
	case "end_role":
		for _, h := range on {
			s.sc.endRole(h)
		}
	case "end_batch", "end_play":
		for _, h := range s.p.batch {
			if h.state() == active {
				h.become(ended)
			}
		}
		if action == "end_play" {
			s.p.mu.Lock()
			s.p.over = true
			s.p.mu.Unlock()
		}
	case "clear_facts":
		for _, h := range s.p.every() {
			h.clearFacts()
		}
	case "clear_host_errors":
		for _, h := range s.p.every() {
			h.forgive()
		}
	case "refresh_inventory":
		if err := s.p.r.refreshInventory(); err != nil {
			s.p.fail(at(s.t.Pos, fmt.Errorf("meta: refresh_inventory: %w", err)))
		}
	case "reset_connection":
		for _, h := range on {
			if v, err := s.p.vars(h, s.sc, &s.t.Origin); err == nil {
				_ = s.p.r.sessions.Reset(target{h, v}) // variables that are wrong are said by the task that connects
			}
		}
	default:
		s.p.fail(at(s.t.Pos, fmt.Errorf("meta: %q is not implemented", action)))
	}
}

// metaHosts returns the hosts on which the condition holds. Where it cannot be asked the host fails; ok is false when that is the
// whole run's mistake.
func (s *taskRun) metaHosts(hosts []*host) (on []*host, ok bool) {
	for _, h := range hosts {
		v, err := s.p.vars(h, s.sc, &s.t.Origin)
		if err != nil {
			s.p.fail(err)
			return nil, false
		}
		holds, _, err := v.conditions(s.sc.when())
		if err != nil {
			h.become(failed)
			h.count(event.Failed, false)
			s.p.r.events.Emit(s.done(h, s.failure(v, err)))
			continue
		}
		if holds {
			on = append(on, h)
		}
	}
	return on, true
}

// every returns the hosts that the play's pattern names, those among them that fell before it began.
func (p *playRun) every() []*host {
	selected, err := p.r.selectHosts(p.play, p.answers)
	if err != nil {
		return p.all // said when the play began
	}
	var all []*host
	for _, inv := range selected {
		if h, ok := p.r.host(inv.Name); ok {
			all = append(all, h)
		}
	}
	return all
}

// forgive has a host that fell come back with the next play, and its failures up to now make no failure of the run.
func (h *host) forgive() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.cond == failed || h.cond == unreachable {
		h.cond = ended
	}
	h.forgiven = h.recap.Failed
}

// refreshInventory reads the inventory anew. What add_host and group_by made stays.
func (r *run) refreshInventory() error {
	if r.o.Refresh == nil {
		return nil
	}
	if err := r.o.Refresh(); err != nil {
		return err
	}
	r.mu.Lock()
	for name, h := range r.hosts {
		if inv, ok := r.o.Inventory.Host(name); ok {
			h.mu.Lock()
			h.inv = inv
			h.mu.Unlock()
		}
	}
	r.mu.Unlock()
	r.changes.Add(1)
	return nil
}

package engine

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/polarbook/polarbook/playbooks"
)

// handlers are a play's, in the order of their definition: those of its roles, then its own.
type handlers struct {
	p    *playRun
	mu   sync.Mutex
	list []*handler
}

type handler struct {
	node    playbooks.Node
	sc      *scope
	name    string // may hold templates
	role    string
	listen  []string
	pending map[*host]bool
}

func newHandlers(p *playRun) *handlers {
	hs := &handlers{p: p}
	var find func(nodes []playbooks.Node, sc *scope)
	find = func(nodes []playbooks.Node, sc *scope) {
		for _, node := range nodes {
			switch n := node.(type) {
			case *playbooks.Block:
				if n.Role != "" {
					hs.addRole(n, sc)
				}
				for _, part := range [][]playbooks.Node{n.Block, n.Rescue, n.Always} {
					find(part, sc.block(n, part))
				}
			case *playbooks.Include:
				// Its handlers are known once it is reached.
			}
		}
	}
	find(sections(p.play), p.scope)
	hs.add(p.play.Handlers, p.scope, "")
	return hs
}

// addRole adds a role's handlers, unless the same ones are there already.
func (hs *handlers) addRole(b *playbooks.Block, outer *scope) {
	hs.add(b.RoleHandlers, outer.block(b, nil), b.Role)
}

func (hs *handlers) add(nodes []playbooks.Node, sc *scope, role string) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	for _, node := range nodes {
		h := &handler{node: node, sc: sc, role: role, pending: map[*host]bool{}}
		switch n := node.(type) {
		case *playbooks.Task:
			h.listen = n.Listen
		case *playbooks.Include:
			h.listen = n.Listen
		}
		h.name = text(node.Keywords().Name.Raw)
		known := slices.ContainsFunc(hs.list, func(o *handler) bool {
			return o.role == role && role != "" && o.node.Keywords().Pos == node.Keywords().Pos
		})
		if !known {
			hs.list = append(hs.list, h)
		}
	}
}

// notify marks the handlers that a changed task calls for.
func (hs *handlers) notify(s *taskRun, h *host) error {
	names, err := hs.names(s, h)
	if err != nil {
		return err
	}
	for _, name := range names {
		if !hs.mark(name, h) {
			return at(s.t.Pos, fmt.Errorf("the task %q notifies %q, but no handler has that name or listens to it", s.name, name))
		}
	}
	return nil
}

// names returns the handlers and topics that a task notifies, rendered.
func (hs *handlers) names(s *taskRun, h *host) ([]string, error) {
	notified := s.sc.notified()
	if len(notified) == 0 {
		return nil, nil
	}
	v, err := hs.p.vars(h, s.sc, &s.t.Origin)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, n := range notified {
		x, _, err := v.value(n)
		if err != nil {
			return nil, fmt.Errorf("notify: %w", err)
		}
		for _, name := range asList(x) {
			names = append(names, text(name))
		}
	}
	return names, nil
}

// mark makes pending on a host the handler of that name, the last of several, and all that listen to it as a topic. It
// reports whether there is any.
func (hs *handlers) mark(name string, h *host) bool {
	hs.mu.Lock()
	list := slices.Clone(hs.list)
	hs.mu.Unlock()
	var found []*handler
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].named(hs.p, name, h) {
			found = append(found, list[i])
			break
		}
	}
	for _, one := range list {
		if slices.Contains(one.listen, name) {
			found = append(found, one)
		}
	}
	hs.mu.Lock()
	defer hs.mu.Unlock()
	for _, one := range found {
		one.pending[h] = true
	}
	return len(found) > 0
}

func (x *handler) named(p *playRun, name string, h *host) bool {
	own := x.name
	if own == "" {
		return false
	}
	if v, err := p.vars(h, x.sc, nil); err == nil {
		own = v.label(x.node.Keywords().Name, own)
	}
	return own == name || x.role != "" && x.role+" : "+own == name
}

// flush runs what is pending, in the order of definition. What a handler notifies that stands after it runs in the same
// pass, what stands before it in the next. No handler runs twice on a host in one flush, so that handlers that notify
// one another in a circle come to an end; what is then still pending waits for the next flush.
func (hs *handlers) flush(ctx context.Context, hosts []*host) {
	ran := map[*handler]map[*host]bool{}
	for again := true; again; {
		again = false
		hs.mu.Lock()
		list := slices.Clone(hs.list)
		hs.mu.Unlock()
		for _, x := range list {
			if ran[x] == nil {
				ran[x] = map[*host]bool{}
			}
			due := hs.take(ctx, x, hosts, ran[x])
			if len(due) == 0 {
				continue
			}
			again = true
			hs.run(ctx, x, due)
		}
	}
}

// take returns the hosts on which a handler is pending and may run. A stopped run takes none.
func (hs *handlers) take(ctx context.Context, x *handler, hosts []*host, ran map[*host]bool) []*host {
	forced := hs.forced()
	stopped := hs.p.r.stopped(ctx)
	hs.mu.Lock()
	defer hs.mu.Unlock()
	var due []*host
	for _, h := range hosts {
		if !x.pending[h] || ran[h] {
			continue
		}
		s := h.state()
		if s != active && (s != failed || !forced) {
			continue
		}
		if stopped {
			h.wait("handler " + x.name)
			continue
		}
		due = append(due, h)
		ran[h] = true
	}
	return due
}

// run runs one handler. Hosts that had failed stay failed.
func (hs *handlers) run(ctx context.Context, x *handler, hosts []*host) {
	var fallen []*host
	for _, h := range hosts {
		if h.state() == failed {
			fallen = append(fallen, h)
			h.become(active)
		}
	}
	broken := hs.p.suspend()
	switch n := x.node.(type) {
	case *playbooks.Task:
		hs.p.task(ctx, n, x.sc, hosts, handlerTask)
	case *playbooks.Include:
		hs.p.includeAs(ctx, n, x.sc, hosts, true)
	default:
		hs.p.walk(ctx, []playbooks.Node{n}, x.sc, hosts)
	}
	hs.p.resume(broken)
	for _, h := range hosts {
		if s := h.state(); s == active || s == ended {
			// Only now: what a handler notifies while it runs, itself included, is done with when it is.
			hs.mu.Lock()
			delete(x.pending, h)
			hs.mu.Unlock()
		}
	}
	for _, h := range fallen {
		if h.state() == active {
			h.become(failed)
		}
	}
}

func (hs *handlers) forced() bool {
	if len(hs.p.batch) == 0 {
		return false
	}
	v, err := hs.p.vars(hs.p.batch[0], hs.p.scope, nil)
	if err != nil {
		return false
	}
	yes, err := v.boolean(hs.p.play.ForceHandlers, false)
	return err == nil && yes
}

// pending names the handlers that are pending on a host.
func (hs *handlers) pending(h *host) []string {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	var names []string
	for _, x := range hs.list {
		if !x.pending[h] {
			continue
		}
		switch {
		case x.name != "" && x.role != "":
			names = append(names, x.role+" : "+x.name)
		case x.name != "":
			names = append(names, x.name)
		case len(x.listen) > 0:
			names = append(names, x.listen[0])
		}
	}
	return names
}

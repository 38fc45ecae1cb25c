package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/polarbook/polarbook/playbooks"
)

// handlers are a play's: those of roles:, the play's own, those of import_role, and those of included roles as they are met,
// as Ansible has them. Every use of a role brings its handlers once more, with the variables of that use.
type handlers struct {
	p    *playRun
	mu   sync.Mutex
	list []*handler // in the order in which they run
	// lists counts the lists of handlers: of handlers with one name the first of the list that came last is meant.
	lists int
	// notified are the names called for on each host, in order. Which handlers they mean is settled when they are flushed, so
	// that the last use of a role counts.
	notified map[*host][]string
	// owed are the names that earlier runs left on each host: they are called for once the host is past a task that calls for
	// them, for a role's handlers need what the role has found out by then.
	owed map[*host][]string
	// flushing are the hosts that run handlers just now.
	flushing map[*host]bool
}

type handler struct {
	node    playbooks.Node
	sc      *scope
	name    string // may hold templates
	role    *role
	listen  []string
	of      int // which list it is from
	pending map[*host]bool
}

func newHandlers(p *playRun) *handlers {
	hs := &handlers{p: p, notified: map[*host][]string{}, owed: map[*host][]string{}, flushing: map[*host]bool{}}
	var imported []func()
	eachRole(sections(p.play), p.scope, false, func(b *playbooks.Block, outer *scope, byImport bool) {
		if byImport {
			imported = append(imported, func() { hs.addRole(b, outer) })
			return
		}
		hs.addRole(b, outer)
	})
	hs.add(p.play.Handlers, p.scope, nil)
	for _, add := range imported {
		add()
	}
	return hs
}

// eachRole calls f for the roles among nodes, each after those that it depends on and those that it imports. byImport is true
// for what import_role brings in.
func eachRole(nodes []playbooks.Node, sc *scope, byImport bool, f func(b *playbooks.Block, outer *scope, byImport bool)) {
	for _, node := range nodes {
		b, ok := node.(*playbooks.Block)
		if !ok {
			continue // the handlers of an include are known once it is reached
		}
		inner := byImport || b.RoleImported
		for _, part := range [][]playbooks.Node{b.Block, b.Rescue, b.Always} {
			eachRole(part, sc.block(b, part), inner, f)
		}
		if b.Role != "" {
			f(b, sc, inner)
		}
	}
}

func (hs *handlers) addRole(b *playbooks.Block, outer *scope) {
	inner := outer.block(b, nil)
	hs.add(b.RoleHandlers, inner, inner.role)
}

func (hs *handlers) add(nodes []playbooks.Node, sc *scope, of *role) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	hs.lists++
	var add func(nodes []playbooks.Node, sc *scope)
	add = func(nodes []playbooks.Node, sc *scope) {
		for _, node := range nodes {
			h := &handler{node: node, sc: sc, role: of, of: hs.lists, pending: map[*host]bool{}}
			switch n := node.(type) {
			case *playbooks.Task:
				h.listen = n.Listen
			case *playbooks.Include:
				h.listen = n.Listen
			case *playbooks.Block: // import_tasks: each of its tasks is a handler
				add(n.Block, sc.block(n, n.Block))
				continue
			}
			h.name = text(node.Keywords().Name.Raw)
			hs.list = append(hs.list, h)
		}
	}
	add(nodes, sc)
}

// notify marks the handlers that a changed task calls for.
func (hs *handlers) notify(s *taskRun, h *host, names []string) error {
	for _, name := range names {
		if !hs.mark(name, h) {
			return at(s.t.Pos, fmt.Errorf("the task %q notifies %q, but no handler has that name or listens to it", s.name, name))
		}
	}
	return nil
}

// mark calls for the handlers of a name on a host and reports whether there is any. What a handler calls for is settled at once:
// those after it run in the same flush, the others and itself in the next.
func (hs *handlers) mark(name string, h *host) bool {
	found := hs.meant(name, h)
	hs.mu.Lock()
	defer hs.mu.Unlock()
	switch {
	case len(found) == 0:
		return false
	case hs.flushing[h]:
		for _, one := range found {
			one.pending[h] = true
		}
	case !slices.Contains(hs.notified[h], name):
		hs.notified[h] = append(hs.notified[h], name)
	}
	return true
}

// names returns the handlers and topics that a task notifies, rendered with its variables, those of a loop's item among them.
func (hs *handlers) names(s *taskRun, v *variables) ([]string, error) {
	notified := s.sc.notified()
	if len(notified) == 0 {
		return nil, nil
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

// meant returns the handlers that a name stands for, as ansible-core 2.19 finds them: the first of that name in the list that
// came last, and those that listen to it as a topic, of each name the one that came last.
func (hs *handlers) meant(name string, h *host) []*handler {
	hs.mu.Lock()
	list := slices.Clone(hs.list)
	hs.mu.Unlock()
	slices.SortStableFunc(list, func(a, b *handler) int { return cmp.Compare(b.of, a.of) })
	var found []*handler
	if i := slices.IndexFunc(list, func(x *handler) bool { return x.named(hs.p, name, h) }); i >= 0 {
		found = append(found, list[i])
	}
	seen := map[string]bool{"": false}
	for _, x := range list {
		if own := x.label(hs.p, h); slices.Contains(x.listen, name) && !seen[own] {
			seen[own] = own != ""
			found = append(found, x)
		}
	}
	return found
}

// label is the handler's name, rendered.
func (x *handler) label(p *playRun, h *host) string {
	if x.name == "" || !strings.Contains(x.name, "{") {
		return x.name
	}
	if v, err := p.vars(h, x.sc, nil); err == nil {
		return v.label(x.node.Keywords().Name, x.name)
	}
	return x.name
}

func (x *handler) named(p *playRun, name string, h *host) bool {
	own := x.label(p, h)
	switch {
	case own == "":
		return false
	case own == name:
		return true
	case x.role == nil:
		return false
	}
	return name == x.role.name+" : "+own || x.role.fullName != "" && name == x.role.fullName+" : "+own
}

// flush runs what is called for, once through the handlers in their order: what a handler calls for that stands before it, or is
// itself, waits for the next flush. Where a failure is rescuable, so is one of a handler.
func (hs *handlers) flush(ctx context.Context, hosts []*host, rescuable bool) {
	out := map[*host]bool{} // hosts on which a handler failed
	for _, h := range hosts {
		hs.mu.Lock()
		names := hs.notified[h]
		if h.state() == active || h.state() == failed && hs.forced() {
			delete(hs.notified, h)
		} else {
			names = nil
		}
		hs.mu.Unlock()
		for _, name := range names {
			for _, x := range hs.meant(name, h) {
				hs.mu.Lock()
				x.pending[h] = true
				hs.mu.Unlock()
			}
		}
	}
	hs.mu.Lock()
	list := slices.Clone(hs.list)
	for _, h := range hosts {
		hs.flushing[h] = true
	}
	hs.mu.Unlock()
	for _, x := range list {
		if due := hs.take(ctx, x, hosts, out); len(due) > 0 {
			hs.run(ctx, x, due, out, rescuable)
		}
	}
	hs.mu.Lock()
	defer hs.mu.Unlock()
	for _, h := range hosts {
		delete(hs.flushing, h)
	}
}

// take returns the hosts on which a handler is called for and may run. A stopped run takes none.
func (hs *handlers) take(ctx context.Context, x *handler, hosts []*host, out map[*host]bool) []*host {
	forced := hs.forced()
	stopped := hs.p.r.stopped(ctx)
	hs.mu.Lock()
	defer hs.mu.Unlock()
	var due []*host
	for _, h := range hosts {
		if !x.pending[h] || out[h] {
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
	}
	return due
}

// run runs one handler. Hosts that had failed stay failed; out gets those on which it fails.
func (hs *handlers) run(ctx context.Context, x *handler, hosts []*host, out map[*host]bool, rescuable bool) {
	var fallen []*host
	for _, h := range hosts {
		if h.state() == failed {
			fallen = append(fallen, h)
			h.become(active)
		}
	}
	sc := *x.sc
	sc.rescuable = rescuable
	hs.mu.Lock()
	for _, h := range hosts {
		delete(x.pending, h) // what it calls for itself, perhaps itself, comes later
	}
	hs.mu.Unlock()
	broken := hs.p.suspend()
	switch n := x.node.(type) {
	case *playbooks.Task:
		hs.p.task(ctx, n, &sc, hosts, handlerTask)
	case *playbooks.Include:
		hs.p.includeAs(ctx, n, &sc, hosts, true)
	default:
		hs.p.walk(ctx, []playbooks.Node{n}, &sc, hosts)
	}
	hs.p.resume(broken)
	for _, h := range hosts {
		state := h.state()
		out[h] = out[h] || state == failed
		if state != active && state != ended && !(state == failed && rescuable) {
			hs.mu.Lock()
			x.pending[h] = true // for the next run
			hs.mu.Unlock()
		}
	}
	for _, h := range fallen {
		if h.state() == active {
			h.become(failed)
		}
	}
}

// forced reports whether hosts that failed run their handlers too: as the play says, or else as --force-handlers does.
func (hs *handlers) forced() bool {
	if len(hs.p.batch) == 0 {
		return false
	}
	v, err := hs.p.vars(hs.p.batch[0], hs.p.scope, nil)
	if err != nil {
		return false
	}
	yes, err := v.boolean(hs.p.play.ForceHandlers, hs.p.r.o.ForceHandlers)
	return err == nil && yes
}

// pending names the handlers that are still called for on a host.
func (hs *handlers) pending(h *host) []string {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	names := slices.Clone(hs.notified[h])
	for _, name := range hs.owed[h] {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, x := range hs.list {
		name := x.name
		switch {
		case name != "" && x.role != nil:
			name = x.role.name + " : " + name
		case name == "" && len(x.listen) > 0:
			name = x.listen[0]
		}
		if x.pending[h] && name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// forget drops what handlers called for in the last flush of a play, which nothing runs any more, and returns its names.
func (hs *handlers) forget(h *host) []string {
	names := hs.pending(h)
	hs.mu.Lock()
	defer hs.mu.Unlock()
	delete(hs.notified, h)
	delete(hs.owed, h)
	for _, x := range hs.list {
		delete(x.pending, h)
	}
	return names
}

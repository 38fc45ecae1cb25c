package engine

import (
	"context"
	"sync"

	"github.com/polarbook/polarbook/playbooks"
)

// walk runs nodes in order, each on all hosts that still stand. Hosts that fall are left out of what follows; who
// called looks at their state. With one host this is the strategy free, with many linear.
func (p *playRun) walk(ctx context.Context, nodes []playbooks.Node, sc *scope, hosts []*host) {
	for _, node := range nodes {
		left := sc.without(standing(hosts))
		if len(left) == 0 || p.finished() {
			return
		}
		switch n := node.(type) {
		case *playbooks.Task:
			p.task(ctx, n, sc, left, ordinary)
		case *playbooks.Block:
			p.block(ctx, n, sc, left)
		case *playbooks.Include:
			p.include(ctx, n, sc, left)
		}
	}
}

// block runs its tasks; on the hosts where they failed its rescue; on all of them its always.
func (p *playRun) block(ctx context.Context, b *playbooks.Block, sc *scope, hosts []*host) {
	inner := sc.block(b, b.Block)
	dependencies := *inner
	dependencies.depending = true
	p.walk(ctx, b.Block[:b.RoleDependencies], &dependencies, hosts)
	if hosts = p.first(b, hosts); len(hosts) == 0 {
		return
	}
	p.walk(ctx, b.Block[b.RoleDependencies:], inner, hosts)

	if len(b.Rescue) > 0 && !p.finished() {
		var fallen []*host
		for _, h := range hosts {
			if h.state() != failed || h.isDropped() {
				continue
			}
			fallen = append(fallen, h)
			h.rescue()
		}
		p.walk(ctx, b.Rescue, sc.block(b, b.Rescue), fallen)
	}

	if len(b.Always) > 0 {
		var fallen, all []*host
		for _, h := range hosts {
			switch h.state() {
			case failed:
				fallen = append(fallen, h)
				h.become(active)
				all = append(all, h)
			case active:
				all = append(all, h)
			}
		}
		broken := p.suspend()
		p.walk(ctx, b.Always, sc.block(b, b.Always), all)
		p.resume(broken)
		for _, h := range fallen {
			if h.state() == active {
				h.become(failed)
			}
		}
	}
}

// first leaves out the hosts on which the same role has run before in this play.
func (p *playRun) first(b *playbooks.Block, hosts []*host) []*host {
	if b.RoleKey == "" {
		return hosts
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	ran := p.rolesRun[b.RoleKey]
	if ran == nil {
		ran = map[*host]bool{}
		p.rolesRun[b.RoleKey] = ran
	}
	var out []*host
	for _, h := range hosts {
		if !ran[h] || b.RoleRepeats {
			ran[h] = true
			out = append(out, h)
		}
	}
	return out
}

// hostSet is some of the hosts. Any goroutine may use it.
type hostSet struct {
	mu  sync.Mutex
	has map[*host]bool
}

func (s *hostSet) add(h *host) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.has == nil {
		s.has = map[*host]bool{}
	}
	s.has[h] = true
}

// without leaves out the hosts on which a role around has been ended.
func (s *scope) without(hosts []*host) []*host {
	for at := s; at != nil; at = at.parent {
		if at.ended == nil {
			continue
		}
		at.ended.mu.Lock()
		left := make([]*host, 0, len(hosts))
		for _, h := range hosts {
			if !at.ended.has[h] {
				left = append(left, h)
			}
		}
		at.ended.mu.Unlock()
		hosts = left
	}
	return hosts
}

// endRole ends the innermost role on a host.
func (s *scope) endRole(h *host) {
	for at := s; at != nil; at = at.parent {
		if at.ended != nil {
			at.ended.add(h)
			return
		}
	}
}

// suspend lets an always section run in a play that is broken; resume breaks it again.
func (p *playRun) suspend() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	was := p.broken
	p.broken = false
	return was
}

func (p *playRun) resume(was bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.broken = p.broken || was
}

// applyFailures looks at a finished task: errors that are fatal for all, and too many failures, take the other hosts along. As in
// ansible-core 2.19 they are rescued with the host that failed, where that is.
func (p *playRun) applyFailures(hosts []*host, fatal bool, sc *scope) {
	p.applyFailuresOf(hosts, fatal, false, sc)
}

// applyFailuresOf is applyFailures; once says that the task ran on the first host alone.
func (p *playRun) applyFailuresOf(hosts []*host, fatal, once bool, sc *scope) {
	fell, lost := false, false
	for _, h := range hosts {
		s := h.state()
		fell = fell || s == unreachable || s == failed
		lost = lost || s == unreachable || s == failed && !sc.rescuable
	}
	switch {
	case fell && fatal:
		lost = !sc.rescuable
	case !lost || !p.tooMany():
		return
	}
	for _, h := range p.batch {
		if once && !lost {
			h.drop()
		} else {
			h.takeAlong()
		}
	}
	if !lost {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.broken = true
}

// applyUnreachable is applyFailures for hosts that could not be reached before the play's first task: what is fatal for all
// has to stop them before anything is changed.
func (p *playRun) applyUnreachable(hosts []*host) {
	v, err := p.vars(hosts[0], p.scope, nil)
	if err != nil {
		return // said of the host already
	}
	fatal, err := v.boolean(p.scope.keyword(anyErrorsFatal), p.r.o.Defaults.AnyErrorsFatal)
	if err != nil {
		p.fail(err)
		return
	}
	p.applyFailures(hosts, fatal, p.scope)
}

// tooMany reports whether more hosts of the batch have fallen than max_fail_percentage allows.
func (p *playRun) tooMany() bool {
	limit := p.play.MaxFailPercentage
	if !limit.Given() || len(p.batch) == 0 {
		return false
	}
	v, err := p.vars(p.batch[0], p.scope, nil)
	if err != nil {
		return false
	}
	pct, err := v.number(limit, 100)
	if err != nil {
		p.fail(err)
		return true
	}
	down := 0
	for _, h := range p.batch {
		if s := h.state(); s == failed || s == unreachable {
			down++
		}
	}
	return float64(down)*100/float64(len(p.batch)) > pct
}

// countTasks returns how many tasks of a play are known before it runs.
func countTasks(play *playbooks.Play) int {
	n := 0
	visit(sections(play), func(node playbooks.Node) bool {
		if _, ok := node.(*playbooks.Task); ok {
			n++
		}
		return true
	})
	return n
}

func sections(play *playbooks.Play) []playbooks.Node {
	var all []playbooks.Node
	for _, s := range [][]playbooks.Node{play.PreTasks, play.Roles, play.Tasks, play.PostTasks} {
		all = append(all, s...)
	}
	return all
}

// visit calls f for every node known before the run, outer ones first; f returns false to leave out what is inside.
func visit(nodes []playbooks.Node, f func(playbooks.Node) bool) {
	for _, node := range nodes {
		if !f(node) {
			continue
		}
		switch n := node.(type) {
		case *playbooks.Block:
			for _, part := range [][]playbooks.Node{n.Block, n.Rescue, n.Always} {
				visit(part, f)
			}
		case *playbooks.Include:
			visit(n.Nodes, f)
		}
	}
}

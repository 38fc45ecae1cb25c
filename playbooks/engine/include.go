package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/polarbook/polarbook/inventory"
	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/playbooks/engine/event"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/convert"
	"github.com/polarbook/polarbook/templates/ordered"
)

// inclusion is one thing to include with its variables, and the hosts that want it.
type inclusion struct {
	key   string
	nodes []playbooks.Node
	vars  *ordered.Map
	hosts []*host
}

// include works out on every host what is to be included, item by item, and then runs each thing once for all the
// hosts that asked for the same.
func (p *playRun) include(ctx context.Context, inc *playbooks.Include, outer *scope, hosts []*host) {
	p.includeAs(ctx, inc, outer, hosts, false)
}

func (p *playRun) includeAs(ctx context.Context, inc *playbooks.Include, outer *scope, hosts []*host, handler bool) {
	own := &scope{parent: outer, common: &inc.Common, level: 0, rescuable: outer.rescuable}
	if !handler && !p.selected(own) {
		return
	}
	name := p.includeName(inc, outer)
	// An include's name may be the one to start at, but so may that of a task in it.
	if !p.r.start.passes(name) && p.r.start.skips(inc.Nodes, "", p) {
		return
	}
	if p.r.stopped(ctx) {
		for _, h := range hosts {
			h.wait(name)
		}
		return
	}
	on := hosts
	if v, err := p.vars(hosts[0], own, &inc.Origin); err == nil && p.strategy() != "free" {
		if once, err := v.boolean(inc.RunOnce, false); err == nil && once {
			on = hosts[:1]
		}
	}
	id := int(p.r.nextID.Add(1))
	p.r.events.Emit(event.TaskStarted{
		Time: time.Now(), ID: id, Name: name, Module: inc.What, Handler: handler, Pos: inc.Pos, Hosts: texts(hostNames(on)),
	})
	wanted := make([][]*inclusion, len(on))
	var all sync.WaitGroup
	for i, h := range on {
		p.r.forks <- struct{}{}
		all.Go(func() {
			defer func() { <-p.r.forks }()
			wanted[i] = p.wants(inc, own, h, id)
		})
	}
	all.Wait()

	var order []*inclusion
	byKey := map[string]*inclusion{}
	for i, h := range on {
		for _, w := range wanted[i] {
			known, ok := byKey[w.key]
			if !ok {
				known = w
				byKey[w.key] = w
				order = append(order, w)
			}
			if len(on) < len(hosts) {
				known.hosts = append(known.hosts, hosts...)
			} else {
				known.hosts = append(known.hosts, h)
			}
		}
	}
	for _, w := range order { // as in Ansible all of a loop's are there before the first begins
		p.adopt(w.nodes, outer.included(inc, w.vars))
	}
	for _, w := range order {
		p.walk(ctx, w.nodes, outer.included(inc, w.vars), w.hosts)
	}
}

// includeName is the name of an include as Ansible shows it: one that brings a role in is of no role itself.
func (p *playRun) includeName(inc *playbooks.Include, outer *scope) string {
	if inc.What == "include_role" {
		return p.label(inc.Name, cmp.Or(inc.Called, inc.What)+" : "+p.label(inc.File, ""))
	}
	return roleLabel(outer, p.label(inc.Name, cmp.Or(inc.Called, inc.What)))
}

// wants returns what an include brings on one host: nothing, one thing, or one for each item of its loop.
func (p *playRun) wants(inc *playbooks.Include, own *scope, h *host, id int) []*inclusion {
	s := &taskRun{p: p, id: id, t: &playbooks.Task{Common: inc.Common, Origin: inc.Origin, Register: inc.Register}, sc: own, action: inc.What}
	v, err := p.vars(h, own, &inc.Origin)
	if err != nil {
		s.applyIncludeOutcome(h, s.failure(v, err))
		return nil
	}
	v.layers = v.layers.With(inventory.IncludeParams, raw(inc.Vars))
	if inc.Loop == nil {
		w, o := p.want(s, inc, v, nil)
		s.applyIncludeOutcome(h, o)
		if w == nil {
			return nil
		}
		return []*inclusion{w}
	}
	items, err := loopItems(v, inc.Loop, inc.Called)
	if err != nil {
		ok, _, cerr := v.conditions(own.when())
		if cerr == nil && !ok {
			s.applyIncludeOutcome(h, skippedBy(nil))
			return nil
		}
		s.applyIncludeOutcome(h, s.failure(v, err))
		return nil
	}
	var out []*inclusion
	var outcomes []*outcome
	for i := range items {
		extra := loopVariables(inc.Loop.Control, items, i)
		w, o := p.want(s, inc, v.with(untrustedEach(extra)), extra)
		s.tell(o, v.with(untrustedEach(extra)), inc.Loop.Control, items, i)
		p.r.events.Emit(s.done(h, o))
		outcomes = append(outcomes, o)
		if w != nil {
			out = append(out, w)
		}
	}
	whole := together(outcomes)
	for i := range out {
		if i > 0 || whole.status != event.OK { // which counts one itself
			h.count(event.OK, false)
		}
	}
	s.applyIncludeOutcome(h, whole)
	return out
}

// want evaluates one inclusion on one host.
func (p *playRun) want(s *taskRun, inc *playbooks.Include, v *variables, extra map[string]any) (*inclusion, *outcome) {
	ok, which, err := v.conditions(s.sc.when())
	if err != nil {
		return nil, s.failure(v, err)
	}
	if !ok {
		return nil, skippedBy(which)
	}
	args, shown := map[string]string{}, map[string]any{}
	key := ""
	for _, name := range keys(inc.Args) {
		if _, isText := inc.Args[name].Raw.(string); !isText {
			shown[name] = inc.Args[name].Raw
			continue
		}
		out, err := v.text(inc.Args[name], "")
		if err != nil {
			return nil, s.failure(v, fmt.Errorf("%s: %w", name, err))
		}
		args[name], shown[name] = out, out
		key += name + "=" + out + "\x00"
	}
	nodes := inc.Nodes
	if nodes == nil {
		if nodes, err = inc.Resolve(args); err != nil {
			o := s.failure(v, err)
			o.certain = true
			return nil, o
		}
	}
	if lacking := notThere(inc, nodes); lacking != nil {
		o := s.failure(v, &tasks.Failure{Msg: lacking.Pos.String() + ": " + lacking.Msg, Hint: lacking.Hint})
		o.certain = true
		return nil, o
	}
	vars := raw(inc.Vars)
	for _, name := range keys(extra) { // in one order, for hosts are grouped by the key
		vars.Set(name, untrusted(extra[name]))
		key += name + "=" + convert.Repr(extra[name]) + "\x00"
	}
	o := &outcome{status: event.OK, values: map[string]any{"changed": false, "include_args": shown}}
	if inc.What == "include_tasks" {
		o.values["include"] = args["file"]
		delete(shown, "file")
	}
	return &inclusion{key: key, nodes: nodes, vars: vars}, o
}

// notThere returns why there is nothing to include, where the loader left that to the run; nil: there is something.
func notThere(inc *playbooks.Include, nodes []playbooks.Node) *playbooks.Error {
	if len(nodes) != 1 {
		return nil
	}
	switch n := nodes[0].(type) {
	case *playbooks.Block:
		if n.Role != "" {
			return notThere(inc, n.Block)
		}
	case *playbooks.Task:
		if n.Unavailable != nil && n.Called == inc.What && n.Pos == inc.File.Pos {
			return n.Unavailable
		}
	}
	return nil
}

func skippedBy(condition any) *outcome {
	const why = "Conditional result was False"
	return &outcome{status: event.Skipped, msg: why, values: map[string]any{
		"changed": false, "skipped": true, "skip_reason": why, "false_condition": condition}}
}

// applyIncludeOutcome ends the include itself on a host.
func (s *taskRun) applyIncludeOutcome(h *host, o *outcome) {
	if o.status == event.Failed {
		o.failed = true
		if o.certain { // as in Ansible ignore_errors does not hold for what is not there
			if s.sc.rescuable {
				o.status = event.Rescued
			}
		} else if v, err := s.p.vars(h, s.sc, &s.t.Origin); err == nil {
			if ignore, err := v.boolean(s.sc.keyword(ignoreErrors), false); err == nil && ignore {
				o.status = event.Ignored
			} else if s.sc.rescuable {
				o.status = event.Rescued
			}
		}
	}
	h.count(o.status, false)
	s.remember(h, o)
	s.p.r.events.Emit(s.done(h, o))
	if o.status == event.Failed || o.status == event.Rescued {
		s.fall(h, s.action, s.action, o)
	}
}

// adopt makes the handlers and, if they are public, the variables of included roles known to the play.
func (p *playRun) adopt(nodes []playbooks.Node, sc *scope) {
	p.mu.Lock()
	p.nameRoles(nodes, false)
	p.mu.Unlock()
	eachRole(nodes, sc, false, func(b *playbooks.Block, outer *scope, _ bool) {
		p.handlers.addRole(b, outer)
		if b.RolePublic {
			p.publish(roleOf(b))
		}
	})
}

// publish lets the whole play see a role's variables from now on.
func (p *playRun) publish(r *role) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.static = append(p.static[:len(p.static):len(p.static)], r)
}

func (p *playRun) roles() []*role {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.static
}

// roleNames lists the play's roles as far as they are known: those that it uses itself, and these with those that they depend on.
func (p *playRun) roleNames() (own, all, dependent []any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	own, all, dependent = []any{}, []any{}, []any{}
	for _, name := range p.ownRoles {
		own = append(own, name)
	}
	all = append(all, own...)
	for _, name := range p.dependencies {
		dependent = append(dependent, name)
		if !slices.Contains(p.ownRoles, name) {
			all = append(all, name)
		}
	}
	return own, all, dependent
}

// nameRoles notes the names of the roles among nodes. within means that they are a role's own, which depends on them unless it
// imports them.
func (p *playRun) nameRoles(nodes []playbooks.Node, within bool) {
	for _, node := range nodes {
		b, ok := node.(*playbooks.Block)
		if !ok {
			continue
		}
		names := &p.ownRoles
		if within && !b.RoleImported {
			names = &p.dependencies
		}
		if b.Role != "" && !slices.Contains(*names, roleOf(b).label()) {
			*names = append(*names, roleOf(b).label())
		}
		for _, part := range [][]playbooks.Node{b.Block, b.Rescue, b.Always} {
			p.nameRoles(part, within || b.Role != "")
		}
	}
}

// staticRoles are the roles that a play has from its beginning: those of roles: and import_role.
func staticRoles(play *playbooks.Play) []*role {
	var all []*role
	visit(sections(play), func(node playbooks.Node) bool {
		if _, dynamic := node.(*playbooks.Include); dynamic {
			return false
		}
		if b, ok := node.(*playbooks.Block); ok && b.Role != "" && b.RolePublic {
			all = append(all, &role{name: b.Role, defaults: raw(b.RoleDefaults), vars: raw(b.RoleVars)})
		}
		return true
	})
	return all
}

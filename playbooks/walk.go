package playbooks

import "slices"

// Step is a node as Walk comes to it.
type Step struct {
	Play *Play
	// Section is where in the play it is: "pre_tasks", "roles", "tasks", "post_tasks" or "handlers".
	Section string
	// Parents are the blocks and includes around it, outermost first.
	Parents []Node
	Node    Node
	// Tags are its own and those that it inherits, in the order they are met. An include's tags choose the include and
	// are not inherited by what it includes; those of its apply are.
	Tags []string
}

// Role is the role that the step belongs to, empty when it belongs to none.
func (s Step) Role() string {
	for _, parent := range slices.Backward(s.Parents) {
		if b, ok := parent.(*Block); ok && b.Role != "" {
			return b.Role
		}
	}
	return ""
}

// Walk visits every node in the order in which a run would reach it: blocks before what they hold, then rescue and
// always, a role's handlers with the play's. A node whose visit returns false is not gone into.
func (p *Playbook) Walk(visit func(s Step) bool) {
	for _, play := range p.Plays {
		play.Walk(visit)
	}
}

// Walk visits the nodes of one play.
func (p *Play) Walk(visit func(s Step) bool) {
	w := walker{play: p, visit: visit}
	for _, s := range []struct {
		name  string
		nodes []Node
	}{{"pre_tasks", p.PreTasks}, {"roles", p.Roles}, {"tasks", p.Tasks}, {"post_tasks", p.PostTasks}, {"handlers", p.Handlers}} {
		w.section = s.name
		w.walk(s.nodes, nil, p.Tags)
	}
	w.section = "handlers"
	for _, h := range w.roleHandlers {
		w.walk(h.nodes, h.parents, h.tags)
	}
}

type walker struct {
	play         *Play
	section      string
	visit        func(Step) bool
	roleHandlers []laterHandlers
}

// laterHandlers are a role's handlers, which come after all tasks.
type laterHandlers struct {
	nodes   []Node
	parents []Node
	tags    []string
}

func (w *walker) walk(nodes, parents []Node, inherited []string) {
	for _, node := range nodes {
		own := withTags(inherited, node.Keywords().Tags)
		if !w.visit(Step{w.play, w.section, parents, node, own}) {
			continue
		}
		inner := append(slices.Clone(parents), node)
		switch n := node.(type) {
		case *Block:
			for _, list := range [][]Node{n.Block, n.Rescue, n.Always} {
				w.walk(list, inner, own)
			}
			if len(n.RoleHandlers) > 0 {
				w.roleHandlers = append(w.roleHandlers, laterHandlers{n.RoleHandlers, inner, own})
			}
		case *Include:
			below := inherited
			if n.Apply != nil {
				below = withTags(inherited, n.Apply.Tags)
			}
			w.walk(n.Nodes, inner, below)
		}
	}
}

func withTags(inherited, more []string) []string {
	all := slices.Clone(inherited)
	for _, tag := range more {
		if !slices.Contains(all, tag) {
			all = append(all, tag)
		}
	}
	return all
}

package engine

import (
	"slices"

	"github.com/polarbook/polarbook/playbooks"
)

// staysHere reports whether all that a play does is done on the control node, so that its hosts are not connected to: it gathers no
// facts, and every task is delegated to localhost, has connection: local, or needs no host, and not all are of the last kind.
func (p *playRun) staysHere() bool {
	gather, given := p.play.GatherFacts.Raw.(bool)
	if gather || !given && (p.play.GatherFacts.Given() || !p.r.o.Defaults.GatherExplicitly) {
		return false
	}
	local, elsewhere := false, false
	p.play.Walk(func(s playbooks.Step) bool {
		switch n := s.Node.(type) {
		case *playbooks.Include:
			elsewhere = elsewhere || n.Nodes == nil
		case *playbooks.Task:
			switch {
			case n.Unavailable != nil:
				elsewhere = true
			case isLocal(append(slices.Clone(s.Parents), s.Node)):
				local = true
			case !needsNoHost(n):
				elsewhere = true
			}
		}
		return !elsewhere
	})
	return local && !elsewhere
}

// isLocal reports whether the innermost delegate_to among nodes, outermost first, names this machine, or without any the innermost
// connection is local.
func isLocal(nodes []playbooks.Node) bool {
	of := func(get func(*playbooks.Common) playbooks.Value) any {
		for _, node := range slices.Backward(nodes) {
			if v := get(node.Keywords()); v.Given() {
				return v.Raw
			}
		}
		return nil
	}
	if to := of(delegateTo); to != nil {
		return slices.Contains([]any{"localhost", "127.0.0.1", "::1"}, to)
	}
	return of(connection) == "local"
}

// needsNoHost reports whether a task asks nothing of a host.
func needsNoHost(t *playbooks.Task) bool {
	switch builtinActionOf(t) {
	case "meta", "include_vars", "add_host", "group_by", "pause", "set_stats", "validate_argument_spec":
		return true
	}
	return t.Module != nil && slices.Contains([]string{"debug", "assert", "fail", "set_fact"}, t.Module.Name)
}

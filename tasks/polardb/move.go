package polardb

import (
	"context"
	"fmt"
	"strconv"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
)

type moveArgs struct {
	NodeArgs
	ClusterArgs
	State string `arg:"state,required" choices:"begun ended" doc:"begun: note that a member is being moved; ended: note that it has moved"`
	To    string `arg:"to" doc:"the member's new address, host:port; required for begun. nodes has its present one"`
}

var moveModule = tasks.Define(tasks.Module{
	Name:    "polardb_move",
	Summary: "Note on a member's host that it is being moved to another address, and when that is done",
	Notes: []string{
		"The engine knows members by address and port alone. A member whose address changes is dropped under the old address, " +
			"gets the meta of a learner at the new one, and is added again; its data stays. " +
			"When a run is interrupted in between, the next one continues from the note: it records that the node, " +
			"which the leader does not list at that time, was a member in good order, and its weight.",
		"Refuses begun for a node that does not stream or is far behind, for one without which the cluster would have no majority, " +
			"for an address that another member has, and for one that no other member reaches. The leader has to hand over first.",
	},
	Returns: []tasks.Return{
		{Name: "from", Type: "str", Doc: "the node's address in its own meta"},
		{Name: "listed", Type: "bool", Doc: "whether the leader lists that address"},
		{Name: "weight", Type: "str", Doc: "the weight in the note"},
	},
	Examples: `- polardb_move:
    state: begun
    to: 10.0.0.13:5432
    pgdata: /var/lib/polardb/pgdata
    polardata: /var/lib/polardb/polardata
    cluster: demo
    nodes: "{{ polardb_nodes }}"
    login_password: "{{ polardb_password }}"
`,
}, func(a *moveArgs, l tasks.Local) (tasks.Action, error) {
	if err := a.Check(); err != nil {
		return nil, err
	}
	m := &moveAction{args: a, check: l.Check()}
	var err error
	if m.list, err = a.Listed(); err != nil || a.State != "begun" {
		return tasks.Ask(m), err
	}
	if m.to, err = dma.ParseAddress(a.To); err != nil {
		return nil, &tasks.ArgError{Module: "polardb_move", Arg: "to", Problem: err.Error()}
	}
	return tasks.Ask(m), nil
})

type moveAction struct {
	args *moveArgs
	list []WantedNode
	to   dma.Address

	check bool
}

// moveFound holds the cluster, the state of the host, and whether the new address can be reached.
type moveFound struct {
	clusterView
	state     NodeState
	Unreached string // who tried the new address in vain, and the error; "": it was reached, or not tried
}

// moveLag limits the log entries that a node may be behind when it leaves to come back: it must get them before it has a vote
// again.
const moveLag = 1000

func (m *moveAction) Probe() string { return m.args.Probe() }

func (m *moveAction) Ask(ctx context.Context, h tasks.Host, probed tasks.Found) (moveFound, error) {
	var found moveFound
	node, err := NodeNamed(m.list, h.Name())
	if err != nil {
		return found, err
	}
	if found.state, err = ParseNode(probed); err != nil {
		return found, err
	}
	if found.clusterView, err = m.args.view(ctx, h, m.list, electionPatience); err != nil {
		return found, err
	}
	found.Node = node
	if m.args.State == "begun" && m.to.Host != node.Address.Host {
		found.Unreached = m.unreached(ctx, h, found.Survey, node)
	}
	return found, nil
}

// unreached tries the new address from another member, on the consensus port that the server has: it listens on all
// addresses of its host.
func (m *moveAction) unreached(ctx context.Context, h tasks.Host, survey dma.Survey, node WantedNode) string {
	if v, _ := survey.Of(node.Name); v.Err != nil {
		return ""
	}
	for _, v := range survey {
		if v.Node == node.Name || v.Err != nil {
			continue
		}
		from, err := h.Peer(ctx, v.Node)
		if err == nil {
			err = knock(ctx, from, dma.Address{Host: m.to.Host, Port: node.Address.Port}.Consensus())
		}
		if err != nil {
			return fmt.Sprintf("from %s: %v", v.Node, err)
		}
		return ""
	}
	return ""
}

func (m *moveAction) Plan(found moveFound) (tasks.Plan, error) {
	a, s := m.args, found.state
	if found.NoLeader != "" {
		return tasks.Plan{}, &tasks.Failure{Msg: "an address cannot be changed without a leader: " + found.NoLeader}
	}
	if err := s.Refuse(&a.NodeArgs); err != nil {
		return tasks.Plan{}, err
	}
	n, leader := found.Node, found.Leader
	own, known := s.own()
	row, listed := leader.Member(own)
	values := map[string]any{"from": "", "listed": known && listed, "weight": s.Weight}
	if known {
		values["from"] = own.String()
	}
	if a.State == "ended" {
		if s.Step == stepMeta && s.Weight == "" {
			return tasks.Plan{Msg: "the note is as any member's", Values: values}, nil
		}
		if !known || own != n.Address || !listed {
			return tasks.Plan{}, &tasks.Failure{Msg: n.Name + " is not a member at " + n.Address.String() + " yet",
				Hint: "polarbook run move-node.yml -e node=" + n.Name}
		}
		s.Weight = ""
		return tasks.Plan{Change: true, Msg: "note that the node is moved", Script: a.markScript(s) + "mark " + stepMeta + "\n",
			Values: values}, nil
	}
	switch {
	case s.Step == stepDropped:
		return tasks.Plan{}, &tasks.Failure{Msg: n.Name + " was dropped from the cluster on purpose",
			Hint: "add it at its new address, with its data: polarbook run add-node.yml --limit " + n.Name}
	case s.Unfinished(&a.NodeArgs):
		return tasks.Plan{Msg: n.Name + " is being rebuilt", Values: values}, nil
	case s.Step == stepMoving:
		return tasks.Plan{Msg: n.Name + " is being moved already", Values: values}, nil
	case known && own == m.to:
		return tasks.Plan{Msg: n.Name + " has its address already", Values: values}, nil
	case !s.Whole(&a.NodeArgs) || !known:
		return tasks.Plan{}, &tasks.Failure{Msg: n.Name + " was never a member and has no address to change",
			Hint: "add it: polarbook run add-node.yml --limit " + n.Name}
	case !listed:
		return tasks.Plan{}, &tasks.Failure{
			Msg: fmt.Sprintf("%s is %s by its consensus meta, and the cluster that %s leads does not list that: "+
				"its data may differ from the cluster's",
				n.Name, own, leader.Node),
			Hint: anewHint(n.Name)}
	}
	if _, taken := leader.Member(m.to); taken {
		return tasks.Plan{}, &tasks.Failure{Msg: fmt.Sprintf("%s is a member of the cluster already", m.to), Hint: "polarbook status shows which"}
	}
	if found.Unreached != "" {
		return tasks.Plan{}, &tasks.Failure{Msg: fmt.Sprintf("%s is not reached at %s (%s)", n.Name, m.to.Host, found.Unreached),
			Hint: "does its host have that address, and do firewalls let the members through to its consensus port? Nothing was changed"}
	}
	if err := mayMove(found.Survey, leader, n, row, own); err != nil {
		return tasks.Plan{}, err
	}
	switch {
	case leader.Node == n.Name && !m.check:
		return tasks.Plan{}, &tasks.Failure{Msg: n.Name + " leads again, and the leader cannot leave", Hint: "run again"}
	case leader.Node == n.Name:
		return tasks.Plan{Change: true, Unknown: n.Name + " leads, and hands over first", Msg: "note that the node is being moved",
			Values: values}, nil
	}
	if row.Role != dma.Learner {
		s.Weight = strconv.Itoa(row.Weight)
	}
	values["weight"] = s.Weight
	msg := fmt.Sprintf("note that %s, a %s at %s, is being moved to %s", n.Name, row.Role, own, m.to)
	return tasks.Plan{Change: true, Msg: msg, Script: a.markScript(s) + "mark " + stepMoving + "\n", Values: values}, nil
}

func anewHint(name string) string {
	return "copy it again under its new address: polarbook run move-node.yml -e node=" + name + " -e copy=yes"
}

// mayMove returns why a member may not leave for a while; nil: it may.
func mayMove(survey dma.Survey, leader dma.View, n WantedNode, row dma.Member, own dma.Address) error {
	if withListedRole(n, row).Role != n.Role {
		return &tasks.Failure{Msg: fmt.Sprintf("%s is a %s in the cluster, and a %s by the inventory: change one thing at a time",
			n.Name, row.Role, n.Role),
			Hint: "promote-learner.yml or demote-follower.yml changes the cluster, polardb_role the inventory"}
	}
	if leader.Node != n.Name {
		if _, streams := leader.ReplicaOf(own.Consensus()); !streams {
			return &tasks.Failure{
				Msg: fmt.Sprintf("%s does not stream from %s: it may have log that the cluster lacks, and then its data cannot be kept",
					n.Name, leader.Node),
				Hint: "give its host the old address for a while, restore the inventory and start it (polarbook run start.yml), and run again; or " +
					anewHint(n.Name)}
		}
		if lag := behind(leader, row); lag > moveLag {
			return &tasks.Failure{Msg: fmt.Sprintf("%s is %d log entries behind %s, at most %d are allowed", n.Name, lag, leader.Node, moveLag),
				Hint: "run again when it has caught up"}
		}
	}
	if row.Role == dma.Learner {
		return nil
	}
	return keepsMajority(survey, leader, own)
}

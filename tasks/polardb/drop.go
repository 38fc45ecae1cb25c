package polardb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
)

type dropArgs struct {
	ClusterArgs
	Node    string `arg:"node,required" doc:"the node to drop; for a member that the inventory no longer has, its address, host:port"`
	Timeout int    `arg:"timeout" default:"60" doc:"seconds until the remaining members must agree"`
}

var dropModule = tasks.Define(tasks.Module{
	Name:    "polardb_drop",
	Summary: "Take a follower, a learner or a logger out of the cluster",
	Notes: []string{
		"Works from the leader, so the node may be dead. The engine does not tell a node that it was dropped: " +
			"the node goes on running, answers reads and stands for elections that it cannot win. Stop it (see polardb_retire).",
		"Refuses the leader, which the engine would drop, leaving the cluster without one; " +
			"a voter without which fewer than a majority of the others would be alive; " +
			"and a voter without which no voter that may lead would remain.",
	},
	Returns: []tasks.Return{
		{Name: "leader", Type: "str", Doc: "the node that leads"},
		{Name: "role", Type: "str", Doc: "the role that the node had"},
		{Name: "voters", Type: "int", Doc: "how many voters remain"},
	},
	Examples: `- polardb_drop:
    node: node4
    nodes: "{{ polardb_nodes }}"
    login_password: "{{ polardb_password }}"
  run_once: yes
`,
}, func(a *dropArgs, _ tasks.Local) (tasks.Action, error) {
	list, err := a.Listed()
	return tasks.AskApply(&dropAction{args: a, list: list}), err
})

type dropAction struct {
	args *dropArgs
	list []WantedNode
}

type dropChange struct {
	node    WantedNode
	leader  dma.View
	learner bool
}

func (d *dropAction) Ask(ctx context.Context, h tasks.Host, _ tasks.Found) (clusterView, error) {
	return d.args.view(ctx, h, d.list, electionPatience)
}

func (d *dropAction) Plan(found clusterView) (tasks.Plan, *dropChange, error) {
	if found.NoLeader != "" {
		return tasks.Plan{}, nil, &tasks.Failure{Msg: "only a leader can drop a member: " + found.NoLeader}
	}
	leader, survey := found.Leader, found.Survey
	n, err := d.node(leader)
	if err != nil {
		return tasks.Plan{}, nil, err
	}
	row, member := leader.Member(n.Address)
	voters, live := survey.Voters(leader)
	values := map[string]any{"leader": leader.Node, "role": "", "voters": len(voters)}
	switch {
	case !member:
		return tasks.Plan{Msg: n.Name + " is already out of the cluster", Values: values}, nil, nil
	case leader.Node == n.Name:
		return tasks.Plan{}, nil, &tasks.Failure{Msg: n.Name + " leads, and a leader cannot be dropped",
			Hint: "switch over first: polarbook run switchover.yml"}
	}
	role := row.Role.String()
	if n.Role == roleLogger && row.Role != dma.Learner {
		role = roleLogger
	}
	values["role"] = role
	change := dropChange{node: n, leader: leader, learner: row.Role == dma.Learner}
	if change.learner {
		msg := fmt.Sprintf("drop the learner %s from the cluster that %s leads", n.Name, leader.Node)
		return tasks.Plan{Change: true, Msg: msg, Values: values}, &change, nil
	}
	if err := keepsMajority(survey, leader, n.Address); err != nil {
		return tasks.Plan{}, nil, err
	}
	if !d.somebodyLeads(leader, n) {
		return tasks.Plan{}, nil, &tasks.Failure{
			Msg:  fmt.Sprintf("without %s every voter that holds data would have the weight 0, and none could be elected", n.Name),
			Hint: "give another voter a weight first: polarbook run set-weight.yml -e node=NAME -e weight=5"}
	}
	values["voters"] = len(voters) - 1
	alive := 0
	for _, m := range live {
		if m.IPPort != n.Address.Consensus() {
			alive++
		}
	}
	msg := fmt.Sprintf("drop the %s %s (%d log entries behind) from the cluster that %s leads; %d voters are left, %d of them alive",
		role, n.Name, behind(leader, row), leader.Node, len(voters)-1, alive)
	return tasks.Plan{Change: true, Values: values, Msg: msg}, &change, nil
}

// node finds the node to drop: by its name in the inventory, or by the address of a member that only the leader knows.
func (d *dropAction) node(leader dma.View) (WantedNode, error) {
	n, err := NodeNamed(d.list, d.args.Node)
	if err == nil {
		return n, nil
	}
	a, parseErr := dma.ParseAddress(d.args.Node)
	if parseErr != nil {
		return n, err
	}
	for _, known := range d.list {
		if known.Address == a {
			return known, nil
		}
	}
	if row, member := leader.Member(a); member {
		return withListedRole(WantedNode{Name: a.String(), Address: a, Role: roleFollower, Weight: -1}, row), nil
	}
	return n, err
}

// somebodyLeads reports whether a voter with data and a weight above 0 remains.
func (d *dropAction) somebodyLeads(leader dma.View, without WantedNode) bool {
	for _, m := range leader.Cluster {
		logger := false
		for _, n := range d.list {
			logger = logger || n.Role == roleLogger && n.Address.Consensus() == m.IPPort
		}
		if m.Role != dma.Learner && m.Weight > 0 && !logger && m.IPPort != without.Address.Consensus() {
			return true
		}
	}
	return false
}

func (d *dropAction) Apply(ctx context.Context, h tasks.Host, _ tasks.Plan, change *dropChange) (tasks.Result, error) {
	n, limit := change.node, time.Duration(d.args.Timeout)*time.Second
	statement := dma.DropFollower(n.Address)
	if change.learner {
		statement = dma.DropLearner(n.Address)
	}
	// The engine's answer does not tell all: after a timeout it may have dropped the node all the same.
	said := d.args.command(ctx, h, change.leader, statement, 90*time.Second)
	if errors.Is(said, dma.ErrNotLeader) {
		return tasks.Result{}, &tasks.Failure{Msg: n.Name + " was not dropped: the leader has changed", Err: said, Hint: "run again"}
	}
	var left []WantedNode
	leader, survey, saw, err := d.args.await(ctx, h, d.list, limit, func(survey dma.Survey, leader dma.View) string {
		if _, member := leader.Member(n.Address); member {
			return fmt.Sprintf("%s still lists %s", leader.Node, n.Name)
		}
		left = living(survey, leader, d.list)
		return agreement(survey, leader, left)
	})
	switch {
	case err != nil:
		return tasks.Result{}, err
	case saw != "" && said != nil:
		return tasks.Result{}, &tasks.Failure{Msg: fmt.Sprintf("%s was not dropped (limit %s): %s", n.Name, limit, saw), Err: said}
	case saw != "":
		return tasks.Result{Changed: true}, &tasks.Failure{
			Msg: fmt.Sprintf("%s was dropped, but the other members do not agree (limit %s): %s; %s", n.Name, limit, saw, survey)}
	}
	voters, live := survey.Voters(leader)
	msg := fmt.Sprintf("%s is out of the cluster that %s leads; %d voters are left, %d of them alive",
		n.Name, leader.Node, len(voters), len(live))
	r := tasks.Result{Changed: true, Msg: msg, Values: map[string]any{"leader": leader.Node, "voters": len(voters)}}
	if len(voters) < 3 && !change.learner {
		r.Warnings = []string{fmt.Sprintf("with %d voters no node may fail", len(voters))}
	}
	return r, nil
}

package tasks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/polarbook/polarbook/tasks/dma"
)

type dropArgs struct {
	clusterArgs
	Node    string `arg:"node,required" doc:"the node that is to leave; for a member that the inventory no longer has, its address, host:port"`
	Timeout int    `arg:"timeout" default:"60" doc:"seconds until the members left must agree"`
}

var polardbDropModule = Define(Module{
	Name:    "polardb_drop",
	Summary: "Take a follower, a learner or a logger out of the cluster",
	Notes: []string{
		"Works from the leader, so the node may be dead. The engine does not tell a node that it was dropped: it goes on running, answers reads and stands for elections that it cannot win. Stop it (see polardb_retire).",
		"Refused: the leader, which the engine would let go and be without one; a voter without which fewer than a majority of the others would be alive; one without which nobody was left who may lead.",
	},
	Returns: []Return{{"leader", "str", "the node that leads"}, {"role", "str", "the role that the node had"}, {"voters", "int", "how many voters are left"}},
	Examples: `- polardb_drop:
    node: node4
    nodes: "{{ polardb_nodes }}"
    login_password: "{{ polardb_password }}"
  run_once: yes
`,
}, func(a *dropArgs, _ Local) (Action, error) {
	list, err := a.nodes()
	return &dropAction{args: a, list: list}, err
})

type dropAction struct {
	args *dropArgs
	list []wantedNode
}

type dropChange struct {
	node    wantedNode
	leader  dma.View
	learner bool
}

func (d *dropAction) Probe() string { return "" }

func (d *dropAction) Ask(ctx context.Context, h Host, f Found) (Found, error) {
	found, err := d.args.view(ctx, h, d.list, electionPatience)
	f.Value = found
	return f, err
}

func (d *dropAction) Plan(f Found) (Plan, error) {
	found, ok := f.Value.(clusterView)
	switch {
	case !ok:
		return Plan{}, errors.New("the cluster was not asked")
	case found.NoLeader != "":
		return Plan{}, &Failure{Msg: "only a leader can drop a member: " + found.NoLeader}
	}
	leader, survey := found.Leader, found.Survey
	n, err := d.node(leader)
	if err != nil {
		return Plan{}, err
	}
	row, member := leader.Member(n.Address)
	voters, live := survey.Voters(leader)
	values := map[string]any{"leader": leader.Node, "role": "", "voters": len(voters)}
	switch {
	case !member:
		return Plan{Msg: n.Name + " is already out of the cluster", Values: values}, nil
	case leader.Node == n.Name:
		return Plan{}, &Failure{Msg: n.Name + " leads, and the leader is not dropped", Hint: "switch over first: polarbook run switchover.yml"}
	}
	role := row.Role.String()
	if n.Role == roleLogger && row.Role != dma.Learner {
		role = roleLogger
	}
	values["role"] = role
	change := dropChange{node: n, leader: leader, learner: row.Role == dma.Learner}
	if change.learner {
		return Plan{Change: true, Msg: fmt.Sprintf("drop the learner %s from the cluster that %s leads", n.Name, leader.Node), Values: values, Data: change}, nil
	}
	if err := keepsMajority(survey, leader, n.Address); err != nil {
		return Plan{}, err
	}
	if !d.somebodyLeads(leader, n) {
		return Plan{}, &Failure{Msg: fmt.Sprintf("without %s every voter that holds data would have the weight 0, and none could be elected", n.Name), Hint: "polarbook run set-weight.yml -e node=NAME -e weight=5"}
	}
	values["voters"] = len(voters) - 1
	alive := 0
	for _, m := range live {
		if m.IPPort != n.Address.Consensus() {
			alive++
		}
	}
	return Plan{Change: true, Values: values, Data: change,
		Msg: fmt.Sprintf("drop the %s %s (%d log entries behind) from the cluster that %s leads; %d voters are left, %d of them alive", role, n.Name, behind(leader, row), leader.Node, len(voters)-1, alive)}, nil
}

// node is the one that is to leave: of the inventory, or a member that only the leader knows, by its address.
func (d *dropAction) node(leader dma.View) (wantedNode, error) {
	n, err := nodeNamed(d.list, d.args.Node)
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
		return withListedRole(wantedNode{Name: a.String(), Address: a, Role: roleFollower, Weight: -1}, row), nil
	}
	return n, err
}

// somebodyLeads says that a voter with data and a weight is left.
func (d *dropAction) somebodyLeads(leader dma.View, without wantedNode) bool {
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

func (d *dropAction) Apply(ctx context.Context, h Host, p Plan) (Result, error) {
	change, ok := p.Data.(dropChange)
	if !ok {
		return Result{}, errors.New("the drop was not planned")
	}
	n, limit := change.node, time.Duration(d.args.Timeout)*time.Second
	statement := dma.DropFollower(n.Address)
	if change.learner {
		statement = dma.DropLearner(n.Address)
	}
	// What the engine says is less than what it does: after a timeout the drop may have been made all the same.
	said := d.args.command(ctx, h, change.leader, statement, 90*time.Second)
	if errors.Is(said, dma.ErrNotLeader) {
		return Result{}, &Failure{Msg: n.Name + " was not dropped: the leader has changed", Err: said, Hint: "run again"}
	}
	var left []wantedNode
	leader, survey, saw, err := d.args.await(ctx, h, d.list, limit, func(survey dma.Survey, leader dma.View) string {
		if _, member := leader.Member(n.Address); member {
			return fmt.Sprintf("%s still lists %s", leader.Node, n.Name)
		}
		left = living(survey, leader, d.list)
		return agreement(survey, leader, left)
	})
	switch {
	case err != nil:
		return Result{}, err
	case saw != "" && said != nil:
		return Result{}, &Failure{Msg: fmt.Sprintf("%s was not dropped (limit %s): %s", n.Name, limit, saw), Err: said}
	case saw != "":
		return Result{Changed: true}, &Failure{Msg: fmt.Sprintf("%s was dropped, and not all is well (limit %s): %s; %s", n.Name, limit, saw, survey)}
	}
	voters, live := survey.Voters(leader)
	r := Result{Changed: true, Msg: fmt.Sprintf("%s is out of the cluster that %s leads; %d voters are left, %d of them alive", n.Name, leader.Node, len(voters), len(live)),
		Values: map[string]any{"leader": leader.Node, "voters": len(voters)}}
	if len(voters) < 3 && !change.learner {
		r.Warnings = []string{fmt.Sprintf("with %d voters no node may fail", len(voters))}
	}
	return r, nil
}

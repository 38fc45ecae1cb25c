package polardb

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
)

type quorumArgs struct {
	ClusterArgs
	Node    string `arg:"node" doc:"the node to wait for; default the host that the task runs on"`
	State   string `arg:"state" default:"can_lose" choices:"can_lose rejoined" choice_alias:"spared=can_lose back=rejoined" doc:"can_lose: the others keep a quorum while it is down; rejoined: it is a member, streams and is level with the leader"`
	MaxLag  int    `arg:"max_lag" default:"1000" doc:"log entries that a voter may be behind and still count"`
	Timeout int    `arg:"timeout" default:"90" doc:"seconds to wait"`
	Force   bool   `arg:"force" default:"no" doc:"go on although the cluster takes no writes meanwhile, as too few other voters count"`
}

// The states that polardb_quorum waits for.
const (
	quorumCanLose  = "can_lose"
	quorumRejoined = "rejoined"
)

var quorumModule = tasks.Define(tasks.Module{
	Name:    "polardb_quorum",
	Aliases: []string{"polardb_turn"},
	Summary: "Wait until the cluster can lose a node, or until the node has rejoined, in a change of one node after the other",
	Notes: []string{
		"A cluster can lose a node when the other voters that are alive and at most max_lag behind are a majority of all voters. " +
			"Changes nothing; refuses with the count.",
		"A node has rejoined when it has the role, the number and the member list that the leader has for it, streams, is level, " +
			"and shows a row that was written on the leader just now.",
	},
	Returns: []tasks.Return{
		{Name: "leads", Type: "bool", Doc: "whether the node leads"},
		{Name: "leader", Type: "str", Doc: "the node that leads"},
		{Name: "role", Type: "str", Doc: "the role that the leader lists for the node"},
		{Name: "lag", Type: "int", Doc: "log entries that it is behind"},
		{Name: "counted_on", Type: "list", Doc: "the other voters that are alive and at most max_lag behind"},
		{Name: "late", Type: "list", Doc: "the other voters that are alive and further behind"},
		{Name: "needed", Type: "int", Doc: "how many voters are a majority"},
	},
	Examples: `- polardb_quorum:
    state: can_lose
    nodes: "{{ polardb_nodes }}"
    login_password: "{{ polardb_password }}"
  register: quorum
`,
}, func(a *quorumArgs, l tasks.Local) (tasks.Action, error) {
	list, err := a.Listed()
	return tasks.AskApply(&quorumAction{args: a, list: list, check: l.Check()}), err
})

type quorumAction struct {
	args  *quorumArgs
	list  []WantedNode
	check bool
}

func (q *quorumAction) Ask(ctx context.Context, h tasks.Host, _ tasks.Found) (clusterView, error) {
	name := q.args.Node
	if name == "" {
		name = h.Name()
	}
	node, err := NodeNamed(q.list, name)
	if err != nil {
		return clusterView{}, err
	}
	patience := electionPatience
	if q.check {
		patience = 0
	}
	found, err := q.args.view(ctx, h, q.list, patience)
	found.Node = node
	return found, err
}

func (q *quorumAction) Plan(found clusterView) (tasks.Plan, WantedNode, error) {
	name := found.Node.Name
	if found.NoLeader != "" && q.check && q.args.State == quorumRejoined {
		// The servers that a real run starts before this task may bring a leader.
		msg := fmt.Sprintf("would wait up to %d s until %s has rejoined: %s", q.args.Timeout, name, found.NoLeader)
		return tasks.Plan{Msg: msg, Values: map[string]any{"leads": false}}, WantedNode{}, nil
	}
	if found.NoLeader != "" {
		return tasks.Plan{}, WantedNode{}, &tasks.Failure{Msg: "the cluster can lose no node: " + found.NoLeader,
			Hint: "nothing was changed. polarbook status shows what each node says; polarbook run start.yml starts what does not run"}
	}
	survey, leader, n := found.Survey, found.Leader, found.Node
	row, member := leader.Member(n.Address)
	if !member {
		return tasks.Plan{}, WantedNode{}, &tasks.Failure{Msg: fmt.Sprintf("%s is not a member of the cluster that %s leads", name, leader.Node),
			Hint: "leave it out with --limit, or add it first: polarbook run add-node.yml --limit " + name}
	}
	values, doubt := q.see(survey, leader, n)
	saw := fmt.Sprintf("%s is a %s, %d log entries behind %s; %s", name, row.Role, values["lag"], leader.Node, votes(survey, leader))
	if leader.Node == name {
		saw = fmt.Sprintf("%s leads; %s", name, votes(survey, leader))
	}
	switch {
	case doubt == "" && (q.args.State == quorumCanLose || q.check):
		return tasks.Plan{Msg: saw, Values: values}, WantedNode{}, nil
	case q.args.State == quorumCanLose && q.args.Force:
		return tasks.Plan{Msg: saw + "; forced although " + doubt, Values: values}, WantedNode{}, nil
	case q.check:
		return tasks.Plan{Msg: fmt.Sprintf("would wait up to %d s: %s", q.args.Timeout, doubt), Values: values}, WantedNode{}, nil
	}
	return tasks.Plan{Change: true, Msg: q.args.State, Values: values}, n, nil
}

// see counts the voters that the cluster has without the node. doubt is what speaks against losing it, or against its having
// rejoined; empty: nothing does.
func (q *quorumAction) see(survey dma.Survey, leader dma.View, n WantedNode) (values map[string]any, doubt string) {
	row, _ := leader.Member(n.Address)
	voters, live := survey.Voters(leader)
	counted := []any{}
	late := []any{}
	for _, v := range live {
		if v.IPPort == n.Address.Consensus() {
			continue
		}
		name := v.IPPort
		if view, known := survey.At(v.IPPort); known {
			name = view.Node
		}
		if lag := behind(leader, v); lag > int64(q.args.MaxLag) {
			late = append(late, fmt.Sprintf("%s is %d log entries behind", name, lag))
			continue
		}
		counted = append(counted, name)
	}
	lag, needed := behind(leader, row), dma.Majority(len(voters))
	values = map[string]any{
		"leads": leader.Node == n.Name, "leader": leader.Node, "role": row.Role.String(), "lag": int(lag),
		"counted_on": counted, "late": late, "needed": needed,
	}
	if q.args.State == quorumRejoined {
		doubt = disagreement(survey, leader, withListedRole(n, row))
		if doubt == "" && lag > int64(q.args.MaxLag) {
			doubt = fmt.Sprintf("%s is %d log entries behind %s", n.Name, lag, leader.Node)
		}
		return values, doubt
	}
	if row.Role != dma.Learner && len(counted) < needed {
		doubt = fmt.Sprintf("without %s %d of %d voters could be counted on, and %d are needed", n.Name, len(counted), len(voters), needed)
		for _, l := range late {
			doubt += "; " + l.(string)
		}
		for _, v := range voters {
			if view, known := survey.At(v.IPPort); known && view.Err != nil && view.Node != n.Name {
				doubt += "; " + view.String()
			}
		}
	}
	return values, doubt
}

// deadVoterPatience limits the wait for a voter that does not answer: a server that has just changed its role needs a few
// seconds.
const deadVoterPatience = 8 * time.Second

// Apply waits, because the node that was worked on before may still be catching up.
func (q *quorumAction) Apply(ctx context.Context, h tasks.Host, p tasks.Plan, n WantedNode) (tasks.Result, error) {
	limit := time.Duration(q.args.Timeout) * time.Second
	values, short := p.Values, time.Now().Add(deadVoterPatience)
	gone := ""
	leader, survey, saw, err := q.args.await(ctx, h, q.list, limit, func(survey dma.Survey, leader dma.View) (doubt string) {
		values, doubt = q.see(survey, leader, n)
		// A voter that is late will catch up; waiting does not bring back one that is dead.
		late := len(values["late"].([]any)) > 0
		if q.args.State == quorumCanLose && doubt != "" && !late && time.Now().After(short) {
			gone = doubt
			return ""
		}
		return doubt
	})
	saw += gone
	switch {
	case err != nil:
		return tasks.Result{}, err
	case saw != "" && q.args.State == quorumRejoined:
		return tasks.Result{}, &tasks.Failure{Msg: fmt.Sprintf("%s has not rejoined (limit %s): %s", n.Name, limit, saw), Values: values,
			Hint: "no further node was touched; look into the server log of " + n.Name}
	case saw != "":
		return tasks.Result{}, &tasks.Failure{Msg: "the cluster cannot lose " + n.Name + ": " + saw, Values: values,
			Hint: "nothing was done to it. Bring the other voters back first, or accept the pause in writes with -e force=yes"}
	case q.args.State == quorumCanLose:
		return tasks.Result{Msg: fmt.Sprintf("%v go on without %s", values["counted_on"], n.Name), Values: values}, nil
	}
	readers := slices.DeleteFunc(living(survey, leader, q.list), func(other WantedNode) bool {
		return other.Name != n.Name && other.Name != leader.Node
	})
	if err := q.args.proveRow(ctx, h, leader, readers, limit); err != nil {
		return tasks.Result{}, err
	}
	row, _ := leader.Member(n.Address)
	return tasks.Result{Msg: fmt.Sprintf("%s has rejoined (%s); %s leads", n.Name, row.Role, leader.Node), Values: values}, nil
}

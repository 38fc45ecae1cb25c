package polardb

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
)

type turnArgs struct {
	ClusterArgs
	Node    string `arg:"node" doc:"the node whose turn it is; default the host that the task runs on"`
	State   string `arg:"state" default:"spared" choices:"spared back" doc:"spared: the others can do without the node for a while; back: it is a member again that streams and is level with the leader"`
	MaxLag  int    `arg:"max_lag" default:"1000" doc:"log entries that a voter may be behind and still be counted on"`
	Timeout int    `arg:"timeout" default:"90" doc:"seconds until it must be so"`
	Force   bool   `arg:"force" default:"no" doc:"go on although the cluster takes no writes while the node is away: it has too few other voters"`
}

var turnModule = tasks.Define(tasks.Module{
	Name:    "polardb_turn",
	Summary: "Wait until the cluster can spare a node, or until the node is back, in a change that takes one node after the other",
	Notes: []string{
		"A cluster can spare a node when the other voters that are alive and not far behind are a majority of all voters. Changes nothing; refuses with the count.",
		"Back means: the node has the role, the number and the member list that the leader has for it, streams, is level, and shows a row that was written on the leader just now.",
	},
	Returns: []tasks.Return{{Name: "leads", Type: "bool", Doc: "whether the node leads"}, {Name: "leader", Type: "str", Doc: "the node that leads"}, {Name: "role", Type: "str", Doc: "the role that the leader lists for the node"}, {Name: "lag", Type: "int", Doc: "log entries that it is behind"},
		{Name: "counted_on", Type: "list", Doc: "the other voters that are alive and not far behind"}, {Name: "late", Type: "list", Doc: "the other voters that are alive and too far behind"}, {Name: "needed", Type: "int", Doc: "how many voters are a majority"}},
	Examples: `- polardb_turn:
    state: spared
    nodes: "{{ polardb_nodes }}"
    login_password: "{{ polardb_password }}"
  register: turn
`,
}, func(a *turnArgs, l tasks.Local) (tasks.Action, error) {
	list, err := a.Listed()
	return tasks.AskApply(&turnAction{args: a, list: list, check: l.Check()}), err
})

type turnAction struct {
	args  *turnArgs
	list  []WantedNode
	check bool
}

func (t *turnAction) Ask(ctx context.Context, h tasks.Host) (clusterView, error) {
	name := t.args.Node
	if name == "" {
		name = h.Name()
	}
	node, err := NodeNamed(t.list, name)
	if err != nil {
		return clusterView{}, err
	}
	patience := electionPatience
	if t.check {
		patience = 0
	}
	found, err := t.args.view(ctx, h, t.list, patience)
	found.Node = node
	return found, err
}

func (t *turnAction) Plan(found clusterView) (tasks.Plan, WantedNode, error) {
	if found.NoLeader != "" && t.check && t.args.State == "back" {
		// What would be started before may bring the leader.
		return tasks.Plan{Msg: fmt.Sprintf("would wait up to %d s until %s is back: %s", t.args.Timeout, found.Node.Name, found.NoLeader), Values: map[string]any{"leads": false}}, WantedNode{}, nil
	}
	if found.NoLeader != "" {
		return tasks.Plan{}, WantedNode{}, &tasks.Failure{Msg: "no node can take its turn: " + found.NoLeader,
			Hint: "nothing was changed. polarbook status shows what each node says; polarbook run start.yml starts what does not run"}
	}
	survey, leader, n := found.Survey, found.Leader, found.Node
	row, member := leader.Member(n.Address)
	if !member {
		return tasks.Plan{}, WantedNode{}, &tasks.Failure{Msg: fmt.Sprintf("%s is not a member of the cluster that %s leads", n.Name, leader.Node), Hint: "leave it out with --limit, or add it first: polarbook run add-node.yml --limit " + n.Name}
	}
	values, doubt := t.see(survey, leader, n)
	role := row.Role.String()
	if leader.Node == n.Name {
		role = "leader"
	}
	saw := fmt.Sprintf("%s is a %s, %d log entries behind %s; %s", n.Name, role, values["lag"], leader.Node, votes(survey, leader))
	if leader.Node == n.Name {
		saw = fmt.Sprintf("%s leads; %s", n.Name, votes(survey, leader))
	}
	switch {
	case doubt == "" && (t.args.State == "spared" || t.check):
		return tasks.Plan{Msg: saw, Values: values}, WantedNode{}, nil
	case t.args.State == "spared" && t.args.Force:
		return tasks.Plan{Msg: saw + "; forced although " + doubt, Values: values}, WantedNode{}, nil
	case t.check:
		return tasks.Plan{Msg: "would wait up to " + fmt.Sprint(t.args.Timeout) + " s: " + doubt, Values: values}, WantedNode{}, nil
	}
	return tasks.Plan{Change: true, Msg: t.args.State, Values: values}, n, nil
}

// see counts what the cluster has without the node, and says what is against its turn, or against its being back.
func (t *turnAction) see(survey dma.Survey, leader dma.View, n WantedNode) (values map[string]any, doubt string) {
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
		if lag := behind(leader, v); lag > int64(t.args.MaxLag) {
			late = append(late, fmt.Sprintf("%s is %d log entries behind", name, lag))
			continue
		}
		counted = append(counted, name)
	}
	needed := dma.Majority(len(voters))
	values = map[string]any{"leads": leader.Node == n.Name, "leader": leader.Node, "role": row.Role.String(), "lag": int(behind(leader, row)), "counted_on": counted, "late": late, "needed": needed}
	if t.args.State == "back" {
		if doubt = disagreement(survey, leader, withListedRole(n, row)); doubt == "" && behind(leader, row) > int64(t.args.MaxLag) {
			doubt = fmt.Sprintf("%s is %d log entries behind %s", n.Name, behind(leader, row), leader.Node)
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

// deadVoterPatience is how long a voter that does not answer is waited for: a server that just changed its role needs a
// few seconds.
const deadVoterPatience = 8 * time.Second

// Apply waits, because the node before may still be catching up.
func (t *turnAction) Apply(ctx context.Context, h tasks.Host, p tasks.Plan, n WantedNode) (tasks.Result, error) {
	limit := time.Duration(t.args.Timeout) * time.Second
	values, short := p.Values, time.Now().Add(deadVoterPatience)
	gone := ""
	leader, survey, saw, err := t.args.await(ctx, h, t.list, limit, func(survey dma.Survey, leader dma.View) (doubt string) {
		values, doubt = t.see(survey, leader, n)
		// A voter that is late will catch up; one that is dead will not come back by being waited for.
		if t.args.State == "spared" && doubt != "" && len(values["late"].([]any)) == 0 && time.Now().After(short) {
			gone = doubt
			return ""
		}
		return doubt
	})
	saw += gone
	switch {
	case err != nil:
		return tasks.Result{}, err
	case saw != "" && t.args.State == "back":
		return tasks.Result{}, &tasks.Failure{Msg: fmt.Sprintf("%s is not back (limit %s): %s", n.Name, limit, saw), Values: values,
			Hint: "no further node was touched; look into the server log of " + n.Name}
	case saw != "":
		return tasks.Result{}, &tasks.Failure{Msg: "the cluster cannot spare " + n.Name + ": " + saw, Values: values,
			Hint: "nothing was done to it. Bring the other voters back first, or take the pause in writes with -e force=yes"}
	}
	if t.args.State == "back" {
		row, _ := leader.Member(n.Address)
		only := slices.DeleteFunc(living(survey, leader, t.list), func(other WantedNode) bool { return other.Name != n.Name && other.Name != leader.Node })
		if err := t.args.proveRow(ctx, h, leader, only, time.Duration(t.args.Timeout)*time.Second); err != nil {
			return tasks.Result{}, err
		}
		return tasks.Result{Msg: fmt.Sprintf("%s is back (%s); %s leads", n.Name, row.Role, leader.Node), Values: values}, nil
	}
	return tasks.Result{Msg: fmt.Sprintf("%v go on without %s", values["counted_on"], n.Name), Values: values}, nil
}

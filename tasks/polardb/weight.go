package polardb

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
)

type weightArgs struct {
	ClusterArgs
	Node    string `arg:"node" doc:"the only node to change; not given: every node whose entry has a weight"`
	Weight  string `arg:"weight" doc:"the weight of node, 0 to 9"`
	Timeout int    `arg:"timeout" default:"60" doc:"seconds until every node must know the weights"`
}

var weightModule = tasks.Define(tasks.Module{
	Name:    "polardb_weight",
	Summary: "Set the voters' election weights where they differ from the inventory's",
	Notes: []string{
		"Weights go from 0 to 9. In an election the heaviest node that can be reached gets the lead; " +
			"a change of weights alone never moves it. A node of weight 0 votes but never stands.",
		"A node whose entry has no weight stays as it is. Unequal weights make every election one election timeout longer.",
	},
	Returns: []tasks.Return{{Name: "weights", Type: "dict", Doc: "the weight of each voter"}},
	Examples: `- polardb_weight:
    nodes: "{{ polardb_nodes }}"
    login_password: "{{ polardb_password }}"
  run_once: yes
`,
}, func(a *weightArgs, _ tasks.Local) (tasks.Action, error) {
	list, err := a.Listed()
	if err != nil {
		return nil, err
	}
	if a.Node != "" || a.Weight != "" {
		list, err = a.one(list)
		return tasks.AskApply(&weightAction{args: a, list: list}), err
	}
	stands := false
	for _, n := range list {
		stands = stands || (n.Role == roleFollower && n.Weight != 0)
	}
	if !stands {
		return nil, &tasks.ArgError{
			Module:  "polardb_weight",
			Arg:     "nodes",
			Problem: "gives every follower the weight 0: nobody would stand for election",
		}
	}
	return tasks.AskApply(&weightAction{args: a, list: list}), nil
})

// one returns the list with a weight for the one node that was named.
func (a *weightArgs) one(list []WantedNode) ([]WantedNode, error) {
	weight, err := strconv.Atoi(a.Weight)
	if err != nil || weight < 0 || weight > 9 {
		return nil, &tasks.ArgError{
			Module:  "polardb_weight",
			Arg:     "weight",
			Problem: fmt.Sprintf("must be a number from 0 to 9, not %q", a.Weight),
		}
	}
	if _, err := NodeNamed(list, a.Node); err != nil {
		return nil, err
	}
	list = slices.Clone(list)
	for i := range list {
		list[i].Weight = -1
		if list[i].Name == a.Node {
			list[i].Weight = weight
			if list[i].Role == roleLearner {
				list[i].Role = roleFollower // the leader knows its real role, whatever the inventory says
			}
		}
	}
	return list, nil
}

type weightAction struct {
	args *weightArgs
	list []WantedNode
}

func (w *weightAction) Ask(ctx context.Context, h tasks.Host, _ tasks.Found) (clusterView, error) {
	return w.args.view(ctx, h, w.list, electionPatience)
}

func (w *weightAction) Plan(found clusterView) (tasks.Plan, []WantedNode, error) {
	if found.NoLeader != "" {
		return tasks.Plan{Change: true, Unknown: found.NoLeader, Msg: "set weights"}, nil, nil
	}
	if err := w.refuse(found.Leader); err != nil {
		return tasks.Plan{}, nil, err
	}
	differ, weights := w.differ(found.Leader)
	values := map[string]any{"weights": weights}
	if len(differ) == 0 {
		return tasks.Plan{Msg: "the weights are as wanted", Values: values}, nil, nil
	}
	var lines, before []string
	for _, n := range differ {
		row, member := found.Leader.Member(n.Address)
		if !member || row.Role == dma.Learner {
			return tasks.Plan{Change: true, Unknown: n.Name + " is not a voter yet", Msg: "set weights"}, nil, nil
		}
		before = append(before, fmt.Sprintf("%s %d", n.Name, row.Weight))
		lines = append(lines, fmt.Sprintf("%s %d", n.Name, n.Weight))
	}
	return tasks.Plan{
		Change: true,
		Values: values,
		Msg:    "weights: " + strings.Join(lines, ", "),
		Diff: []tasks.Diff{{Before: strings.Join(before, "\n") + "\n", After: strings.Join(lines, "\n") + "\n",
			BeforeHeader: "weights", AfterHeader: "weights"}},
	}, differ, nil
}

// refuse returns why the node that was named cannot get the weight.
func (w *weightAction) refuse(leader dma.View) error {
	if w.args.Node == "" {
		return nil
	}
	stands := false
	for _, n := range w.list {
		row, member := leader.Member(n.Address)
		voter := member && row.Role != dma.Learner
		if n.Name == w.args.Node && !member {
			return &tasks.Failure{
				Msg:  n.Name + " is not a member of the cluster",
				Hint: "add it first: polarbook run add-node.yml --limit " + n.Name,
			}
		}
		if n.Name == w.args.Node && !voter {
			return &tasks.Failure{
				Msg:  n.Name + " is a learner: it has no vote, and no weight",
				Hint: "give it a vote first: polarbook run promote-learner.yml -e node=" + n.Name,
			}
		}
		weight := row.Weight
		if n.Weight >= 0 {
			weight = n.Weight
		}
		stands = stands || voter && weight > 0 && n.Role != roleLogger
	}
	if !stands {
		return &tasks.Failure{Msg: fmt.Sprintf("with the weight %s for %s nobody would stand for election", w.args.Weight, w.args.Node)}
	}
	return nil
}

// differ returns the nodes whose weight is not as wanted, and the present weights by node.
func (w *weightAction) differ(leader dma.View) ([]WantedNode, map[string]any) {
	var differ []WantedNode
	weights := map[string]any{}
	for _, n := range w.list {
		row, member := leader.Member(n.Address)
		if member && row.Role != dma.Learner {
			weights[n.Name] = row.Weight
		}
		if n.Weight >= 0 && n.Voter() && (!member || row.Role == dma.Learner || row.Weight != n.Weight) {
			differ = append(differ, n)
		}
	}
	return differ, weights
}

// Apply sets the weights one by one and waits until the leader's list and the lists of all voters that answer have them.
func (w *weightAction) Apply(ctx context.Context, h tasks.Host, p tasks.Plan, differ []WantedNode) (tasks.Result, error) {
	if differ == nil {
		return tasks.Result{}, &tasks.Failure{Msg: "weights cannot be set: " + p.Unknown}
	}
	for _, n := range differ {
		leader, _, err := w.args.leader(ctx, h, w.list, electionPatience)
		if err != nil {
			return tasks.Result{}, err
		}
		if err := w.args.command(ctx, h, leader, dma.ChangeWeight(n.Address, n.Weight), 90*time.Second); err != nil {
			return tasks.Result{}, &tasks.Failure{Msg: fmt.Sprintf("the weight of %s could not be set to %d", n.Name, n.Weight), Err: err}
		}
	}
	limit := time.Duration(w.args.Timeout) * time.Second
	leader, _, saw, err := w.args.await(ctx, h, w.list, limit, func(survey dma.Survey, leader dma.View) string {
		if left, _ := w.differ(leader); len(left) > 0 {
			return fmt.Sprintf("%s still lists another weight for %s", leader.Node, left[0].Name)
		}
		for _, v := range survey {
			if v.Err == nil && !v.NoViews && v.Status.Role == dma.Follower && !v.Members.Same(leader.Members) {
				return fmt.Sprintf("%s has the member list %s, %s has %s", v.Node, v.Members, leader.Node, leader.Members)
			}
		}
		return ""
	})
	switch {
	case err != nil:
		return tasks.Result{}, err
	case saw != "":
		return tasks.Result{}, &tasks.Failure{Msg: fmt.Sprintf("the nodes do not agree on the weights (limit %s): %s", limit, saw)}
	}
	_, weights := w.differ(leader)
	return tasks.Result{Changed: true, Msg: p.Msg, Values: map[string]any{"weights": weights}, Diff: p.Diff}, nil
}

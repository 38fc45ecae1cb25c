package polardb

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
)

type electionArgs struct {
	ClusterArgs
	Node    string `arg:"node,required" doc:"the follower to stand for election"`
	Force   bool   `arg:"force" default:"no" doc:"let it stand although a majority accepts the present leader"`
	Wait    int    `arg:"wait" default:"15" doc:"seconds that the voters have to elect a leader by themselves"`
	Timeout int    `arg:"timeout" default:"60" doc:"seconds until there must be a leader, and as many until every node must agree"`
}

var electionModule = tasks.Define(tasks.Module{
	Name:    "polardb_election",
	Summary: "Make a follower stand for election when the leader is stuck",
	Notes: []string{
		"Sends the statement to the follower itself. A leader and a learner would report success but do nothing, so both are refused. " +
			"While a majority accepts a leader, an election is refused too, unless force is given.",
		"A follower wins only when a majority of the voters answers and has no more of the log than it has; otherwise nothing is sent. " +
			"When it has won, the engine passes the lead on to a voter with a higher weight.",
	},
	Returns: []tasks.Return{
		{Name: "leader", Type: "str", Doc: "the node that leads"},
		{Name: "from", Type: "str", Doc: "the node that led before; empty when none did"},
		{Name: "term", Type: "int", Doc: "the leader's term"},
	},
	Examples: `- polardb_election:
    node: node2
    nodes: "{{ polardb_nodes }}"
    login_password: "{{ polardb_password }}"
  run_once: yes
`,
}, func(a *electionArgs, _ tasks.Local) (tasks.Action, error) {
	list, err := a.Listed()
	return tasks.AskApply(&electionAction{args: a, list: list}), err
})

type electionAction struct {
	args *electionArgs
	list []WantedNode
}

func (e *electionAction) Ask(ctx context.Context, h tasks.Host, _ tasks.Found) (clusterView, error) {
	return e.args.view(ctx, h, e.list, time.Duration(e.args.Wait)*time.Second)
}

func (e *electionAction) Plan(found clusterView) (tasks.Plan, *electionChange, error) {
	n, err := NodeNamed(e.list, e.args.Node)
	if err != nil {
		return tasks.Plan{}, nil, err
	}
	leader, survey := found.Leader, found.Survey
	values := map[string]any{"leader": leader.Node, "from": leader.Node, "term": int(leader.Status.Term)}
	switch {
	case found.NoLeader == "" && leader.Node == n.Name:
		return tasks.Plan{Msg: n.Name + " leads already", Values: values}, nil, nil
	case found.NoLeader == "" && !e.args.Force:
		return tasks.Plan{}, nil, &tasks.Failure{
			Msg:  fmt.Sprintf("%s leads, and a majority accepts it (%s): the cluster is not stuck", leader.Node, votes(survey, leader)),
			Hint: fmt.Sprintf("to move the lead: polarbook run switchover.yml -e to=%s; to force an election all the same: -e force=yes", n.Name)}
	}
	if err := mayStand(survey, n); err != nil {
		return tasks.Plan{}, nil, err
	}
	self, _ := survey.Of(n.Name)
	granted, voters, more := wouldVote(survey, self)
	msg := fmt.Sprintf("%s stands for election (log index %d; %d of %d voters would vote for it",
		n.Name, self.Status.LastLogIndex, granted, voters)
	if needed := dma.Majority(voters); granted < needed {
		return tasks.Plan{}, nil, &tasks.Failure{
			Msg:  fmt.Sprintf("%s would get %d of %d votes, and %d are needed: %s", n.Name, granted, voters, needed, strings.Join(more, "; ")),
			Hint: "choose the follower with the most log, or bring voters back first"}
	}
	if heavier := heavierThan(self); found.NoLeader == "" && heavier != "" {
		msg += "; the engine will pass the lead on to " + heavier
	}
	return tasks.Plan{Change: true, Msg: msg + ")", Values: values}, &electionChange{n, leader.Status.Term}, nil
}

type electionChange struct {
	node WantedNode
	term int64 // of the leader that is to be replaced; 0 when there is none
}

// mayStand refuses a node on which the statement would do nothing. It goes by the node's own view: there may be no leader.
func mayStand(survey dma.Survey, n WantedNode) error {
	self, _ := survey.Of(n.Name)
	switch {
	case self.Err != nil:
		return &tasks.Failure{Msg: fmt.Sprintf("%s does not answer (%v)", n.Name, self.Err),
			Hint: "choose a follower that does: polarbook status"}
	case self.NoViews || n.Role == roleLogger:
		return &tasks.Failure{Msg: n.Name + " is a logger: it holds no data and cannot lead"}
	case self.Status.Role == dma.Learner:
		return &tasks.Failure{Msg: n.Name + " is a learner: it has no vote, and the engine would report success but do nothing"}
	case self.Status.Role == dma.Leader, self.Status.Role == dma.NoRole:
		return &tasks.Failure{Msg: n.Name + " takes itself for the leader, and the engine would report success but do nothing",
			Hint: "choose a follower"}
	}
	own, ok := self.Members.At(int64(self.Members.Self))
	switch {
	case !ok || own.IPPort != n.Address.Consensus() || self.Members.Count(own.IPPort) != 1:
		return &tasks.Failure{Msg: fmt.Sprintf("%s cannot vote: its member list is %s", n.Name, self.Members),
			Hint: "drop it and add it again: drop-node.yml, then add-node.yml"}
	case own.Weight == 0:
		return &tasks.Failure{Msg: n.Name + " has the weight 0: it votes and never leads"}
	}
	return nil
}

// wouldVote counts the voters in the candidate's own list, and those that answer and have no more log than it has; others lists
// why the rest would not vote for it. A logger that answers counts, because how much log it has cannot be asked.
func wouldVote(survey dma.Survey, self dma.View) (granted, voters int, others []string) {
	for _, m := range self.Members.Entries {
		voters++
		v, known := survey.At(m.IPPort)
		switch {
		case !known:
			others = append(others, m.IPPort+" is not in the inventory")
		case v.Err != nil:
			others = append(others, v.Node+" does not answer")
		case !v.NoViews && moreLog(v.Status, self.Status):
			others = append(others, fmt.Sprintf("%s has more log (index %d in term %d, against %d in term %d)", v.Node,
				v.Status.LastLogIndex, v.Status.LastLogTerm, self.Status.LastLogIndex, self.Status.LastLogTerm))
		default:
			granted++
		}
	}
	return granted, voters, others
}

// moreLog reports whether a has log that b lacks, by the rule that decides a vote.
func moreLog(a, b dma.Status) bool {
	if a.LastLogTerm != b.LastLogTerm {
		return a.LastLogTerm > b.LastLogTerm
	}
	return a.LastLogIndex > b.LastLogIndex
}

// heavierThan describes the voter with the highest weight, if that is higher than the node's own; "": it is not.
func heavierThan(self dma.View) string {
	own, _ := self.Members.At(int64(self.Members.Self))
	best := own
	for _, m := range self.Members.Entries {
		if m.Weight > best.Weight {
			best = m
		}
	}
	if best.Weight == own.Weight {
		return ""
	}
	return fmt.Sprintf("%s, whose weight is %d and not %d", best.IPPort, best.Weight, own.Weight)
}

func (e *electionAction) Apply(ctx context.Context, h tasks.Host, _ tasks.Plan, change *electionChange) (tasks.Result, error) {
	n, limit := change.node, time.Duration(e.args.Timeout)*time.Second
	err := e.args.command(ctx, h, dma.View{Node: n.Name, Address: n.Address}, dma.ForceChangeLeader(), limit)
	var refused *dma.CommandError
	if errors.As(err, &refused) {
		return tasks.Result{}, &tasks.Failure{Msg: n.Name + " did not stand for election", Err: err}
	}
	alive := []WantedNode(nil)
	leader, survey, saw, err := e.args.await(ctx, h, e.list, limit, func(survey dma.Survey, leader dma.View) string {
		if leader.Status.Term <= change.term {
			return fmt.Sprintf("%s still leads in term %d", leader.Node, leader.Status.Term)
		}
		alive = living(survey, leader, e.list)
		return agreement(survey, leader, alive)
	})
	switch {
	case err != nil:
		return tasks.Result{}, err
	case saw != "":
		return tasks.Result{}, &tasks.Failure{
			Msg: fmt.Sprintf("%s was told to stand for election, but the nodes do not agree on a new leader (limit %s): %s; %s",
				n.Name, limit, saw, survey)}
	}
	if err := e.args.proveRow(ctx, h, leader, alive, limit); err != nil {
		return tasks.Result{Changed: true}, err
	}
	r := tasks.Result{
		Changed: true, Msg: fmt.Sprintf("%s leads in term %d", leader.Node, leader.Status.Term),
		Values: map[string]any{"leader": leader.Node, "term": int(leader.Status.Term)},
	}
	if leader.Node != n.Name {
		r.Warnings = []string{fmt.Sprintf("%s stood for election, but %s leads now: "+
			"the engine gives the lead to the voter with the highest weight", n.Name, leader.Node)}
	}
	return r, nil
}

package polardb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
)

type switchoverArgs struct {
	ClusterArgs
	To      string `arg:"to" doc:"the node that will lead; default: the follower with the highest weight, among equals the least behind"`
	MaxLag  int    `arg:"max_lag" default:"100" doc:"log entries that the target may be behind when the leader is told to hand over"`
	Wait    int    `arg:"wait" default:"30" doc:"seconds that the target has to catch up"`
	Timeout int    `arg:"timeout" default:"60" doc:"seconds until the target must lead, and until every node must agree, each"`
}

var switchoverModule = tasks.Define(tasks.Module{
	Name:    "polardb_switchover",
	Summary: "Hand the lead over to another node, and prove that it leads",
	Notes: []string{
		"Before anything is sent, refuses a target that is a learner, is a logger, is not a member, does not answer or has weight 0. " +
			"For the last two the engine would report success but do nothing.",
		"The engine gives the lead to the heaviest voter one election timeout after every election, " +
			"and so back to a heavier old leader (observed on 11.9). " +
			"A target that is lighter than another voter therefore temporarily gets the highest weight, and its own again when it leads.",
		"The sessions of the old leader end as in a crash of its server (observed on 11.9). That is how the engine steps down; " +
			"it is a follower again within seconds.",
		"Done means that the target leads by the word of a majority and accepts writes, that the old leader follows it, " +
			"that all nodes that answered before have the same member list and stream, " +
			"and that a row written on the new leader was read on the others.",
	},
	Returns: []tasks.Return{
		{Name: "leader", Type: "str", Doc: "the node that leads"},
		{Name: "from", Type: "str", Doc: "the node that led before"},
		{Name: "to", Type: "str", Doc: "the target"},
		{Name: "lag", Type: "int", Doc: "log entries that the target was behind"},
		{Name: "term", Type: "int", Doc: "the new leader's term"},
	},
	Examples: `- polardb_switchover:
    to: node2
    nodes: "{{ polardb_nodes }}"
    login_password: "{{ polardb_password }}"
  run_once: yes
`,
}, func(a *switchoverArgs, _ tasks.Local) (tasks.Action, error) {
	list, err := a.Listed()
	return tasks.AskApply(&switchoverAction{args: a, list: list}), err
})

type switchoverAction struct {
	args *switchoverArgs
	list []WantedNode
}

type switchoverChange struct {
	from   dma.View
	to     WantedNode
	weight int // the target's own
	lift   int // the weight that it temporarily gets; the same when its own is enough
}

func (s *switchoverAction) Ask(ctx context.Context, h tasks.Host, _ tasks.Found) (clusterView, error) {
	return s.args.view(ctx, h, s.list, electionPatience)
}

func (s *switchoverAction) Plan(found clusterView) (tasks.Plan, *switchoverChange, error) {
	switch {
	case found.NoLeader != "":
		return tasks.Plan{}, nil, &tasks.Failure{
			Msg:  "there is nothing to switch over from: " + found.NoLeader,
			Hint: "bring the nodes back, or make a follower stand for election: polarbook run force-election.yml -e node=NAME",
		}
	}
	leader, survey := found.Leader, found.Survey
	to, err := s.target(survey, leader)
	if err != nil {
		return tasks.Plan{}, nil, err
	}
	values := map[string]any{"leader": leader.Node, "from": leader.Node, "to": to.Name, "lag": 0, "term": int(leader.Status.Term)}
	if to.Name == leader.Node {
		return tasks.Plan{Msg: to.Name + " leads already", Values: values}, nil, nil
	}
	row, _ := leader.Member(to.Address)
	lag := behind(leader, row)
	values["lag"] = int(lag)
	msg := fmt.Sprintf("switch over from %s to %s (weight %d, %d log entries behind; %s)",
		leader.Node, to.Name, row.Weight, lag, votes(survey, leader))
	lift := row.Weight
	for _, m := range leader.Cluster {
		if m.Role != dma.Learner && m.Weight > lift {
			lift = m.Weight
		}
	}
	if lift > row.Weight {
		if row.ForceSync {
			return tasks.Plan{}, nil, &tasks.Failure{
				Msg: fmt.Sprintf("%s has the weight %d and another voter %d, so the engine would take the lead away from it again; "+
					"raising its weight temporarily would clear its force_sync",
					to.Name, row.Weight, lift),
				Hint: "make the weights equal first: polarbook run set-weight.yml",
			}
		}
		msg += fmt.Sprintf(", temporarily with the weight %d, because the engine gives the lead to the heaviest voter", lift)
	}
	if doubt := s.unready(survey, leader, to); doubt != "" {
		msg += fmt.Sprintf(", once it is ready: %s; wait up to %d s", doubt, s.args.Wait)
	}
	return tasks.Plan{Change: true, Msg: msg, Values: values}, &switchoverChange{leader, to, row.Weight, lift}, nil
}

// target returns the node that was asked for, or else the best one.
func (s *switchoverAction) target(survey dma.Survey, leader dma.View) (WantedNode, error) {
	if s.args.To != "" {
		to, err := NodeNamed(s.list, s.args.To)
		if err != nil || to.Name == leader.Node {
			return to, err
		}
		if refusal := unfit(survey, leader, to); refusal != nil {
			return to, refusal
		}
		return to, nil
	}
	var best []WantedNode
	var reasons []string
	for _, n := range s.list {
		if n.Name == leader.Node {
			continue
		}
		if err := unfit(survey, leader, n); err != nil {
			reasons = append(reasons, err.Msg)
			continue
		}
		best = append(best, n)
	}
	if len(best) == 0 {
		return WantedNode{}, &tasks.Failure{
			Msg: fmt.Sprintf("%s leads, and no other node can: %s", leader.Node, strings.Join(reasons, "; ")),
		}
	}
	rank := func(n WantedNode) (late int, row dma.Member) {
		row, _ = leader.Member(n.Address)
		if s.unready(survey, leader, n) != "" {
			late = 1
		}
		return late, row
	}
	slices.SortStableFunc(best, func(a, b WantedNode) int {
		lateA, rowA := rank(a)
		lateB, rowB := rank(b)
		return cmp.Or(
			cmp.Compare(lateA, lateB),
			cmp.Compare(rowB.Weight, rowA.Weight),
			cmp.Compare(behind(leader, rowA), behind(leader, rowB)),
		)
	})
	return best[0], nil
}

// unfit returns why a node cannot lead, however long one waits; nil: it can.
func unfit(survey dma.Survey, leader dma.View, n WantedNode) *tasks.Failure {
	row, member := leader.Member(n.Address)
	self, _ := survey.Of(n.Name)
	switch {
	case !member:
		return &tasks.Failure{
			Msg:  n.Name + " is not a member of the cluster",
			Hint: "add it first: polarbook run add-node.yml --limit " + n.Name,
		}
	case row.Role == dma.Learner:
		return &tasks.Failure{
			Msg:  n.Name + " is a learner: it has no vote and cannot lead",
			Hint: "give it a vote first: polarbook run promote-learner.yml -e node=" + n.Name,
		}
	case self.Err != nil:
		return &tasks.Failure{
			Msg:  fmt.Sprintf("%s does not answer (%v)", n.Name, self.Err),
			Hint: "the engine would report success but do nothing; start the node first",
		}
	case n.Role == roleLogger || self.NoViews:
		return &tasks.Failure{Msg: n.Name + " is a logger: it votes, but has no data and would pass the lead on"}
	case row.Weight == 0:
		return &tasks.Failure{
			Msg:  n.Name + " has weight 0: it votes but never leads, and the engine would report success but do nothing",
			Hint: "polarbook run set-weight.yml -e node=" + n.Name + " -e weight=5",
		}
	}
	return nil
}

// unready returns what has to be waited for before a node may be told to lead; empty: nothing.
func (s *switchoverAction) unready(survey dma.Survey, leader dma.View, n WantedNode) string {
	row, _ := leader.Member(n.Address)
	if lag := behind(leader, row); lag > int64(s.args.MaxLag) {
		return fmt.Sprintf("%s is %d log entries behind %s, at most %d are allowed", n.Name, lag, leader.Node, s.args.MaxLag)
	}
	return disagreement(survey, leader, withListedRole(n, row))
}

func (s *switchoverAction) Apply(ctx context.Context, h tasks.Host, _ tasks.Plan, change *switchoverChange) (tasks.Result, error) {
	from, to := change.from, change.to
	survey, err := s.args.survey(ctx, h, s.list)
	if err != nil {
		return tasks.Result{}, err
	}
	alive := living(survey, from, s.list)
	if change.lift > change.weight {
		if err := s.args.command(ctx, h, from, dma.ChangeWeight(to.Address, change.lift), 90*time.Second); err != nil {
			// The answer may be lost and the order carried out: the leader can die in between, or the limit be too short.
			return tasks.Result{}, errors.Join(&tasks.Failure{
				Msg: fmt.Sprintf("%s could not be given the weight %d for the switchover", to.Name, change.lift),
				Err: err,
			}, s.unlift(ctx, h, change, alive, "may still have"))
		}
	}
	r, err := s.switchOver(ctx, h, change, alive)
	if change.lift > change.weight {
		left := s.unlift(ctx, h, change, alive, "still has")
		err = errors.Join(err, left)
	}
	return r, err
}

// unlift gives the target its own weight again, whether or not the switchover worked. Its error says that the target has, in
// the words of has, the other one.
func (s *switchoverAction) unlift(
	ctx context.Context, h tasks.Host, change *switchoverChange, alive []WantedNode, has string,
) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 90*time.Second)
	defer cancel()
	leader, _, err := s.args.leader(ctx, h, s.list, electionPatience)
	if err == nil {
		err = s.args.command(ctx, h, leader, dma.ChangeWeight(change.to.Address, change.weight), 60*time.Second)
	}
	if err != nil {
		return &tasks.Failure{
			Msg: fmt.Sprintf("%s %s the weight %d, which it got for the switchover, instead of %d",
				change.to.Name, has, change.lift, change.weight),
			Err:  err,
			Hint: fmt.Sprintf("polarbook run set-weight.yml -e node=%s -e weight=%d", change.to.Name, change.weight),
		}
	}
	_, _, saw, err := s.args.await(ctx, h, s.list, 30*time.Second, func(survey dma.Survey, leader dma.View) string {
		if row, _ := leader.Member(change.to.Address); row.Weight != change.weight {
			return fmt.Sprintf("%s lists the weight %d for %s, not %d", leader.Node, row.Weight, change.to.Name, change.weight)
		}
		return agreement(survey, leader, alive)
	})
	if err == nil && saw != "" {
		return &tasks.Failure{Msg: saw}
	}
	return err
}

func (s *switchoverAction) switchOver(
	ctx context.Context, h tasks.Host, change *switchoverChange, alive []WantedNode,
) (tasks.Result, error) {
	from, to := change.from, change.to
	if err := s.handOver(ctx, h, to); err != nil {
		return tasks.Result{}, err
	}
	limit := time.Duration(s.args.Timeout) * time.Second
	leader, survey, saw, err := s.args.await(ctx, h, s.list, limit, func(survey dma.Survey, leader dma.View) string {
		if leader.Node != to.Name {
			return leader.Node + " leads"
		}
		return agreement(survey, leader, alive)
	})
	switch {
	case err != nil:
		return tasks.Result{}, err
	case saw != "":
		return tasks.Result{
			Changed: true,
		}, &tasks.Failure{Msg: fmt.Sprintf("%s got the lead, but the cluster is not as expected (limit %s): %s; %s", to.Name, limit, saw, survey)}
	}
	if err := s.args.proveRow(ctx, h, leader, alive, limit); err != nil {
		return tasks.Result{Changed: true}, err
	}
	r := tasks.Result{Changed: true, Msg: fmt.Sprintf("%s leads in term %d, %s follows it", to.Name, leader.Status.Term, from.Node),
		Values: map[string]any{"leader": leader.Node, "term": int(leader.Status.Term)}}
	if voters, live := survey.Voters(leader); len(live) == dma.Majority(len(voters)) && len(voters) > 1 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("%s: no other voter may fail", votes(survey, leader)))
	}
	r.Warnings = append(r.Warnings, delayWarnings(survey)...)
	return r, nil
}

// insistence is the time after which the leader is told again to hand over. The engine tries for a few seconds, and gives up
// silently when the target was behind at that moment.
const insistence = 15 * time.Second

// handOver tells the leader to hand over once the target is ready, and returns when the target leads.
func (s *switchoverAction) handOver(ctx context.Context, h tasks.Host, to WantedNode) error {
	limit := time.Duration(s.args.Timeout) * time.Second
	deadline := time.Now().Add(time.Duration(s.args.Wait) * time.Second)
	var told time.Time // zero until the leader was told
	by, saw, said := "", "", ""
	for {
		survey, err := s.args.survey(ctx, h, s.list)
		if err != nil {
			return err
		}
		leader, err := leads(survey)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			saw = err.Error()
		case leader.Node == to.Name:
			return nil
		case leader.Node == by && time.Since(told) < insistence:
			saw = by + " was told to hand over and still leads"
		default:
			if refusal := unfit(survey, leader, to); refusal != nil {
				if !told.IsZero() {
					refusal.Msg = fmt.Sprintf("%s was told to hand over to %s, but %s leads now: %s", by, to.Name, leader.Node, refusal.Msg)
				}
				return refusal
			}
			if saw = s.unready(survey, leader, to); saw != "" {
				break
			}
			err := s.tell(ctx, h, leader, to)
			switch {
			case err == nil && told.IsZero(), errors.Is(err, dma.ErrConcurrent) && told.IsZero():
				deadline = time.Now().Add(limit)
			case err != nil && !errors.Is(err, dma.ErrConcurrent) && !errors.Is(err, dma.ErrNotLeader):
				return &tasks.Failure{Msg: fmt.Sprintf("%s did not take the order to hand over to %s", leader.Node, to.Name), Err: err}
			}
			if told = time.Now(); err != nil {
				told, saw = told.Add(time.Second-insistence), leader.Node+": "+err.Error()
			}
			by = leader.Node
		}
		if saw != said && saw != "" {
			h.Say(saw)
			said = saw
		}
		switch {
		case time.Now().Before(deadline):
		case told.IsZero():
			return &tasks.Failure{Msg: fmt.Sprintf("%s was not told to lead: after %d s still %s", to.Name, s.args.Wait, saw),
				Hint: "nothing was changed; max_lag sets how far behind it may be, wait for how long it is waited for"}
		default:
			return &tasks.Failure{
				Msg:  fmt.Sprintf("%s does not lead after %s: %s; %s", to.Name, limit, saw, survey),
				Hint: "see the server logs of " + to.Name + " and " + by,
			}
		}
		if err := tasks.Sleep(ctx, 300*time.Millisecond); err != nil {
			return err
		}
	}
}

// tell sends the order. The engine ends the old leader's sessions when it steps down, perhaps before it has answered. A broken
// connection is therefore not an error: the survey shows whether the order worked.
func (s *switchoverAction) tell(ctx context.Context, h tasks.Host, leader dma.View, to WantedNode) error {
	err := s.args.command(ctx, h, leader, dma.ChangeLeader(to.Address), 20*time.Second)
	var refused *dma.CommandError
	if err == nil || errors.As(err, &refused) && !refused.Restarting() {
		return err
	}
	h.Say(leader.Node + " ended the session: " + err.Error())
	return nil
}

package polardb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
)

type memberArgs struct {
	ClusterArgs
	Node    string `arg:"node" doc:"the node to add or change; default the host that the task runs on"`
	Role    string `arg:"role" choices:"follower learner" doc:"a member's new role, whatever the inventory wants; fails for other nodes"`
	Timeout int    `arg:"timeout" default:"120" doc:"seconds that the change may take, and as many for its proof"`
	MaxLag  int    `arg:"max_lag" default:"100" doc:"log entries that a learner may be behind when it gets a vote: 100 at most (engine)"`
}

var memberModule = tasks.Define(tasks.Module{
	Name:    "polardb_member",
	Summary: "Make a running node a member of the cluster, in the role that the inventory wants",
	Notes: []string{
		"Adds a node that the cluster does not know, gives a learner its vote, or takes a follower's away. " +
			"Asks the nodes who leads, and accepts a leader only when a majority of the voters agrees.",
		"Does not rely on the success that the engine reports: the node itself must report the role, " +
			"the number and the member list that the leader has for it, and stream from the leader.",
		"When a node cannot be added in time, the learner that the engine leaves behind is dropped again, " +
			"because it would block every later addition.",
	},
	Returns: []tasks.Return{
		{Name: "role", Type: "str", Doc: "the role that the leader lists for the node"},
		{Name: "leader", Type: "str", Doc: "the node that leads"},
		{Name: "server_id", Type: "int", Doc: "the node's number in the member list"},
	},
	Examples: `- polardb_member:
    nodes: "{{ polardb_nodes }}"
    login_password: "{{ polardb_password }}"
`,
}, func(a *memberArgs, _ tasks.Local) (tasks.Action, error) {
	list, err := a.Listed()
	if err == nil && a.Role != "" {
		err = a.override(list)
	}
	return tasks.AskApply(&memberAction{args: a, list: list}), err
})

type memberAction struct {
	args *memberArgs
	list []WantedNode
}

func (m *memberAction) Ask(ctx context.Context, h tasks.Host, _ tasks.Found) (clusterView, error) {
	name := m.args.Node
	if name == "" {
		name = h.Name()
	}
	node, err := NodeNamed(m.list, name)
	if err != nil {
		return clusterView{}, err
	}
	found, err := m.args.view(ctx, h, m.list, electionPatience)
	found.Node = node
	return found, err
}

// memberStep is what to do with a member.
type memberStep string

const (
	memberNone    memberStep = ""
	memberAdd     memberStep = "add"
	memberPromote memberStep = "promote"
	memberDemote  memberStep = "demote"
	memberSettle  memberStep = "settle" // wait: the leader lists the node as wanted, but the node does not agree yet
)

func (m *memberAction) Plan(found clusterView) (tasks.Plan, *memberChange, error) {
	if found.NoLeader != "" {
		return tasks.Plan{Change: true, Unknown: found.NoLeader, Msg: "join the cluster"}, &memberChange{memberNone, found}, nil
	}
	n, leader := found.Node, found.Leader
	row, member := leader.Member(n.Address)
	values := map[string]any{"leader": leader.Node}
	if member {
		values["role"], values["server_id"] = row.Role.String(), int(row.ServerID)
	}
	plan := func(step memberStep, msg string) (tasks.Plan, *memberChange, error) {
		return tasks.Plan{Change: true, Msg: msg, Values: values}, &memberChange{step, found}, nil
	}
	if m.args.Role != "" {
		if err := mayChange(found.Survey, leader, n); err != nil {
			return tasks.Plan{}, nil, err
		}
	}
	switch {
	case !member:
		if pending := pendingLearner(found.Survey, leader, m.list); pending != "" && n.Voter() {
			return tasks.Plan{}, nil, &tasks.Failure{
				Msg: fmt.Sprintf("%s is a learner that was never reached, left by an addition that timed out; "+
					"the engine adds nobody while it is there", pending),
				Hint: "start that node and run again, or drop it: ALTER SYSTEM DMA DROP LEARNER on " + leader.Node}
		}
		if n.Voter() {
			return plan(memberAdd, "add "+n.Name+" as a follower")
		}
		return plan(memberAdd, "add "+n.Name+" as a learner")
	case n.Voter() && row.Role == dma.Learner:
		lag := behind(leader, row)
		return plan(memberPromote, fmt.Sprintf("give the learner %s a vote (%d log entries behind %s)", n.Name, lag, leader.Node))
	case !n.Voter() && row.Role != dma.Learner:
		if leader.Node == n.Name {
			return tasks.Plan{}, nil, &tasks.Failure{Msg: n.Name + " leads and cannot become a learner",
				Hint: "switch over to another node first: polarbook run switchover.yml"}
		}
		if err := keepsMajority(found.Survey, leader, n.Address); err != nil {
			return tasks.Plan{}, nil, err
		}
		return plan(memberDemote, fmt.Sprintf("take %s's vote away (%s leads; %s now)", n.Name, leader.Node, votes(found.Survey, leader)))
	}
	if doubt := disagreement(found.Survey, leader, n); doubt != "" {
		return plan(memberSettle, "wait until "+n.Name+" agrees with the leader: "+doubt)
	}
	return tasks.Plan{Values: values, Msg: fmt.Sprintf("%s is a %s; %s leads", n.Name, row.Role, leader.Node)}, nil, nil
}

type memberChange struct {
	step  memberStep
	found clusterView
}

func (m *memberAction) Apply(ctx context.Context, h tasks.Host, p tasks.Plan, change *memberChange) (tasks.Result, error) {
	if p.Unknown != "" {
		return tasks.Result{}, &tasks.Failure{Msg: change.found.Node.Name + " cannot join: " + p.Unknown,
			Hint: "see what each node reports: polarbook status"}
	}
	n, leader := change.found.Node, change.found.Leader
	var err error
	switch change.step {
	case memberAdd:
		err = m.add(ctx, h, leader, n)
	case memberPromote:
		err = m.promote(ctx, h, n)
	case memberDemote:
		err = m.args.command(ctx, h, leader, dma.FollowerToLearner(n.Address), m.limit())
	}
	if err != nil {
		return tasks.Result{}, err
	}
	return m.prove(ctx, h, n, change.step != memberSettle)
}

func (m *memberAction) limit() time.Duration { return time.Duration(m.args.Timeout) * time.Second }

// add adds the node once the leader's host can reach its consensus port: otherwise the statement would hang for
// polar_dma_config_change_timeout (60 s) and leave a learner behind.
func (m *memberAction) add(ctx context.Context, h tasks.Host, leader dma.View, n WantedNode) error {
	from, err := h.Peer(ctx, leader.Node)
	if err != nil {
		return err
	}
	if err := knock(ctx, from, n.Address.Consensus()); err != nil {
		return &tasks.Failure{
			Msg:  fmt.Sprintf("the leader %s cannot reach %s's consensus port %s", leader.Node, n.Name, n.Address.Consensus()),
			Err:  err,
			Hint: "is the node's server started, and is the port open in the firewalls? Nothing was added"}
	}
	statement := dma.AddFollower(n.Address)
	if !n.Voter() {
		statement = dma.AddLearner(n.Address)
	}
	err = m.args.command(ctx, h, leader, statement, m.limit())
	if err == nil || errors.Is(err, dma.ErrMember) {
		return nil
	}
	// The engine may have done more than it reported.
	undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), 90*time.Second)
	defer cancel()
	now, _, lookErr := m.args.leader(undo, h, m.list, electionPatience)
	if lookErr != nil {
		return errors.Join(err, fmt.Errorf("see whether it had an effect: %w", lookErr))
	}
	row, member := now.Member(n.Address)
	switch {
	case !member:
		return &tasks.Failure{Msg: n.Name + " was not added", Err: err}
	case !n.Voter() || row.Role != dma.Learner:
		return nil
	}
	if err := m.args.command(undo, h, now, dma.DropLearner(n.Address), time.Minute); err != nil {
		return &tasks.Failure{Msg: n.Name + " was left behind as a learner, and dropping it failed", Err: err,
			Hint: "drop it by hand: the engine adds nobody while it is there"}
	}
	failure := streamFailure(undo, h, n, "it did not catch up in time, and the learner that the engine left behind was dropped again")
	if failure != nil {
		return failure
	}
	return &tasks.Failure{Msg: n.Name + " did not catch up in time; the learner that the engine left behind was dropped again", Err: err,
		Hint: fmt.Sprintf("look into the server log of %s for why it does not stream. "+
			"If it has log that the cluster lacks (consensus log mismatch, divergence), rebuild it: "+
			"polarbook run rebuild-node.yml -e node=%s", n.Name, n.Name)}
}

// promote waits until the learner is alive and close enough: the engine refuses one that is too far behind, but accepts a dead
// one.
func (m *memberAction) promote(ctx context.Context, h tasks.Host, n WantedNode) error {
	deadline := time.Now().Add(m.limit())
	said := ""
	for {
		leader, survey, err := m.args.leader(ctx, h, m.list, electionPatience)
		if err != nil {
			return err
		}
		row, member := leader.Member(n.Address)
		if !member {
			return &tasks.Failure{Msg: n.Name + " is no longer a member"}
		}
		if row.Role != dma.Learner {
			return nil
		}
		self, _ := survey.Of(n.Name)
		_, streams := leader.ReplicaOf(n.Address.Consensus())
		lag := leader.Status.LastLogIndex - row.MatchIndex
		alive := self.Err == nil && (streams || n.Role == roleLogger)
		if alive && lag <= int64(m.args.MaxLag) {
			err := m.args.command(ctx, h, leader, dma.LearnerToFollower(n.Address), m.limit())
			if err == nil || !errors.Is(err, dma.ErrDelayed) {
				return err
			}
		}
		saw := fmt.Sprintf("%s is %d log entries behind %s, streaming: %t", n.Name, lag, leader.Node, streams)
		if self.Err != nil {
			saw = self.String()
		}
		if saw != said {
			said = saw
			h.Say(saw)
		}
		if time.Now().After(deadline) {
			return &tasks.Failure{Msg: fmt.Sprintf("%s cannot be given a vote after %s: %s", n.Name, m.limit(), saw),
				Hint: "let it catch up first: with a voter that does not follow, the cluster loses its majority sooner"}
		}
		if err := tasks.Sleep(ctx, 500*time.Millisecond); err != nil {
			return err
		}
	}
}

// prove waits until leader and node agree about the node.
func (m *memberAction) prove(ctx context.Context, h tasks.Host, n WantedNode, changed bool) (tasks.Result, error) {
	leader, survey, saw, err := m.args.await(ctx, h, m.list, m.limit(), func(survey dma.Survey, leader dma.View) string {
		return disagreement(survey, leader, n)
	})
	switch {
	case err != nil:
		return tasks.Result{}, err
	case saw != "":
		if failure := streamFailure(ctx, h, n, saw); failure != nil {
			return tasks.Result{}, failure
		}
		return tasks.Result{}, &tasks.Failure{Msg: fmt.Sprintf("the node and the leader do not agree (limit %s): %s", m.limit(), saw),
			Hint: memberHint(survey, n)}
	}
	row, _ := leader.Member(n.Address)
	return tasks.Result{Changed: changed, Msg: fmt.Sprintf("%s is a %s; %s leads", n.Name, row.Role, leader.Node),
		Values: map[string]any{"role": row.Role.String(), "server_id": int(row.ServerID), "leader": leader.Node}}, nil
}

func memberHint(survey dma.Survey, n WantedNode) string {
	v, _ := survey.Of(n.Name)
	if v.Members.Count(n.Address.Consensus()) > 1 {
		return "its own member list holds it more than once: it was added again without a learner's meta. Drop it, and run again"
	}
	return "look into the server log of " + n.Name
}

// pendingLearner finds a learner that the inventory wants as a voter, or does not know, and that never answered the leader.
func pendingLearner(survey dma.Survey, leader dma.View, list []WantedNode) string {
	for _, row := range leader.Cluster {
		if row.Role != dma.Learner || row.MatchIndex != 0 {
			continue
		}
		if _, streams := leader.ReplicaOf(row.IPPort); streams {
			continue
		}
		v, known := survey.At(row.IPPort)
		if !known {
			return row.IPPort
		}
		if n, err := NodeNamed(list, v.Node); err == nil && n.Voter() && v.Err != nil {
			return n.Name
		}
	}
	return ""
}

// keepsMajority refuses to take a voter away when fewer than a majority of those left would be alive.
func keepsMajority(survey dma.Survey, leader dma.View, without dma.Address) error {
	voters, live := survey.Voters(leader)
	left, alive := 0, 0
	for _, v := range voters {
		if v.IPPort != without.Consensus() {
			left++
		}
	}
	for _, v := range live {
		if v.IPPort != without.Consensus() {
			alive++
		}
	}
	if alive < dma.Majority(left) {
		needed := dma.Majority(left)
		return &tasks.Failure{
			Msg:  fmt.Sprintf("without %s the cluster would have %d voters, %d of them alive, and %d are needed", without, left, alive, needed),
			Hint: "bring the other voters back first"}
	}
	return nil
}

// knock connects from a host to an address and hangs up.
func knock(ctx context.Context, from tasks.Host, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := from.Dial(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}

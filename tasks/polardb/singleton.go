package polardb

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
)

type singletonArgs struct {
	ClusterArgs
	Lost     []string `arg:"lost" doc:"the voters that are lost for good: names in nodes, or addresses (host:port)"`
	Survivor string   `arg:"survivor" doc:"the voter that goes on alone; not given: of those that answer, the one with the most log"`
	Force    bool     `arg:"force" default:"no" doc:"let survivor go on although another voter that answers has more log"`
	Begun    []any    `arg:"begun" doc:"the notes of polardb_recovery on the nodes, one dict each, which a run that was cut off left"`
	Stopped  []string `arg:"stopped" doc:"the nodes whose hosts hold a member's data but whose servers do not run"`
	Alone    []string `arg:"alone" doc:"the nodes that are the only voter by their own member list, whether their servers run or not"`
	Wait     int      `arg:"wait" default:"15" doc:"seconds that the voters have to elect a leader by themselves"`
	Timeout  int      `arg:"timeout" default:"90" doc:"seconds until the survivor must accept writes, alone"`
}

var singletonModule = tasks.Define(tasks.Module{
	Name:    "polardb_singleton",
	Summary: "Let one voter go on alone when the majority is lost for good",
	Notes: []string{
		"The survivor forgets all other voters, and leads. " +
			"What the lost majority had committed and the survivor had not received is lost. The module cannot know how much that is; " +
			"it shows the survivor's last log entry and last transaction, and what the other nodes have beyond them.",
		"Refuses to act while a majority of the voters answers, or may still answer because its servers run; " +
			"while a voter that does not answer is not named in lost, because it may be alive elsewhere and then there would be two " +
			"clusters; for a learner or a logger, which the engine does not allow to go on; and for a voter of weight 0, " +
			"which would never stand for election (observed on 11.9).",
		"A learner that has more log than the survivor is dropped, because it would keep what the cluster no longer has. " +
			"Every node but the survivor must be built anew before it is a voter again.",
		"The engine's process fails an assertion when the survivor became a voter after its server was started (observed on 11.9). " +
			"It restarts at once, has no leader and therefore accepts no connections. " +
			"Then the module reports stuck, and polardb_meta with alone has to make the node go on offline.",
		"Continues what an earlier run began: its survivor is named in begun, and it may be stopped, wait for a leader, " +
			"or be alone by its own member list and not lead yet. The weights and learners in the note are the ones that count.",
		"Also refuses a node that is the only voter by its own list while another node leads and lists it: there would be two clusters.",
		"First waits for a statement that still waits for the lost majority, up to polar_dma_config_change_timeout (60 s).",
	},
	Returns: []tasks.Return{
		{Name: "needed", Type: "bool", Doc: "whether the cluster has lost its majority"},
		{Name: "leader", Type: "str", Doc: "the node that leads; empty when none does"},
		{Name: "survivor", Type: "str", Doc: "the node that goes on alone; empty when nothing is needed"},
		{Name: "lost", Type: "list", Doc: "the voters that are lost for good"},
		{Name: "voters", Type: "list", Doc: "the voters that the survivor knew"},
		{Name: "weights", Type: "dict", Doc: "the weight that each of them had"},
		{
			Name: "ahead",
			Type: "list",
			Doc:  "the learners that have more log than the survivor and are dropped; once it leads, those that do not stream from it",
		},
		{
			Name: "stuck",
			Type: "bool",
			Doc:  "whether the survivor's server started over instead and accepts no connections: polardb_meta with alone makes it go on",
		},
		{Name: "log_index", Type: "int", Doc: "the last entry of the survivor's log"},
		{Name: "last_transaction", Type: "str", Doc: "the commit time of the last transaction that it replayed; empty on a node that led"},
	},
	Examples: `- polardb_singleton:
    lost: [node1, node3]
    nodes: "{{ polardb_nodes }}"
    login_password: "{{ polardb_password }}"
  run_once: yes
`,
}, func(a *singletonArgs, _ tasks.Local) (tasks.Action, error) {
	list, err := a.Listed()
	s := &singletonAction{args: a, list: list}
	if err == nil {
		s.begun, err = a.begun(list)
	}
	return tasks.AskApply(s), err
})

type singletonAction struct {
	args  *singletonArgs
	list  []WantedNode
	begun *recoveryNote // the note of an earlier run that counts; nil: none
}

// begun returns the note that counts: the only one whose survivor is not lost now, or the only one at all. With several notes
// it returns nil, and the operator has to decide.
func (a *singletonArgs) begun(list []WantedNode) (*recoveryNote, error) {
	var all, standing []*recoveryNote
	for _, item := range a.Begun {
		n, err := readRecovery(item)
		if err != nil {
			return nil, &tasks.ArgError{Arg: "begun", Problem: err.Error()}
		}
		if _, err := NodeNamed(list, n.Survivor); err != nil {
			continue
		}
		all = append(all, n)
		if !slices.Contains(a.Lost, n.Survivor) {
			standing = append(standing, n)
		}
	}
	switch {
	case len(standing) == 1:
		return standing[0], nil
	case len(all) == 1:
		return all[0], nil
	}
	return nil, nil
}

// singletonChange holds the survivor, and the learners that have more log than it has.
type singletonChange struct {
	survivor dma.View
	ahead    []dma.View
}

func (s *singletonAction) Ask(ctx context.Context, h tasks.Host, _ tasks.Found) (clusterView, error) {
	found, err := s.args.view(ctx, h, s.list, 0)
	if err != nil {
		return found, err
	}
	// When all others are lost and the survivor accepts no connections, waiting brings no election.
	if _, waits := s.waiting(found.Survey); found.NoLeader != "" && !waits {
		found, err = s.args.view(ctx, h, s.list, time.Duration(s.args.Wait)*time.Second)
	}
	if err == nil && found.NoLeader == "" && len(s.args.Lost) > 0 && len(s.astray(found.Survey, found.Leader)) > 0 {
		var leader dma.View
		var survey dma.Survey
		leader, survey, _, err = s.args.await(ctx, h, s.list, receiverPatience, func(survey dma.Survey, leader dma.View) string {
			if names := s.astray(survey, leader); len(names) > 0 {
				return fmt.Sprintf("%s do not stream from %s", strings.Join(names, ", "), leader.Node)
			}
			return ""
		})
		if err == nil && leader.Node != "" {
			found.Leader, found.Survey = leader, survey
		}
	}
	return found, err
}

func (s *singletonAction) Plan(found clusterView) (tasks.Plan, *singletonChange, error) {
	survey, leader := found.Survey, found.Leader
	lost := []any{}
	for _, name := range s.args.Lost {
		lost = append(lost, name)
	}
	values := map[string]any{
		"needed":           false,
		"leader":           leader.Node,
		"survivor":         "",
		"lost":             lost,
		"voters":           []any{},
		"ahead":            []any{},
		"stuck":            false,
		"weights":          map[string]any{},
		"log_index":        int(leader.Status.LastLogIndex),
		"last_transaction": "",
	}
	if s.begun != nil {
		values["weights"], values["ahead"] = s.begun.values()["weights"], s.begun.values()["ahead"]
	}
	if found.NoLeader == "" {
		if err := s.apart(leader); err != nil {
			return tasks.Plan{}, nil, err
		}
		ahead, _ := values["ahead"].([]any)
		if len(s.args.Lost) > 0 {
			for _, name := range s.astray(survey, leader) {
				if !slices.Contains(ahead, any(name)) {
					ahead = append(ahead, name)
				}
			}
		}
		values["ahead"] = ahead
		return tasks.Plan{
			Msg:    fmt.Sprintf("%s leads (%s): there is nothing to recover", leader.Node, votes(survey, leader)),
			Values: values,
		}, nil, nil
	}
	if v, waits := s.waiting(survey); waits {
		values["needed"], values["survivor"], values["stuck"] = true, v.Node, true
		return tasks.Plan{Change: true, Msg: s.offline(v),
			Values: values}, &singletonChange{survivor: v}, nil
	}
	survivor, err := s.survivor(survey)
	if err != nil {
		return tasks.Plan{}, nil, err
	}
	for _, n := range s.list {
		other := n.Name != survivor.Node && !slices.Contains(s.args.Lost, n.Name)
		if v, _ := survey.Of(n.Name); other && s.alone(v) && !slices.Contains(s.args.Lost, survivor.Node) {
			return tasks.Plan{}, nil, &tasks.Failure{
				Msg: fmt.Sprintf("%s is the only voter by its own member list, as a recovery left it: were %s to go on, there would be two clusters",
					n.Name, survivor.Node),
				Hint: fmt.Sprintf("let %s go on: stop the servers of the others (polarbook run stop.yml --limit NAME), "+
					"and name them all as lost; to give %s up, name it as lost",
					n.Name, n.Name),
			}
		}
	}
	if err := s.gone(survey, survivor, found.NoLeader); err != nil {
		return tasks.Plan{}, nil, err
	}
	values["needed"], values["survivor"] = true, survivor.Node
	values["log_index"], values["last_transaction"] = int(survivor.Status.LastLogIndex), survivor.LastXact
	voters, weights := []any{}, map[string]any{}
	for _, m := range survivor.Members.Entries {
		name := s.called(survey, m.IPPort)
		voters, weights[name] = append(voters, name), m.Weight
	}
	if s.begun != nil {
		for name, w := range s.begun.Weights {
			weights[name] = w
		}
	}
	values["voters"], values["weights"] = voters, weights
	change, ahead := &singletonChange{survivor: survivor}, []any{}
	for _, v := range survey {
		if v.Err == nil && !v.NoViews && v.Status.Role == dma.Learner && moreLog(v.Status, survivor.Status) {
			change.ahead = append(change.ahead, v)
			ahead = append(ahead, v.Node)
		}
	}
	values["ahead"] = ahead
	return tasks.Plan{Change: true, Msg: s.warning(survey, change), Values: values}, change, nil
}

// receiverPatience is the time after which a learner that does not stream counts as astray. The engine restarts the receiving
// process every five seconds.
const receiverPatience = 20 * time.Second

// astray returns the learners that answer and do not stream from the leader. When lost voters come back with their old data, a
// learner follows them, because they still list it. Then it has a later term than the leader, which does not follow a learner's
// term (the engine logs "New Term in onAppendLogResponce" for ever), or it has written beyond the fork of the leader's timeline
// ("new timeline 5 forked off current database system timeline 4 before current recovery point"). Only a new copy brings it
// back.
func (s *singletonAction) astray(survey dma.Survey, leader dma.View) []string {
	var names []string
	for _, v := range survey {
		_, member := leader.Member(v.Address)
		_, streams := leader.ReplicaOf(v.Address.Consensus())
		if member && !streams && v.Err == nil && !v.NoViews && v.Status.Role == dma.Learner {
			names = append(names, v.Node)
		}
	}
	return names
}

// apart refuses a node that is the only voter by its own list while another node leads and lists it.
func (s *singletonAction) apart(leader dma.View) error {
	for _, name := range s.args.Alone {
		n, err := NodeNamed(s.list, name)
		if _, member := leader.Member(n.Address); err != nil || !member || name == leader.Node {
			continue
		}
		return &tasks.Failure{
			Msg: fmt.Sprintf("%s is the only voter by its own member list, as a recovery that was cut off left it, "+
				"and %s leads and lists it: they would be two clusters",
				name, leader.Node),
			Hint: fmt.Sprintf("never start %s with the data that it has; build it anew: polarbook run rebuild-node.yml -e node=%s",
				name, name),
		}
	}
	return nil
}

// offline returns the message about a survivor that cannot be asked.
func (s *singletonAction) offline(v dma.View) string {
	begun := ""
	if s.begun != nil && s.begun.Survivor == v.Node {
		begun = "an earlier run that was cut off began it; "
	}
	switch {
	case s.alone(v) && v.Err == nil:
		return fmt.Sprintf("%s goes on alone: %sit is the only voter that it knows, and does not lead yet", v.Node, begun)
	case s.alone(v):
		return fmt.Sprintf("%s is to go on alone: %sit is the only voter by its own member list, and its server accepts no connections",
			v.Node, begun)
	}
	why := "its server waits for a leader and accepts no connections"
	if slices.Contains(s.args.Stopped, v.Node) {
		why = "its server is stopped"
	}
	return fmt.Sprintf("%s is to go on alone, offline: %s%s, so it is not known how much log it has. "+
		"What the others committed beyond that is lost",
		v.Node, begun, why)
}

// warning returns which node goes on and what is lost: a sentence or two, and a table of what each node has.
func (s *singletonAction) warning(survey dma.Survey, change *singletonChange) string {
	v := change.survivor
	msg := fmt.Sprintf("%s is to go on alone (log index %d in term %d, committed up to %d)",
		v.Node, v.Status.LastLogIndex, v.Status.LastLogTerm, v.Status.CommitIndex)
	switch {
	case !v.InRecovery:
		msg += "; it led when the majority was lost, and has all that it acknowledged." +
			" If the others elected a leader after that, what they committed is lost"
	case v.LastXact != "":
		msg += "; its last transaction was committed at " + v.LastXact + ". What the others committed after that is lost"
	default:
		msg += "; it has replayed no transaction since it was started. What the others committed beyond its log is lost"
	}
	rows := [][]string{{"NODE", "ANSWERS", "ROLE", "TERM", "LOG", "COMMIT", "LAST TRANSACTION"}}
	for _, other := range survey {
		if other.Node != v.Node && other.Err == nil && !other.NoViews && moreLog(other.Status, v.Status) {
			msg += fmt.Sprintf("; %s has log up to index %d in term %d, which is lost when it is built anew: save what you need of it first",
				other.Node, other.Status.LastLogIndex, other.Status.LastLogTerm)
		}
		row := []string{other.Node, "no", "-", "-", "-", "-", "-"}
		if other.Err == nil {
			row[1] = "yes"
		}
		if other.Err == nil && !other.NoViews {
			is := other.Status
			row = append(row[:2], is.Role.String(), fmt.Sprint(is.Term), fmt.Sprint(is.LastLogIndex), fmt.Sprint(is.CommitIndex),
				text(other.LastXact))
		}
		rows = append(rows, row)
	}
	return msg + "\n" + Columns(rows)
}

// patience is the time after which a survivor that accepts no connections counts as stuck. One that goes on alone is back after
// little more than an election.
const patience = 25 * time.Second

// stuck waits until the survivor answers, or until patience is over. It reports whether the server is still starting up then.
func (s *singletonAction) stuck(ctx context.Context, h tasks.Host, survivor dma.View) (bool, error) {
	for began := time.Now(); ; {
		v, _ := s.args.glance(ctx, h, s.list).Of(survivor.Node)
		switch {
		case ctx.Err() != nil:
			return false, ctx.Err()
		case v.Err == nil:
			return false, nil
		case time.Since(began) > patience:
			return dma.StartingUp(v.Err), nil
		}
		if err := tasks.Sleep(ctx, 500*time.Millisecond); err != nil {
			return false, err
		}
	}
}

func (s *singletonAction) Apply(ctx context.Context, h tasks.Host, p tasks.Plan, change *singletonChange) (tasks.Result, error) {
	if p.Values["stuck"] == true {
		return tasks.Result{Changed: true, Msg: change.survivor.Node + " has to go on alone, offline", Values: p.Values}, nil
	}
	survivor, limit := change.survivor, time.Duration(s.args.Timeout)*time.Second
	// The engine may end the session before it answers, so the survey shows whether it worked.
	err := s.args.command(ctx, h, survivor, dma.Singleton(), limit)
	var refused *dma.CommandError
	if errors.As(err, &refused) && !refused.Restarting() {
		return tasks.Result{}, &tasks.Failure{
			Msg:  survivor.Node + " did not go on alone",
			Err:  err,
			Hint: "nothing was changed; see its server log",
		}
	}
	if err != nil {
		h.Say(survivor.Node + " ended the session: " + err.Error())
		stuck, lost := s.stuck(ctx, h, survivor)
		if lost != nil {
			return tasks.Result{Changed: true}, lost
		}
		if stuck {
			values := maps.Clone(p.Values)
			values["stuck"] = true
			return tasks.Result{
				Changed: true,
				Msg:     survivor.Node + " started over instead of going on alone, and accepts no connections",
				Values:  values,
			}, nil
		}
	}
	leader, survey, saw, err := s.args.await(ctx, h, s.list, limit, func(survey dma.Survey, leader dma.View) string {
		if leader.Node != survivor.Node {
			return leader.Node + " leads"
		}
		if voters, _ := survey.Voters(leader); len(voters) != 1 {
			return fmt.Sprintf("%s still lists %s", leader.Node, leader.Members)
		}
		return ""
	})
	switch {
	case err != nil:
		return tasks.Result{}, err
	case saw != "":
		return tasks.Result{
				Changed: true,
			}, &tasks.Failure{
				Msg: fmt.Sprintf("%s was told to go on alone, but the cluster is not as expected (limit %s): %s; %s",
					survivor.Node, limit, saw, survey),
			}
	}
	for _, v := range change.ahead {
		if _, member := leader.Member(v.Address); !member {
			continue
		}
		if err := s.args.command(ctx, h, leader, dma.DropLearner(v.Address), limit); err != nil {
			return tasks.Result{
					Changed: true,
				}, &tasks.Failure{
					Msg: fmt.Sprintf("%s goes on alone, but the learner %s, which has more log, could not be dropped",
						leader.Node, v.Node),
					Err:  err,
					Hint: "polarbook run drop-node.yml -e node=" + v.Node,
				}
		}
	}
	only := slices.DeleteFunc(living(survey, leader, s.list), func(n WantedNode) bool { return n.Name != leader.Node })
	if err := s.args.proveRow(ctx, h, leader, only, limit); err != nil {
		return tasks.Result{Changed: true}, err
	}
	return tasks.Result{
		Changed:  true,
		Msg:      fmt.Sprintf("%s leads alone in term %d and accepts writes", leader.Node, leader.Status.Term),
		Values:   map[string]any{"leader": leader.Node},
		Warnings: []string{fmt.Sprintf("%s is the only voter: no node may fail until the others are built anew", leader.Node)},
	}, nil
}

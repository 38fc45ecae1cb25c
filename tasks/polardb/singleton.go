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
	Lost     []string `arg:"lost" doc:"the voters that are gone for good: names in nodes, or addresses (host:port)"`
	Survivor string   `arg:"survivor" doc:"the voter that is to go on; not given: the one that answers and has the most log"`
	Force    bool     `arg:"force" default:"no" doc:"go on with survivor although another voter that answers has more log"`
	Begun    []any    `arg:"begun" doc:"what polardb_recovery noted on the nodes, one dict each: a run was cut off there"`
	Stopped  []string `arg:"stopped" doc:"the nodes whose hosts hold a member's data and whose servers do not run"`
	Alone    []string `arg:"alone" doc:"the nodes that are the only voter by their own member list, whether their servers run or not"`
	Wait     int      `arg:"wait" default:"15" doc:"seconds that the voters have to elect a leader by themselves before none is taken to lead"`
	Timeout  int      `arg:"timeout" default:"90" doc:"seconds until the survivor must take writes, alone"`
}

var singletonModule = tasks.Define(tasks.Module{
	Name:    "polardb_singleton",
	Summary: "Let one voter go on alone when most of them are gone for good",
	Notes: []string{
		"The survivor forgets all other voters, and leads. What the lost majority had committed and the survivor had not received is lost. Nobody can say from here how much that is: the survivor's last log entry and its last transaction are shown, and what the other nodes have beyond it.",
		"Refused: while a majority of the voters answers, or may still answer because its server runs; while a voter that does not answer is not named in lost, since it may be alive elsewhere and two clusters would come of it; for a learner and a logger, which the engine does not let go on; for a voter of weight 0, which would never stand for election (observed on 11.9).",
		"A learner that has more log than the survivor is dropped from it, because it would keep what the cluster no longer has. Every node but the survivor must be built anew before it is a voter again.",
		"The engine's process ends at an assertion when the survivor became a voter since its server was started (observed on 11.9). It is back at once, without a leader, and takes no connections for that. Then this reports stuck, and the node has to be made to go on offline: polardb_meta with alone.",
		"What an earlier run began is gone on with: its survivor is named in begun, may be stopped, may wait for a leader, or may be alone by its own member list and not lead yet. The weights and the learners that were noted then are those that count.",
		"Refused, too: a node that is the only voter by its own list while another leads that lists it. Two clusters would come of it.",
		"A statement that still waits for the lost majority is waited for first, up to polar_dma_config_change_timeout (60 s).",
	},
	Returns: []tasks.Return{
		{Name: "needed", Type: "bool", Doc: "whether the cluster is without its majority, so that there is something to recover"},
		{Name: "leader", Type: "str", Doc: "the node that leads; empty when none does"},
		{Name: "survivor", Type: "str", Doc: "the node that goes on alone; empty when nothing is needed"},
		{Name: "lost", Type: "list", Doc: "the voters that are given up"},
		{Name: "voters", Type: "list", Doc: "the voters that the survivor knew"},
		{Name: "weights", Type: "dict", Doc: "the weight that each of them had"},
		{Name: "ahead", Type: "list", Doc: "the learners that have more log than the survivor, and are dropped from it; once it leads, those that take nothing from it"},
		{Name: "stuck", Type: "bool", Doc: "whether the survivor's server started over instead, and takes no connections: polardb_meta with alone makes it go on"},
		{Name: "log_index", Type: "int", Doc: "the last entry of the survivor's log"},
		{Name: "last_transaction", Type: "str", Doc: "when the last transaction that it replayed was committed; empty on a node that led"},
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
	begun *recoveryNote // what an earlier run noted; nil: nothing that counts
}

// begun is the note that counts: that of the one that is not given up now. With several a person decides.
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

// singletonChange is who goes on, and the learners that have more than it has.
type singletonChange struct {
	survivor dma.View
	ahead    []dma.View
}

func (s *singletonAction) Ask(ctx context.Context, h tasks.Host) (clusterView, error) {
	found, err := s.args.view(ctx, h, s.list, 0)
	if err != nil {
		return found, err
	}
	// Where all others are given up and the survivor takes no connections, no election can come of waiting.
	if _, waits := s.waiting(found.Survey); found.NoLeader != "" && !waits {
		found, err = s.args.view(ctx, h, s.list, time.Duration(s.args.Wait)*time.Second)
	}
	if err == nil && found.NoLeader == "" && len(s.args.Lost) > 0 && len(s.astray(found.Survey, found.Leader)) > 0 {
		var leader dma.View
		var survey dma.Survey
		leader, survey, _, err = s.args.await(ctx, h, s.list, receiverPatience, func(survey dma.Survey, leader dma.View) string {
			if names := s.astray(survey, leader); len(names) > 0 {
				return fmt.Sprintf("%s take nothing from %s", strings.Join(names, ", "), leader.Node)
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
			Msg:    fmt.Sprintf("%s leads, and is believed (%s): there is no majority to recover", leader.Node, votes(survey, leader)),
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
		if v, _ := survey.Of(n.Name); !slices.Contains(s.args.Lost, survivor.Node) && n.Name != survivor.Node && s.alone(v) && !slices.Contains(s.args.Lost, n.Name) {
			return tasks.Plan{}, nil, &tasks.Failure{
				Msg: fmt.Sprintf("%s is the only voter by its own member list, as a recovery left it: were %s to go on, there would be two clusters",
					n.Name, survivor.Node),
				Hint: fmt.Sprintf("let %s go on: stop the servers of the others (polarbook run stop.yml --limit NAME), and name them all as lost; to give %s up, name it as lost",
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

// receiverPatience is for how long a learner may take nothing before it counts as astray: the engine starts the process
// that receives again every five seconds.
const receiverPatience = 20 * time.Second

// astray are the learners that answer and take nothing from the leader. A learner goes with the voters that were given up
// when they come back with their old data, for they list it still: it is then in a later term than the leader, who does not
// follow a learner there (the engine logs "New Term in onAppendLogResponce" for ever), or it has written on where the
// leader's timeline forks off ("new timeline 5 forked off current database system timeline 4 before current recovery
// point"). Only a new copy brings it back.
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

// apart refuses a node that is the only voter by its own list where another leads that lists it.
func (s *singletonAction) apart(leader dma.View) error {
	for _, name := range s.args.Alone {
		n, err := NodeNamed(s.list, name)
		if _, member := leader.Member(n.Address); err != nil || !member || name == leader.Node {
			continue
		}
		return &tasks.Failure{
			Msg: fmt.Sprintf("%s is the only voter by its own member list, as a recovery that was cut off left it, and %s leads and lists it: they would be two clusters",
				name, leader.Node),
			Hint: fmt.Sprintf("never start %s with the data that it has; build it anew: polarbook run rebuild-node.yml -e node=%s",
				name, name),
		}
	}
	return nil
}

// offline says why nobody asks the survivor.
func (s *singletonAction) offline(v dma.View) string {
	begun := ""
	if s.begun != nil && s.begun.Survivor == v.Node {
		begun = "a run that was cut off had begun it; "
	}
	switch {
	case s.alone(v) && v.Err == nil:
		return fmt.Sprintf("%s goes on alone: %sit is the only voter that it knows, and does not lead yet", v.Node, begun)
	case s.alone(v):
		return fmt.Sprintf("%s is to go on alone: %sit is the only voter by its own member list, and its server takes no connections",
			v.Node, begun)
	}
	why := "its server waits for a leader and takes no connections"
	if slices.Contains(s.args.Stopped, v.Node) {
		why = "its server is stopped"
	}
	return fmt.Sprintf("%s is to go on alone, offline: %s%s, so nobody can say how much log it has. What the others committed beyond that is lost",
		v.Node, begun, why)
}

// warning says who goes on with what, and what is lost by it: a sentence or two, and what each node has.
func (s *singletonAction) warning(survey dma.Survey, change *singletonChange) string {
	v := change.survivor
	msg := fmt.Sprintf("%s is to go on alone (log index %d in term %d, committed up to %d)",
		v.Node, v.Status.LastLogIndex, v.Status.LastLogTerm, v.Status.CommitIndex)
	switch {
	case !v.InRecovery:
		msg += "; it led when the majority went, and has all that it acknowledged. If the others elected a leader after that, what they committed is lost"
	case v.LastXact != "":
		msg += "; the last transaction that it has was committed at " + v.LastXact + ". What the others committed after that is lost"
	default:
		msg += "; it has replayed no transaction since it was started. What the others committed beyond its log is lost"
	}
	rows := [][]string{{"NODE", "ANSWERS", "ROLE", "TERM", "LOG", "COMMIT", "LAST TRANSACTION"}}
	for _, other := range survey {
		if other.Node != v.Node && other.Err == nil && !other.NoViews && moreLog(other.Status, v.Status) {
			msg += fmt.Sprintf("; %s has log up to index %d in term %d, which goes when it is built anew: save what you need of it first",
				other.Node, other.Status.LastLogIndex, other.Status.LastLogTerm)
		}
		row := []string{other.Node, "no", "-", "-", "-", "-", "-"}
		if other.Err == nil {
			row[1] = "yes"
		}
		if other.Err == nil && !other.NoViews {
			row = append(row[:2], other.Status.Role.String(), fmt.Sprint(other.Status.Term), fmt.Sprint(other.Status.LastLogIndex), fmt.Sprint(other.Status.CommitIndex), text(other.LastXact))
		}
		rows = append(rows, row)
	}
	return msg + "\n" + Columns(rows)
}

// patience is how long the survivor may take no connections before it is not expected to take any: one that goes on alone
// is back after an election and a little.
const patience = 25 * time.Second

// stuck waits until the survivor answers, or has refused connections for too long.
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
		return tasks.Result{Changed: true, Msg: change.survivor.Node + " is to go on alone, offline", Values: p.Values}, nil
	}
	survivor, limit := change.survivor, time.Duration(s.args.Timeout)*time.Second
	// The engine may end the session on its way, so what became of it is seen in the survey.
	err := s.args.command(ctx, h, survivor, dma.Singleton(), limit)
	var refused *dma.CommandError
	if errors.As(err, &refused) && !refused.Restarting() {
		return tasks.Result{}, &tasks.Failure{
			Msg:  survivor.Node + " did not go on alone",
			Err:  err,
			Hint: "nothing was changed; look into its server log",
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
				Msg:     survivor.Node + " started over instead of going on alone, and takes no connections",
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
				Msg: fmt.Sprintf("%s was told to go on alone, and not all is well (limit %s): %s; %s", survivor.Node, limit, saw, survey),
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
					Msg: fmt.Sprintf("%s goes on alone, and the learner %s, which has more log, could not be dropped",
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
		Msg:      fmt.Sprintf("%s leads alone in term %d and takes writes", leader.Node, leader.Status.Term),
		Values:   map[string]any{"leader": leader.Node},
		Warnings: []string{fmt.Sprintf("%s is the only voter: no node may fail until the others are built anew", leader.Node)},
	}, nil
}

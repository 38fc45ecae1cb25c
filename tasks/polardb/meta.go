package polardb

import (
	"context"
	"fmt"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/tasks/remote"
)

type metaArgs struct {
	NodeArgs
	ClusterArgs
	Founder bool `arg:"founder" default:"no" doc:"make this node the only member of a new cluster, not a learner that can be added to one"`
	Alone   bool `arg:"alone" default:"no" doc:"make this voter the only one of its cluster, with its server stopped; see polardb_singleton"`
	Timeout int  `arg:"timeout" default:"60" doc:"seconds that the initialisation may take; it normally takes two"`
}

var metaModule = tasks.Define(tasks.Module{
	Name:    "polardb_meta",
	Summary: "Initialise a node's consensus meta, once",
	Notes: []string{
		"Initialises a founder's meta only when there is none: doing it again would turn a member into a second cluster.",
		"A node that is to join gets the meta of a learner when it has none, when its meta was copied from another node, " +
			"and when it was dropped from the cluster: added again with its old meta it would look healthy but could not vote. " +
			"A dropped node that still runs is stopped first.",
		"A logger's log begins where the leader's is committed up to at that moment (polar_dma_logger_start_point). " +
			"Otherwise a logger could not be added once the leader has purged the beginning of its log (observed on 11.9).",
		"With alone a voter forgets the others, as after CHANGE TO SINGLETON MODE, but offline: " +
			"that statement needs a server that accepts connections, and can leave one that never does again. " +
			"Its data, its log, its term and its learners stay; its weight becomes the default. A running server is stopped first. " +
			"Refused while there is a leader. Never use it on two voters of one cluster.",
		"The engine hangs for ever on some mistakes, so the command has a time limit.",
	},
	Returns: []tasks.Return{
		{Name: "members", Type: "str", Doc: "the meta's member list, as polar_tools dma-meta prints it"},
		{Name: "learners", Type: "str", Doc: "the meta's learner list"},
	},
	Examples: `- polardb_meta:
    pgdata: /var/lib/polardb/pgdata
    polardata: /var/lib/polardb/polardata
    cluster: demo
    nodes: "{{ polardb_nodes }}"
    login_password: "{{ polardb_password }}"
`,
}, func(a *metaArgs, _ tasks.Local) (tasks.Action, error) {
	if err := a.Check(); err != nil {
		return nil, err
	}
	list, err := a.Listed()
	return tasks.Ask(&metaAction{args: a, list: list}), err
})

type metaAction struct {
	args *metaArgs
	list []WantedNode
}

// metaFound holds what the host and the leader know about the node.
type metaFound struct {
	state   NodeState
	Name    string
	Self    dma.Address
	Logger  bool
	Start   string // where a logger's log has to begin
	Member  bool   // the leader lists the node
	Leader  string // with alone: the node that leads; "": none does
	Unknown string // why the leader could not be asked; "": it was
}

func (m *metaAction) Probe() string { return m.args.Probe() }

// Explain returns why the engine did not initialise the meta, in its own words.
func (m *metaAction) Explain(r remote.Result) error {
	return parseStartReport(string(r.Stderr)).failure()
}

// Ask asks the leader whether this node is a member. A founder has nobody to ask.
func (m *metaAction) Ask(ctx context.Context, h tasks.Host, probed tasks.Found) (metaFound, error) {
	self, err := NodeNamed(m.list, h.Name())
	if err != nil {
		return metaFound{}, err
	}
	found := metaFound{Name: self.Name, Self: self.Address, Logger: self.Role == roleLogger}
	s, err := ParseNode(probed)
	if found.state = s; err != nil {
		return found, err
	}
	if m.args.Alone {
		// Do not wait for a leader: polardb_singleton has found that there is none.
		survey, err := m.args.survey(ctx, h, m.list)
		if err != nil {
			return found, err
		}
		if leader, err := leads(survey); err == nil {
			found.Leader = leader.Node
		}
	} else if kind := s.metaNames(self.Address); !m.args.Founder && (kind == metaMember || found.Logger && !s.ready(kind)) {
		leader, _, err := m.args.leader(ctx, h, m.list, electionPatience)
		if err != nil {
			found.Unknown = err.Error()
		} else {
			found.Start = leader.LoggerStart
			_, found.Member = leader.Member(self.Address)
		}
	}
	return found, nil
}

// metaKind tells whose meta a node has.
type metaKind int

const (
	metaNone    metaKind = iota
	metaForeign          // copied from another node
	metaLearner          // initialised to be added
	metaMember           // a member list with the node in it
)

// ready reports whether the meta is a learner's that can be added as it is.
func (s NodeState) ready(kind metaKind) bool { return kind == metaLearner && !s.leaves() }

// leaves reports whether the node was dropped from the cluster on purpose, to come back with its data.
func (s NodeState) leaves() bool { return s.Step == stepDropped || s.Step == stepMoving }

// metaNames reads what polar_tools dma-meta printed. A member list that ends in an index is a voter's, its own if the
// index points at it; a learner's has none, and a leader's copied one holds the learners of the whole cluster.
func (s NodeState) metaNames(self dma.Address) metaKind {
	if !s.Meta {
		return metaNone
	}
	list, err := dma.ParseMembers(s.MetaMembers)
	if err == nil && list.Self > 0 {
		if own, ok := list.At(int64(list.Self)); ok && own.IPPort == self.Consensus() {
			return metaMember
		}
		return metaForeign
	}
	// Started and not yet added it lists itself as a member, and no learners (observed on 11.9).
	if err == nil && len(list.Entries) == 1 && list.Entries[0].IPPort == self.Consensus() {
		return metaLearner
	}
	for _, item := range strings.Split(s.MetaLearners, ";") {
		if ipPort, _, _ := strings.Cut(item, "$"); ipPort == self.Consensus() {
			return metaLearner
		}
	}
	return metaForeign
}

func (m *metaAction) Plan(found metaFound) (tasks.Plan, error) {
	a, s := m.args, found.state
	if s.Postgres == "" || !s.Whole(&a.NodeArgs) {
		if err := s.Refuse(&a.NodeArgs); err != nil {
			return tasks.Plan{}, err
		}
		unknown := "the data directories do not exist yet"
		return tasks.Plan{Change: true, Unknown: unknown, Msg: "initialise the consensus meta"}, nil
	}
	values := map[string]any{"members": s.MetaMembers, "learners": s.MetaLearners}
	kind := s.metaNames(found.Self)
	if a.Alone {
		if list, _ := dma.ParseMembers(s.MetaMembers); kind == metaMember && len(list.Entries) == 1 {
			return tasks.Plan{Values: values, Msg: "the node is the only voter that it knows"}, nil
		}
		switch {
		case kind != metaMember || found.Logger:
			return tasks.Plan{}, &tasks.Failure{
				Msg:  fmt.Sprintf("this node is not a voter with data (%s%s) and cannot go on alone", s.MetaMembers, s.MetaLearners),
				Hint: "choose a voter, or restore a backup into a new cluster"}
		case found.Leader != "":
			return tasks.Plan{}, &tasks.Failure{Msg: found.Leader + " leads: going on alone would make a second cluster",
				Hint: "see what each node reports: polarbook status"}
		}
		return m.change(s, found, "make the node the only voter that it knows", values), nil
	}
	if a.Founder {
		switch {
		// A backup has the meta of the node that was copied, which may have had this very address.
		case s.Origin == stepRestore && s.Step == stepData:
			return m.change(s, found, "found the cluster with "+found.Self.Consensus()+" from the backup", values), nil
		case kind == metaNone:
			if s.Origin != stepInit {
				return tasks.Plan{}, &tasks.Failure{Msg: a.Pgdata + " is a copy of another node's data and cannot found a cluster",
					Hint: "add it to that cluster instead, or empty it and run initdb"}
			}
			return m.change(s, found, "found the cluster with "+found.Self.Consensus(), values), nil
		case kind == metaMember:
			return tasks.Plan{Values: values, Msg: "the consensus meta is initialised"}, nil
		}
		return tasks.Plan{}, &tasks.Failure{
			Msg:  fmt.Sprintf("%s already has a consensus meta, which names other nodes (%s%s)", a.Polardata, s.MetaMembers, s.MetaLearners),
			Hint: "initialising it again would make a second cluster; nothing was touched"}
	}
	switch {
	case kind == metaForeign && s.Step == stepMeta:
		return tasks.Plan{}, movedFailure(found.Name, strings.TrimSpace(s.MetaMembers+" "+s.MetaLearners), found.Self)
	case kind == metaNone, kind == metaForeign && s.PID == 0:
		return m.change(s, found, "initialise the meta of a learner at "+found.Self.Consensus(), values), nil
	case kind == metaForeign:
		return m.change(s, found, "stop the node, whose meta names another, and initialise the meta of a learner", values), nil
	case kind == metaLearner && !s.ready(kind):
		return m.change(s, found, "the learner was dropped from the cluster: initialise its meta so that it can be added again", values), nil
	case kind == metaMember && found.Member && s.leaves():
		msg := "the node was dropped and added again: mark its data as a member's"
		return tasks.Plan{Change: true, Msg: msg, Script: a.markScript(s) + "mark " + stepMeta + "\n", Values: values}, nil
	case kind == metaMember && found.Unknown != "":
		// Perhaps the cluster needs this very node to have a leader again.
		return tasks.Plan{Values: values, Msg: "a member by its own meta; no leader to ask: " + found.Unknown}, nil
	case kind == metaMember && !found.Member && s.leaves():
		msg := "the node was dropped from the cluster: initialise the meta of a learner so that it can be added again"
		return m.change(s, found, msg, values), nil
	case kind == metaMember && !found.Member:
		// It may hold data that the cluster lacks: the cluster gave it up with the majority, or it is a cluster of its own.
		return tasks.Plan{}, &tasks.Failure{
			Msg: fmt.Sprintf("this node was a voter (%s), but the cluster that has a leader does not list it; "+
				"its data may differ from the cluster's", s.MetaMembers),
			Hint: fmt.Sprintf("rebuild it: polarbook run rebuild-node.yml -e node=%s. "+
				"If it was dropped on purpose and has nothing that the cluster lacks, "+
				"polarbook run drop-node.yml -e node=%s notes that, and add-node.yml adds it with its data", found.Name, found.Name)}
	}
	return tasks.Plan{Values: values, Msg: "the consensus meta is initialised"}, nil
}

// change plans the initialisation. The probe after the script is the proof: the tool must then show this node's address.
func (m *metaAction) change(s NodeState, found metaFound, msg string, values map[string]any) tasks.Plan {
	a := m.args
	settings, mode := []string{"-c", "polar_dma_learners_info=" + found.Self.String()}, "polar_dma_init_meta"
	switch {
	case a.Alone:
		settings, mode = []string{"-c", "polar_dma_members_info=" + found.Self.String() + "@1"}, "polar_dma_sync_meta"
	case a.Founder:
		settings = []string{"-c", "polar_dma_members_info=" + found.Self.String() + "@1"}
	case found.Logger && found.Start == "":
		unknown := "only the leader knows where a logger's log begins: " + found.Unknown
		return tasks.Plan{Change: true, Unknown: unknown, Msg: msg, Values: values}
	case found.Logger:
		settings = append(settings, "-c", "polar_dma_logger_start_point="+found.Start)
	}
	v := a.marking(s)
	v["POSTGRES"], v["MODE"], v["TIMEOUT"], v["LOGS"] = s.Postgres, mode, a.Timeout, scripts.Text("polardb_log_files")
	text := a.script("polardb_meta", v, settings...)
	return tasks.Plan{Change: true, Msg: msg, Script: text, Uncut: "initialise the consensus meta", Values: values}
}

package tasks

import (
	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/tasks/remote"
)

type factsArgs struct {
	nodeArgs
	Move bool `arg:"move" default:"no" doc:"take over what an earlier release noted beside PGDATA"`
}

var polardbFactsModule = Define(Module{
	Name:    "polardb_facts",
	Summary: "What a host holds of its node: data directories, consensus meta, server",
	Notes: []string{
		"Earlier releases kept what they noted in a file beside PGDATA, in a directory of the engine's account. With move it is read once more, strictly, written to /var/lib/polarbook, where only root can write, and removed.",
		"Sets the fact polardb_state, and asks nobody but the host itself. Its key data is one of: none (free to be set up), unfinished (begun by polarbook and not finished), whole, foreign (not polarbook's; nothing here will touch it). Its key alone says that the node is the only voter by its own member list, and recovery is what polardb_recovery noted.",
	},
	Returns: []Return{{"ansible_facts", "dict", "polardb_state: data, reason, step, origin, meta, meta_members, meta_learners, alone, recovery, pid, running, listening, postgres, version"}},
	Examples: `- polardb_facts:
    pgdata: /var/lib/polardb/pgdata
    polardata: /var/lib/polardb/polardata
    cluster: demo
`,
}, func(a *factsArgs, _ Local) (Action, error) { return &factsAction{a}, a.check() })

type factsAction struct{ args *factsArgs }

func (f *factsAction) Probe() string {
	return "FILE=" + remote.Quote(f.args.recovery()) + "\n" + rootsOnly + recoveryProbe + f.args.probe()
}

func (f *factsAction) Plan(found Found) (Plan, error) {
	a := &f.args.nodeArgs
	s, err := parseNode(found)
	if err != nil {
		return Plan{}, err
	}
	note, err := parseRecovery(string(found.Stdout), a.recovery())
	if err != nil {
		return Plan{}, err
	}
	data, reason := "none", ""
	if err := s.refuse(a); err != nil {
		data, reason = "foreign", err.Error()
	} else if s.unfinished(a) {
		data = "unfinished"
	} else if s.whole(a) {
		data = "whole"
	}
	state := map[string]any{
		"data": data, "reason": reason, "step": s.Step, "origin": s.Origin,
		"meta": s.Meta && data == "whole", "meta_members": s.MetaMembers, "meta_learners": s.MetaLearners,
		"alone": data == "whole" && s.Step == stepMeta && s.alone(), "recovery": note.values(),
		"pid": s.PID, "running": s.PID != 0, "listening": s.ListensClient && s.ListensConsensus,
		"postgres": s.Postgres, "basebackup": s.Basebackup, "version": s.Version,
	}
	plan := Plan{Values: map[string]any{"ansible_facts": map[string]any{"polardb_state": state}}}
	if f.args.Move && s.Former && a.owns(s) {
		plan.Change, plan.Msg, plan.Script = true, "move "+a.formerMarker()+" to "+a.marker(), a.move(s)
	}
	return plan, nil
}

// alone says that the node's meta is a voter's that knows no other voter.
func (s nodeState) alone() bool {
	list, err := dma.ParseMembers(s.MetaMembers)
	return err == nil && s.Meta && list.Self > 0 && len(list.Entries) == 1
}

// owns says that an earlier release's marker is this node's.
func (a *nodeArgs) owns(s nodeState) bool {
	return s.Marked && s.Fault == "" && s.MarkerCluster == a.Cluster && s.MarkerPgdata == a.Pgdata && s.MarkerPolardata == a.Polardata
}

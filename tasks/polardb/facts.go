package polardb

import (
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/tasks/script"
)

type factsArgs struct {
	NodeArgs
	Unit string `arg:"unit" doc:"the systemd unit that runs the server; default polardb- and the cluster's name"`
	Move bool   `arg:"move" default:"no" doc:"take over what an earlier release noted, or did not note"`
}

var factsModule = tasks.Define(tasks.Module{
	Name:    "polardb_facts",
	Summary: "What a host holds of its node: data directories, consensus meta, server",
	Notes: []string{
		"Earlier releases kept what they noted in a file beside PGDATA, in a directory of the engine's account. With move it is read once more, strictly, written to /var/lib/polarbook, where only root can write, and removed; and the data is given the id that says that it is the data of which the note speaks (PGDATA/polarbook.id).",
		"Sets the fact polardb_state, and asks nobody but the host itself. Its key data is one of: none (free to be set up), unfinished (begun by polarbook and not finished), whole, foreign (not polarbook's, or not what polarbook noted; nothing here will touch it, and reason says why). Its key alone says that the node is the only voter by its own member list, and recovery is what polardb_recovery noted.",
		"gone says that data was set up here and is not there; own is the node's address by its own meta, once it has one of its own; weight the one that a node had which is being moved; client that somebody listens on the client port. unit is none, plain, or mounts, which waits for the disks, and unit_pgdata the PGDATA that it runs, if there is one.",
	},
	Returns: []tasks.Return{{Name: "ansible_facts", Type: "dict", Doc: "polardb_state: data, reason, gone, step, weight, origin, meta, meta_members, meta_learners, alone, recovery, own, logger, pid, running, listening, client, postgres, version, unit, unit_pgdata"}},
	Examples: `- polardb_facts:
    pgdata: /var/lib/polardb/pgdata
    polardata: /var/lib/polardb/polardata
    cluster: demo
`,
}, func(a *factsArgs, _ tasks.Local) (tasks.Action, error) {
	if a.Unit == "" {
		a.Unit = "polardb-" + a.Cluster
	}
	if !script.IsUnitName(a.Unit) {
		return nil, &tasks.ArgError{Module: "polardb_facts", Arg: "unit", Problem: "must be a unit's name, not " + a.Unit}
	}
	return &factsAction{a}, a.Check()
})

type factsAction struct{ args *factsArgs }

// Probe also looks for the unit: one without data is what a host has whose disk is not mounted, or that nothing was begun on.
func (f *factsAction) Probe() string {
	return f.args.script("polardb_facts", script.Values{"UNIT": f.args.Unit}, f.args.recovery())
}

func (f *factsAction) Plan(found tasks.Found) (tasks.Plan, error) {
	a := &f.args.NodeArgs
	s, err := ParseNode(found)
	if err != nil {
		return tasks.Plan{}, err
	}
	note, err := parseRecovery(found.Stdout, a.recovery())
	if err != nil {
		return tasks.Plan{}, err
	}
	unit, unitPgdata := "none", ""
	for line := range strings.SplitSeq(string(found.Stdout), "\n") {
		switch key, value, _ := strings.Cut(line, "="); key {
		case "unit":
			unit = value
		case "unit.pgdata":
			unitPgdata = value
		}
	}
	data, reason := "none", ""
	if err := s.Refuse(a); err != nil {
		data, reason = "foreign", err.Error()
	} else if s.Unfinished(a) {
		data = "unfinished"
	} else if s.Whole(a) {
		data = "whole"
	}
	own := ""
	if address, known := s.own(); known && data == "whole" {
		own = address.String()
	}
	lost := ""
	if s.gone(a) {
		lost = s.lost(a)
	}
	state := map[string]any{
		"data": data, "reason": reason, "gone": s.gone(a), "lost": lost, "step": s.Step, "weight": s.Weight, "origin": s.Origin,
		"meta": s.Meta && data == "whole", "meta_members": s.MetaMembers, "meta_learners": s.MetaLearners, "own": own, "logger": s.Logger,
		"alone": data == "whole" && s.Step == stepMeta && s.alone(), "recovery": note.values(),
		"pid": s.PID, "running": s.PID != 0, "listening": s.ListensClient && s.ListensConsensus, "client": s.ListensClient,
		"postgres": s.Postgres, "basebackup": s.Basebackup, "version": s.Version,
		"unit": unit, "unit_pgdata": unitPgdata,
	}
	plan := tasks.Plan{}
	if f.args.Move && s.outdated(a) {
		plan = a.update(s)
	}
	plan.Values = map[string]any{"ansible_facts": map[string]any{"polardb_state": state}}
	return plan, nil
}

// alone says that the node's meta is a voter's that knows no other voter.
func (s NodeState) alone() bool {
	list, err := dma.ParseMembers(s.MetaMembers)
	return err == nil && s.Meta && list.Self > 0 && len(list.Entries) == 1
}

// owns says that an earlier release's marker is this node's.
func (a *NodeArgs) owns(s NodeState) bool {
	return s.Marked && s.Fault == "" && s.MarkerCluster == a.Cluster && s.MarkerPgdata == a.Pgdata && s.MarkerPolardata == a.Polardata
}

// own is the address that the node has by its own meta. Between the copy of another node and its own meta it has that one's.
func (s NodeState) own() (dma.Address, bool) {
	if !s.Meta || s.Step != stepMeta && s.Step != stepMoving && s.Step != stepDropped {
		return dma.Address{}, false
	}
	ipPort := ""
	list, err := dma.ParseMembers(s.MetaMembers)
	learners := strings.Split(strings.Trim(s.MetaLearners, ";"), ";")
	switch own, ok := list.At(int64(list.Self)); {
	case err == nil && list.Self > 0 && ok:
		ipPort = own.IPPort
	case err == nil && len(list.Entries) == 1:
		ipPort = list.Entries[0].IPPort
	case len(learners) == 1:
		ipPort, _, _ = strings.Cut(learners[0], "$")
	}
	a, err := dma.FromConsensus(ipPort)
	return a, err == nil
}

package polardb

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/tasks/script"
)

type factsArgs struct {
	NodeArgs
	Unit string `arg:"unit" doc:"the systemd unit that runs the server; default polardb- and the cluster's name"`
	Move bool   `arg:"move" default:"no" doc:"take over the note of an earlier release, and write one that it did not write"`
}

var factsModule = tasks.Define(tasks.Module{
	Name:    "polardb_facts",
	Summary: "Read what a host holds of its node: data directories, consensus meta, server",
	Notes: []string{
		"Earlier releases kept their note in a file beside PGDATA, in a directory of the engine's account. " +
			"With move that file is read once more, strictly, written to /var/lib/polarbook, where only root can write, and removed; " +
			"and the data gets an id by which the note recognises it (PGDATA/polarbook.id).",
		"Sets the fact polardb_state, and asks nobody but the host itself. Its key data is one of: none (free to be set up), " +
			"unfinished (begun by polarbook and not finished), whole, foreign (not polarbook's, or not what polarbook noted; " +
			"no module touches it, and reason tells why). Its key alone tells whether the node is the only voter in its own member list, " +
			"and recovery holds the note of polardb_recovery.",
		"restoring names the backup that a restore has begun with and not finished. " +
			"gone tells whether data that was set up here is missing; own is the node's address in its own meta, once it has one; " +
			"weight is that of a node that is being moved; client tells whether somebody listens on the client port. " +
			"unit is none, plain, or mounts (a unit that waits for the disks), and unit_pgdata the PGDATA that it runs, if there is one.",
	},
	Returns: []tasks.Return{{Name: "ansible_facts", Type: "dict", Doc: "polardb_state: data, reason, gone, lost, step, " +
		"weight, origin, restoring, meta, meta_members, meta_learners, alone, recovery, own, logger, pid, running, listening, client, " +
		"postgres, basebackup, version, unit, unit_pgdata"}},
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
		return nil, &tasks.ArgError{Module: "polardb_facts", Arg: "unit", Problem: fmt.Sprintf("must be a unit's name, not %q", a.Unit)}
	}
	return &factsAction{a}, a.Check()
})

type factsAction struct{ args *factsArgs }

// Probe also reads the unit: a unit without data means that a disk is not mounted, or that nothing was begun on the host.
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
	var unit struct {
		Kind   string `answer:"unit"`
		Pgdata string `answer:"unit.pgdata"`
	}
	if err := script.Decode(found.Stdout, &unit); err != nil {
		return tasks.Plan{}, err
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
		"restoring": s.Restoring,
		"meta":      s.Meta && data == "whole", "meta_members": s.MetaMembers, "meta_learners": s.MetaLearners, "own": own, "logger": s.Logger,
		"alone": data == "whole" && s.Step == stepMeta && s.alone(), "recovery": note.values(),
		"pid": s.PID, "running": s.PID != 0, "listening": s.ListensClient && s.ListensConsensus, "client": s.ListensClient,
		"postgres": s.Postgres, "basebackup": s.Basebackup, "version": s.Version,
		"unit": cmp.Or(unit.Kind, "none"), "unit_pgdata": unit.Pgdata,
	}
	plan := tasks.Plan{}
	if f.args.Move && s.outdated(a) {
		plan = a.update(s)
	}
	plan.Values = map[string]any{"ansible_facts": map[string]any{"polardb_state": state}}
	return plan, nil
}

// alone reports whether the node's meta is a voter's that knows no other voter.
func (s NodeState) alone() bool {
	list, err := dma.ParseMembers(s.MetaMembers)
	return err == nil && s.Meta && list.Self > 0 && len(list.Entries) == 1
}

// owns reports whether an earlier release's marker is this node's.
func (a *NodeArgs) owns(s NodeState) bool {
	return s.Marked && s.Fault == "" && s.MarkerCluster == a.Cluster && s.MarkerPgdata == a.Pgdata && s.MarkerPolardata == a.Polardata
}

// own returns the node's address in its own meta. Between the base backup and polardb_meta a node still has the meta of the
// node that it was copied from, which does not count.
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

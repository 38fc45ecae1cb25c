package polardb

import (
	"fmt"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/script"
)

type destroyArgs struct {
	NodeArgs
	OwnFilesArgs
	Unit string `arg:"unit,required" doc:"the systemd unit that runs the engine; it must be stopped"`
}

var destroyModule = tasks.Define(tasks.Module{
	Name:    "polardb_destroy",
	Summary: "Remove a node's data and what polarbook noted about it",
	Notes: []string{
		"Removes PGDATA, POLARDATA and polarbook's notes about the node under /var/lib/polarbook, " +
			"and only if the marker says that they are this cluster's. " +
			"The marker goes last, so that the next run finishes a removal that was interrupted. " +
			"A disk that is mounted on one of the directories is emptied and stays mounted.",
		"own_files are kept for polardb_restore and polardb_basebackup, which put them back.",
		"Refuses data that polarbook did not put there, data of another cluster, and a server that runs.",
	},
	Returns: []tasks.Return{{Name: "removed", Type: "list", Doc: "the directories that were removed"}},
	Examples: `- polardb_destroy:
    pgdata: /var/lib/polardb/pgdata
    polardata: /var/lib/polardb/polardata
    cluster: demo
    unit: polardb-demo
`,
}, func(a *destroyArgs, l tasks.Local) (tasks.Action, error) {
	if !script.IsUnitName(a.Unit) {
		return nil, &tasks.ArgError{Module: "polardb_destroy", Arg: "unit", Problem: fmt.Sprintf("must be a unit's name, not %q", a.Unit)}
	}
	if err := a.OwnFilesArgs.check("polardb_destroy"); err != nil {
		return nil, err
	}
	return &destroyAction{args: a, check: l.Check()}, a.Check()
})

type destroyAction struct {
	args  *destroyArgs
	check bool
}

func (d *destroyAction) Probe() string { return d.args.Probe() }

func (d *destroyAction) Plan(f tasks.Found) (tasks.Plan, error) {
	a := d.args
	s, err := ParseNode(f)
	if err != nil {
		return tasks.Plan{}, err
	}
	ours := s.Marked && s.MarkerCluster == a.Cluster && s.MarkerPgdata == a.Pgdata && s.MarkerPolardata == a.Polardata
	there := []any{}
	if s.Pgdata != "absent" {
		there = append(there, a.Pgdata)
	}
	if s.Polardata != "absent" {
		there = append(there, a.Polardata)
	}
	switch {
	case s.PgdataLink+s.PolardataLink != "", ours && !s.noted() && s.setUp():
		return tasks.Plan{}, s.Refuse(&a.NodeArgs)
	case !s.Marked && s.bare() && s.Restoring != "":
		return tasks.Plan{Change: true, Msg: "forget the restore of " + s.Restoring + ", which had changed nothing yet",
			Script: a.script("polardb_restore_over", nil), Values: map[string]any{"removed": []any{}}}, nil
	case !s.Marked && s.bare():
		return tasks.Plan{Msg: "the host already holds nothing of the cluster", Values: map[string]any{"removed": []any{}}}, nil
	case !ours:
		if err := s.Refuse(&a.NodeArgs); err != nil {
			return tasks.Plan{}, err
		}
		return tasks.Plan{}, &tasks.Failure{
			Msg: fmt.Sprintf("%s notes the directories %s and %s, not %s and %s",
				a.marker(), s.MarkerPgdata, s.MarkerPolardata, a.Pgdata, a.Polardata),
			Hint: "nothing was removed; check polardb_pgdata and polardb_polardata in the inventory"}
	case s.PID != 0 && !d.check:
		return tasks.Plan{}, &tasks.Failure{Msg: fmt.Sprintf("the server runs (process %d)", s.PID), Hint: "nothing was removed; stop it first"}
	}
	msg := fmt.Sprintf("remove %s and %s of the cluster %s", a.Pgdata, a.Polardata, a.Cluster)
	return tasks.Plan{Change: true, Msg: msg, Script: a.removal(s), Values: map[string]any{"removed": there}}, nil
}

// removal returns the script that removes the data. It checks in the marker once more, right before, whose the data is. The
// probe after it is the proof.
func (a *destroyArgs) removal(was NodeState) string {
	v := a.marking(was)
	v["UNIT"], v["RECOVERY"] = a.Unit, a.recovery()
	return a.script("polardb_destroy", v, a.toKeep(was)...)
}

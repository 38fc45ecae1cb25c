package polardb

import (
	"context"
	"fmt"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
)

type retireArgs struct {
	NodeArgs
	ClusterArgs
	OwnFilesArgs
	Wipe  bool `arg:"wipe" default:"no" doc:"remove the node's data, too"`
	Again bool `arg:"again" default:"no" doc:"with wipe: mark the node as begun and unfinished, so that any later run may build it anew"`
}

var retireModule = tasks.Define(tasks.Module{
	Name:    "polardb_retire",
	Summary: "Mark the data of a node that was dropped from the cluster, or remove it",
	Notes: []string{
		"The mark is in the file under /var/lib/polarbook where polarbook notes what it did. " +
			"new-cluster.yml neither starts such a node nor lets it join again; add-node.yml brings it back with the data that it has.",
		"own_files are kept beside that mark when the data is removed, for polardb_basebackup, which puts them back.",
		"Refuses a node that the leader still lists, a server that runs, and data that polarbook did not put there. " +
			"Without a leader to ask it does nothing.",
	},
	Returns: []tasks.Return{{Name: "step", Type: "str", Doc: "the step in the mark: dropped, or wiping with again"}},
	Examples: `- polardb_retire:
    pgdata: /var/lib/polardb/pgdata
    polardata: /var/lib/polardb/polardata
    cluster: demo
    nodes: "{{ polardb_nodes }}"
    login_password: "{{ polardb_password }}"
`,
}, func(a *retireArgs, _ tasks.Local) (tasks.Action, error) {
	if err := a.Check(); err != nil {
		return nil, err
	}
	if err := a.OwnFilesArgs.check("polardb_retire"); err != nil {
		return nil, err
	}
	list, err := a.Listed()
	return tasks.Ask(&retireAction{args: a, list: list}), err
})

type retireAction struct {
	args *retireArgs
	list []WantedNode
}

// retireFound holds the node's state, and why its data must stay: the node is a member, or nobody knows.
type retireFound struct {
	NodeState
	why string // empty: the node was dropped
}

func (r *retireAction) Probe() string { return r.args.Probe() }

// Ask asks the leader whether the node was really dropped.
func (r *retireAction) Ask(ctx context.Context, h tasks.Host, probed tasks.Found) (retireFound, error) {
	self, err := NodeNamed(r.list, h.Name())
	if err != nil {
		return retireFound{}, err
	}
	s, err := ParseNode(probed)
	if err != nil {
		return retireFound{}, err
	}
	why := ""
	if leader, _, err := r.args.leader(ctx, h, r.list, electionPatience); err != nil {
		why = "there is no leader that could tell whether it was dropped: " + err.Error()
	} else if row, member := leader.Member(self.Address); member {
		why = fmt.Sprintf("%s lists it as a %s", leader.Node, row.Role)
	}
	return retireFound{s, why}, nil
}

func (r *retireAction) Plan(found retireFound) (tasks.Plan, error) {
	a, s, why := r.args, found.NodeState, found.why
	values := map[string]any{"step": s.Step}
	if s.Fault != "" {
		return tasks.Plan{}, s.Refuse(&a.NodeArgs)
	}
	ours := s.Marked && s.MarkerCluster == a.Cluster
	switch {
	case !s.Marked && s.bare(), ours && s.Step == a.mark() && s.bare():
		return tasks.Plan{Msg: "there is no data", Values: values}, nil
	case ours && s.Step == stepDropped && !a.Wipe:
		return tasks.Plan{Msg: "the data is marked as dropped", Values: values}, nil
	case !ours || !s.bare():
		if err := s.Refuse(&a.NodeArgs); err != nil {
			return tasks.Plan{}, err
		}
	}
	msg, text := "mark "+a.Pgdata+" as dropped", a.markScript(s)
	if a.Wipe {
		v := a.marking(s)
		v["RECOVERY"] = a.recovery()
		msg, text = fmt.Sprintf("remove the data in %s and %s", a.Pgdata, a.Polardata), a.script("polardb_retire", v, a.toKeep(s)...)
	}
	switch {
	case s.Unfinished(&a.NodeArgs) && !a.Wipe:
		return tasks.Plan{Msg: "the data was never whole: there is nothing to mark", Values: values}, nil
	case why != "":
		return tasks.Plan{Change: true, Unknown: why, Msg: msg}, nil
	case s.PID != 0:
		return tasks.Plan{Change: true, Unknown: fmt.Sprintf("the server runs (process %d)", s.PID), Msg: msg}, nil
	}
	values["step"] = a.mark()
	return tasks.Plan{Change: true, Msg: msg, Script: text + "mark " + a.mark() + "\n", Values: values}, nil
}

// mark returns the step that the node's marker gets.
func (a *retireArgs) mark() string {
	if a.Wipe && a.Again {
		return stepWipe
	}
	return stepDropped
}

func (r *retireAction) Apply(ctx context.Context, h tasks.Host, p tasks.Plan) (tasks.Result, error) {
	if p.Unknown != "" {
		return tasks.Result{}, &tasks.Failure{
			Msg:  fmt.Sprintf("the data of %s stays as it is: %s", h.Name(), p.Unknown),
			Hint: "polarbook run drop-node.yml -e node=" + h.Name() + " drops the node and stops its server first",
		}
	}
	answer, err := h.Shell().Run(ctx, remote.Command{Script: p.Script})
	switch {
	case err != nil:
		return tasks.Result{}, err
	case answer.Status != 0:
		return tasks.Result{}, &tasks.Failure{
			Msg: fmt.Sprintf("%s failed with exit status %d: %s", p.Msg, answer.Status, strings.TrimSpace(string(answer.Stderr))),
		}
	}
	proof, err := h.Shell().Run(ctx, remote.Command{Script: r.Probe()})
	if err != nil {
		return tasks.Result{}, err
	}
	now, err := ParseNode(tasks.Found{Result: proof})
	if err != nil {
		return tasks.Result{}, err
	}
	if now.Step != r.args.mark() || r.args.Wipe && !now.bare() {
		return tasks.Result{}, &tasks.Failure{
			Msg: fmt.Sprintf("%s reported success but did not take effect: %s says %q, PGDATA is %s, POLARDATA is %s",
				p.Msg, r.args.marker(), now.Step, now.Pgdata, now.Polardata),
		}
	}
	return tasks.Result{Changed: true, Msg: p.Msg}, nil
}

package polardb

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/script"
)

type adoptArgs struct {
	NodeArgs
	Found     map[string]any `arg:"found,required" doc:"node of what polardb_discover returned"`
	Variables map[string]any `arg:"variables" doc:"the host's variables that polardb_adoption returned; noted with what was found"`
	Package   string         `arg:"package" doc:"the engine's package, if the engine is installed from one and not copied"`
	State     string         `arg:"state" default:"begun" choices:"begun done" doc:"begun: polarbook knows the node from then on; done: its server runs as the inventory says"`
}

var adoptModule = tasks.Define(tasks.Module{
	Name:    "polardb_adopt",
	Summary: "Take over a node that somebody else set up, without touching its data",
	Notes: []string{
		"Copies the engine that the server runs to home/versions, where only root can change it; keeps the configuration files, and what was " +
			"found, under /var/lib/polarbook; and notes the node there, with an id beside its data (PGDATA/polarbook.id).",
		"Starts, stops and reloads nothing. A server goes on with the engine that it was started with until it is restarted.",
	},
	Examples: `- polardb_adopt:
    pgdata: /home/postgres/pgdata
    polardata: /home/postgres/polardata
    user: postgres
    cluster: demo
    found: "{{ discovered.node }}"
`,
}, func(a *adoptArgs, _ tasks.Local) (tasks.Action, error) {
	node, err := foundNodeOf(a.Found)
	if err != nil {
		return nil, &tasks.ArgError{Module: "polardb_adopt", Arg: "found", Problem: err.Error()}
	}
	return &adoptAction{a, node}, a.Check()
})

type adoptAction struct {
	args *adoptArgs
	node foundNode
}

// note returns the directory of what was found of a node, and of the files that it had.
func (a *NodeArgs) note() string { return a.base() + ".adopted" }

func (d *adoptAction) Probe() string {
	return d.args.script("polardb_adopt_look", script.Values{"NOTE": d.args.note()})
}

func (d *adoptAction) Plan(f tasks.Found) (tasks.Plan, error) {
	a := d.args
	s, err := ParseNode(f)
	if err != nil {
		return tasks.Plan{}, err
	}
	var found struct {
		Sum   string `answer:"engine.sum"`
		Noted bool   `answer:"noted"`
		Done  bool   `answer:"done"`
	}
	if err := script.Decode(f.Stdout, &found); err != nil {
		return tasks.Plan{}, err
	}
	switch {
	case s.Whole(&a.NodeArgs) && !found.Noted && d.node.Ours:
		return tasks.Plan{Msg: "the node is polarbook's"}, nil
	case a.State == "done" && found.Done:
		return tasks.Plan{Msg: "the node is taken over"}, nil
	case a.State == "done":
		return tasks.Plan{Change: true, Msg: "the node is taken over",
			Script: a.script("polardb_adopt_done", script.Values{"NOTE": a.note()})}, nil
	case s.Fault != "" || s.PgdataLink+s.PolardataLink != "" || s.Marked && !s.Whole(&a.NodeArgs):
		if err := s.Refuse(&a.NodeArgs); err != nil {
			return tasks.Plan{}, err
		}
		return tasks.Plan{}, &tasks.Failure{Msg: fmt.Sprintf("%s is being set up by polarbook (%s)", a.Pgdata, s.Step),
			Hint: "nothing was touched"}
	case s.Version == "" || !s.Control:
		return tasks.Plan{}, &tasks.Failure{Msg: fmt.Sprintf("%s and %s hold no whole data of a node", a.Pgdata, a.Polardata),
			Hint: "nothing was touched"}
	case s.Whole(&a.NodeArgs) && found.Noted && s.Postgres != "":
		return tasks.Plan{Msg: "polarbook knows the node"}, nil
	case a.Package != "" && s.Postgres == "":
		return tasks.NotYet(true, "the engine is not installed yet", "")
	case a.Package == "" && s.Postgres != "" && found.Sum != d.node.Sum:
		return tasks.Plan{}, &tasks.Failure{
			Msg:  fmt.Sprintf("%s holds another engine than the one that the server runs (%s)", a.Home, d.node.Prefix),
			Hint: "nothing was touched. Choose another directory for the engine (polardb_home), or give the engine's package (polardb_package)"}
	}
	node := d.node
	node.Vars = a.Variables
	text, err := json.Marshal(&node)
	if err != nil {
		return tasks.Plan{}, err
	}
	values := a.marking(s)
	if s.MarkerID == "" {
		values["ID"] = newID()
	}
	more := script.Values{"ENGINE": a.Home, "PREFIX": d.node.Prefix, "SUM": d.node.Sum, "NOTE": a.note()}
	what := []string{"note what was found", "mark " + a.Pgdata + " as polarbook's"}
	if s.Postgres == "" {
		more["VERSION"] = "adopted-" + d.node.Sum[:min(12, len(d.node.Sum))]
		what = append([]string{"copy the engine in " + d.node.Prefix + " to " + a.Home}, what...)
	}
	for key, value := range more {
		values[key] = value
	}
	return tasks.Plan{
		Change: true, Msg: strings.Join(what, ", "), Script: a.script("polardb_adopt", values, d.node.Files...), Stdin: text,
		Uncut: "take the node over",
	}, nil
}

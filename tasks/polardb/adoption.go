package polardb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/convert"
	"github.com/polarbook/polarbook/tasks/dma"
)

type adoptionArgs struct {
	ClusterArgs
	Found     map[string]any `arg:"found,required" doc:"by host, node of what polardb_discover returned"`
	Base      map[string]any `arg:"base,required" doc:"by host, the settings that polarbook would write without any of the host's own"`
	Says      map[string]any `arg:"says" doc:"by host, variables that the inventory has for it"`
	Cluster   string         `arg:"cluster" default:"polardb" doc:"the cluster's name"`
	Group     string         `arg:"group" default:"polardb" doc:"the group of its hosts"`
	Home      string         `arg:"home" default:"/opt/polardb" doc:"where polarbook keeps the engine"`
	Package   string         `arg:"package" doc:"the engine's package, if the engine is installed from one"`
	Out       string         `arg:"out" doc:"a file on the control node for the part of an inventory that describes the cluster"`
	Overwrite bool           `arg:"overwrite" default:"no" doc:"replace what out holds"`
}

var adoptionModule = tasks.Define(tasks.Module{
	Name:    "polardb_adoption",
	Summary: "Plan how a cluster that somebody else made is taken over, and write the inventory for it",
	Notes: []string{
		"Compares the hosts with each other and with the inventory, and asks every node. What is doubtful is returned in problems, by name. " +
			"It changes nothing on a host. The inventory holds no password.",
	},
	Returns: []tasks.Return{
		{Name: "problems", Type: "list", Doc: "why the cluster is not taken over"},
		{Name: "variables", Type: "dict", Doc: "by host, the variables that describe it"},
		{Name: "fragment", Type: "str", Doc: "the same as part of an inventory"},
		{Name: "table", Type: "str", Doc: "what is there, and what would become of it"},
		{Name: "done", Type: "bool", Doc: "whether all hosts are polarbook's already"},
		{Name: "leader", Type: "str", Doc: "the node that leads"},
	},
	Examples: `- polardb_adoption:
    found: "{{ found_by_host }}"
    base: "{{ base_by_host }}"
    nodes: "{{ polardb_nodes }}"
    login_password: "{{ polardb_password }}"
  run_once: true
`,
}, func(a *adoptionArgs, l tasks.Local) (tasks.Action, error) {
	// Of hosts without a server not even the address is known: the list of nodes may be unfit, and that is a problem among others.
	list, err := a.Listed()
	w := &adoptionAction{args: a, list: list, unfit: err, local: l, nodes: map[string]foundNode{}, base: map[string]map[string]string{}}
	for name, value := range a.Found {
		if w.nodes[name], err = foundNodeOf(value); err != nil {
			return nil, &tasks.ArgError{Module: "polardb_adoption", Arg: "found", Problem: name + " " + err.Error()}
		}
		w.names = append(w.names, name)
	}
	for name, value := range a.Base {
		settings, ok := value.(map[string]any)
		if !ok {
			return nil, &tasks.ArgError{Module: "polardb_adoption", Arg: "base", Problem: name + " is no dict"}
		}
		w.base[name] = map[string]string{}
		for key, v := range settings {
			if w.base[name][key], err = convert.Text(v); err != nil {
				return nil, &tasks.ArgError{Module: "polardb_adoption", Arg: "base", Problem: key + " " + err.Error()}
			}
		}
	}
	slices.Sort(w.names)
	if len(list) > 0 {
		w.names = nil
		for _, n := range list {
			if _, is := w.nodes[n.Name]; is {
				w.names = append(w.names, n.Name)
			}
		}
	}
	return tasks.AskApply(w), nil
})

type adoptionAction struct {
	args  *adoptionArgs
	local tasks.Local
	list  []WantedNode
	unfit error
	names []string // in the inventory's order
	nodes map[string]foundNode
	base  map[string]map[string]string
}

// adoptionFound is what the cluster says of itself.
type adoptionFound struct {
	survey   dma.Survey
	leader   dma.View
	noLeader string
	settings map[string]serverSettings // by node; missing: it was not asked
	failed   map[string]error
	roles    map[string]storedRole
	made     madeWith
	before   []byte // what out holds
	there    bool
	outFault string
}

type storedRole struct {
	md5, super bool
}

// asks reports whether there is something to ask the nodes.
func (a *adoptionAction) asks() bool {
	for _, n := range a.nodes {
		if n.Fault == "" && !n.Ours && n.PID != 0 {
			return true
		}
	}
	return false
}

func (a *adoptionAction) Ask(ctx context.Context, h tasks.Host, _ tasks.Found) (adoptionFound, error) {
	found := adoptionFound{settings: map[string]serverSettings{}, failed: map[string]error{}, roles: map[string]storedRole{}}
	if a.args.Out != "" {
		text, err := os.ReadFile(a.args.Out)
		switch {
		case err == nil:
			found.before, found.there = text, true
		case !errors.Is(err, fs.ErrNotExist):
			found.outFault = err.Error()
		default:
			if _, err := os.Stat(filepath.Dir(a.args.Out)); err != nil {
				found.outFault = err.Error()
			}
		}
	}
	if a.unfit != nil || !a.asks() {
		return found, nil
	}
	found.survey = a.args.glance(ctx, h, a.list)
	leader, err := found.survey.Leader()
	if err != nil {
		found.noLeader = err.Error()
	}
	found.leader = leader
	asked := false
	for i, v := range found.survey {
		if v.Err != nil {
			found.failed[v.Node] = v.Err
			continue
		}
		s := &settingsAction{args: &settingsArgs{ClusterArgs: a.args.ClusterArgs}, list: a.list, wanted: a.base[v.Node]}
		settings, err := s.look(ctx, h, a.list[i])
		if err != nil {
			found.failed[v.Node] = err
			continue
		}
		found.settings[v.Node] = settings
		if !asked && a.list[i].Role != roleLogger && !a.nodes[v.Node].Logger {
			asked = true
			if err := a.askOnce(ctx, h, a.list[i], &found); err != nil {
				return found, err
			}
		}
	}
	return found, ctx.Err()
}

// askOnce asks one node what is the same on all of them.
func (a *adoptionAction) askOnce(ctx context.Context, h tasks.Host, n WantedNode, found *adoptionFound) error {
	return a.args.use(ctx, h, n, true, func(conn *pgx.Conn) error {
		ctx, cancel := context.WithTimeout(ctx, lookLimit)
		defer cancel()
		if err := conn.QueryRow(ctx, madeWithQuery).Scan(&found.made.collate, &found.made.ctype, &found.made.encoding); err != nil {
			return fmt.Errorf("ask %s for the cluster's locale: %w", n.Name, err)
		}
		rows, err := settingRows(ctx, conn, "select rolname, coalesce(rolpassword, ''), rolsuper from pg_authid where rolname in ("+
			dma.Literal(a.args.LoginUser)+", "+dma.Literal(a.replicationUser())+")")
		if err != nil {
			return fmt.Errorf("ask %s for the roles: %w", n.Name, err)
		}
		for _, r := range rows {
			found.roles[r[0]] = storedRole{md5: strings.HasPrefix(r[1], "md5"), super: r[2] == "t"}
		}
		return nil
	})
}

// replicationUser returns the role in polar_dma.conf of the first node that has one.
func (a *adoptionAction) replicationUser() string {
	for _, name := range a.names {
		if user := conninfoText(a.nodes[name].DMA["polar_dma_repl_user"]); user != "" {
			return user
		}
	}
	return "repl" // the engine's default
}

func (a *adoptionAction) Plan(found adoptionFound) (tasks.Plan, string, error) {
	vars := map[string]map[string]any{}
	for _, name := range a.names {
		n := a.nodes[name]
		switch {
		case n.Fault != "":
		case n.Vars != nil:
			vars[name] = n.Vars
		case n.Ours:
		default:
			vars[name] = a.variables(name, found)
		}
	}
	text := fragment(a.args.Group, a.names, vars)
	problems := a.problems(found, vars)
	done := len(a.names) > 0 && !slices.ContainsFunc(a.names, func(name string) bool { return !a.nodes[name].Ours })
	if !done {
		problems = append(problems, a.outProblems(found, vars, text)...)
	}
	variables := map[string]any{}
	for name, v := range vars {
		variables[name] = v
	}
	table := a.table(found, vars)
	values := map[string]any{"problems": anyTexts(problems), "variables": variables, "fragment": text, "table": table, "done": done,
		"leader": found.leader.Node}
	plan := tasks.Plan{Msg: table, Values: values}
	if done {
		plan.Msg = "all hosts are polarbook's already: there is nothing to take over"
	}
	if len(problems) == 0 && !done && a.args.Out != "" && string(found.before) != text {
		plan.Change, plan.Event = true, true
		plan.Msg = table + "\n\nwrite the inventory to " + a.args.Out
		plan.Diff = []tasks.Diff{{Before: string(found.before), After: text, BeforeHeader: a.args.Out, AfterHeader: a.args.Out}}
	}
	return plan, text, nil
}

// Apply writes the inventory, on the control node.
func (a *adoptionAction) Apply(_ context.Context, _ tasks.Host, p tasks.Plan, text string) (tasks.Result, error) {
	err := writeFragment(a.args.Out, text, a.args.Overwrite)
	if err != nil {
		return tasks.Result{}, fmt.Errorf("write the inventory to %s: %w", a.args.Out, err)
	}
	return tasks.Result{Changed: true, Msg: p.Msg}, nil
}

// writeFragment writes a file that nobody else can read, whole or not at all.
func writeFragment(name, text string, overwrite bool) error {
	if !overwrite {
		if _, err := os.Lstat(name); err == nil {
			return fs.ErrExist
		}
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".adopt-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if !overwrite {
		return os.Link(f.Name(), name)
	}
	return os.Rename(f.Name(), name)
}

// needs returns what the server would take over by a restart.
func (a *adoptionAction) needs(name string, found adoptionFound, vars map[string]any) (restart []string, refused []string) {
	server, asked := found.settings[name]
	if !asked {
		return nil, nil
	}
	n := a.nodes[name]
	wanted := maps.Clone(a.base[name])
	settings, _ := vars["polardb_settings"].(map[string]any)
	for key, v := range settings {
		if text, err := convert.Text(v); err == nil {
			wanted[key] = text
		}
	}
	if v, ok := vars["polardb_password_encryption"].(string); ok && settings["password_encryption"] == nil {
		wanted["password_encryption"] = v
	}
	delete(wanted, "shared_preload_libraries")
	r := compareSettings(server.without("reset"), wanted, true)
	restart = r.needs("restart")
	if own, err := dma.ParseAddress(n.Own); err == nil {
		if appname, err := own.AppName(); err == nil && !strings.HasPrefix(n.DMA["polar_dma_repl_appname"], appname) {
			restart = append(restart, "polar_dma_repl_appname")
		}
	}
	slices.Sort(restart)
	return restart, r.refused
}

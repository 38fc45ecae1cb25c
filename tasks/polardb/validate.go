package polardb

import (
	"context"
	"fmt"
	"sort"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/convert"
	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

type validateArgs struct {
	NodeArgs
	ClusterArgs
	Files    map[string]any `arg:"files" doc:"the new postgresql.conf, polar_dma.conf and pg_hba.conf, as texts; default: the node's own"`
	Version  string         `arg:"version" doc:"the version that will run them (its directory's name); default: the one of current"`
	AutoConf string         `arg:"auto_conf" default:"keep" choices:"keep reset refuse" doc:"settings of ALTER SYSTEM, which win over the files: keep: leave them, with a warning; reset: return auto_conf_text without them; refuse: fail"`
	Joins    bool           `arg:"joins" default:"no" doc:"the node joins a cluster: ask the leader how many connections and so on it needs"`
	Moves    bool           `arg:"moves" default:"no" doc:"the node is about to get another address or port"`
	Report   bool           `arg:"report" default:"no" doc:"do not fail, but return the problem in reason"`
}

var validateModule = tasks.Define(tasks.Module{
	Name:    "polardb_validate",
	Summary: "Ask the engine whether a node's server starts with configuration files, before they are written",
	Notes: []string{
		"Starts the engine with the files in an empty directory of its account under /run, without data, ports and consensus. " +
			"The engine reads the settings and checks that they go together, loads the libraries, asks the kernel for its memory, " +
			"reads pg_hba.conf, and ends where it looks for its data. " +
			"That takes a fraction of a second, even beside a running server, and leaves nothing behind.",
		"Memory and huge pages of a running server count as free, because that server stops before it starts again.",
		"Also checks what the engine would notice only later: a port other than the one that the members know the node by, " +
			"fewer connections and the like than the cluster's, an address that the host does not have, " +
			"a missing directory for the log or a socket, another place for the data.",
		"Does not ask the engine when the server was started with these very files.",
	},
	Returns: []tasks.Return{
		{Name: "asked", Type: "bool", Doc: "whether the engine was asked"},
		{Name: "known", Type: "bool", Doc: "whether the answer is known; no before the engine is installed"},
		{Name: "reason", Type: "str", Doc: "why the server would not start; empty: it would"},
		{
			Name: "overrides",
			Type: "list",
			Doc:  "one dict for each setting of ALTER SYSTEM: name, value, wanted (the value in the files; empty: none)",
		},
		{Name: "auto_conf_text", Type: "str", Doc: "the new postgresql.auto.conf, when auto_conf is reset and there are overrides"},
	},
	Examples: `- polardb_validate:
    pgdata: /var/lib/polardb/pgdata
    polardata: /var/lib/polardb/polardata
    cluster: demo
    files:
      postgresql.conf: "{{ lookup('template', 'postgresql.conf.j2') }}"
    nodes: "{{ polardb_nodes }}"
    login_password: "{{ polardb_password }}"
`,
}, func(a *validateArgs, _ tasks.Local) (tasks.Action, error) {
	if err := a.Check(); err != nil {
		return nil, err
	}
	v := &validateAction{args: a, files: map[string]string{}}
	for name, x := range a.Files {
		text, err := convert.Text(x)
		if err != nil {
			return nil, &tasks.ArgError{Module: "polardb_validate", Arg: "files", Problem: name + " " + err.Error()}
		}
		if name != "postgresql.conf" && name != "polar_dma.conf" && name != "pg_hba.conf" {
			return nil, &tasks.ArgError{
				Module:  "polardb_validate",
				Arg:     "files",
				Problem: "has postgresql.conf, polar_dma.conf and pg_hba.conf, not " + name,
			}
		}
		v.files[name] = strings.TrimRight(text, "\n") + "\n"
	}
	if a.Version != "" && !script.IsUnitName(a.Version) {
		return nil, &tasks.ArgError{
			Module:  "polardb_validate",
			Arg:     "version",
			Problem: fmt.Sprintf("must be the name of a directory, not %q", a.Version),
		}
	}
	list, err := a.Listed()
	v.list = list
	return tasks.Ask(v), err
})

type validateAction struct {
	args  *validateArgs
	list  []WantedNode
	files map[string]string
}

func (v *validateAction) Probe() string { return v.args.Probe() }

// trial is the outcome of a start with the files.
type trial struct {
	node    NodeState
	same    bool   // the server that runs was started with these files
	nothing string // why the engine could not be asked
	status  int
	log     string            // of the start
	again   string            // of a start without huge pages, when the first found too little memory beside a running server
	files   map[string]string // as they were tried, postgresql.auto.conf among them
	control map[string]string
	names   []string // settings that the engine knows
	memory  map[string]int64
	local   map[string]bool // the host's addresses
	denied  []string        // "what: directory" that the account cannot write to
	datadir []string        // where polar_datadir leads, and where polardb_polardata does
	leader  map[string]string
}

func (v *validateAction) Ask(ctx context.Context, h tasks.Host, probed tasks.Found) (trial, error) {
	a := v.args
	s, err := ParseNode(probed)
	t := trial{node: s}
	if err != nil {
		return t, err
	}
	bin := a.Home + "/current"
	if a.Version != "" {
		bin = a.Home + "/versions/" + a.Version
	}
	if s.Postgres == "" && a.Version == "" {
		t.nothing = "the engine is not installed under " + a.Home + "/current yet"
		return t, nil
	}
	if len(v.files) < 3 && s.Version == "" {
		t.nothing = "the node has no files yet"
		return t, nil
	}
	script, stdin := v.trialScript(s, bin)
	r, err := h.Shell().Run(ctx, remote.Command{Script: script, Stdin: stdin})
	if err != nil {
		return t, err
	}
	if r.Status != 0 {
		return t, fmt.Errorf("try the configuration files: exit status %d: %s", r.Status, strings.TrimSpace(string(r.Stderr)))
	}
	t.read(string(r.Stdout))
	if a.Joins && !t.same {
		// Do not wait for a leader.
		if leader, err := a.glance(ctx, h, v.list).Leader(); err == nil {
			t.leader = v.floorOf(ctx, h, leader.Node)
		}
	}
	return t, nil
}

// floorOf asks the leader for the settings that a follower must not have less of.
func (v *validateAction) floorOf(ctx context.Context, h tasks.Host, name string) map[string]string {
	node, err := NodeNamed(v.list, name)
	if err != nil {
		return nil
	}
	floor := map[string]string{}
	err = v.args.use(ctx, h, node, true, func(conn *pgx.Conn) error {
		ctx, cancel := context.WithTimeout(ctx, lookLimit)
		defer cancel()
		rows, err := settingRows(ctx, conn, "select name, setting from pg_settings"+
			" where name in ('max_connections', 'max_prepared_transactions', 'max_locks_per_transaction')")
		for _, r := range rows {
			floor[r[0]] = r[1]
		}
		return err
	})
	if err != nil {
		return nil
	}
	return floor
}

func (v *validateAction) Plan(t trial) (tasks.Plan, error) {
	a := v.args
	values := map[string]any{"asked": false, "known": t.nothing == "", "reason": "", "overrides": []any{}, "auto_conf_text": ""}
	if why := v.otherPort(t.node); why != "" && !v.args.Moves {
		return v.refuse(values, []string{why}, "nothing was touched")
	}
	if t.nothing != "" {
		return tasks.Plan{Unknown: "", Msg: t.nothing, Values: values}, nil
	}
	values["asked"] = !t.same
	overrides, text := v.overrides(t)
	values["overrides"] = overrides
	var warnings []string
	for _, o := range overrides {
		o := o.(map[string]any)
		says := "the inventory does not have it"
		if o["wanted"] != "" {
			says = fmt.Sprintf("the inventory says %v", o["wanted"])
		}
		warnings = append(warnings, fmt.Sprintf("ALTER SYSTEM has set %v = %v in postgresql.auto.conf, which wins; %s",
			o["name"], o["value"], says))
	}
	switch {
	case len(warnings) == 0:
	case a.AutoConf == "refuse":
		hint := "take it back (ALTER SYSTEM RESET), put it into the inventory, or run with -e polardb_auto_conf=reset"
		return v.refuse(values, warnings, hint)
	case a.AutoConf == "reset":
		values["auto_conf_text"] = text
		warnings = nil
	default:
		warnings[len(warnings)-1] += " (polardb_auto_conf: reset takes it back, refuse makes it an error)"
	}
	if t.same {
		return tasks.Plan{Msg: "the server was started with these files", Values: values, Warnings: warnings}, nil
	}
	wrong, doubts := v.judge(t)
	if len(wrong) > 0 && a.AutoConf == "keep" {
		wrong = append(wrong, warnings...)
	}
	if len(wrong) > 0 {
		return v.refuse(values, wrong, "change the inventory ("+v.place(wrong)+"); no file was written")
	}
	return tasks.Plan{Msg: "the engine takes the files", Values: values, Warnings: append(warnings, doubts...)}, nil
}

func (v *validateAction) refuse(values map[string]any, why []string, hint string) (tasks.Plan, error) {
	values["reason"] = strings.Join(why, "; ")
	if v.args.Report {
		return tasks.Plan{Msg: "the server would not start: " + strings.Join(why, "; "), Values: values}, nil
	}
	if len(v.files) == 0 {
		hint = "these are the node's own files; polarbook run reconfigure.yml writes them anew"
	}
	return tasks.Plan{}, &tasks.Failure{Msg: strings.Join(why, "; "), Hint: hint, Values: values}
}

// place returns the variable to change for these reasons.
func (v *validateAction) place(why []string) string {
	text := strings.Join(why, "\n")
	switch {
	case strings.Contains(text, "pg_hba.conf"):
		return "polardb_hba"
	case strings.Contains(text, "polar_dma"):
		return "polardb_dma_settings"
	}
	return "polardb_settings"
}

// otherPort returns an error text when the node is a member at another port; empty otherwise.
func (v *validateAction) otherPort(s NodeState) string {
	a := v.args
	if !s.Whole(&a.NodeArgs) || s.Step != stepMeta || !s.Meta {
		return ""
	}
	list, err := dma.ParseMembers(s.MetaMembers)
	if err != nil {
		return ""
	}
	own := ""
	if e, ok := list.At(int64(list.Self)); ok && list.Self > 0 {
		own = e.IPPort
	} else if list.Self == 0 && len(list.Entries) == 1 {
		own = list.Entries[0].IPPort
	}
	member, err := dma.FromConsensus(own)
	if err != nil || member.Port == a.Port {
		return ""
	}
	return fmt.Sprintf("polardb_port is %d, and the node is a member at %s: the port of a member cannot change, "+
		"because the others know it by its address; to give it another: polarbook run move-node.yml",
		a.Port, member)
}

// keptByUs are settings that a built-in playbook sets with ALTER SYSTEM.
var keptByUs = map[string]bool{"polar_dma_delay_election": true, "polar_dma_delay_election_timeout": true}

// overrides returns the settings in postgresql.auto.conf that differ from the files, and its text without them.
func (v *validateAction) overrides(t trial) ([]any, string) {
	list := []any{}
	auto := t.files["postgresql.auto.conf"]
	files := confSettings(t.files["postgresql.conf"], t.files["polar_dma.conf"])
	drop := map[string]bool{}
	set := confSettings(auto)
	names := make([]string, 0, len(set))
	for name := range set {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if wanted, ok := files[name]; keptByUs[name] || ok && wanted.Value == set[name].Value {
			continue
		}
		drop[name] = true
		list = append(list, map[string]any{"name": name, "value": shownSetting(name, set[name].Value), "wanted": files[name].Value})
	}
	return list, strings.TrimRight(withoutSettings(auto, drop), "\n") + "\n"
}

package polardb

import (
	"cmp"
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
	"github.com/polarbook/polarbook/tasks/hba"
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

// variables returns what the inventory is to say of a host.
func (a *adoptionAction) variables(name string, found adoptionFound) map[string]any {
	n := a.nodes[name]
	v := map[string]any{
		"polardb_cluster": a.args.Cluster, "polardb_user": n.Account, "polardb_pgdata": n.Pgdata, "polardb_polardata": n.Data,
		"polardb_port": n.Port, "polardb_replication_user": a.replicationUser(), "polardb_hosts_file": false,
	}
	if n.Home != "" && n.Home != "/home/"+n.Account {
		v["polardb_user_home"] = n.Home
	}
	if n.Group != "" && n.Group != n.Account {
		v["polardb_user_group"] = n.Group
	}
	if own, err := dma.ParseAddress(n.Own); err == nil {
		v["polardb_address"] = own.Host
		if row, listed := found.leader.Member(own); listed && row.Role == dma.Learner {
			v["polardb_role"] = roleLearner
		}
	}
	if n.Logger {
		v["polardb_role"] = roleLogger
	}
	if found.made.encoding != "" {
		v["polardb_locale"], v["polardb_encoding"] = found.made.collate, found.made.encoding
	}
	for role, key := range map[string]string{n.Account: "polardb_password_encryption", a.replicationUser(): "polardb_replication_password_encryption"} {
		if stored, known := found.roles[role]; known {
			v[key] = map[bool]string{true: "md5", false: "scram-sha-256"}[stored.md5]
		}
	}
	settings := a.foreignSettings(name, found)
	if len(settings) > 0 {
		v["polardb_settings"] = anyOfTexts(settings)
	}
	consensus := map[string]string{}
	for key, value := range n.DMA {
		if !slices.Contains(hiddenSettings, key) {
			consensus[key] = value
		}
	}
	if len(consensus) > 0 {
		v["polardb_dma_settings"] = anyOfTexts(consensus)
	}
	first, after := splitHBA(n.HBA)
	if len(first) > 0 {
		v["polardb_hba_first"] = anyTexts(first)
	}
	if len(after) > 0 {
		v["polardb_hba"] = anyTexts(after)
	}
	if n.writesElsewhere() {
		v["polardb_unit_hardening"] = false
	}
	return v
}

func anyOfTexts(m map[string]string) map[string]any {
	all := map[string]any{}
	for k, v := range m {
		all[k] = v
	}
	return all
}

// engineLibraries are loaded on every node.
var engineLibraries = []string{"polar_vfs", "polar_worker"}

// foreignSettings returns the settings that have to stand in polardb_settings, so that the server keeps every value that it has.
func (a *adoptionAction) foreignSettings(name string, found adoptionFound) map[string]string {
	n, base, server := a.nodes[name], maps.Clone(a.base[name]), found.settings[name]
	if stored, known := found.roles[n.Account]; known && stored.md5 {
		base["password_encryption"] = "md5"
	}
	theirs := map[string]string{}
	for _, s := range n.Settings {
		if s.Name != "port" && !slices.Contains(filePlaces, s.Name) {
			theirs[s.Name] = s.Value
		}
	}
	running := func(key string) (string, bool) {
		if s, seen := server.settings[key]; seen {
			return s.Value, !slices.Contains(n.Auto, key)
		}
		v, known := server.unseen[key]
		return v, known && !slices.Contains(n.Auto, key)
	}
	kept := map[string]string{}
	for key, value := range theirs {
		if ours, has := base[key]; !has || !sameValue(ours, value, server.settings[key]) {
			kept[key] = value
		}
	}
	for key, ours := range base {
		if _, has := theirs[key]; has || key == "port" {
			continue
		}
		if now, known := running(key); known && now != "" && !sameValue(now, ours, server.settings[key]) {
			kept[key] = now
		}
	}
	delete(kept, "shared_preload_libraries")
	var more []string
	for library := range strings.SplitSeq(theirs["shared_preload_libraries"], ",") {
		library = strings.TrimSpace(library)
		if library != "" && !slices.Contains(engineLibraries, strings.TrimPrefix(library, "$libdir/")) {
			more = append(more, library)
		}
	}
	if len(more) > 0 {
		kept["shared_preload_libraries"] = strings.Join(more, ",")
	}
	// Clients on the host keep their sockets, beside polarbook's own.
	own := base["unix_socket_directories"]
	sockets, known := theirs["unix_socket_directories"]
	if !known {
		sockets, _ = running("unix_socket_directories")
	}
	delete(kept, "unix_socket_directories")
	all := []string{own}
	for dir := range strings.SplitSeq(sockets, ",") {
		if dir = strings.TrimSpace(dir); dir != "" && !slices.Contains(all, dir) {
			all = append(all, dir)
		}
	}
	if own != "" && len(all) > 1 {
		kept["unix_socket_directories"] = strings.Join(all, ",")
	}
	return kept
}

// splitHBA parts the lines of pg_hba.conf: those up to the last that is about a login from the host itself stand before polarbook's own
// lines for such logins, so that they decide as before; the others stand after them, in their order.
func splitHBA(lines []string) (first, after []string) {
	last := -1
	for i, line := range lines {
		for _, local := range []bool{true, false} {
			if hbaMethod(hbaForAll(line), local, "all", "all") != "" {
				last = i
			}
		}
	}
	return lines[:last+1], lines[last+1:]
}

// hbaForAll returns a line as one for every role and database, with TLS or without.
func hbaForAll(line string) string {
	fields, _, _ := hba.Fields(line)
	var words []string
	for i, f := range fields {
		switch {
		case i == 0 && f.Text != "local":
			words = append(words, "host")
		case i == 1, i == 2:
			words = append(words, "all")
		default:
			words = append(words, f.Text)
		}
	}
	return strings.Join(words, " ")
}

// writesElsewhere reports whether the server may write where polarbook's unit does not let it.
func (n *foundNode) writesElsewhere() bool {
	command := n.setting("archive_command")
	places := append(slices.Clone(n.Tablespaces), n.setting("log_directory"), n.setting("stats_temp_directory"))
	return command != "" && command != "(disabled)" || slices.ContainsFunc(places, func(p string) bool {
		return slices.ContainsFunc([]string{"/usr", "/etc", "/boot", "/home", "/root", "/run/user"}, func(dir string) bool { return under(p, dir) })
	})
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

// table shows what is there and what would become of it.
func (a *adoptionAction) table(found adoptionFound, vars map[string]map[string]any) string {
	rows := [][]string{{"HOST", "WHAT", "IS", "BECOMES"}}
	add := func(host, what, is, becomes string) {
		if is != "" || becomes != "" {
			rows = append(rows, []string{host, what, shown(is), shown(becomes)})
		}
	}
	for _, name := range a.names {
		n := a.nodes[name]
		switch {
		case n.Fault != "":
			add(name, "server", n.Fault, "refused")
			continue
		case n.Ours:
			add(name, "node", "polarbook's already", "as it is")
			continue
		case n.Begun:
			add(name, "node", "begun to be taken over", "taken over to the end")
		}
		role := "member " + cmp.Or(n.Own, "(not known)")
		if v, asked := found.survey.Of(name); asked && v.Err == nil && !v.NoViews {
			role += ", " + v.Status.Role.String()
		} else if err := found.failed[name]; err != nil {
			role += ", no answer"
		}
		add(name, "server", fmt.Sprintf("%s, %s", n.Version, role), "the same data, nothing is moved")
		add(name, "account", n.Account, "the same")
		add(name, "PGDATA", n.Pgdata+told(n.Given, n.Pgdata), "the same")
		add(name, "POLARDATA", n.Data+told(n.Datadir, n.Data), "the same")
		if a.args.Package == "" {
			add(name, "engine", n.Prefix, "a copy in "+a.args.Home+", from the next start on")
		} else {
			add(name, "engine", n.Prefix, a.args.Package+" in "+a.args.Home+", from the next start on")
		}
		add(name, "started by", startedBy(n), "polardb-"+a.args.Cluster+".service")
		if own, err := dma.ParseAddress(n.Own); err == nil {
			is, appname := n.DMA["polar_dma_repl_appname"], ""
			if appname, err = own.AppName(); err == nil && is != appname {
				add(name, "application name", cmp.Or(is, "(none)"), appname)
			}
		}
		v := vars[name]
		if s, _ := v["polardb_settings"].(map[string]any); len(s) > 0 {
			add(name, "settings", strings.Join(slices.Sorted(maps.Keys(s)), " "), "kept, in polardb_settings")
		}
		if len(n.Included) > 0 {
			add(name, "included files", strings.Join(n.Included, " "), "what they set is kept, they are not read any more")
		}
		if len(n.Auto) > 0 {
			add(name, "ALTER SYSTEM", strings.Join(n.Auto, " "), "stays in postgresql.auto.conf")
		}
		if s, _ := v["polardb_dma_settings"].(map[string]any); len(s) > 0 {
			add(name, "polar_dma.conf", strings.Join(slices.Sorted(maps.Keys(s)), " "), "kept, in polardb_dma_settings")
		}
		first, _ := v["polardb_hba_first"].([]any)
		after, _ := v["polardb_hba"].([]any)
		add(name, "pg_hba.conf", fmt.Sprintf("%d lines", len(first)+len(after)),
			fmt.Sprintf("kept in their order (%d in polardb_hba_first, %d in polardb_hba), the members' added", len(first), len(after)))
		if ssl := n.setting("ssl"); truth(ssl) == "on" {
			add(name, "TLS", cmp.Or(n.setting("ssl_cert_file"), "server.crt"), "kept as settings; polardb_tls would replace it")
		}
		restart, _ := a.needs(name, found, v)
		switch {
		case len(restart) > 0:
			add(name, "restart", "needed", "one node after the other: "+strings.Join(restart, " "))
		case n.UnitNow != "" && n.UnitNow != "polardb-"+a.args.Cluster+".service":
			add(name, "restart", "needed", "one node after the other: to leave "+n.UnitNow)
		case found.failed[name] == nil && n.PID != 0:
			add(name, "restart", "not needed", "the server runs on; the unit has it from its next start on")
		}
		for _, f := range n.Boot {
			add(name, "by hand", f+" starts the server at boot", "take that out yourself: polarbook does not change the file")
		}
	}
	return Columns(rows)
}

// shown returns what a host said for a table: bounded, on one line.
func shown(text string) string { return oneLineOf(text, 160) }

func oneLineOf(text string, limit int) string {
	text = strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return ' '
		}
		return r
	}, text)
	if runes := []rune(text); len(runes) > limit {
		return string(runes[:limit-3]) + "..."
	}
	return text
}

func told(given, real string) string {
	if given = strings.TrimRight(given, "/"); given == real || given == "" {
		return ""
	}
	return " (named " + given + ")"
}

func startedBy(n foundNode) string {
	var by []string
	if n.Unit != "" {
		by = append(by, n.Unit)
	}
	for _, u := range n.Units {
		if u != n.Unit {
			by = append(by, u+" at boot")
		}
	}
	for _, f := range n.Boot {
		by = append(by, f+" at boot")
	}
	if len(by) == 0 {
		return "by hand, nothing at boot"
	}
	return strings.Join(by, ", ")
}

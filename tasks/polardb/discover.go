package polardb

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/hba"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

type discoverArgs struct {
	Pgdata   string `arg:"pgdata" doc:"the PGDATA whose server is meant, where several run on the host"`
	Cluster  string `arg:"cluster" default:"polardb" doc:"the cluster's name, under which polarbook notes what it takes over"`
	Password string `arg:"replication_password,secret" doc:"is compared with the one in polar_dma.conf, which is not returned"`

	state string // instead of /var/lib/polarbook, in tests
}

var discoverModule = tasks.Define(tasks.Module{
	Name:    "polardb_discover",
	Summary: "Find the server of a cluster that somebody else made on a host, and read how it is set up",
	Notes: []string{
		"Finds the server by its process: account, directories, port, engine, the unit or file that starts it. Reads its settings with " +
			"the files that they include, polar_dma.conf, pg_hba.conf and the consensus meta, as the server's own account. " +
			"It starts, stops and changes nothing.",
		"Of a node that adopt.yml has begun to take over it returns what was found then.",
	},
	Returns: []tasks.Return{
		{Name: "node", Type: "dict", Doc: "what was found; its key fault tells why there is no server to take over"},
		{Name: "own", Type: "dict", Doc: "account, pgdata, polardata, port, address and replication_user of the server, where they are known"},
	},
	Examples: `- polardb_discover:
    cluster: demo
  register: discovered
`,
}, func(a *discoverArgs, _ tasks.Local) (tasks.Action, error) {
	if !script.IsUnitName(a.Cluster) || strings.HasPrefix(a.Cluster, ".") {
		return nil, &tasks.ArgError{Module: "polardb_discover", Arg: "cluster",
			Problem: fmt.Sprintf("is not the name of a cluster: %q", a.Cluster)}
	}
	return tasks.Ask(&discoverAction{a}), nil
})

type discoverAction struct{ args *discoverArgs }

// foundNode is a server that somebody set up. It is noted as JSON on the host before the first change, so names of fields stay.
type foundNode struct {
	Fault string `json:"fault,omitempty"` // why there is nothing to take over here
	Ours  bool   `json:"-"`               // polarbook has set it up, or taken it over to the end
	Begun bool   `json:"-"`               // polarbook has begun to take it over

	PID     int      `json:"-"`
	UnitNow string   `json:"-"` // that the server runs in at this moment
	Link    bool     `json:"link,omitempty"`
	Pgdata  string   `json:"pgdata"`
	Given   string   `json:"given"` // PGDATA as the server was told
	Data    string   `json:"polardata"`
	Datadir string   `json:"datadir"` // POLARDATA as polar_datadir has it
	Account string   `json:"account"`
	Group   string   `json:"group"`
	Home    string   `json:"home"`
	Prefix  string   `json:"prefix"`
	Sum     string   `json:"sum"`
	Version string   `json:"version"`
	Port    int      `json:"port"`
	Unit    string   `json:"unit,omitempty"`
	Units   []string `json:"units,omitempty"` // that start the server when the host boots
	Boot    []string `json:"boot,omitempty"`  // files that do
	Stray   []string `json:"stray,omitempty"` // options of the server that no file can hold

	Settings []foundSetting    `json:"settings"` // of postgresql.conf with what it includes, and of the command line; the last wins
	Auto     []string          `json:"auto,omitempty"`
	DMA      map[string]string `json:"dma"` // of polar_dma.conf, without the password
	HBA      []string          `json:"hba"`
	Files    []string          `json:"files"` // that were read
	Included []string          `json:"included,omitempty"`
	Password string            `json:"-"` // of replication: same, other, not given; "": there is none in the files

	System      string   `json:"system"`
	Own         string   `json:"own"` // host:port, by its own meta
	Members     string   `json:"members,omitempty"`
	Learners    string   `json:"learners,omitempty"`
	Logger      bool     `json:"logger,omitempty"`
	Tablespaces []string `json:"tablespaces,omitempty"`

	Vars map[string]any `json:"vars,omitempty"` // what the inventory is to say, in a note
}

type foundSetting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	File  string `json:"file"`
}

// hiddenSettings identify the node to the others or hold its password; polarbook writes them itself.
var hiddenSettings = []string{"polar_enable_dma", "polar_dma_repl_user", "polar_dma_repl_passwd", "polar_dma_repl_appname"}

func (d *discoverAction) Ask(ctx context.Context, h tasks.Host, _ tasks.Found) (foundNode, error) {
	var found discovered
	text := scripts.Script("polardb_discover", script.Values{"STATE": cmp.Or(d.args.state, stateDir), "CLUSTER": d.args.Cluster})
	if err := discover(ctx, h, text, &found); err != nil {
		return foundNode{}, err
	}
	node, server := found.choose(d.args)
	if server == nil || node.Fault != "" || node.Ours {
		return node, nil
	}
	if node.Begun {
		node.PID, node.UnitNow = server.PID, server.Unit
		return node, nil
	}
	return node, d.read(ctx, h, &node)
}

func discover(ctx context.Context, h tasks.Host, text string, into any) error {
	answer, err := h.Shell().Run(ctx, remote.Command{Script: text})
	if err == nil {
		err = files.ScriptFailed(answer)
	}
	if err == nil {
		err = script.Decode(answer.Stdout, into)
	}
	if err != nil {
		return &tasks.Failure{Msg: "cannot look for the server", Err: err}
	}
	return nil
}

// discovered is the answer of the script polardb_discover.
type discovered struct {
	Markers []struct {
		Pgdata  string `answer:"marker"`
		Cluster string `answer:"marker.cluster"`
	} `answer:"marker"`
	Notes []struct {
		Pgdata string `answer:"note"`
		Text   []byte `answer:"note.text"`
		Done   bool   `answer:"note.done"`
	} `answer:"note"`
	Servers []discoveredServer `answer:"server"`
	End     bool               `answer:"end,required"`
}

type discoveredServer struct {
	PID     int      `answer:"server"`
	Pgdata  string   `answer:"pgdata"`
	Given   string   `answer:"given"`
	Port    string   `answer:"port"`
	Account string   `answer:"account"`
	Group   string   `answer:"group"`
	Home    string   `answer:"home"`
	Prefix  string   `answer:"prefix"`
	Sum     string   `answer:"sum"`
	Command []byte   `answer:"command"`
	Unit    string   `answer:"unit"`
	Units   []string `answer:"boot.unit"`
	Boot    []string `answer:"boot.file"`
}

// choose returns the server that is meant, and what is known of it so far. Without a server there is a fault, or the node is
// polarbook's.
func (f *discovered) choose(a *discoverArgs) (foundNode, *discoveredServer) {
	there := func(dir string) bool {
		return slices.ContainsFunc(f.Servers, func(s discoveredServer) bool { return s.Pgdata == dir })
	}
	wanted := a.Pgdata
	if wanted == defaultPgdata && !there(wanted) {
		wanted = "" // the inventory says nothing
	}
	meant := func(dir string) bool { return wanted == "" || path.Clean(wanted) == dir }
	for _, n := range f.Notes {
		if !meant(n.Pgdata) {
			continue
		}
		var node foundNode
		if err := node.parse(n.Text); err != nil || node.Pgdata != n.Pgdata {
			return foundNode{Fault: "the note of what was taken over cannot be read: move " + a.Cluster + "'s directory under " +
				stateDir + " away"}, nil
		}
		node.Begun, node.Ours = true, n.Done
		at := slices.IndexFunc(f.Servers, func(s discoveredServer) bool { return s.Pgdata == n.Pgdata })
		if at < 0 {
			return node, &discoveredServer{}
		}
		return node, &f.Servers[at]
	}
	var fit []*discoveredServer
	var dirs []string
	for i, s := range f.Servers {
		if meant(s.Pgdata) || wanted != "" && path.Clean(wanted) == path.Clean(s.Given) {
			fit, dirs = append(fit, &f.Servers[i]), append(dirs, s.Pgdata)
		}
	}
	for _, m := range f.Markers {
		at := slices.Index(dirs, m.Pgdata)
		switch {
		case m.Cluster == a.Cluster && (at >= 0 || len(fit) == 0):
			return foundNode{Ours: true, Pgdata: m.Pgdata}, nil
		case at >= 0:
			return foundNode{Fault: fmt.Sprintf("%s is polarbook's already, of the cluster %s (polardb_cluster)", m.Pgdata, m.Cluster)}, nil
		}
	}
	switch {
	case len(fit) == 1:
	case len(fit) > 1:
		return foundNode{Fault: "servers run in " + strings.Join(dirs, " and ") + ": say which is meant (polardb_pgdata of the host)"}, nil
	case wanted != "":
		return foundNode{Fault: "no server runs in " + wanted + " (polardb_pgdata): start it, or correct the inventory"}, nil
	default:
		return foundNode{Fault: "no server of PolarDB runs: start it, or take the host out of the group"}, nil
	}
	s := fit[0]
	node := foundNode{PID: s.PID, UnitNow: s.Unit, Pgdata: s.Pgdata, Given: s.Given, Account: s.Account, Group: s.Group, Home: s.Home,
		Prefix: s.Prefix, Sum: s.Sum, Unit: s.Unit, Units: s.Units, Boot: s.Boot, DMA: map[string]string{}}
	if _, err := fmt.Sscan(s.Port, &node.Port); err != nil {
		node.Fault = "postmaster.pid in " + s.Pgdata + " has no port"
	}
	if s.Account == "root" || s.Account == "UNKNOWN" || strings.HasPrefix(s.Account, "-") {
		node.Fault = fmt.Sprintf("the account of its server (%s) cannot run the engine", s.Account)
	}
	node.Settings, node.Stray = readOptions(strings.Split(strings.TrimRight(string(s.Command), "\n"), "\n"))
	return node, s
}

// readOptions reads the command line of a server: the settings on it, and options that are none.
func readOptions(words []string) (settings []foundSetting, stray []string) {
	short := map[byte]string{'p': "port", 'h': "listen_addresses", 'k': "unix_socket_directories", 'N': "max_connections",
		'B': "shared_buffers"}
	set := func(name, value string) {
		settings = append(settings, foundSetting{strings.ToLower(strings.ReplaceAll(strings.TrimSpace(name), "-", "_")),
			strings.TrimSpace(value), "the command line"})
	}
	for i := 1; i < len(words); i++ {
		word := words[i]
		if name, value, ok := strings.Cut(strings.TrimPrefix(word, "--"), "="); ok && strings.HasPrefix(word, "--") {
			set(name, value)
			continue
		}
		if len(word) < 2 || word[0] != '-' || word[1] == '-' {
			if word != "" {
				stray = append(stray, word)
			}
			continue
		}
		value := word[2:]
		if takes := strings.IndexByte("DcphkNB", word[1]) >= 0; takes && value == "" && i+1 < len(words) {
			i++
			value = words[i]
		}
		name, value2, assigns := strings.Cut(value, "=")
		switch {
		case word[1] == 'D':
		case word[1] == 'c' && assigns:
			set(name, value2)
		case word == "-i":
			set("listen_addresses", "*")
		case short[word[1]] != "" && value != "":
			set(short[word[1]], value)
		default:
			stray = append(stray, word)
		}
	}
	for _, s := range settings {
		if slices.Contains(filePlaces, s.Name) {
			stray = append(stray, s.Name)
		}
	}
	return settings, stray
}

// filePlaces are the settings that say where the other files are. Behind polarbook they lie in PGDATA.
var filePlaces = []string{"config_file", "data_directory", "hba_file", "polar_dma_file"}

// read reads the server's files, as its account, and its data.
func (d *discoverAction) read(ctx context.Context, h tasks.Host, node *foundNode) error {
	r := &confReader{h: h, owner: node.Account}
	options := node.Settings
	lines, err := r.settings(ctx, node.Pgdata+"/postgresql.conf", 0)
	if err != nil {
		return err
	}
	if r.fault == "" && len(lines) == 0 {
		r.fault = node.Pgdata + "/postgresql.conf sets nothing or is not there: files in another place are not taken over"
	}
	node.Settings = slices.Concat(lines, options)
	auto, err := r.settings(ctx, node.Pgdata+"/postgresql.auto.conf", 0)
	if err != nil {
		return err
	}
	for _, s := range auto {
		node.Auto = append(node.Auto, s.Name)
	}
	if v := node.setting("data_directory"); v != "" && path.Clean(v) != node.Pgdata && path.Clean(v) != path.Clean(node.Given) {
		r.fault = cmp.Or(r.fault, "data_directory is "+v+": files outside of PGDATA are not taken over")
	}
	place := func(setting, name string) string {
		v := cmp.Or(node.setting(setting), name)
		if !path.IsAbs(v) {
			v = node.Pgdata + "/" + v
		}
		return v
	}
	consensus, err := r.settings(ctx, place("polar_dma_file", "polar_dma.conf"), 0)
	if err != nil {
		return err
	}
	password := node.setting("polar_dma_repl_passwd")
	for _, name := range hiddenSettings {
		if v := node.setting(name); v != "" && name != "polar_dma_repl_passwd" {
			node.DMA[name] = v
		}
	}
	for _, s := range consensus {
		if s.Name == "polar_dma_repl_passwd" {
			password = s.Value
		} else {
			node.DMA[s.Name] = s.Value
		}
	}
	node.Settings = slices.DeleteFunc(node.Settings, func(s foundSetting) bool { return slices.Contains(hiddenSettings, s.Name) })
	switch {
	case password == "":
	case d.args.Password == "":
		node.Password = "not given"
	case password == d.args.Password || conninfoText(password) == d.args.Password:
		node.Password = "same"
	default:
		node.Password = "other"
	}
	text, err := r.text(ctx, place("hba_file", "pg_hba.conf"))
	if err != nil {
		return err
	}
	node.HBA = hbaLines(text)
	if len(node.HBA) > 5000 {
		r.fault = cmp.Or(r.fault, "pg_hba.conf has more than 5000 lines")
	}
	node.Files, node.Included = r.read, r.included
	node.Fault = cmp.Or(node.Fault, r.fault)
	node.Datadir = strings.TrimPrefix(strings.TrimPrefix(node.setting("polar_datadir"), "file-dio://"), "file://")
	if !path.IsAbs(node.Datadir) {
		node.Fault = cmp.Or(node.Fault, fmt.Sprintf("polar_datadir is %q: only a local directory is taken over (file-dio://…)",
			node.setting("polar_datadir")))
		return nil
	}
	return d.data(ctx, h, node)
}

func (d *discoverAction) data(ctx context.Context, h tasks.Host, node *foundNode) error {
	var data struct {
		Link       bool     `answer:"link"`
		DataLink   bool     `answer:"polardata.link"`
		Polardata  string   `answer:"polardata"`
		Control    bool     `answer:"control"`
		Files      bool     `answer:"files"`
		Logger     bool     `answer:"logger"`
		Version    string   `answer:"version"`
		System     string   `answer:"system"`
		Members    string   `answer:"members"`
		Learners   string   `answer:"learners"`
		Tablespace []string `answer:"tablespace"`
		End        bool     `answer:"end,required"`
	}
	text := scripts.Script("polardb_discover_data", script.Values{"OWNER": node.Account, "PGDATA": node.Pgdata,
		"GIVEN": strings.TrimRight(node.Given, "/"), "DATADIR": strings.TrimRight(node.Datadir, "/"), "PREFIX": node.Prefix})
	if err := discover(ctx, h, text, &data); err != nil {
		return err
	}
	node.Link = data.Link && path.Clean(d.args.Pgdata) != node.Pgdata || data.DataLink
	node.Data, node.Logger, node.Version, node.System = data.Polardata, data.Logger, data.Version, data.System
	node.Members, node.Learners, node.Tablespaces = data.Members, data.Learners, data.Tablespace
	if !data.Control {
		node.Fault = cmp.Or(node.Fault, fmt.Sprintf("there is no global/pg_control in POLARDATA (%s)", node.Datadir))
	}
	state := NodeState{Meta: data.Members+data.Learners != "", Step: stepMeta, MetaMembers: data.Members, MetaLearners: data.Learners}
	if own, known := state.own(); known {
		node.Own = own.String()
	}
	return nil
}

// setting returns the value that the files and the command line give a setting; empty: none.
func (n *foundNode) setting(name string) string {
	value := ""
	for _, s := range n.Settings {
		if s.Name == name {
			value = s.Value
		}
	}
	return value
}

// hbaLines returns the lines of pg_hba.conf that say something, without their comments.
func hbaLines(text string) []string {
	var list []string
	for line := range strings.Lines(text) {
		if f, _, _ := hba.Fields(line); len(f) > 0 {
			list = append(list, strings.TrimRight(line[f[0].From:f[len(f)-1].To], " \t\r\n"))
		}
	}
	return list
}

func (d *discoverAction) Plan(node foundNode) (tasks.Plan, error) {
	values, err := node.values()
	if err != nil {
		return tasks.Plan{}, err
	}
	own := map[string]any{}
	put := func(key string, value any, known bool) {
		if known {
			own[key] = value
		}
	}
	put("account", node.Account, node.Account != "")
	put("pgdata", node.Pgdata, node.Pgdata != "" && !node.Ours)
	put("polardata", node.Data, node.Data != "")
	put("port", node.Port, node.Port != 0)
	put("replication_user", node.DMA["polar_dma_repl_user"], node.DMA["polar_dma_repl_user"] != "")
	if a, err := dma.ParseAddress(node.Own); err == nil && a.Check() == nil {
		own["address"] = a.Host
	}
	msg := cmp.Or(node.Fault, fmt.Sprintf("a server of %s runs in %s", node.Account, node.Pgdata))
	if node.Ours {
		msg = "the node is polarbook's"
	}
	return tasks.Plan{Msg: msg, Values: map[string]any{"node": values, "own": own}}, nil
}

// values returns what was found as a playbook hands it on, and foundNodeOf reads it again.
func (n *foundNode) values() (map[string]any, error) {
	text, err := json.Marshal(n)
	if err != nil {
		return nil, err
	}
	return map[string]any{"found": string(text), "fault": n.Fault, "ours": n.Ours, "begun": n.Begun, "running": n.PID != 0,
		"unit_now": n.UnitNow, "agrees": n.Password, "unit": n.Unit, "units": anyTexts(n.Units), "prefix": n.Prefix,
		"files": anyTexts(n.Files), "pgdata": n.Pgdata}, nil
}

func anyTexts(list []string) []any {
	all := []any{}
	for _, s := range list {
		all = append(all, s)
	}
	return all
}

// parse reads what values or a note has. Ports are the only numbers among the variables.
func (n *foundNode) parse(text []byte) error {
	err := json.Unmarshal(text, n)
	for key, value := range n.Vars {
		if number, is := value.(float64); is {
			n.Vars[key] = int(number)
		}
	}
	return err
}

func foundNodeOf(value any) (foundNode, error) {
	var n foundNode
	m, ok := value.(map[string]any)
	if !ok {
		return n, fmt.Errorf("is not what polardb_discover returned")
	}
	text, _ := m["found"].(string)
	if err := n.parse([]byte(text)); err != nil {
		return n, fmt.Errorf("is not what polardb_discover returned: %w", err)
	}
	yes := func(key string) bool { b, _ := m[key].(bool); return b }
	n.Ours, n.Begun = yes("ours"), yes("begun")
	if yes("running") {
		n.PID = 1
	}
	n.UnitNow, _ = m["unit_now"].(string)
	n.Password, _ = m["agrees"].(string)
	return n, nil
}

package builtin

import (
	"fmt"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/convert"
	"github.com/polarbook/polarbook/tasks/script"
)

type ufwArgs struct {
	State     string `arg:"state" choices:"disabled enabled reloaded reset" doc:"The whole firewall; reloaded: each time; reset: no rules."`
	Default   string `arg:"default" alias:"policy" choices:"allow deny reject" doc:"Policy for traffic that matches no rule."`
	Direction string `arg:"direction" choices:"in incoming out outgoing routed" doc:"Traffic of the rule or default; default: incoming."`
	Logging   string `arg:"logging" choices:"on off low medium high full" doc:"Level of logging."`
	Rule      string `arg:"rule" choices:"allow deny limit reject" doc:"What to do with the traffic."`
	Port      string `arg:"to_port" alias:"port" doc:"Destination port, range 1000:1010 or list 80,443."`
	Proto     string `arg:"proto" alias:"protocol" choices:"any tcp udp ipv6 esp ah gre igmp" doc:"Protocol; required for ranges and lists."`
	FromIP    string `arg:"from_ip" alias:"from src" default:"any" doc:"Source address or network."`
	FromPort  string `arg:"from_port" doc:"Source port."`
	ToIP      string `arg:"to_ip" alias:"to dest" default:"any" doc:"Destination address or network."`
	Name      string `arg:"name" alias:"app" doc:"Profile of /etc/ufw/applications.d instead of ports."`
	Interface string `arg:"interface" alias:"if" doc:"Network interface; needs direction."`
	Log       bool   `arg:"log" default:"false" doc:"Log connections that match."`
	Comment   string `arg:"comment" doc:"Comment on the rule."`
	Delete    bool   `arg:"delete" default:"false" doc:"Remove the rule."`
	Insert    int    `arg:"insert" default:"0" doc:"Number of the rule to insert it before; at the end by default."`
}

var ufwModule = tasks.Define(tasks.Module{
	Name: "ufw", Collections: []string{"community.general"},
	Summary: "Manage the uncomplicated firewall",
	Notes:   []string{"Rules are compared by ufw itself, with --dry-run."},
	Returns: []tasks.Return{{Name: "commands", Type: "list", Doc: "what is run"}, {Name: "msg", Type: "str", Doc: "the status afterwards"}},
	Examples: `
- ufw: {rule: allow, port: "5432", proto: tcp, from_ip: 10.0.0.0/24}
- ufw: {state: enabled, policy: deny}
- ufw: {rule: allow, name: OpenSSH, delete: true}
`,
}, func(a *ufwArgs, l tasks.Local) (tasks.Action, error) {
	refuse := func(arg, problem string) (tasks.Action, error) {
		return nil, &tasks.ArgError{Module: "ufw", Arg: arg, Problem: problem}
	}
	switch {
	case a.State == "" && a.Default == "" && a.Logging == "" && a.Rule == "":
		return refuse("rule", "is missing, and so are state, default and logging")
	case a.Interface != "" && a.Direction != "in" && a.Direction != "out":
		return refuse("direction", "must be in or out with interface")
	case a.Rule != "" && a.Direction != "" && a.Direction != "in" && a.Direction != "out":
		return refuse("direction", "must be in or out with rule")
	case a.Rule != "" && a.Name != "" && (a.Port != "" || a.Proto != ""):
		return refuse("name", "and ports exclude each other: the profile has them")
	}
	return &ufw{*a, l.Check()}, nil
})

type ufw struct {
	ufwArgs
	asking bool
}

// rule returns the words of a rule in the order in which ufw reads them.
func (u *ufw) rule() []string {
	var w []string
	if u.Delete {
		w = append(w, "delete")
	}
	if u.Insert > 0 && !u.Delete {
		w = append(w, "insert", fmt.Sprint(u.Insert))
	}
	w = append(w, u.Rule)
	if u.Direction != "" {
		w = append(w, u.Direction)
	}
	if u.Interface != "" {
		w = append(w, "on", u.Interface)
	}
	if u.Log {
		w = append(w, "log")
	}
	w = append(w, "from", u.FromIP)
	if u.FromPort != "" {
		w = append(w, "port", u.FromPort)
	}
	w = append(w, "to", u.ToIP)
	if u.Port != "" {
		w = append(w, "port", u.Port)
	}
	if u.Proto != "" {
		w = append(w, "proto", u.Proto)
	}
	if u.Name != "" {
		w = append(w, "app", u.Name)
	}
	if u.Comment != "" && !u.Delete {
		w = append(w, "comment", u.Comment)
	}
	return w
}

// Probe asks for the status, and has ufw try the rule without adding it: ufw skips one that exists.
func (u *ufw) Probe() string {
	values := script.Values{"rule": u.Rule, "remove": u.Delete, "v6": strings.Contains(u.FromIP+u.ToIP, ":")}
	if u.Rule == "" {
		return scripts.Script("ufw", values)
	}
	return scripts.Script("ufw", values, u.rule()...)
}

func (u *ufw) Plan(found tasks.Found) (tasks.Plan, error) {
	var said struct {
		Absent   bool     `answer:"absent"`
		Refused  string   `answer:"refused"`
		Status   string   `answer:"status"`
		Logging  string   `answer:"logging"`
		Policies []string `answer:"policy"` // chain and target
		Skipping bool     `answer:"skipping"`
		Missing  bool     `answer:"missing"`
	}
	if err := found.Decode(&said); err != nil {
		return tasks.Plan{}, err
	}
	if said.Absent {
		return tasks.NotYet(u.asking, "ufw is not installed on this host", "leave the task out where it is not, or install it first")
	}
	if said.Refused != "" {
		return tasks.Plan{}, &tasks.Failure{
			Msg:  "ufw refuses the rule: " + said.Refused,
			Hint: "ranges and lists of ports need proto; see ufw(8) for the rest",
		}
	}
	var commands [][]string
	event := false
	active := said.Status == "active"
	if u.Logging != "" && !u.logs(said.Logging) {
		commands = append(commands, []string{"logging", u.Logging})
	}
	direction, chain := "incoming", "INPUT"
	switch u.Direction {
	case "out", "outgoing":
		direction, chain = "outgoing", "OUTPUT"
	case "routed":
		direction, chain = "routed", "FORWARD"
	}
	policy := map[string]string{"allow": "ACCEPT", "deny": "DROP", "reject": "REJECT"}[u.Default]
	if u.Default != "" && !slices.Contains(said.Policies, chain+" "+policy) {
		commands = append(commands, []string{"default", u.Default, direction})
	}
	if u.Rule != "" && !said.Skipping && !said.Missing {
		commands = append(commands, u.rule())
	}
	switch {
	case u.State == "enabled" && !active:
		commands = append(commands, []string{"--force", "enable"})
	case u.State == "disabled" && active:
		commands = append(commands, []string{"--force", "disable"})
	case u.State == "reloaded" && active:
		commands, event = append(commands, []string{"reload"}), true
	case u.State == "reset":
		commands, event = append(commands, []string{"--force", "reset"}), true
	}
	if len(commands) == 0 {
		return tasks.Plan{Msg: "ufw is as wanted", Values: map[string]any{"commands": []any{}}}, nil
	}
	text, shown := script.Preamble, []any{}
	for _, words := range commands {
		line := "ufw " + script.Words(words)
		shown = append(shown, line)
		text += "said=$(" + line + " 2>&1) || die \"ufw refused: $said\"\n"
	}
	return tasks.Plan{
		Change: true,
		Event:  event,
		Msg:    fmt.Sprint("run ", strings.Join(convert.Texts(shown), "; ")),
		Script: text,
		Values: map[string]any{"commands": shown},
	}, nil
}

// logs compares with the level that ufw keeps: on stands for low.
func (u *ufw) logs(level string) bool {
	return level == u.Logging || u.Logging == "on" && level != "off" && level != ""
}

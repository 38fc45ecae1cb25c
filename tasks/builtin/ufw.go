package builtin

import (
	"fmt"
	"slices"
	"strconv"
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
	Proto     string `arg:"proto" alias:"protocol" choices:"any tcp udp ipv6 esp ah gre igmp vrrp" doc:"Protocol; required for ranges and lists."`
	FromIP    string `arg:"from_ip" alias:"from src" default:"any" doc:"Source address or network."`
	FromPort  string `arg:"from_port" doc:"Source port."`
	ToIP      string `arg:"to_ip" alias:"to dest" default:"any" doc:"Destination address or network."`
	Name      string `arg:"name" alias:"app" doc:"Profile of /etc/ufw/applications.d instead of ports."`
	Interface string `arg:"interface" alias:"if" doc:"Network interface; needs direction."`
	In        string `arg:"interface_in" alias:"if_in" doc:"Interface that the traffic comes in by."`
	Out       string `arg:"interface_out" alias:"if_out" doc:"Interface that the traffic goes out by; with interface_in only in a route."`
	Route     bool   `arg:"route" default:"false" doc:"A rule for traffic that the host passes on."`
	Log       bool   `arg:"log" default:"false" doc:"Log connections that match."`
	Comment   string `arg:"comment" doc:"Comment on the rule."`
	Delete    bool   `arg:"delete" default:"false" doc:"Remove the rule."`
	Insert    *int   `arg:"insert" doc:"Number of the rule to insert it before; at the end by default."`
	Relative  string `arg:"insert_relative_to" default:"zero" choices:"zero first-ipv4 last-ipv4 first-ipv6 last-ipv6" doc:"Rule from which insert is counted, which may then be negative; zero: the numbers as ufw shows them."`
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
	case a.Direction != "" && a.In+a.Out != "":
		return refuse("direction", "excludes interface_in and interface_out")
	case a.In != "" && a.Out != "" && !a.Route:
		return refuse("route", "must be true for a rule with interface_in and interface_out")
	case a.Rule != "" && a.Name != "" && (a.Port != "" || a.Proto != ""):
		return refuse("name", "and ports exclude each other: the profile has them")
	}
	return &ufw{*a, l.Check()}, nil
})

type ufw struct {
	ufwArgs
	asking bool
}

// rule returns the words of a rule in the order in which ufw reads them. position is the number of the rule to insert it before;
// 0: none.
func (u *ufw) rule(position int) []string {
	var w []string
	if u.Route {
		w = append(w, "route")
	}
	if u.Delete {
		w = append(w, "delete")
	}
	if position > 0 && !u.Delete {
		w = append(w, "insert", fmt.Sprint(position))
	}
	w = append(w, u.Rule)
	if u.In != "" {
		w = append(w, "in", "on", u.In)
	}
	if u.Out != "" {
		w = append(w, "out", "on", u.Out)
	}
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
	values["numbered"] = u.relative()
	return scripts.Script("ufw", values, u.rule(u.plain())...)
}

// relative reports whether it has to be counted where the rule goes.
func (u *ufw) relative() bool { return u.Insert != nil && u.Relative != "zero" && !u.Delete }

// plain is the number that was given as ufw has it; 0: none.
func (u *ufw) plain() int {
	if u.Insert == nil || u.Relative != "zero" {
		return 0
	}
	return *u.Insert
}

// position counts from the rule that insert_relative_to names. IPv6's rules come after all of IPv4. Behind the last one there is no
// position: the rule is then added.
func (u *ufw) position(rules []string) int {
	if !u.relative() {
		return u.plain()
	}
	last4, last := 0, 0
	for _, rule := range rules {
		number, kind, _ := strings.Cut(rule, " ")
		n, err := strconv.Atoi(number)
		if err != nil {
			continue
		}
		last = max(last, n)
		if kind == "v4" {
			last4 = max(last4, n)
		}
	}
	from := 1
	switch u.Relative {
	case "last-ipv4":
		from = max(last4, 1)
	case "first-ipv6":
		from = last4 + 1
	case "last-ipv6":
		if from = last; last == last4 {
			from = last + 1
		}
	}
	if at := from + *u.Insert; at <= last {
		return max(at, 0)
	}
	return 0
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
		Rules    []string `answer:"numbered"` // number and v4 or v6
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
	if u.State == "reset" { // first: what is there to compare with is gone then
		commands, event = append(commands, []string{"--force", "reset"}), true
		said.Logging, said.Policies, said.Skipping, said.Missing, said.Rules = "", nil, false, u.Delete, nil
	}
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
		commands = append(commands, u.rule(u.position(said.Rules)))
	}
	switch {
	case u.State == "enabled" && !active:
		commands = append(commands, []string{"--force", "enable"})
	case u.State == "disabled" && active:
		commands = append(commands, []string{"--force", "disable"})
	case u.State == "reloaded" && active:
		commands, event = append(commands, []string{"reload"}), true
	}
	if len(commands) == 0 {
		return tasks.Plan{Msg: "ufw is as wanted", Values: map[string]any{"commands": []any{}}}, nil
	}
	text, shown := script.Preamble, []any{}
	for i, words := range commands {
		line := "ufw " + script.Words(words)
		shown = append(shown, line)
		again := ""
		if i == 0 && u.State == "reset" { // it keeps the files under names that have the second
			again = " || said=$(sleep 1; " + line + " 2>&1)"
		}
		text += "said=$(" + line + " 2>&1)" + again + " || die \"ufw refused: $said\"\n"
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

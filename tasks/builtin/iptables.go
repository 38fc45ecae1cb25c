package builtin

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/script"
)

type iptablesArgs struct {
	Table      string         `arg:"table" default:"filter" choices:"filter nat mangle raw security" doc:"Table of the chain."`
	State      string         `arg:"state" default:"present" choices:"absent present" doc:"Have the rule (or with chain_management and no rule the chain), or remove it."`
	Action     string         `arg:"action" default:"append" choices:"append insert" doc:"Whether a new rule goes to the end of the chain or to its beginning."`
	IPVersion  string         `arg:"ip_version" default:"ipv4" choices:"ipv4 ipv6 both" doc:"iptables, ip6tables, or both."`
	Chain      string         `arg:"chain" doc:"Chain, such as INPUT; required unless flush is set."`
	RuleNum    string         `arg:"rule_num" doc:"With action: insert, the number that the rule is to have."`
	Protocol   string         `arg:"protocol" doc:"Protocol; ! before it inverts, here and wherever iptables can."`
	Wait       string         `arg:"wait" doc:"Seconds to wait for others that change rules."`
	Source     string         `arg:"source" doc:"Address or network of the source."`
	ToSource   string         `arg:"to_source" doc:"Address to put in the place of the source, for SNAT."`
	Dest       string         `arg:"destination" doc:"Address or network of the destination."`
	ToDest     string         `arg:"to_destination" doc:"Address to put in the place of the destination, for DNAT."`
	Match      []string       `arg:"match" doc:"Extensions to load."`
	TCPFlags   map[string]any `arg:"tcp_flags" doc:"Flags of TCP: flags, which are looked at, and flags_set, which of these have to be set; lists of words, or texts with commas."`
	Jump       string         `arg:"jump" doc:"Target."`
	Gateway    string         `arg:"gateway" doc:"Host for the copies of the target TEE, which needs one."`
	LogPrefix  string         `arg:"log_prefix" doc:"Beginning of the lines of the target LOG."`
	LogLevel   string         `arg:"log_level" choices:"0 1 2 3 4 5 6 7 emerg alert crit error warning notice info debug" doc:"Level of the target LOG."`
	Goto       string         `arg:"goto" doc:"Chain to go on in."`
	In         string         `arg:"in_interface" doc:"Interface by which a packet comes in."`
	Out        string         `arg:"out_interface" doc:"Interface by which it goes out."`
	Fragment   string         `arg:"fragment" doc:"As iptables takes it behind -f."`
	Counters   string         `arg:"set_counters" doc:"Counters of a new rule: packets and bytes."`
	SourcePort string         `arg:"source_port" doc:"Port or FIRST:LAST of the source."`
	DestPort   string         `arg:"destination_port" doc:"Port or FIRST:LAST of the destination."`
	DestPorts  []string       `arg:"destination_ports" doc:"Several ports of the destination."`
	ToPorts    string         `arg:"to_ports" doc:"Port to redirect to."`
	DSCP       string         `arg:"set_dscp_mark" doc:"DSCP value to set; the target is DSCP."`
	DSCPClass  string         `arg:"set_dscp_mark_class" doc:"DSCP class to set; the target is DSCP."`
	Comment    string         `arg:"comment" doc:"Remark of the rule."`
	CTState    []string       `arg:"ctstate" doc:"States of connections."`
	SrcRange   string         `arg:"src_range" doc:"Range of addresses of the source."`
	DstRange   string         `arg:"dst_range" doc:"Range of addresses of the destination."`
	Set        string         `arg:"match_set" doc:"Set of ipset."`
	SetFlags   string         `arg:"match_set_flags" choices:"src dst src,dst dst,src src,src dst,dst" doc:"What of a packet is looked up in the set."`
	Limit      string         `arg:"limit" doc:"How often the rule may match, such as 2/second."`
	LimitBurst string         `arg:"limit_burst" doc:"How often before limit holds."`
	UID        string         `arg:"uid_owner" doc:"Account of the program that sends."`
	GID        string         `arg:"gid_owner" doc:"Group of the program that sends."`
	Reject     string         `arg:"reject_with" doc:"What to answer with; without jump the target is REJECT."`
	ICMP       string         `arg:"icmp_type" doc:"Type of ICMP."`
	Syn        string         `arg:"syn" default:"ignore" choices:"ignore match negate" doc:"Whether packets that open a connection are meant, or all others."`
	Flush      bool           `arg:"flush" default:"false" doc:"Remove all rules of the chain, or without one of the table."`
	Policy     string         `arg:"policy" choices:"ACCEPT DROP QUEUE RETURN" doc:"What becomes of packets that no rule of a built-in chain is for."`
	Manage     bool           `arg:"chain_management" default:"false" doc:"Make a chain that is missing; with state: absent and no rule, remove it."`
	Numeric    bool           `arg:"numeric" default:"false" doc:"Of no effect: addresses are never looked up in DNS here."`
}

var iptablesModule = tasks.Define(tasks.Module{
	Name: "iptables", Collections: []string{"ansible.builtin"},
	Summary: "Manage rules of iptables",
	Notes: []string{
		"Rules are those that the kernel has now: they are gone after a boot unless something else keeps them, such as netfilter-persistent.",
		"A rule is found by iptables -C, so wherever it stands in the chain; state: absent removes it as often as it is there, where Ansible " +
			"removes it once a run.",
		"Without a rule chain_management is needed: Ansible says changed then, and does nothing.",
	},
	Returns: []tasks.Return{
		{Name: "rule", Type: "str", Doc: "the rule, as words of iptables"}, {Name: "ip_version", Type: "str", Doc: "as given"},
		{Name: "table", Type: "str", Doc: "as given"},
		{Name: "chain", Type: "str", Doc: "as given"}, {Name: "flush", Type: "bool", Doc: "as given"},
		{Name: "state", Type: "str", Doc: "as given"},
		{Name: "chain_management", Type: "bool", Doc: "as given"}, {Name: "wait", Type: "str", Doc: "as given"},
	},
	Examples: `
- iptables: {chain: INPUT, protocol: tcp, destination_port: "5432", source: 192.0.2.0/24, jump: ACCEPT, comment: database}
- iptables: {chain: INPUT, ctstate: [ESTABLISHED, RELATED], jump: ACCEPT, action: insert, rule_num: "1"}
- iptables: {chain: INPUT, policy: DROP, ip_version: both}
- iptables: {chain: BACKUP, chain_management: true}
`,
}, func(a *iptablesArgs, l tasks.Local) (tasks.Action, error) {
	refuse := func(arg, problem string) (tasks.Action, error) {
		return nil, &tasks.ArgError{Module: "iptables", Arg: arg, Problem: problem}
	}
	if a.LogPrefix+a.LogLevel != "" && a.Jump == "" {
		a.Jump = "LOG"
	}
	t := &iptables{iptablesArgs: a, asking: l.Check()}
	for key, x := range a.TCPFlags {
		list, _ := x.([]any)
		if text, ok := x.(string); ok && text != "" {
			list = []any{strings.ReplaceAll(text, " ", "")} // with commas it is the list in iptables' own words
		}
		if key != "flags" && key != "flags_set" || len(list) == 0 {
			return refuse("tcp_flags", "is a dict of the lists flags and flags_set")
		}
		var flags []string
		for _, item := range list {
			flags = append(flags, fmt.Sprint(item))
		}
		if key == "flags" {
			t.flags = strings.Join(flags, ",")
		} else {
			t.flagsSet = strings.Join(flags, ",")
		}
	}
	bare := len(t.rule("ipv4")) == 0
	switch {
	case !a.Flush && a.Chain == "":
		return refuse("chain", "is required unless flush is set")
	case strings.HasPrefix(a.Chain, "-") || strings.ContainsAny(a.Chain, " \t\n!"):
		return refuse("chain", fmt.Sprintf("cannot be %q", a.Chain))
	case a.Flush && a.Policy != "":
		return refuse("flush", "and policy exclude each other")
	case a.DSCP != "" && a.DSCPClass != "":
		return refuse("set_dscp_mark", "and set_dscp_mark_class exclude each other")
	case strings.EqualFold(a.Jump, "TEE") && a.Gateway == "":
		return refuse("gateway", "is required for the target TEE")
	case a.LogPrefix+a.LogLevel != "" && a.Jump != "LOG":
		return refuse("jump", "has to be LOG for log_prefix and log_level")
	case a.RuleNum != "" && !number.MatchString(a.RuleNum):
		return refuse("rule_num", "is a number")
	case a.Wait != "" && !number.MatchString(a.Wait):
		return refuse("wait", "is a number of seconds")
	case bare && !a.Flush && a.Policy == "" && !a.Manage:
		return refuse("chain_management", "has to be set where no rule is given: the chain alone is meant then")
	}
	return t, nil
})

var number = regexp.MustCompile(`^[0-9]+$`)

type iptables struct {
	*iptablesArgs
	flags, flagsSet string
	asking          bool
}

// versions are the protocols that the task is for.
func (t *iptables) versions() []string {
	if t.IPVersion == "both" {
		return []string{"ipv4", "ipv6"}
	}
	return []string{t.IPVersion}
}

func program(version string) string {
	return map[string]string{"ipv4": "iptables", "ipv6": "ip6tables"}[version]
}

// rule is the rule in words, in Ansible's order.
func (t *iptables) rule(version string) []string {
	var words []string
	add := func(flag, value string) {
		switch {
		case value == "":
		case value[0] == '!':
			words = append(words, "!", flag, strings.TrimSpace(value[1:]))
		default:
			words = append(words, flag, value)
		}
	}
	csv := func(flag string, values []string) {
		if len(values) > 0 {
			words = append(words, flag, strings.Join(values, ","))
		}
	}
	extension := func(name string, wanted bool) {
		if wanted && !slices.Contains(t.Match, name) {
			words = append(words, "-m", name)
		}
	}
	add("-p", t.Protocol)
	add("-s", t.Source)
	add("-d", t.Dest)
	for _, m := range t.Match {
		add("-m", m)
	}
	if t.flags != "" && t.flagsSet != "" {
		words = append(words, "--tcp-flags", t.flags, t.flagsSet)
	}
	add("-j", t.Jump)
	if strings.EqualFold(t.Jump, "TEE") {
		add("--gateway", t.Gateway)
	}
	add("--log-prefix", t.LogPrefix)
	add("--log-level", t.LogLevel)
	add("--to-destination", t.ToDest)
	if len(t.DestPorts) > 0 {
		words = append(words, "-m", "multiport")
	}
	csv("--dports", t.DestPorts)
	add("--to-source", t.ToSource)
	add("-g", t.Goto)
	add("-i", t.In)
	add("-o", t.Out)
	add("-f", t.Fragment)
	add("-c", t.Counters)
	add("--source-port", t.SourcePort)
	add("--destination-port", t.DestPort)
	add("--to-ports", t.ToPorts)
	if t.DSCP+t.DSCPClass != "" && t.Jump == "" {
		words = append(words, "-j", "DSCP")
	}
	add("--set-dscp", t.DSCP)
	add("--set-dscp-class", t.DSCPClass)
	switch t.Syn {
	case "match":
		words = append(words, "--syn")
	case "negate":
		words = append(words, "!", "--syn")
	}
	if slices.Contains(t.Match, "state") && !slices.Contains(t.Match, "conntrack") {
		csv("--state", t.CTState)
	} else {
		extension("conntrack", len(t.CTState) > 0)
		csv("--ctstate", t.CTState)
	}
	extension("iprange", t.SrcRange+t.DstRange != "")
	add("--src-range", t.SrcRange)
	add("--dst-range", t.DstRange)
	extension("set", t.Set != "")
	add("--match-set", t.Set)
	if t.Set != "" && t.SetFlags != "" {
		words = append(words, t.SetFlags)
	}
	if t.Limit+t.LimitBurst != "" {
		words = append(words, "-m", "limit")
	}
	add("--limit", t.Limit)
	add("--limit-burst", t.LimitBurst)
	if t.UID != "" {
		words = append(words, "-m", "owner")
	}
	add("--uid-owner", t.UID)
	if t.GID != "" {
		words = append(words, "-m", "owner")
	}
	add("--gid-owner", t.GID)
	if t.Jump == "" && t.Reject != "" {
		words = append(words, "-j", "REJECT")
	}
	add("--reject-with", t.Reject)
	add(map[string]string{"ipv4": "--icmp-type", "ipv6": "--icmpv6-type"}[version], t.ICMP)
	if t.Comment != "" { // which may begin with !
		words = append(words, "-m", "comment", "--comment", t.Comment)
	}
	return words
}

// command is a call of the program.
func (t *iptables) command(version string, words ...string) string {
	line := []string{program(version)}
	if t.Wait != "" {
		line = append(line, "-w", t.Wait)
	}
	return script.Words(append(append(line, "-t", t.Table), words...))
}

// onRule is a call that is about the rule: -C, -A, -D.
func (t *iptables) onRule(version, flag string) string {
	return t.command(version, append([]string{flag, t.Chain}, t.rule(version)...)...)
}

// Probe asks for the rule, the chain and its policy.
func (t *iptables) Probe() string {
	text := ""
	for _, version := range t.versions() {
		values := script.Values{"program": program(version), "check": "", "list": ""}
		if !t.Flush {
			values["list"] = t.command(version, "-n", "-L", t.Chain)
			if len(t.rule(version)) > 0 && t.Policy == "" {
				values["check"] = t.onRule(version, "-C")
			}
		}
		text += "(\n" + scripts.Script("iptables_look", values) + ")\n"
	}
	return text
}

// iptablesFound are the programs of which something is true.
type iptablesFound struct {
	Have   []string `answer:"have"`
	Rule   []string `answer:"rule"`
	Chain  []string `answer:"chain"`
	Policy []string `answer:"policy"` // PROGRAM POLICY
	Denied []byte   `answer:"denied"` // what a program says that may not look
}

func (t *iptables) Plan(found tasks.Found) (tasks.Plan, error) {
	var f iptablesFound
	if err := found.Decode(&f); err != nil {
		return tasks.Plan{}, err
	}
	plan := tasks.Plan{Values: map[string]any{
		"ip_version": t.IPVersion, "table": t.Table, "chain": nil, "flush": t.Flush, "rule": strings.Join(t.rule(t.versions()[0]), " "),
		"state":            t.State,
		"chain_management": t.Manage, "wait": nil,
	}}
	if t.Chain != "" {
		plan.Values["chain"] = t.Chain
	}
	if t.Wait != "" {
		plan.Values["wait"] = t.Wait
	}
	var what []string
	lines := script.Preamble
	for _, version := range t.versions() {
		if !slices.Contains(f.Have, program(version)) {
			return tasks.NotYet(t.asking, program(version)+" is not installed on this host", "install iptables first")
		}
		if len(f.Denied) > 0 {
			return tasks.Plan{}, &tasks.Failure{Msg: strings.TrimSpace(string(f.Denied)), Hint: "rules are root's: become: true"}
		}
		do, msg, err := t.change(version, f)
		if err != nil {
			return tasks.Plan{}, err
		}
		for _, line := range do {
			lines += "(\n" + line + "\n) || exit\n"
		}
		if msg != "" && !slices.Contains(what, msg) {
			what = append(what, msg)
		}
	}
	if len(what) == 0 {
		return plan, nil
	}
	plan.Change, plan.Msg, plan.Event = true, strings.Join(what, ", "), t.Flush
	plan.Script = lines
	return plan, nil
}

// change is what there is to do with one program, as lines of a shell.
func (t *iptables) change(version string, f iptablesFound) (lines []string, msg string, err error) {
	name := program(version)
	there := slices.Contains(f.Chain, name)
	bare := len(t.rule(version)) == 0
	present := t.State == "present"
	switch {
	case t.Flush && t.Chain == "":
		return []string{t.command(version, "-F")}, "flush the table " + t.Table, nil
	case t.Flush:
		return []string{t.command(version, "-F", t.Chain)}, "flush the chain " + t.Chain, nil
	case t.Policy != "":
		has := ""
		for _, p := range f.Policy {
			if is, ok := strings.CutPrefix(p, name+" "); ok {
				has = is
			}
		}
		switch has {
		case "":
			return nil, "", &tasks.Failure{Msg: fmt.Sprintf("%s has no policy for the chain %s", name, t.Chain),
				Hint: "only chains that the kernel has itself have one"}
		case t.Policy:
			return nil, "", nil
		}
		return []string{t.command(version, "-P", t.Chain, t.Policy)}, fmt.Sprintf("change the policy of %s from %s to %s", t.Chain,
			has, t.Policy), nil
	case bare && there == present:
		return nil, "", nil
	case bare && present:
		return []string{t.command(version, "-N", t.Chain)}, "make the chain " + t.Chain, nil
	case bare:
		return []string{t.command(version, "-X", t.Chain)}, "remove the chain " + t.Chain, nil
	case slices.Contains(f.Rule, name) == present:
		return nil, "", nil
	case !present:
		return []string{scripts.Script("iptables_remove", script.Values{"check": t.onRule(version, "-C"), "remove": t.onRule(version, "-D")})},
			"remove the rule of " + t.Chain, nil
	}
	if !there && t.Manage {
		lines = append(lines, t.command(version, "-N", t.Chain))
	}
	words := []string{"-A", t.Chain}
	if t.Action == "insert" {
		if words = []string{"-I", t.Chain}; t.RuleNum != "" {
			words = append(words, t.RuleNum)
		}
	}
	return append(lines, t.command(version, append(words, t.rule(version)...)...)), "add the rule to " + t.Chain, nil
}

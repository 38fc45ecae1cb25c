package builtin

import (
	"fmt"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/convert"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

type firewalldArgs struct {
	State       string `arg:"state,required" choices:"absent disabled enabled present" doc:"enabled or disabled for a setting; present and absent for a zone."`
	Port        string `arg:"port" doc:"Port or range, with protocol: 5432/tcp, 15000-15010/udp."`
	Service     string `arg:"service" doc:"Service that firewalld knows."`
	Protocol    string `arg:"protocol" doc:"Protocol, such as vrrp."`
	Source      string `arg:"source" doc:"Source address or network that belongs to the zone."`
	Interface   string `arg:"interface" doc:"Network interface that belongs to the zone."`
	RichRule    string `arg:"rich_rule" doc:"Rule in firewalld's rich language."`
	Masquerade  *bool  `arg:"masquerade" doc:"Masquerading; with false, enabled and disabled change places."`
	Forward     *bool  `arg:"forward" doc:"Forwarding between the interfaces of the zone; false as with masquerade."`
	ICMPBlock   string `arg:"icmp_block" doc:"ICMP type to block."`
	Inversion   *bool  `arg:"icmp_block_inversion" doc:"Block all ICMP types but those; false as with masquerade."`
	PortForward []any  `arg:"port_forward" doc:"One dict with port, proto, toport and perhaps toaddr."`
	Target      string `arg:"target" choices:"default ACCEPT DROP %%REJECT%%" doc:"What the zone does with traffic that matches no rule; only permanent, and default again with disabled."`
	Zone        string `arg:"zone" doc:"Zone; firewalld's default zone by default."`
	Permanent   *bool  `arg:"permanent" doc:"Change the permanent settings, which hold from the next start on."`
	Immediate   bool   `arg:"immediate" default:"false" doc:"Change the running settings; the default without permanent."`
	Offline     bool   `arg:"offline" default:"false" doc:"Where firewalld does not run, change the permanent settings and ignore immediate. Permanent settings alone are changed there without this, too."`
	Timeout     int    `arg:"timeout" default:"0" doc:"Seconds after which what was enabled now is disabled again."`
}

var firewalldModule = tasks.Define(tasks.Module{
	Name: "firewalld", Collections: []string{"ansible.posix", "community.general"},
	Summary: "Manage firewalld's ports, services and rules",
	Notes: []string{"Where firewalld does not run, permanent settings are changed with firewall-offline-cmd, " +
		"and immediate ones are a failure."},
	Returns: []tasks.Return{{Name: "msg", Type: "str", Doc: "what was done"}},
	Examples: `
- firewalld: {port: 5432/tcp, permanent: true, immediate: true, state: enabled}
- firewalld:
    rich_rule: rule family="ipv4" source address="10.0.0.0/24" port port="15432" protocol="tcp" accept
    zone: internal
    permanent: true
    immediate: true
    state: enabled
- firewalld: {service: cockpit, permanent: true, state: disabled}
`,
}, buildFirewalld)

type firewalld struct {
	firewalldArgs
	kind, value          string
	permanent, immediate bool
	inverted             bool // the value of a switch is false: enabled and disabled change places
	asking               bool
}

func buildFirewalld(a *firewalldArgs, l tasks.Local) (tasks.Action, error) {
	f := &firewalld{firewalldArgs: *a, asking: l.Check()}
	f.permanent = a.Permanent != nil && *a.Permanent
	f.immediate = a.Immediate || !f.permanent
	forwarded, err := forwardedPort(a.PortForward)
	if err != nil {
		return nil, err
	}
	n := 0
	for _, c := range []struct{ kind, value string }{
		{"port", a.Port},
		{"service", a.Service},
		{"protocol", a.Protocol},
		{"source", a.Source},
		{"interface", a.Interface},
		{"rich-rule", a.RichRule},
		{"icmp-block", a.ICMPBlock}, {"forward-port", forwarded}, {"target", a.Target},
	} {
		if c.value != "" {
			f.kind, f.value = c.kind, c.value
			n++
		}
	}
	for _, c := range []struct {
		kind string
		on   *bool
	}{{"masquerade", a.Masquerade}, {"forward", a.Forward}, {"icmp-block-inversion", a.Inversion}} {
		if c.on != nil {
			f.kind, f.inverted = c.kind, !*c.on
			n++
		}
	}
	if n == 0 && a.Zone != "" {
		f.kind, f.value = "zone", a.Zone
		n++
	}
	refuse := func(arg, problem string) (tasks.Action, error) {
		return nil, &tasks.ArgError{Module: "firewalld", Arg: arg, Problem: problem}
	}
	switch {
	case n == 0:
		return refuse("port",
			"is missing: one of port, service, protocol, source, interface, rich_rule, icmp_block, icmp_block_inversion, port_forward, "+
				"forward, masquerade, target or zone is needed")
	case n > 1:
		return refuse("port", "and the like exclude each other: one task manages one thing")
	case f.kind == "zone" && a.State != "present" && a.State != "absent":
		return refuse("state", "is present or absent for a zone")
	case f.kind == "target" && (!f.permanent || f.immediate):
		return refuse("permanent", "must be true for a target, and immediate false: firewalld changes it only for good")
	case f.kind != "zone" && f.kind != "target" && a.State != "enabled" && a.State != "disabled":
		return refuse("state", "is enabled or disabled, but for zones")
	case f.kind == "zone" && !f.permanent:
		return refuse("permanent", "must be true for a zone: firewalld makes zones only for good")
	case f.kind == "port" && !strings.Contains(a.Port, "/"):
		return refuse("port", fmt.Sprintf("is %q: say its protocol too, as in %s/tcp", a.Port, a.Port))
	case a.Timeout > 0 && f.permanent:
		return refuse("timeout", "and permanent exclude each other")
	}
	if f.kind == "zone" {
		f.immediate = false
	}
	return f, nil
}

// zone are the words that name the zone.
func (f *firewalld) zone() []string {
	if f.Zone == "" || f.kind == "zone" {
		return nil
	}
	return []string{"--zone=" + f.Zone}
}

// option is --query-port=5432/tcp and its like.
func (f *firewalld) option(verb string) string {
	switch f.kind {
	case "masquerade", "forward", "icmp-block-inversion":
		return "--" + verb + "-" + f.kind
	case "target":
		return "--set-target=" + f.target()
	case "interface":
		// One that is in another zone goes over.
		if verb == "add" {
			verb = "change"
		}
	case "zone":
		return map[string]string{"add": "--new", "remove": "--delete"}[verb] + "-zone=" + f.value
	}
	return "--" + verb + "-" + f.kind + "=" + f.value
}

// commandLine joins words to a command, and quotes the values of options where they have to be.
func commandLine(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		if name, value, ok := strings.Cut(w, "="); ok {
			quoted[i] = name + "=" + remote.Quote(value)
		} else {
			quoted[i] = remote.Quote(w)
		}
	}
	return strings.Join(quoted, " ")
}

// target returns the wanted target of the zone.
func (f *firewalld) target() string {
	if f.State == "disabled" || f.State == "absent" {
		return "default"
	}
	return f.value
}

// forwardedPort is a port and where it leads, as firewalld writes them.
func forwardedPort(list []any) (string, error) {
	refuse := func(problem string) (string, error) {
		return "", &tasks.ArgError{Module: "firewalld", Arg: "port_forward", Problem: problem}
	}
	if len(list) == 0 {
		return "", nil
	}
	m, ok := list[0].(map[string]any)
	if len(list) > 1 || !ok {
		return refuse("is a list of one dict: one task manages one port")
	}
	var words []string
	for _, key := range []string{"port", "proto", "toport", "toaddr"} {
		value, err := convert.Text(m[key])
		if err != nil {
			value = ""
		}
		switch {
		case value != "":
			words = append(words, key+"="+value)
		case key != "toaddr":
			return refuse("lacks " + key)
		}
	}
	for key := range m {
		if key != "port" && key != "proto" && key != "toport" && key != "toaddr" {
			return refuse("has the unknown key " + key)
		}
	}
	return strings.Join(words, ":"), nil
}

// Probe asks firewalld; what is not running is asked for its permanent settings only.
func (f *firewalld) Probe() string {
	query, target := f.option("query"), ""
	switch f.kind {
	case "zone":
		query = "--info-zone=" + f.value
	case "target":
		query, target = "--get-target", f.target()
	}
	return scripts.Script("firewalld", script.Values{"target": target, "now": f.immediate, "boot": f.permanent}, append(f.zone(), query)...)
}

func (f *firewalld) Plan(found tasks.Found) (tasks.Plan, error) {
	var said struct {
		Absent bool   `answer:"absent"`
		State  string `answer:"state"`
		Now    string `answer:"now"`  // exit status, and what firewalld answered
		Boot   string `answer:"boot"` // the same
	}
	if err := found.Decode(&said); err != nil {
		return tasks.Plan{}, err
	}
	running := said.State == "running"
	switch {
	case said.Absent:
		return tasks.NotYet(f.asking, "firewalld is not installed on this host", "leave the task out where it is not, or install it first")
	case f.immediate && !running && !(f.Offline && f.permanent):
		return tasks.NotYet(f.asking, fmt.Sprintf("firewalld does not run (it says %q), so nothing can be changed at once", said.State),
			"start it first, or use permanent: true without immediate")
	}
	want := (f.State == "enabled" || f.State == "present") != f.inverted || f.kind == "target"
	verb := "remove"
	if want {
		verb = "add"
	}
	body, places := script.Preamble, []string(nil)
	for _, p := range []struct {
		wanted               bool
		name, answer, option string
	}{
		{f.immediate && running, "now", said.Now, ""}, {f.permanent, "from the next start on", said.Boot, "--permanent"},
	} {
		if !p.wanted {
			continue
		}
		status, text, _ := strings.Cut(p.answer, " ")
		if status != "0" && status != "1" && f.kind != "zone" || f.kind == "zone" && status != "0" && !strings.Contains(text, "INVALID_ZONE") {
			return tasks.Plan{}, &tasks.Failure{
				Msg:  fmt.Sprintf("firewalld cannot say whether %s is set: %s", f.what(), text),
				Hint: "is the zone or the service known to it?",
			}
		}
		if (status == "0") == want {
			continue
		}
		command := []string{"firewall-cmd"}
		if !running {
			command = []string{"firewall-offline-cmd"}
		} else if p.option != "" {
			command = append(command, p.option)
		}
		if p.name == "now" && f.Timeout > 0 && want {
			command = append(command, fmt.Sprintf("--timeout=%d", f.Timeout))
		}
		command = append(append(command, f.zone()...), f.option(verb))
		body += fmt.Sprintf("said=$(%s 2>&1) || die \"firewalld refused: $said\"\n", commandLine(command))
		places = append(places, p.name)
	}
	if len(places) == 0 {
		return tasks.Plan{Msg: f.what() + " is as wanted"}, nil
	}
	msg := fmt.Sprintf("%s %s %s", map[string]string{"add": "enable", "remove": "disable"}[verb], f.what(), strings.Join(places, " and "))
	if f.kind == "target" {
		msg = fmt.Sprintf("make %s the target of the zone %s", f.target(), f.Zone)
	}
	return tasks.Plan{Change: true, Msg: msg, Script: body}, nil
}

func (f *firewalld) what() string {
	what := strings.TrimSpace(f.kind + " " + f.value)
	if f.zone() != nil {
		what += " in the zone " + f.Zone
	}
	return what
}

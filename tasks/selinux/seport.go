package selinux

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/script"
)

type seportArgs struct {
	Ports  []string `arg:"ports,required" doc:"Ports and ranges such as 15000-15010: a list, or a text with commas."`
	Proto  string   `arg:"proto,required" choices:"tcp udp" doc:"Protocol of the ports."`
	Type   string   `arg:"setype,required" doc:"SELinux type of the ports, such as postgresql_port_t."`
	State  string   `arg:"state" default:"present" choices:"absent present" doc:"Give the ports the type, or take it from them."`
	Reload bool     `arg:"reload" default:"true" doc:"Have the kernel read the policy again."`
	Local  bool     `arg:"local" default:"false" doc:"Go by what was set on this host, not by what the policy brings."`
	Ignore bool     `arg:"ignore_selinux_state" default:"false" doc:"Go on where SELinux is off."`
}

var seportModule = tasks.Define(tasks.Module{
	Name: "seport", Collections: []string{"community.general"},
	Summary: "Give ports a type of SELinux's policy",
	Notes: []string{
		"Needs semanage on the host: " + semanagePackage + ". What is set stays when the host boots.",
		"A port that the policy itself gives the type cannot lose it; local: true passes over such ports.",
	},
	Returns: []tasks.Return{
		{Name: "ports", Type: "list", Doc: "as given"}, {Name: "proto", Type: "str", Doc: "as given"},
		{Name: "setype", Type: "str", Doc: "as given"}, {Name: "state", Type: "str", Doc: "as asked for"},
	},
	Examples: `
- seport: {ports: 15432, proto: tcp, setype: postgresql_port_t}
- seport: {ports: [10000-10100, 10112], proto: tcp, setype: memcache_port_t, state: absent, local: true}
`,
}, newSeport)

var portRange = regexp.MustCompile(`^[0-9]{1,5}(-[0-9]{1,5})?$`)

func newSeport(a *seportArgs, l tasks.Local) (tasks.Action, error) {
	if !plainName.MatchString(a.Type) {
		return nil, &tasks.ArgError{Module: "seport", Arg: "setype", Problem: fmt.Sprintf("cannot be %q", a.Type)}
	}
	if len(a.Ports) == 0 {
		return nil, &tasks.ArgError{Module: "seport", Arg: "ports", Problem: "is empty"}
	}
	for i, port := range a.Ports {
		a.Ports[i] = strings.TrimSpace(port)
		if !portRange.MatchString(a.Ports[i]) {
			return nil, &tasks.ArgError{Module: "seport", Arg: "ports",
				Problem: fmt.Sprintf("cannot have %q: a port is 5432, a range 15000-15010", port)}
		}
	}
	return &seport{*a, l.Check()}, nil
}

type seport struct {
	seportArgs
	asking bool
}

func (s *seport) Probe() string {
	return scripts.Script("seport_look", script.Values{"proto": s.Proto})
}

// has reports whether lines of "TYPE PROTO PORT, PORT…" have a port, of a type or, where that is empty, of any.
func (s *seport) has(lines []string, port, kind string) bool {
	return slices.ContainsFunc(lines, func(line string) bool {
		f := strings.Fields(strings.ReplaceAll(line, ",", " "))
		return len(f) > 2 && (kind == "" || f[0] == kind) && slices.Contains(f[2:], port)
	})
}

func (s *seport) Plan(found tasks.Found) (tasks.Plan, error) {
	var said struct {
		All   []string `answer:"all"`
		Local []string `answer:"local"`
	}
	var on host
	if err := found.Decode(&on); err != nil {
		return tasks.Plan{}, err
	}
	if err := found.Decode(&said); err != nil {
		return tasks.Plan{}, err
	}
	if plan, ready, err := on.ready(s.asking, s.Ignore, "semanage", semanagePackage); !ready {
		return plan, err
	}
	looked := said.All
	if s.Local {
		looked = said.Local
	}
	var commands, ports []string
	for _, port := range s.Ports {
		if s.has(looked, port, s.Type) == (s.State == "present") || slices.Contains(ports, port) {
			continue
		}
		ports = append(ports, port)
		words := []string{"semanage", "port"}
		if !s.Reload || !on.Enabled {
			words = append(words, "-N")
		}
		switch {
		case s.State == "absent":
			words = append(words, "-d")
		case s.has(said.All, port, ""):
			words = append(words, "-m", "-t", s.Type, "-r", "s0")
		default:
			words = append(words, "-a", "-t", s.Type, "-r", "s0")
		}
		commands = append(commands, script.Words(append(words, "-p", s.Proto, port))+" || exit\n")
	}
	list := make([]any, len(s.Ports))
	for i, port := range s.Ports {
		list[i] = port
	}
	plan := tasks.Plan{Values: map[string]any{"ports": list, "proto": s.Proto, "setype": s.Type, "state": s.State}}
	if len(commands) == 0 {
		return plan, nil
	}
	verb := "give " + s.Proto + " " + strings.Join(ports, ", ") + " the type " + s.Type
	if s.State == "absent" {
		verb = "take the type " + s.Type + " from " + s.Proto + " " + strings.Join(ports, ", ")
	}
	plan.Change, plan.Msg, plan.Script = true, verb, script.Preamble+strings.Join(commands, "")
	return plan, nil
}

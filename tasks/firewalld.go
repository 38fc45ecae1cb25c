package tasks

import (
	"fmt"
	"strings"

	"github.com/polarbook/polarbook/tasks/remote"
)

type firewalldArgs struct {
	State      string `arg:"state,required" choices:"absent disabled enabled present" doc:"enabled or disabled for a setting; present and absent for a zone."`
	Port       string `arg:"port" doc:"Port or range, with protocol: 5432/tcp, 15000-15010/udp."`
	Service    string `arg:"service" doc:"A service that firewalld knows."`
	Protocol   string `arg:"protocol" doc:"A protocol, such as vrrp."`
	Source     string `arg:"source" doc:"A source address or network that belongs to the zone."`
	Interface  string `arg:"interface" doc:"A network interface that belongs to the zone."`
	RichRule   string `arg:"rich_rule" doc:"A rule in firewalld's rich language."`
	Masquerade bool   `arg:"masquerade" default:"false" doc:"Masquerading."`
	Zone       string `arg:"zone" doc:"The zone; firewalld's default one when not given."`
	Permanent  *bool  `arg:"permanent" doc:"Change what holds from the next start on."`
	Immediate  bool   `arg:"immediate" default:"false" doc:"Change what holds now. This is what happens when permanent is not given."`
	Offline    bool   `arg:"offline" default:"false" doc:"Accepted for Ansible's sake: a permanent setting is made whether firewalld runs or not."`
	Timeout    int    `arg:"timeout" default:"0" doc:"Seconds after which what was enabled now is taken back."`
}

var firewalldModule = Define(Module{
	Name: "firewalld", Collections: []string{"ansible.posix", "community.general"},
	Summary: "Manage firewalld's ports, services and rules",
	Notes:   []string{"Where firewalld does not run, permanent settings are made with firewall-offline-cmd, immediate ones are a failure."},
	Returns: []Return{{"msg", "str", "what was done"}},
	Examples: `
- firewalld: {port: 5432/tcp, permanent: true, immediate: true, state: enabled}
- firewalld: {rich_rule: 'rule family="ipv4" source address="10.0.0.0/24" port port="15432" protocol="tcp" accept', permanent: true, immediate: true, state: enabled, zone: internal}
- firewalld: {service: cockpit, permanent: true, state: disabled}
`,
}, buildFirewalld)

type firewalld struct {
	firewalldArgs
	kind, value          string
	permanent, immediate bool
	asking               bool
}

func buildFirewalld(a *firewalldArgs, l Local) (Action, error) {
	f := &firewalld{firewalldArgs: *a, immediate: a.Immediate || a.Permanent == nil, asking: l.Check()}
	f.permanent = a.Permanent != nil && *a.Permanent
	n := 0
	for _, c := range []struct{ kind, value string }{
		{"port", a.Port}, {"service", a.Service}, {"protocol", a.Protocol}, {"source", a.Source}, {"interface", a.Interface}, {"rich-rule", a.RichRule},
	} {
		if c.value != "" {
			f.kind, f.value = c.kind, c.value
			n++
		}
	}
	if a.Masquerade {
		f.kind = "masquerade"
		n++
	}
	if n == 0 && a.Zone != "" {
		f.kind, f.value = "zone", a.Zone
		n++
	}
	refuse := func(arg, problem string) (Action, error) {
		return nil, &ArgError{Module: "firewalld", Arg: arg, Problem: problem}
	}
	switch {
	case n == 0:
		return refuse("port", "is missing: one of port, service, protocol, source, interface, rich_rule, masquerade or zone is needed")
	case n > 1:
		return refuse("port", "and the like exclude each other: one task manages one thing")
	case f.kind == "zone" && a.State != "present" && a.State != "absent":
		return refuse("state", "is present or absent for a zone")
	case f.kind != "zone" && a.State != "enabled" && a.State != "disabled":
		return refuse("state", "is enabled or disabled, but for zones")
	case f.kind == "zone" && (!f.permanent || f.immediate && a.Permanent == nil):
		return refuse("permanent", "must be true for a zone: firewalld makes zones only for good")
	case !f.permanent && !f.immediate:
		return refuse("immediate", "and permanent are both false, so there is nothing to do")
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

func (f *firewalld) zone() string {
	if f.Zone == "" || f.kind == "zone" {
		return ""
	}
	return " --zone=" + remote.Quote(f.Zone)
}

// option is --query-port=5432/tcp and its like.
func (f *firewalld) option(verb string) string {
	switch f.kind {
	case "masquerade":
		return "--" + verb + "-masquerade"
	case "zone":
		return map[string]string{"add": "--new", "remove": "--delete"}[verb] + "-zone=" + remote.Quote(f.value)
	}
	return "--" + verb + "-" + f.kind + "=" + remote.Quote(f.value)
}

// Probe asks firewalld; what is not running is asked for its permanent settings only.
func (f *firewalld) Probe() string {
	query := f.option("query")
	if f.kind == "zone" {
		query = "--info-zone=" + remote.Quote(f.value)
	}
	return fmt.Sprintf(`%sif ! have firewall-cmd; then echo absent yes; exit 0; fi
state=$(firewall-cmd --state 2>&1)
echo "state $state"
ask() { where=$1; shift; said=$("$@" 2>&1); s=$?; echo "$where $s $(printf '%%s' "$said" | head -n 1)"; }
if [ "$state" = running ]; then
	ask now firewall-cmd%s %s
	ask boot firewall-cmd --permanent%s %s
elif have firewall-offline-cmd; then
	ask boot firewall-offline-cmd%s %s
fi
exit 0
`, preamble, f.zone(), query, f.zone(), query, f.zone(), query)
}

func (f *firewalld) Plan(found Found) (Plan, error) {
	ans, err := readAnswer(found)
	if err != nil {
		return Plan{}, err
	}
	running := ans.text("state") == "running"
	switch {
	case ans.has("absent"):
		return notYet(f.asking, "firewalld is not installed on this host", "leave the task out where it is not, or install it first")
	case f.immediate && !running:
		return notYet(f.asking, fmt.Sprintf("firewalld does not run (it says %q), so nothing can be changed at once", ans.text("state")), "start it first, or use permanent: true without immediate")
	}
	want := f.State == "enabled" || f.State == "present"
	verb := "remove"
	if want {
		verb = "add"
	}
	script, places := preamble, []string(nil)
	for _, p := range []struct {
		wanted             bool
		name, said, option string
	}{
		{f.immediate, "now", "now", ""}, {f.permanent, "from the next start on", "boot", " --permanent"},
	} {
		if !p.wanted {
			continue
		}
		status, text, _ := strings.Cut(ans.text(p.said), " ")
		if status != "0" && status != "1" && f.kind != "zone" || f.kind == "zone" && status != "0" && !strings.Contains(text, "INVALID_ZONE") {
			return Plan{}, &Failure{Msg: fmt.Sprintf("firewalld cannot say whether %s is set: %s", f.what(), text), Hint: "is the zone or the service known to it?"}
		}
		if (status == "0") == want {
			continue
		}
		command := "firewall-cmd" + p.option
		if !running {
			command = "firewall-offline-cmd"
		}
		if p.said == "now" && f.Timeout > 0 && want {
			command += fmt.Sprintf(" --timeout=%d", f.Timeout)
		}
		script += fmt.Sprintf("said=$(%s%s %s 2>&1) || die \"firewalld refused: $said\"\n", command, f.zone(), f.option(verb))
		places = append(places, p.name)
	}
	if len(places) == 0 {
		return Plan{Msg: f.what() + " is as wanted"}, nil
	}
	msg := fmt.Sprintf("%s %s %s", map[string]string{"add": "enable", "remove": "disable"}[verb], f.what(), strings.Join(places, " and "))
	return Plan{Change: true, Msg: msg, Script: script}, nil
}

func (f *firewalld) what() string {
	what := strings.TrimSpace(f.kind + " " + f.value)
	if f.zone() != "" {
		what += " in the zone " + f.Zone
	}
	return what
}

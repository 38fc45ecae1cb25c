package builtin

import (
	"fmt"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

type systemdArgs struct {
	Name         string `arg:"name" alias:"service unit" doc:"Unit; without a suffix, a .service."`
	State        string `arg:"state" choices:"reloaded restarted started stopped" doc:"started and stopped are states, restarted and reloaded happen each time; reloaded starts what does not run."`
	Enabled      *bool  `arg:"enabled" doc:"Start it at boot."`
	Masked       *bool  `arg:"masked" doc:"Make it impossible to start."`
	Force        bool   `arg:"force" default:"false" doc:"Replace conflicting links when enabling."`
	DaemonReload bool   `arg:"daemon_reload" alias:"daemon-reload" default:"false" doc:"First reload systemd, if any unit file has changed."`
	DaemonReexec bool   `arg:"daemon_reexec" alias:"daemon-reexec" default:"false" doc:"First restart systemd itself."`
	NoBlock      bool   `arg:"no_block" default:"false" doc:"Do not wait until a start or stop is done."`
	Scope        string `arg:"scope" default:"system" choices:"system user global" doc:"Whose systemd: the system's, the user's, all users'."`
}

var systemdReturns = []tasks.Return{
	{Name: "name", Type: "str", Doc: "the unit"},
	{Name: "state", Type: "str", Doc: "started or stopped"},
	{Name: "enabled", Type: "bool", Doc: "as asked for"},
	{
		Name: "status",
		Type: "dict",
		Doc: "what systemctl show said before the task: ActiveState, SubState, LoadState, UnitFileState, MainPID, Description, FragmentPath, … " +
			"Environment is left out, since it may hold passwords",
	},
}

func systemdModuleCalled(name string) tasks.Module {
	return tasks.Define(tasks.Module{
		Name: name, Collections: []string{"ansible.builtin"},
		Summary: "Manage systemd units",
		Notes: []string{
			"When a unit does not start, the failure shows the last lines of its status and journal.",
			"daemon_reload and daemon_reexec are no changes by themselves, as with Ansible. systemd is reloaded only when it reports that a unit " +
				"file on disk is not the one it has read, or when links were changed.",
		},
		Returns: systemdReturns,
		Examples: strings.ReplaceAll(`
- systemd: {name: polardb, state: started, enabled: true, daemon_reload: true}
- systemd: {name: firewalld, state: stopped, enabled: false, masked: true}
- systemd: {daemon_reload: true}
`, "systemd:", name+":"),
	}, func(a *systemdArgs, l tasks.Local) (tasks.Action, error) { return newSystemd(name, *a, l) })
}

var (
	systemdModule        = systemdModuleCalled("systemd")
	systemdServiceModule = systemdModuleCalled("systemd_service")
)

type hostServiceArgs struct {
	systemdArgs
	Use       string  `arg:"use" default:"auto" choices:"auto systemd" doc:"Service manager; only systemd is supported."`
	Pattern   *string `arg:"pattern" doc:"Unused: what systemd runs it knows itself."`
	Runlevel  *string `arg:"runlevel" doc:"Unused: systemd has none."`
	Sleep     *int    `arg:"sleep" doc:"Unused: systemd waits between the stop and the start of a restart."`
	Arguments *string `arg:"arguments" alias:"args" doc:"Unused: a unit has its own."`
}

var serviceModule = tasks.Define(tasks.Module{
	Name: "service", Collections: []string{"ansible.builtin"},
	Summary:  "Manage services",
	Notes:    []string{"Hosts without systemd are refused. All that systemd takes is taken here."},
	Returns:  systemdReturns,
	Examples: "- service: {name: crond, state: started, enabled: true}\n",
}, func(a *hostServiceArgs, l tasks.Local) (tasks.Action, error) {
	var unused []string
	for name, given := range map[string]bool{
		"pattern": a.Pattern != nil, "runlevel": a.Runlevel != nil, "sleep": a.Sleep != nil, "arguments": a.Arguments != nil,
	} {
		if given {
			unused = append(unused, fmt.Sprintf("systemd has no use for the argument %q", name))
		}
	}
	slices.Sort(unused)
	return newSystemd("service", a.systemdArgs, l, unused...)
})

func newSystemd(module string, a systemdArgs, l tasks.Local, warnings ...string) (tasks.Action, error) {
	switch {
	case a.Name == "" && (a.State != "" || a.Enabled != nil || a.Masked != nil):
		return nil, &tasks.ArgError{Module: module, Arg: "name", Problem: "is required for state, enabled and masked"}
	case a.Name != "" && !script.IsUnitName(a.Name):
		return nil, &tasks.ArgError{Module: module, Arg: "name", Problem: fmt.Sprintf("must be a unit's name, not %q", a.Name)}
	case a.Masked != nil && *a.Masked && a.Enabled != nil && *a.Enabled:
		return nil, &tasks.ArgError{Module: module, Arg: "enabled", Problem: "and masked exclude each other"}
	case a.Scope == "global" && a.State != "":
		return nil, &tasks.ArgError{Module: module, Arg: "state", Problem: "needs the scope system or user: global has no running units"}
	}
	return &systemdAction{a, l.Check(), warnings}, nil
}

type systemdAction struct {
	systemdArgs
	asking   bool
	warnings []string
}

func (a *systemdAction) control() string {
	switch a.Scope {
	case "user":
		return "systemctl --user"
	case "global":
		return "systemctl --global"
	}
	return "systemctl"
}

// Probe asks for the unit's properties, and whether any unit file has changed since it was read.
func (a *systemdAction) Probe() string {
	return scripts.Script("systemd_look", script.Values{"scope": a.Scope, "unit": a.Name, "stale": a.DaemonReload})
}

// unit is the state of a unit.
type unit struct {
	properties             map[string]string
	enabled, masked, found bool
	// whether it is enabled is no link's matter, or not one of its own: enable and disable leave the answer as it is
	fixed                       bool
	active, stopping, transient bool // transient: a service that does its work and ends
}

// systemdFound is the answer of the probe of a systemdAction.
type systemdFound struct {
	Shown   []string `answer:"show"`    // NAME=VALUE
	Enabled string   `answer:"enabled"` // exit status and answer of is-enabled
	Stale   bool     `answer:"stale"`
}

// properties reads what systemctl show prints, as Ansible does: a command of a unit, "{ path=… }", may go over several lines, and
// of properties that come again the last counts.
func properties(shown []string) map[string]string {
	read := map[string]string{}
	open := ""
	for _, line := range shown {
		if open != "" {
			read[open] += "\n" + line
			if strings.HasSuffix(strings.TrimSpace(line), "}") {
				read[open], open = strings.TrimSpace(read[open]), ""
			}
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok {
			continue
		}
		value = strings.TrimSpace(value)
		read[name] = value
		if strings.HasPrefix(name, "Exec") && strings.HasPrefix(value, "{") && !strings.HasSuffix(value, "}") {
			open = name
		}
	}
	return read
}

func readUnit(said systemdFound) unit {
	u := unit{properties: properties(said.Shown)}
	p := u.properties
	status, word, _ := strings.Cut(said.Enabled, " ")
	u.masked = word == "masked"
	// Ansible's reading: what is-enabled accepts is enabled, but for these.
	u.enabled = status == "0" && word != "indirect" && word != "alias" && word != "enabled-runtime"
	u.fixed = slices.Contains([]string{"static", "generated", "transient", "indirect", "alias", "enabled-runtime"}, word)
	u.found = p["LoadState"] != "" && p["LoadState"] != "not-found" || word != "" && word != "not-found"
	u.active = p["ActiveState"] == "active" || p["ActiveState"] == "activating" || p["ActiveState"] == "reloading"
	u.stopping = p["ActiveState"] == "deactivating"
	u.transient = p["Type"] == "oneshot" && !u.active
	return u
}

func (a *systemdAction) Plan(found tasks.Found) (tasks.Plan, error) {
	var said systemdFound
	if err := found.Decode(&said); err != nil {
		return tasks.Plan{}, err
	}
	plan := tasks.Plan{Values: map[string]any{}, Warnings: a.warnings}
	var text strings.Builder
	text.WriteString(scripts.Script("systemd_explain", script.Values{"scope": a.Scope, "unit": a.Name}))
	if a.DaemonReexec {
		text.WriteString(a.control() + " daemon-reexec || exit 1\n")
		plan.Change, plan.Msg, plan.Quiet, plan.Proof = true, "restart systemd itself", true, accepted(plan.Values)
	}
	reload := a.DaemonReload && said.Stale
	plan.Quiet = plan.Quiet || reload
	if a.Name == "" {
		plan.Values["name"], plan.Values["status"] = nil, map[string]any{}
		if reload {
			plan.Change, plan.Msg = true, "reload systemd"
			text.WriteString(a.control() + " daemon-reload || exit 1\n")
		}
		plan.Script = text.String()
		return plan, nil
	}
	u := readUnit(said)
	status := map[string]any{}
	for name, value := range u.properties {
		status[name] = value
	}
	plan.Values["name"], plan.Values["status"] = a.Name, status
	switch a.State {
	case "":
	case "stopped":
		plan.Values["state"] = a.State
	default:
		plan.Values["state"] = "started"
	}
	if a.Enabled != nil {
		plan.Values["enabled"] = *a.Enabled
	}
	if !u.found && !u.masked && (a.State != "" || a.Enabled != nil) {
		return tasks.NotYet(a.asking, fmt.Sprintf("systemd knows no unit %s", a.Name),
			"is the name right, and its package or unit file there? systemctl list-unit-files shows what is")
	}
	if wrong := u.properties["LoadError"]; wrong != "" && u.found && u.properties["LoadState"] != "masked" &&
		u.properties["LoadState"] != "not-found" {
		return tasks.Plan{}, &tasks.Failure{
			Msg: fmt.Sprintf("systemd cannot load the unit %s: %s", a.Name, wrong), Hint: "systemctl status and systemd-analyze verify say more",
		}
	}
	unitFiles, state, changes, event := a.steps(u)
	plan.Quiet = plan.Quiet && len(changes) == 0
	if reload || len(unitFiles)+len(state) > 0 && a.DaemonReload {
		unitFiles = append(unitFiles, a.control()+" daemon-reload || exit 1\n")
		if reload {
			changes = append(changes, files.Change{What: "unit files", From: "changed on disk", To: "read"})
		}
	}
	if len(changes) == 0 && !plan.Change {
		return plan, nil
	}
	plan.Change = true
	if len(changes) > 0 {
		var words []string
		for _, c := range changes {
			words = append(words, c.What+": "+c.To)
		}
		plan.Msg = fmt.Sprintf("unit %s: %s", a.Name, strings.Join(words, ", "))
		plan.Diff = []tasks.Diff{files.AttributeDiff("unit "+a.Name, changes)}
	}
	plan.Script = text.String() + strings.Join(unitFiles, "") + strings.Join(state, "")
	// What happens each time, or ends by itself, is not to be found afterwards. It is no Event: one that fails was no change.
	if plan.Proof = a.proof; event {
		plan.Proof = accepted(plan.Values)
	}
	return plan, nil
}

// accepted is a Proof for what cannot be proven by looking again.
func accepted(values map[string]any) func(tasks.Found) (tasks.Plan, error) {
	return func(tasks.Found) (tasks.Plan, error) { return tasks.Plan{Values: values}, nil }
}

// proof takes a service that has done its work and ended by itself for one that was started.
func (a *systemdAction) proof(found tasks.Found) (tasks.Plan, error) {
	var said systemdFound
	if err := found.Decode(&said); err != nil {
		return tasks.Plan{}, err
	}
	rest := *a
	rest.DaemonReexec = false
	if p := readUnit(said).properties; (p["ActiveState"] == "inactive" || p["ActiveState"] == "deactivating") && p["Result"] == "success" &&
		a.State != "stopped" {
		rest.State = ""
	}
	plan, err := rest.Plan(found)
	delete(plan.Values, "state") // what was planned is right
	return plan, err
}

// steps are the commands in the order of Ansible: masked and enabled, which are links on disk, then the state. systemctl has
// systemd read all its unit files again after each of the links; where the task asks for that anyway it is done once, behind
// them, because it starts a dozen generators.
func (a *systemdAction) steps(u unit) (unitFiles, state []string, changes []files.Change, event bool) {
	name := remote.Quote(a.Name)
	control := a.control()
	if a.DaemonReload {
		control += " --no-reload"
	}
	switch {
	case a.Masked == nil || *a.Masked == u.masked:
	case *a.Masked:
		changes = append(changes, files.Change{What: "masked", From: "no", To: "yes"})
		unitFiles = append(unitFiles, control+" mask "+name+" || exit 1\n")
	default:
		changes = append(changes, files.Change{What: "masked", From: "yes", To: "no"})
		unitFiles = append(unitFiles, control+" unmask "+name+" || exit 1\n")
	}
	if a.Enabled != nil && *a.Enabled != u.enabled {
		verb, from, to := "enable", "no", "yes"
		if !*a.Enabled {
			verb, from, to = "disable", "yes", "no"
		}
		if a.Force {
			verb += " --force"
		}
		changes = append(changes, files.Change{What: "enabled", From: from, To: to})
		event = u.fixed
		unitFiles = append(unitFiles, control+" "+verb+" "+name+" || exit 1\n")
	}
	verb := ""
	switch a.State {
	case "started":
		if !u.active {
			verb = "start"
			event = event || u.transient
		}
	case "stopped":
		if u.active || u.stopping {
			verb = "stop"
		}
	case "restarted":
		verb, event = "restart", true
	case "reloaded":
		verb, event = "reload", true
		if !u.active {
			verb = "start"
		}
	}
	if verb != "" {
		changes = append(changes, files.Change{
			What: "state",
			From: u.properties["ActiveState"],
			To:   map[string]string{"start": "started", "stop": "stopped", "restart": "restarted", "reload": "reloaded"}[verb],
		})
		state = append(state, a.act(verb, u))
	}
	return unitFiles, state, changes, event || a.NoBlock
}

// act runs one verb. A unit that does not come up, or fails at once, is explained by its status and journal: systemctl reports
// success for a service whose program ends with an error right after it was started. One that ends well has done its work.
func (a *systemdAction) act(verb string, u unit) string {
	name, block := remote.Quote(a.Name), ""
	if a.NoBlock {
		block = " --no-block"
	}
	text := fmt.Sprintf("said=$(%s%s %s %s 2>&1) || explain \"%s of $unit failed: $(printf '%%s' \"$said\" | head -n 1)\"\n",
		a.control(), block, verb, name, verb)
	if verb != "stop" && !a.NoBlock && u.properties["Type"] != "oneshot" {
		text += fmt.Sprintf("case $(%s is-active %s) in failed) explain \"$unit failed right after its %s\" ;; esac\n",
			a.control(), name, verb)
	}
	return text
}

package builtin

import (
	"regexp"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/convert"
)

type serviceFactsArgs struct{}

var serviceFactsModule = tasks.Define(tasks.Module{
	Name: "service_facts", Collections: []string{"ansible.builtin"},
	Summary: "List the services of a host as facts",
	Notes: []string{
		"Names of systemd's end in .service. state is running, stopped or what systemd says of a unit that is not loaded, status enabled, " +
			"disabled, static, masked, not-found, failed and the like. OpenRC's have runlevels.",
		"systemd, System V scripts, chkconfig and OpenRC are asked. Upstart, AIX and the BSDs are not.",
	},
	Returns: []tasks.Return{{
		Name: "ansible_facts", Type: "dict",
		Doc: "services: by name, a dict of name, state, status and source",
	}},
	Examples: `
- service_facts:
- debug: {msg: chrony runs}
  when: ansible_facts.services['chrony.service'].state | default('') == 'running'
`,
}, func(*serviceFactsArgs, tasks.Local) (tasks.Action, error) { return &serviceFacts{}, nil })

type serviceFacts struct{}

func (*serviceFacts) Probe() string { return scripts.Script("service_facts", nil) }

// servicesFound is the answer of the probe: what the managers print.
type servicesFound struct {
	SysV      []byte   `answer:"sysv"`
	Chkconfig []string `answer:"chkconfig"` // name, state and N:on or N:off for each runlevel
	OpenRC    []byte   `answer:"openrc"`
	Runlevels []byte   `answer:"runlevels"`
	Units     []byte   `answer:"units"`
	Files     []byte   `answer:"files"`
	NoUnits   bool     `answer:"nounits"`
	NoFiles   bool     `answer:"nofiles"`
	States    []string `answer:"state"` // of units that are not loaded: name and state
}

var sysvLine = regexp.MustCompile(`(?m)^\s*\[ ([+-]) \]\s+(.+)$`)

func (*serviceFacts) Plan(found tasks.Found) (tasks.Plan, error) {
	var said servicesFound
	if err := found.Decode(&said); err != nil {
		return tasks.Plan{}, err
	}
	services := map[string]any{}
	said.older(services)
	said.systemd(services)
	plan := tasks.Plan{Values: map[string]any{"ansible_facts": map[string]any{"services": services}}}
	if len(services) == 0 {
		plan.Msg = "Failed to find any services. This can be due to privileges or some other configuration issue."
		plan.Values = map[string]any{"skipped": true}
	}
	if said.NoUnits {
		plan.Warnings = append(plan.Warnings, "systemd could not list its units")
	}
	if said.NoFiles {
		plan.Warnings = append(plan.Warnings, "systemd could not list its unit files")
	}
	return plan, nil
}

// older are the services of the managers before systemd; only one of these answers.
func (said *servicesFound) older(services map[string]any) {
	for _, m := range sysvLine.FindAllStringSubmatch(string(said.SysV), -1) {
		state := "stopped"
		if m[1] == "+" {
			state = "running"
		}
		services[m[2]] = map[string]any{"name": m[2], "state": state, "source": "sysv"}
	}
	for _, row := range said.Chkconfig {
		if w := strings.Fields(row); len(w) > 2 {
			status := "disabled"
			if slices.Contains(w[2:], "3:on") {
				status = "enabled"
			}
			services[w[0]] = map[string]any{"name": w[0], "state": w[1], "status": status, "source": "sysv"}
		}
	}
	levels := map[string]any{}
	for line := range strings.SplitSeq(string(said.Runlevels), "\n") {
		if name, runlevels, ok := strings.Cut(line, "|"); ok {
			levels[strings.TrimSpace(name)] = nil
			if words := strings.Fields(runlevels); len(words) > 0 {
				levels[strings.TrimSpace(name)] = convert.AnyTexts(words)
			}
		}
	}
	for line := range strings.SplitSeq(string(said.OpenRC), "\n") {
		w := strings.Fields(line)
		if len(w) < 2 || w[0] == "*" {
			continue
		}
		if runlevels, known := levels[w[0]]; known {
			services[w[0]] = map[string]any{"name": w[0], "runlevels": runlevels, "state": w[1], "source": "openrc"}
		}
	}
}

// systemd takes the state from the units and the status from their files, but for units that are masked, missing or failed.
func (said *servicesFound) systemd(services map[string]any) {
	bad := []string{"not-found", "masked", "failed"}
	statuses := map[string]string{}
	add := func(name, state, status string) {
		statuses[name] = status
		services[name] = map[string]any{"name": name, "state": state, "status": status, "source": "systemd"}
	}
	states := map[string]string{}
	for _, row := range said.States {
		if name, state, ok := strings.Cut(row, " "); ok && state != "" {
			states[name] = state
		}
	}
	for line := range strings.SplitSeq(string(said.Units), "\n") {
		w := strings.Fields(line)
		if len(w) < 4 || !strings.Contains(line, ".service") {
			continue
		}
		state, status := "stopped", w[2]
		if w[3] == "running" {
			state = "running"
		}
		for _, b := range bad {
			// The last word is the description's.
			if slices.Contains(w[:max(4, len(w)-1)], b) {
				status = b
				break
			}
		}
		add(w[0], state, status)
	}
	for line := range strings.SplitSeq(string(said.Files), "\n") {
		w := strings.Fields(line)
		if len(w) < 2 || !strings.Contains(line, ".service") {
			continue
		}
		name, status := w[0], w[1]
		had, loaded := statuses[name]
		switch {
		case loaded && slices.Contains(bad, had):
		case loaded:
			services[name].(map[string]any)["status"] = status
		default:
			state := states[name]
			if state == "" {
				state = "unknown"
			}
			add(name, state, status)
		}
	}
}

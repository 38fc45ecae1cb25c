package builtin

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/script"
)

type setupArgs struct {
	GatherSubset  []string `arg:"gather_subset" default:"all" doc:"What to gather: all, min, hardware, network, virtual; with ! in front, what to leave out."`
	Filter        []string `arg:"filter" doc:"Shell patterns of the names to return, with or without ansible_."`
	GatherTimeout int      `arg:"gather_timeout" default:"10" doc:"Seconds for what may hang: the host's full name, a file system that does not answer."`
}

var setupModule = tasks.Define(tasks.Module{
	Name: "setup", Collections: []string{"ansible.builtin"},
	Summary: "Gather facts about a host",
	Notes: []string{
		"One script asks for everything. Names and values are Ansible's; Python's (ansible_python…) are absent, since hosts need none.",
		"ansible_os_family of Anolis, Alibaba Cloud Linux, openEuler and Kylin is RedHat.",
	},
	Returns: []tasks.Return{{Name: "ansible_facts", Type: "dict", Doc: "the facts, their names beginning with ansible_"}},
	Examples: `
- setup:
- setup: {gather_subset: ["!all", "!min", hardware], filter: ["ansible_mem*"]}
`,
}, func(a *setupArgs, _ tasks.Local) (tasks.Action, error) {
	s := &setup{setupArgs: *a, want: map[string]bool{}}
	known := map[string]bool{"all": true, "min": true, "hardware": true, "network": true, "virtual": true}
	none := true
	for _, subset := range a.GatherSubset {
		name, without := strings.CutPrefix(subset, "!")
		if name == "facter" || name == "ohai" || name == "local" {
			continue
		}
		if !known[name] {
			return nil, &tasks.ArgError{Module: "setup", Arg: "gather_subset", Problem: fmt.Sprintf("must be all, min, hardware, network or virtual, not %q", name)}
		}
		none = none && without
	}
	for _, name := range []string{"min", "hardware", "network", "virtual"} {
		all := none || slices.Contains(a.GatherSubset, "all")
		s.want[name] = (all || name == "min" || slices.Contains(a.GatherSubset, name)) && !slices.Contains(a.GatherSubset, "!"+name)
		if slices.Contains(a.GatherSubset, "!all") && name != "min" && !slices.Contains(a.GatherSubset, name) {
			s.want[name] = false
		}
	}
	for _, p := range a.Filter {
		if _, err := path.Match(p, ""); err != nil {
			return nil, &tasks.ArgError{Module: "setup", Arg: "filter", Problem: fmt.Sprintf("%q is not a pattern", p)}
		}
	}
	return s, nil
})

type setup struct {
	setupArgs
	want map[string]bool
}

// Probe asks for all that is wanted in one script.
func (s *setup) Probe() string {
	var b strings.Builder
	b.WriteString(scripts.Script("setup_system", script.Values{"limit": max(1, s.GatherTimeout)}))
	for _, part := range []string{"hardware", "network", "virtual"} {
		if s.want[part] {
			b.WriteString(scripts.Text("setup_" + part))
		}
	}
	b.WriteString("exit 0\n")
	return b.String()
}

// Plan works the facts out and puts them under ansible_facts, where the engine finds what becomes variables of the host.
func (s *setup) Plan(found tasks.Found) (tasks.Plan, error) {
	ans, err := tasks.ReadAnswer(found)
	if err != nil {
		return tasks.Plan{}, err
	}
	facts := map[string]any{"gather_subset": tasks.AnyTexts(s.GatherSubset), "module_setup": true}
	if s.want["min"] {
		systemFacts(ans, facts)
		userFacts(ans, facts)
	}
	if s.want["hardware"] {
		hardwareFacts(ans, facts)
	}
	if s.want["network"] {
		networkFacts(ans, facts)
	}
	if s.want["virtual"] {
		virtualFacts(ans, facts)
	}
	named := map[string]any{}
	for name, value := range facts {
		key := name
		if name != "gather_subset" && name != "module_setup" {
			key = "ansible_" + name
		}
		if s.returned(name) {
			named[key] = value
		}
	}
	return tasks.Plan{Values: map[string]any{"ansible_facts": named}}, nil
}

func (s *setup) returned(name string) bool {
	if len(s.Filter) == 0 || len(s.Filter) == 1 && s.Filter[0] == "" {
		return true
	}
	for _, p := range s.Filter {
		if ok, _ := path.Match(strings.TrimPrefix(p, "ansible_"), name); ok {
			return true
		}
	}
	return false
}

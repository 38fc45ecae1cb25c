package builtin

import (
	"maps"
	"regexp"
	"sort"
	"strings"

	"github.com/polarbook/polarbook/tasks"
)

type setFactArgs struct {
	Cacheable bool           `arg:"cacheable" default:"false" doc:"Accepted for Ansible's sake; facts are kept for one run."`
	Facts     map[string]any `arg:",rest"`
}

var setFactModule = tasks.Define(tasks.Module{
	Name: "set_fact", Collections: []string{"ansible.builtin"}, AnyArgs: true, NoAsync: true,
	Summary: "Set variables of a host for the rest of the run",
	Notes:   []string{"Every argument but cacheable is a variable and its value."},
	Returns: []tasks.Return{{Name: "ansible_facts", Type: "dict", Doc: "the variables"}},
	Examples: `
- set_fact:
    polardb_memory_mb: "{{ (ansible_memtotal_mb * 0.25) | int }}"
    polardb_ready: true
`,
}, func(a *setFactArgs, _ tasks.Local) (tasks.Action, error) {
	facts := maps.Clone(a.Facts)
	delete(facts, "cacheable")
	if len(facts) == 0 {
		return nil, &tasks.ArgError{Module: "set_fact", Arg: "key_value", Problem: "is missing: give at least one variable"}
	}
	names := make([]string, 0, len(facts))
	for name := range facts {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if !variableName.MatchString(name) {
			return nil, &tasks.ArgError{
				Module:  "set_fact",
				Arg:     name,
				Problem: "cannot be the name of a variable: use letters, digits and _, and no digit first",
			}
		}
		// As in Ansible; `set_fact: ready=false` would otherwise hold as a condition, as any text does.
		if s, ok := facts[name].(string); ok {
			switch strings.ToLower(s) {
			case "true", "yes":
				facts[name] = true
			case "false", "no":
				facts[name] = false
			}
		}
	}
	return tasks.Know(setFactAction(facts)), nil
})

var variableName = regexp.MustCompile(`^[A-Za-z_]\w*$`)

type setFactAction map[string]any

// Plan returns the variables under ansible_facts, where the engine looks for variables of the host.
func (a setFactAction) Plan() (tasks.Plan, error) {
	return tasks.Plan{Values: map[string]any{"ansible_facts": map[string]any(a)}}, nil
}

package builtin

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
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
	}
	return tasks.Know(setFactAction(facts)), nil
})

var variableName = regexp.MustCompile(`^[A-Za-z_]\w*$`)

type setFactAction map[string]any

// Plan returns the variables under ansible_facts, where the engine looks for variables of the host. As in ansible-core 2.19 a
// text is kept, where releases up to 2.18 made booleans of four words.
func (a setFactAction) Plan() (tasks.Plan, error) {
	p := tasks.Plan{Values: map[string]any{"ansible_facts": map[string]any(a)}}
	for _, name := range slices.Sorted(maps.Keys(a)) {
		text, _ := a[name].(string)
		switch strings.ToLower(text) {
		case "true", "yes", "false", "no":
			p.Warnings = append(p.Warnings, fmt.Sprintf("%s is the text %q: ansible-core keeps it since 2.19, and made a boolean of it before; "+
				"write true or false without quotes, or VALUE | bool", name, text))
		}
	}
	return p, nil
}

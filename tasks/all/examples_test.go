package all

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/argument"
	"gopkg.in/yaml.v3"
)

// notModules are the keys of a task in the examples that are not the module.
var notModules = map[string]bool{
	"name": true, "register": true, "when": true, "loop": true, "args": true, "changed_when": true, "failed_when": true, "become": true,
	"become_user": true, "notify": true, "until": true, "retries": true, "delay": true, "vars": true, "delegate_to": true,
	"run_once": true, "no_log": true,
	"with_items": true, "environment": true, "ignore_errors": true, "check_mode": true, "loop_control": true, "timeout": true,
}

func TestExamplesLoad(t *testing.T) {
	for _, m := range All() {
		t.Run(m.Name, func(t *testing.T) {
			if m.Examples == "" || m.Summary == "" {
				t.Fatal("the module has no example or summary")
			}
			var list []map[string]any
			if err := yaml.Unmarshal([]byte(m.Examples), &list); err != nil {
				t.Fatal(err)
			}
			own := 0
			for _, task := range list {
				for key, value := range task {
					if notModules[key] {
						continue
					}
					called, ok := Lookup(key)
					if !ok {
						t.Errorf("%q is neither a module nor a keyword", key)
						continue
					}
					if called.Name == m.Name {
						own++
					}
					args, ok := value.(map[string]any)
					if text, bare := value.(string); bare && called.FreeForm != "" {
						args, ok = map[string]any{called.FreeForm: text}, true
					}
					if !ok && value != nil {
						t.Errorf("%s: arguments %v", key, value)
					}
					if more, ok := task["args"].(map[string]any); ok {
						for k, v := range more {
							args[k] = v
						}
					}
					for _, problem := range called.CheckArgs(args, literal) {
						t.Error(problem)
					}
				}
			}
			if own == 0 {
				t.Error("no example calls the module itself")
			}
		})
	}
}

func literal(_ string, value any) bool { return !strings.Contains(fmt.Sprint(value), "{{") }

func TestArgumentsAreDocumented(t *testing.T) {
	names := map[string]bool{}
	for _, m := range All() {
		if names[m.Name] {
			t.Errorf("two modules are called %s", m.Name)
		}
		names[m.Name] = true
		for _, alias := range m.Aliases {
			if names[alias] {
				t.Errorf("two modules are called %s", alias)
			}
			names[alias] = true
		}
		for _, a := range m.Args {
			if a.Doc == "" {
				t.Errorf("%s: argument %s is not documented", m.Name, a.Name)
			}
			if a.Default != "" {
				for _, problem := range m.CheckArgs(map[string]any{a.Name: a.Default}, literal) {
					if problem.Arg == a.Name && a.Kind != argument.List {
						t.Errorf("%s: default of %s: %v", m.Name, a.Name, problem)
					}
				}
			}
		}
	}
}

// TestFormerNames: playbooks that name a module as an earlier release did find it, with the arguments of that release.
func TestFormerNames(t *testing.T) {
	m, ok := Lookup("polardb_turn")
	if !ok || m.Name != "polardb_quorum" {
		t.Fatal("polardb_turn is not polardb_quorum")
	}
	if _, ok := Lookup("ansible.builtin.polardb_turn"); ok {
		t.Error("an alias is found in a collection that the module is not in")
	}
	for _, state := range []string{"spared", "back", "can_lose", "rejoined"} {
		for _, problem := range m.CheckArgs(map[string]any{"nodes": []any{}, "state": state}, literal) {
			t.Error(problem)
		}
	}
	if names := Names(); !slices.Contains(names, "polardb_turn") || !slices.Contains(names, "polardb_quorum") {
		t.Errorf("names: %v", names)
	}
}

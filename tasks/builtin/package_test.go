package builtin

import (
	"testing"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

// package takes what one of the managers takes, and refuses what none of them does.
func TestPackageHandsOn(t *testing.T) {
	m := taskstest.ModuleNamed(t, "package")
	for _, c := range []struct {
		args    map[string]any
		refused bool
	}{
		{map[string]any{"name": "a", "update_cache": true, "cache_valid_time": 60}, false},
		{map[string]any{"name": "a", "disable_gpg_check": true}, false},
		{map[string]any{"name": "a", "enablerepo": "x"}, false},
		{map[string]any{"name": []any{}}, false},
		{map[string]any{"name": "a", "colour": "red"}, true},
		{map[string]any{"name": "a", "state": "shiny"}, true},
		{map[string]any{"name": "-a"}, true},
		{map[string]any{}, true},
		{map[string]any{"name": "a", "use": "apt", "disable_gpg_check": true}, true},
		{map[string]any{"name": "a", "use": "dnf", "only_upgrade": true}, true},
	} {
		problems := m.CheckArgs(c.args, func(string, any) bool { return true })
		var action tasks.Action
		var err error
		if len(problems) == 0 {
			action, err = m.New(c.args, &taskstest.FakeLocal{})
		}
		if refused := len(problems) > 0 || err != nil; refused != c.refused || refused == (action != nil) {
			t.Errorf("%v: refused %v (%v, %v)", c.args, refused, problems, err)
		}
	}
}

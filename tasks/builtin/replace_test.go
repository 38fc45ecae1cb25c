package builtin

import (
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestReplaceTable(t *testing.T) {
	const before = "[a]\nport = 1\n[b]\nport = 1\n# end\n"
	for _, c := range []struct {
		name  string
		args  map[string]any
		after string // "": nothing is to be done
		msg   string
	}{
		{"everywhere", map[string]any{"regexp": `^port = \d$`, "replace": "port = 2"}, "[a]\nport = 2\n[b]\nport = 2\n# end\n",
			"2 replacements made"},
		{"a group", map[string]any{"regexp": `^(port) = (\d)$`, "replace": `\1=\g<2>`}, "[a]\nport=1\n[b]\nport=1\n# end\n",
			"2 replacements made"},
		{"behind a line", map[string]any{"regexp": "1", "replace": "2", "after": `\[b\]`}, "[a]\nport = 1\n[b]\nport = 2\n# end\n",
			"1 replacements made"},
		{"before a line", map[string]any{"regexp": "1", "replace": "2", "before": `\[b\]`}, "[a]\nport = 2\n[b]\nport = 1\n# end\n",
			"1 replacements made"},
		{"between", map[string]any{"regexp": "port", "replace": "PORT", "after": `\[b\]`, "before": "# end"},
			"[a]\nport = 1\n[b]\nPORT = 1\n# end\n", "1 replacements made"},
		{"removed", map[string]any{"regexp": `^#.*\n`}, "[a]\nport = 1\n[b]\nport = 1\n", "1 replacements made"},
		{"no match", map[string]any{"regexp": "none", "replace": "x"}, "", ""},
		{"as it is", map[string]any{"regexp": "port", "replace": "port"}, "", ""},
		{"no such place", map[string]any{"regexp": "1", "replace": "2", "after": "none"}, "",
			"Pattern for before/after params did not match the given file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
				taskstest.Write(t, dir+"/f", before, 0o640)
				c.args["path"] = dir + "/f"
				if c.after == "" {
					if plan := taskstest.MustNotChange(t, h, "replace", c.args, &taskstest.FakeLocal{}); plan.Msg != c.msg {
						t.Errorf("it says %q, want %q", plan.Msg, c.msg)
					}
					return
				}
				plan, _ := taskstest.MustChange(t, h, "replace", c.args, &taskstest.FakeLocal{})
				if got := taskstest.Read(t, dir+"/f"); got != c.after {
					t.Errorf("%q, want %q", got, c.after)
				}
				taskstest.MustContain(t, plan.Msg, c.msg)
			})
		})
	}
}

func TestReplaceRefuses(t *testing.T) {
	taskstest.TestPlan(t, "replace", []taskstest.Case{
		{Name: "no expression", Args: map[string]any{"path": "/f", "regexp": "("}, Does: `fails: replace: argument "regexp"`},
		{Name: "no such group", Args: map[string]any{"path": "/f", "regexp": "(x)", "replace": `\2`}, Does: `fails: replace: argument "replace"`},
		{Name: "no expression behind it", Args: map[string]any{"path": "/f", "regexp": "x", "after": "("},
			Does: `fails: replace: argument "after"`},
	})
}

func TestReplace(t *testing.T) {
	testRewriting(t, "replace", []rewriting{
		{"everywhere", map[string]any{"regexp": `a(\d)$`, "replace": `b\1`}, "a1\na2 \na3\n", "b1\na2 \nb3\n", "2 replacements made"},
		{"remove", map[string]any{"regexp": `^#.*\n`}, "#x\ny\n", "y\n", "1 replacements made"},
		{"between", map[string]any{"regexp": `v`, "replace": "w", "after": `<a>`, "before": `</a>`}, "v<a>v</a>v",
			"v<a>w</a>v", "1 replacements made"},
		{"look around", map[string]any{"regexp": `(?<!no)pool(?=:)`, "replace": "server"}, "pool: nopool: pool", "server: nopool: pool",
			"1 replacements made"},
		{"letters of all languages", map[string]any{"regexp": `\b\w+;`, "replace": ";"}, "größe; x", "; x", "1 replacements made"},
		{"nowhere", map[string]any{"regexp": `z`, "replace": "w"}, "abc", "", ""},
	})
}

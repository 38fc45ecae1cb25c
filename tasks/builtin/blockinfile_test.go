package builtin

import (
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestBlockinfileTable(t *testing.T) {
	const begin, end = "# BEGIN ANSIBLE MANAGED BLOCK\n", "# END ANSIBLE MANAGED BLOCK\n"
	for _, c := range []struct {
		name, before string
		args         map[string]any
		after        string // "": nothing is to be done
	}{
		{"new, at the end", "a\nb\n", map[string]any{"block": "x"}, "a\nb\n" + begin + "x\n" + end},
		{"new, in a file whose last line is open", "a", map[string]any{"block": "x"}, "a\n" + begin + "x\n" + end},
		{"new, at the beginning", "a\n", map[string]any{"block": "x", "insertbefore": "BOF"}, begin + "x\n" + end + "a\n"},
		{"new, behind a line", "a\nb\na\nc\n", map[string]any{"block": "x", "insertafter": "^a"}, "a\nb\na\n" + begin + "x\n" + end + "c\n"},
		{"new, before a line", "a\nb\n", map[string]any{"block": "x", "insertbefore": "^b"}, "a\n" + begin + "x\n" + end + "b\n"},
		{"there", "a\n" + begin + "x\n" + end, map[string]any{"block": "x\n"}, ""},
		{"another text", begin + "x\n" + end + "a\n", map[string]any{"block": "y\nz"}, begin + "y\nz\n" + end + "a\n"},
		{"to go", "a\n" + begin + "x\n" + end + "b\n", map[string]any{"state": "absent"}, "a\nb\n"},
		{"to go, without text", "a\n" + begin + "x\n" + end, map[string]any{"block": ""}, "a\n"},
		{"gone", "a\n", map[string]any{"state": "absent"}, ""},
		{"other markers", begin + "x\n" + end, map[string]any{"block": "y", "marker": "// {mark}", "marker_begin": "<",
			"marker_end": ">"}, begin + "x\n" + end + "// <\ny\n// >\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
				taskstest.Write(t, dir+"/f", c.before, 0o640)
				c.args["path"] = dir + "/f"
				if c.after == "" {
					taskstest.MustNotChange(t, h, "blockinfile", c.args, &taskstest.FakeLocal{})
					return
				}
				taskstest.MustChange(t, h, "blockinfile", c.args, &taskstest.FakeLocal{})
				if got := taskstest.Read(t, dir+"/f"); got != c.after {
					t.Errorf("%q, want %q", got, c.after)
				}
			})
		})
	}
}

func TestBlockinfileRefuses(t *testing.T) {
	taskstest.TestPlan(t, "blockinfile", []taskstest.Case{
		{Name: "before and after", Args: map[string]any{"path": "/f", "insertbefore": "a", "insertafter": "b"},
			Does: `fails: blockinfile: argument "insertbefore" and insertafter exclude each other`},
		{Name: "one marker for both ends", Args: map[string]any{"path": "/f", "marker": "# mine"},
			Does: `fails: blockinfile: argument "marker" must contain {mark}`},
		{Name: "no expression", Args: map[string]any{"path": "/f", "insertafter": "("}, Does: `fails: blockinfile: argument "insertafter"`},
	})
}

func TestBlockinfile(t *testing.T) {
	b, e := "# BEGIN ANSIBLE MANAGED BLOCK\n", "# END ANSIBLE MANAGED BLOCK\n"
	testRewriting(t, "blockinfile", []rewriting{
		{"append", map[string]any{"block": "x\ny"}, "a\n", "a\n" + b + "x\ny\n" + e, "Block inserted"},
		{"append without newline", map[string]any{"block": "x\n"}, "a", "a\n" + b + "x\n" + e, "Block inserted"},
		{"there already", map[string]any{"block": "x"}, "a\n" + b + "x\n" + e + "c\n", "", ""},
		{"replace in place", map[string]any{"block": "y"}, "a\n" + b + "x\n" + e + "c\n", "a\n" + b + "y\n" + e + "c\n", "Block inserted"},
		{"remove", map[string]any{"state": "absent"}, "a\n" + b + "x\n" + e + "c\n", "a\nc\n", "Block removed"},
		{"an empty block removes", map[string]any{"block": ""}, b + "x\n" + e + "c\n", "c\n", "Block removed"},
		{"nothing to remove", map[string]any{"state": "absent"}, "a", "", ""},
		{"after an expression", map[string]any{"block": "x", "insertafter": "^a"}, "a1\na2\nb\n",
			"a1\na2\n" + b + "x\n" + e + "b\n", "Block inserted"},
		{"before an expression", map[string]any{"block": "x", "insertbefore": "^b"}, "a\nb\n", "a\n" + b + "x\n" + e + "b\n", "Block inserted"},
		{"at the beginning", map[string]any{"block": "x", "insertbefore": "BOF"}, "a\n", b + "x\n" + e + "a\n", "Block inserted"},
		{"other markers", map[string]any{"block": "x", "marker": "-- {mark}", "marker_begin": "<", "marker_end": ">"}, "a\n",
			"a\n-- <\nx\n-- >\n", "Block inserted"},
	})
	m := taskstest.ModuleNamed(t, "blockinfile")
	if _, err := m.New(map[string]any{"path": "/f", "block": "x", "marker": "# same"}, &taskstest.FakeLocal{}); err == nil {
		t.Error("a marker without {mark} was taken: each run would add a block")
	}
}

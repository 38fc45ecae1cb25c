package builtin

import (
	"os"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

// A second run would edit what the first one wrote: the first has done its job all the same.
func TestEditsThatARunLaterWouldGoOn(t *testing.T) {
	for _, c := range []struct {
		name, module, before string
		args                 map[string]any
		once, twice          string
	}{
		{"a reference that appends", "lineinfile", "opts a\n", map[string]any{"regexp": "^(opts.*)$", "line": `\1 b`, "backrefs": true},
			"opts a b\n", "opts a b b\n"},
		{"a comment before a comment", "lineinfile", "x\n", map[string]any{"regexp": "^(.*x)$", "line": `#\1`, "backrefs": true},
			"#x\n", "##x\n"},
		{"a regexp that the line does not match", "lineinfile", "a=1\na=2\n", map[string]any{"regexp": "^a=", "line": "b=3"},
			"a=1\nb=3\n", "b=3\nb=3\n"},
		{"the first of two", "lineinfile", "a=1\na=2\n", map[string]any{"regexp": "^a=", "line": "b", "firstmatch": true}, "b\na=2\n", "b\nb\n"},
		{"a text that goes", "lineinfile", "one\none\n", map[string]any{"search_string": "one", "line": "two"}, "one\ntwo\n", "two\ntwo\n"},
		{"two lines", "lineinfile", "a\n", map[string]any{"line": "b\nc"}, "a\nb\nc\n", "a\nb\nc\nb\nc\n"},
		{"two lines behind one", "lineinfile", "a\nz\n", map[string]any{"line": "b\nc", "insertafter": "^a"},
			"a\nb\nc\nz\n", "a\nb\nc\nb\nc\nz\n"},
		{"two lines for one", "lineinfile", "a\n", map[string]any{"regexp": "^a", "line": "a1\na2"}, "a1\na2\n", "a1\na1\na2\n"},
		{"a line with its newline", "lineinfile", "a\n", map[string]any{"line": "b\n"}, "a\nb\n\n", "a\nb\n\nb\n\n"},
		{"the first that matches, and the line elsewhere", "lineinfile", "a\nb\nn\n",
			map[string]any{"line": "n", "insertafter": "^[ab]", "firstmatch": true},
			"a\nn\nb\nn\n", ""},
		{"a text that grows", "replace", "a\n", map[string]any{"regexp": "a", "replace": "aa"}, "aa\n", "aaaa\n"},
		{"a line put before each", "replace", "a\nb\n", map[string]any{"regexp": "^", "replace": "#"}, "#a\n#b\n#", "##a\n##b\n##"},
		{"two that change places", "replace", "a b\n", map[string]any{"regexp": `(\w) (\w)`, "replace": `\2 \1`}, "b a\n", "a b\n"},
		{"a block with its own marker", "blockinfile", "a\n", map[string]any{"block": "x\n# END ANSIBLE MANAGED BLOCK\ny"},
			"a\n# BEGIN ANSIBLE MANAGED BLOCK\nx\n# END ANSIBLE MANAGED BLOCK\ny\n# END ANSIBLE MANAGED BLOCK\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
				f := dir + "/f"
				taskstest.Write(t, f, c.before, 0o640)
				c.args["path"] = f
				l := &taskstest.FakeLocal{}
				taskstest.MustChange(t, h, c.module, c.args, l)
				if got := taskstest.Read(t, f); got != c.once {
					t.Errorf("%q, want %q", got, c.once)
				}
				if c.twice == "" {
					taskstest.MustNotChange(t, h, c.module, c.args, l)
					return
				}
				taskstest.MustChange(t, h, c.module, c.args, l)
				if got := taskstest.Read(t, f); got != c.twice {
					t.Errorf("the second time %q, want %q", got, c.twice)
				}
			})
		})
	}
}

// A mode that says what is to be taken from what there is differs each time.
func TestModesThatARunLaterWouldGoOn(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		l := &taskstest.FakeLocal{}
		f := dir + "/f"
		mode := func(want os.FileMode) {
			t.Helper()
			if info, err := os.Stat(f); err != nil || info.Mode().Perm() != want {
				t.Errorf("mode %v, want %o", info.Mode(), want)
			}
		}
		taskstest.Write(t, f, "x\n", 0o640)
		taskstest.MustChange(t, h, "file", map[string]any{"path": f, "mode": "o=g,g=u,u-w"}, l)
		mode(0o464)
		taskstest.MustChange(t, h, "file", map[string]any{"path": f, "mode": "o=g,g=u,u-r"}, l)
		mode(0o046)
		taskstest.Write(t, f, "x\n", 0o640)
		taskstest.MustChange(t, h, "lineinfile", map[string]any{"path": f, "line": "y", "mode": "o=g,g=u,u-w"}, l)
		mode(0o464)
		taskstest.MustChange(t, h, "copy", map[string]any{"dest": f, "content": "z", "mode": "g=u,u+w"}, l)
		mode(0o644)
		taskstest.MustChange(t, h, "copy", map[string]any{"dest": f, "content": "z", "mode": "o=g,g=u,u-w"}, l)
		mode(0o464)
		taskstest.MustChange(t, h, "file", map[string]any{"path": dir, "recurse": true, "mode": "g=u,u-w"}, l)
	})
}

// X looks at the mode as the clauses before it have left it.
func TestXAfterAnotherClause(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		l := &taskstest.FakeLocal{}
		taskstest.Write(t, dir+"/f", "", 0o755)
		taskstest.MustChange(t, h, "file", map[string]any{"path": dir + "/f", "mode": "a-x,a+X"}, l)
		taskstest.MustNotChange(t, h, "file", map[string]any{"path": dir + "/f", "mode": "a-x,a+X"}, l)
		taskstest.MustChange(t, h, "file", map[string]any{"path": dir + "/f", "mode": "u+x,g+X"}, l)
		if info, _ := os.Stat(dir + "/f"); info.Mode().Perm() != 0o754 {
			t.Errorf("mode %v", info.Mode())
		}
	})
}

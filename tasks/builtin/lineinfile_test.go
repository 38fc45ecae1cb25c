package builtin

import (
	"os"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

// rewriting is one edit of a text; after empty means that nothing changes.
type rewriting struct {
	name          string
	args          map[string]any
	before, after string
	msg           string
}

func testRewriting(t *testing.T, module string, cases []rewriting) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.args["path"] = "/f"
			e := taskstest.NewAction(t, module, c.args, &taskstest.FakeLocal{}).(*files.Edit)
			after, msg, _, err := e.Rewrite(c.before, true)
			if err != nil {
				t.Fatal(err)
			}
			want := c.after
			if want == "" {
				want = c.before
			}
			if after != want || msg != c.msg {
				t.Errorf("became %q (%q), want %q (%q)", after, msg, want, c.msg)
			}
			again, msg, _, err := e.Rewrite(after, true)
			if err != nil || again != after {
				t.Errorf("a second time it became %q (%s), %v", again, msg, err)
			}
		})
	}
}

func TestLineinfile(t *testing.T) {
	testRewriting(t, "lineinfile", []rewriting{
		{"append", map[string]any{"line": "c"}, "a\nb\n", "a\nb\nc\n", "line added"},
		{"append to a file without newline at its end", map[string]any{"line": "c"}, "a\nb", "a\nb\nc\n", "line added"},
		{"there already", map[string]any{"line": "a"}, "a\nb\n", "", ""},
		{"last line without newline gets one", map[string]any{"line": "b"}, "a\nb", "a\nb\n", "line replaced"},
		{"empty file", map[string]any{"line": "a"}, "", "a\n", "line added"},
		{"replace the last match", map[string]any{"regexp": "^x=", "line": "x=3"}, "x=1\nx=2\ny\n", "x=1\nx=3\ny\n", "line replaced"},
		{"replace the first match", map[string]any{"regexp": "^x=", "line": "x=3", "firstmatch": true}, "x=1\nx=2\ny\n",
			"x=3\nx=2\ny\n", "line replaced"},
		{"no match appends", map[string]any{"regexp": "^z=", "line": "z=1"}, "x\n", "x\nz=1\n", "line added"},
		{"no match but the line is there", map[string]any{"regexp": "^q=", "line": "z=1"}, "z=1\nx\n", "", ""},
		{"end of line", map[string]any{"regexp": "b$", "line": "B"}, "ab\nb c\n", "B\nb c\n", "line replaced"},
		{"the newline belongs to the line", map[string]any{"regexp": `b\s$`, "line": "B"}, "ab\nb c\n", "B\nb c\n", "line replaced"},
		{"the return before the newline too", map[string]any{"regexp": "b$", "line": "B"}, "ab\r\n", "ab\r\nB\n", "line added"},
		{"a dollar among others", map[string]any{"regexp": `[]$]x$`, "line": "B"}, "a$x\n", "B\n", "line replaced"},
		{"the very end", map[string]any{"regexp": `a\Z`, "line": "B"}, "a\na", "a\nB\n", "line replaced"},
		{"look ahead", map[string]any{"regexp": "^#?port(?!s)", "line": "port=2"}, "#port=1\nports=3\n", "port=2\nports=3\n", "line replaced"},
		{"look behind", map[string]any{"regexp": `(?<=x) ?= ?\d`, "line": "x=2"}, "x = 1\ny = 1\n", "x=2\ny = 1\n", "line replaced"},
		{"a reference back", map[string]any{"regexp": `^(\w)\1`, "line": "new"}, "ab\naa\n", "ab\nnew\n", "line replaced"},
		{"letters of ASCII alone", map[string]any{"regexp": `^\w$`, "line": "new"}, "ü\nu\n", "ü\nnew\n", "line replaced"},
		{"what is no text", map[string]any{"regexp": `^b`, "line": "new"}, "\xff\xfe\nb\n\xff", "\xff\xfe\nnew\n\xff", "line replaced"},
		{"search string", map[string]any{"search_string": "a.c", "line": "new"}, "abc\na.c d\n", "abc\nnew\n", "line replaced"},
		{"after an expression", map[string]any{"insertafter": "^b", "line": "new"}, "a\nb1\nb2\nc\n", "a\nb1\nb2\nnew\nc\n", "line added"},
		{"after the first match", map[string]any{"insertafter": "^b", "line": "new", "firstmatch": true}, "a\nb1\nb2\nc\n",
			"a\nb1\nnew\nb2\nc\n", "line added"},
		{"after the last line", map[string]any{"insertafter": "^b", "line": "new"}, "a\nb", "a\nb\nnew\n", "line added"},
		{"after without a match", map[string]any{"insertafter": "^z", "line": "new"}, "a\n", "a\nnew\n", "line added"},
		{"before an expression", map[string]any{"insertbefore": "^b", "line": "new"}, "a\nb\nc\n", "a\nnew\nb\nc\n", "line added"},
		{"at the beginning", map[string]any{"insertbefore": "BOF", "line": "new"}, "a\n", "new\na\n", "line added"},
		{"before, but there elsewhere", map[string]any{"insertbefore": "^b", "line": "new"}, "a\nb\nnew\n", "", ""},
		{"references", map[string]any{"regexp": `^(\w+)\s*=.*(?P<end>;)`, "line": `\1 = 5\g<end>`, "backrefs": true}, "k=4;\n",
			"k = 5;\n", "line replaced"},
		{"references without a match", map[string]any{"regexp": `^(z)`, "line": `\1`, "backrefs": true}, "a\n", "", ""},
		{"absent by line", map[string]any{"line": "a", "state": "absent"}, "a\nb\na\n", "b\n", "2 line(s) removed"},
		{"absent by expression", map[string]any{"regexp": "^#", "state": "absent"}, "#a\nb\n", "b\n", "1 line(s) removed"},
	})
}

func TestLineinfileRefuses(t *testing.T) {
	m := taskstest.ModuleNamed(t, "lineinfile")
	for name, args := range map[string]map[string]any{
		"no line":               {"path": "/f"},
		"two places":            {"path": "/f", "line": "a", "insertafter": "x", "insertbefore": "y"},
		"two searches":          {"path": "/f", "line": "a", "regexp": "x", "search_string": "y"},
		"bad expression":        {"path": "/f", "line": "a", "regexp": "("},
		"no such group":         {"path": "/f", "line": `\2`, "regexp": "(a)", "backrefs": true},
		"references to nothing": {"path": "/f", "line": "a", "backrefs": true},
	} {
		if _, err := m.New(args, &taskstest.FakeLocal{}); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestEditsOnHosts(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		l := &taskstest.FakeLocal{}
		f := dir + "/a file"
		taskstest.MustFail(t, h, "lineinfile", map[string]any{"path": f, "line": "x"}, l, "does not exist")
		taskstest.MustNotChange(t, h, "lineinfile", map[string]any{"path": f, "line": "x", "state": "absent"}, l)
		taskstest.MustChange(t, h, "lineinfile", map[string]any{"path": f, "line": "it's = \\1 $HOME", "create": true, "mode": "0600"}, l)
		if taskstest.Read(t, f) != "it's = \\1 $HOME\n" {
			t.Errorf("%q", taskstest.Read(t, f))
		}
		if info, _ := os.Stat(f); info.Mode().Perm() != 0o600 {
			t.Error(info.Mode())
		}
		taskstest.MustNotChange(t, h, "lineinfile", map[string]any{"path": f, "line": "it's = \\1 $HOME"}, l)
		if plan := taskstest.MustNotChange(t, h, "lineinfile", map[string]any{"path": f, "line": "it's = \\1 $HOME"},
			l); plan.Values["msg"] != "" {
			t.Errorf("without a change msg is %#v", plan.Values["msg"])
		}
		if plan := taskstest.MustNotChange(t, h, "lineinfile", map[string]any{"path": f, "line": "it's = \\1 $HOME"},
			l); plan.Values["backup"] != "" {
			t.Errorf("without a backup there is none: %v", plan.Values["backup"])
		}
		plan, _ := taskstest.MustChange(t, h, "blockinfile", map[string]any{"path": f, "block": "é\nü", "backup": true}, l)
		if backup, _ := plan.Made["backup"].(string); taskstest.Read(t, backup) != "it's = \\1 $HOME\n" {
			t.Errorf("the backup %q holds %q", backup, taskstest.Read(t, backup))
		}
		plan, _ = taskstest.MustChange(t, h, "blockinfile", map[string]any{"path": f, "block": "again", "backup": true}, l)
		if backup, _ := plan.Made["backup"].(string); !strings.Contains(taskstest.Read(t, backup), "é\nü") {
			t.Errorf("the backup %q of a second change within the second holds %q", backup, taskstest.Read(t, backup))
		}
		taskstest.Write(t, f, "it's = \\1 $HOME\n", 0o600)
		plan, _ = taskstest.MustChange(t, h, "blockinfile", map[string]any{"path": f, "block": "é\nü"}, l)
		if d := plan.Diff[0]; d.Before != "it's = \\1 $HOME\n" || d.After != taskstest.Read(t, f) {
			t.Errorf("%+v", d)
		}
		taskstest.MustChange(t, h, "replace", map[string]any{"path": f, "regexp": "^é$", "replace": "e", "mode": "0640"}, l)
		taskstest.MustChange(t, h, "lineinfile", map[string]any{"path": f, "line": "ü", "mode": "0600"}, l)
		taskstest.MustFail(t, h, "lineinfile", map[string]any{"path": dir, "line": "x"}, l, "is a directory")
		if err := os.Symlink(f, dir+"/link"); err != nil {
			t.Fatal(err)
		}
		taskstest.MustChange(t, h, "lineinfile", map[string]any{"path": dir + "/link", "line": "via link"}, l)
		if info, _ := os.Lstat(dir + "/link"); info.Mode()&os.ModeSymlink == 0 {
			t.Error("the link was replaced")
		}
		action := taskstest.NewAction(t, "lineinfile", map[string]any{"path": f, "line": "late"}, l)
		plan, err := taskstest.PlanOn(t, h, action)
		if err != nil {
			t.Fatal(err)
		}
		taskstest.Write(t, f, "somebody else was here\n", 0o600)
		if _, err := files.RunPlan(t.Context(), h, plan); err == nil || taskstest.Read(t, f) != "somebody else was here\n" {
			t.Errorf("another's edit was lost: %v", err)
		}
	})
}

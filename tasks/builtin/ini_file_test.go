package builtin

import (
	"os"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestIniFileRewrite(t *testing.T) {
	for _, c := range []struct {
		name, before string
		args         map[string]any
		after, msg   string
	}{
		{"a value that changes", "[a]\nx = 1\ny = 2\n", map[string]any{"section": "a", "option": "x", "value": "3"}, "[a]\nx = 3\ny = 2\n", "option changed"},
		{"a value that is there", "[a]\nx = 1\n", map[string]any{"section": "a", "option": "x", "value": 1}, "[a]\nx = 1\n", "OK"},
		{"other blanks are a change", "[a]\nx=1\n", map[string]any{"section": "a", "option": "x", "value": "1"}, "[a]\nx = 1\n", "option changed"},
		{"ignore_spaces", "[a]\nx=1\n", map[string]any{"section": "a", "option": "x", "value": "1", "ignore_spaces": true}, "[a]\nx=1\n", "OK"},
		{"no_extra_spaces", "[a]\nx = 1\n", map[string]any{"section": "a", "option": "x", "value": "1", "no_extra_spaces": true}, "[a]\nx=1\n", "option changed"},
		{"added after the last line that says something", "[a]\nx = 1\n\n; end\n[b]\n", map[string]any{"section": "a", "option": "y", "value": "2"},
			"[a]\nx = 1\ny = 2\n\n; end\n[b]\n", "option added"},
		{"commented out", "[a]\n# x = 0\n", map[string]any{"section": "a", "option": "x", "value": "1"}, "[a]\nx = 1\n", "option changed"},
		{"left commented out", "[a]\n# x = 0\n", map[string]any{"section": "a", "option": "x", "value": "1", "modify_inactive_option": false},
			"[a]\nx = 1\n# x = 0\n", "option added"},
		{"another section", "[a]\nx = 1\n", map[string]any{"section": "b", "option": "x", "value": "1"}, "[a]\nx = 1\n[b]\nx = 1\n", "section and option added"},
		{"a section alone", "", map[string]any{"section": "b", "allow_no_value": true}, "\n[b]\n", "only section added"},
		{"before the first section", "x = 1\n[a]\n", map[string]any{"option": "y", "value": "2"}, "x = 1\ny = 2\n[a]\n", "option added"},
		{"several values", "[a]\nx = 1\nx = 2\nz = 0\nx = 3\n", map[string]any{"section": "a", "option": "x", "values": []any{"2", "4"}},
			"[a]\nx = 4\nx = 2\nz = 0\n", "option changed"},
		{"several values that may be more", "[a]\nx = 1\n", map[string]any{"section": "a", "option": "x", "values": []any{"2", "3"}, "exclusive": false},
			"[a]\nx = 1\nx = 2\nx = 3\n", "option added"},
		{"no value", "[a]\nx = 1\n", map[string]any{"section": "a", "option": "skip", "allow_no_value": true}, "[a]\nx = 1\nskip\n", "option added"},
		{"no value that is there", "[a]\nskip\n", map[string]any{"section": "a", "option": "skip", "allow_no_value": true}, "[a]\nskip\n", "OK"},
		{"remove an option", "[a]\nx = 1\nx = 2\n#x = 3\n", map[string]any{"section": "a", "option": "x", "state": "absent"}, "[a]\n#x = 3\n", "option changed"},
		{"remove a value", "[a]\nx = 1\nx = 2\n", map[string]any{"section": "a", "option": "x", "value": "2", "state": "absent", "exclusive": false},
			"[a]\nx = 1\n", "option changed"},
		{"remove a section", "[a]\nx = 1\n[b]\ny = 2\n", map[string]any{"section": "a", "state": "absent"}, "[b]\ny = 2\n", "section removed"},
		{"remove what is not there", "[a]\nx = 1\n", map[string]any{"section": "c", "state": "absent"}, "[a]\nx = 1\n", "OK"},
		{"remove what is before the first section", "x = 1\n[a]\nx = 1\n", map[string]any{"state": "absent"}, "[a]\nx = 1\n", "section removed"},
		{"remove nothing before the first section", "[a]\nx = 1\n", map[string]any{"state": "absent"}, "[a]\nx = 1\n", "OK"},
		{"remove from an empty file", "", map[string]any{"section": "a", "option": "x", "state": "absent"}, "", "OK"},
		{"remove all of an empty file", "", map[string]any{"state": "absent"}, "", "OK"},
		{"the section that has", "[p]\nname = a\nx = 1\n[p]\nname = b\nx = 1\n",
			map[string]any{"section": "p", "option": "x", "value": "2", "section_has_values": []any{map[string]any{"option": "name", "value": "b"}}},
			"[p]\nname = a\nx = 1\n[p]\nname = b\nx = 2\n", "option changed"},
		{"no section that has", "[p]\nname = a\n",
			map[string]any{"section": "p", "option": "x", "value": "2",
				"section_has_values": []any{map[string]any{"option": "name", "values": []any{"b"}}}},
			"[p]\nname = a\n[p]\nname = b\nx = 2\n", "section and option added"},
		{"a name that an expression would read", "[a.b]\nx.y = 1\nxzy = 1\n", map[string]any{"section": "a.b", "option": "x.y", "value": "2"},
			"[a.b]\nx.y = 2\nxzy = 1\n", "option changed"},
		{"no newline at the end", "[a]\nx = 1", map[string]any{"section": "a", "option": "x", "value": "1"}, "[a]\nx = 1\n", "OK"},
		{"blanks in the heading", "[ a ]\nx = 1\n", map[string]any{"section": "a", "option": "x", "value": "2"}, "[ a ]\nx = 2\n", "option changed"},
		{"no value at the equals sign", "[a]\nx =\n", map[string]any{"section": "a", "option": "x", "value": ""}, "[a]\nx = \n", "option changed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			taskstest.Write(t, dir+"/f", c.before, 0o640)
			c.args["path"] = dir + "/f"
			h := &taskstest.LocalHost{Words: taskstest.ShellsFor(t)[0]}
			plan, _, err := taskstest.Attempt(t, h, "ini_file", c.args, &taskstest.FakeLocal{})
			if err != nil {
				t.Fatal(err)
			}
			if got := taskstest.Read(t, dir+"/f"); got != c.after || plan.Msg != c.msg || plan.Change != (c.before != c.after) {
				t.Errorf("%q, %q, changed %v", got, plan.Msg, plan.Change)
			}
		})
	}
}

func TestIniFile(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		l := &taskstest.FakeLocal{}
		taskstest.MustNotChange(t, h, "ini_file", map[string]any{"path": dir + "/none", "section": "s", "option": "o", "state": "absent"}, l)
		if _, err := os.Stat(dir + "/none"); err == nil {
			t.Error("an option is removed from a file that is not there, and the file is made")
		}
		args := map[string]any{"path": dir + "/new/it's.ini", "section": "s", "option": "o", "value": "v", "mode": "0600"}
		taskstest.MustChange(t, h, "ini_file", args, l)
		taskstest.MustNotChange(t, h, "ini_file", args, l)
		if got := taskstest.Read(t, dir+"/new/it's.ini"); got != "\n[s]\no = v\n" {
			t.Errorf("%q", got)
		}
		args["value"], args["backup"] = "w", true
		plan, _ := taskstest.MustChange(t, h, "ini_file", args, l)
		if kept, _ := plan.Made["backup_file"].(string); taskstest.Read(t, kept) != "\n[s]\no = v\n" {
			t.Errorf("%v", plan.Made)
		}
		if err := os.Symlink("new/it's.ini", dir+"/link"); err != nil {
			t.Fatal(err)
		}
		args["path"], args["value"], args["follow"] = dir+"/link", "x", true
		taskstest.MustChange(t, h, "ini_file", args, l)
		if target, err := os.Readlink(dir + "/link"); err != nil || target != "new/it's.ini" {
			t.Errorf("%q %v", target, err)
		}
		taskstest.MustFail(t, h, "ini_file", map[string]any{"path": dir + "/no", "option": "o", "value": "v", "create": false}, l,
			"does not exist")
		for _, bad := range []map[string]any{
			{"path": dir + "/f", "section": "s", "option": "o"},
			{"path": dir + "/f", "section": "s", "option": "o", "value": "a", "values": []any{"b"}},
		} {
			if _, err := taskstest.ModuleNamed(t, "ini_file").New(bad, l); err == nil {
				t.Errorf("%v: no error", bad)
			}
		}
	})
}

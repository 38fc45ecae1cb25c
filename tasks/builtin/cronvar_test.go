package builtin

import (
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestCronvar(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		l := &taskstest.FakeLocal{}
		file := dir + "/jobs"
		const before = "# mine\nSHELL = /bin/sh\nA=\"1\"\n0 5 * * * root X=1 /bin/y\nA=2\n"
		for _, c := range []struct {
			name  string
			args  map[string]any
			after string // empty: no change
		}{
			{"new", map[string]any{"name": "B", "value": "x y"}, "B=x y\n" + before},
			{"behind", map[string]any{"name": "B", "value": "b", "insertafter": "SHELL"}, "# mine\nSHELL = /bin/sh\nB=b\nA=\"1\"\n0 5 * * * root X=1 /bin/y\nA=2\n"},
			{"before", map[string]any{"name": "B", "value": "b", "insertbefore": "SHELL"}, "# mine\nB=b\nSHELL = /bin/sh\nA=\"1\"\n0 5 * * * root X=1 /bin/y\nA=2\n"},
			{"changed, all of them", map[string]any{"name": "A", "value": "3"}, "# mine\nSHELL = /bin/sh\nA=3\n0 5 * * * root X=1 /bin/y\nA=3\n"},
			{"there with blanks", map[string]any{"name": "SHELL", "value": "/bin/sh"}, ""},
			{"there in quotes", map[string]any{"name": "A", "value": `"1"`}, ""},
			{"empty", map[string]any{"name": "MAILTO", "value": ""}, "MAILTO=\"\"\n" + before},
			{"removed", map[string]any{"name": "A", "state": "absent"}, "# mine\nSHELL = /bin/sh\n0 5 * * * root X=1 /bin/y\n"},
			{"not there", map[string]any{"name": "X", "state": "absent"}, ""},
		} {
			taskstest.Write(t, file, before, 0o644)
			c.args["cron_file"] = file
			if c.after == "" {
				taskstest.MustNotChange(t, h, "cronvar", c.args, l)
				c.after = before
			} else {
				taskstest.MustChange(t, h, "cronvar", c.args, l)
				taskstest.MustNotChange(t, h, "cronvar", c.args, l)
			}
			if text := taskstest.Read(t, file); text != c.after {
				t.Errorf("%s: %q, want %q", c.name, text, c.after)
			}
		}
		taskstest.Write(t, file, before, 0o644)
		for text, args := range map[string]map[string]any{
			"has no variable Z": {"name": "B", "value": "b", "insertafter": "Z"}, "is required for state: present": {"name": "B"},
			"exclude each other": {"name": "B", "value": "b", "insertafter": "A", "insertbefore": "A"},
			"no blanks":          {"name": "B C", "value": "b"}, "more than one line": {"name": "B", "value": "b\nc"},
		} {
			args["cron_file"] = file
			if _, err := taskstest.ModuleNamed(t, "cronvar").New(args, l); err != nil {
				taskstest.MustContain(t, err.Error(), text)
				continue
			}
			taskstest.MustFail(t, h, "cronvar", args, l, text)
		}
		if text := taskstest.Read(t, file); text != before {
			t.Errorf("refused, and %q", text)
		}
	})
}

// A user's table is read and written by crontab, and kept with backup.
func TestCronvarOfUser(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		taskstest.Pretend(t, dir, map[string]string{"crontab": `
user=me
while [ $# -gt 0 ]; do
	case $1 in -u) user=$2; shift ;; -l) [ -f "$STATE/$user.tab" ] || exit 1; cat "$STATE/$user.tab"; exit ;; -) cat >"$STATE/$user.tab"; exit ;; *) cat "$1" >"$STATE/$user.tab"; exit ;; esac
	shift
done
`})
		l := &taskstest.FakeLocal{}
		args := map[string]any{"name": "MAILTO", "value": "dba@example.com"}
		plan, _ := taskstest.MustChange(t, h, "cronvar", args, l)
		if names, _ := plan.Values["vars"].([]any); len(names) != 1 || names[0] != "MAILTO" {
			t.Errorf("%v", plan.Values)
		}
		taskstest.MustNotChange(t, h, "cronvar", args, l)
		if text := taskstest.Read(t, dir+"/me.tab"); text != "MAILTO=dba@example.com\n" {
			t.Errorf("%q", text)
		}
	})
}

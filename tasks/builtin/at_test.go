package builtin

import (
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestAt(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		taskstest.Pretend(t, dir, map[string]string{
			"at":   `case $1 in -c) cat "$STATE/job.$2" ;; *) cat > "$STATE/job.7" ;; esac` + "\n",
			"atq":  `for f in "$STATE"/job.*; do [ -e "$f" ] && echo "${f##*.}	Fri Nov 27 16:00:00 2026 a root"; done; exit 0` + "\n",
			"atrm": `for n; do rm "$STATE/job.$n"; done` + "\n",
		})
		l := &taskstest.FakeLocal{}
		later := map[string]any{"command": "touch '/tmp/it is'", "count": 2, "units": "hours", "unique": true}
		taskstest.MustChange(t, h, "at", later, l)
		taskstest.MustNotChange(t, h, "at", later, l)
		gone := map[string]any{"command": "touch '/tmp/it is'", "state": "absent"}
		taskstest.MustChange(t, h, "at", gone, l)
		taskstest.MustNotChange(t, h, "at", gone, l)
		taskstest.Write(t, dir+"/script", "run it\n", 0o644)
		taskstest.MustChange(t, h, "at", map[string]any{"script_file": dir + "/script", "count": 2, "units": "hours"}, l)
		if got := taskstest.Read(t, dir+"/job.7"); got != "run it\n" {
			t.Errorf("of a script at gets %q", got)
		}
	})
}

package builtin

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestScript(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		home, control := t.TempDir(), t.TempDir()
		t.Setenv("HOME", home)
		taskstest.Write(t, control+"/it is.sh", "#!/bin/sh\necho \"$# $1 $(pwd)\"\necho no >&2\numask\nexit ${2:-0}\n", 0o600)
		l := &taskstest.FakeLocal{Dir: control}
		_, r := taskstest.MustChange(t, h, "script", map[string]any{"cmd": `"it is.sh" 'a b'`, "chdir": dir}, l)
		mask, _ := taskstest.Sh(t, "umask")
		if r.Values["stdout"] != "1 a b "+dir+"\n"+mask || r.Values["stderr"] != "no\n" || r.Values["rc"] != 0 || r.Values["cmd"] != nil {
			t.Errorf("%q", r.Values)
		}
		_, r = taskstest.MustChange(t, h, "script", map[string]any{"cmd": `"it is.sh" x`, "executable": "/bin/sh -e"}, l)
		taskstest.MustContain(t, r.Values["stdout"].(string), "1 x ")
		taskstest.MustFail(t, h, "script", map[string]any{"cmd": `"it is.sh" x 7`}, l, "the command ended with status 7")
		taskstest.Write(t, dir+"/done", "", 0o600)
		for _, args := range []map[string]any{
			{"cmd": `"it is.sh"`, "creates": dir + "/done"}, {"cmd": `"it is.sh"`, "removes": dir + "/no"},
		} {
			if plan := taskstest.MustNotChange(t, h, "script", args, l); plan.Values["skipped"] != true {
				t.Errorf("%+v", plan)
			}
		}
		taskstest.MustChange(t, h, "script", map[string]any{"cmd": `"it is.sh"`, "creates": dir + "/do*"}, l) // no pattern, as in Ansible
		check := &taskstest.FakeLocal{Dir: control, Checking: true}
		if plan, err := taskstest.PlanOn(t, h, taskstest.NewAction(t, "script", map[string]any{"cmd": `"it is.sh"`}, check)); err != nil || plan.Unknown == "" {
			t.Errorf("%+v %v", plan, err)
		}
		for _, args := range []map[string]any{{"cmd": "no.sh"}, {"cmd": `"it is.sh"`, "chdir": "x"}, {"cmd": "'"}} {
			if _, err := taskstest.ModuleNamed(t, "script").New(args, l); err == nil {
				t.Errorf("%v: no error", args)
			}
		}
		if left, _ := filepath.Glob(home + "/.polarbook*"); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
		if _, err := os.Stat(home); err != nil {
			t.Error(err)
		}
	})
}

func TestNamesOfWindows(t *testing.T) {
	for line, want := range map[string]string{
		`files\prepare.sh --at 'C:\x'`: `files/prepare.sh --at 'C:\x'`, ` Z:\w\one.sh`: `Z:/w/one.sh`, "one.sh a\\b": "one.sh a\\b", "": "",
	} {
		if got := slashed(line); got != want {
			t.Errorf("%q is %q, want %q", line, got, want)
		}
	}
}

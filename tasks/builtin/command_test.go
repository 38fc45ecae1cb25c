package builtin

import (
	"errors"
	"os"
	"reflect"
	"testing"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestCommand(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		l := &taskstest.FakeLocal{}
		t.Setenv("WHAT", "a thing")
		_, r := taskstest.MustChange(t, h, "command",
			map[string]any{"cmd": `printf '%s|' "$WHAT" x${WHAT}y $NOTHING_SET '*' \> "it's" ${NOTHING_SET}`}, l)
		if want := `a thing|xa thingy|$NOTHING_SET|*|>|it's|${NOTHING_SET}|`; r.Values["stdout"] != want {
			t.Errorf("got %q, want %q", r.Values["stdout"], want)
		}
		_, r = taskstest.MustChange(t, h, "command", map[string]any{"argv": []any{"cat"}, "stdin": "one\ntwo", "chdir": dir}, l)
		if want := []any{"one", "two"}; !reflect.DeepEqual(r.Values["stdout_lines"], want) || r.Values["rc"] != 0 {
			t.Errorf("%v", r.Values)
		}
		taskstest.MustNotChange(t, h, "command", map[string]any{"cmd": "false", "creates": dir + "/*.x", "removes": "gone*", "chdir": dir}, l)
		words := []any{"printf", "%s|", []any{"a", 1, nil}, map[string]any{"b": true}, nil, 1.5}
		_, r = taskstest.MustChange(t, h, "command", map[string]any{"argv": words}, l)
		if want := "['a', 1, None]|{'b': True}||1.5|"; r.Values["stdout"] != want {
			t.Errorf("got %q, want %q, which is how Ansible prints them", r.Values["stdout"], want)
		}
		args := map[string]any{"cmd": "touch made.x", "creates": "*.x", "chdir": dir}
		asked := taskstest.NewAction(t, "command", args, &taskstest.FakeLocal{Checking: true})
		if plan, err := asked.Plan(tasks.Found{}); err != nil || !plan.Change || plan.Values["rc"] != 0 || plan.Values["stdout"] != "" {
			t.Errorf("a check says %+v, %v", plan, err)
		}
		taskstest.MustChange(t, h, "command", args, l)
		plan := taskstest.MustNotChange(t, h, "command", args, l)
		if want := "skipped, since *.x exists"; plan.Values["stdout"] != want {
			t.Errorf("got %q, want %q as Ansible has it", plan.Values["stdout"], want)
		}
		err := taskstest.MustFail(t, h, "command", map[string]any{"cmd": "no-such-command-here"}, l, "status 127")
		if _, r, _ := taskstest.Attempt(t, h, "command", map[string]any{"cmd": "no-such-command-here"}, l); r.Changed {
			t.Error("what cannot be run has changed nothing")
		}
		var f *tasks.Failure
		if !errors.As(err, &f) || f.Values["rc"] != 127 || f.Hint == "" {
			t.Errorf("%+v", f)
		}
		taskstest.MustFail(t, h, "command", map[string]any{"cmd": "pwd", "chdir": dir + "/none"}, l, "none")
	})
}

func TestShell(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		l := &taskstest.FakeLocal{}
		_, r := taskstest.MustChange(t, h, "shell", map[string]any{"cmd": "echo out | tr a-z A-Z; echo err >&2; cd " + dir + " && pwd"}, l)
		if r.Values["stdout"] != "OUT\n"+dir || r.Values["stderr"] != "err" {
			t.Errorf("%v", r.Values)
		}
		_, r, err := taskstest.Attempt(t, h, "shell", map[string]any{"cmd": "echo said; exit 3"}, l)
		var f *tasks.Failure
		if !errors.As(err, &f) || f.Values["rc"] != 3 || f.Values["stdout"] != "said" || !r.Changed {
			t.Errorf("%v %v", r, err)
		}
		if _, err := os.Stat("/bin/bash"); err == nil {
			_, r = taskstest.MustChange(t, h, "shell", map[string]any{"cmd": "a=(1 2); echo ${a[1]}", "executable": "/bin/bash"}, l)
			if r.Values["stdout"] != "2" {
				t.Errorf("%v", r.Values)
			}
		}
	})
}

func TestCommandIsNotKnownBeforeItHasRun(t *testing.T) {
	l := &taskstest.FakeLocal{Checking: true}
	plan, err := taskstest.NewAction(t, "command", map[string]any{"cmd": "true"}, l).Plan(tasks.Found{})
	if err != nil || plan.Unknown == "" || plan.Change || plan.Values["rc"] != 0 || plan.Values["stdout"] != "" {
		t.Errorf("%+v, %v", plan, err)
	}
}

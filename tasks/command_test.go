package tasks

import (
	"errors"
	"os"
	"reflect"
	"testing"
)

func TestCommand(t *testing.T) {
	eachShell(t, func(t *testing.T, h *localHost, dir string) {
		l := &fakeLocal{}
		t.Setenv("WHAT", "a thing")
		_, r := mustChange(t, h, "command", map[string]any{"cmd": `printf '%s|' "$WHAT" x${WHAT}y $NOTHING_SET '*' \> "it's" ${NOTHING_SET}`}, l)
		if want := `a thing|xa thingy|$NOTHING_SET|*|>|it's|${NOTHING_SET}|`; r.Values["stdout"] != want {
			t.Errorf("got %q, want %q", r.Values["stdout"], want)
		}
		_, r = mustChange(t, h, "command", map[string]any{"argv": []any{"cat"}, "stdin": "one\ntwo", "chdir": dir}, l)
		if want := []any{"one", "two"}; !reflect.DeepEqual(r.Values["stdout_lines"], want) || r.Values["rc"] != 0 {
			t.Errorf("%v", r.Values)
		}
		mustNotChange(t, h, "command", map[string]any{"cmd": "false", "creates": dir + "/*.x", "removes": "gone*", "chdir": dir}, l)
		args := map[string]any{"cmd": "touch made.x", "creates": "*.x", "chdir": dir}
		mustChange(t, h, "command", args, l)
		plan := mustNotChange(t, h, "command", args, l)
		if want := "skipped, since *.x exists"; plan.Values["stdout"] != want {
			t.Errorf("got %q, want %q as Ansible has it", plan.Values["stdout"], want)
		}
		err := mustFail(t, h, "command", map[string]any{"cmd": "no-such-command-here"}, l, "status 127")
		if _, r, _ := attempt(t, h, "command", map[string]any{"cmd": "no-such-command-here"}, l); r.Changed {
			t.Error("what cannot be run has changed nothing")
		}
		var f *Failure
		if !errors.As(err, &f) || f.Values["rc"] != 127 || f.Hint == "" {
			t.Errorf("%+v", f)
		}
		mustFail(t, h, "command", map[string]any{"cmd": "pwd", "chdir": dir + "/none"}, l, "none")
	})
}

func TestShell(t *testing.T) {
	eachShell(t, func(t *testing.T, h *localHost, dir string) {
		l := &fakeLocal{}
		_, r := mustChange(t, h, "shell", map[string]any{"cmd": "echo out | tr a-z A-Z; echo err >&2; cd " + dir + " && pwd"}, l)
		if r.Values["stdout"] != "OUT\n"+dir || r.Values["stderr"] != "err" {
			t.Errorf("%v", r.Values)
		}
		_, r, err := attempt(t, h, "shell", map[string]any{"cmd": "echo said; exit 3"}, l)
		var f *Failure
		if !errors.As(err, &f) || f.Values["rc"] != 3 || f.Values["stdout"] != "said" || !r.Changed {
			t.Errorf("%v %v", r, err)
		}
		if _, err := os.Stat("/bin/bash"); err == nil {
			_, r = mustChange(t, h, "shell", map[string]any{"cmd": "a=(1 2); echo ${a[1]}", "executable": "/bin/bash"}, l)
			if r.Values["stdout"] != "2" {
				t.Errorf("%v", r.Values)
			}
		}
	})
}

func TestCommandIsNotKnownBeforeItHasRun(t *testing.T) {
	l := &fakeLocal{check: true}
	plan, err := newAction(t, "command", map[string]any{"cmd": "true"}, l).Plan(Found{})
	if err != nil || plan.Unknown == "" || plan.Change || plan.Values["rc"] != 0 || plan.Values["stdout"] != "" {
		t.Errorf("%+v, %v", plan, err)
	}
}

func TestStat(t *testing.T) {
	eachShell(t, func(t *testing.T, h *localHost, dir string) {
		l := &fakeLocal{}
		plan := mustNotChange(t, h, "stat", map[string]any{"path": dir + "/none"}, l)
		if s := plan.Values["stat"].(map[string]any); s["exists"] != false {
			t.Errorf("%v", s)
		}
		write(t, dir+"/f", "hello", 0o751|os.ModeSetuid)
		s := mustNotChange(t, h, "stat", map[string]any{"path": dir + "/f"}, l).Values["stat"].(map[string]any)
		for name, want := range map[string]any{
			"exists": true, "mode": "4751", "isreg": true, "isdir": false, "isuid": true, "rusr": true, "wgrp": false, "xoth": true, "roth": false,
			"size": 5, "checksum": "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d", "readable": true,
		} {
			if s[name] != want {
				t.Errorf("%s is %v, want %v", name, s[name], want)
			}
		}
		if err := os.Symlink("f", dir+"/link"); err != nil {
			t.Fatal(err)
		}
		s = mustNotChange(t, h, "stat", map[string]any{"path": dir + "/link"}, l).Values["stat"].(map[string]any)
		if s["islnk"] != true || s["lnk_target"] != "f" || s["lnk_source"] != dir+"/f" {
			t.Errorf("%v", s)
		}
		s = mustNotChange(t, h, "stat", map[string]any{"path": dir + "/link", "follow": true, "checksum_algorithm": "sha256"}, l).Values["stat"].(map[string]any)
		if s["islnk"] != false || s["checksum"] != sumOf([]byte("hello")) {
			t.Errorf("%v", s)
		}
	})
}

package builtin

import (
	"os"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestTemplatePlan(t *testing.T) {
	l := &taskstest.FakeLocal{Dir: t.TempDir(), Vars: map[string]any{"port": 5432}}
	taskstest.Write(t, l.Dir+"/conf.j2", "port = {{ port }}\n", 0o640)
	const file = "dest file 644 0 0 root root 12 1700000000 1 64768 12\nparent yes\n"
	for name, c := range map[string]struct {
		args        map[string]any
		found, does string
	}{
		"missing":         {map[string]any{}, "dest absent\nparent yes\n", "change: create /etc/x.conf"},
		"another content": {map[string]any{}, file, "change: replace the content of /etc/x.conf"},
		"the same":        {map[string]any{}, file + "same yes\n", "nothing"},
		"another mode":    {map[string]any{"mode": "preserve"}, file + "same yes\n", "change: change mode of /etc/x.conf"},
		"kept":            {map[string]any{"force": false}, file, "nothing: /etc/x.conf exists, and force is false"},
		"no directory":    {map[string]any{}, "dest absent\nparent no\n", "fails: the directory /etc does not exist"},
		"a directory instead": {map[string]any{}, "dest directory 755 0 0 root root 6 1700000000 2 64768 12\nparent yes\n",
			"fails: /etc/x.conf is a directory"},
	} {
		c.args["src"], c.args["dest"] = "conf.j2", "/etc/x.conf"
		plan, err := taskstest.NewAction(t, "template", c.args, l).Plan(tasks.Found{Result: remote.Result{Stdout: []byte(c.found)}})
		if got := taskstest.Outcome(plan, err); !strings.HasPrefix(got, c.does) || c.does == "nothing" && got != c.does {
			t.Errorf("%s: %s, want %s", name, got, c.does)
		}
		if plan.Change && plan.Stdin != nil && string(plan.Stdin) != "port = 5432\n" {
			t.Errorf("%s: it sends %q", name, plan.Stdin)
		}
	}
}

func TestTemplate(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		local := t.TempDir()
		l := &taskstest.FakeLocal{Dir: local, Vars: map[string]any{"port": 5432}, Diffing: true}
		taskstest.Write(t, local+"/conf.j2", "# {{ ansible_managed }}\nport = {{ port }}\n", 0o644)
		taskstest.MustChange(t, h, "template", map[string]any{"src": "conf.j2", "dest": dir + "/conf", "mode": "0600"}, l)
		if taskstest.Read(t, dir+"/conf") != "# Ansible managed\nport = 5432\n" {
			t.Error(taskstest.Read(t, dir+"/conf"))
		}
		taskstest.Write(t, local+"/conf.j2", "port = {{ port }}\n", 0o644)
		l.Vars["port"] = strings.Repeat("9", files.InlineLimit)
		taskstest.MustChange(t, h, "template", map[string]any{"src": "conf.j2", "dest": dir + "/conf"}, l)
		if h.Uploads != 1 || len(taskstest.Read(t, dir+"/conf")) != files.InlineLimit+8 {
			t.Error("a large text was not uploaded")
		}
	})
}

// The words of validate reach the command as they are, with the new file's path for %s wherever it stands.
func TestValidate(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		l := &taskstest.FakeLocal{Dir: dir}
		taskstest.Write(t, dir+"/source", "new\n", 0o644)
		taskstest.Write(t, dir+"/look", "#!/bin/sh\nprintf '%s|' \"$@\" > \"$0.words\"\ncat -- \"$2\" > \"$0.seen\"\n", 0o755)
		args := map[string]any{"src": "source", "dest": dir + "/it is", "validate": dir + "/look 'a  $b' %s --file=%s:%s"}
		taskstest.MustChange(t, h, "template", args, l)
		if got := taskstest.Read(t, dir+"/look.seen"); got != "new\n" {
			t.Errorf("the command saw %q", got)
		}
		words := strings.Split(taskstest.Read(t, dir+"/look.words"), "|")
		if len(words) != 4 || words[0] != "a  $b" || words[2] != "--file="+words[1]+":"+words[1] ||
			!strings.HasPrefix(words[1], dir+"/.polarbook") {
			t.Errorf("the command's words are %q", words)
		}
		args["validate"] = "sh -c 'echo wrong; exit 1' %s"
		taskstest.Write(t, dir+"/source", "newer\n", 0o644)
		taskstest.MustFail(t, h, "template", args, l, "refused by its validate command: wrong")
		if left, _ := os.ReadDir(dir); len(left) != 5 {
			t.Errorf("something is left: %v", left)
		}
		if taskstest.Read(t, dir+"/it is") != "new\n" {
			t.Error("a refused content was put in its place")
		}
	})
}

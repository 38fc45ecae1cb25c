package trees

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestSynchronize(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		l, asks := &taskstest.FakeLocal{Dir: dir}, &taskstest.FakeLocal{Dir: dir, Checking: true}
		taskstest.MustWrite(t, dir+"/src/it's a", "a\n")
		taskstest.MustWrite(t, dir+"/src/sub/-b \"$x\"", "b\n")
		taskstest.MustWrite(t, dir+"/src/cache/c", "c\n")
		taskstest.MustWrite(t, dir+"/src/x.log", "c\n")
		taskstest.MustWrite(t, dir+"/outside/precious", "p\n")
		_ = os.Symlink("sub", dir+"/src/link")
		args := map[string]any{"src": "src/", "dest": dir + "/to", "delete": true, "rsync_opts": []any{"--exclude=/cache/", "--exclude", "*.log"}}
		run := func(changed bool, want ...string) {
			t.Helper()
			plan, err := taskstest.PlanOn(t, h, taskstest.NewAction(t, "synchronize", args, asks))
			if err != nil || plan.Change != changed {
				t.Fatalf("check mode: %v, %v", plan.Change, err)
			}
			_, result, err := taskstest.Attempt(t, h, "synchronize", args, l)
			if err != nil || result.Changed != changed {
				t.Fatalf("changed %v, %v: %v", result.Changed, err, result.Values)
			}
			var got []string
			for _, line := range result.Values["stdout_lines"].([]any) {
				got = append(got, line.(string))
			}
			if !slices.Equal(got, want) {
				t.Fatalf("%q, not %q", got, want)
			}
		}
		run(true, "created directory "+dir+"/to", "cd+++++++++ ./", "<f+++++++++ it's a", "cL+++++++++ link -> sub", "cd+++++++++ sub/", `<f+++++++++ sub/-b "$x"`)
		run(false)
		if out, err := taskstest.Sh(t, "cd '"+dir+"' && diff -r --no-dereference -x cache -x x.log src to"); err != nil {
			t.Fatal(out, err)
		}
		taskstest.MustWrite(t, dir+"/to/old/o", "o\n")
		taskstest.MustWrite(t, dir+"/to/kept/k.log", "k\n")
		taskstest.MustWrite(t, dir+"/to/cache/mine", "m\n")
		_ = os.Symlink(dir+"/outside", dir+"/to/way")
		_ = os.Chmod(dir+"/to/sub", 0o700)
		taskstest.MustWrite(t, dir+"/src/it's a", "longer\n")
		long := time.Unix(1000000000, 0)
		stamp := func(name string) { _ = os.Chtimes(dir+name, long, long) }
		stamp("/src/it's a")
		stamp("/src")
		stamp("/to")
		run(true, "<f.st...... it's a", ".d...p..... sub/", "*deleting   old/o", "*deleting   old/", "*deleting   way")
		run(false)
		if taskstest.Read(t, dir+"/outside/precious") != "p\n" || taskstest.Read(t, dir+"/to/kept/k.log") != "k\n" ||
			taskstest.Read(t, dir+"/to/cache/mine") != "m\n" || taskstest.Read(t, dir+"/to/it's a") != "longer\n" {
			t.Error("something else is there")
		}
		args["checksum"] = true
		taskstest.MustWrite(t, dir+"/to/it's a", "LONGER\n")
		stamp("/to/it's a")
		run(true, "<fc........ it's a")
		run(false)
		_ = os.RemoveAll(dir + "/to/sub")
		_ = os.Symlink(dir+"/outside", dir+"/to/sub")
		run(true, ".d..t...... ./", "cd+++++++++ sub/", `<f+++++++++ sub/-b "$x"`)
		if _, err := os.Stat(dir + "/outside/-b \"$x\""); err == nil || taskstest.Read(t, dir+"/outside/precious") != "p\n" {
			t.Error("the link was followed")
		}
		run(false)
		taskstest.Write(t, dir+"/src/new\nline", "", 0o644)
		if _, err := taskstest.ModuleNamed(t, "synchronize").New(args, l); err == nil || !strings.Contains(err.Error(), "newline") {
			t.Error(err)
		}
	})
}

func TestSynchronizeOne(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		l := &taskstest.FakeLocal{Dir: dir}
		taskstest.MustWrite(t, dir+"/a", "a\n")
		taskstest.MustWrite(t, dir+"/d/x", "x\n")
		taskstest.MustWrite(t, dir+"/full/a/mine", "m\n")
		taskstest.MustWrite(t, dir+"/empty/a", "")
		_ = os.Remove(dir + "/empty/a")
		_ = os.Mkdir(dir+"/empty/a", 0o755)
		_ = os.Symlink("d", dir+"/link")
		_ = os.Symlink("a", dir+"/mark")
		for _, c := range []struct{ src, dest, there, says string }{
			{"a", "/new", "new", "<f+++++++++ a"},
			{"a", "/made/", "made/a", "created directory DIR/made\n<f+++++++++ a"},
			{"a", "/d", "d/a", "<f+++++++++ a"},
			{"a", "/empty", "empty/a", "<f+++++++++ a"},
			{"mark", "/other", "other", "cL+++++++++ mark -> a"},
			{"link/", "/led", "led/x", "created directory DIR/led\ncd+++++++++ ./\n<f+++++++++ a\n<f+++++++++ x"},
		} {
			args := map[string]any{"src": c.src, "dest": dir + c.dest}
			if _, r := taskstest.MustChange(t, h, "synchronize", args, l); r.Values["stdout"] != strings.ReplaceAll(c.says, "DIR", dir) {
				t.Errorf("%v: %q", args, r.Values["stdout"])
			}
			if info, err := os.Lstat(dir + "/" + c.there); err != nil || info.IsDir() {
				t.Errorf("%v: %v", args, err)
			}
			taskstest.MustNotChange(t, h, "synchronize", args, l)
		}
		taskstest.MustFail(t, h, "synchronize", map[string]any{"src": "a", "dest": dir + "/full"}, l, "not empty")
		taskstest.MustFail(t, h, "synchronize", map[string]any{"src": "a", "dest": dir + "/none/such/a"}, l,
			"there is no directory "+dir+"/none/such")
		taskstest.MustFail(t, h, "synchronize", map[string]any{"src": "d/", "dest": dir + "/none/such"}, l, "there is no directory "+dir+"/none")
		taskstest.MustFail(t, h, "synchronize", map[string]any{"src": "d", "dest": dir + "/new"}, l, "not a directory")
		taskstest.MustChange(t, h, "synchronize", map[string]any{"src": "a", "dest": dir + "/full", "delete": true, "archive": false}, l)
		if taskstest.Read(t, dir+"/full/a") != "a\n" {
			t.Error("the file is not there")
		}
		if _, err := taskstest.ModuleNamed(t, "synchronize").New(map[string]any{"src": "a/", "dest": dir + "/full"}, l); err == nil ||
			!strings.Contains(err.Error(), "not a directory") {
			t.Error(err)
		}
	})
}

// delegated is a control node whose task has delegate_to.
type delegated struct{ taskstest.FakeLocal }

func (*delegated) Delegated() (string, error) { return "other", nil }

func TestSynchronizeRefusals(t *testing.T) {
	dir := t.TempDir()
	taskstest.MustWrite(t, dir+"/src/a", "a\n")
	args := map[string]any{"src": "src/", "dest": dir + "/to"}
	if _, err := taskstest.ModuleNamed(t, "synchronize").New(args, &delegated{taskstest.FakeLocal{Dir: dir}}); err == nil ||
		!strings.Contains(err.Error(), "delegate_to") {
		t.Error(err)
	}
	for text, more := range map[string]map[string]any{
		"cannot be pull": {"mode": "pull"}, "--chmod": {"rsync_opts": []any{"--chmod=g+w"}}, "absolute": {"dest": "to"}, "links are copied": {"copy_links": true},
		"other than /": {"dest": "/"}, "trees are copied whole": {"recursive": false}, "by name": {"rsync_opts": []any{"--exclude=[[:alpha:]]"}},
	} {
		for k, v := range args {
			if _, ok := more[k]; !ok {
				more[k] = v
			}
		}
		if _, err := taskstest.ModuleNamed(t, "synchronize").New(more, &taskstest.FakeLocal{Dir: dir}); err == nil ||
			!strings.Contains(err.Error(), text) {
			t.Errorf("%v: %v, want %q", more, err, text)
		}
	}
	taskstest.MustWrite(t, dir+"/src/.rsync-filter", "- a\n")
	if _, err := taskstest.ModuleNamed(t, "synchronize").New(args, &taskstest.FakeLocal{Dir: dir}); err == nil ||
		!strings.Contains(err.Error(), "rules in files") {
		t.Error(err)
	}
}

func TestSyncRules(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		dir, want     bool
	}{
		{"/a", "a", false, true}, {"/a", "b/a", false, false}, {"a", "b/a", false, true}, {"a", "ba", false, false}, {"a/", "a", false, false},
		{"a/", "a", true, true}, {"*.log", "x/y.log", false, true}, {"/*.log", "x/y.log", false, false}, {"x/**", "x/y/z", false, true},
		{"a?c", "abc", false, true}, {"a?c", "a/c", false, false}, {"[!a]", "b", false, true}, {"[!a]", "a", false, false}, {"[a-c]x", "bx", false, true},
		{"b/c", "a/b/c", false, true}, {"a/***", "a", true, true}, {"a/***", "a", false, false}, {"a/***", "a/b/c", false, true}, {"**/a", "a", false, true}, {"**/a", "b/c/a", false, true},
		{"**/a", "ba", false, false}, {`a\b`, `a\b`, false, true}, {"a[!b]c", "a/c", false, false}, {`\*`, "*", false, true}, {`\*`, "a", false, false},
	} {
		r, err := newSyncRule(c.pattern, false)
		if err != nil || r.matches(c.name, c.dir) != c.want {
			t.Errorf("%s and %s: %v", c.pattern, c.name, err)
		}
	}
}

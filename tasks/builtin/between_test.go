package builtin

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

// The modules that work on files, in a directory of another account.
var amongOthers = map[string]struct {
	module string
	args   map[string]any
}{
	"copy, a directory":       {"copy", map[string]any{"src": "tree/", "dest": "HOME/in"}},
	"copy, a directory in it": {"copy", map[string]any{"src": "tree", "dest": "HOME/in", "mode": "0644", "directory_mode": "0755"}},
	"copy, content": {"copy", map[string]any{"content": "new\n", "dest": "HOME/in/file", "mode": "0644",
		"owner": "root", "backup": true}},
	"copy, content in a new": {"copy", map[string]any{"content": "new\n", "dest": "HOME/in/dir/file"}},
	"copy, large":            {"copy", map[string]any{"src": "large", "dest": "HOME/in/file", "owner": "61234"}},
	"copy, on the host":      {"copy", map[string]any{"src": "DIR/from/", "dest": "HOME/in", "remote_src": true}},
	"copy, from theirs":      {"copy", map[string]any{"src": "HOME/in/", "dest": "DIR/to", "remote_src": true}},
	"template":               {"template", map[string]any{"src": "source", "dest": "HOME/in/file"}},
	"lineinfile":             {"lineinfile", map[string]any{"path": "HOME/in/file", "line": "new", "owner": "61234", "mode": "0640"}},
	"blockinfile":            {"blockinfile", map[string]any{"path": "HOME/in/file", "block": "new", "create": true}},
	"replace":                {"replace", map[string]any{"path": "HOME/in/file", "regexp": "theirs", "replace": "new"}},
	"file, a mode":           {"file", map[string]any{"path": "HOME/in/file", "mode": "0666", "owner": "61234"}},
	"file, a directory":      {"file", map[string]any{"path": "HOME/in/dir/sub", "state": "directory", "mode": "0777", "owner": "61234"}},
	"file, everything": {"file", map[string]any{"path": "HOME/in", "state": "directory", "recurse": true,
		"mode": "0777", "owner": "61234"}},
	"file, touched":            {"file", map[string]any{"path": "HOME/in/none", "state": "touch", "mode": "0666"}},
	"file, removed":            {"file", map[string]any{"path": "HOME/in/dir", "state": "absent"}},
	"file, a link":             {"file", map[string]any{"path": "HOME/in/link", "src": "/nowhere", "state": "link", "force": true}},
	"file, a hard link":        {"file", map[string]any{"path": "HOME/in/link", "src": "HOME/in/file", "state": "hard", "force": true}},
	"unarchive":                {"unarchive", map[string]any{"src": "tree.tar", "dest": "HOME/in"}},
	"unarchive, beside theirs": {"unarchive", map[string]any{"src": "tree.tar", "dest": "DIR"}},
	"unarchive, with -C":       {"unarchive", map[string]any{"src": "tree.tar", "dest": "DIR", "extra_opts": []any{"-Chome/in"}}},
	"authorized_key": {"authorized_key", map[string]any{"user": "root", "path": "HOME/in/file",
		"key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBqfq0gLNX0O9jTqfrpT1Yy4bGJ4C7ZQ0qM0e2nXQX5N x", "manage_dir": false}},
}

// bends are what the other account does: H is its directory, R one of root's with the same names.
var bends = map[string]string{
	"what waits":    `for f in H/in/.*; do case $f in */.|*/..) continue ;; esac; mv "$f" "$f~" 2>/dev/null || continue; if [ -d "$f~" ]; then ln -s R "$f"; else ln -s R/file "$f"; fi; done`,
	"the file":      `mv H/in/file H/in/file~ 2>/dev/null; ln -s R/file H/in/file`,
	"a new file":    `ln -s R/none H/in/none; ln -s R/file H/in/link`,
	"the directory": `mv H/in/dir H/in/dir~ 2>/dev/null; ln -s R H/in/dir`,
	"the one above": `mv H/in H/in~; ln -s R H/in`,
	"both names":    `mv H/in H/in~; mkdir H/in; ln -s R H/in/dir; ln -s R/file H/in/file`,
}

// unbends takes that back.
const unbends = `for f in H/in/*~ H/in/.*~ H/in~; do [ -e "$f" ] || [ -L "$f" ] || continue; [ ! -d "${f%~}" ] || [ -L "${f%~}" ] || mv "${f%~}" "${f%~}.$$"; rm -f "${f%~}"; mv "$f" "${f%~}"; done`

// tools are what the scripts call; before each of them the other account may act.
var tools = strings.Fields("awk cat chcon chmod chown cp cut date find gawk grep gzip head id ln ls mawk mkdir mktemp mv " +
	"od readlink rm rmdir sed setpriv sha256sum sort stat sync tail tar tee touch tr xargs")

// TestAnotherAccountActsBetweenTwoCommands has the account that owns the directory which root works in bend a path before one
// of the commands that root's script calls, and in half of the cases bend it back before the next. Nothing of root's may be
// changed or told by that. POLARBOOK_ALL tries every command and every way to bend instead of two; -short tries one, in half
// of the cases.
func TestAnotherAccountActsBetweenTwoCommands(t *testing.T) {
	taskstest.Large(t)
	if os.Getuid() != 0 {
		t.Skip("SKIP: changes owners, so it needs root")
	}
	seed := rand.Uint64()
	dice := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	for name, c := range amongOthers {
		if testing.Short() && dice.IntN(2) == 0 {
			continue
		}
		t.Run(name, func(t *testing.T) {
			try := func(bend string, at int, back bool) int {
				words := taskstest.Shells()[dice.IntN(len(taskstest.Shells()))]
				n, err := amidst(t, words, c.module, c.args, bends[bend], at, back)
				if t.Failed() {
					t.Fatalf("it was %s before command %d of %s, and back: %t (%v)", bend, at, words[0], back, err)
				}
				if bend == "" && err != nil {
					t.Fatal(err)
				}
				return n
			}
			calls := try("", 0, false)
			few := 2
			if testing.Short() {
				few = 1
			}
			for bend := range bends { // in no order
				if few--; few < 0 && os.Getenv("POLARBOOK_ALL") == "" {
					break
				}
				tried := map[int]bool{}
				for at := 1; at <= calls; at++ {
					n := at
					if os.Getenv("POLARBOOK_ALL") == "" {
						if len(tried) == 1 {
							break
						}
						n = 1 + dice.IntN(calls)
					}
					if !tried[n] {
						tried[n] = true
						try(bend, n, dice.IntN(2) == 0)
					}
				}
			}
		})
	}
}

// amidst runs a module while the other account acts before the command of that number, and returns how many there were.
func amidst(t *testing.T, words []string, module string, args map[string]any, bend string, at int, back bool) (int, error) {
	t.Helper()
	dir, err := os.MkdirTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	taskstest.Open(t, dir)
	home, root, wraps := dir+"/home", dir+"/root", dir+"/bin"
	for _, f := range []string{"file", "own", "x", "0", "1", "2", "3", "in/file", "dir/x", "dir/file", "sub/x", "tree/x", "secret"} {
		taskstest.MustWrite(t, root+"/"+f, "secret\n")
	}
	taskstest.MustWrite(t, home+"/in/file", "theirs\n")
	taskstest.MustWrite(t, home+"/in/dir/x", "theirs\n")
	for _, f := range []string{
		"tree/x", "tree/file", "tree/dir/x", "tree/dir/new", "tree/sub/x", "from/x", "from/file", "from/dir/x", "source",
	} {
		taskstest.MustWrite(t, dir+"/"+f, "before\n")
	}
	taskstest.MustWrite(t, dir+"/large", strings.Repeat("large\n", files.InlineLimit/4))
	if out, err := taskstest.Sh(t, fmt.Sprintf("cd %[1]s && chown -R 61234:61234 home && chmod 755 home home/in && "+
		"chmod -R go-rwx root && tar -C tree -cf tree.tar . && mkdir bin", dir)); err != nil {
		t.Fatal(err, out)
	}
	place := strings.NewReplacer("H/", home+"/", "R/", root+"/", "-s R ", "-s "+root+" ")
	taskstest.MustWrite(t, dir+"/bend", place.Replace(bend)+"\n:\n")
	taskstest.MustWrite(t, dir+"/unbend", place.Replace(unbends)+"\n:\n")
	taskstest.MustWrite(t, dir+"/calls", "0\n")
	if out, err := taskstest.Sh(t, "chmod 644 "+dir+"/bend "+dir+"/unbend"); err != nil {
		t.Fatal(err, out)
	}
	for _, tool := range tools {
		path, err := exec.LookPath(tool)
		if err != nil {
			continue
		}
		script := "#!/bin/dash\nread -r n <" + dir + "/calls; n=$((n+1)); echo $n >" + dir + "/calls\n"
		if at > 0 {
			as := "/usr/bin/setpriv --reuid=61234 --regid=61234 --clear-groups -- /bin/dash "
			script += fmt.Sprintf("[ $n != %[2]d ] || %[3]s %[1]s/bend </dev/null >/dev/null 2>&1 7>&- 6>&- 5>&- 4>&-\n", dir, at, as)
			if back {
				script += fmt.Sprintf("[ $n != %d ] || %s %s/unbend </dev/null >/dev/null 2>&1 7>&- 6>&- 5>&- 4>&-\n", at+1, as, dir)
			}
		}
		script += "exec " + path + " \"$@\"\n"
		if err := os.WriteFile(filepath.Join(wraps, tool), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	given := map[string]any{}
	for k, v := range args {
		if s, ok := v.(string); ok {
			v = strings.NewReplacer("HOME", home, "DIR", dir).Replace(s)
		}
		given[k] = v
	}
	list := func() string {
		out, err := taskstest.Sh(t, "cd '"+root+"' && find . -exec stat -c '%n %u:%g %a %F %s %h' {} + && cat file none 2>/dev/null; :")
		if err != nil {
			t.Fatal(err, out)
		}
		return out
	}
	before := list()
	h := &taskstest.LocalHost{Words: append([]string{"env", "PATH=" + wraps + ":" + os.Getenv("PATH")}, words...)}
	err = once(t, h, module, given, &taskstest.FakeLocal{Dir: dir})
	if after := list(); after != before {
		t.Errorf("root's directory was:\n%sand is:\n%s", before, after)
	}
	if out, _ := taskstest.Sh(t, "grep -rlx secret "+home+" "+dir+"/to 2>/dev/null; :"); out != "" {
		t.Errorf("what root alone may read is in %s", out)
	}
	counted, _ := taskstest.Sh(t, "cat "+dir+"/calls")
	n, _ := strconv.Atoi(strings.TrimSpace(counted))
	if out, err := taskstest.Sh(t, "rm -rf "+dir); err != nil {
		t.Fatal(err, out)
	}
	return n, err
}

// once does a task as attempt does, and does not mind what the other account made of it afterwards.
func once(t *testing.T, h *taskstest.LocalHost, module string, args map[string]any, l tasks.Local) error {
	t.Helper()
	a := taskstest.NewAction(t, module, args, l)
	plan, err := taskstest.PlanOn(t, h, a)
	if err != nil || !plan.Change {
		return err
	}
	if applier, ok := a.(tasks.Applier); ok {
		_, err = applier.Apply(t.Context(), h, plan)
		return err
	}
	_, err = files.RunPlan(t.Context(), h, plan)
	return err
}

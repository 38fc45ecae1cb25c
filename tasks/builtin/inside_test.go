package builtin

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

// TestLinksOfOthers has root work in a directory of another account, which put links there.
func TestLinksOfOthers(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIP: changes owners, so it needs root")
	}
	for name, c := range map[string]struct {
		module  string
		args    map[string]any // with HOME for the other account's directory, ROOT for root's
		link    [2]string      // where it is, in HOME, and where it leads
		rooted  bool           // the link is root's own, in a place that only root has
		refused string
		wrote   string // the file that has the new content
	}{
		"copy, a linked directory": {module: "copy", args: map[string]any{"dest": "HOME/dir/file", "content": "new\n"},
			link: [2]string{"HOME/dir", "ROOT"}, refused: "is not followed"},
		"copy, a linked file is replaced": {module: "copy", args: map[string]any{"dest": "HOME/file", "content": "new\n"},
			link: [2]string{"HOME/file", "ROOT/file"}, wrote: "HOME/file"},
		"copy, a linked file, follow": {module: "copy", args: map[string]any{"dest": "HOME/file", "content": "new\n",
			"follow": true}, link: [2]string{"HOME/file", "ROOT/file"}, refused: "is not followed"},
		"copy, follow to what is missing": {module: "copy", args: map[string]any{"dest": "HOME/file", "content": "new\n",
			"follow": true}, link: [2]string{"HOME/file", "ROOT/none"}, refused: "is not followed"},
		"copy, a link to its own": {module: "copy", args: map[string]any{"dest": "HOME/file", "content": "new\n",
			"follow": true}, link: [2]string{"HOME/file", "HOME/own"}, wrote: "HOME/own"},
		"copy, a directory of its own": {module: "copy", args: map[string]any{"dest": "HOME/dir/x", "content": "new\n"},
			link: [2]string{"HOME/dir", "HOME/sub"}, wrote: "HOME/sub/x"},
		"copy, root's link": {module: "copy", args: map[string]any{"dest": "ROOT/link/file", "content": "new\n"},
			link: [2]string{"ROOT/link", "ROOT/inner"}, rooted: true, wrote: "ROOT/inner/file"},
		"copy, a new directory behind a link": {module: "copy", args: map[string]any{"dest": "HOME/dir/x/", "src": "source"},
			link: [2]string{"HOME/dir", "ROOT"}, refused: "is not followed"},
		"lineinfile": {module: "lineinfile", args: map[string]any{"path": "HOME/file", "line": "new"},
			link: [2]string{"HOME/file", "ROOT/file"}, refused: "is not followed"},
		"blockinfile, a linked directory": {module: "blockinfile", args: map[string]any{"path": "HOME/dir/file", "block": "new"},
			link: [2]string{"HOME/dir", "ROOT"}, refused: "is not followed"},
		"file, a mode": {module: "file", args: map[string]any{"path": "HOME/file", "mode": "0666"},
			link: [2]string{"HOME/file", "ROOT/file"}, refused: "is not followed"},
		"file, a directory's owner": {module: "file", args: map[string]any{"path": "HOME/dir", "state": "directory",
			"owner": "61234"}, link: [2]string{"HOME/dir", "ROOT"}, refused: "is not followed"},
		"file, everything in it": {module: "file", args: map[string]any{"path": "HOME", "state": "directory",
			"recurse": true, "owner": "61234", "mode": "0777"}, link: [2]string{"HOME/dir", "ROOT"}},
		"file, a new directory": {module: "file", args: map[string]any{"path": "HOME/dir/new", "state": "directory"},
			link: [2]string{"HOME/dir", "ROOT"}, refused: "is not followed"},
		"file, touched": {module: "file", args: map[string]any{"path": "HOME/file", "state": "touch",
			"mode": "0666"}, link: [2]string{"HOME/file", "ROOT/file"}, refused: "is not followed"},
		"file, removed behind a link": {module: "file", args: map[string]any{"path": "HOME/dir/file", "state": "absent"},
			link: [2]string{"HOME/dir", "ROOT"}, refused: "is not followed"},
		"copy, a directory's file": {module: "copy", args: map[string]any{"dest": "HOME", "src": "tree/"},
			link: [2]string{"HOME/dir", "ROOT"}, refused: "is not followed"},
		"unarchive, another directory": {module: "unarchive", args: map[string]any{"src": "tree.tar", "dest": "DIR",
			"extra_opts": []any{"-Chome/dir"}}, link: [2]string{"HOME/dir", "ROOT"}, refused: "is not followed"},
		"unarchive, its own directory": {module: "unarchive", args: map[string]any{"src": "tree.tar", "dest": "DIR",
			"extra_opts": []any{"--directory=home", "-Cdir"}}, link: [2]string{"HOME/dir", "HOME/sub"}, wrote: "HOME/sub/x"},
		"authorized_key": {module: "authorized_key", args: map[string]any{"user": "root", "path": "HOME/dir/file",
			"key": "ssh-ed25519 AAAA x"}, link: [2]string{"HOME/dir", "ROOT"}, refused: "is not followed"},
		"copy on the host, a directory in it": {module: "copy", args: map[string]any{"src": "ROOT/", "dest": "HOME", "remote_src": true},
			link: [2]string{"HOME/inner", "ROOT"}, refused: "is not followed"},
		"copy on the host, into a new one": {module: "copy", args: map[string]any{"src": "ROOT/", "dest": "HOME/dir/new",
			"remote_src": true}, link: [2]string{"HOME/dir", "ROOT"}, refused: "is not followed"},
		"copy on the host, a linked directory": {module: "copy", args: map[string]any{"src": "HOME/", "dest": "DIR/to",
			"remote_src": true}, link: [2]string{"HOME/dir", "ROOT"}, refused: "is not followed"},
		"copy on the host, a file in it": {module: "copy", args: map[string]any{"src": "HOME/", "dest": "DIR/to",
			"remote_src": true}, link: [2]string{"HOME/dir", "ROOT/file"}, refused: "is not followed"},
		"copy on the host, a linked file": {module: "copy", args: map[string]any{"src": "HOME/dir", "dest": "DIR/to",
			"remote_src": true}, link: [2]string{"HOME/dir", "ROOT/file"}, refused: "is not followed"},
		"copy on the host, the account's own": {module: "copy", args: map[string]any{"src": "DIR/new/", "dest": "HOME",
			"remote_src": true}, link: [2]string{"HOME/inner", "HOME/sub"}, wrote: "HOME/sub/x"},
		"copy on the host, a file over a link": {module: "copy", args: map[string]any{"src": "DIR/new/inner/", "dest": "HOME",
			"remote_src": true}, link: [2]string{"HOME/x", "ROOT/file"}, wrote: "HOME/x"},
	} {
		t.Run(name, func(t *testing.T) {
			taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
				taskstest.Open(t, dir)
				taskstest.MustWrite(t, dir+"/new/inner/x", "new\n")
				home, root := dir+"/home", dir+"/root"
				place := strings.NewReplacer("HOME", home, "ROOT", root, "DIR", dir)
				for _, f := range []string{
					root + "/file", root + "/inner/none", home + "/own", home + "/sub/own", dir + "/source", dir + "/tree/dir/x",
				} {
					taskstest.MustWrite(t, f, "before\n")
				}
				if out, err := taskstest.Sh(t, "cd "+dir+" && tar -C new/inner -cf tree.tar x"); err != nil {
					t.Fatal(err, out)
				}
				for _, f := range []string{home, home + "/own", home + "/sub", home + "/sub/own"} {
					if err := os.Chown(f, taskstest.Other, taskstest.Other); err != nil {
						t.Fatal(err)
					}
				}
				at := place.Replace(c.link[0])
				if err := os.Symlink(place.Replace(c.link[1]), at); err != nil {
					t.Fatal(err)
				}
				if !c.rooted {
					if err := os.Lchown(at, taskstest.Other, taskstest.Other); err != nil {
						t.Fatal(err)
					}
				}
				args := map[string]any{}
				for k, v := range c.args {
					if s, ok := v.(string); ok {
						v = place.Replace(s)
					}
					args[k] = v
				}
				before := taskstest.Listing(t, root)
				_, _, err := taskstest.Attempt(t, h, c.module, args, &taskstest.FakeLocal{Dir: dir})
				var f *tasks.Failure
				switch {
				case c.refused == "" && err != nil:
					t.Fatal(err)
				case c.refused != "" && (!errors.As(err, &f) || !strings.Contains(f.Msg, c.refused)):
					t.Errorf("got %v, want it refused: %q", err, c.refused)
				}
				if !c.rooted {
					if after := taskstest.Listing(t, root); after != before {
						t.Errorf("root's directory was:\n%sand is:\n%s", before, after)
					}
				}
				if c.wrote != "" {
					if b, err := os.ReadFile(place.Replace(c.wrote)); err != nil || string(b) != "new\n" {
						t.Errorf("%s: %q, %v", c.wrote, b, err)
					}
				}
				if left, _ := filepath.Glob(home + "/.polarbook*"); len(left) > 0 {
					t.Errorf("left: %v", left)
				}
			})
		})
	}
}

// TestCopyOnTheHostWithLinks copies a directory whose links lead to a file, a directory, nothing and back up.
func TestCopyOnTheHostWithLinks(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		taskstest.MustWrite(t, dir+"/source/sub/file", "x")
		taskstest.MustWrite(t, dir+"/elsewhere/file", "y")
		for name, to := range map[string]string{"file": "sub/file", "dir": "../elsewhere", "none": "no where"} {
			if err := os.Symlink(to, dir+"/source/"+name); err != nil {
				t.Fatal(err)
			}
		}
		l := &taskstest.FakeLocal{Dir: dir}
		args := map[string]any{"src": dir + "/source/", "dest": dir + "/to", "remote_src": true}
		taskstest.MustChange(t, h, "copy", args, l)
		taskstest.MustNotChange(t, h, "copy", args, l)
		out, err := taskstest.Sh(t, "cd '"+dir+"/to' && cat file dir/file sub/file && readlink none && [ ! -L file ] && "+
			"[ ! -L dir ] && ls -A . sub | grep polarbook || :")
		if err != nil || out != "xyxno where\n" {
			t.Errorf("got %q, %v", out, err)
		}
		if err := os.Symlink("..", dir+"/source/sub/up"); err != nil {
			t.Fatal(err)
		}
		taskstest.MustFail(t, h, "copy", args, l, "leads up")
	})
}

func TestDirectoryWithALinkToNothing(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		taskstest.MustWrite(t, dir+"/source/sub/file", "x")
		if err := os.Symlink("nowhere", dir+"/source/sub/link"); err != nil {
			t.Fatal(err)
		}
		l := &taskstest.FakeLocal{Dir: dir}
		args := map[string]any{"src": "source/", "dest": dir + "/to"}
		taskstest.MustChange(t, h, "copy", args, l)
		taskstest.MustNotChange(t, h, "copy", args, l)
		if to, err := os.Readlink(dir + "/to/sub/link"); err != nil || to != "nowhere" {
			t.Errorf("the link is %q, %v", to, err)
		}
	})
}

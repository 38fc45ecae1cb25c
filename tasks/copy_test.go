package tasks

import (
	"bytes"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCopyContent(t *testing.T) {
	eachShell(t, func(t *testing.T, h *localHost, dir string) {
		l := &fakeLocal{diff: true}
		f := filepath.Join(dir, "it's a file")
		args := map[string]any{"content": "a\nb\n", "dest": f, "mode": "0640"}
		mustChange(t, h, "copy", args, l)
		if got := read(t, f); got != "a\nb\n" {
			t.Errorf("content %q", got)
		}
		args["mode"] = "0600"
		plan, _ := mustChange(t, h, "copy", args, l)
		if plan.Stdin != nil {
			t.Error("the content was sent again for a mode")
		}
		args["content"], args["backup"] = "a\nc\n", true
		plan, _ = mustChange(t, h, "copy", args, l)
		if d := plan.Diff[0]; d.Before != "a\nb\n" || d.After != "a\nc\n" {
			t.Errorf("diff %+v", d)
		}
		backup, _ := plan.Values["backup_file"].(string)
		if read(t, backup) != "a\nb\n" {
			t.Error("no backup")
		}
		if info, _ := os.Stat(f); info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v", info.Mode())
		}
		args["content"], args["force"] = "other", false
		mustNotChange(t, h, "copy", args, l)
		delete(args, "mode")
		args["force"], args["backup"] = true, false
		mustChange(t, h, "copy", args, l)
		if info, _ := os.Stat(f); info.Mode().Perm() != 0o600 {
			t.Errorf("a mode that was not asked for became %v", info.Mode())
		}
		args["content"], args["validate"] = "bad", "grep -q good %s"
		mustFail(t, h, "copy", args, l, "refused by its validate command")
		if read(t, f) != "other" {
			t.Error("refused content is there")
		}
		if left, _ := filepath.Glob(filepath.Join(dir, ".polarbook*")); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
		mustFail(t, h, "copy", map[string]any{"content": "x", "dest": dir}, l, "is a directory")
		mustFail(t, h, "copy", map[string]any{"content": "x", "dest": dir + "/no/f"}, l, "does not exist")
		mustChange(t, h, "copy", map[string]any{"content": map[string]any{"a": 1, "b": []any{"é", "<😀>", nil, true, 0.5}}, "dest": dir + "/j"}, l)
		if read(t, dir+"/j") != `{"a": 1, "b": ["\u00e9", "<\ud83d\ude00>", null, true, 0.5]}` {
			t.Errorf("JSON %s", read(t, dir+"/j"))
		}
		if info, _ := os.Stat(dir + "/j"); info.Mode().Perm() != 0o644 {
			t.Errorf("a new file's mode is %v", info.Mode())
		}
	})
}

func TestCopyFollowsLinksWhenTold(t *testing.T) {
	eachShell(t, func(t *testing.T, h *localHost, dir string) {
		l := &fakeLocal{}
		write(t, dir+"/real", "old", 0o644)
		if err := os.Symlink("real", dir+"/link"); err != nil {
			t.Fatal(err)
		}
		mustChange(t, h, "copy", map[string]any{"content": "new", "dest": dir + "/link", "follow": true}, l)
		if read(t, dir+"/real") != "new" {
			t.Error("the link's target was not written")
		}
		mustChange(t, h, "copy", map[string]any{"content": "newer", "dest": dir + "/link"}, l)
		if info, _ := os.Lstat(dir + "/link"); !info.Mode().IsRegular() || read(t, dir+"/real") != "new" {
			t.Error("the link was not replaced by the file")
		}
	})
}

func TestCopyFiles(t *testing.T) {
	eachShell(t, func(t *testing.T, h *localHost, dir string) {
		local := t.TempDir()
		l := &fakeLocal{dir: local}
		write(t, local+"/small", "small", 0o755)
		big := make([]byte, inlineLimit+1)
		rand.Read(big)
		write(t, local+"/big", string(big), 0o644)
		mustChange(t, h, "copy", map[string]any{"src": "small", "dest": dir, "mode": "preserve"}, l)
		if info, err := os.Stat(dir + "/small"); err != nil || info.Mode().Perm() != 0o755 {
			t.Errorf("%v", err)
		}
		mustNotChange(t, h, "copy", map[string]any{"src": "small", "dest": dir}, l)
		mustChange(t, h, "copy", map[string]any{"src": "small", "dest": dir + "/new/"}, l)
		mustChange(t, h, "copy", map[string]any{"src": "big", "dest": dir + "/large", "mode": "0600"}, l)
		if got := []byte(read(t, dir+"/large")); !bytes.Equal(got, big) {
			t.Error("the large file arrived otherwise")
		}
		mustNotChange(t, h, "copy", map[string]any{"src": "big", "dest": dir + "/large"}, l)
		mustChange(t, h, "copy", map[string]any{"src": "big", "dest": dir + "/large", "mode": "0644"}, l)
		if h.uploads != 1 {
			t.Errorf("%d uploads, want 1", h.uploads)
		}
	})
}

func TestCopyDirectory(t *testing.T) {
	eachShell(t, func(t *testing.T, h *localHost, dir string) {
		local := t.TempDir()
		l := &fakeLocal{dir: local}
		for name, content := range map[string]string{"tree/a": "a", "tree/sub/b c": "b", "tree/sub/~d": "d", "tree/-e": ""} {
			if err := os.MkdirAll(filepath.Dir(filepath.Join(local, name)), 0o755); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(local, name), content, 0o644)
		}
		args := map[string]any{"src": "tree", "dest": dir + "/to", "mode": "0600", "directory_mode": "0700"}
		mustChange(t, h, "copy", args, l)
		for _, made := range []string{"/to", "/to/tree", "/to/tree/sub"} {
			if info, err := os.Stat(dir + made); err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("%s: %v %v, want directory_mode", made, info.Mode(), err)
			}
		}
		if read(t, dir+"/to/tree/sub/b c") != "b" || read(t, dir+"/to/tree/sub/~d") != "d" {
			t.Error("the files are not there")
		}
		mustNotChange(t, h, "copy", args, l)
		write(t, dir+"/to/tree/a", "changed", 0o600)
		write(t, dir+"/to/tree/other", "not ours", 0o600)
		if err := os.Chmod(dir+"/to/tree/-e", 0o644); err != nil {
			t.Fatal(err)
		}
		plan, _ := mustChange(t, h, "copy", args, l)
		if data := plan.Data.(treePlan); len(data.send) != 1 {
			t.Errorf("%d files sent, one differs", len(data.send))
		}
		if read(t, dir+"/to/tree/other") != "not ours" || read(t, dir+"/to/tree/a") != "a" {
			t.Error("the wrong file was changed")
		}
		mustChange(t, h, "copy", map[string]any{"src": "tree/", "dest": dir + "/to"}, l)
		if read(t, dir+"/to/sub/b c") != "b" {
			t.Error("a source with a slash is what is in it")
		}
		if left, _ := filepath.Glob(dir + "/to/.polarbook*"); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	})
}

func TestCopyOnTheHost(t *testing.T) {
	eachShell(t, func(t *testing.T, h *localHost, dir string) {
		l := &fakeLocal{}
		write(t, dir+"/a", "text", 0o640)
		mustChange(t, h, "copy", map[string]any{"src": dir + "/a", "dest": dir + "/b", "remote_src": true, "mode": "preserve"}, l)
		mustNotChange(t, h, "copy", map[string]any{"src": dir + "/a", "dest": dir + "/b", "remote_src": true}, l)
		if read(t, dir+"/a") != "text" || read(t, dir+"/b") != "text" {
			t.Error("not copied")
		}
		mustFail(t, h, "copy", map[string]any{"src": dir + "/none", "dest": dir + "/b", "remote_src": true}, l, "does not exist on the host")
		if err := os.MkdirAll(dir+"/tree/sub dir", 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, dir+"/tree/sub dir/x\ny", "1", 0o644)
		mustChange(t, h, "copy", map[string]any{"src": dir + "/tree/", "dest": dir + "/copy", "remote_src": true, "directory_mode": "0700"}, l)
		if read(t, dir+"/copy/sub dir/x\ny") != "1" {
			t.Error("the tree was not copied")
		}
		write(t, dir+"/tree/sub dir/x\ny", "2", 0o644)
		mustChange(t, h, "copy", map[string]any{"src": dir + "/tree/", "dest": dir + "/copy", "remote_src": true}, l)
		if err := os.Chmod(dir+"/tree/sub dir", 0o750); err != nil {
			t.Fatal(err)
		}
		mustChange(t, h, "copy", map[string]any{"src": dir + "/tree/", "dest": dir + "/alike", "remote_src": true}, l)
		if info, err := os.Stat(dir + "/alike/sub dir"); err != nil || info.Mode().Perm() != 0o750 {
			t.Errorf("a directory is copied with other permissions: %v %v", info.Mode(), err)
		}
		mustNotChange(t, h, "copy", map[string]any{"src": dir + "/tree/", "dest": dir + "/copy", "remote_src": true}, l)
	})
}

func TestTemplate(t *testing.T) {
	eachShell(t, func(t *testing.T, h *localHost, dir string) {
		local := t.TempDir()
		l := &fakeLocal{dir: local, vars: map[string]any{"port": 5432}, diff: true}
		write(t, local+"/conf.j2", "# {{ ansible_managed }}\nport = {{ port }}\n", 0o644)
		mustChange(t, h, "template", map[string]any{"src": "conf.j2", "dest": dir + "/conf", "mode": "0600"}, l)
		if read(t, dir+"/conf") != "# Ansible managed\nport = 5432\n" {
			t.Error(read(t, dir+"/conf"))
		}
		write(t, local+"/conf.j2", "port = {{ port }}\n", 0o644)
		l.vars["port"] = strings.Repeat("9", inlineLimit)
		mustChange(t, h, "template", map[string]any{"src": "conf.j2", "dest": dir + "/conf"}, l)
		if h.uploads != 1 || len(read(t, dir+"/conf")) != inlineLimit+8 {
			t.Error("a large text was not uploaded")
		}
	})
}

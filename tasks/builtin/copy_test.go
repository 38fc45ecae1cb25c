package builtin

import (
	"bytes"
	"crypto/rand"
	"crypto/sha1"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/taskstest"
	"github.com/polarbook/polarbook/templates/ordered"
)

func TestCopyContent(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		l := &taskstest.FakeLocal{Diffing: true}
		f := filepath.Join(dir, "it's a file")
		args := map[string]any{"content": "a\nb\n", "dest": f, "mode": "0640"}
		taskstest.MustChange(t, h, "copy", args, l)
		if got := taskstest.Read(t, f); got != "a\nb\n" {
			t.Errorf("content %q", got)
		}
		args["mode"] = "0600"
		plan, _ := taskstest.MustChange(t, h, "copy", args, l)
		if plan.Stdin != nil {
			t.Error("the content was sent again for a mode")
		}
		args["content"], args["backup"] = "a\nc\n", true
		plan, _ = taskstest.MustChange(t, h, "copy", args, l)
		if d := plan.Diff[0]; d.Before != "a\nb\n" || d.After != "a\nc\n" {
			t.Errorf("diff %+v", d)
		}
		backup, _ := plan.Values["backup_file"].(string)
		if taskstest.Read(t, backup) != "a\nb\n" {
			t.Error("no backup")
		}
		if info, _ := os.Stat(f); info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v", info.Mode())
		}
		args["content"], args["force"] = "other", false
		taskstest.MustNotChange(t, h, "copy", args, l)
		delete(args, "mode")
		args["force"], args["backup"] = true, false
		taskstest.MustChange(t, h, "copy", args, l)
		if info, _ := os.Stat(f); info.Mode().Perm() != 0o600 {
			t.Errorf("a mode that was not asked for became %v", info.Mode())
		}
		args["content"], args["validate"] = "bad", "grep -q good %s"
		taskstest.MustFail(t, h, "copy", args, l, "refused by its validate command")
		if taskstest.Read(t, f) != "other" {
			t.Error("refused content is there")
		}
		if left, _ := filepath.Glob(filepath.Join(dir, ".polarbook*")); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
		taskstest.MustFail(t, h, "copy", map[string]any{"content": "x", "dest": dir}, l, "is a directory")
		taskstest.MustFail(t, h, "copy", map[string]any{"content": "x", "dest": dir + "/no/f"}, l, "does not exist")
		taskstest.MustChange(t, h, "copy", map[string]any{"content": map[string]any{"a": 1, "b": []any{"é", "<😀>", nil, true, 0.5}},
			"dest": dir + "/j"}, l)
		if taskstest.Read(t, dir+"/j") != `{"a": 1, "b": ["\u00e9", "<\ud83d\ude00>", null, true, 0.5]}` {
			t.Errorf("JSON %s", taskstest.Read(t, dir+"/j"))
		}
		written := ordered.Of("z", 1, "b", []any{ordered.Of("y", 1, "a", 2)}, "a", nil)
		taskstest.MustChange(t, h, "copy", map[string]any{"content": written, "dest": dir + "/ordered"}, l)
		if taskstest.Read(t, dir+"/ordered") != `{"z": 1, "b": [{"y": 1, "a": 2}], "a": null}` {
			t.Errorf("JSON %s", taskstest.Read(t, dir+"/ordered"))
		}
		if info, _ := os.Stat(dir + "/j"); info.Mode().Perm() != 0o644 {
			t.Errorf("a new file's mode is %v", info.Mode())
		}
	})
}

func TestCopyFollowsLinksWhenTold(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		l := &taskstest.FakeLocal{}
		taskstest.Write(t, dir+"/real", "old", 0o644)
		if err := os.Symlink("real", dir+"/link"); err != nil {
			t.Fatal(err)
		}
		taskstest.MustChange(t, h, "copy", map[string]any{"content": "new", "dest": dir + "/link", "follow": true}, l)
		if taskstest.Read(t, dir+"/real") != "new" {
			t.Error("the link's target was not written")
		}
		taskstest.MustChange(t, h, "copy", map[string]any{"content": "newer", "dest": dir + "/link"}, l)
		if info, _ := os.Lstat(dir + "/link"); !info.Mode().IsRegular() || taskstest.Read(t, dir+"/real") != "new" {
			t.Error("the link was not replaced by the file")
		}
	})
}

func TestCopyFiles(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		local := t.TempDir()
		l := &taskstest.FakeLocal{Dir: local}
		taskstest.Write(t, local+"/small", "small", 0o755)
		big := make([]byte, files.InlineLimit+1)
		rand.Read(big)
		taskstest.Write(t, local+"/big", string(big), 0o644)
		taskstest.MustChange(t, h, "copy", map[string]any{"src": "small", "dest": dir, "mode": "preserve"}, l)
		if info, err := os.Stat(dir + "/small"); err != nil || info.Mode().Perm() != 0o755 {
			t.Errorf("%v", err)
		}
		taskstest.MustNotChange(t, h, "copy", map[string]any{"src": "small", "dest": dir}, l)
		taskstest.MustChange(t, h, "copy", map[string]any{"src": "small", "dest": dir + "/new/"}, l)
		taskstest.MustChange(t, h, "copy", map[string]any{"src": "big", "dest": dir + "/large", "mode": "0600"}, l)
		if got := []byte(taskstest.Read(t, dir+"/large")); !bytes.Equal(got, big) {
			t.Error("the large file arrived otherwise")
		}
		taskstest.MustNotChange(t, h, "copy", map[string]any{"src": "big", "dest": dir + "/large"}, l)
		taskstest.MustChange(t, h, "copy", map[string]any{"src": "big", "dest": dir + "/large", "mode": "0644"}, l)
		if h.Uploads != 1 {
			t.Errorf("%d uploads, want 1", h.Uploads)
		}
	})
}

func TestCopyDirectory(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		local := t.TempDir()
		l := &taskstest.FakeLocal{Dir: local}
		for name, content := range map[string]string{"tree/a": "a", "tree/sub/b c": "b", "tree/sub/~d": "d", "tree/-e": ""} {
			if err := os.MkdirAll(filepath.Dir(filepath.Join(local, name)), 0o755); err != nil {
				t.Fatal(err)
			}
			taskstest.Write(t, filepath.Join(local, name), content, 0o644)
		}
		args := map[string]any{"src": "tree", "dest": dir + "/to", "mode": "0600", "directory_mode": "0700"}
		taskstest.MustChange(t, h, "copy", args, l)
		for _, made := range []string{"/to", "/to/tree", "/to/tree/sub"} {
			if info, err := os.Stat(dir + made); err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("%s: %v %v, want directory_mode", made, info.Mode(), err)
			}
		}
		if taskstest.Read(t, dir+"/to/tree/sub/b c") != "b" || taskstest.Read(t, dir+"/to/tree/sub/~d") != "d" {
			t.Error("the files are not there")
		}
		taskstest.MustNotChange(t, h, "copy", args, l)
		taskstest.Write(t, dir+"/to/tree/a", "changed", 0o600)
		taskstest.Write(t, dir+"/to/tree/other", "not ours", 0o600)
		if err := os.Chmod(dir+"/to/tree/-e", 0o644); err != nil {
			t.Fatal(err)
		}
		plan, _ := taskstest.MustChange(t, h, "copy", args, l)
		if !strings.HasPrefix(plan.Msg, "copy 1 files of ") {
			t.Errorf("%q, and one differs", plan.Msg)
		}
		if taskstest.Read(t, dir+"/to/tree/other") != "not ours" || taskstest.Read(t, dir+"/to/tree/a") != "a" {
			t.Error("the wrong file was changed")
		}
		taskstest.MustChange(t, h, "copy", map[string]any{"src": "tree/", "dest": dir + "/to"}, l)
		if taskstest.Read(t, dir+"/to/sub/b c") != "b" {
			t.Error("a source with a slash is what is in it")
		}
		if left, _ := filepath.Glob(dir + "/to/.polarbook*"); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	})
}

func TestCopyOnTheHost(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		l := &taskstest.FakeLocal{}
		taskstest.Write(t, dir+"/a", "text", 0o640)
		taskstest.MustChange(t, h, "copy", map[string]any{"src": dir + "/a", "dest": dir + "/b", "remote_src": true, "mode": "preserve"}, l)
		same := taskstest.MustNotChange(t, h, "copy", map[string]any{"src": dir + "/a", "dest": dir + "/b", "remote_src": true}, l)
		if want := fmt.Sprintf("%x", sha1.Sum([]byte(taskstest.Read(t, dir+"/a")))); same.Values["checksum"] != want {
			t.Errorf("checksum %v, want %s", same.Values["checksum"], want)
		}
		if taskstest.Read(t, dir+"/a") != "text" || taskstest.Read(t, dir+"/b") != "text" {
			t.Error("not copied")
		}
		taskstest.MustFail(t, h, "copy", map[string]any{"src": dir + "/none", "dest": dir + "/b", "remote_src": true}, l,
			"does not exist on the host")
		if err := os.MkdirAll(dir+"/tree/sub dir", 0o755); err != nil {
			t.Fatal(err)
		}
		taskstest.Write(t, dir+"/tree/sub dir/x\ny", "1", 0o644)
		taskstest.MustChange(t, h, "copy", map[string]any{"src": dir + "/tree/", "dest": dir + "/copy", "remote_src": true,
			"directory_mode": "0700"}, l)
		if taskstest.Read(t, dir+"/copy/sub dir/x\ny") != "1" {
			t.Error("the tree was not copied")
		}
		taskstest.Write(t, dir+"/tree/sub dir/x\ny", "2", 0o644)
		taskstest.MustChange(t, h, "copy", map[string]any{"src": dir + "/tree/", "dest": dir + "/copy", "remote_src": true}, l)
		if err := os.Chmod(dir+"/tree/sub dir", 0o750); err != nil {
			t.Fatal(err)
		}
		taskstest.MustChange(t, h, "copy", map[string]any{"src": dir + "/tree/", "dest": dir + "/alike", "remote_src": true}, l)
		if info, err := os.Stat(dir + "/alike/sub dir"); err != nil || info.Mode().Perm() != 0o750 {
			t.Errorf("a directory is copied with other permissions: %v %v", info.Mode(), err)
		}
		taskstest.MustNotChange(t, h, "copy", map[string]any{"src": dir + "/tree/", "dest": dir + "/copy", "remote_src": true}, l)
	})
}

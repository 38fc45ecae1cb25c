package builtin

import (
	"encoding/base64"
	"os"
	"testing"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

// A host that is somebody else's says that its file lies elsewhere.
func TestFetchStaysWithinDest(t *testing.T) {
	dest := t.TempDir()
	for _, c := range []struct {
		flat       bool
		path, want string
	}{
		{false, "/var/log/x", dest + "/db1/var/log/x"}, {false, "../../../home/dba/.ssh/authorized_keys", dest + "/db1/home/dba/.ssh/authorized_keys"},
		{false, "/a/../../../etc/passwd", dest + "/db1/etc/passwd"}, {true, "/a/..", dest}, {true, "x/y", dest + "/y"},
	} {
		f := &fetch{fetchArgs: fetchArgs{Src: "/var/log/x", Dest: dest + "/", Flat: c.flat}, host: "db1"}
		found, err := f.Ask(t.Context(), &taskstest.LocalHost{}, tasks.Found{Result: remote.Result{Stdout: []byte(
			"file file 644 0 0 root root 1 0 1 d i\nencoded path\n" + base64.StdEncoding.EncodeToString([]byte(c.path)) + "\n.\n")}})
		if err != nil || found.dest != c.want {
			t.Errorf("%s is written to %s, %v; want %s", c.path, found.dest, err, c.want)
		}
	}
}

func TestFetch(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		src, here := dir+"/it's", t.TempDir()
		taskstest.Write(t, src, "one\n", 0o640)
		l := &taskstest.FakeLocal{Vars: map[string]any{"playbook_dir": here, "inventory_hostname": "db1"}}
		args := map[string]any{"src": src, "dest": "got"}
		_, r := taskstest.MustChange(t, h, "fetch", args, l)
		dest := here + "/got/db1" + src
		if taskstest.Read(t, dest) != "one\n" || r.Values["dest"] != dest || r.Values["checksum"] != r.Values["remote_checksum"] {
			t.Errorf("%v", r.Values)
		}
		taskstest.MustNotChange(t, h, "fetch", args, l)
		taskstest.Write(t, src, "two\n", 0o640)
		if err := os.Chmod(dest, 0o600); err != nil {
			t.Fatal(err)
		}
		taskstest.MustChange(t, h, "fetch", args, l)
		if info, err := os.Stat(dest); err != nil || info.Mode() != 0o600 || taskstest.Read(t, dest) != "two\n" {
			t.Errorf("%v %v", info, err)
		}
		flat := map[string]any{"src": src, "dest": here + "/flat/", "flat": true}
		taskstest.MustChange(t, h, "fetch", flat, l)
		if taskstest.Read(t, here+"/flat/it's") != "two\n" {
			t.Error("another content")
		}
		taskstest.MustChange(t, h, "fetch", map[string]any{"src": src, "dest": here + "/one", "flat": true}, l)
		taskstest.MustFail(t, h, "fetch", map[string]any{"src": src, "dest": here + "/flat", "flat": true}, l, "use a trailing slash")
		taskstest.MustFail(t, h, "fetch", map[string]any{"src": dir + "/no", "dest": here}, l, "the remote file does not exist")
		taskstest.MustFail(t, h, "fetch", map[string]any{"src": dir, "dest": here}, l, "fetch cannot work on directories")
		plan := taskstest.MustNotChange(t, h, "fetch", map[string]any{"src": dir + "/no", "dest": here, "fail_on_missing": false}, l)
		taskstest.MustContain(t, plan.Msg, "not transferring, ignored")
	})
}

package builtin

import (
	"encoding/base64"
	"errors"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

func found(t *testing.T, h *taskstest.LocalHost, args map[string]any) []string {
	t.Helper()
	plan := taskstest.MustNotChange(t, h, "find", args, &taskstest.FakeLocal{})
	names := []string{}
	for _, f := range plan.Values["files"].([]any) {
		names = append(names, f.(map[string]any)["path"].(string))
	}
	if plan.Values["matched"] != len(names) {
		t.Errorf("matched %v of %v", plan.Values["matched"], names)
	}
	slices.Sort(names)
	return names
}

func TestFind(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		if err := os.MkdirAll(dir+"/sub dir", 0o755); err != nil {
			t.Fatal(err)
		}
		taskstest.Write(t, dir+"/a.log", "12345", 0o600)
		taskstest.Write(t, dir+"/.hidden.log", "", 0o600)
		taskstest.Write(t, dir+"/sub dir/it's\nb.log", "1234567890123", 0o600)
		taskstest.Write(t, dir+"/sub dir/c.txt", "", 0o600)
		old := time.Now().Add(-48 * time.Hour)
		if err := os.Chtimes(dir+"/a.log", old, old); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			args map[string]any
			want []string
		}{
			{map[string]any{}, []string{"/a.log"}},
			{map[string]any{"hidden": true}, []string{"/.hidden.log", "/a.log"}},
			{map[string]any{"recurse": true, "patterns": "*.log"}, []string{"/a.log", "/sub dir/it's\nb.log"}},
			{map[string]any{"recurse": true, "excludes": "*.log"}, []string{"/sub dir/c.txt"}},
			{map[string]any{"recurse": true, "use_regex": true, "patterns": `^[ac]\.\w{3}$`}, []string{"/a.log", "/sub dir/c.txt"}},
			{map[string]any{"recurse": true, "use_regex": true, "patterns": `^[ac]\.(?!log)\w{3}\Z`}, []string{"/sub dir/c.txt"}},
			{map[string]any{"file_type": "directory"}, []string{"/sub dir"}},
			{map[string]any{"recurse": true, "age": "1d"}, []string{"/a.log"}},
			{map[string]any{"recurse": true, "age": "-1h", "patterns": "*.txt"}, []string{"/sub dir/c.txt"}},
			{map[string]any{"recurse": true, "size": "6"}, []string{"/sub dir/it's\nb.log"}},
			{map[string]any{"file_type": "directory", "size": "1g"}, []string{"/sub dir"}},
			{map[string]any{"recurse": true, "patterns": "[!c]*.*"}, []string{"/a.log", "/sub dir/it's\nb.log"}},
			{map[string]any{"recurse": true, "contains": "12"}, []string{"/a.log", "/sub dir/it's\nb.log"}},
			{map[string]any{"recurse": true, "contains": "2345(?!6)"}, []string{}},
			{map[string]any{"recurse": true, "contains": "2345(?!6)", "read_whole_file": true}, []string{"/a.log"}},
			{map[string]any{"mode": "0600"}, []string{"/a.log"}},
			{map[string]any{"mode": "u=rw"}, []string{"/a.log"}},
			{map[string]any{"mode": "0400"}, []string{}},
			{map[string]any{"mode": "0400", "exact_mode": false}, []string{"/a.log"}},
			{map[string]any{"hidden": true, "limit": 1, "patterns": "a*"}, []string{"/a.log"}},
			{map[string]any{"recurse": true, "size": "-1"}, []string{"/sub dir/c.txt"}},
		} {
			c.args["paths"] = dir
			for i := range c.want {
				c.want[i] = dir + c.want[i]
			}
			if got := found(t, h, c.args); !reflect.DeepEqual(got, c.want) {
				t.Errorf("%v: %q, want %q", c.args, got, c.want)
			}
		}
		plan := taskstest.MustNotChange(t, h, "find", map[string]any{"paths": []any{dir + "/none", dir}, "get_checksum": true},
			&taskstest.FakeLocal{})
		f := plan.Values["files"].([]any)[0].(map[string]any)
		if f["checksum"] != "8cb2237d0679ca88db6464eac60da96345513964" || f["mode"] != "0600" {
			t.Errorf("%v", f)
		}
		if skipped := plan.Values["skipped_paths"].(map[string]any); len(skipped) != 1 {
			t.Errorf("%v", skipped)
		}
	})
}

func TestSlurpAndGetent(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		l := &taskstest.FakeLocal{}
		taskstest.Write(t, dir+"/bin", "a\x00b\n\n", 0o600)
		plan := taskstest.MustNotChange(t, h, "slurp", map[string]any{"src": dir + "/bin"}, l)
		if plan.Values["content"] != base64.StdEncoding.EncodeToString([]byte("a\x00b\n\n")) {
			t.Errorf("%v", plan.Values)
		}
		taskstest.MustFail(t, h, "slurp", map[string]any{"src": dir + "/none"}, l, "does not exist")
		taskstest.MustFail(t, h, "slurp", map[string]any{"src": dir}, l, "is a directory")
		plan = taskstest.MustNotChange(t, h, "getent", map[string]any{"database": "passwd", "key": "root"}, l)
		table := plan.Values["ansible_facts"].(map[string]any)["getent_passwd"].(map[string]any)
		if root, _ := table["root"].([]any); len(root) != 6 || root[1] != "0" {
			t.Errorf("%v", table)
		}
		taskstest.MustFail(t, h, "getent", map[string]any{"database": "passwd", "key": "no-such-user"}, l, "passwd has no no-such-user")
		taskstest.MustNotChange(t, h, "getent", map[string]any{"database": "passwd", "key": "no-such-user", "fail_key": false}, l)
	})
}

func TestFindRefusals(t *testing.T) {
	for arg, args := range map[string]map[string]any{
		"limit": {"limit": 0},
		"mode":  {"mode": 0o640},
		"size":  {"size": "10kb"},
		"age":   {"age": "2days"},
	} {
		args["paths"] = "/tmp"
		var refused *tasks.ArgError
		if _, err := findModule.New(args, &taskstest.FakeLocal{}); !errors.As(err, &refused) || refused.Arg != arg {
			t.Errorf("%v: %v", args, err)
		}
	}
}

func TestFindSaysWhatStatDoes(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		taskstest.Write(t, dir+"/a", "1", 0o750)
		if err := os.Mkdir(dir+"/b", 0o700); err != nil {
			t.Fatal(err)
		}
		l := &taskstest.FakeLocal{}
		for _, name := range []string{"a", "b"} {
			plan := taskstest.MustNotChange(t, h, "find", map[string]any{"paths": dir, "patterns": name, "file_type": "any"}, l)
			file := plan.Values["files"].([]any)[0].(map[string]any)
			stat := taskstest.MustNotChange(t, h, "stat", map[string]any{"path": dir + "/" + name}, l).Values["stat"].(map[string]any)
			for key, value := range stat {
				right := len(key) == 4 && strings.HasSuffix(key, "usr") || strings.HasSuffix(key, "grp") || strings.HasSuffix(key, "oth")
				if (right || strings.HasPrefix(key, "is")) && file[key] != value {
					t.Errorf("%s: %s is %v, and stat says %v", name, key, file[key], value)
				}
			}
		}
		for msg, args := range map[string]map[string]any{
			"All paths examined":                                 {"paths": dir, "file_type": "any"},
			"Limit of matches reached":                           {"paths": dir, "file_type": "any", "limit": 1},
			"Not all paths examined, check warnings for details": {"paths": []any{dir, dir + "/none"}},
		} {
			if plan := taskstest.MustNotChange(t, h, "find", args, l); plan.Values["msg"] != msg {
				t.Errorf("%v: %v", args, plan.Values["msg"])
			}
		}
	})
}

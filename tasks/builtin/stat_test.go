package builtin

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestStatTable(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		taskstest.Write(t, dir+"/it's", "x\n", 0o4640)
		if err := os.Chmod(dir+"/it's", 0o640|os.ModeSetuid); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("it's", dir+"/link"); err != nil {
			t.Fatal(err)
		}
		taskstest.Write(t, dir+"/timed", "x\n", 0o640)
		if at := time.Unix(1700000000, 250_000_000); os.Chtimes(dir+"/timed", at, at) != nil {
			t.Fatal("no time set")
		}
		if err := os.Symlink("nowhere", dir+"/broken"); err != nil {
			t.Fatal(err)
		}
		kind := "unknown"
		if _, err := exec.LookPath("file"); err == nil {
			kind = "inode/symlink"
		}
		for _, c := range []struct {
			name string
			args map[string]any
			want map[string]any
		}{
			{"nothing", map[string]any{"path": dir + "/none"}, map[string]any{"exists": false}},
			{"a file", map[string]any{"path": dir + "/it's"}, map[string]any{"exists": true, "isreg": true, "isdir": false,
				"islnk": false, "size": 2, "mode": "4640", "isuid": true, "isgid": false, "rusr": true, "roth": false,
				"checksum": "6fcf9dfbd479ed82697fee719b9f8c610a11ff2a"}},
			{"another checksum", map[string]any{"path": dir + "/it's", "checksum_algorithm": "md5"},
				map[string]any{"checksum": "401b30e3b8b5d629635a5c613cdb7919"}},
			{"2.14's own MD5", map[string]any{"path": dir + "/it's", "get_md5": true, "checksum_algorithm": "sha1"},
				map[string]any{"md5": "401b30e3b8b5d629635a5c613cdb7919", "checksum": "6fcf9dfbd479ed82697fee719b9f8c610a11ff2a"}},
			{"no checksum", map[string]any{"path": dir + "/it's", "get_checksum": false}, map[string]any{"checksum": nil}},
			{"a directory", map[string]any{"path": dir}, map[string]any{"isdir": true, "isreg": false, "device_type": 0}},
			{"a device", map[string]any{"path": "/dev/null"}, map[string]any{"ischr": true, "device_type": 259, "blocks": 0}},
			{"times with their parts", map[string]any{"path": dir + "/timed"}, map[string]any{"mtime": 1700000000.25}},
			{"no look at its kind", map[string]any{"path": dir + "/it's", "get_mime": false, "get_attributes": false},
				map[string]any{"mimetype": nil, "attributes": nil, "attr_flags": nil}},
			{"a link", map[string]any{"path": dir + "/link"}, map[string]any{"islnk": true, "isreg": false, "lnk_target": "it's",
				"lnk_source": dir + "/it's", "checksum": nil, "md5": nil, "mimetype": kind}},
			{"what a link leads to", map[string]any{"path": dir + "/link", "follow": true},
				map[string]any{"islnk": false, "isreg": true, "size": 2}},
			{"a link to nowhere", map[string]any{"path": dir + "/broken", "follow": true}, map[string]any{"exists": false}},
		} {
			t.Run(c.name, func(t *testing.T) {
				stat, _ := taskstest.MustNotChange(t, h, "stat", c.args, &taskstest.FakeLocal{}).Values["stat"].(map[string]any)
				for key, want := range c.want {
					got := stat[key]
					if n, ok := got.(int64); ok {
						got = int(n)
					}
					if got != want {
						t.Errorf("%s is %v, want %v", key, got, want)
					}
				}
			})
		}
	})
}

func TestStatRefuses(t *testing.T) {
	taskstest.TestPlan(t, "stat", []taskstest.Case{
		{Name: "no path", Args: map[string]any{"path": ""}, Does: `fails: stat: argument "path" is empty`},
		{Name: "another answer", Args: map[string]any{"path": "/f"}, Found: "stat 81a4 0 0\n", Does: `fails: stat of /f printed "81a4 0 0"`},
	})
}

func TestStat(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		l := &taskstest.FakeLocal{}
		plan := taskstest.MustNotChange(t, h, "stat", map[string]any{"path": dir + "/none"}, l)
		if s := plan.Values["stat"].(map[string]any); s["exists"] != false {
			t.Errorf("%v", s)
		}
		taskstest.Write(t, dir+"/f", "hello", 0o751|os.ModeSetuid)
		s := taskstest.MustNotChange(t, h, "stat", map[string]any{"path": dir + "/f"}, l).Values["stat"].(map[string]any)
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
		s = taskstest.MustNotChange(t, h, "stat", map[string]any{"path": dir + "/link"}, l).Values["stat"].(map[string]any)
		if s["islnk"] != true || s["lnk_target"] != "f" || s["lnk_source"] != dir+"/f" {
			t.Errorf("%v", s)
		}
		s = taskstest.MustNotChange(t, h, "stat", map[string]any{"path": dir + "/link", "follow": true, "checksum_algorithm": "sha256"},
			l).Values["stat"].(map[string]any)
		if s["islnk"] != false || s["checksum"] != files.SumOf([]byte("hello")) {
			t.Errorf("%v", s)
		}
	})
}

func TestStatAttributes(t *testing.T) {
	plan := func(answer string) map[string]any {
		t.Helper()
		const regular = "stat 81a4 0 0 root root 2 7 8 1 1 2 3 8 0 0\n"
		action := taskstest.NewAction(t, "stat", map[string]any{"path": "/f"}, &taskstest.FakeLocal{})
		plan, err := action.Plan(tasks.Found{Result: remote.Result{Stdout: []byte(regular + answer)}})
		if err != nil {
			t.Fatal(err)
		}
		return plan.Values["stat"].(map[string]any)
	}
	s := plan("block 4096\nattributes 3816212914 --i-ad--------e------- /f\n")
	if s["version"] != "3816212914" || s["attr_flags"] != "iade" || fmt.Sprint(s["attributes"]) != "[immutable append nodump extents]" ||
		s["block_size"] != 4096 {
		t.Errorf("%v", s)
	}
	s = plan("block \nattributes \n")
	if v, there := s["version"]; !there || v != nil || s["attr_flags"] != "" || fmt.Sprint(s["attributes"]) != "[]" ||
		s["mimetype"] != "unknown" {
		t.Errorf("where lsattr and file say nothing: %v", s)
	}
}

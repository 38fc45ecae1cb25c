package builtin

import (
	"os"
	"testing"

	"github.com/polarbook/polarbook/tasks/files"
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
		if err := os.Symlink("nowhere", dir+"/broken"); err != nil {
			t.Fatal(err)
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
			{"a directory", map[string]any{"path": dir}, map[string]any{"isdir": true, "isreg": false}},
			{"a link", map[string]any{"path": dir + "/link"}, map[string]any{"islnk": true, "isreg": false, "lnk_target": "it's",
				"lnk_source": dir + "/it's"}},
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

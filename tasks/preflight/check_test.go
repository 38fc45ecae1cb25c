package preflight

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

// checked returns what the module says of this machine, reached through one kind of shell.
func checked(t *testing.T, h *taskstest.LocalHost, args map[string]any, l tasks.Local) (checkRows, map[string]any) {
	t.Helper()
	plan, err := taskstest.PlanOn(t, h, taskstest.NewAction(t, "polardb_check", args, l))
	if err != nil {
		t.Fatal(err)
	}
	if plan.Change {
		t.Error("a check wants to change something")
	}
	return readReported(plan.Values).Checks, plan.Values
}

func (r checkRows) named(t *testing.T, name string) checkRow {
	t.Helper()
	for _, row := range r {
		if row.Name == name {
			return row
		}
	}
	t.Fatalf("there is no check %q among %v", name, r)
	return checkRow{}
}

// TestCheckThisMachine runs the real script: every shell must give the whole answer, and change nothing.
func TestCheckThisMachine(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		taken, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer taken.Close()
		port := taken.Addr().(*net.TCPAddr).Port
		if port > 55535 {
			t.Skip("the kernel gave a port that no node can have")
		}
		args := map[string]any{
			"pgdata": dir + "/a-b/pgdata", "polardata": dir + "/a-c/polardata", "home": dir + "/opt/polardb", "user": "nobody", "port": port,
			"nodes":         []any{map[string]any{"name": "here", "address": "127.0.0.1", "port": port}},
			"sysctl":        map[string]any{"vm.swappiness": 101, "no.such": 1},
			"min_memory_mb": 1, "min_free_mb": 1, "secrets": map[string]any{"polardb_password": "secret-x", "polardb_replication_password": ""},
		}
		l := &taskstest.FakeLocal{Dir: dir}
		rows, values := checked(t, h, args, l)
		if left, _ := filepath.Glob(dir + "/*"); len(left) != 0 {
			t.Errorf("the check left %v behind", left)
		}
		for _, want := range []checkRow{
			{Name: "client port", Status: statusFail}, {Name: "consensus port", Status: statusPass}, {Name: "data", Status: statusPass},
			{Name: dir + "/a-b/pgdata", Status: statusPass}, {Name: "account", Status: statusPass}, {Name: "memory", Status: statusPass},
			{Name: "vm.swappiness", Status: statusWarn}, {Name: "no.such", Status: statusWarn}, {Name: "SSH forwarding", Status: statusPass},
			{Name: "polardb_replication_password", Status: statusFail}, {Name: "polardb_password", Status: statusPass},
			{Name: "clock", Status: statusPass},
			{Name: "package", Status: statusFail}, {Name: "inventory", Status: statusPass},
		} {
			if got := rows.named(t, want.Name); got.Status != want.Status {
				t.Errorf("%s is %+v, want %s", want.Name, got, want.Status)
			}
		}
		if who := rows.named(t, "client port").Found; !strings.Contains(who, "preflight.test") {
			t.Errorf("the port is held by this test, and the check says: %s", who)
		}
		for _, key := range []string{"architecture", "timezone", "name", "address"} {
			if values[key] == "" {
				t.Errorf("%s is empty", key)
			}
		}
		if all := rows.with(statusFail); strings.Contains(summary(all), "secret-x") || len(l.Secrets) != 1 {
			t.Errorf("a password shows, or was not noted to be masked: %v", all)
		}
	})
}

// TestCheckScriptIsQuiet holds the script to writing nothing to standard error, which a user would take for trouble.
func TestCheckScriptIsQuiet(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		a := taskstest.NewAction(t, "polardb_check", map[string]any{
			"pgdata":    dir + "/p",
			"polardata": dir + "/q",
			"nodes":     []any{},
		}, &taskstest.FakeLocal{Dir: dir})
		r, err := h.Run(context.Background(), remote.Command{Script: a.Probe()})
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Stderr) > 0 || r.Status != 0 {
			t.Errorf("exit %d, stderr: %s", r.Status, r.Stderr)
		}
	})
}

// TestCheckAFileSystemThatDoesNotAnswer has df fail for one file system: the others are told all the same.
func TestCheckAFileSystemThatDoesNotAnswer(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		taskstest.MustWrite(t, dir+"/df", `#!/bin/sh
for a do if [ "$a" = /dev/shm ]; then if [ $# -gt 2 ]; then PATH=${PATH#*:} df -Pk /; fi; exit 1; fi; done
PATH=${PATH#*:} exec df "$@"
`)
		if err := os.Chmod(dir+"/df", 0o755); err != nil {
			t.Fatal(err)
		}
		a := taskstest.NewAction(t, "polardb_check", map[string]any{
			"pgdata":    dir + "/p/pgdata",
			"polardata": "/dev/shm/polardata",
			"nodes":     []any{},
		}, &taskstest.FakeLocal{Dir: dir})
		r, err := h.Run(context.Background(), remote.Command{Script: "PATH=" + remote.Quote(dir) + ":$PATH\n" + a.Probe()})
		if err != nil {
			t.Fatal(err)
		}
		host, err := parseCheck(tasks.Found{Result: r})
		if err != nil {
			t.Fatal(err)
		}
		if p := host.Places["pgdata"]; p.TotalKB == 0 || p.Mount == "" || p.Type == "" || p.Existing != dir {
			t.Errorf("pgdata is on %+v", p)
		}
		if p := host.Places["polardata"]; p.TotalKB != 0 || p.Existing != "/dev/shm" {
			t.Errorf("polardata, whose file system does not answer, is on %+v", p)
		}
	})
}

// TestCheckWhoseDirectories has the node's paths lie below what another account could replace.
func TestCheckWhoseDirectories(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIP: changes owners, so it needs root")
	}
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		taskstest.Open(t, dir)
		for _, f := range []string{"stranger/inner", "engine", "linked", "shared"} {
			if err := os.MkdirAll(dir+"/"+f, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		for f, uid := range map[string]int{"stranger": taskstest.Other, "engine": taskstest.Nobody} {
			if err := os.Chown(dir+"/"+f, uid, uid); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Symlink(dir+"/linked", dir+"/stranger/link"); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir+"/shared", 0o777); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct{ pgdata, home, row, found string }{
			{"engine/pgdata", "opt/polardb", "", ""},
			{"stranger/inner/pgdata", "opt/polardb", "owners above pgdata", "stranger belongs to the user with the number 61234"},
			{"stranger/none/yet/pgdata", "opt/polardb", "owners above pgdata", "stranger belongs to"},
			{"stranger/link/pgdata", "opt/polardb", "owners above pgdata", "leads through a link"},
			{"shared/pgdata", "opt/polardb", "owners above pgdata", "shared can be written to by everybody (mode 777)"},
			{"engine/pgdata", "engine/home", "owners above home", "engine belongs to nobody"},
			{"engine/pgdata", "stranger/link/home", "owners above home", "leads through a link"},
		} {
			rows, _ := checked(t, h, map[string]any{
				"pgdata":    dir + "/" + c.pgdata,
				"polardata": dir + "/engine/polardata",
				"home":      dir + "/" + c.home,
				"user":      "nobody",
				"nodes":     []any{},
			}, &taskstest.FakeLocal{Dir: dir})
			var about checkRows
			for _, row := range rows {
				if strings.HasPrefix(row.Name, "owners above ") {
					about = append(about, row)
				}
			}
			switch {
			case c.row == "" && len(about) > 0:
				t.Errorf("%s and %s: %v", c.pgdata, c.home, about)
			case c.row != "" && (len(about) != 1 || about[0].Name != c.row || about[0].Status != statusFail ||
				!strings.Contains(about[0].Found, c.found)):
				t.Errorf("%s and %s: got %+v, want %s: %s", c.pgdata, c.home, about, c.row, c.found)
			}
		}
	})
}

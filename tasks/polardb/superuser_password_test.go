package polardb

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

// The engine's account is let in while the password is set, by a line before all others, and pg_hba.conf is as it was
// afterwards, whatever came of it. The statement goes to psql's standard input.
func TestTheSuperusersPasswordOverTheSocket(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		h.Itself = true
		home, pgdata := filepath.Join(dir, "home"), filepath.Join(dir, "it's pgdata")
		for _, d := range []string{filepath.Join(home, "current/bin"), pgdata} {
			if err := os.MkdirAll(d, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		write := func(name, text string, mode os.FileMode) {
			t.Helper()
			if err := os.WriteFile(name, []byte(text), mode); err != nil {
				t.Fatal(err)
			}
		}
		server := exec.Command("sh", "-c", `trap "" HUP; exec sleep 300`)
		server.Dir = pgdata
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = server.Process.Kill(); _ = server.Wait() }()
		socket, err := net.Listen("unix", filepath.Join(dir, ".s.PGSQL.5432"))
		if err != nil {
			t.Fatal(err)
		}
		defer socket.Close()
		hba := filepath.Join(pgdata, "pg_hba.conf")
		n := WantedNode{Name: "node1", Pgdata: pgdata, User: "polardb"}
		s := &setSuperuserPassword{
			args: &superuserPasswordArgs{ClusterArgs: ClusterArgs{LoginUser: "polardb", LoginDB: "postgres"}, Home: home},
		}
		if said := s.on(t.Context(), h, n, "x"); said != "its server does not run" {
			t.Errorf("without a server: %q", said)
		}
		write(filepath.Join(pgdata, "postmaster.pid"), fmt.Sprintf("%d\n%s\n1\n5432\n%s\n*\n", server.Process.Pid, pgdata, dir), 0o600)
		const lines = "local all \"polardb\" scram-sha-256\n# it's kept\nhost all all 127.0.0.1/32 md5\n\n"
		psql := `#!/bin/sh
head -n 1 ` + "'" + strings.ReplaceAll(hba, "'", `'\''`) + "'" +
			` | grep -q '^local all "polardb" peer # polarbook' || { echo 'psql: FATAL:  not let in' >&2; exit 2; }
case "$*" in
*pg_is_in_recovery*) echo %s ;;
*) cat >"$0.told"; printf '%%s\n' "$*" >"$0.args"; echo 'psql: ERROR:  the disk is full' >&2; exit %d ;;
esac
`
		tool := filepath.Join(home, "current/bin/psql")
		for name, c := range map[string]struct {
			before, recovers string
			status           int
			want             string
		}{
			"the leader":               {lines, "f", 0, ""},
			"a follower":               {lines, "t", 0, "it does not lead"},
			"it fails":                 {lines, "f", 3, "psql: ERROR:  the disk is full"},
			"one was cut off before":   {`local all "polardb" peer ` + openMark + "\n" + lines, "f", 0, ""},
			"its last line":            {lines + "host all all all reject\n", "f", 0, ""},
			"nothing else in the file": {"", "f", 0, ""},
		} {
			_ = os.Remove(tool + ".told")
			write(tool, fmt.Sprintf(psql, c.recovers, c.status), 0o700)
			write(hba, c.before, 0o640)
			said := s.on(t.Context(), h, n, "alter role x;\n")
			if said != c.want {
				t.Errorf("%s: %q, want %q", name, said, c.want)
			}
			after, err := os.ReadFile(hba)
			info, errInfo := os.Stat(hba)
			want := strings.ReplaceAll(c.before, `local all "polardb" peer `+openMark+"\n", "")
			if err != nil || errInfo != nil || string(after) != want || info.Mode().Perm() != 0o640 {
				t.Errorf("%s: pg_hba.conf is %q, %v", name, after, info)
			}
			told, _ := os.ReadFile(tool + ".told")
			args, _ := os.ReadFile(tool + ".args")
			if wants := c.recovers == "f"; wants != (string(told) == "alter role x;\n") || strings.Contains(string(args), "alter") {
				t.Errorf("%s: psql was told %q, with the arguments %q", name, told, args)
			}
		}
		left, err := filepath.Glob(filepath.Join(pgdata, "*polarbook*"))
		if err != nil || len(left) > 0 {
			t.Errorf("left behind: %q %v", left, err)
		}
	})
}

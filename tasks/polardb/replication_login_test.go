package polardb

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestReplicationLoginInAFile(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"as polarbook writes it": {
			"polar_enable_dma = on\npolar_dma_repl_user = 'old'\npolar_dma_repl_passwd = 'a''b\\\\c'\npolar_dma_repl_appname = 'x'\n",
			"polar_enable_dma = on\npolar_dma_repl_user = 'new'\npolar_dma_repl_passwd = 's3''cret\\\\ x'\npolar_dma_repl_appname = 'x'\n"},
		"by hand": {"POLAR_dma_repl_passwd 'x' # mine\n#polar_dma_repl_user = a\n",
			"polar_dma_repl_passwd = 's3''cret\\\\ x'\n#polar_dma_repl_user = a\npolar_dma_repl_user = 'new'\n"},
		"twice": {"polar_dma_repl_user=a\npolar_dma_repl_passwd=b\npolar_dma_repl_user=c\n",
			"polar_dma_repl_user = 'new'\npolar_dma_repl_passwd = 's3''cret\\\\ x'\npolar_dma_repl_user = 'new'\n"},
		"no newline at the end": {"polar_enable_dma = on",
			"polar_enable_dma = on\npolar_dma_repl_user = 'new'\npolar_dma_repl_passwd = 's3''cret\\\\ x'\n"},
		"as wanted, and unquoted": {"polar_dma_repl_user = new\npolar_dma_repl_passwd = 's3''cret\\\\ x' # kept\n",
			"polar_dma_repl_user = new\npolar_dma_repl_passwd = 's3''cret\\\\ x' # kept\n"},
	} {
		settings := [][2]string{{"polar_dma_repl_user", "new"}, {"polar_dma_repl_passwd", `s3'cret\ x`}}
		got := withSettings(c.text, settings)
		if got != c.want || withSettings(got, settings) != got {
			t.Errorf("%s: %q", name, got)
		}
	}
	for name, c := range map[string]struct{ text, want string }{
		"a password": {"standby_mode = 'on'\nprimary_conninfo = 'user=replicator password=old host=10.0.0.1 port=5432'\n",
			"standby_mode = 'on'\nprimary_conninfo = 'user=replicator password=n\\\\ ew host=10.0.0.1 port=5432'\n"},
		"in quotes": {"primary_conninfo = 'user=r password = ''o\\\\''ld x'' host=h'\n",
			"primary_conninfo = 'user=r password = n\\\\ ew host=h'\n"},
		"at the end": {"primary_conninfo = 'user=r password=o\\\\ ld'\n", "primary_conninfo = 'user=r password=n\\\\ ew'\n"},
		"none": {"primary_conninfo = 'user=r passfile=''/x y/pgpass'' host=h'\n",
			"primary_conninfo = 'user=r passfile=''/x y/pgpass'' host=h'\n"},
		"a logger's":     {"polar_datamax_mode = standalone\n", "polar_datamax_mode = standalone\n"},
		"not a conninfo": {"primary_conninfo = 'rubbish'\n", "primary_conninfo = 'rubbish'\n"},
	} {
		got := withoutOldPassword(c.text, `n\ ew`)
		if got != c.want || withoutOldPassword(got, `n\ ew`) != got {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// Nothing but the two lines changes, the file keeps its mode, and no diff shows a password.
func TestReplicationLoginOnAHost(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		file := filepath.Join(dir, "polar_dma.conf")
		if err := os.WriteFile(file, []byte("a = 1\npolar_dma_repl_user = 'r'\npolar_dma_repl_passwd = 'old-secret'\n"), 0o640); err != nil {
			t.Fatal(err)
		}
		args := map[string]any{"path": file, "user": "r_rotation", "password": "new-secret"}
		for _, check := range []bool{true, false, false} {
			a, err := replicationLoginModule.New(args, &taskstest.FakeLocal{Checking: check})
			if err != nil {
				t.Fatal(err)
			}
			probed, err := h.Run(t.Context(), remote.Command{Script: a.Probe()})
			if err != nil {
				t.Fatal(err)
			}
			p, err := a.Plan(tasks.Found{Result: probed})
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range p.Diff {
				if !d.Hidden || strings.Contains(d.Before+d.After, "secret") {
					t.Errorf("the diff shows %+v", d)
				}
			}
			if strings.Contains(p.Script, "secret") {
				t.Error("a password is in the script")
			}
			if check || !p.Change {
				continue
			}
			c := remote.Command{Script: p.Script}
			c.Stdin = p.Stdin
			if r, err := h.Run(t.Context(), c); err != nil || r.Status != 0 {
				t.Fatalf("%v %s", err, r.Stderr)
			}
		}
		text, err := os.ReadFile(file)
		info, errInfo := os.Stat(file)
		want := "a = 1\npolar_dma_repl_user = 'r_rotation'\npolar_dma_repl_passwd = 'new-secret'\n"
		if err != nil || errInfo != nil || string(text) != want || info.Mode().Perm() != 0o640 {
			t.Errorf("%q %v", text, info.Mode())
		}
	})
}

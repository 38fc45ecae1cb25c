package templates

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestOldLogFiles runs what the timer runs: old files go, but the newest of each kind, links and what is no log stay.
func TestOldLogFiles(t *testing.T) {
	text, err := Builtin("polardb-logs.service.j2")
	if err != nil {
		t.Fatal(err)
	}
	for _, shell := range [][]string{{"sh"}, {"dash"}, {"bash", "--posix"}, {"busybox", "sh"}} {
		if _, err := exec.LookPath(shell[0]); err != nil {
			continue
		}
		dir := filepath.Join(t.TempDir(), "pg_log")
		unit, err := New(Options{}).File("unit", text, Map{"polardb_cluster": "demo", "polardb_user": "polardb",
			"polardb_log_keep_days": 7, "polardb_log_directory": dir}, DefaultFileOptions())
		if err != nil {
			t.Fatal(err)
		}
		_, command, _ := strings.Cut(unit, "ExecStart=/bin/sh -c '")
		command, _, whole := strings.Cut(command, "'\n")
		if !whole || strings.ContainsAny(command, `'\%`) {
			t.Fatalf("systemd reads this otherwise: %s", command)
		}
		command = strings.ReplaceAll(command, "$$", "$")
		run := func() {
			t.Helper()
			if out, err := exec.Command(shell[0], append(append([]string{}, shell[1:]...), "-c", command)...).CombinedOutput(); err != nil {
				t.Errorf("%v: %v %s", shell, err, out)
			}
		}
		run() // no directory is nothing to do
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		outside := filepath.Join(filepath.Dir(dir), "outside.log")
		for name, days := range map[string]int{
			"postgresql-2026-01-01_error.log": 30, "postgresql-2026-01-02_error.log": 9, "postgresql-2026-01-03_error.log": 6,
			"postgresql-2026-01-04_error.log": 1,
			"postgresql-2025-01-01_audit.log": 400, "postgresql-2025-01-02_audit.log": 390, "postgresql-2026-01-01.csv": 8,
			"postgresql-2026-01-02.csv": 8,
			"-rf 1.log":                 20, "-rf 2.log": 19, "notes.txt": 90, "../outside.log": 90,
		} {
			path := filepath.Join(dir, name)
			when := time.Now().Add(-time.Duration(days)*24*time.Hour - time.Minute)
			if strings.HasSuffix(name, "2.csv") {
				when = when.Add(30 * time.Second)
			}
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(path, when, when); err != nil {
				t.Fatal(err)
			}
		}
		for _, link := range []string{"postgresql-2026-01-00_error.log", "link1.log", "link2.log"} {
			if err := os.Symlink(outside, filepath.Join(dir, link)); err != nil {
				t.Fatal(err)
			}
		}
		run()
		run()
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		var left []string
		for _, e := range entries {
			left = append(left, e.Name())
		}
		want := []string{"-rf 2.log", "link1.log", "link2.log", "notes.txt", "postgresql-2025-01-02_audit.log",
			"postgresql-2026-01-00_error.log", "postgresql-2026-01-02.csv", "postgresql-2026-01-03_error.log", "postgresql-2026-01-04_error.log"}
		if !reflect.DeepEqual(left, want) {
			t.Errorf("%v: left are %q, want %q", shell, left, want)
		}
		if _, err := os.Stat(outside); err != nil {
			t.Errorf("%v: %v", shell, err)
		}
		// A directory that is a link is another's.
		if err := os.Rename(dir, dir+".real"); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(dir+".real", dir); err != nil {
			t.Fatal(err)
		}
		old := time.Now().Add(-1000 * time.Hour)
		if err := os.Chtimes(filepath.Join(dir, "postgresql-2026-01-03_error.log"), old, old); err != nil {
			t.Fatal(err)
		}
		run()
		if _, err := os.Stat(filepath.Join(dir, "postgresql-2026-01-03_error.log")); err != nil {
			t.Errorf("%v: a link to a directory was followed: %v", shell, err)
		}
	}
}

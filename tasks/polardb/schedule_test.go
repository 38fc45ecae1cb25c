package polardb

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestScheduleDoubts(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	at := func(hours int, result string) schedule {
		s := schedule{On: true, Active: true, Since: now.Add(-1000 * time.Hour), Now: now, Late: 26 * time.Hour}
		if result != "" {
			s.Last = scheduledBackup{now.Add(-time.Duration(hours) * time.Hour), result, "x", "words"}
		}
		return s
	}
	recent := func(s *schedule) { s.Since = now.Add(-10 * time.Hour) }
	with := func(s schedule, change func(*schedule)) schedule { change(&s); return s }
	for name, c := range map[string]struct {
		one, two schedule
		want     string
	}{
		"none":                      {schedule{}, schedule{}, ""},
		"one took it":               {at(9, "ok"), at(9, "elsewhere"), ""},
		"it failed":                 {with(at(9, "failed"), recent), with(at(9, "elsewhere"), recent), "node1: the scheduled backup of 2026-11-28T03:00:00Z failed: words"},
		"it failed, and since not":  {at(33, "failed"), at(9, "ok"), ""},
		"it failed after one":       {at(9, "failed"), at(20, "ok"), "node1: the scheduled backup of"},
		"nobody took it":            {at(9, "elsewhere"), at(9, "elsewhere"), "no scheduled backup was taken for 26 hours (polardb_backup_late_hours): there is none yet"},
		"too old":                   {at(30, "ok"), at(30, "elsewhere"), "for 26 hours (polardb_backup_late_hours): the last is of 2026-11-27T06:00:00Z"},
		"just begun":                {with(at(0, ""), func(s *schedule) { s.Since = now.Add(-time.Hour) }), schedule{}, "node2: has no timer for backups"},
		"none yet":                  {at(0, ""), at(0, ""), "there is none yet"},
		"never too old":             {with(at(300, "ok"), func(s *schedule) { s.Late = 0 }), with(at(300, "elsewhere"), func(s *schedule) { s.Late = 0 }), ""},
		"a timer that does not run": {with(at(9, "ok"), func(s *schedule) { s.Active = false }), at(9, "elsewhere"), "node1: its timer for backups does not run"},
	} {
		list := []WantedNode{{Name: "node1"}, {Name: "node2"}, {Name: "gone"}}
		remarks, faults := scheduleDoubts(list, map[string]schedule{"node1": c.one, "node2": c.two})
		got := strings.Join(append(remarks, faults...), "|")
		if c.want == "" && got != "" || !strings.Contains(got, c.want) || strings.Contains(got, "|") {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	s := readSchedule(strings.Split("1795870000\t26\tactive\t1795879000\t1795878000\tok\t20261128T120000Z\tremoved a\tdemo", "\t"))
	if !s.On || !s.Active || s.Late != 26*time.Hour || s.Now.Unix() != 1795879000 || s.Last.When.Unix() != 1795878000 || s.Last.Name != "20261128T120000Z" {
		t.Errorf("%+v", s)
	}
}

// TestBackupToolsWords has the script that a timer starts sort the messages of the engine's tool as backup.yml does.
func TestBackupToolsWords(t *testing.T) {
	text, err := os.ReadFile("../../templates/polardb-backup.sh.j2")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "grep -vE \\\n")
	filter, _, found := strings.Cut(rest, " | head -n 3)")
	if !found {
		t.Fatal("the script does not sort them")
	}
	for _, line := range []string{
		"polar_basebackup: initiating base backup, waiting for checkpoint to complete", "polar_basebackup: checkpoint completed",
		"polar_basebackup: write-ahead log start point: 0/4000060 on timeline 2", `pg_basebackup: created temporary replication slot "pg_basebackup_123"`,
		"polar_basebackup: waiting for background process to finish streaming ...", "polar_basebackup: base backup completed",
		`WARNING:  a labelfile "file-dio:///p/polar_non_exclusive_backup_label" is already on disk`, "HINT:  POLAR: we overwrite it",
		`WARNING:  skipping special file "./.s.PGSQL.5432"`, "NOTICE:  pg_stop_backup complete, all required WAL segments have been archived",
		`WARNING:  could not open file "base/1/2"`, "polar_basebackup: base backup completed badly", "polar_basebackup: could not receive data", "x",
	} {
		command := exec.Command("sh", "-c", "grep -vE "+filter)
		command.Stdin = strings.NewReader(line + "\n")
		out, _ := command.Output()
		if passes := len(out) == 0; passes != harmless.MatchString(line) {
			t.Errorf("%q: harmless %t, by backup.yml %t", line, passes, !passes)
		}
	}
}

// TestLoginIsRead reads the role and the password for replication as the server does.
func TestLoginIsRead(t *testing.T) {
	text, err := os.ReadFile("../../templates/polardb-backup.sh.j2")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "login() {")
	body, _, found := strings.Cut(rest, "\n}\n")
	if !found {
		t.Fatal("there is no login")
	}
	dir := t.TempDir()
	// What the template writes for: replicator, and a b\c'd"é=#'%
	conf := "polar_enable_dma = on\npolar_dma_repl_user = 'replicator'\npolar_dma_repl_passwd = 'a\\\\ b\\\\\\\\c\\\\''d\"é=#\\\\''%'\npolar_dma_repl_appname = 'x'\n"
	if err := os.WriteFile(filepath.Join(dir, "polar_dma.conf"), []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, shell := range [][]string{{"dash"}, {"bash", "--posix"}, {"busybox", "sh"}} {
		if _, err := exec.LookPath(shell[0]); err != nil {
			t.Logf("%s is not here", shell[0])
			continue
		}
		out, err := exec.Command(shell[0], append(shell[1:], "-c", "export LC_ALL=C; pgdata="+dir+"; login() {"+body+"\n}\nlogin polar_dma_repl_user; login polar_dma_repl_passwd")...).Output()
		if want := "replicator\na b\\c'd\"é=#'%\n"; err != nil || string(out) != want {
			t.Errorf("%v: %q, want %q, %v", shell, out, want, err)
		}
	}
}

package polardb

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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
	if !s.On || !s.Active || s.Late != 26*time.Hour || s.Now.Unix() != 1795879000 || s.Last.When.Unix() != 1795878000 ||
		s.Last.Name != "20261128T120000Z" {
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
		out, err := exec.Command(shell[0], append(shell[1:], "-c",
			"export LC_ALL=C; pgdata="+dir+"; login() {"+body+"\n}\nlogin polar_dma_repl_user; login polar_dma_repl_passwd")...).Output()
		if want := "replicator\na b\\c'd\"é=#'%\n"; err != nil || string(out) != want {
			t.Errorf("%v: %q, want %q, %v", shell, out, want, err)
		}
	}
}

// TestBackupScript runs what the timer starts, with tools that answer as the engine's do: who takes the backup, what it leaves, and what
// it says when it cannot.
func TestBackupScript(t *testing.T) {
	program, err := filepath.Abs("../../templates/polardb-backup.sh.j2")
	if err != nil {
		t.Fatal(err)
	}
	// $WAY/NAME is what a statement with this word in it answers.
	const psql = `#!/bin/sh
echo "$PGUSER $PGPASSWORD $*" >>"$WAY/asked"
statement=; while [ $# -gt 0 ]; do [ "$1" = -h ] && host=$2; [ "$1" = -c ] && statement=$2; shift; done
case $statement in
'') read -r line; cat "$WAY/lock"; exec cat >/dev/null ;;
*paxos_role*from*member_status) cat "$WAY/role.$host" ;;
*pg_is_in_recovery*) cat "$WAY/recovery.$host" ;;
*cluster_status*) cat "$WAY/cluster" ;;
*pg_stat_replication*) cat "$WAY/streams" ;;
*pg_tablespace_location*) cat "$WAY/spaces" ;;
*spcname*) echo 'ts "1"' ;;
*current_term*) echo '3|100|100' ;;
*server_version*) echo '11.9|1.1.20|20240430' ;;
*) echo "what? $statement" >&2; exit 1 ;;
esac
`
	const copies = `#!/bin/sh
[ ! -e "$WAY/fails" ] || { cat "$WAY/fails" >&2; exit 1; }
while [ $# -gt 0 ]; do case $1 in -D) pgdata=$2 ;; --polardata=*) polardata=${1#*=} ;; --tablespace-mapping=*) to=${1##*=} ;; -p) port=$2 ;; esac; shift; done
mkdir -p "$polardata/global" "$pgdata/pg_tblspc" && echo control >"$polardata/global/pg_control" && echo 11 >"$pgdata/PG_VERSION"
[ -z "${to:-}" ] || { mkdir -p "$to" && echo rows >"$to/1"; }
echo 'polar_basebackup: write-ahead log start point: 0/4000060 on timeline 2
polar_basebackup: write-ahead log end point: 0/50048C8
polar_basebackup: base backup completed' >&2
cat "$WAY/strange" >&2 2>/dev/null || :
`
	const control = "#!/bin/sh\necho 'Database system identifier:           7123'\n"
	for _, shell := range [][]string{{"dash"}, {"bash", "--posix"}, {"busybox", "sh"}} {
		if _, err := exec.LookPath(shell[0]); err != nil {
			t.Logf("%s is not here", shell[0])
			continue
		}
		dir := t.TempDir()
		write := func(name, text string, mode os.FileMode) {
			t.Helper()
			_ = os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755)
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), mode); err != nil {
				t.Fatal(err)
			}
		}
		write("home/current/bin/psql", psql, 0o755)
		write("home/current/bin/polar_basebackup", copies, 0o755)
		write("home/current/bin/pg_controldata", control, 0o755)
		write("pgdata/polar_dma.conf", "polar_dma_repl_user = 'rep'\npolar_dma_repl_passwd = 'it\\\\''s'\n", 0o600)
		write("polardata/x", "x", 0o600)
		write("state/x", "", 0o600)
		write("backups/x", "", 0o600)
		conf := func(node, host, keep string) string {
			return "state=" + dir + "/state\ndir=" + dir + "/backups\ncluster=demo\nnode=" + node + "\naddress=" + host +
				"\nport=5432\nsuperuser=polardb\npgdata=" + dir +
				"/pgdata\npolardata=" + dir + "/polardata\nhome=" + dir + "/home\nrate=\nkeep=" + keep + "\nkeep_days=0\nlate_hours=26\nca=\n" +
				"member=node1 10.0.0.1 5432\nmember=node2 10.0.0.2 5432\nmember=node3 10.0.0.3 5432\n"
		}
		write("one", conf("node1", "10.0.0.1", "2"), 0o644)
		write("two", conf("node2", "10.0.0.2", "2"), 0o644)
		write("three", conf("node3", "10.0.0.3", "2"), 0o644)
		usual := func() {
			write("way/lock", "t\n", 0o644)
			for host, role := range map[string]string{"1": "2", "2": "0", "3": "0"} {
				write("way/role.10.0.0."+host, role+"\n", 0o644)
				write("way/recovery.10.0.0."+host, map[bool]string{true: "f\n", false: "t\n"}[role == "2"], 0o644)
			}
			write("way/cluster", "10.0.0.1:15432|2|100|9\n10.0.0.2:15432|0|100|5\n10.0.0.3:15432|0|100|3\n", 0o644)
			write("way/streams", "standby_167772162_5432\nstandby_167772163_5432 sslmode=verify-ca\n", 0o644)
			write("way/spaces", "", 0o644)
			_ = os.Remove(dir + "/way/fails")
			_ = os.Remove(dir + "/way/strange")
		}
		run := func(conf string) (last string) {
			t.Helper()
			command := exec.Command(shell[0], append(shell[1:], program, filepath.Join(dir, conf))...)
			command.Env = append(os.Environ(), "WAY="+dir+"/way")
			out, _ := command.CombinedOutput()
			text, err := os.ReadFile(dir + "/state/last")
			if err != nil {
				t.Fatalf("%v: %v: %s", shell, err, out)
			}
			return string(text)
		}
		whole := func() (names []string) {
			found, _ := filepath.Glob(dir + "/backups/*/backup.json")
			return found
		}
		for _, c := range []struct {
			name, conf string
			change     func()
			want       string
		}{
			{"the lightest", "three", func() {}, "result=ok"},
			{"not the other", "two", func() {}, "node3 takes the backup"},
			{"not the leader", "one", func() {}, "node3 takes the backup"},
			{"one that does not stream", "two", func() { write("way/streams", "standby_167772162_5432\n", 0o644) }, "result=ok"},
			{"one that is behind", "two", func() {
				write("way/cluster", "10.0.0.1:15432|2|5000|9\n10.0.0.2:15432|0|4500|5\n10.0.0.3:15432|0|100|3\n", 0o644)
			}, "result=ok"},
			{"a learner before all", "two", func() {
				write("way/cluster", "10.0.0.1:15432|2|100|9\n10.0.0.2:15432|3|100|5\n10.0.0.3:15432|0|100|3\n", 0o644)
			}, "result=ok"},
			{"nobody but the leader", "one", func() { write("way/streams", "", 0o644) }, "result=ok"},
			{"a tablespace", "three", func() { write("way/spaces", "16400|/srv/t s\n", 0o644) }, "result=ok"},
			{"another has the lock", "three", func() { write("way/lock", "f\n", 0o644) }, "another member takes a backup"},
			{"no leader", "three", func() { write("way/role.10.0.0.1", "0\n", 0o644) }, "said=no member leads"},
			{"its tool fails", "three", func() { write("way/fails", "no space left on device\n", 0o644) }, "said=the base backup failed: no space left on device"},
			{"its tool says something", "three", func() { write("way/strange", "WARNING:  could not read a file\n", 0o644) }, "not known to be harmless: WARNING:  could not read a file"},
		} {
			usual()
			c.change()
			// Names tell the second, and it may be the same.
			older, _ := filepath.Glob(dir + "/backups/2*")
			for i, name := range older {
				if to := fmt.Sprintf("%s/backups/20200101T00000%dZ", dir, i); name != to {
					if err := os.Rename(name, to); err != nil {
						t.Fatal(err)
					}
				}
			}
			before := whole()
			last := run(c.conf)
			if !strings.Contains(last, c.want) {
				t.Errorf("%v: %s: %s, want %s", shell, c.name, last, c.want)
			}
			left, _ := filepath.Glob(dir + "/backups/2*")
			after := whole()
			if len(after) > 2 || len(after) != len(left) || strings.Contains(c.want, "ok") == slices.Equal(before, after) {
				t.Errorf("%v: %s: before %v, then %v of %v", shell, c.name, before, after, left)
			}
			if rest, _ := filepath.Glob(dir + "/state/run.*"); len(rest) > 0 {
				t.Errorf("%v: %s: it leaves %v", shell, c.name, rest)
			}
			if c.name == "a tablespace" && len(after) > 0 {
				text, _ := os.ReadFile(after[len(after)-1])
				d, err := parseDescription(text)
				if err != nil || d.Timeline != 2 || d.EndLSN != "0/50048C8" || d.Files != 3 || len(d.Spaces) != 1 || d.Spaces[0].Location != "/srv/t s" || d.Spaces[0].Name != `ts "1"` || d.Spaces[0].Bytes != 5 ||
					d.SourceRole != "follower" || d.SystemID != "7123" {
					t.Errorf("%v: %+v, %v\n%s", shell, d, err, text)
				}
			}
		}
		if asked, _ := os.ReadFile(dir + "/way/asked"); !strings.HasPrefix(string(asked), "rep it's ") {
			t.Errorf("%v: it logs in as %.40q", shell, asked)
		}
	}
}

package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/test/site"
)

// needsLog skips a test on the stand-in, which has no log that could be replayed.
func needsLog(t *testing.T) {
	t.Helper()
	if !site.RealEngine() {
		t.Skip("the stand-in does not replay a write-ahead log; POLARDB_TARBALL names a real engine")
	}
}

// logged inserts a row into the table log, and returns a moment that lies behind it and before the next one.
func logged(s *site.Site, n int) (after string) {
	s.T.Helper()
	leader := s.Leader()
	s.SQL(leader, fmt.Sprintf("insert into log values (%d)", n))
	s.SQL(leader, "select pg_sleep(1.5)")
	after = s.SQL(leader, "select now()")
	s.SQL(leader, "select pg_sleep(1.5)")
	return after
}

// A cluster is lost, and taken to a moment between two rows, behind a switchover, with a backup and the archived log: elsewhere, and
// once more to an earlier moment.
func TestPointInTime(t *testing.T) {
	needsLog(t)
	t.Parallel()
	names := []string{"node1", "node2"}
	s := site.New(t, site.Options{Cluster: "e2e", Specs: site.Hosts(names...), Group: site.Vars{"polardb_archive": "/srv/wal"}})
	for _, n := range names {
		s.On(n, "mkdir -p /srv/wal && chmod 755 /srv/wal")
	}
	s.Run(0, "new-cluster.yml")
	s.SQL(s.Leader(), "create table log (a int)")
	s.Run(0, "backup.yml", "-e", "on=node2").Changed()
	step := func(n int) (after string) { return logged(s, n) }
	step(1)
	first := step(2)
	s.Run(0, "switchover.yml").Changed()
	second := step(3)
	step(4)
	s.SQL(s.Leader(), "select pg_switch_wal()")
	last := s.SQL(s.Leader(), "select pg_walfile_name(pg_switch_wal())")
	s.Eventually("all of the log on node2", func() error {
		if got := s.On("node2", "ls /srv/wal/e2e"); !strings.Contains(got, last) {
			return fmt.Errorf("there are %s", got)
		}
		return nil
	})
	s.Status(0)

	s.Run(0, "destroy.yml", "-e", "confirm=e2e")
	s.SetAll(site.Vars{"polardb_pgdata": "/data/pg/main", "polardb_polardata": "/srv/store/shared"})
	to := func(point string, more ...string) []string {
		return append([]string{"-e", "from=newest", "-e", fmt.Sprintf(`{"time": %q}`, point)}, more...)
	}
	s.Run(2, "new-cluster.yml").Says("holds the log of another cluster").Unchanged()
	s.Run(2, "restore.yml", to("2026-11-26 03:00:00")...).Says("must be a time with its zone").Unchanged()
	s.Run(2, "restore.yml", to("2020-11-26 03:00:00+08")...).Says("choose an older backup").Unchanged()
	s.Run(2, "restore.yml", to("2999-11-26 03:00:00+08")...).Says("the archive's log ends before that").Unchanged()
	s.Run(2, "restore.yml", "-e", "from=newest", "-e", "lsn=7/0").Says("the archive's log ends at LSN").Unchanged()
	// A replay whose host dies goes on. Where its server was about to begin a timeline of its own, nothing tells how far it is.
	killed := func(point string) {
		t.Helper()
		s.On("node2", "touch /srv/hold && cat >/opt/polardb/current/bin/cp <<'EOT' && chmod 755 /opt/polardb/current/bin/cp\n"+
			"#!/bin/sh\ncase $1 in /srv/wal/e2e/0*) while [ -e /srv/hold ]; do touch /srv/wal/e2e/.held; sleep 0.2; done ;; esac\nexec /bin/cp \"$@\"\nEOT")
		r := s.Start(nil, withJSON("restore.yml", to(point)...)...)
		s.Eventually("the server asks for the log", func() error {
			if s.On("node2", "ls -A /srv/wal/e2e | grep -x .held || :") == "" {
				return fmt.Errorf("it does not")
			}
			return nil
		})
		r.Kill()
		s.On("node2", "for p in /proc/[0-9]*; do case $(cat $p/comm 2>/dev/null) in postgres | cp) kill -9 ${p#/proc/} ;; esac; done; rm -f /srv/hold /srv/wal/e2e/.held; rm /opt/polardb/current/bin/cp")
		s.On("node2", "until ! ls -d /proc/[0-9]*/cwd/postmaster.pid >/dev/null 2>&1; do sleep 0.2; done; test -f /data/pg/main/recovery.conf")
	}
	killed(second)
	s.Run(2, "restore.yml", to(first)...).Says("was begun here and is not finished").Unchanged()
	o := s.Run(0, "restore.yml", to(second)...).Changed().Says("replayed the log up to ", "the last transaction is of ")
	t.Logf("restored in %s", o.Took)
	holds(t, s, "1,2,3")
	third := step(5)
	step(6)
	s.Run(0, "new-cluster.yml").Unchanged(names...)

	// The moment is on the timeline that the restore has left.
	s.Run(0, "destroy.yml", "-e", "confirm=e2e")
	killed(first)
	s.On("node2", "rm /data/pg/main/recovery.conf")
	s.Run(2, "restore.yml", to(first)...).Says("the replay was cut off before")
	s.Run(0, "restore.yml", to(first)...).Changed()
	holds(t, s, "1,2")
	s.SQL(s.Leader(), "insert into log values (7)")
	file := s.SQL(s.Leader(), "select pg_walfile_name(pg_switch_wal())")
	s.Eventually("the archive takes the log that begins there", func() error {
		if got := s.On(s.Leader(), "ls /srv/wal/e2e"); !strings.Contains(got, file) {
			return fmt.Errorf("there are %s; %s", got, s.SQL(s.Leader(), "select last_failed_wal from pg_stat_archiver"))
		}
		return nil
	})
	s.Status(0)

	// And one of the time between the two restores, behind several timelines that began in one file.
	s.Run(0, "destroy.yml", "-e", "confirm=e2e")
	s.Run(0, "restore.yml", to(third)...).Changed()
	holds(t, s, "1,2,3,5")
}

// withJSON are the arguments of a run whose events are read.
func withJSON(playbook string, args ...string) []string {
	return append([]string{"run", playbook, "--output", "json"}, args...)
}

// holds wants a whole cluster with these rows on every member, whose leader archives.
func holds(t *testing.T, s *site.Site, rows string) {
	t.Helper()
	for _, m := range s.Whole().Members {
		s.Eventually("the rows on "+m.Node, func() error {
			if got := s.SQL(m.Node, `select string_agg(a::text, $$,$$ order by a) from log`); got != rows {
				return fmt.Errorf("%q, want %q", got, rows)
			}
			return nil
		})
	}
	s.Status(0)
}

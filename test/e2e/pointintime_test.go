package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/test/site"
)

// A cluster is lost, and taken to a moment between two rows, behind a switchover, with a backup and the archived log: elsewhere, and
// once more to an earlier moment. The stand-in has no log that could be replayed.
func TestPointInTime(t *testing.T) {
	if !site.RealEngine() {
		t.Skip("the stand-in does not replay a write-ahead log; POLARDB_TARBALL names a real engine")
	}
	t.Parallel()
	names := []string{"node1", "node2"}
	s := site.New(t, site.Options{Cluster: "e2e", Specs: site.Hosts(names...), Group: site.Vars{"polardb_archive": "/srv/wal"}})
	for _, n := range names {
		s.On(n, "mkdir -p /srv/wal && chmod 755 /srv/wal")
	}
	s.Run(0, "new-cluster.yml")
	s.SQL(s.Leader(), "create table log (a int)")
	s.Run(0, "backup.yml", "-e", "on=node2").Changed()
	step := func(n int) (after string) {
		leader := s.Leader()
		s.SQL(leader, fmt.Sprintf("insert into log values (%d)", n))
		s.SQL(leader, "select pg_sleep(1.5)")
		after = s.SQL(leader, "select now()")
		s.SQL(leader, "select pg_sleep(1.5)")
		return after
	}
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
	o := s.Run(0, "restore.yml", to(second)...).Changed().Says("replayed the log up to ", "the last transaction is of ")
	t.Logf("restored in %s", o.Took)
	holds(t, s, "1,2,3")
	s.SQL(s.Leader(), "insert into log values (5)")
	s.SQL(s.Leader(), "select pg_switch_wal()")
	s.Run(0, "new-cluster.yml").Unchanged(names...)

	s.Run(0, "destroy.yml", "-e", "confirm=e2e")
	s.Run(0, "restore.yml", to(first)...)
	holds(t, s, "1,2")
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

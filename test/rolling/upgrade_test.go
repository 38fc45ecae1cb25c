package rolling

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/polarbook/polarbook/test/site"
)

// runs returns which version a node's server was started from.
func runs(s *site.Site, name string) string {
	s.T.Helper()
	exe := s.On(name, "readlink /proc/$(head -n 1 /var/lib/polardb/pgdata/postmaster.pid)/exe")
	return strings.Split(strings.TrimPrefix(strings.TrimSpace(exe), "/opt/polardb/versions/"), "/bin/")[0]
}

func upgrade(t *testing.T, s *site.Site) {
	releases := site.Releases(t)
	leader := s.Leader()
	old := runs(s, leader)
	everywhere := func(t *testing.T, same bool) {
		t.Helper()
		for _, n := range nodes {
			if now := runs(s, n); (now == old) != same {
				t.Errorf("%s runs %s", n, now)
			}
			if !strings.Contains(s.On(n, "ls /opt/polardb/versions"), old) {
				t.Errorf("%s has lost %s", n, old)
			}
		}
	}
	s.Subtest(t, "check", func(t *testing.T) {
		s.Run(0, "upgrade.yml", "--check", "-e", "polardb_package="+releases[1]).Says("polardb-next-11.9.1", "switch over from "+leader,
			"beside the running version")
		everywhere(t, true)
	})
	s.Subtest(t, "upgrade", func(t *testing.T) {
		l := s.Load()
		o := s.Run(0, "upgrade.yml", "-e", "polardb_package="+releases[1])
		l.End("upgrade", nodes...)
		t.Logf("upgrade.yml took %s", o.Took.Round(100*time.Millisecond))
		if order := o.Order("Restart the server"); len(order) != 3 || order[2] != leader {
			t.Errorf("restarted were %v, and %s led", order, leader)
		}
		everywhere(t, false)
		s.Whole()
		s.Run(0, "upgrade.yml", "-e", "polardb_package="+releases[1]).Unchanged(nodes...)
	})
	s.Subtest(t, "cut off after the symlink, and run again", func(t *testing.T) {
		s.On("node2", "ln -sfn versions/"+old+" /opt/polardb/current; systemctl restart polardb-rolling; "+
			"i=0; until readlink /proc/$(head -n 1 /var/lib/polardb/pgdata/postmaster.pid)/exe | grep -qF /"+old+"/ || [ $i = 900 ]; do i=$((i+1)); sleep 0.2; done; "+
			"cd /opt/polardb/versions; ln -sfn versions/$(echo polardb-next-11.9.1-*) /opt/polardb/current")
		o := s.Run(0, "upgrade.yml", "-e", "polardb_package="+releases[1])
		if order := o.Order("Restart the server"); len(order) != 1 || order[0] != "node2" {
			t.Errorf("restarted were %v, want node2 alone", order)
		}
		everywhere(t, false)
	})
	s.Subtest(t, "back", func(t *testing.T) {
		s.Run(0, "upgrade.yml", "-e", "rollback=yes")
		everywhere(t, true)
		s.Whole()
		s.Run(0, "upgrade.yml", "-e", "rollback=yes").Unchanged(nodes...)
	})
	s.Subtest(t, "an engine that does not start", func(t *testing.T) {
		broken := filepath.Join(t.TempDir(), "polardb-broken-11.9.2.tar.gz")
		site.Repack(t, releases[0], broken,
			`mv "$d/bin/postgres" "$d/bin/postgres.good"
				printf '#!/bin/sh\nif [ "$1" = --version ]; then echo "postgres (PostgreSQL) 11.9"; exit 0; fi\nexit 1\n' >"$d/bin/postgres"; chmod 755 "$d/bin/postgres"`)
		before := s.Leader()
		s.Run(2, "upgrade.yml", "-e", "polardb_package="+broken).Says("runs " + old + " again")
		everywhere(t, true)
		if now := s.Leader(); now != before {
			t.Errorf("%s leads, %s led before", now, before)
		}
	})
	s.Subtest(t, "another major release", func(t *testing.T) {
		major := filepath.Join(t.TempDir(), "polardb-14.1.tar.gz")
		site.Repack(t, releases[0],
			major, `mv "$d/bin/postgres" "$d/bin/postgres.good"
				printf '#!/bin/sh\necho "postgres (PostgreSQL) 14.1"\n' >"$d/bin/postgres"; chmod 755 "$d/bin/postgres"`)
		before := pids(s)
		s.Run(2, "upgrade.yml", "-e", "polardb_package="+major).Says("cannot read the data of this node")
		everywhere(t, true)
		if after := pids(s); len(after) != len(before) {
			t.Errorf("%v, %v", before, after)
		}
	})
}

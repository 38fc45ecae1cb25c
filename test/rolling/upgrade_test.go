package rolling

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// runs says which version a node's server was started from.
func (s *site) runs(name string) string {
	s.t.Helper()
	exe := s.on(name, "readlink /proc/$(head -n 1 /var/lib/polardb/pgdata/postmaster.pid)/exe")
	return strings.Split(strings.TrimPrefix(exe, "/opt/polardb/versions/"), "/bin/")[0]
}

func (s *site) upgrade(t *testing.T) {
	leader := s.leader()
	old := s.runs(leader)
	everywhere := func(t *testing.T, same bool) {
		t.Helper()
		for _, n := range nodes {
			if now := s.runs(n); (now == old) != same {
				t.Errorf("%s runs %s", n, now)
			}
			if !strings.Contains(s.on(n, "ls /opt/polardb/versions"), old) {
				t.Errorf("%s has lost %s", n, old)
			}
		}
	}
	t.Run("check", func(t *testing.T) {
		s.run(0, "upgrade.yml", "--check", "-e", "polardb_package="+s.packages[1]).says("polardb-next-11.9.1", "switch over from "+leader, "beside the version that is run")
		everywhere(t, true)
	})
	t.Run("upgrade", func(t *testing.T) {
		l := s.load(t)
		o := s.run(0, "upgrade.yml", "-e", "polardb_package="+s.packages[1])
		l.end(t, "upgrade", nodes...)
		t.Logf("upgrade.yml took %s", o.took.Round(100*time.Millisecond))
		if order := o.order("Restart the server"); len(order) != 3 || order[2] != leader {
			t.Errorf("restarted were %v, and %s led", order, leader)
		}
		everywhere(t, false)
		s.leader()
		s.run(0, "upgrade.yml", "-e", "polardb_package="+s.packages[1]).unchanged()
	})
	t.Run("cut off after the symlink, and run again", func(t *testing.T) {
		s.on("node2", "ln -sfn versions/"+old+" /opt/polardb/current; systemctl restart polardb-rolling; sleep 3; cd /opt/polardb/versions; ln -sfn versions/$(echo polardb-next-11.9.1-*) /opt/polardb/current")
		o := s.run(0, "upgrade.yml", "-e", "polardb_package="+s.packages[1])
		if order := o.order("Restart the server"); len(order) != 1 || order[0] != "node2" {
			t.Errorf("restarted were %v, want node2 alone", order)
		}
		everywhere(t, false)
	})
	t.Run("back", func(t *testing.T) {
		s.run(0, "upgrade.yml", "-e", "rollback=yes")
		everywhere(t, true)
		s.leader()
		s.run(0, "upgrade.yml", "-e", "rollback=yes").unchanged()
	})
	t.Run("an engine that does not start", func(t *testing.T) {
		broken := filepath.Join(s.dir, "polardb-broken-11.9.2.tar.gz")
		s.repack(s.packages[0], broken, `mv "$d/bin/postgres" "$d/bin/postgres.good"; printf '#!/bin/sh\nif [ "$1" = --version ]; then echo "postgres (PostgreSQL) 11.9"; exit 0; fi\nexit 1\n' >"$d/bin/postgres"; chmod 755 "$d/bin/postgres"`)
		defer os.Remove(broken)
		before := s.leader()
		s.run(2, "upgrade.yml", "-e", "polardb_package="+broken).says("was left with " + old)
		everywhere(t, true)
		if now := s.leader(); now != before {
			t.Errorf("%s leads, %s led before", now, before)
		}
	})
	t.Run("another major release", func(t *testing.T) {
		major := filepath.Join(s.dir, "polardb-14.1.tar.gz")
		s.repack(s.packages[0], major, `mv "$d/bin/postgres" "$d/bin/postgres.good"; printf '#!/bin/sh\necho "postgres (PostgreSQL) 14.1"\n' >"$d/bin/postgres"; chmod 755 "$d/bin/postgres"`)
		defer os.Remove(major)
		before := s.pids()
		s.run(2, "upgrade.yml", "-e", "polardb_package="+major).says("cannot read the data of this node")
		everywhere(t, true)
		if after := s.pids(); len(after) != len(before) {
			t.Errorf("%v, %v", before, after)
		}
	})
}

package rolling

import (
	"maps"

	"testing"
	"time"
)

var nodes = []string{"node1", "node2", "node3"}

// TestKeeping takes one cluster through everything: each step stands on the one before.
func TestKeeping(t *testing.T) {
	s := newSite(t, nodes...)
	s.subtest(t, "new cluster", func(t *testing.T) { s.run(0, "new-cluster.yml") })
	s.subtest(t, "restart", s.restart)
	s.subtest(t, "reconfigure", s.reconfigure)
	s.subtest(t, "upgrade", s.upgrade)
	s.subtest(t, "stop and start", s.stopAndStart)
	s.subtest(t, "elections", s.elections)
	s.subtest(t, "rebuild", s.rebuild)
	s.subtest(t, "backup", s.backup)
	s.subtest(t, "destroy", s.destroy)
}

func (s *site) pids() map[string]string {
	s.t.Helper()
	pids := map[string]string{}
	for n := range s.hosts {
		pids[n] = s.on(n, "head -n 1 /var/lib/polardb/pgdata/postmaster.pid 2>/dev/null || echo none")
	}
	return pids
}

func (s *site) restart(t *testing.T) {
	leader, before := s.leader(), s.pids()
	s.run(0, "restart.yml", "--check").says(leader+" leads", "switch over from "+leader, "restart the server")
	if after := s.pids(); !maps.Equal(before, after) {
		t.Errorf("--check restarted: %v, %v", before, after)
	}
	l := s.load(t)
	o := s.run(0, "restart.yml")
	l.end(t, "rolling restart", nodes...)
	t.Logf("restart.yml took %s", o.took.Round(100*time.Millisecond))
	order := o.order("Restart the server")
	if len(order) != 3 || order[2] != leader {
		t.Errorf("restarted were %v, and %s led", order, leader)
	}
	if s.leader() == leader {
		t.Errorf("%s still leads", leader)
	}
	for n, pid := range s.pids() {
		if pid == before[n] {
			t.Errorf("%s was not restarted", n)
		}
	}
	// A second voter must not go while one is away.
	down := order[0]
	s.on(down, "systemctl stop polardb-rolling")
	before = s.pids()
	s.run(2, "restart.yml", "--limit", "!"+down).says("cannot spare", "of 3 voters could be counted on, and 2 are needed", down)
	if after := s.pids(); !maps.Equal(before, after) {
		t.Errorf("a refused restart restarted: %v, %v", before, after)
	}
	s.run(0, "restart.yml", "--limit", down)
	s.leader()
}

package rolling

import (
	"maps"
	"testing"
	"time"

	"github.com/polarbook/polarbook/test/site"
)

var nodes = []string{"node1", "node2", "node3"}

// TestKeeping takes one cluster through everything: each step stands on the one before.
func TestKeeping(t *testing.T) {
	s := site.New(t, site.Options{Cluster: "rolling", Specs: site.Hosts(nodes...), Group: site.Vars{
		"polardb_settings": site.Vars{"work_mem": "4MB"},
		"polardb_hba":      []string{site.FromOutside},
	}})
	step := func(name string, f func(t *testing.T, s *site.Site)) {
		s.Subtest(t, name, func(t *testing.T) { f(t, s) })
	}
	step("new cluster", func(*testing.T, *site.Site) { s.Run(0, "new-cluster.yml") })
	step("restart", restart)
	step("reconfigure", reconfigure)
	step("upgrade", upgrade)
	step("stop and start", stopAndStart)
	step("elections", elections)
	step("rebuild", rebuild)
	step("backup", backup)
	step("destroy", destroy)
}

func pids(s *site.Site) map[string]string {
	s.T.Helper()
	pids := map[string]string{}
	for _, n := range nodes {
		pids[n] = s.On(n, "head -n 1 /var/lib/polardb/pgdata/postmaster.pid 2>/dev/null || echo none")
	}
	return pids
}

func restart(t *testing.T, s *site.Site) {
	leader, before := s.Leader(), pids(s)
	s.Run(0, "restart.yml", "--check").Says(leader+" leads", "switch over from "+leader, "restart the server")
	if after := pids(s); !maps.Equal(before, after) {
		t.Errorf("--check restarted: %v, %v", before, after)
	}
	l := s.Load()
	o := s.Run(0, "restart.yml")
	l.End("rolling restart", nodes...)
	t.Logf("restart.yml took %s", o.Took.Round(100*time.Millisecond))
	order := o.Order("Restart the server")
	if len(order) != 3 || order[2] != leader {
		t.Errorf("restarted were %v, and %s led", order, leader)
	}
	if s.Leader() == leader {
		t.Errorf("%s still leads", leader)
	}
	for n, pid := range pids(s) {
		if pid == before[n] {
			t.Errorf("%s was not restarted", n)
		}
	}
	// A second voter must not go while one is away.
	down := order[0]
	s.On(down, "systemctl stop "+s.Unit())
	before = pids(s)
	s.Run(2, "restart.yml", "--limit", "!"+down).Says("cannot lose", "of 3 voters could be counted on, and 2 are needed", down)
	if after := pids(s); !maps.Equal(before, after) {
		t.Errorf("a refused restart restarted: %v, %v", before, after)
	}
	s.Run(0, "restart.yml", "--limit", down)
	s.Whole()
}

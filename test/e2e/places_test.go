package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/test/lab"
	"github.com/polarbook/polarbook/test/site"
)

// A cluster with all roles and without any default path, port or name; then stopped, and rebooted.
func TestRolesAndPlaces(t *testing.T) {
	t.Parallel()
	s := site.New(t, site.Options{Cluster: "Elsewhere_1", Specs: site.Hosts("node1", "node2", "node3", "node4"), Group: site.Vars{
		"polardb_port":      6543,
		"polardb_pgdata":    "/data/pg/main",
		"polardb_polardata": "/srv/polar-store/shared",
		"polardb_settings":  site.Vars{"max_connections": 177},
		"polardb_hba":       []string{"host all all 10.77.0.0/16 md5"},
	}})
	// Where POLARDATA differs from the leader's, the copied setting must not win.
	s.Set("node2", site.Vars{"polardb_polardata": "/srv/second/shared", "polardb_weight": 3})
	s.Set("node3", site.Vars{"polardb_role": "logger"})
	s.Set("node4", site.Vars{"polardb_role": "learner"})

	roles := func(t *testing.T) {
		want := map[string]string{"node1": "leader", "node2": "follower", "node3": "logger", "node4": "learner"}
		for _, m := range s.Whole().Members {
			if m.Role != want[m.Node] {
				t.Errorf("%s is a %s, want a %s", m.Node, m.Role, want[m.Node])
			}
			if !strings.HasSuffix(m.Address, ":6543") {
				t.Errorf("%s is at %s, want port 6543", m.Node, m.Address)
			}
			if m.Node == "node2" && (m.Weight == nil || *m.Weight != 3) {
				t.Errorf("node2 has not the weight 3: %+v", m)
			}
		}
	}
	s.Subtest(t, "a setting that the engine does not start with", func(t *testing.T) {
		s.Run(2, "new-cluster.yml", "-e", "{polardb_settings: {max_connections: 77}}").Says("max_connections = 77").Unchanged()
	})
	s.Subtest(t, "new cluster", func(t *testing.T) {
		s.Run(0, "new-cluster.yml")
		roles(t)
		for _, n := range s.Names() {
			got := s.On(n, fmt.Sprintf("ls %q/polar_dma/consensus_meta && ls -d /var/lib/polardb 2>/dev/null; true", s.Polardata(n)))
			if strings.Contains(got, "/var/lib") || got == "" {
				t.Errorf("%s has its data elsewhere than wanted: %q", n, got)
			}
		}
	})
	s.Subtest(t, "second run", func(t *testing.T) { s.Run(0, "new-cluster.yml").Unchanged(s.Names()...) })
	s.Subtest(t, "all stopped", func(t *testing.T) {
		for _, n := range s.Names() {
			s.On(n, "systemctl stop "+s.Unit())
		}
		o := s.Run(0, "new-cluster.yml")
		for _, c := range o.Changes() {
			if !strings.HasSuffix(c, ": polardb : Start the server") {
				t.Errorf("the run that starts the cluster changed %q", c)
			}
		}
		roles(t)
		s.Run(0, "new-cluster.yml").Unchanged(s.Names()...)
	})
	s.Subtest(t, "a host reboots", func(t *testing.T) { reboot(s, "node2") })
}

// The stand-in runs on any Debian, and only the hosts differ here.
func TestReleases(t *testing.T) {
	site.Long(t)
	t.Parallel()
	if site.RealEngine() {
		t.Skip("SKIP releases: POLARDB_TARBALL was built for one release of Debian and does not run on others")
	}
	s := site.New(t, site.Options{User: "dba", Cluster: "e2e", Specs: []lab.Spec{{Name: "node1", Release: "bullseye"},
		{Name: "node2"}, {Name: "node3", Release: "trixie"}}})
	s.Run(0, "new-cluster.yml")
	s.Whole()
	s.Run(0, "new-cluster.yml").Unchanged(s.Names()...)
	reboot(s, "node1")
	tidy(s)
}

// reboot checks that a node comes back by itself.
func reboot(s *site.Site, name string) {
	s.T.Helper()
	h := s.Lab.Host(name)
	const started = "cut -d ' ' -f 22 /proc/1/stat"
	before := s.On(name, started)
	// The host goes down during the command.
	_, _ = h.Exec(context.Background(), "systemctl reboot")
	s.Eventually(name+" has rebooted", func() error {
		now, err := h.Exec(context.Background(), started)
		if err == nil && now == before {
			return fmt.Errorf("it has not gone down yet")
		}
		return err
	})
	s.Eventually(name+" is a member again", func() error {
		c := s.StatusNow()
		if c.Error != "" || c.Problem != "" || len(c.Disagrees) > 0 {
			return fmt.Errorf("%+v", c)
		}
		return nil
	})
	s.Whole()
	s.Run(0, "new-cluster.yml").Unchanged(s.Names()...)
}

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/test/lab"
)

// A cluster with all roles, none of whose paths, ports and names are the defaults; then stopped, and rebooted.
func TestRolesAndPlaces(t *testing.T) {
	s := newSite(t, "root", bookworm("node1", "node2", "node3", "node4"), vars{
		"polardb_cluster":   "Elsewhere_1",
		"polardb_port":      6543,
		"polardb_pgdata":    "/data/pg/main",
		"polardb_polardata": "/srv/polar-store/shared",
		"polardb_settings":  vars{"max_connections": 177},
		"polardb_hba":       []string{"host all all 10.77.0.0/16 md5"},
	})
	// Where POLARDATA is elsewhere than on the leader, the copied setting must not win.
	s.set("node2", vars{"polardb_polardata": "/srv/second/shared", "polardb_weight": 3})
	s.set("node3", vars{"polardb_role": "logger"})
	s.set("node4", vars{"polardb_role": "learner"})

	roles := func(t *testing.T) {
		want := map[string]string{"node1": "leader", "node2": "follower", "node3": "logger", "node4": "learner"}
		for _, m := range s.whole().Members {
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
	s.subtest(t, "a setting that the engine does not start with", func(t *testing.T) {
		o := s.run(2, "new-cluster.yml", "-e", "{polardb_settings: {max_connections: 77}}")
		if !strings.Contains(o.story(), "max_connections = 77") || len(o.changed()) > 0 {
			t.Errorf("changed was %q\n%s", o.changed(), o.story())
		}
	})
	s.subtest(t, "new cluster", func(t *testing.T) {
		s.run(0, "new-cluster.yml")
		roles(t)
		for _, n := range s.names() {
			if got := s.on(n, fmt.Sprintf("ls %q/polar_dma/consensus_meta && ls -d /var/lib/polardb 2>/dev/null; true", s.polardata(n))); strings.Contains(got, "/var/lib") || got == "" {
				t.Errorf("%s has its data elsewhere than wanted: %q", n, got)
			}
		}
	})
	s.subtest(t, "second run", func(t *testing.T) { s.run(0, "new-cluster.yml").unchanged(s.names()...) })
	s.subtest(t, "all stopped", func(t *testing.T) {
		for _, n := range s.names() {
			s.on(n, "systemctl stop "+s.unit())
		}
		o := s.run(0, "new-cluster.yml")
		for _, c := range o.changed() {
			if !strings.HasSuffix(c, ": polardb : The server runs") {
				t.Errorf("the run that starts the cluster changed %q", c)
			}
		}
		roles(t)
		s.run(0, "new-cluster.yml").unchanged(s.names()...)
	})
	s.subtest(t, "a host reboots", func(t *testing.T) { s.reboot("node2") })
}

// The stand-in runs on any Debian, which is all that this needs: what differs are the hosts.
func TestReleases(t *testing.T) {
	if realEngine() {
		t.Skip("SKIP releases: POLARDB_TARBALL was built for one release of Debian and does not run on others")
	}
	s := newSite(t, "dba", []lab.Spec{{Name: "node1", Release: "bullseye"}, {Name: "node2"}, {Name: "node3", Release: "trixie"}}, nil)
	s.run(0, "new-cluster.yml")
	s.whole()
	s.run(0, "new-cluster.yml").unchanged(s.names()...)
	s.reboot("node1")
	s.tidy()
}

// reboot wants a node to come back by itself.
func (s *site) reboot(name string) {
	s.t.Helper()
	h := s.lab.Host(name)
	const started = "cut -d ' ' -f 22 /proc/1/stat"
	before := s.on(name, started)
	// The host goes down under the command.
	_, _ = h.Exec(context.Background(), "systemctl reboot")
	s.eventually(name+" has rebooted", func() error {
		now, err := h.Exec(context.Background(), started)
		if err == nil && now == before {
			return fmt.Errorf("it has not gone down yet")
		}
		return err
	})
	s.eventually(name+" is a member again", func() error {
		c := s.statusNow()
		if c.Error != "" || c.Problem != "" || len(c.Disagrees) > 0 {
			return fmt.Errorf("%+v", c)
		}
		return nil
	})
	s.whole()
	s.run(0, "new-cluster.yml").unchanged(s.names()...)
}

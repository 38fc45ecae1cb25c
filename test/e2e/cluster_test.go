package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/polarbook/polarbook/test/site"
)

// TestCluster takes bare hosts through a user's whole way; each step builds on the one before. It logs in as a user whose
// sudo asks for a password; most of the other tests are root.
func TestCluster(t *testing.T) {
	t.Parallel()
	s := site.New(t, site.Options{User: "dba", Cluster: "e2e", Specs: site.Hosts("node1", "node2", "node3", "node4"),
		Group: site.Vars{"polardb_restart": "on-failure"}})
	s.Only("node1", "node2", "node3")
	s.Set("node2", site.Vars{"polardb_weight": 9, "polardb_bootstrap": true})

	s.Subtest(t, "preflight and check mode change nothing", func(t *testing.T) {
		before := map[string]string{}
		for _, n := range s.Names() {
			before[n] = s.On(n, everything)
		}
		s.Run(0, "check.yml").Unchanged(s.Names()...)
		// Most of what it would do is not known before the rest is done, and it does not wait for that.
		s.Run(0, "new-cluster.yml", "--check")
		for _, n := range s.Names() {
			if after := s.On(n, everything); after != before[n] {
				t.Errorf("files were changed on %s:\n%s", n, site.Difference(before[n], after))
			}
		}
	})
	s.Subtest(t, "new cluster", func(t *testing.T) {
		o := s.Run(0, "new-cluster.yml")
		t.Logf("three bare hosts were a cluster after %s", o.Took.Round(100*time.Millisecond))
		c := s.Whole()
		if c.Leader != "node2" {
			t.Errorf("%s leads, want node2, which the inventory marks to begin", c.Leader)
		}
		for _, m := range c.Members {
			if m.Node == "node2" && (m.Weight == nil || *m.Weight != 9) {
				t.Errorf("node2 has not the weight 9: %+v", m)
			}
		}
	})
	s.Subtest(t, "second run", func(t *testing.T) { s.Run(0, "new-cluster.yml").Unchanged(s.Names()...) })
	s.Subtest(t, "status to be read", func(t *testing.T) {
		o := s.Polarbook(0, "status")
		for _, want := range []string{"NODE", "node1", "node2", "node3", "leader", "follower"} {
			if !strings.Contains(o.Stdout, want) {
				t.Errorf("polarbook status does not show %q:\n%s", want, o.Stdout)
			}
		}
	})
	s.Subtest(t, "add a node", func(t *testing.T) {
		s.Only("node1", "node2", "node3", "node4")
		if c := s.Status(2); len(c.Disagrees) == 0 {
			t.Errorf("nothing is said of node4, which is no member yet: %+v", c)
		}
		s.Run(0, "add-node.yml", "--limit", "node4")
		s.Whole()
		s.Run(0, "add-node.yml", "--limit", "node4").Unchanged("node4")
		s.Run(0, "new-cluster.yml").Unchanged(s.Names()...)
	})
	s.Subtest(t, "the leader dies", func(t *testing.T) {
		dead := s.Status(0).Leader
		killEngine(s, dead)
		// systemd starts it again, but only after the others have had time for an election.
		s.Eventually("another node leads", func() error {
			c := s.StatusNow()
			if c.Leader == "" || c.Leader == dead {
				return fmt.Errorf("%+v", c)
			}
			return nil
		})
		s.Eventually("the dead server is back", func() error {
			if c := s.StatusNow(); !c.Of(dead).Answers || c.Leader == "" || len(c.Disagrees) > 0 {
				return fmt.Errorf("%+v", c)
			}
			return nil
		})
		s.Whole()
		s.Run(0, "new-cluster.yml").Unchanged(s.Names()...)
	})
	s.Subtest(t, "a follower dies, and is to stay down", func(t *testing.T) {
		dead := s.Followers()[0]
		dropIn := "/run/systemd/system/" + s.Unit() + ".service.d"
		s.On(dead, "mkdir -p "+dropIn+"; printf '[Service]\\nRestartSec=600\\n' >"+dropIn+"/later.conf; systemctl daemon-reload")
		killEngine(s, dead)
		s.Run(0, "stop.yml", "--limit", dead, "--yes").Says("cancel the restart of the server")
		s.Run(0, "stop.yml", "--limit", dead, "--yes").Unchanged(dead)
		state := s.On(dead, "systemctl show -p ActiveState "+s.Unit())
		if !strings.Contains(state, "inactive") && !strings.Contains(state, "failed") {
			t.Errorf("the unit of %s is %s", dead, state)
		}
		s.On(dead, "rm -r "+dropIn+"; systemctl daemon-reload")
		o := s.Run(0, "new-cluster.yml")
		if len(o.Changes()) != 1 || !strings.HasPrefix(o.Changes()[0], dead+": ") {
			t.Errorf("changed was %q, want the start of %s alone", o.Changes(), dead)
		}
		s.Whole()
	})
	s.Subtest(t, "nothing is left", func(t *testing.T) { tidy(s) })
}

// everything lists all files of a host that polarbook might touch: names, owners, modes, sizes, times. It leaves out what a
// login changes.
const everything = `for d in /etc /opt /usr /var/lib /home /root /tmp; do
find $d -xdev \( -path /var/lib/systemd -o -path /var/lib/private -o -path /var/lib/sudo -o -path '*/.cache' \) -prune -o ! -type d -printf '%p %U:%G %m %s %T@\n' -o -type d -printf '%p %U:%G %m\n'
done | sort; cat /proc/sys/vm/swappiness /proc/sys/net/ipv4/tcp_keepalive_time; systemctl list-units --all --plain --no-legend 'polardb*'`

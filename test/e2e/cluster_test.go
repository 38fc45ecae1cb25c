package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestCluster(t *testing.T) {
	for _, user := range []string{"root", "dba"} {
		t.Run(user, func(t *testing.T) { cluster(t, user) })
	}
}

// cluster takes bare hosts all the way that a user takes them: each step stands on the one before.
func cluster(t *testing.T, user string) {
	s := newSite(t, user, bookworm("node1", "node2", "node3", "node4"), nil)
	s.only("node1", "node2", "node3")
	s.set("node2", vars{"polardb_weight": 9, "polardb_bootstrap": true})

	s.subtest(t, "preflight and check mode change nothing", func(t *testing.T) {
		before := map[string]string{}
		for _, n := range s.names() {
			before[n] = s.on(n, everything)
		}
		s.run(0, "check.yml").unchanged(s.names()...)
		// Most of what it would do cannot be known before the rest is done, and it does not wait for that.
		s.run(0, "new-cluster.yml", "--check")
		for _, n := range s.names() {
			if after := s.on(n, everything); after != before[n] {
				t.Errorf("files were changed on %s:\n%s", n, difference(before[n], after))
			}
		}
	})
	s.subtest(t, "new cluster", func(t *testing.T) {
		o := s.run(0, "new-cluster.yml")
		t.Logf("three bare hosts were a cluster after %s", o.took.Round(100*time.Millisecond))
		c := s.whole()
		if c.Leader != "node2" {
			t.Errorf("%s leads, want node2, which the inventory marks to begin", c.Leader)
		}
		for _, m := range c.Members {
			if m.Node == "node2" && (m.Weight == nil || *m.Weight != 9) {
				t.Errorf("node2 has not the weight 9: %+v", m)
			}
		}
	})
	s.subtest(t, "second run", func(t *testing.T) { s.run(0, "new-cluster.yml").unchanged(s.names()...) })
	s.subtest(t, "status to be read", func(t *testing.T) {
		o := s.polarbook(0, "status")
		for _, want := range []string{"NODE", "node1", "node2", "node3", "leader", "follower"} {
			if !strings.Contains(o.stdout, want) {
				t.Errorf("polarbook status does not show %q:\n%s", want, o.stdout)
			}
		}
	})
	s.subtest(t, "add a node", func(t *testing.T) {
		s.only("node1", "node2", "node3", "node4")
		if c := s.status(2); len(c.Disagrees) == 0 {
			t.Errorf("nothing is said of node4, which is no member yet: %+v", c)
		}
		s.run(0, "add-node.yml", "--limit", "node4")
		s.whole()
		s.run(0, "add-node.yml", "--limit", "node4").unchanged("node4")
		s.run(0, "new-cluster.yml").unchanged(s.names()...)
	})
	s.subtest(t, "the leader dies", func(t *testing.T) {
		dead := s.status(0).Leader
		s.killEngine(dead)
		// Nobody asks a failed unit to start again: that is for a person, or the next run.
		s.eventually("another node leads", func() error {
			c := s.statusNow()
			if c.Leader == "" || c.Leader == dead {
				return fmt.Errorf("%+v", c)
			}
			return nil
		})
		o := s.run(0, "new-cluster.yml")
		for _, c := range o.changed() {
			if !strings.HasPrefix(c, dead+": ") {
				t.Errorf("the run that starts %s changed %q", dead, c)
			}
		}
		if len(o.changed()) != 1 {
			t.Errorf("changed was %q, want the start of %s alone", o.changed(), dead)
		}
		s.whole()
		s.run(0, "new-cluster.yml").unchanged(s.names()...)
	})
	s.subtest(t, "nothing is left", func(t *testing.T) { s.tidy() })
}

// everything lists all files of a host that polarbook might have to do with: names, owners, modes, sizes, times.
// What a login itself leaves is not counted.
const everything = `for d in /etc /opt /usr /var/lib /home /root /tmp; do
find $d -xdev \( -path /var/lib/systemd -o -path /var/lib/private -o -path '*/.cache' \) -prune -o ! -type d -printf '%p %U:%G %m %s %T@\n' -o -type d -printf '%p %U:%G %m\n'
done | sort; cat /proc/sys/vm/swappiness /proc/sys/net/ipv4/tcp_keepalive_time; systemctl list-units --all --plain --no-legend 'polardb*'`

func difference(before, after string) string {
	had, have := strings.Split(before, "\n"), strings.Split(after, "\n")
	var lines []string
	for _, l := range had {
		if !slices.Contains(have, l) {
			lines = append(lines, "- "+l)
		}
	}
	for _, l := range have {
		if !slices.Contains(had, l) {
			lines = append(lines, "+ "+l)
		}
	}
	return strings.Join(lines, "\n")
}

package faults

import (
	"errors"
	"testing"

	"github.com/polarbook/polarbook/test/site"
)

// TestNetwork cuts one host off during a drop, a join and a restart, and reconnects it.
func TestNetwork(t *testing.T) {
	site.Long(t)
	t.Parallel()
	s := newCluster(t, nil)
	s.Subtest(t, "the node that is dropped is cut off", func(*testing.T) {
		f := s.Followers()[1]
		ends(when(s, "DROP FOLLOWER", func() { must(s, s.Lab.Host(f).Unplug()) }, "drop-node.yml", "-e", "node="+f), 0, 2, 4)
		must(s, s.Lab.Host(f).Plug())
		s.Run(0, "drop-node.yml", "-e", "node="+f)
		s.Run(0, "drop-node.yml", "-e", "node="+f).Unchanged()
	})
	s.Subtest(t, "the node that joins is cut off", func(*testing.T) {
		f := dropped(s)
		ends(when(s, "Start the server", func() { must(s, s.Lab.Host(f).Unplug()) }, "add-node.yml", "--limit", f), 2, 4)
		must(s, s.Lab.Host(f).Plug())
		s.Run(0, "add-node.yml", "--limit", f)
		s.Settles()
	})
	s.Subtest(t, "the leader is cut off while a node is dropped", func(*testing.T) {
		c := s.Settles()
		f := c.Followers()[0]
		ends(when(s, "Drop the node from the cluster", func() {
			must(s, s.Lab.Host(c.Leader).Unplug())
		}, "drop-node.yml", "-e", "node="+f), 0, 2, 4)
		must(s, s.Lab.Host(c.Leader).Plug())
		s.Run(0, "start.yml", "--limit", "!"+f)
		// The node may be a member yet, and then as good as any to elect; or it is dropped and does not know, and the cluster is not
		// whole until its server is stopped.
		leader := ""
		s.Eventually("a node leads", func() error {
			if leader = s.StatusNow().Leader; leader == "" {
				return errors.New("none does")
			}
			return nil
		})
		if leader == f {
			s.Refused(f+" leads, and a leader cannot be dropped", "drop-node.yml", "-e", "node="+f)
			s.Run(0, "switchover.yml")
		}
		s.Run(0, "drop-node.yml", "-e", "node="+f)
		s.Run(0, "add-node.yml", "--limit", f)
		s.Settles()
	})
	s.Subtest(t, "the node that restarts is cut off", func(*testing.T) {
		f := s.Followers()[0]
		o := ends(when(s, "Restart the server", func() { must(s, s.Lab.Host(f).Unplug()) }, "restart.yml", "--limit", f), 2, 4)
		if n := len(o.Order("Restart the server")); n > 1 {
			s.T.Errorf("%d nodes were restarted", n)
		}
		must(s, s.Lab.Host(f).Plug())
		s.Run(0, "restart.yml")
		s.Settles()
	})
}

// dropped returns the node that is not a member.
func dropped(s *site.Site) string {
	s.T.Helper()
	for _, m := range s.StatusNow().Members {
		if m.Weight == nil {
			return m.Node
		}
	}
	s.T.Fatal("every node is a member")
	return ""
}

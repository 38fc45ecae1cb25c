package daytwo

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestMembers takes one cluster through what its keeper does to its members. The steps build on one another.
func TestMembers(t *testing.T) {
	s := newSite(t)
	step := func(name string, f func()) {
		t.Helper()
		began := time.Now()
		ok := t.Run(name, func(t *testing.T) {
			s.t = t
			f()
			t.Logf("took %s", time.Since(began).Round(100*time.Millisecond))
		})
		s.t = t
		if !ok {
			t.FailNow()
		}
	}
	step("switchover", s.switchover)
	step("switchover, refused", s.switchoverRefused)
	step("weights", s.weights)
	step("election", s.election)
	step("promote and demote", s.votes)
	step("purge", s.purge)
	step("drop and bring back", s.drop)
	step("drop a dead host", s.dropDead)
}

func (s *site) switchover() {
	to := s.whole().followers()[0]
	s.twice("switchover.yml", "-e", "to="+to).says(to + " leads in term")
	if c := s.whole(); c.Leader != to {
		s.t.Errorf("%s leads, want %s", c.Leader, to)
	}
	// Without a name another follower gets it.
	s.run(0, "switchover.yml").changed(true)
	if c := s.whole(); c.Leader == to {
		s.t.Errorf("%s still leads", to)
	}
}

func (s *site) switchoverRefused() {
	c := s.whole()
	s.refused("node4 is a learner: it has no vote and cannot lead", "switchover.yml", "-e", "to=node4")
	s.refused("there is no node node9", "switchover.yml", "-e", "to=node9")
	f := c.followers()

	s.run(0, "set-weight.yml", "-e", "node="+f[0], "-e", "weight=0").changed(true)
	s.refused(f[0]+" has the weight 0: it votes and never leads", "switchover.yml", "-e", "to="+f[0])
	s.run(0, "set-weight.yml", "-e", "node="+f[0], "-e", "weight=5").changed(true)

	s.on(f[0], "systemctl stop "+unit)
	s.refused(f[0]+" does not answer", "switchover.yml", "-e", "to="+f[0])
	s.on(f[0], "systemctl start "+unit)
	s.whole()
}

func (s *site) weights() {
	c := s.whole()
	f := c.followers()[0]
	s.twice("set-weight.yml", "-e", "node="+f, "-e", "weight=8")
	if w := s.status().of(f).Weight; w == nil || *w != 8 {
		s.t.Errorf("%s has the weight %v, want 8", f, w)
	}
	s.refused("node4 is a learner: it has no vote, and no weight", "set-weight.yml", "-e", "node=node4", "-e", "weight=3")
	s.run(2, "set-weight.yml", "-e", "node="+f, "-e", "weight=10").says("must be a number from 0 to 9")

	// The lead goes to a lighter node and stays there, which by itself the engine would not let it.
	s.run(0, "switchover.yml", "-e", "to="+f)
	lighter := s.whole().followers()[0]
	o := s.run(0, "switchover.yml", "-e", "to="+lighter).says("WEIGHT TO 8", "WEIGHT TO 5")
	if c := s.whole(); c.Leader != lighter || *c.of(lighter).Weight != 5 || *c.of(f).Weight != 8 {
		s.t.Errorf("%s leads, want %s, and the weights %+v\n%s", c.Leader, lighter, c, o.said())
	}
	s.run(0, "set-weight.yml", "-e", "node="+f, "-e", "weight=5").changed(true)
}

func (s *site) election() {
	c := s.whole()
	f := c.followers()[0]
	s.refused("nothing is stuck", "force-election.yml", "-e", "node="+f)
	s.refused("node4 is a learner", "force-election.yml", "-e", "node=node4", "-e", "force=yes")
	s.run(0, "force-election.yml", "-e", "node="+c.Leader, "-e", "force=yes").changed(false).says(c.Leader + " leads already")
	s.twice("force-election.yml", "-e", "node="+f, "-e", "force=yes")
	if c := s.whole(); c.Leader != f {
		s.t.Errorf("%s leads, want %s", c.Leader, f)
	}
}

func (s *site) votes() {
	s.refused(s.whole().Leader+" leads and cannot become a learner", "demote-follower.yml", "-e", "node="+s.status().Leader)
	s.twice("promote-learner.yml", "-e", "node=node4")
	if role := s.status().of("node4").Role; role != "follower" {
		s.t.Errorf("node4 is a %s", role)
	}
	s.twice("demote-follower.yml", "-e", "node=node4")
	s.whole()
	s.on("node4", "systemctl stop "+unit)
	s.refused("node4 does not answer", "promote-learner.yml", "-e", "node=node4")
	s.on("node4", "systemctl start "+unit)
	f := s.whole().followers()
	s.on(f[0], "systemctl stop "+unit)
	lost := "the cluster would have 2 voters, 1 of them alive, and 2 are needed"
	s.refused(lost, "demote-follower.yml", "-e", "node="+f[1])
	s.refused(lost, "drop-node.yml", "-e", "node="+f[1])
	s.on(f[0], "systemctl start "+unit)
	s.whole()
}

func (s *site) purge() {
	c := s.whole()
	f := c.followers()[0]
	s.refused("node "+c.Leader, "drop-node.yml", "-e", "node="+c.Leader+"x")

	// The engine keeps a log that is small.
	s.run(0, "purge-logs.yml").changed(false).says("polar_dma_log_keep_size")
	s.sql(c.Leader, "alter system set polar_dma_log_keep_size to 0")
	s.sql(c.Leader, "select pg_reload_conf()")
	s.eventuallySQL(c.Leader, "show polar_dma_log_keep_size", "0")

	// A number that something else left behind is not what is purged to.
	s.run(0, "set-weight.yml", "-e", "node="+f, "-e", "weight=7")
	s.run(0, "set-weight.yml", "-e", "node="+f, "-e", "weight=5")
	for range 12 {
		s.sql(c.Leader, "create table if not exists filler (a int)")
		s.sql(c.Leader, "insert into filler values (1)")
	}
	before := s.whole().of(c.Leader).Commit - 4
	s.twice("purge-logs.yml", "-e", fmt.Sprintf("before=%d", before))
	if got := s.status().of(c.Leader).Purge; got != before {
		s.t.Errorf("purge_index is %d, want %d", got, before)
	}
	s.run(0, "purge-logs.yml", "-e", fmt.Sprintf("before=%d", before-2)).changed(false).says(fmt.Sprintf("already purged up to %d", before))

	s.on(f, "systemctl stop "+unit)
	slow := s.status().of(c.Leader).Commit
	for range 4 {
		s.sql(c.Leader, "insert into filler values (2)")
	}
	past := s.status().of(c.Leader).Commit
	s.refused(f+" has it only up to", "purge-logs.yml", "-e", fmt.Sprintf("before=%d", past))
	s.refused("has committed it up to", "purge-logs.yml", "-e", fmt.Sprintf("before=%d", past+1000), "-e", "force=yes", "-e", "confirm=yes")
	s.run(6, "purge-logs.yml", "-e", fmt.Sprintf("before=%d", past), "-e", "force=yes").says("not confirmed")
	s.run(0, "purge-logs.yml").says(f)
	if got := s.status().of(c.Leader).Purge; got > slow {
		s.t.Errorf("purged up to %d, and %s has the log only up to %d", got, f, slow)
	}
	s.run(0, "purge-logs.yml", "-e", fmt.Sprintf("before=%d", past), "-e", "force=yes", "--yes").says("purged by force up to", f+" may now lack log")
	s.on(f, "systemctl start "+unit)
	s.whole()

	if !realEngine() {
		// The same with a release that has the other form of the statement, which the engine is asked for.
		s.sql(c.Leader, "alter system set polarsim_dialect to 'to'")
		s.sql(c.Leader, "select pg_reload_conf()")
		s.eventuallySQL(c.Leader, "show polarsim_dialect", "to")
		s.sql(c.Leader, "insert into filler values (3)")
		s.run(0, "purge-logs.yml").changed(true).says("PURGE LOGS TO ")
		s.sql(c.Leader, "alter system reset polarsim_dialect")
	}
	s.sql(c.Leader, "alter system reset polar_dma_log_keep_size")
	s.sql(c.Leader, "select pg_reload_conf()")
}

func (s *site) eventuallySQL(node, query, want string) {
	s.t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		got := s.sql(node, query)
		if strings.HasPrefix(got, want) {
			return
		}
		if time.Now().After(end) {
			s.t.Fatalf("%s on %s is %q, want %q", query, node, got, want)
		}
	}
}

func (s *site) drop() {
	c := s.whole()
	s.refused(c.Leader+" leads, and the leader is not dropped (switch over first", "drop-node.yml", "-e", "node="+c.Leader)
	s.refused("there is no node node9", "drop-node.yml", "-e", "node=node9")
	s.run(2, "drop-node.yml").says("which node? -e node=NAME")
	f := c.followers()[0]
	s.twice("drop-node.yml", "-e", "node="+f).says(f+" is out of the cluster", "no node may fail")
	if left := s.on(f, "pgrep -u polardb || true; systemctl is-enabled "+unit+" || true; grep step /var/lib/polardb/pgdata.polarbook"); left != "disabled\nstep=dropped\n" {
		s.t.Errorf("on %s is left: %q", f, left)
	}
	s.run(2, "new-cluster.yml").says(f + " was dropped from the cluster on purpose").changed(false)
	s.run(0, "add-node.yml", "--limit", f).changed(true)
	s.run(0, "add-node.yml", "--limit", f).changed(false)
	s.whole()

	s.run(6, "drop-node.yml", "-e", "node=node4", "-e", "wipe=yes").says("not confirmed")
	s.whole()
	s.twice("drop-node.yml", "-e", "node=node4", "-e", "wipe=yes", "-e", "confirm=node4")
	if left := s.on("node4", "ls -A /var/lib/polardb/pgdata /var/lib/polardb/polardata | grep -v -e : -e '^$' || true"); left != "" {
		s.t.Errorf("on node4 is left: %q", left)
	}
	s.run(0, "add-node.yml", "--limit", "node4").changed(true)
	s.whole()
	s.run(0, "new-cluster.yml").changed(false)
}

func (s *site) dropDead() {
	f := s.whole().followers()[0]
	if err := s.lab.Host(f).Unplug(); err != nil {
		s.t.Fatal(err)
	}
	s.run(0, "drop-node.yml", "-e", "node="+f).changed(true).says(f+" is out of the cluster", f+" could not be reached: its server, its unit")
	if err := s.lab.Host(f).Plug(); err != nil {
		s.t.Fatal(err)
	}
	s.run(0, "drop-node.yml", "-e", "node="+f).changed(true).says("is already out of the cluster", "stop the server")
	s.run(0, "drop-node.yml", "-e", "node="+f).changed(false)
	s.run(0, "add-node.yml", "--limit", f).changed(true)
	s.whole()
}

package daytwo

import (
	"fmt"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/test/site"
)

// TestMembers takes one cluster through an operator's work on its members. Each step builds on the one before.
func TestMembers(t *testing.T) {
	t.Parallel()
	s := site.New(t, site.Options{Cluster: "daytwo", Specs: site.Hosts("node1", "node2", "node3", "node4"), Group: site.Vars{
		"polardb_dma_settings": site.Vars{"polar_dma_election_timeout": site.ElectionTimeout, "polar_dma_auto_purge": "off"},
	}})
	s.Set("node4", site.Vars{"polardb_role": "learner"})
	step := func(name string, f func(s *site.Site)) {
		s.Subtest(t, name, func(*testing.T) { f(s) })
	}
	step("new cluster", func(s *site.Site) { s.Run(0, "new-cluster.yml") })
	step("switchover", switchover)
	step("switchover, refused", switchoverRefused)
	step("weights", weights)
	step("a change that outlived its run", outlived)
	step("election", election)
	step("promote and demote", votes)
	step("a weight is kept", weightKept)
	if !testing.Short() {
		step("another address for the leader", movesAddress)
		step("another port", movesPort)
	}
	if thorough() {
		step("a new copy elsewhere, and moves that are cut off", movesAnew)
	}
	step("elections are delayed", delayed)
	step("passwords", passwords)
	step("passwords apart", passwordsApart)
	step("purge", purge)
	step("drop and bring back", drop)
	step("drop a dead host", dropDead)
	step("another address for the learner", movesLearner)
	if thorough() {
		step("a logger", logger)
	}
}

func switchover(s *site.Site) {
	to := s.Settles().Followers()[0]
	s.Twice("switchover.yml", "-e", "to="+to).Says(to + " leads in term")
	if c := s.Settles(); c.Leader != to {
		s.T.Errorf("%s leads, want %s", c.Leader, to)
	}
	// Without a name, another follower gets the lead.
	s.Run(0, "switchover.yml").Changed()
	if c := s.Settles(); c.Leader == to {
		s.T.Errorf("%s still leads", to)
	}
}

func switchoverRefused(s *site.Site) {
	c := s.Settles()
	s.Refused("node4 is a learner: it has no vote and cannot lead", "switchover.yml", "-e", "to=node4")
	s.Refused("there is no node node9", "switchover.yml", "-e", "to=node9")
	f := c.Followers()

	s.Run(0, "set-weight.yml", "-e", "node="+f[0], "-e", "weight=0").Changed()
	s.Refused(f[0]+" has weight 0: it votes but never leads", "switchover.yml", "-e", "to="+f[0])
	s.Run(0, "set-weight.yml", "-e", "node="+f[0], "-e", "weight=5").Changed()

	s.On(f[0], "systemctl stop "+s.Unit())
	s.Refused(f[0]+" does not answer", "switchover.yml", "-e", "to="+f[0])
	s.On(f[0], "systemctl start "+s.Unit())
	s.Settles()

	// It answers polarbook, but no member of its cluster.
	var route string
	for _, n := range s.Names() {
		route += "ip route %[1]s blackhole " + s.Lab.Host(n).Address + "; "
	}
	s.On(f[0], strings.ReplaceAll(fmt.Sprintf(route, "add"), "blackhole "+s.Lab.Host(f[0]).Address, "blackhole 192.0.2.1"))
	for range 8 {
		s.SQL(c.Leader, "create table if not exists ahead (a int)")
		s.SQL(c.Leader, "insert into ahead values (1)")
	}
	s.Run(2, "switchover.yml", "-e", "to="+f[0], "-e", "max_lag=5", "-e", "wait=2").Unchanged().
		Says(f[0]+" was not told to lead: after 2 s", "log entries behind "+c.Leader+", at most 5 are allowed")
	s.On(f[0], strings.ReplaceAll(fmt.Sprintf(route, "del"), "blackhole "+s.Lab.Host(f[0]).Address, "blackhole 192.0.2.1"))
	s.Settles()
}

func weights(s *site.Site) {
	c := s.Settles()
	f := c.Followers()[0]
	s.Twice("set-weight.yml", "-e", "node="+f, "-e", "weight=8")
	if w := s.Status(0).Of(f).Weight; w == nil || *w != 8 {
		s.T.Errorf("%s has the weight %v, want 8", f, w)
	}
	s.Refused("node4 is a learner: it has no vote, and no weight", "set-weight.yml", "-e", "node=node4", "-e", "weight=3")
	s.Run(2, "set-weight.yml", "-e", "node="+f, "-e", "weight=10").Says("must be a number from 0 to 9")

	// The lead goes to a lighter node and stays there; the engine alone would take it away again.
	s.Run(0, "switchover.yml", "-e", "to="+f)
	lighter := s.Settles().Followers()[0]
	o := s.Run(0, "switchover.yml", "-e", "to="+lighter).Says("WEIGHT TO 8", "WEIGHT TO 5")
	if c := s.Settles(); c.Leader != lighter || *c.Of(lighter).Weight != 5 || *c.Of(f).Weight != 8 {
		s.T.Errorf("%s leads, want %s, and the weights %+v\n%s", c.Leader, lighter, c, o.Story())
	}
	s.Run(0, "set-weight.yml", "-e", "node="+f, "-e", "weight=5").Changed()
}

func election(s *site.Site) {
	c := s.Settles()
	f := c.Followers()[0]
	s.Refused("the cluster is not stuck", "force-election.yml", "-e", "node="+f)
	s.Refused("node4 is a learner", "force-election.yml", "-e", "node=node4", "-e", "force=yes")
	s.Run(0, "force-election.yml", "-e", "node="+c.Leader, "-e", "force=yes").Unchanged().Says(c.Leader + " leads already")
	s.Twice("force-election.yml", "-e", "node="+f, "-e", "force=yes")
	if c := s.Settles(); c.Leader != f {
		s.T.Errorf("%s leads, want %s", c.Leader, f)
	}
}

func votes(s *site.Site) {
	leader := s.Settles().Leader
	s.Refused(leader+" leads and cannot become a learner", "demote-follower.yml", "-e", "node="+leader)
	s.Twice("promote-learner.yml", "-e", "node=node4")
	if role := s.Status(2).Of("node4").Role; role != "follower" {
		s.T.Errorf("node4 is a %s", role)
	}
	s.Twice("demote-follower.yml", "-e", "node=node4")
	s.Settles()
	s.On("node4", "systemctl stop "+s.Unit())
	s.Refused("node4 does not answer", "promote-learner.yml", "-e", "node=node4")
	s.On("node4", "systemctl start "+s.Unit())
	f := s.Settles().Followers()
	s.On(f[0], "systemctl stop "+s.Unit())
	lost := "the cluster would have 2 voters, 1 of them alive, and 2 are needed"
	s.Refused(lost, "demote-follower.yml", "-e", "node="+f[1])
	s.Refused(lost, "drop-node.yml", "-e", "node="+f[1])
	s.On(f[0], "systemctl start "+s.Unit())
	s.Settles()
}

// weightKept promotes a learner that the inventory has as a follower with a weight.
func weightKept(s *site.Site) {
	s.Set("node4", site.Vars{"polardb_role": "follower", "polardb_weight": 3})
	s.Run(0, "promote-learner.yml", "--check", "-e", "node=node4").Changed()
	s.Twice("promote-learner.yml", "-e", "node=node4")
	if w := s.Settles().Of("node4").Weight; w == nil || *w != 3 {
		s.T.Errorf("node4 has the weight %v, the inventory says 3", w)
	}
	s.Run(0, "demote-follower.yml", "-e", "node=node4").Changed()
	s.Set("node4", site.Vars{"polardb_role": "learner", "polardb_weight": ""})
	// A second learner beside it.
	f := s.Settles().Followers()[0]
	s.Run(0, "demote-follower.yml", "-e", "node="+f).Changed()
	s.Run(0, "promote-learner.yml", "-e", "node="+f).Changed()
	s.Settles()
}

// delayed loses the leader while followers are told to wait: every command says why there is no leader.
func delayed(s *site.Site) {
	s.Run(0, "delay-election.yml", "-e", "delay=on", "-e", "delay_timeout=30min")
	c := s.Settles()
	says := []string{"polar_dma_delay_election is on on node1, node2, node3, node4 since ", "for up to 30min",
		"polarbook run delay-election.yml -e delay=off"}
	s.Polarbook(0, "status").Says(says...).Says("RELEASE", "CONSENSUS LOG", "FREE")
	s.Run(0, "status.yml").Says(says...)
	f := c.Followers()[0]
	s.Run(0, "switchover.yml", "-e", "to="+f).Says(says...)
	c = s.Settles()
	s.On(c.Leader, "systemctl stop "+s.Unit())
	says[0] = "polar_dma_delay_election is on on "
	says = append(says, "polarbook run force-election.yml -e node=")
	s.Polarbook(2, "status").Says(says...)
	s.Run(2, "status.yml").Says(says...)
	s.Run(0, "force-election.yml", "-e", "node="+c.Followers()[0])
	s.Run(0, "start.yml").Says(says[:3]...)
	s.Run(0, "delay-election.yml", "-e", "delay=off")
	s.Settles()
	if o := s.Polarbook(0, "status"); strings.Contains(o.Stdout, "delay_election") {
		s.T.Errorf("%s", o.Stdout)
	}
}

func purge(s *site.Site) {
	c := s.Settles()
	f := c.Followers()[0]
	s.Refused("node "+c.Leader, "drop-node.yml", "-e", "node="+c.Leader+"x")

	// The engine keeps a log that is small.
	s.Run(0, "purge-logs.yml").Unchanged().Says("polar_dma_log_keep_size")
	s.SQL(c.Leader, "alter system set polar_dma_log_keep_size to 0")
	s.SQL(c.Leader, "select pg_reload_conf()")
	eventuallySQL(s, c.Leader, "show polar_dma_log_keep_size", "0")

	// A number that another statement left behind is not used for the purge.
	s.Run(0, "set-weight.yml", "-e", "node="+f, "-e", "weight=7")
	s.Run(0, "set-weight.yml", "-e", "node="+f, "-e", "weight=5")
	for range 12 {
		s.SQL(c.Leader, "create table if not exists filler (a int)")
		s.SQL(c.Leader, "insert into filler values (1)")
	}
	before := s.Settles().Of(c.Leader).Commit - 4
	s.Twice("purge-logs.yml", "-e", fmt.Sprintf("before=%d", before))
	if got := s.Status(0).Of(c.Leader).Purge; got != before {
		s.T.Errorf("purge_index is %d, want %d", got, before)
	}
	s.Run(0, "purge-logs.yml", "-e", fmt.Sprintf("before=%d", before-2)).Unchanged().Says(fmt.Sprintf("already purged up to %d", before))

	s.On(f, "systemctl stop "+s.Unit())
	slow := s.Status(2).Of(c.Leader).Commit
	for range 4 {
		s.SQL(c.Leader, "insert into filler values (2)")
	}
	past := s.Status(2).Of(c.Leader).Commit
	s.Refused(f+" has it only up to", "purge-logs.yml", "-e", fmt.Sprintf("before=%d", past))
	s.Refused("has committed it up to", "purge-logs.yml", "-e", fmt.Sprintf("before=%d", past+1000), "-e", "force=yes", "-e", "confirm=yes")
	s.Run(6, "purge-logs.yml", "-e", fmt.Sprintf("before=%d", past), "-e", "force=yes").Says("not confirmed")
	s.Run(0, "purge-logs.yml").Says(f)
	if got := s.Status(2).Of(c.Leader).Purge; got > slow {
		s.T.Errorf("purged up to %d, and %s has the log only up to %d", got, f, slow)
	}
	s.Run(0, "purge-logs.yml", "-e", fmt.Sprintf("before=%d", past), "-e", "force=yes", "--yes").Says("purged by force up to",
		f+" may now need log")
	s.On(f, "systemctl start "+s.Unit())
	s.Settles()

	if !site.RealEngine() {
		// The same with a release that has the other form of the statement; the engine is asked which one it has.
		s.SQL(c.Leader, "alter system set polarsim_dialect to 'to'")
		s.SQL(c.Leader, "select pg_reload_conf()")
		eventuallySQL(s, c.Leader, "show polarsim_dialect", "to")
		s.SQL(c.Leader, "insert into filler values (3)")
		s.Run(0, "purge-logs.yml").Changed().Says("PURGE LOGS TO ")
		s.SQL(c.Leader, "alter system reset polarsim_dialect")
	}
	s.SQL(c.Leader, "alter system reset polar_dma_log_keep_size")
	s.SQL(c.Leader, "select pg_reload_conf()")
}

func eventuallySQL(s *site.Site, node, query, want string) {
	s.T.Helper()
	s.Eventually(query+" on "+node+" is "+want, func() error {
		if got := s.SQL(node, query); !strings.HasPrefix(got, want) {
			return fmt.Errorf("%q", got)
		}
		return nil
	})
}

func drop(s *site.Site) {
	c := s.Settles()
	s.Refused(c.Leader+" leads, and a leader cannot be dropped (switch over first", "drop-node.yml", "-e", "node="+c.Leader)
	s.Refused("there is no node node9", "drop-node.yml", "-e", "node=node9")
	s.Run(2, "drop-node.yml").Says("name the node: -e node=NAME")
	f := c.Followers()[0]
	s.Twice("drop-node.yml", "-e", "node="+f).Says(f+" is out of the cluster", "no node may fail")
	left := s.On(f, "pgrep -u polardb || true; systemctl is-enabled "+s.Unit()+" || true; grep step "+s.Marker(f))
	if left != "disabled\nstep=dropped\n" {
		s.T.Errorf("on %s is left: %q", f, left)
	}
	s.Run(2, "new-cluster.yml").Says(f + " was dropped from the cluster on purpose").Unchanged()
	s.Run(0, "add-node.yml", "--limit", f).Changed()
	s.Run(0, "add-node.yml", "--limit", f).Unchanged()
	s.Settles()

	s.Run(6, "drop-node.yml", "-e", "node=node4", "-e", "wipe=yes").Says("not confirmed")
	s.Settles()
	s.Twice("drop-node.yml", "-e", "node=node4", "-e", "wipe=yes", "-e", "confirm=node4")
	if left := s.On("node4", "ls -A /var/lib/polardb/pgdata /var/lib/polardb/polardata | grep -v -e : -e '^$' || true"); left != "" {
		s.T.Errorf("on node4 is left: %q", left)
	}
	tablespaces(s)
	if !site.RealEngine() {
		// A leader that writes nothing keeps the engine's tool waiting at the end of a copy.
		for _, set := range []string{"alter system set polarsim_idle_record to '10h'", "select pg_reload_conf()"} {
			s.SQL(s.StatusNow().Leader, set)
		}
	}
	s.Run(0, "add-node.yml", "--limit", "node4").Changed()
	s.Settles()
	spacesGone(s)
	s.Run(0, "backup.yml", "-e", "on=node4", "-e", "to=/backup/idle").Changed().Says("each file with a checksum")
	s.Run(0, "new-cluster.yml").Unchanged()
}

func dropDead(s *site.Site) {
	f := s.Settles().Followers()[0]
	if err := s.Lab.Host(f).Unplug(); err != nil {
		s.T.Fatal(err)
	}
	s.Run(0, "drop-node.yml", "-e", "node="+f).Changed().Says(f+" is out of the cluster", f+" could not be reached: its server, its unit")
	if err := s.Lab.Host(f).Plug(); err != nil {
		s.T.Fatal(err)
	}
	s.Run(0, "drop-node.yml", "-e", "node="+f).Changed().Says("is already out of the cluster", "stop the server")
	s.Run(0, "drop-node.yml", "-e", "node="+f).Unchanged()
	s.Run(0, "add-node.yml", "--limit", f).Changed()
	s.Settles()
}

package daytwo

import (
	"strings"

	"github.com/polarbook/polarbook/test/site"
)

// kept returns what would differ in a node's data after a copy.
func kept(s *site.Site, name string) string {
	s.T.Helper()
	return s.On(name, "stat -c %i "+s.Pgdata(name)+"/PG_VERSION; cat "+s.Pgdata(name)+"/polarbook.id")
}

// letsIn returns the addresses that a host's pg_hba.conf names.
func letsIn(s *site.Site, name string) string {
	s.T.Helper()
	return s.On(name, "grep -o '[0-9.]*/32' "+s.Pgdata(name)+"/pg_hba.conf | sort -u | tr '\\n' ' '")
}

// movesAddress gives members other addresses. The leader gets one from the command line, and goes back to the inventory's in
// a run that is cut off.
func movesAddress(s *site.Site) {
	c := s.Settles()
	n := c.Leader
	first, data := s.Lab.Host(n).Address, kept(s, n)
	s.Run(0, "set-weight.yml", "-e", "node="+n, "-e", "weight=7")
	s.SQL(n, "create table moved (a int)")
	s.SQL(n, "insert into moved values (1)")

	s.Refused(n+" is not reached at 192.0.2.7", "move-node.yml", "-e", "node="+n, "-e", "address=192.0.2.7")
	second := s.SecondAddress(n)
	s.Refused(n+" reaches ", "move-node.yml", "-e", "node="+n, "-e", "address="+second)
	s.SendsFrom(n, second)
	s.Twice("move-node.yml", "-e", "node="+n, "-e", "address="+second).Says(n + " is " + second +
		":5432 from now on, but the inventory has " + first + ":5432")
	s.Run(2, "reconfigure.yml").Says(n + " is " + second + ":5432 by its consensus meta, and " + first + ":5432 by the inventory")
	s.Set(n, site.Vars{"polardb_address": second})
	s.Run(0, "move-node.yml", "-e", "node="+n).Unchanged()
	s.Run(0, "new-cluster.yml").Unchanged()
	isMoved(s, n, second, first, data)

	// The next leader lets it in too.
	s.Run(0, "switchover.yml", "-e", "to="+n)
	s.Run(0, "switchover.yml")
	s.Settles()

	s.Set(n, site.Vars{"polardb_address": first})
	s.SendsFrom(n, first)
	s.KillWhen(site.Begins("Write the consensus meta"), "move-node.yml", "-e", "node="+n)
	s.Run(2, "new-cluster.yml").Says("the move of "+n+" to another address is unfinished", "move-node.yml -e node="+n)
	s.Run(0, "move-node.yml", "-e", "node="+n).Changed()
	s.Run(0, "move-node.yml", "-e", "node="+n).Unchanged()
	isMoved(s, n, first, second, data)
	s.Run(0, "set-weight.yml", "-e", "node="+n, "-e", "weight=5")
}

// isMoved checks that a node is at an address with its data and the weight 7, and that nobody knows its former address.
func isMoved(s *site.Site, n, now, before, data string) {
	s.T.Helper()
	c := s.Settles()
	if w := c.Of(n).Weight; w == nil || *w != 7 {
		s.T.Errorf("%s has the weight %v, it had 7", n, w)
	}
	if d := kept(s, n); d != data {
		s.T.Errorf("the data of %s was copied: %s, it was %s", n, d, data)
	}
	if rows := s.SQL(n, "select count(*) from moved"); strings.TrimSpace(rows) != "1" {
		s.T.Errorf("%s has %q rows", n, rows)
	}
	list := s.SQL(c.Leader, "select ip_port from polar_dma_cluster_status")
	if !strings.Contains(list, now+":") || strings.Contains(list, before+":") {
		s.T.Errorf("the leader lists %s", list)
	}
	for _, other := range s.Names() {
		if in := letsIn(s, other); !strings.Contains(in, now+"/32") || strings.Contains(in, before+"/32") {
			s.T.Errorf("%s lets in %s", other, in)
		}
	}
}

// movesLearner gives the learner another address and then the first one again: it has no vote, and keeps its data.
func movesLearner(s *site.Site) {
	s.Settles()
	data := kept(s, "node4")
	first, second := s.Lab.Host("node4").Address, s.SecondAddress("node4")
	before := first
	for _, now := range []string{second, first} {
		s.SendsFrom("node4", now)
		s.Set("node4", site.Vars{"polardb_address": now})
		s.Twice("move-node.yml", "-e", "node=node4")
		c := s.Settles()
		if m := c.Of("node4"); m.Role != "learner" || !m.Streaming {
			s.T.Errorf("%+v", m)
		}
		list := s.SQL(c.Leader, "select ip_port from polar_dma_cluster_status")
		if !strings.Contains(list, now+":") || strings.Contains(list, before+":") {
			s.T.Errorf("the leader lists %s", list)
		}
		before = now
	}
	if d := kept(s, "node4"); d != data {
		s.T.Errorf("the data of node4 was copied: %s, it was %s", d, data)
	}
	s.Run(0, "new-cluster.yml").Unchanged()
}

// movesPort gives a follower another port, and then its former one.
func movesPort(s *site.Site) {
	n := s.Settles().Followers()[0]
	data := kept(s, n)
	s.Set(n, site.Vars{"polardb_port": 5440})
	s.Run(2, "new-cluster.yml").Says("move-node.yml -e node=" + n).Unchanged()
	s.Run(0, "move-node.yml", "-e", "node="+n).Changed()
	s.Run(0, "new-cluster.yml").Unchanged()
	s.Settles()
	s.Set(n, site.Vars{"polardb_port": 5432})
	s.Run(0, "move-node.yml", "-e", "node="+n).Changed()
	s.Settles()
	if d := kept(s, n); d != data {
		s.T.Errorf("the data of %s was copied: %s, it was %s", n, d, data)
	}
}

// movesAnew copies a node that does not stream at its new address, and kills moves at any moment.
func movesAnew(s *site.Site) {
	n := s.Settles().Followers()[0]
	second := s.SecondAddress(n)
	s.SendsFrom(n, second)
	s.On(n, "systemctl stop "+s.Unit())
	s.Refused(n+" does not stream", "move-node.yml", "-e", "node="+n, "-e", "address="+second)
	s.Run(6, "move-node.yml", "-e", "node="+n, "-e", "address="+second, "-e", "copy=yes").Says("its data removed")
	s.Set(n, site.Vars{"polardb_address": second})
	s.Run(0, "move-node.yml", "-e", "node="+n, "-e", "copy=yes", "--yes").Changed()
	s.Run(0, "move-node.yml", "-e", "node="+n).Unchanged()
	s.Settles()

	dice := site.Dice(s.T)
	for i := range 12 {
		to := []string{s.Lab.Host(n).Address, second}[i%2]
		s.Set(n, site.Vars{"polardb_address": to})
		s.SendsFrom(n, to)
		s.KillSomewhere(dice, "move-node.yml", "-e", "node="+n)
		s.Run(0, "move-node.yml", "--check", "-e", "node="+n)
		s.Run(0, "move-node.yml", "-e", "node="+n)
		s.Run(0, "move-node.yml", "-e", "node="+n).Unchanged()
		s.Run(0, "new-cluster.yml").Unchanged()
		s.Settles()
	}
	s.Set(n, site.Vars{"polardb_address": s.Lab.Host(n).Address})
	s.SendsFrom(n, s.Lab.Host(n).Address)
	s.Run(0, "move-node.yml", "-e", "node="+n)
}

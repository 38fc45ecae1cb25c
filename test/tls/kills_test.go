package tls

import (
	"os"
	"strconv"
	"testing"

	"github.com/polarbook/polarbook/test/site"
)

// TestKilledSwitch kills polarbook POLARBOOK_KILLS times while it switches TLS on and off, about 20 s each.
// Whenever that is, members whose connections break find the leader again, and the same command finishes the work.
func TestKilledSwitch(t *testing.T) {
	want, _ := strconv.Atoi(os.Getenv("POLARBOOK_KILLS"))
	if want == 0 {
		t.Skip("POLARBOOK_KILLS is not set: it says how often to kill polarbook")
	}
	dice := site.Dice(t)
	s := newSite(t, site.Vars{"polardb_tls": site.Vars{}}, "node1", "node2", "node3")
	s.Run(0, "new-cluster.yml")
	on := false
	for kills := 0; kills < want; {
		on = !on
		tls := site.Vars{}
		if on {
			tls = site.Vars{"own_ca": true}
		}
		s.SetAll(site.Vars{"polardb_tls": tls})
		for range 1 + dice.IntN(2) {
			if s.KillSomewhere(dice, "reconfigure.yml") == 0 {
				break
			}
			kills++
			// Half way, members follow whoever leads, and a server that starts anew does so with the files that it has.
			c := s.Settles()
			s.SQL(c.Leader, "select count(pg_terminate_backend(pid)) from pg_stat_replication")
			s.On(c.Followers()[0], "systemctl restart "+s.Unit())
			s.Settles()
			if dice.IntN(3) == 0 { // whoever killed it wants it back as it was
				on = !on
				tls = site.Vars{}
				if on {
					tls = site.Vars{"own_ca": true}
				}
				s.SetAll(site.Vars{"polardb_tls": tls})
			}
		}
		s.Run(0, "reconfigure.yml")
		follow(s, on)
		s.Run(0, "reconfigure.yml").Unchanged(s.Names()...)
	}
}

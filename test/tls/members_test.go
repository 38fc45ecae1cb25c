package tls

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/test/site"
)

// TestMembers does to a cluster with TLS what is done to members. The steps build on one another.
// It takes three minutes, so test-all runs it.
func TestMembers(t *testing.T) {
	if os.Getenv("POLARBOOK_TLS") == "" {
		t.Skip("POLARBOOK_TLS is not set: it has a cluster with TLS taken through a whole life")
	}
	releases := site.Releases(t)
	s := newSite(t, site.Vars{"polardb_package": releases[0]}, "node1", "node2", "node3", "node4")
	all := s.Names()
	s.Only(all[:3]...)
	step := func(name string, f func()) {
		s.Subtest(t, name, func(*testing.T) {
			f()
			follow(s, true)
		})
	}
	step("new cluster", func() { s.Run(0, "new-cluster.yml") })
	step("add-node", func() {
		s.Only(all...)
		s.Run(0, "add-node.yml", "--limit", "node4").Changed()
		s.Run(0, "add-node.yml", "--limit", "node4").Unchanged("node4")
	})
	step("switchover", func() { s.Run(0, "switchover.yml", "-e", "to=node4").Changed() })
	step("rebuild-node", func() { s.Run(0, "rebuild-node.yml", "--yes", "-e", "node=node1").Changed() })
	step("upgrade", func() {
		s.SetAll(site.Vars{"polardb_package": releases[1]})
		s.Run(0, "upgrade.yml").Changed()
		s.Run(0, "upgrade.yml").Unchanged()
	})
	step("backup", func() {
		f := s.Followers()[0]
		s.Run(0, "backup.yml", "-e", "on="+f, "-e", "to=/srv/backup")
		if got := s.On(f, "grep -rl 'PRIVATE KEY' /srv/backup || true"); got != "" {
			t.Errorf("a key in the backup: %s", got)
		}
	})
	step("another address", func() {
		f := s.Followers()[0]
		first, second := s.Lab.Host(f).Address, s.SecondAddress(f)
		s.SendsFrom(f, second)
		s.Set(f, site.Vars{"polardb_address": second})
		s.Twice("move-node.yml", "-e", "node="+f)
		s.Run(0, "new-cluster.yml").Unchanged(all...)
		follow(s, true)
		// A leader, whom the others verify by its address, and back.
		s.Run(0, "switchover.yml", "-e", "to="+f).Changed()
		follow(s, true)
		s.SendsFrom(f, first)
		s.Set(f, site.Vars{"polardb_address": first})
		s.KillWhen(site.Begins("Write the consensus meta"), "move-node.yml", "-e", "node="+f)
		s.Run(0, "move-node.yml", "-e", "node="+f).Changed()
		s.Run(0, "move-node.yml", "-e", "node="+f).Unchanged()
		s.Run(0, "new-cluster.yml").Unchanged(all...)
	})
	step("passwords", func() {
		s.ChangePassword()
		s.KillWhen(site.Begins("Forget the old files"), "rotate-password.yml")
		// Half-way status is not green, and everybody can still come back by TLS.
		leader := s.StatusNow().Leader
		before := s.SQL(leader, "select count(pg_terminate_backend(pid)) from pg_stat_replication")
		s.Eventually("the members stream again", func() error {
			if now := s.SQL(leader, "select count(*) from pg_stat_replication r join pg_stat_ssl s on s.pid = r.pid where s.ssl"); now != before {
				return fmt.Errorf("%s of %s", now, before)
			}
			return nil
		})
		s.Run(0, "rotate-password.yml").Changed()
		follow(s, true)
		s.Run(0, "rotate-password.yml").Unchanged()
		s.Run(0, "reconfigure.yml").Unchanged(s.Names()...)
	})
	step("drop and add", func() {
		f := s.Followers()[0]
		s.Run(0, "drop-node.yml", "-e", "node="+f).Changed()
		s.Run(0, "add-node.yml", "--limit", f).Changed()
	})
	step("a member that was away while TLS was switched off and on", func() {
		f := s.Followers()[0]
		s.Run(0, "drop-node.yml", "-e", "node="+f).Changed()
		var rest []string
		for _, n := range all {
			if n != f {
				rest = append(rest, n)
			}
		}
		s.Only(rest...)
		s.SetAll(site.Vars{"polardb_tls": site.Vars{}})
		s.Run(0, "reconfigure.yml").Changed()
		s.Only(append(rest, f)...)
		s.Run(0, "add-node.yml", "--limit", f).Changed()
		follow(s, false) // a connection from before stays as it is until it is made again
		s.SetAll(site.Vars{"polardb_tls": site.Vars{"own_ca": true}})
		s.Refused("TLS", "rebuild-node.yml", "--yes", "-e", "node="+f)
		s.Run(0, "reconfigure.yml").Changed()
	})
	step("recover-majority", func() {
		c := s.Settles()
		var lost []string
		for _, n := range all {
			if n != c.Leader {
				lost = append(lost, n)
				s.On(n, "systemctl stop "+s.Unit())
				if err := s.Lab.Host(n).Unplug(); err != nil {
					t.Fatal(err)
				}
			}
		}
		args := []string{"-e", "lost=" + strings.Join(lost, ","), "-e", "survivor=" + c.Leader, "-e", "confirm=tls"}
		s.Run(0, "recover-majority.yml", args...)
		for _, n := range lost {
			if err := s.Lab.Host(n).Plug(); err != nil {
				t.Fatal(err)
			}
		}
		s.Run(0, "recover-majority.yml", args...)
	})
	step("nothing is left to do", func() {
		s.Run(0, "new-cluster.yml").Unchanged(all...)
		s.Run(0, "reconfigure.yml").Unchanged(all...)
	})
}

package daytwo

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"os"
	"strings"

	"github.com/polarbook/polarbook/test/site"
)

const notTheClusters = "is not the cluster's"

// passwords changes the password of superuser and replication, which are one role here. The run is killed once, loses the
// leader once, and is finished by the same command.
func passwords(s *site.Site) {
	f := s.Settles().Followers()
	former := s.ChangePassword()
	s.StatusSays(2, "the role polardb (polardb_password", notTheClusters, "rotate-password.yml")
	for _, args := range [][]string{
		{"status.yml"}, {"new-cluster.yml"}, {"add-node.yml", "--limit", f[0]}, {"reconfigure.yml"}, {"switchover.yml"},
		{"restart.yml"}, {"rebuild-node.yml", "-e", "node=" + f[0], "--yes"},
	} {
		s.Run(2, args[0], args[1:]...).Says("the role polardb (polardb_password", notTheClusters, "rotate-password.yml").Unchanged()
	}
	before := untouched(s)
	s.Run(0, "rotate-password.yml", "--check").Changed().Says("give the superuser polardb the inventory's password")
	if after := untouched(s); after != before {
		s.T.Errorf("a check changed\n%s\nto\n%s", before, after)
	}

	// Killed when the first follower has changed to the second role and the other members have not.
	s.KillWhen(site.Begins("Forget the old files"), "rotate-password.yml")
	reconnects(s)
	for _, args := range [][]string{
		{"check.yml"}, {"new-cluster.yml"}, {"reconfigure.yml"}, {"backup.yml", "-e", "on=" + f[0], "-e", "to=/backup/passwords"},
	} {
		s.Run(2, args[0], args[1:]...).Says("the role replicator (polardb_replication_password", notTheClusters,
			"was begun and not finished", "rotate-password.yml").Unchanged()
	}
	s.Run(0, "restart.yml", "--check").Says("was begun and not finished")

	// The leader dies while the members change to the second role.
	leader := s.StatusNow().Leader
	killed := false
	o := s.Start(func(_ *site.Running, e site.Event) {
		if !killed && site.Begins("Write the login in polar_dma.conf")(e) {
			killed = true
			s.On(leader, "systemctl kill -s KILL "+s.Unit())
		}
	}, "run", "rotate-password.yml", "--output", "json").Wait()
	if o.Code != 0 && o.Code != 2 || !killed {
		s.T.Errorf("without its leader the run ended with %d\n%s", o.Code, o.Story())
	}
	reconnects(s)
	s.Run(0, "start.yml")
	reconnects(s)
	o = s.Run(0, "rotate-password.yml")
	s.Settles()
	s.Run(0, "rotate-password.yml").Unchanged()
	s.Run(0, "reconfigure.yml").Unchanged()
	s.Run(0, "new-cluster.yml").Unchanged()
	reconnects(s)
	if roles := s.SQL(s.Leader(), "select count(*) from pg_authid where rolname like $$%rotation%$$"); roles != "0" {
		s.T.Errorf("%s second roles are left\n%s", roles, o.Story())
	}
	for _, n := range s.Names() {
		left := s.On(n,
			fmt.Sprintf("grep -rlF -e '%s' -e rotation %s/*.conf %s.* /var/lib/polarbook /etc/polardb* /tmp /run/polar* 2>/dev/null || true",
				former, s.Pgdata(n), s.Pgdata(n)))
		if left != "" {
			s.T.Errorf("on %s the former password is in %s", n, left)
		}
	}
}

// reconnects ends every member's connection to the leader, and waits until all are back.
func reconnects(s *site.Site) {
	s.T.Helper()
	var leader string
	members := func() error {
		c := s.StatusNow()
		leader = c.Leader
		for _, m := range c.Members {
			if leader == "" || m.Answers && m.Node != leader && !m.Streaming {
				return fmt.Errorf("%s does not stream: %+v", m.Node, c)
			}
		}
		return nil
	}
	s.Eventually("the members stream", members)
	before := s.SQL(leader, "select count(pg_terminate_backend(pid)) from pg_stat_replication")
	s.Eventually("the members stream again", func() error {
		if now := s.SQL(leader, "select count(*) from pg_stat_replication where state = $$streaming$$"); now != before {
			return fmt.Errorf("%s of %s", now, before)
		}
		return nil
	})
}

// untouched returns checksums and times of what a run may change on the hosts, and the servers.
func untouched(s *site.Site) string {
	s.T.Helper()
	var all strings.Builder
	for _, n := range s.Names() {
		all.WriteString(n + "\n" +
			s.On(n, fmt.Sprintf("cd %s; md5sum *.conf; stat -c '%%n %%y %%i' *.conf; "+
				"find /var/lib/polarbook -name '*.node' -o -name '*kept*' | sort", s.Pgdata(n))))
	}
	return all.String() + servers(s)
}

func servers(s *site.Site) string {
	s.T.Helper()
	all := ""
	for _, n := range s.Names() {
		all += s.On(n, "head -1 "+s.Pgdata(n)+"/postmaster.pid")
	}
	return all
}

// passwordsApart changes the two passwords separately, also by hand, and chooses another one half-way.
func passwordsApart(s *site.Site) {
	if os.Getenv("POLARBOOK_PASSWORDS") == "" {
		s.T.Skip("POLARBOOK_PASSWORDS is not set")
	}
	s.Refused("say whose password to change", "rotate-password.yml", "-e", "role=everybody")
	s.Refused("leave --limit out", "rotate-password.yml", "--limit", s.Names()[0])

	// The superuser's alone: nothing is restarted.
	replication := s.ChangePassword()
	s.SetAll(site.Vars{"polardb_replication_password": replication, "polardb_password": s.Password})
	s.StatusSays(2, "the role polardb (polardb_password")
	before := servers(s)
	s.Run(0, "rotate-password.yml", "-e", "role=superuser").Changed()
	if after := servers(s); after != before {
		s.T.Errorf("servers were restarted for the superuser's password: %s, they were %s", after, before)
	}
	s.Run(0, "rotate-password.yml").Unchanged()
	s.Settles()

	// By hand, in the database and in the inventory: members that stream go on, but could not reconnect.
	superuser := s.ChangePassword()
	replication, s.Password = s.Password, superuser
	hash := md5.Sum([]byte(replication + "replicator"))
	s.SQL(s.StatusNow().Leader, "alter role replicator password $$md5"+hex.EncodeToString(hash[:])+"$$")
	s.SetAll(site.Vars{"polardb_replication_password": replication})
	s.StatusSays(2, "was started with an old password of replicator", "rotate-password.yml")
	s.Run(0, "reconfigure.yml").Changed().Says("cannot follow another as it is (polar_dma_repl_passwd)")
	s.Settles()
	reconnects(s)
	s.Run(0, "rotate-password.yml").Unchanged()

	// The inventory gets another password half-way, and then the first again: members that changed to the second role change
	// back.
	back := replication
	for range 2 {
		replication = s.ChangePassword()
		replication, s.Password = s.Password, replication
		s.SetAll(site.Vars{"polardb_replication_password": replication})
		s.KillWhen(site.Begins("Forget the old files"), "rotate-password.yml", "-e", "role=replication")
		reconnects(s)
	}
	s.Run(0, "rotate-password.yml", "-e", "role=replication", "--check").Changed()
	s.Run(0, "rotate-password.yml", "-e", "role=replication").Changed().Says("replicator_rotation2")
	s.Run(0, "rotate-password.yml").Unchanged()
	s.Settles()
	s.SetAll(site.Vars{"polardb_replication_password": back})
	s.KillWhen(site.Begins("Forget the old files"), "rotate-password.yml")
	s.SetAll(site.Vars{"polardb_replication_password": replication})
	s.Run(0, "rotate-password.yml").Changed()
	s.Settles()
	reconnects(s)

	// At a random place.
	replication = s.ChangePassword()
	replication, s.Password = s.Password, replication
	s.SetAll(site.Vars{"polardb_replication_password": replication})
	dice := site.Dice(s.T)
	for range 3 {
		s.KillSomewhere(dice, "rotate-password.yml")
		reconnects(s)
	}
	s.Run(0, "rotate-password.yml")
	s.Run(0, "rotate-password.yml").Unchanged()
	s.Run(0, "reconfigure.yml").Unchanged()
	s.Settles()
	if roles := s.SQL(s.Leader(), "select count(*) from pg_authid where rolname like $$%rotation%$$"); roles != "0" {
		s.T.Errorf("%s second roles are left", roles)
	}
}

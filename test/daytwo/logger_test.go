package daytwo

import (
	"strings"

	"github.com/polarbook/polarbook/test/site"
)

// logger makes node4 a member that votes and holds no data, and works on the cluster as other tests do. The logger has roles
// of its own: the superuser's password cannot be changed there, but that of replication can.
func logger(s *site.Site) {
	s.Run(0, "drop-node.yml", "-e", "node=node4", "-e", "wipe=yes", "-e", "confirm=node4").Changed()
	s.Set("node4", site.Vars{"polardb_role": "logger"})
	s.Run(0, "add-node.yml", "--limit", "node4", "--check")
	s.Run(0, "add-node.yml", "--limit", "node4").Changed()
	s.Run(0, "add-node.yml", "--limit", "node4").Unchanged()
	s.Run(0, "new-cluster.yml").Unchanged()
	s.Run(0, "reconfigure.yml").Unchanged()
	s.Settles()
	leader := s.StatusNow().Leader
	s.Refused("node4", "switchover.yml", "-e", "to=node4")
	s.Refused("node4", "force-election.yml", "-e", "node=node4", "-e", "force=yes")

	// What a logger cannot do is refused before the others are changed.
	before, keep := untouched(s), "node4: a logger keeps the superuser's password that it was made with"
	former := s.ChangePassword()
	for _, args := range [][]string{nil, {"-e", "role=both"}, {"-e", "role=superuser"}} {
		for _, check := range [][]string{{"--check"}, nil} {
			s.Run(2, "rotate-password.yml", append(check, args...)...).Says(keep, "Put the old password back",
				"drop-node.yml -e wipe=yes", "add-node.yml").Unchanged()
		}
	}
	if after := untouched(s); after != before {
		s.T.Errorf("a refusal changed\n%s\nto\n%s", before, after)
	}
	replication := s.Password
	s.Password = former
	if got := s.SQL(leader, "select count(*) from pg_roles where rolname like $$%rotation%$$"); got != "0" {
		s.T.Errorf("a refusal left %s second roles", got)
	}

	// The replication password is changed on all of them, and when a run is cut off all can still log in.
	s.SetAll(site.Vars{"polardb_password": former, "polardb_replication_password": replication})
	s.Run(0, "rotate-password.yml", "-e", "role=replication", "--check").Changed()
	s.KillWhen(site.Begins("Forget the old files"), "rotate-password.yml", "-e", "role=replication")
	reconnects(s)
	s.Run(0, "rotate-password.yml", "-e", "role=replication").Changed()
	s.Run(0, "rotate-password.yml", "-e", "role=replication").Unchanged()
	reconnects(s)
	s.Settles()
	if got := s.On("node4", "grep -lF '"+former+"' "+s.Pgdata("node4")+"/polar_dma.conf || true"); strings.Contains(got, "polar_dma.conf") {
		s.T.Errorf("node4 has the former password of replication: %s", got)
	}
	s.Run(0, "reconfigure.yml").Unchanged()
	s.Run(0, "new-cluster.yml").Unchanged()

	s.Run(0, "switchover.yml").Changed()
	s.Run(0, "restart.yml").Changed()
	s.Run(0, "rebuild-node.yml", "-e", "node=node4", "--yes").Changed().Says("a logger made anew")
	s.Settles()
	s.Run(0, "new-cluster.yml").Unchanged()

	// It has no data to keep when it moves.
	second := s.SecondAddress("node4")
	s.SendsFrom("node4", second)
	s.Set("node4", site.Vars{"polardb_address": second})
	s.Run(0, "move-node.yml", "-e", "node=node4", "-e", "copy=yes", "--yes").Changed()
	s.Run(0, "move-node.yml", "-e", "node=node4").Unchanged()
	s.Settles()
	s.Run(0, "new-cluster.yml").Unchanged()

	// The superuser's password is changed in the way that the refusal names.
	s.Run(0, "drop-node.yml", "-e", "node=node4", "-e", "wipe=yes", "-e", "confirm=node4").Changed()
	rest := []string{"node1", "node2", "node3"}
	s.Only(rest...)
	s.ChangePassword()
	s.SetAll(site.Vars{"polardb_password": s.Password})
	s.Run(0, "rotate-password.yml", "-e", "role=superuser").Changed()
	s.Only(append(rest, "node4")...)
	s.Set("node4", site.Vars{"polardb_role": "logger", "polardb_address": second})
	s.Run(0, "add-node.yml", "--limit", "node4").Changed()
	s.Settles()
	s.Run(0, "new-cluster.yml").Unchanged()
}

package faults

import (
	"testing"

	"github.com/polarbook/polarbook/test/site"
)

// wantKills is the number of playbooks, at least, in which the control node must have been lost before the end.
const wantKills = 12

// TestControlNodeGone loses the control node at a random moment of every playbook that changes a running cluster. The same
// command finishes the work, and finds nothing to do the third time.
func TestControlNodeGone(t *testing.T) {
	site.Long(t)
	t.Parallel()
	dice := site.Dice(t)
	s := newCluster(t, site.Vars{"polardb_package": site.Releases(t)[0]})
	kills := 0
	// again loses the control node during a playbook, and then runs it to its end. With steady, a third run must have
	// nothing to do.
	again := func(steady bool, playbook string, args ...string) {
		t.Helper()
		s.Subtest(t, playbook, func(*testing.T) {
			kills += s.KillSomewhere(dice, playbook, args...)
			s.Run(0, playbook, args...)
			if steady {
				s.Run(0, playbook, args...).Unchanged()
			}
		})
	}
	follower := func() string { return s.Settles().Followers()[0] }

	again(true, "switchover.yml", "-e", "to="+follower())
	again(true, "force-election.yml", "-e", "force=yes", "-e", "node="+follower())
	f := follower()
	again(true, "set-weight.yml", "-e", "node="+f, "-e", "weight=7")
	again(true, "set-weight.yml", "-e", "node="+f, "-e", "weight=5")
	again(true, "demote-follower.yml", "-e", "node="+f)
	again(true, "promote-learner.yml", "-e", "node="+f)
	again(true, "drop-node.yml", "-e", "node="+f, "-e", "wipe=yes", "-e", "confirm="+f)
	again(true, "add-node.yml", "--limit", f)
	s.Settles()
	again(false, "purge-logs.yml")
	again(true, "delay-election.yml", "-e", "delay=on", "-e", "delay_timeout=90s")
	again(true, "delay-election.yml", "-e", "delay=off")
	again(true, "set-election-timeout.yml", "-e", "election_timeout=2500ms")
	s.SetAll(site.Vars{"polardb_settings": site.Vars{"work_mem": "5MB", "max_prepared_transactions": 20}})
	again(true, "reconfigure.yml")
	again(false, "restart.yml")
	s.SetAll(site.Vars{"polardb_package": site.Releases(t)[1]})
	again(true, "upgrade.yml")
	again(true, "stop.yml")
	again(true, "start.yml")
	again(false, "rebuild-node.yml", "--yes", "-e", "node="+follower())
	again(true, "backup.yml", "-e", "on=node2", "-e", "to=/backup/one")
	s.Settles()
	s.Run(0, "new-cluster.yml").Unchanged()
	again(true, "destroy.yml", "-e", "confirm=faults")
	t.Logf("the control node was gone in the middle of %d runs", kills)
	if kills < wantKills {
		t.Errorf("the control node was gone in the middle of %d runs only, want %d", kills, wantKills)
	}
}

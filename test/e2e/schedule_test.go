package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/test/site"
)

// Hosts take backups by themselves: one of them, the follower, and the leader only when there is no other. What failed is said.
func TestScheduledBackups(t *testing.T) {
	t.Parallel()
	names := []string{"node1", "node2"}
	s := site.New(t, site.Options{Cluster: "e2e", Specs: site.Hosts(names...)})
	s.Run(2, "schedule-backups.yml").Says("holds no data of the cluster e2e yet").Unchanged()
	s.Run(0, "new-cluster.yml")
	s.Run(2, "schedule-backups.yml", "-e", "polardb_backup_schedule=teatime").Says("does not know the time teatime").Unchanged()
	s.Run(2, "schedule-backups.yml", "-e", "polardb_backups=/backups").Says("polardb_backups a path of two levels").Unchanged()
	s.Run(0, "schedule-backups.yml", "--check").Changed()
	s.SetAll(site.Vars{"polardb_backup_keep": 1, "polardb_backup_schedule": "*-01-01 00:00:00"})
	s.Twice("schedule-backups.yml")
	s.Status(0)

	leader, follower := s.Whole().Leader, s.Followers()[0]
	fire := func(host string) {
		t.Helper()
		s.On(host, "systemctl start polardb-e2e-backup.service || { journalctl -u polardb-e2e-backup --no-pager -o cat; cat /var/lib/polardb-e2e-backup/last; }")
	}
	for _, n := range names {
		if got := s.On(n, "grep -rlF "+s.Password+" /etc/polardb-e2e-backup.conf /etc/systemd/system /opt/polardb/polarbook-backup /var/lib/polardb-e2e-backup || :"); got != "" {
			t.Errorf("the password stands in %s", got)
		}
		fire(n)
	}
	first := listed(s)
	if len(first) != 1 || first[0].Host != follower || first[0].Source != follower || !first[0].Whole {
		t.Fatalf("there are %+v\n%s", first, s.On(follower, "cat /var/lib/polardb-e2e-backup/last"))
	}
	said := s.Polarbook(0, "backups").Printed()
	for _, want := range []string{"scheduled on " + follower + ", cluster e2e: took " + first[0].Name, "scheduled on " + leader +
		", cluster e2e: ", follower + " takes the backup"} {
		if !strings.Contains(said, want) {
			t.Errorf("polarbook backups does not say %q:\n%s", want, said)
		}
	}
	s.Run(0, "verify-backup.yml", "-e", "on="+follower).Says("can be restored")
	s.Status(0)

	// Another host gets a copy, whole or not at all.
	s.Run(2, "copy-backup.yml", "-e", "on="+leader, "-e", "to="+follower).Says("has no whole backup of the cluster e2e").Unchanged()
	s.Run(2, "copy-backup.yml", "-e", "on="+follower, "-e", "to="+leader, "-e", "from=20200101T000000Z").Says("has no backup").Unchanged()
	s.On(follower, "mv /usr/bin/base64 /usr/bin/whole64 && printf '#!/bin/sh\\nhead -c 6000 | whole64 \"$@\"\\n' >/usr/bin/base64 && chmod 755 /usr/bin/base64")
	s.Run(2, "copy-backup.yml", "-e", "on="+follower, "-e", "to="+leader).Says("was not copied")
	s.On(follower, "mv /usr/bin/whole64 /usr/bin/base64")
	for _, b := range listed(s) {
		if b.Host == leader && (b.Whole || !strings.Contains(b.Reason, "unfinished")) {
			t.Errorf("half a copy counts: %+v", b)
		}
	}
	s.Twice("copy-backup.yml", "-e", "on="+follower, "-e", "to="+leader)
	if both := listed(s); len(both) != 2 || !both[0].Whole || !both[1].Whole || both[0].Name != both[1].Name {
		t.Errorf("there are %+v", both)
	}
	s.Run(0, "verify-backup.yml", "-e", "on="+leader).Says("can be restored")
	s.On(leader, "rm -r /var/lib/polardb-backups/2*")

	// It is one of those that the rules keep, and what a run left that was killed is cleared away.
	s.On(follower, "cd /var/lib/polardb-backups && mkdir 20200101T000000Z && printf 'cluster=e2e\\nstate=begun\\nby=timer\\n' >20200101T000000Z/backup.polarbook && chown -R polardb: .")
	fire(follower)
	if second := listed(s); len(second) != 1 || second[0].Name == first[0].Name || !second[0].Whole {
		t.Errorf("then there are %+v", second)
	}

	// No room, and nowhere to write.
	s.On(follower, "mv /var/lib/polardb-backups /var/lib/away")
	fire(follower)
	s.StatusSays(2, follower+": the scheduled backup of ", " failed: ")
	s.On(follower, "mv /var/lib/away /var/lib/polardb-backups")
	fire(follower)
	s.Status(0)

	// Too old, and a timer that does not run.
	s.On(follower, "sed -i 's/^when=.*/when=1700000000/' /var/lib/polardb-e2e-backup/last")
	s.On(leader, "touch -d '3 days ago' /etc/polardb-e2e-backup.conf; systemctl stop polardb-e2e-backup.timer")
	s.StatusSays(2, "no scheduled backup was taken for 26 hours", leader+": its timer for backups does not run")
	s.Run(0, "schedule-backups.yml").Changed()

	// Without a node that follows it is the leader's turn.
	s.Run(0, "demote-follower.yml", "-e", "node="+follower)
	s.On(follower, "systemctl stop polardb-e2e")
	s.Eventually("the leader takes it", func() error {
		fire(leader)
		if got := s.On(leader, "cat /var/lib/polardb-e2e-backup/last"); !strings.Contains(got, "result=ok") {
			return fmt.Errorf("%s", got)
		}
		return nil
	})
	s.On(follower, "systemctl start polardb-e2e")
	s.Eventually("the learner answers", func() error {
		if c := s.StatusNow(); !c.Of(follower).Answers {
			return fmt.Errorf("%+v", c)
		}
		return nil
	})
	s.Run(0, "promote-learner.yml", "-e", "node="+follower)
	s.Settles()

	s.Run(0, "schedule-backups.yml", "-e", "state=absent").Changed()
	s.Run(0, "schedule-backups.yml", "-e", "state=absent").Unchanged(names...)
	for _, n := range names {
		if got := s.On(n, "ls -d /etc/systemd/system/polardb-*backup* /etc/*-backup.conf /var/lib/polardb-e2e-backup 2>/dev/null || :"); got != "" {
			t.Errorf("%s still has %s", n, got)
		}
	}
	s.Status(0)
	s.Run(0, "schedule-backups.yml").Changed()
	s.Run(0, "destroy.yml", "-e", "confirm=e2e")
	if got := s.On("node1", "ls /etc/systemd/system/polardb-*backup* 2>/dev/null || :"); got != "" {
		t.Errorf("a destroyed cluster has %s", got)
	}
}

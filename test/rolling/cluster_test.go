package rolling

import (
	"maps"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/test/site"
)

func stopAndStart(t *testing.T, s *site.Site) {
	leader := s.Leader()
	o := s.Run(0, "stop.yml")
	if order := o.Order("Stop the server"); len(order) != 3 || order[2] != leader {
		t.Errorf("stopped were %v, and %s led", order, leader)
	}
	for _, n := range nodes {
		if s.On(n, "ls /var/lib/polardb/pgdata/postmaster.pid 2>/dev/null || true") != "" {
			t.Errorf("%s still runs", n)
		}
	}
	s.Run(0, "stop.yml").Unchanged(nodes...)
	s.Run(2, "restart.yml").Says("the cluster can lose no node", "start.yml")
	s.Run(0, "start.yml")
	s.Whole()
	s.Run(0, "start.yml").Unchanged(nodes...)
}

func elections(t *testing.T, s *site.Site) {
	s.Run(0, "delay-election.yml", "--check", "-e", "delay=on").Says("polar_dma_delay_election off -> on")
	s.Run(0, "delay-election.yml", "-e", "delay=on", "-e", "delay_timeout=90s")
	for _, n := range nodes {
		on, long := s.Query(n, "show polar_dma_delay_election"), s.Query(n, "show polar_dma_delay_election_timeout")
		if on != "on" || long != "90s" {
			t.Errorf("%s delays: %s, %s", n, on, long)
		}
	}
	s.Run(0, "delay-election.yml", "-e", "delay=on", "-e", "delay_timeout=90s").Unchanged(nodes...)
	s.Run(0, "delay-election.yml", "-e", "delay=off")

	before := pids(s)
	s.Run(2, "set-election-timeout.yml", "-e", "election_timeout=soon").Says("polar_dma_election_timeout")
	if after := pids(s); !maps.Equal(before, after) {
		t.Errorf("a value that the engine does not take restarted servers: %v, %v", before, after)
	}
	s.Run(0, "set-election-timeout.yml", "-e", "election_timeout=2500ms").Says("reconfigure.yml takes this back")
	for _, n := range nodes {
		if got := s.Query(n, "show polar_dma_election_timeout"); got != "2500ms" {
			t.Errorf("%s has polar_dma_election_timeout %s", n, got)
		}
	}
	s.Run(0, "set-election-timeout.yml", "-e", "election_timeout=2500ms").Unchanged(nodes...)
}

func backup(t *testing.T, s *site.Site) {
	s.Run(0, "backup.yml", "-e", "on=node2", "-e", "to=/backup/first",
		"--check").Says("take a base backup of a follower, or of the leader if none is fit, into /backup/first")
	s.Run(0, "backup.yml", "-e", "on=node2", "-e", "to=/backup/first", "-e", "polardb_backup_compress=none")
	s.On("node2", "cd /backup/first && test -s polardata/global/pg_control && sha256sum --quiet -c SHA256SUMS && "+
		"grep -qx state=finished backup.polarbook && [ $(stat -c %a .) = 700 ]")
	s.Run(0, "backup.yml", "-e", "on=node2", "-e", "to=/backup/first").Unchanged("node2").Says("holds a finished backup")
	s.On("node2", "mkdir /backup/letters && echo dear >/backup/letters/one")
	s.Run(2, "backup.yml", "-e", "on=node2", "-e", "to=/backup/letters").Says("/backup/letters is not empty")
	if got := s.On("node2", "ls -A /backup/letters"); got != "one\n" {
		t.Errorf("/backup/letters holds %s", got)
	}
	s.On("node2", "rm /backup/first/polardata/global/pg_control; sed -i s/finished/begun/ /backup/first/backup.polarbook; rm /backup/first/backup.json")
	s.Run(0, "backup.yml", "-e", "on=node2", "-e", "to=/backup/first", "-e", "polardb_backup_compress=none")
	s.On("node2", "test -s /backup/first/polardata/global/pg_control")
}

func rebuild(t *testing.T, s *site.Site) {
	c := s.Whole()
	leader, broken, other := c.Leader, c.Followers()[0], c.Followers()[1]
	s.Run(2, "rebuild-node.yml", "--yes", "-e", "node="+leader).Says(leader + " leads, and the leader is not rebuilt")
	s.Run(0, "rebuild-node.yml", "--check", "-e", "node="+broken).Says("drop the follower " + broken)
	s.Whole()
	// What a keeper finds: a server that does not start, because a part of its data is gone.
	s.On(broken, "systemctl stop "+s.Unit()+"; rm -rf /var/lib/polardb/polardata/base/*; touch /var/lib/polardb/other")
	l := s.Load()
	s.Run(0, "rebuild-node.yml", "--yes", "-e", "node="+broken)
	l.End("rebuild of a node", nodes...)
	s.Whole()
	s.On(broken, "test -e /var/lib/polardb/other")
	// Without a majority among those left nothing is begun.
	s.On(other, "systemctl stop "+s.Unit())
	s.Run(2, "rebuild-node.yml", "--yes", "-e", "node="+broken).Says("and 2 are needed")
	s.Run(0, "start.yml")
	s.Whole()
}

func destroy(t *testing.T, s *site.Site) {
	before := pids(s)
	s.Run(2, "destroy.yml", "-e", "confirm=production").Says("production")
	s.On("node3", "sed -i s/cluster=rolling/cluster=other/ "+s.Marker("node3"))
	s.Run(2, "destroy.yml", "-e", "confirm=rolling").Says(`belongs to the cluster "other"`)
	s.On("node3", "sed -i s/cluster=other/cluster=rolling/ "+s.Marker("node3"))
	s.Run(0, "destroy.yml", "--check", "-e", "confirm=rolling").Says("remove /var/lib/polardb/pgdata and " +
		"/var/lib/polardb/polardata of the cluster rolling")
	if after := pids(s); !maps.Equal(before, after) {
		t.Errorf("a refusal or a check stopped servers: %v, %v", before, after)
	}
	s.Run(0, "destroy.yml", "-e", "confirm=rolling")
	for _, n := range nodes {
		left := s.On(n, "ls -d /var/lib/polardb/pgdata* /var/lib/polardb/polardata /etc/systemd/system/polardb-rolling* "+
			"/etc/systemd/system/*/polardb-rolling* 2>/dev/null; ps -eo comm | grep -E 'postgres|polarsim'; grep polardb /etc/hosts; true")
		if left != "" {
			t.Errorf("%s has left over: %s", n, left)
		}
		if !strings.Contains(s.On(n, "ls /opt/polardb/versions"), "polardb-") {
			t.Errorf("%s has lost the engine", n)
		}
	}
	s.Run(0, "destroy.yml", "-e", "confirm=rolling").Unchanged(nodes...)
}

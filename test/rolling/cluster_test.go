package rolling

import (
	"maps"
	"strings"
	"testing"
)

func (s *site) stopAndStart(t *testing.T) {
	leader := s.leader()
	o := s.run(0, "stop.yml")
	if order := o.order("Stop the server"); len(order) != 3 || order[2] != leader {
		t.Errorf("stopped were %v, and %s led", order, leader)
	}
	for n := range s.hosts {
		if s.on(n, "ls /var/lib/polardb/pgdata/postmaster.pid 2>/dev/null || true") != "" {
			t.Errorf("%s still runs", n)
		}
	}
	s.run(0, "stop.yml").unchanged()
	s.run(2, "restart.yml").says("no node can take its turn", "start.yml")
	s.run(0, "start.yml")
	s.leader()
	s.run(0, "start.yml").unchanged()
}

func (s *site) elections(t *testing.T) {
	s.run(0, "delay-election.yml", "--check", "-e", "delay=on").says("polar_dma_delay_election off -> on")
	s.run(0, "delay-election.yml", "-e", "delay=on", "-e", "delay_timeout=90s")
	for _, n := range nodes {
		if on, long := s.query(t, n, "show polar_dma_delay_election"), s.query(t, n, "show polar_dma_delay_election_timeout"); on != "on" || long != "90s" {
			t.Errorf("%s delays: %s, %s", n, on, long)
		}
	}
	s.run(0, "delay-election.yml", "-e", "delay=on", "-e", "delay_timeout=90s").unchanged()
	s.run(0, "delay-election.yml", "-e", "delay=off")

	before := s.pids()
	s.run(2, "set-election-timeout.yml", "-e", "election_timeout=soon").says("polar_dma_election_timeout")
	if after := s.pids(); !maps.Equal(before, after) {
		t.Errorf("a value that the engine does not take restarted servers: %v, %v", before, after)
	}
	s.run(0, "set-election-timeout.yml", "-e", "election_timeout=1500ms").says("reconfigure.yml takes this back")
	for _, n := range nodes {
		if got := s.query(t, n, "show polar_dma_election_timeout"); got != "1500ms" {
			t.Errorf("%s has polar_dma_election_timeout %s", n, got)
		}
	}
	s.run(0, "set-election-timeout.yml", "-e", "election_timeout=1500ms").unchanged()
}

func (s *site) backup(t *testing.T) {
	s.run(0, "backup.yml", "-e", "on=node2", "-e", "to=/backup/first", "--check").says("take a base backup of the leader into /backup/first")
	s.run(0, "backup.yml", "-e", "on=node2", "-e", "to=/backup/first")
	s.on("node2", "cd /backup/first && test -s polardata/global/pg_control && sha256sum --quiet -c SHA256SUMS && grep -qx state=finished backup.polarbook && [ $(stat -c %a .) = 700 ]")
	s.run(0, "backup.yml", "-e", "on=node2", "-e", "to=/backup/first").unchanged().says("holds a finished backup")
	s.on("node2", "mkdir /backup/letters && echo dear >/backup/letters/one")
	s.run(2, "backup.yml", "-e", "on=node2", "-e", "to=/backup/letters").says("/backup/letters is not empty")
	if got := s.on("node2", "ls -A /backup/letters"); got != "one" {
		t.Errorf("/backup/letters holds %s", got)
	}
	s.on("node2", "rm /backup/first/polardata/global/pg_control; sed -i s/finished/begun/ /backup/first/backup.polarbook")
	s.run(0, "backup.yml", "-e", "on=node2", "-e", "to=/backup/first")
	s.on("node2", "test -s /backup/first/polardata/global/pg_control")
}

func (s *site) rebuild(t *testing.T) {
	leader := s.leader()
	broken := "node1"
	if leader == broken {
		broken = "node3"
	}
	s.run(2, "rebuild-node.yml", "--yes", "-e", "node="+leader).says(leader + " leads, and the leader is not rebuilt")
	s.run(0, "rebuild-node.yml", "--check", "-e", "node="+broken).says("drop the follower " + broken)
	s.leader()
	// What a keeper finds: a server that does not start, because a part of its data is gone.
	s.on(broken, "systemctl stop polardb-rolling; rm -rf /var/lib/polardb/polardata/base/*; touch /var/lib/polardb/other")
	l := s.load(t)
	s.run(0, "rebuild-node.yml", "--yes", "-e", "node="+broken)
	l.end(t, "rebuild of a node", nodes...)
	s.leader()
	s.on(broken, "test -e /var/lib/polardb/other")
	// Without a majority among those left nothing is begun.
	other := "node2"
	if leader == other {
		other = "node3"
	}
	if other == broken {
		other = "node1"
	}
	s.on(other, "systemctl stop polardb-rolling")
	s.run(2, "rebuild-node.yml", "--yes", "-e", "node="+broken).says("and 2 are needed")
	s.run(0, "start.yml")
	s.leader()
}

func (s *site) destroy(t *testing.T) {
	before := s.pids()
	s.run(2, "destroy.yml", "-e", "confirm=production").says("production")
	s.on("node3", "sed -i s/cluster=rolling/cluster=other/ /var/lib/polardb/pgdata.polarbook")
	s.run(2, "destroy.yml", "-e", "confirm=rolling").says(`belongs to the cluster "other"`)
	s.on("node3", "sed -i s/cluster=other/cluster=rolling/ /var/lib/polardb/pgdata.polarbook")
	s.run(0, "destroy.yml", "--check", "-e", "confirm=rolling").says("remove /var/lib/polardb/pgdata and /var/lib/polardb/polardata of the cluster rolling")
	if after := s.pids(); !maps.Equal(before, after) {
		t.Errorf("a refusal or a check stopped servers: %v, %v", before, after)
	}
	s.run(0, "destroy.yml", "-e", "confirm=rolling")
	for n := range s.hosts {
		left := s.on(n, "ls -d /var/lib/polardb/pgdata* /var/lib/polardb/polardata /etc/systemd/system/polardb-rolling* /etc/systemd/system/*/polardb-rolling* 2>/dev/null; ps -eo comm | grep -E 'postgres|polarsim'; grep polardb /etc/hosts; true")
		if left != "" {
			t.Errorf("%s has left over: %s", n, left)
		}
		if !strings.Contains(s.on(n, "ls /opt/polardb/versions"), "polardb-") {
			t.Errorf("%s has lost the engine", n)
		}
	}
	s.run(0, "destroy.yml", "-e", "confirm=rolling").unchanged()
}

package rolling

import (
	"maps"
	"strings"
	"testing"
	"time"
)

const filesOf = `cd /var/lib/polardb/pgdata && cat postgresql.conf polar_dma.conf pg_hba.conf | sha256sum; ls -d /var/lib/polardb/pgdata.conf-before* 2>/dev/null || true`

func (s *site) files() map[string]string {
	s.t.Helper()
	files := map[string]string{}
	for n := range s.hosts {
		files[n] = s.on(n, filesOf)
	}
	return files
}

func (s *site) reconfigure(t *testing.T) {
	hba := []string{"host all all 0.0.0.0/0 md5"}
	s.run(0, "reconfigure.yml").unchanged()
	before, files := s.pids(), s.files()

	t.Run("a reload", func(t *testing.T) {
		s.set(vars{"polardb_settings": vars{"work_mem": "8MB"}})
		s.run(0, "reconfigure.yml", "--check").says("work_mem 4096kB -> 8MB (reload)")
		if now := s.files(); !maps.Equal(now, files) {
			t.Errorf("--check wrote files: %v, %v", files, now)
		}
		s.run(0, "reconfigure.yml")
		for _, n := range nodes {
			if got := s.query(t, n, "show work_mem"); got != "8MB" {
				t.Errorf("%s has work_mem %s", n, got)
			}
		}
		if now := s.pids(); !maps.Equal(now, before) {
			t.Errorf("a reload restarted servers: %v, %v", before, now)
		}
		s.run(0, "reconfigure.yml").unchanged()
	})

	t.Run("a restart", func(t *testing.T) {
		s.set(vars{"polardb_settings": vars{"work_mem": "8MB", "max_connections": 150}})
		leader := s.leader()
		s.run(0, "reconfigure.yml", "--check").says("max_connections 100 -> 150 (restart)", leader+" leads and cannot follow", "restart the server")
		l := s.load(t)
		o := s.run(0, "reconfigure.yml")
		l.end(t, "reconfigure with a restart", nodes...)
		t.Logf("reconfigure.yml took %s", o.took.Round(100*time.Millisecond))
		if order := o.order("Restart the server"); len(order) != 3 || order[2] != leader {
			t.Errorf("restarted were %v, and %s led", order, leader)
		}
		for _, n := range nodes {
			if got := s.query(t, n, "show max_connections"); got != "150" {
				t.Errorf("%s has max_connections %s", n, got)
			}
		}
		s.run(0, "reconfigure.yml").unchanged()
	})

	t.Run("a run that was cut off before its restart", func(t *testing.T) {
		s.set(vars{"polardb_settings": vars{"work_mem": "8MB", "max_connections": 160}})
		follower := "node1"
		if s.leader() == follower {
			follower = "node2"
		}
		s.on(follower, `sed -i "s/^max_connections = .*/max_connections = '160'/" /var/lib/polardb/pgdata/postgresql.conf; kill -HUP $(head -n 1 /var/lib/polardb/pgdata/postmaster.pid)`)
		s.run(0, "reconfigure.yml")
		if got := s.query(t, follower, "show max_connections"); got != "160" {
			t.Errorf("%s has max_connections %s", follower, got)
		}
		s.run(0, "reconfigure.yml").unchanged()
	})

	before, files = s.pids(), s.files()
	good := vars{"work_mem": "8MB", "max_connections": 160}
	for name, c := range map[string]struct {
		set  vars
		says string
	}{
		"no number":          {vars{"polardb_settings": vars{"work_mem": "lots", "max_connections": 160}}, "work_mem"},
		"no such setting":    {vars{"polardb_settings": vars{"wrok_mem": "8MB", "max_connections": 160}}, "the engine has no setting wrok_mem"},
		"less than before":   {vars{"polardb_settings": vars{"max_connections": 80}}, "max_connections cannot go down from 160 to 80"},
		"another port":       {vars{"polardb_settings": vars{"port": 5433, "max_connections": 160}}, "port is 5432 and would become 5433"},
		"pg_hba.conf":        {vars{"polardb_settings": good, "polardb_hba": append(hba, "host all all 10.0.0.0/8 nonsense")}, "of pg_hba.conf"},
		"wrong for dma":      {vars{"polardb_settings": good, "polardb_hba": hba, "polardb_dma_settings": vars{"polar_dma_election_timeout": "soon"}}, "polar_dma_election_timeout"},
		"fails at the start": {vars{"polardb_settings": vars{"listen_addresses": "203.0.113.9", "max_connections": 160}}, "was left with the files that it had"},
	} {
		t.Run("refused: "+name, func(t *testing.T) {
			defer s.set(vars{"polardb_settings": good, "polardb_hba": hba, "polardb_dma_settings": vars{"polar_dma_election_timeout": "1s"}})
			leader := s.leader()
			s.set(c.set)
			s.run(2, "reconfigure.yml").says(c.says)
			if now := s.files(); !maps.Equal(now, files) {
				t.Errorf("files were left behind: %v, %v", files, now)
			}
			if now := s.leader(); now != leader {
				t.Errorf("%s leads, %s led before", now, leader)
			}
			touched := 0
			for n, pid := range s.pids() {
				if pid != before[n] {
					touched++
				}
			}
			if touched > 1 || touched > 0 && !strings.Contains(name, "at the start") {
				t.Errorf("%d servers were restarted", touched)
			}
			before = s.pids()
		})
	}
	s.run(0, "reconfigure.yml").unchanged()
}

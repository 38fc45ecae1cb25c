package rolling

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/polarbook/polarbook/test/site"
)

const filesOf = `cd /var/lib/polardb/pgdata && cat postgresql.conf polar_dma.conf pg_hba.conf | sha256sum
	ls -d /var/lib/polarbook/*/*.conf-before* 2>/dev/null || true`

// configuration returns what identifies a node's files, those that a run keeps of before too, by node.
func configuration(s *site.Site) map[string]string {
	s.T.Helper()
	files := map[string]string{}
	for _, n := range nodes {
		files[n] = s.On(n, filesOf)
	}
	return files
}

const fussy = "/run/systemd/system/polardb-rolling.service.d"

func reconfigure(t *testing.T, s *site.Site) {
	hba := []string{site.FromOutside}
	s.Run(0, "reconfigure.yml").Unchanged(nodes...)
	before, files := pids(s), configuration(s)

	s.Subtest(t, "a reload", func(t *testing.T) {
		s.SetAll(site.Vars{"polardb_settings": site.Vars{"work_mem": "8MB"}})
		s.Run(0, "reconfigure.yml", "--check").Says("work_mem 4096kB -> 8MB (reload)")
		if now := configuration(s); !maps.Equal(now, files) {
			t.Errorf("--check wrote files: %v, %v", files, now)
		}
		s.Run(0, "reconfigure.yml")
		for _, n := range nodes {
			if got := s.Query(n, "show work_mem"); got != "8MB" {
				t.Errorf("%s has work_mem %s", n, got)
			}
		}
		if now := pids(s); !maps.Equal(now, before) {
			t.Errorf("a reload restarted servers: %v, %v", before, now)
		}
		s.Run(0, "reconfigure.yml").Unchanged(nodes...)
	})

	s.Subtest(t, "a restart", func(t *testing.T) {
		s.SetAll(site.Vars{"polardb_settings": site.Vars{"work_mem": "8MB", "max_connections": 150}})
		leader := s.Leader()
		s.Run(0, "reconfigure.yml", "--check").Says("max_connections 100 -> 150 (restart)",
			leader+" leads and cannot follow", "restart the server")
		l := s.Load()
		o := s.Run(0, "reconfigure.yml")
		l.End("reconfigure with a restart", nodes...)
		t.Logf("reconfigure.yml took %s", o.Took.Round(100*time.Millisecond))
		if order := o.Order("Restart the server"); len(order) != 3 || order[2] != leader {
			t.Errorf("restarted were %v, and %s led", order, leader)
		}
		for _, n := range nodes {
			if got := s.Query(n, "show max_connections"); got != "150" {
				t.Errorf("%s has max_connections %s", n, got)
			}
		}
		s.Run(0, "reconfigure.yml").Unchanged(nodes...)
	})

	s.Subtest(t, "a run that was cut off before its restart", func(t *testing.T) {
		s.SetAll(site.Vars{"polardb_settings": site.Vars{"work_mem": "8MB", "max_connections": 160}})
		follower := s.Followers()[0]
		s.On(follower,
			`sed -i "s/^max_connections = .*/max_connections = '160'/" /var/lib/polardb/pgdata/postgresql.conf
				kill -HUP $(head -n 1 /var/lib/polardb/pgdata/postmaster.pid)`)
		s.Run(0, "reconfigure.yml")
		if got := s.Query(follower, "show max_connections"); got != "160" {
			t.Errorf("%s has max_connections %s", follower, got)
		}
		s.Run(0, "reconfigure.yml").Unchanged(nodes...)
	})

	before, files = pids(s), configuration(s)
	good := site.Vars{"work_mem": "8MB", "max_connections": 160}
	for name, c := range map[string]struct {
		set  site.Vars
		says string
	}{
		"no number":        {site.Vars{"polardb_settings": site.Vars{"work_mem": "lots", "max_connections": 160}}, "work_mem"},
		"no such setting":  {site.Vars{"polardb_settings": site.Vars{"wrok_mem": "8MB", "max_connections": 160}}, `did you mean "work_mem"?`},
		"less than before": {site.Vars{"polardb_settings": site.Vars{"max_connections": 80}}, "max_connections cannot go down from 160 to 80"},
		"another port":     {site.Vars{"polardb_settings": site.Vars{"port": 5433, "max_connections": 160}}, "port must be 5432, not 5433"},
		"pg_hba.conf": {site.Vars{"polardb_settings": good, "polardb_hba": append(hba, "host all all 10.0.0.0/8 nonsense")},
			"(host all all 10.0.0.0/8 nonsense): invalid authentication method"},
		"wrong for dma": {site.Vars{"polardb_settings": good, "polardb_hba": hba,
			"polardb_dma_settings": site.Vars{"polar_dma_election_timeout": "soon"}}, "polar_dma_election_timeout"},
		"fails at the start": {site.Vars{"polardb_settings": site.Vars{"max_prepared_transactions": 7, "max_connections": 160}},
			"has the files again that it had before"},
	} {
		s.Case(t, "refused: "+name, func(t *testing.T) {
			defer s.SetAll(site.Vars{"polardb_settings": good, "polardb_hba": hba,
				"polardb_dma_settings": site.Vars{"polar_dma_election_timeout": site.ElectionTimeout}})
			leader := s.Leader()
			if name == "fails at the start" {
				// The engine takes the files, and something else does not.
				for _, n := range nodes {
					s.On(n, `mkdir -p `+fussy+
						`; printf '[Service]\nExecStartPre=/bin/sh -c "! grep -q ^max_prepared_transactions /var/lib/polardb/pgdata/postgresql.conf"\n' >`+fussy+`/fussy.conf; systemctl daemon-reload`)
					defer s.On(n, "rm -r "+fussy+"; systemctl daemon-reload")
				}
			}
			s.SetAll(c.set)
			s.Run(2, "reconfigure.yml").Says(c.says)
			if now := configuration(s); !maps.Equal(now, files) {
				t.Errorf("files were left behind: %v, %v", files, now)
			}
			if now := s.Leader(); now != leader {
				t.Errorf("%s leads, %s led before", now, leader)
			}
			touched := 0
			for n, pid := range pids(s) {
				if pid != before[n] {
					touched++
				}
			}
			if touched > 1 || touched > 0 && !strings.Contains(name, "at the start") {
				t.Errorf("%d servers were restarted", touched)
			}
			before = pids(s)
		})
	}
	s.Run(0, "reconfigure.yml").Unchanged(nodes...)
}

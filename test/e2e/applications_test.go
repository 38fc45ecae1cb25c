package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/test/site"
)

// TestApplications is a cluster as those see it who use it. It logs in as a user whose sudo asks for a password.
func TestApplications(t *testing.T) {
	t.Parallel()
	s := site.New(t, site.Options{User: "dba", Cluster: "apps", Specs: site.Hosts("node1", "node2", "node3")})
	s.Set("node1", site.Vars{"polardb_bootstrap": true})
	s.Run(0, "new-cluster.yml")
	leader := s.Leader()

	s.Subtest(t, "what clients are told", func(t *testing.T) {
		o := s.Polarbook(0, "connect", "-d", "app", "-U", "app", "--output", "json")
		var c struct {
			Leader  string
			Members []struct{ Name, Says, Address string }
			Write   struct{ Libpq_uri string }
		}
		if err := json.Unmarshal([]byte(o.Stdout), &c); err != nil {
			t.Fatalf("%v: %s", err, o.Stdout)
		}
		if c.Leader != leader || len(c.Members) != 3 {
			t.Errorf("%+v, want %s to lead three members", c, leader)
		}
		for _, m := range c.Members {
			if (m.Says == "leader") != (m.Name == leader) || !strings.Contains(c.Write.Libpq_uri, m.Address) {
				t.Errorf("%+v is not told as it is: %+v", m, c)
			}
		}
	})
	s.Subtest(t, "psql", func(t *testing.T) {
		o := s.Polarbook(0, "psql", "--", "-Atc", "select pg_is_in_recovery()")
		if strings.TrimSpace(o.Stdout) != "f" {
			t.Errorf("without a node it is not the leader's: %q", o.Stdout)
		}
		o = s.Polarbook(0, "psql", "follower", "--", "-Atc", "select pg_is_in_recovery()")
		if strings.TrimSpace(o.Stdout) != "t" {
			t.Errorf("that is no follower: %q", o.Stdout)
		}
		o = s.Fed(0, "create table fed (a int);\ninsert into fed values (41);\nselect a + 1 from fed;\n", "psql", leader, "--", "-At")
		if !strings.HasSuffix(strings.TrimSpace(o.Stdout), "42") {
			t.Errorf("it was fed, and said %q", o.Stdout)
		}
		s.Fed(3, "select 1/0;\n", "psql", "--", "-v", "ON_ERROR_STOP=1").Says("division by zero")
		s.Polarbook(1, "psql", "--", "-c", "select nothing").Says("nothing")
		s.Polarbook(2, "psql", "--", "-d", "no such database", "-c", "select 1").Says("does not exist")
		s.Polarbook(1, "psql", "nobody").Says("no node")
		if !testing.Short() { // on a busy machine the keys come before the terminal is psql's, and the terminal may keep them
			screen, code := s.Typed("select 'a' || 'b';\r\\q\r", "psql")
			if code != 0 || !strings.Contains(screen, "ab") || strings.Contains(screen, s.Password) {
				t.Errorf("on a terminal: %d, %q", code, screen)
			}
		}
		s.On(leader, "systemctl stop "+s.Unit())
		s.Polarbook(2, "psql", leader).Says(leader, "polarbook status")
		s.Polarbook(0, "connect").Says("postgresql://")
		s.Run(0, "start.yml")
	})
	s.Subtest(t, "metrics", func(t *testing.T) {
		said := s.Polarbook(0, "metrics").Stdout
		for _, want := range []string{
			`polardb_cluster_has_leader{cluster="apps"} 1`, `polardb_node_role{cluster="apps",node="` + s.Leader() + `",role="leader"} 1`,
			"polardb_node_replay_lag_bytes{", "polardb_node_disk_free_bytes{", "polardb_node_wal_bytes{", "polardb_node_term{", "polardb_node_log_index{",
		} {
			if !strings.Contains(said, want) {
				t.Errorf("there is no %s among\n%s", want, said)
			}
		}
	})
	s.Subtest(t, "one of two clusters", func(t *testing.T) {
		s.File("others.yml", "polardb: {hosts: {ghost: {ansible_host: 127.0.0.1, ansible_port: 1, polardb_cluster: ghosts}}}\n")
		both := []string{"-i", "inventory.yml", "-i", "others.yml"}
		s.Polarbook(1, append([]string{"status"}, both...)...).Says("--cluster NAME")
		s.Polarbook(0, append([]string{"status", "--cluster", "apps"}, both...)...)
		o := s.Polarbook(2, append([]string{"clusters"}, both...)...)
		for _, want := range []string{"apps     " + s.Leader() + "   3 of 3", "as wanted", "ghosts   -       0 of 1", "no answer"} {
			if !strings.Contains(o.Stdout, want) {
				t.Errorf("clusters does not show %q:\n%s", want, o.Stdout)
			}
		}
	})
	s.Subtest(t, "clients are let in", func(t *testing.T) {
		s.SetAll(site.Vars{"polardb_clients": []any{
			"198.51.100.7", site.Vars{"networks": []string{"192.0.2.0/24", "198.51.100.8"}, "users": []string{"app", "+readers"}, "databases": "app"},
			site.Vars{"networks": "203.0.113.0/24"},
		}})
		s.Run(0, "reconfigure.yml")
		for _, n := range s.Names() {
			var got []string
			for line := range strings.Lines(s.On(n, "cat "+s.Pgdata(n)+"/pg_hba.conf")) {
				if strings.Contains(line, "192.0.2.") || strings.Contains(line, "198.51.100.") || strings.Contains(line, "203.0.113.") {
					got = append(got, strings.Join(strings.Fields(line), " "))
				}
			}
			want := `host "app" "app",+"readers" 192.0.2.0/24 scram-sha-256
host "app" "app",+"readers" 198.51.100.8/32 scram-sha-256
host all all 203.0.113.0/24 scram-sha-256`
			if strings.Join(got, "\n") != want {
				t.Errorf("pg_hba.conf of %s has\n%s\nwant\n%s", n, strings.Join(got, "\n"), want)
			}
		}
		s.Run(0, "reconfigure.yml").Unchanged(s.Names()...)
		s.SetAll(site.Vars{"polardb_clients": []any{}})
		s.Run(0, "reconfigure.yml")
	})
	s.Subtest(t, "databases and roles", func(t *testing.T) { databases(t, s) })
	s.Subtest(t, "nothing is left", func(t *testing.T) { tidy(s) })
}

// databases makes databases and roles, changes them, and removes them. The stand-in has too little of a catalog for that.
func databases(t *testing.T, s *site.Site) {
	s.SetAll(site.Vars{"polardb_roles": []site.Vars{{"name": "replicator"}}})
	s.Run(2, "databases.yml").Says("the cluster's own roles")
	s.SetAll(site.Vars{"polardb_roles": []site.Vars{{"name": "app", "pasword": "x"}}})
	s.Run(2, "databases.yml").Says("an entry has no pasword")
	if !site.RealEngine() {
		return
	}
	roles := []site.Vars{
		{"name": "readers", "attributes": []string{"NOLOGIN"}},
		{"name": "app", "password": s.Password, "attributes": "CREATEDB", "member_of": []string{"readers"}, "conn_limit": 7,
			"configuration": site.Vars{"statement_timeout": "10min"},
			"grants":        []site.Vars{{"database": "app", "privs": []string{"CONNECT", "TEMPORARY"}}, {"database": "app", "type": "schema", "objs": "log", "privs": "USAGE"}}},
	}
	bases := []site.Vars{
		{"name": "app", "owner": "app", "encoding": "UTF8", "schemas": []any{"log"}, "extensions": []any{"polar_monitor"}, "comment": "it's theirs"},
		{"name": "kept"},
	}
	s.SetAll(site.Vars{"polardb_roles": roles, "polardb_databases": bases})
	s.Run(0, "databases.yml", "--check", "--diff")
	if said := s.Polarbook(0, "psql", "--", "-Atc", "select count(*) from pg_roles where rolname in ('app', 'readers')").Stdout; strings.TrimSpace(said) != "0" {
		t.Errorf("--check made %s roles", said)
	}
	s.Run(0, "databases.yml", "--diff")
	s.Run(0, "databases.yml").Unchanged(s.Names()...)
	said := s.Polarbook(0, "psql", "--", "-Atc", `select pg_get_userbyid(datdba), rolconnlimit, rolcreatedb, pg_has_role('app', 'readers', 'member'),
		has_schema_privilege('app', 'public', 'usage') from pg_database, pg_roles where datname = 'app' and rolname = 'app'`).Stdout
	if strings.TrimSpace(said) != "app|7|t|t|t" {
		t.Errorf("the database and the role are %q", said)
	}
	said = s.Polarbook(0, "psql", "--", "-d", "app", "-Atc", `select has_schema_privilege('app', 'log', 'usage'), has_database_privilege('app', 'app', 'temporary'), count(*) from pg_extension where extname = 'polar_monitor'`).Stdout
	if strings.TrimSpace(said) != "t|t|1" {
		t.Errorf("in the database there is %q", said)
	}
	// Another node leads: the work goes there, and what is no longer mentioned stays.
	s.Run(0, "switchover.yml")
	roles[1]["conn_limit"] = 8
	bases = []site.Vars{{"name": "app", "state": "absent"}}
	s.SetAll(site.Vars{"polardb_roles": roles[:1], "polardb_databases": bases})
	s.Run(0, "databases.yml")
	s.Run(0, "databases.yml").Unchanged(s.Names()...)
	said = s.Polarbook(0, "psql", "--", "-Atc", "select datname from pg_database where datname in ('app', 'kept') union select rolname from pg_roles where rolname = 'app'").Stdout
	if strings.Join(strings.Fields(said), " ") != "app kept" && strings.Join(strings.Fields(said), " ") != "kept app" {
		t.Errorf("there are %q, want the role app and the database kept", said)
	}
	s.SetAll(site.Vars{"polardb_roles": []site.Vars{{"name": "app", "state": "absent"}}})
	s.Run(0, "databases.yml")
	s.Run(0, "databases.yml").Unchanged(s.Names()...)
}

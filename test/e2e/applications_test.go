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
		screen, code := s.Typed("select 'a' || 'b';\r\\q\r", "psql")
		if code != 0 || !strings.Contains(screen, "ab") || strings.Contains(screen, s.Password) {
			t.Errorf("on a terminal: %d, %q", code, screen)
		}
		s.On(leader, "systemctl stop "+s.Unit())
		s.Polarbook(2, "psql", leader).Says(leader, "polarbook status")
		s.Polarbook(0, "connect").Says("postgresql://")
		s.Run(0, "start.yml")
	})
	s.Subtest(t, "nothing is left", func(t *testing.T) { tidy(s) })
}

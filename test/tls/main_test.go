package tls

import (
	"fmt"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/test/site"
)

func TestMain(m *testing.M) { site.Main(m) }

// newSite returns a site of these hosts with TLS as the inventory's group says.
func newSite(t *testing.T, group site.Vars, hosts ...string) *site.Site {
	t.Helper()
	vars := site.Vars{"polardb_tls": site.Vars{"own_ca": true}}
	for k, v := range group {
		vars[k] = v
	}
	return site.New(t, site.Options{Cluster: "tls", User: "dba", Specs: site.Hosts(hosts...), Group: vars})
}

// streams wants that all members but the leader follow it, by TLS or without.
func streams(s *site.Site, encrypted bool) {
	s.T.Helper()
	want := map[bool]string{true: "t", false: "f"}[encrypted]
	c := s.Settles()
	s.Eventually("replication with ssl="+want, func() error {
		got := strings.Fields(s.SQL(c.Leader, "select s.ssl from pg_stat_replication r join pg_stat_ssl s on s.pid = r.pid"))
		if len(got) != len(c.Members)-1 || strings.Trim(strings.Join(got, ""), want) != "" {
			return fmt.Errorf("the replication connections of %s have ssl=%v", c.Leader, got)
		}
		return nil
	})
}

// follow restarts the connections of the followers to the leader, and wants that each comes back: a connection that stands
// proves nothing about the certificates of today.
func follow(s *site.Site, encrypted bool) {
	s.T.Helper()
	c := s.Settles()
	s.SQL(c.Leader, "select count(pg_terminate_backend(pid)) from pg_stat_replication")
	streams(s, encrypted)
}

package e2e

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/polarbook/polarbook/test/lab"
	"github.com/polarbook/polarbook/test/site"
)

// TestEndpointBoth: one endpoint has an address and HAProxy, on hosts with firewalld and with ufw, and leads readers to a learner, too.
// Clients that polardb_clients names reach what they are to reach, others nothing, and nobody but the proxies what answers them.
func TestEndpointBoth(t *testing.T) {
	t.Parallel()
	site.Long(t)
	both := site.EndpointPackages
	s := site.New(t, site.Options{User: "dba", Cluster: "ends", Specs: []lab.Spec{
		{Name: "node1", Flavour: "rhel", Packages: []string{"haproxy", "keepalived"}}, {Name: "node2", Packages: both}, {Name: "node3", Packages: both}, {Name: "stranger"}}})
	s.Only("node1", "node2", "node3")
	s.Set("node1", site.Vars{"polardb_bootstrap": true})
	s.Set("node3", site.Vars{"polardb_role": "learner"})
	here := s.Lab.Host("node1").Address
	network := here[:strings.LastIndexByte(here, '.')+1]
	e, p := endpoint{s: s, address: network + "250"}, proxies{s: s, hosts: []string{"node1", "node2"}}
	s.SetAll(site.Vars{"polardb_clients": []site.Vars{{"networks": []string{network + "1/32"}, "users": []string{"all"},
		"databases": []string{"all"}}}})
	s.On("node2", "ufw allow 22/tcp && ufw --force enable")
	s.Run(0, "new-cluster.yml")

	ends := func(haproxy ...string) {
		v := site.Vars{"address": e.address}
		if len(haproxy) > 0 {
			v["haproxy"], v["port"], v["readers_port"], v["learners"] = haproxy, 6432, 6433, true
		}
		s.SetAll(site.Vars{"polardb_endpoint": v})
	}
	lead := func(t *testing.T) {
		t.Helper()
		leader := s.Leader()
		e.follows(leader)
		p.leads(leader)
		p.reads(append(s.Followers(), "node3")...)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for _, port := range []string{"5432", "6432"} {
			s.Eventually("the address's port "+port+" leads to the leader", func() error {
				conn, err := s.ConnectAt(ctx, e.address, port, "polardb")
				if err != nil {
					return err
				}
				defer conn.Close(ctx)
				follows := true
				if err = conn.QueryRow(ctx, "select pg_is_in_recovery()").Scan(&follows); err == nil && follows {
					err = fmt.Errorf("it leads to one that follows")
				}
				return err
			})
		}
	}
	// reached are those ports of these addresses, separated by blanks, that a host reaches, all tried at the same time.
	reached := func(from, addresses, ports string) string {
		return s.On(from, "for a in "+addresses+"; do for p in "+ports+"; do (timeout 3 bash -c \"exec 3<>/dev/tcp/$a/$p\" 2>/dev/null && echo $a:$p) & done; done; wait")
	}
	strangers := func(t *testing.T) {
		t.Helper()
		if got := reached("stranger", strings.Join([]string{here, s.Lab.Host("node2").Address, e.address}, " "),
			"5432 6432 6433 14432"); got != "" {
			t.Errorf("a stranger reaches %s", got)
		}
		for _, n := range p.hosts { // the machine, as a client
			if conn, err := net.DialTimeout("tcp", s.Lab.Host(n).Address+":14432", time.Second); err == nil {
				_ = conn.Close()
				t.Errorf("a client reaches what answers the proxies on %s", n)
			}
		}
	}

	s.Subtest(t, "it leads there, and nowhere else", func(t *testing.T) {
		ends(p.hosts...)
		s.Run(2, "endpoint.yml").Says("Run reconfigure.yml first").Unchanged()
		s.Run(0, "reconfigure.yml")
		t.Log(s.Run(0, "endpoint.yml").Changed().Story())
		s.Run(0, "endpoint.yml").Unchanged(s.Names()...)
		lead(t)
		strangers(t)
		s.StatusSays(0, "endpoint "+e.address+": "+s.Leader()+" has it", "HAProxy runs on 2 of 2: node1, node2")
		s.Polarbook(0, "connect").Says("endpoint", e.address+":5432", "to write", here+":6432", "to read", here+":6433")
	})
	s.Subtest(t, "after a switchover and a reload of the firewalls", func(t *testing.T) {
		s.On("node1", "firewall-cmd --reload")
		s.On("node2", "ufw reload")
		s.Run(0, "switchover.yml")
		lead(t)
		strangers(t)
		s.Run(0, "endpoint.yml").Unchanged(s.Names()...)
		s.Run(0, "reconfigure.yml").Unchanged(s.Names()...)
	})
	closed := func(t *testing.T, words ...string) {
		t.Helper()
		left := s.On("node1", "firewall-cmd --list-all; firewall-cmd --permanent --list-all") +
			s.On("node2", "ufw status; grep -h vrrp /etc/ufw/*.rules; true")
		for _, w := range words {
			if strings.Contains(left, w) {
				t.Errorf("the firewalls still have rules for %s:\n%s", w, left)
			}
		}
	}
	s.Subtest(t, "one proxy less, and then the address alone", func(t *testing.T) {
		ends("node1")
		s.Run(0, "endpoint.yml").Changed()
		p.hosts = p.hosts[:1]
		p.leads(s.Leader())
		e.follows(s.Leader())
		if got := reached("node1", s.Lab.Host("node2").Address, "6432"); got != "" {
			t.Errorf("a proxy is there still: %s", got)
		}
		ends()
		s.Run(0, "endpoint.yml").Changed()
		s.Run(0, "endpoint.yml").Unchanged(s.Names()...)
		e.follows(s.Leader())
		closed(t, "6432", "6433", "14432")
	})
	s.Subtest(t, "nothing is left", func(t *testing.T) {
		s.Run(0, "endpoint.yml", "-e", "state=absent").Changed()
		s.Run(0, "endpoint.yml", "-e", "state=absent").Unchanged(s.Names()...)
		e.gone()
		closed(t, "6432", "6433", "14432", "vrrp")
	})
}

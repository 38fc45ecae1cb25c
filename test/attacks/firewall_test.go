package attacks

import (
	"fmt"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/test/lab"
	"github.com/polarbook/polarbook/test/site"
)

// TestFirewall checks on hosts with firewalld and with ufw that only members reach the consensus port, because whoever
// reaches it can vote, and that only the clients in the inventory reach the client port. The hosts begin with the rules of
// an earlier release: both ports open to everybody.
func TestFirewall(t *testing.T) {
	t.Parallel()
	const voting, client = 15432, 5432
	s := site.New(t, site.Options{Cluster: "walls", Specs: []lab.Spec{
		lab.Spec{Name: "node1"}.Of("rhel"),
		{Name: "node2", Packages: site.EndpointPackages},
		{Name: "node3"},
		lab.Spec{Name: "node4"}.Of("rhel"),
		{Name: "stranger"},
	}})
	s.Only("node1", "node2", "node3")
	s.On("node1", "for p in --permanent ''; do firewall-cmd $p --add-port=5432/tcp --add-port=15432/tcp --add-port=8080/tcp; done")
	s.On("node2", "ufw allow 22/tcp && ufw allow 5432/tcp && ufw allow 15432/tcp && ufw --force enable")

	reaches := func(t *testing.T, from, to string, port int, want bool) {
		t.Helper()
		out := s.On(from, fmt.Sprintf("if timeout 3 bash -c 'exec 3<>/dev/tcp/%s/%d' 2>/dev/null; then echo yes; else echo no; fi",
			s.Lab.Host(to).Address, port))
		if got := strings.TrimSpace(out) == "yes"; got != want {
			t.Errorf("%s reaches port %d of %s: %v, want %v\n%s%s", from, port, to, got, want,
				s.On(to, "firewall-cmd --list-all 2>/dev/null; ufw status 2>/dev/null; true"), s.On(to, "ss -ltn | head -20"))
		}
	}

	s.Subtest(t, "a cluster with an earlier release's rules", func(t *testing.T) {
		s.Run(0, "new-cluster.yml", "--check").Says("5432 is open to everybody", "close 15432/tcp for everybody")
		s.Run(0, "new-cluster.yml").Changed()
		s.Whole()
		for _, walled := range []string{"node1", "node2"} {
			reaches(t, "stranger", walled, voting, false)
			reaches(t, "stranger", walled, client, true)
			reaches(t, "node3", walled, voting, true)
		}
		s.Run(0, "new-cluster.yml").Unchanged(s.Names()...)
		// Rules that are not polarbook's stay, and its own survive a restart of the firewall.
		s.On("node1", "firewall-cmd --query-port=8080/tcp && firewall-cmd --reload")
		s.On("node2", "ufw reload")
		reaches(t, "stranger", "node1", voting, false)
		reaches(t, "node2", "node1", voting, true)
		reaches(t, "node1", "node2", voting, true)
	})
	s.Subtest(t, "clients that are named", func(t *testing.T) {
		s.SetAll(site.Vars{"polardb_clients": []string{"192.0.2.0/24"}})
		s.Run(0, "reconfigure.yml", "--check").Says("close 5432/tcp for everybody")
		s.Run(0, "reconfigure.yml").Changed()
		for _, walled := range []string{"node1", "node2"} {
			reaches(t, "stranger", walled, client, false)
			reaches(t, "node3", walled, client, true)
		}
		s.Whole()
		s.SetAll(site.Vars{"polardb_clients": []string{s.Lab.Host("stranger").Address + "/32"}})
		s.Run(0, "new-cluster.yml").Changed()
		for _, walled := range []string{"node1", "node2"} {
			reaches(t, "stranger", walled, client, true)
			reaches(t, "stranger", walled, voting, false)
		}
		s.Run(0, "new-cluster.yml").Unchanged(s.Names()...)
		s.Run(0, "reconfigure.yml").Unchanged(s.Names()...)
	})
	s.Subtest(t, "a member comes and goes", func(t *testing.T) {
		reaches(t, "node4", "node1", voting, false)
		s.Only("node1", "node2", "node3", "node4")
		s.Run(0, "add-node.yml", "--limit", "node4", "--check")
		reaches(t, "node4", "node1", voting, false)
		// What is refused has opened nobody's port.
		leader := s.StatusNow().Leader
		for _, n := range []string{"node1", "node2", "node3"} {
			s.On(n, "install -d -o polardb -g polardb -m 700 /srv/ts")
		}
		s.SQL(leader, "create tablespace ts location '/srv/ts'")
		s.On("node4", "mkdir -p /srv/ts; touch /srv/ts/mine")
		s.Run(2, "add-node.yml", "--limit", "node4").Says("ts in /srv/ts is not empty on node4: mine").Unchanged()
		for _, old := range []string{"node1", "node2"} { // node3 has no firewall
			reaches(t, "node4", old, voting, false)
		}
		s.On("node4", "rm /srv/ts/mine")
		s.Run(0, "add-node.yml", "--limit", "node4")
		s.Whole()
		for _, old := range []string{"node1", "node2", "node3"} {
			reaches(t, "node4", old, voting, true)
			reaches(t, old, "node4", voting, true)
		}
		reaches(t, "stranger", "node4", voting, false)
		s.Run(0, "add-node.yml", "--limit", "node4").Unchanged("node4")
		s.Run(0, "new-cluster.yml").Unchanged(s.Names()...)

		s.Run(0, "drop-node.yml", "-e", "node=node4")
		for _, left := range []string{"node1", "node2"} {
			reaches(t, "node4", left, voting, false)
			reaches(t, "node3", left, voting, true)
		}
		s.Run(0, "drop-node.yml", "-e", "node=node4").Unchanged()
		s.Only("node1", "node2", "node3")
		s.Whole()
	})
	s.Subtest(t, "destroyed", func(t *testing.T) {
		s.Run(0, "destroy.yml", "-e", "confirm=walls")
		left := s.On("node1", "firewall-cmd --list-all; firewall-cmd --permanent --list-all") + s.On("node2", "ufw status")
		if strings.Contains(left, "5432") {
			t.Errorf("the firewalls still have rules:\n%s", left)
		}
	})
}

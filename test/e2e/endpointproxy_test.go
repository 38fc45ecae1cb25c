package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/polarbook/polarbook/test/site"
)

// TestEndpointProxy: HAProxy, on a host that is no member and on a member, leads one port to the node that takes writes and another to
// those that follow. Somebody writes through the first all the time, and somebody else connects to it again and again: no row is lost that
// was acknowledged, and once the port has led to a new leader it never leads to the old one again.
func TestEndpointProxy(t *testing.T) {
	t.Parallel()
	specs := site.Hosts("node1", "node2", "node3", "proxy1")
	specs[0].Packages, specs[3].Packages = site.EndpointPackages, site.EndpointPackages
	s := site.New(t, site.Options{User: "dba", Cluster: "ends", Specs: specs, Group: site.Vars{
		"polardb_dma_settings": site.Vars{"polar_dma_election_timeout": "5s"}, "polardb_hba": []string{site.FromOutside}}})
	s.Only("node1", "node2", "node3")
	s.Set("node1", site.Vars{"polardb_bootstrap": true})
	besides(s, "proxy1", nil)
	p := proxies{s: s, hosts: []string{"proxy1", "node1"}}
	s.Run(0, "new-cluster.yml")

	s.Subtest(t, "what cannot be is refused", func(t *testing.T) {
		for given, says := range map[string]string{
			`{haproxy: [proxy9], port: 6432}`:                          "haproxy is a list of hosts of the inventory",
			`{haproxy: proxy1, port: 6432}`:                            "haproxy is a list of hosts of the inventory",
			`{haproxy: [proxy1]}`:                                      "port, readers_port and check_port are ports",
			`{haproxy: [proxy1], port: 6432, reader_port: 6433}`:       "with readers_port, learners, max_lag and check_port or without",
			`{port: 6432}`:                                             "polardb_endpoint is {address: 10.0.0.100}",
			`{haproxy: [proxy1], port: 70000}`:                         "must be from 1024 to 65535",
			`{haproxy: [proxy1], port: 6432, readers_port: 6432}`:      "hold 6432 twice",
			`{haproxy: [proxy1, node1], port: 5432}`:                   "somebody listens on port 5432 already",
			`{haproxy: [proxy1], port: 6432, check_port: 15432}`:       "somebody listens on port 15432 already",
			`{haproxy: [node2], port: 6432}`:                           "HAProxy is not installed on node2",
			`{haproxy: [proxy1], port: 6432, address: 198.51.100.250}`: "is no host's address in a network of",
		} {
			s.Run(2, "endpoint.yml", "-e", "{polardb_endpoint: "+given+"}").Says(says).Unchanged()
		}
		s.Run(0, "endpoint.yml", "--check", "--diff", "-e", "{polardb_endpoint: {haproxy: [proxy1, node1], port: 6432, readers_port: 6433}}").Says("polardb-ends-endpoint-proxy.service", "polardb-ends-endpoint-answer")
		p.gone()
	})
	s.SetAll(site.Vars{"polardb_endpoint": site.Vars{"haproxy": p.hosts, "port": 6432, "readers_port": 6433}})
	besides(s, "proxy1", nil)
	s.Subtest(t, "a run that was killed goes on", func(t *testing.T) {
		site.Long(t)
		s.KillSomewhere(site.Dice(t), "endpoint.yml")
	})
	s.Subtest(t, "it leads to the leader", func(t *testing.T) {
		own := s.On("proxy1", "systemctl is-active haproxy.service; true")
		t.Log(s.Run(0, "endpoint.yml").Story())
		s.Run(0, "endpoint.yml").Unchanged(s.Names()...)
		if now := s.On("proxy1", "systemctl is-active haproxy.service; true"); now != own {
			t.Errorf("the site's own HAProxy was %s and is %s", own, now)
		}
		p.leads(s.Leader())
		p.reads(s.Followers()...)
		s.StatusSays(0, "endpoint HAProxy runs on 2 of 2: node1, proxy1")
		s.Polarbook(0, "connect").Says("to write", s.Lab.Host("proxy1").Address+":6432", "to read", s.Lab.Host("node1").Address+":6433")
		for _, n := range append(s.Names(), "proxy1") {
			if found := s.On(n, "grep -rlF -e '"+s.Password+"' /etc/polardb-ends-endpoint* /etc/systemd/system /opt/polardb/polardb-ends-endpoint-answer 2>/dev/null; true"); found != "" {
				t.Errorf("the password lies on %s in %s", n, found)
			}
		}
		if got := s.On("proxy1", "stat -c '%a %U' /run/polardb-ends-endpoint-proxy /run/polardb-ends-endpoint-proxy/admin.sock"); got != "700 haproxy\n600 haproxy\n" {
			t.Errorf("the statistics' socket: %q", got)
		}
		lines := 0
		if _, err := fmt.Sscan(s.On(s.Leader(), "journalctl --no-pager -q -u 'polardb-ends-endpoint-answer*' | wc -l"),
			&lines); err != nil || lines > 8 {
			t.Errorf("what answers the proxies fills the journal: %d lines (%v)", lines, err)
		}
	})
	load := s.LoadBy(func(ctx context.Context) (*pgx.Conn, error) { return p.connect(ctx, p.hosts[rand.IntN(2)], "6432") })
	seen := p.watch()
	leaders := []string{s.Leader()}
	moved := func(to string) {
		p.leads(to)
		leaders = append(leaders, to)
	}
	s.Subtest(t, "it follows a switchover", func(t *testing.T) {
		to := s.Followers()[0]
		s.Run(0, "switchover.yml", "-e", "to="+to)
		moved(to)
	})
	s.Subtest(t, "it follows an election", func(t *testing.T) {
		dead := s.Leader()
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		first := firstWrite(ctx, s, dead)
		killEngine(s, dead)
		now := p.another(dead)
		led := time.Now()
		moved(now)
		select {
		case w := <-first:
			t.Logf("the first write on %s at %s, and a session through the port was answered %s later", w.host, w.at.UTC().Format("15:04:05.000"),
				led.Sub(w.at).Round(time.Millisecond))
		case <-ctx.Done():
			t.Error("nobody else took writes")
		}
		s.Run(0, "start.yml")
		s.Settles()
		p.reads(s.Followers()...)
	})
	s.Subtest(t, "HAProxy is killed", func(t *testing.T) {
		s.On("proxy1", "systemctl kill -s KILL polardb-ends-endpoint-proxy.service")
		p.leads(s.Leader())
	})
	s.Subtest(t, "what answers the proxies is off", func(t *testing.T) {
		site.Long(t)
		off := s.Followers()[0]
		s.On(off, "systemctl stop polardb-ends-endpoint-answer.service")
		p.reads(slices.DeleteFunc(s.Followers(), func(n string) bool { return n == off })...)
		s.StatusSays(0, off+": the unit polardb-ends-endpoint-answer does not run (inactive)")
		s.On(off, "systemctl start polardb-ends-endpoint-answer.service")
		p.reads(s.Followers()...)
	})
	s.Subtest(t, "a follower that is behind", func(t *testing.T) {
		site.Long(t)
		if site.RealEngine() {
			late := s.Followers()[0]
			s.SQL(late, "select pg_wal_replay_pause()")
			p.reads(slices.DeleteFunc(s.Followers(), func(n string) bool { return n == late })...)
			s.SQL(late, "select pg_wal_replay_resume()")
			p.reads(s.Followers()...)
		}
	})
	s.Subtest(t, "a leader that is stopped and goes on", func(t *testing.T) {
		site.Long(t)
		old := s.Leader()
		all := "kill -%s $(head -n 1 " + s.Pgdata(old) + "/postmaster.pid) $(pgrep -P $(head -n 1 " + s.Pgdata(old) + "/postmaster.pid)); true"
		s.On(old, fmt.Sprintf(all, "STOP"))
		moved(p.another(old))
		s.On(old, fmt.Sprintf(all, "CONT"))
		s.Settles()
		p.leads(s.Leader())
	})
	s.Subtest(t, "the leader's host is cut off", func(t *testing.T) {
		site.Long(t)
		old := s.Leader()
		if old == "node1" { // a proxy, too: what it leads to is not seen while it is cut off
			s.Run(0, "switchover.yml", "-e", "to=node2")
			moved("node2")
			old = "node2"
		}
		host := s.Lab.Host(old)
		do(s, host.Unplug())
		moved(p.another(old))
		do(s, host.Plug())
		s.Settles()
		p.leads(s.Leader())
	})
	s.Subtest(t, "nothing was lost, and nobody was led astray", func(t *testing.T) {
		load.End("through HAProxy", s.Names()...)
		if got := seen(); !slices.Equal(got, leaders) {
			t.Errorf("the port led to %v, want %v", got, leaders)
		}
	})
	s.Subtest(t, "followers log no error when they are asked", func(t *testing.T) { quietLogs(s) })
	s.Subtest(t, "nobody follows", func(t *testing.T) {
		site.Long(t)
		leader, followers := s.Leader(), s.Followers()
		off, other := followers[0], followers[1]
		s.Run(0, "drop-node.yml", "-e", "node="+off)
		if got := s.On(off, "systemctl is-active polardb-ends-endpoint-answer.service; true"); got != "inactive\n" {
			t.Errorf("on a node that was dropped the unit is %s", got)
		}
		s.On(other, "systemctl stop polardb-ends-endpoint-answer.service")
		p.reads(leader)
		s.On(other, "systemctl start polardb-ends-endpoint-answer.service")
		s.Run(0, "add-node.yml", "--limit", off).Says("polarbook run endpoint.yml")
		s.Run(0, "endpoint.yml").Changed()
		p.reads(s.Followers()...)
	})
	s.Subtest(t, "nothing is left", func(t *testing.T) {
		s.Run(0, "endpoint.yml", "-e", "state=absent").Changed()
		s.Run(0, "endpoint.yml", "-e", "state=absent").Unchanged(s.Names()...)
		p.gone()
	})
	s.Subtest(t, "nor after the cluster", func(t *testing.T) {
		site.Long(t)
		s.Run(0, "endpoint.yml")
		p.leads(s.Leader())
		s.Run(0, "destroy.yml", "-e", "confirm=ends")
		p.gone()
		tidy(s)
	})
}

// proxies are the hosts with HAProxy, and what is seen through them.
type proxies struct {
	s     *site.Site
	hosts []string
}

func (p proxies) connect(ctx context.Context, host, port string) (*pgx.Conn, error) {
	return p.s.ConnectAt(ctx, p.s.Lab.Host(host).Address, port, "polardb")
}

// ask returns the node that a port of a proxy leads to, and whether it follows.
func (p proxies) ask(host, port string) (node string, follows bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	conn, err := p.connect(ctx, host, port)
	if err != nil {
		return "", false, err
	}
	defer conn.Close(ctx)
	var address string
	if err := conn.QueryRow(ctx, "select inet_server_addr()::text, pg_is_in_recovery()").Scan(&address, &follows); err != nil {
		return "", false, err
	}
	address, _, _ = strings.Cut(address, "/")
	for _, h := range p.s.Lab.Hosts() {
		if h.Address == address {
			return h.Name, follows, nil
		}
	}
	return "", false, fmt.Errorf("no host has the address %s", address)
}

// leads waits until the port for writing of all proxies leads to this node, which takes writes.
func (p proxies) leads(leader string) {
	p.s.T.Helper()
	p.s.Eventually("the port leads to "+leader, func() error {
		for _, host := range p.hosts {
			if node, follows, err := p.ask(host, "6432"); err != nil || node != leader || follows {
				return fmt.Errorf("by %s it leads to %s (follows: %v; %v)", host, node, follows, err)
			}
		}
		return nil
	})
}

// another waits until proxy1 leads to another node than this one, and returns it.
func (p proxies) another(old string) (now string) {
	p.s.T.Helper()
	p.s.Eventually("the port leads to another node than "+old, func() error {
		node, _, err := p.ask("proxy1", "6432")
		if now = node; err != nil || node == old {
			return fmt.Errorf("it leads to %s (%v)", node, err)
		}
		return nil
	})
	return now
}

// reads waits until the port for reading of all proxies leads to all of these nodes in turn, and to no other.
func (p proxies) reads(nodes ...string) {
	p.s.T.Helper()
	slices.Sort(nodes)
	for _, host := range p.hosts {
		p.s.Eventually(fmt.Sprintf("%s leads readers to %v", host, nodes), func() error {
			var all []string
			for range 3 * len(nodes) {
				node, _, err := p.ask(host, "6433")
				if err != nil {
					return err
				}
				all = append(all, node)
			}
			slices.Sort(all)
			if all = slices.Compact(all); !slices.Equal(all, nodes) {
				return fmt.Errorf("it leads them to %v", all)
			}
			return nil
		})
	}
}

// watch connects to both proxies' port for writing again and again, until what it returns is called: that returns the nodes that took
// writes there, in the order in which they were come to, without repetitions.
func (p proxies) watch() func() []string {
	var all []string
	stop, done := make(chan struct{}), make(chan struct{})
	halt := sync.OnceFunc(func() { close(stop); <-done })
	p.s.T.Cleanup(halt)
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(50 * time.Millisecond):
			}
			node, follows, err := p.ask(p.hosts[i%len(p.hosts)], "6432")
			if err == nil && follows {
				node += " (which follows)"
			}
			if err == nil && (len(all) == 0 || all[len(all)-1] != node) {
				all = append(all, node)
			}
		}
	}()
	return func() []string {
		halt()
		return all
	}
}

// gone wants nothing to be there for the endpoint on any host.
func (p proxies) gone() {
	p.s.T.Helper()
	for _, n := range append(p.s.Names(), "proxy1") {
		found := p.s.On(n, "ls -d /etc/polardb-ends-endpoint* /opt/polardb/polardb-ends-endpoint* /etc/systemd/system/polardb-ends-endpoint* /etc/systemd/system/*/polardb-ends-endpoint* "+
			"/run/polardb-ends-endpoint* 2>/dev/null; pgrep -a -f 'polardb-ends-endpoint-(proxy|answer)' | grep -v pgrep; true")
		if found != "" {
			p.s.T.Errorf("on %s there is still %s", n, found)
		}
	}
}

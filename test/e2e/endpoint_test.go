package e2e

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/polarbook/polarbook/test/lab"
	"github.com/polarbook/polarbook/test/site"
)

// TestEndpoint: the cluster's virtual address is on the host whose node takes writes, and on no other. Each host's kernel tells of every
// address that it gets or loses, from before the endpoint is set up until it is gone: no two hosts of a network that hear each other, nor
// of one that is cut, have the address at the same time.
func TestEndpoint(t *testing.T) {
	t.Parallel()
	specs := site.Hosts("node1", "node2", "node3")
	for i := range specs {
		specs[i].Packages = site.EndpointPackages
	}
	// An old leader's host gives the address up 0.8 of this after the last write at the latest: the rest is what a busy machine may take
	// longer.
	s := site.New(t, site.Options{User: "dba", Cluster: "ends", Specs: specs, Group: site.Vars{
		"polardb_dma_settings": site.Vars{"polar_dma_election_timeout": "8s"}, "polardb_hba": []string{site.FromOutside}}})
	s.Set("node1", site.Vars{"polardb_bootstrap": true})
	here := s.Lab.Host("node1").Address
	network := here[:strings.LastIndexByte(here, '.')+1]
	e := endpoint{s: s, address: network + "250"}
	with := func(address string) string { return `{"polardb_endpoint": {"address": "` + address + `"}}` }

	s.Run(2, "endpoint.yml", "-e", with(e.address)).Says("holds no node of this cluster").Unchanged()
	s.Run(0, "new-cluster.yml")
	e.watch()

	s.Subtest(t, "what cannot be is refused", func(t *testing.T) {
		s.Run(0, "endpoint.yml").Says("polardb_endpoint is empty").Unchanged(s.Names()...)
		for given, says := range map[string]string{
			with(here): "which is a member's own", with("198.51.100.7"): "is no host's address in a network of",
			with(e.address + "/24"): "without a length",
			// The machine that the hosts run on is on their network, too.
			with(network + "1"):                     "another host, with the hardware address",
			`{"polardb_endpoint": {"adress": "x"}}`: "polardb_endpoint is {address: 10.0.0.100}",
			`{"polardb_endpoint": {"address": "` + e.address + `", "interface": "eth7"}}`: "the host has no interface eth7",
		} {
			s.Run(2, "endpoint.yml", "-e", given).Says(says).Unchanged()
		}
		s.Run(2, "endpoint.yml", "--limit", "node2", "-e", with(e.address)).Says("leave --limit out").Unchanged()
		s.On("node3", "mv /usr/sbin/keepalived /usr/sbin/keepalived.away")
		s.Run(2, "endpoint.yml", "-e", with(e.address)).Says("keepalived is not installed on node3").Unchanged("node1", "node2")
		s.On("node3", "mv /usr/sbin/keepalived.away /usr/sbin/keepalived")
		s.Run(0, "endpoint.yml", "--check", "--diff", "-e", with(e.address)).Says("polardb-ends-endpoint.service")
		for _, n := range s.Names() {
			if found := s.On(n, e.left()+"grep polardb_probe /etc/passwd; true"); found != "" {
				t.Errorf("--check made on %s: %s", n, found)
			}
		}
	})
	s.SetAll(site.Vars{"polardb_endpoint": site.Vars{"address": e.address}})
	s.Subtest(t, "it is where the leader is", func(t *testing.T) {
		t.Log(s.Run(0, "endpoint.yml").Changed().Story())
		e.follows(s.Leader())
		s.Run(0, "endpoint.yml").Unchanged(s.Names()...)
		for _, n := range s.Names() {
			if found := s.On(n, "grep -rlF -e '"+s.Password+"' /etc/polardb-ends-endpoint.conf /usr/libexec/keepalived /etc/systemd/system; true"); found != "" {
				t.Errorf("the password lies on %s in %s", n, found)
			}
		}
		s.Polarbook(0, "connect").Says("endpoint", e.address+":5432")
		s.StatusSays(0, "endpoint "+e.address+": "+s.Leader()+" has it")
		off := s.Followers()[0]
		s.On(off, "systemctl stop polardb-ends-endpoint.service")
		s.StatusSays(0, off+": the unit polardb-ends-endpoint does not run (inactive)")
		s.On(off, "systemctl start polardb-ends-endpoint.service")
		conn, err := net.DialTimeout("tcp", e.address+":5432", 5*time.Second)
		if err != nil {
			t.Error(err)
		} else {
			_ = conn.Close()
		}
	})
	s.Subtest(t, "it follows a switchover", func(t *testing.T) {
		s.Run(0, "switchover.yml")
		e.follows(s.Leader())
	})
	s.Subtest(t, "keepalived is killed", func(t *testing.T) {
		site.Long(t)
		leader := s.Leader()
		s.On(leader, "systemctl kill -s KILL polardb-ends-endpoint.service")
		e.follows(leader)
	})
	s.Subtest(t, "it follows an election", func(t *testing.T) {
		dead := s.Leader()
		e.measures("the leader's server is killed", func() { killEngine(s, dead) })
		e.follows(s.StatusNow().Leader)
		s.Run(0, "start.yml")
		s.Settles()
	})
	s.Subtest(t, "a leader that is stopped and goes on", func(t *testing.T) {
		site.Long(t)
		old := s.Leader()
		all := "kill -%s $(head -n 1 " + s.Pgdata(old) + "/postmaster.pid) $(pgrep -P $(head -n 1 " + s.Pgdata(old) + "/postmaster.pid)); true"
		s.On(old, fmt.Sprintf(all, "STOP"))
		e.leaves(old)
		s.On(old, fmt.Sprintf(all, "CONT"))
		s.Settles()
		e.follows(s.Leader())
	})
	s.Subtest(t, "the leader's host is cut off", func(t *testing.T) {
		old := s.Leader()
		host := s.Lab.Host(old)
		e.measures("the leader's host is cut off", func() { do(s, host.Unplug()) })
		e.leaves(old)
		if has := e.has(old); has {
			t.Errorf("%s is cut off and has the address", old)
		}
		do(s, host.Plug())
		s.Settles()
		e.follows(s.Leader())
	})
	e.apart()
	quietLogs(s)
	s.Subtest(t, "nothing is left", func(t *testing.T) {
		s.Run(0, "endpoint.yml", "-e", "state=absent", "--check")
		s.Run(0, "endpoint.yml", "-e", "state=absent").Changed()
		s.Run(0, "endpoint.yml", "-e", "state=absent").Unchanged(s.Names()...)
		e.gone()
		s.Run(0, "endpoint.yml")
		e.follows(s.Leader())
		s.Run(0, "destroy.yml", "-e", "confirm=ends")
		e.gone()
		tidy(s)
	})
}

// endpoint is a cluster's virtual address, looked at from inside its hosts.
type endpoint struct {
	s       *site.Site
	address string
}

// left is a command that lists what is there for the address on a host.
func (e endpoint) left() string {
	return "ls -d /etc/polardb-ends-endpoint.conf /usr/libexec/keepalived/polardb-* /etc/systemd/system/polardb-ends-endpoint* /etc/systemd/system/*/polardb-ends-endpoint* 2>/dev/null; "
}

func (e endpoint) gone() {
	e.s.T.Helper()
	for _, n := range e.s.Names() {
		if found := e.s.On(n, e.left()+"pgrep -a keepalived; true"); found != "" || e.has(n) {
			e.s.T.Errorf("on %s there is still %s; it has the address: %v", n, found, e.has(n))
		}
	}
}

func (e endpoint) has(name string) bool {
	e.s.T.Helper()
	return e.s.On(name, "ip -o -4 addr show to "+e.address+"/32") != ""
}

func (e endpoint) holders() []string {
	var all []string
	for _, n := range e.s.Names() {
		if e.has(n) {
			all = append(all, n)
		}
	}
	return all
}

// follows waits until the named host alone has the address.
func (e endpoint) follows(leader string) {
	e.s.T.Helper()
	e.s.Eventually(leader+" alone has the address", func() error {
		if now := e.holders(); !slices.Equal(now, []string{leader}) {
			return fmt.Errorf("%v have it", now)
		}
		return nil
	})
}

// leaves waits until another host than this one has the address.
func (e endpoint) leaves(old string) {
	e.s.T.Helper()
	e.s.Eventually("another host than "+old+" has the address", func() error {
		if now := e.holders(); len(now) != 1 || now[0] == old {
			return fmt.Errorf("%v have it", now)
		}
		return nil
	})
}

// watch has each host's kernel write down the addresses that come and go. All hosts have the machine's clock.
func (e endpoint) watch() {
	for _, n := range e.s.Names() {
		e.s.On(n, "systemd-run --quiet --unit=addresses sh -c 'exec ip -tshort -o -4 monitor address >/run/addresses'")
	}
}

// held is a time in which a host had the address.
type held struct {
	host       string
	from, till time.Time
}

// spans reads what the kernels wrote down, in the order of its beginnings.
func (e endpoint) spans() []held {
	e.s.T.Helper()
	var all []held
	for _, n := range e.s.Names() {
		var since time.Time
		for line := range strings.Lines(e.s.On(n, "cat /run/addresses")) {
			stamp, rest, ok := strings.Cut(strings.TrimPrefix(line, "["), "]")
			if !ok || !strings.Contains(rest, " "+e.address+"/32 ") {
				continue
			}
			at, err := time.Parse("2006-01-02T15:04:05.999999", stamp)
			if err != nil {
				e.s.T.Fatalf("%q: %v", line, err)
			}
			switch gone := strings.Contains(rest, "Deleted"); {
			case !gone && since.IsZero():
				since = at
			case gone && !since.IsZero():
				all = append(all, held{n, since, at})
				since = time.Time{}
			}
		}
		if !since.IsZero() {
			all = append(all, held{n, since, time.Now().Add(time.Hour)})
		}
	}
	slices.SortFunc(all, func(a, b held) int { return a.from.Compare(b.from) })
	return all
}

// apart wants no two hosts to have had the address at one time, and more than one to have had it at all.
func (e endpoint) apart() {
	e.s.T.Helper()
	all := e.spans()
	hosts := map[string]bool{}
	for i, one := range all {
		hosts[one.host] = true
		for _, next := range all[i+1:] {
			if next.host != one.host && next.from.Before(one.till) {
				e.s.T.Errorf("%s had the address until %s, and %s from %s on", one.host, one.till, next.host, next.from)
			}
		}
		e.s.T.Logf("%s had the address from %s on for %s", one.host, one.from.Format("15:04:05.000"),
			one.till.Sub(one.from).Round(time.Millisecond))
	}
	if len(hosts) < 2 {
		e.s.T.Errorf("the address was seen on %v alone: that proves nothing", hosts)
	}
}

// measures tells how long after a new leader's first write the address answers: the same empty transaction is committed again and again on
// each host's own server, and through the address from outside.
func (e endpoint) measures(what string, do func()) {
	e.s.T.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	old := e.s.Leader()
	first := firstWrite(ctx, e.s, old)
	do()
	e.leaves(old)
	select {
	case w := <-first:
		for _, span := range e.spans() {
			if span.host == w.host && span.till.After(w.at) {
				e.s.T.Logf("%s: the first write on %s at %s, and it had the address %s later", what, w.host, w.at.UTC().Format("15:04:05.000"),
					span.from.Sub(w.at).Round(time.Millisecond))
				return
			}
		}
		e.s.T.Errorf("%s: %s took writes and did not get the address", what, w.host)
	case <-ctx.Done():
		e.s.T.Errorf("%s: nobody else took writes", what)
	}
}

// written is the first write that a host's server took.
type written struct {
	host string
	at   time.Time
}

// firstWrite waits on all hosts but one for the first write that their own servers take: an empty transaction is committed again and again,
// until the context ends.
func firstWrite(ctx context.Context, s *site.Site, old string) <-chan written {
	first := make(chan written, len(s.Names()))
	for _, n := range s.Names() {
		if n == old {
			continue
		}
		go func(h *lab.Host) {
			// The shell in the host outlives the program that it was begun with.
			context.AfterFunc(ctx, func() { _, _ = h.Exec(context.Background(), "rm -f /run/tries") })
			out, err := h.Exec(ctx, `: >/run/tries
while [ -e /run/tries ]; do
runuser -u polardb_probe -- env LD_LIBRARY_PATH=/opt/polardb/current/lib timeout -s KILL 2 /opt/polardb/current/bin/psql -X -q -A -t -w -h /run/polardb-ends -U polardb_probe -d postgres -c "select case when not pg_is_in_recovery() then 'writes ' || pg_logical_emit_message(true, 'test', '') end" 2>/dev/null | grep -q writes && date +%s%N && exit
sleep 0.1; done`)
			var ns int64
			if _, scan := fmt.Sscan(out, &ns); err == nil && scan == nil {
				first <- written{h.Name, time.Unix(0, ns)}
			}
		}(s.Lab.Host(n))
	}
	return first
}

// quietLogs wants no server to have logged that it was to write while it followed, as it would several times a second.
func quietLogs(s *site.Site) {
	s.T.Helper()
	for _, n := range s.Names() {
		if found := s.On(n, "grep -rh 'cannot assign TransactionIds' "+s.Pgdata(n)+"/pg_log | grep -c ERROR; true"); strings.TrimSpace(found) != "0" {
			s.T.Errorf("%s has logged %s errors about writes that it was to take as a follower", n, strings.TrimSpace(found))
		}
	}
}

package daytwo

import (
	"os"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/test/site"
)

// TestIdentity makes hosts, inventory and cluster disagree in every way that an operator may. What would do harm is refused
// by name before anything is changed, in check mode too. POLARBOOK_IDENTITY=yes tries all ways with all playbooks, which
// takes minutes.
func TestIdentity(t *testing.T) {
	t.Parallel()
	s := site.New(t, site.Options{Cluster: "identity", Specs: site.Hosts("node1", "node2", "node3")})
	// One host has its directories on disks of their own, in the state that mkfs leaves.
	s.Set("node3", site.Vars{"polardb_pgdata": "/disks/pg", "polardb_polardata": "/disks/polar"})
	s.On("node3", "mkdir -p /disks/pg /disks/polar /real/pg /real/polar; for d in pg polar; do mkdir -m 700 /real/$d/lost+found; done")
	mount(s, "pg", "polar")
	step := func(name string, f func(s *site.Site)) {
		s.Subtest(t, name, func(*testing.T) { f(s) })
	}
	step("directories that are mounted", func(s *site.Site) {
		s.Run(0, "new-cluster.yml")
		s.Run(0, "new-cluster.yml").Unchanged()
		s.On("node3", "grep -q 'RequiresMountsFor=/disks/pg /disks/polar' /etc/systemd/system/"+s.Unit()+
			".service; systemctl show -p RequiresMountsFor "+s.Unit()+" | grep -q /disks/polar")
	})
	step("a member that the inventory does not have", stranger)
	step("another address", otherAddress)
	step("a disk that is not mounted", unmounted)
	step("no disk is mounted anywhere", allUnmounted)
	step("links", links)
	step("some of the hosts", someHosts)
	if !thorough() {
		return
	}
	step("another port", otherPort)
	step("a logger by the inventory alone", otherKind)
	step("another disk", otherDisk)
	step("a cluster of an earlier release", earlier)
	step("a cluster that polarbook did not make", foreign)
}

func thorough() bool { return os.Getenv("POLARBOOK_IDENTITY") != "" }

// some returns the first of the things to try, or all of them.
func some(n int, playbooks ...string) []string {
	if thorough() || len(playbooks) < n {
		return playbooks
	}
	return playbooks[:n]
}

func mount(s *site.Site, dirs ...string) {
	s.T.Helper()
	for _, d := range dirs {
		s.On("node3", "mount --bind /real/"+d+" /disks/"+d)
	}
}

// entries returns what lets members in, as the hosts have it.
func entries(s *site.Site) string {
	s.T.Helper()
	var all strings.Builder
	for _, n := range s.Names() {
		all.WriteString(s.On(n, "sha256sum "+s.Pgdata(n)+"/*.conf /etc/hosts; systemctl is-active "+s.Unit()+
			" || true; pgrep -c -u polardb -f -- '-D /' || true"))
	}
	return all.String()
}

// refuses checks that the playbooks refuse with the text, and change nothing.
func refuses(s *site.Site, text string, playbooks ...string) {
	s.T.Helper()
	before := entries(s)
	for _, p := range some(2, playbooks...) {
		words := strings.Fields(p)
		s.Refused(text, words[0], append(words[1:], "--yes")...)
	}
	if d := site.Difference(before, entries(s)); d != "" {
		s.T.Errorf("files were changed:\n%s", d)
	}
}

func stranger(s *site.Site) {
	before := entries(s)
	gone := s.Lab.Host("node3").Address
	s.Only("node1", "node2")
	refuses(s, gone+":5432 is a member of the cluster (follower", "new-cluster.yml", "add-node.yml --limit node2",
		"reconfigure.yml", "demote-follower.yml -e node=node2", "drop-node.yml -e node=node2", "rebuild-node.yml -e node=node2")
	s.Run(2, "new-cluster.yml").Says("put it back into the inventory, or drop it from the cluster: " +
		"polarbook run drop-node.yml -e node=" + gone + ":5432")
	s.Only("node1", "node2", "node3")
	s.Set("node3", site.Vars{"polardb_pgdata": "/disks/pg", "polardb_polardata": "/disks/polar"})
	if d := site.Difference(before, entries(s)); d != "" {
		s.T.Errorf("files were changed:\n%s", d)
	}
	s.Whole()
}

func otherAddress(s *site.Site) {
	f := s.Settles().Followers()[0]
	at := s.Lab.Host(f).Address
	s.Set(f, site.Vars{"polardb_address": "192.0.2.7"})
	refuses(s, f+" is "+at+":5432 by its consensus meta, and 192.0.2.7:5432 by the inventory", "new-cluster.yml",
		"add-node.yml --limit "+f, "rebuild-node.yml -e node="+f, "drop-node.yml -e node="+f, "reconfigure.yml", "restart.yml", "upgrade.yml")
	s.Run(2, "start.yml").Says("move-node.yml -e node=" + f)
	c := s.Status(2)
	if c.Leader == "" ||
		!strings.Contains(strings.Join(c.Disagrees, "; "), f+" is "+at+":5432 in the cluster and 192.0.2.7:5432 in the inventory") {
		s.T.Errorf("the status is %+v", c)
	}
	s.Set(f, site.Vars{"polardb_address": at})
	s.Run(0, "new-cluster.yml").Unchanged()
}

func otherPort(s *site.Site) {
	leader := s.Settles().Leader
	s.Set(leader, site.Vars{"polardb_port": 5433})
	for _, p := range []string{"new-cluster.yml", "reconfigure.yml", "start.yml", "check.yml"} {
		s.Run(2, p, "--check").Says(leader+" is", ":5432 by its consensus meta", ":5433 by the inventory")
		s.Run(2, p).Says(leader+" is", ":5432 by its consensus meta", ":5433 by the inventory")
	}
	s.Set(leader, site.Vars{"polardb_port": 5432})
	s.Run(0, "new-cluster.yml").Unchanged()
}

func otherKind(s *site.Site) {
	f := s.Settles().Followers()[0]
	s.Set(f, site.Vars{"polardb_role": "logger"})
	refuses(s, f+" is a node with data, but by the inventory (polardb_role) it should be a logger",
		"new-cluster.yml", "add-node.yml --limit "+f)
	s.Set(f, site.Vars{"polardb_role": "follower"})
}

func unmounted(s *site.Site) {
	if s.Settles().Leader == "node3" {
		s.Run(0, "switchover.yml")
	}
	s.On("node3", "systemctl stop "+s.Unit()+"; umount /disks/polar /disks/pg")
	const lost = "the data of node3 is gone or its disk is not mounted"
	for _, p := range some(1, "new-cluster.yml", "add-node.yml --limit node3", "reconfigure.yml") {
		words := strings.Fields(p)
		s.Refused(lost, words[0], words[1:]...)
	}
	s.Run(2, "new-cluster.yml").Says("mount it, or rebuild the node: polarbook run rebuild-node.yml -e node=node3")
	s.Run(2, "start.yml").Says("node3 must not be started", "not mounted")
	// One of the two disks is no better, and neither is a host that has also lost its notes.
	mount(s, "pg")
	s.Run(2, "new-cluster.yml").Says(lost).Unchanged()
	s.On("node3", "umount /disks/pg; mv /var/lib/polarbook /var/lib/polarbook.away")
	s.Run(2, "new-cluster.yml").Says(lost).Unchanged()
	left := s.On("node3", "rm -rf /var/lib/polarbook; mv /var/lib/polarbook.away /var/lib/polarbook; ls -A /disks/pg /disks/polar | "+
		"grep -v -e : -e '^$' || true")
	if left != "" {
		s.T.Errorf("something was put below the mount points: %s", left)
	}
	mount(s, "pg", "polar")
	s.Run(0, "start.yml").Changed()
	s.Settles()
	s.Run(0, "new-cluster.yml").Unchanged()
}

func allUnmounted(s *site.Site) {
	s.Settles()
	s.Run(0, "stop.yml")
	for _, n := range []string{"node1", "node2"} {
		s.On(n, "mv /var/lib/polardb /var/lib/polardb.disk; mkdir /var/lib/polardb")
	}
	s.On("node3", "umount /disks/polar /disks/pg")
	for _, args := range [][]string{{"--check"}, {"--yes"}} {
		s.Run(2, "new-cluster.yml", args...).Says("the data of node1 is gone or its disk is not mounted").Unchanged()
	}
	// Without its notes a host of an earlier release has only the unit.
	for _, n := range s.Names() {
		s.On(n, "mv /var/lib/polarbook /var/lib/polarbook.away; sed -i.away /^RequiresMountsFor=/d /etc/systemd/system/"+s.Unit()+".service")
	}
	s.Run(2, "new-cluster.yml").Says("the data of node1 is gone or its disk is not mounted").Unchanged()
	for _, n := range s.Names() {
		s.On(n, "rm -rf /var/lib/polarbook; mv /var/lib/polarbook.away /var/lib/polarbook; cd /etc/systemd/system; mv "+s.Unit()+
			".service.away "+s.Unit()+".service")
	}
	for _, n := range []string{"node1", "node2"} {
		s.On(n, "rmdir /var/lib/polardb; mv /var/lib/polardb.disk /var/lib/polardb")
	}
	mount(s, "pg", "polar")
	s.Run(0, "start.yml").Changed()
	s.Settles()
}

func otherDisk(s *site.Site) {
	if s.Settles().Leader == "node3" {
		s.Run(0, "switchover.yml")
	}
	// The node is rebuilt while its disk is away, and then the disk comes back.
	s.On("node3", "systemctl stop "+s.Unit()+"; umount /disks/polar /disks/pg; mkdir /real/pg2 /real/polar2; "+
		"mount --bind /real/pg2 /disks/pg; mount --bind /real/polar2 /disks/polar")
	s.Run(0, "rebuild-node.yml", "-e", "node=node3", "--yes").Changed()
	s.Settles()
	s.On("node3", "systemctl stop "+s.Unit()+"; umount /disks/polar /disks/pg")
	mount(s, "pg", "polar")
	for _, p := range []string{"new-cluster.yml", "start.yml", "reconfigure.yml"} {
		s.Run(2, p).Says("/disks/pg is not the data that", "from before the node was built anew")
	}
	s.On("node3", "rm -rf /real/pg/* /real/polar/*")
	s.Run(0, "rebuild-node.yml", "-e", "node=node3", "--yes").Changed()
	s.Settles()
	s.Run(0, "new-cluster.yml").Unchanged()
}

func links(s *site.Site) {
	f := s.Settles().Followers()
	n := f[0]
	if n == "node3" {
		n = f[1]
	}
	s.On(n, "systemctl stop "+s.Unit()+"; mkdir /elsewhere; mv /var/lib/polardb/pgdata /elsewhere; "+
		"ln -s /elsewhere/pgdata /var/lib/polardb/pgdata; systemctl start "+s.Unit())
	s.Settles()
	const link = "/var/lib/polardb/pgdata is a symbolic link (to /elsewhere/pgdata), which is not followed"
	refuses(s, link, "stop.yml", "destroy.yml -e confirm=identity", "new-cluster.yml", "add-node.yml --limit "+n, "reconfigure.yml",
		"restart.yml", "rebuild-node.yml -e node="+n, "drop-node.yml -e node="+n, "backup.yml -e on="+n+" -e to=/backup/x")
	s.On(n, "systemctl stop "+s.Unit()+"; rm /var/lib/polardb/pgdata; mv /elsewhere/pgdata /var/lib/polardb/; "+
		"rmdir /elsewhere; systemctl start "+s.Unit())
	s.Settles()
	s.Run(0, "new-cluster.yml").Unchanged()
}

func someHosts(s *site.Site) {
	c := s.Settles()
	f := c.Followers()
	s.Refused("drop-node.yml -e node="+f[0], "destroy.yml", "--limit", f[0], "-e", "confirm=identity", "--yes")
	s.Run(6, "stop.yml", "--limit", f[0]+","+f[1]).Says("of 3 voters 1 are left (" + c.Leader + "), and 2 are needed").Unchanged()
	s.Whole()
	s.Run(0, "stop.yml", "--limit", f[0]).Changed()
	s.Run(6, "stop.yml", "--limit", f[1]).Says("of 3 voters 1 are left (" + c.Leader + "), and 2 are needed").Unchanged()
	s.Run(0, "stop.yml", "--limit", f[1], "--yes").Changed()
	s.Run(0, "start.yml").Changed()
	s.Settles()
}

// earlier removes from the hosts what an earlier release did not note.
func earlier(s *site.Site) {
	s.Settles()
	for _, n := range s.Names() {
		s.On(n, "sed -i -e /^id=/d -e /^weight=/d "+s.Marker(n)+"; rm "+s.Pgdata(n)+
			"/polarbook.id; sed -i -e '/^# Not on a dir/d' -e /^RequiresMountsFor=/d /etc/systemd/system/"+s.Unit()+".service")
	}
	s.Run(0, "new-cluster.yml", "--check").Changed()
	s.Run(0, "new-cluster.yml").Changed()
	s.Run(0, "new-cluster.yml").Unchanged()
	for _, n := range s.Names() {
		out := s.On(n, "grep ^id= "+s.Marker(n)+"; sed s/^/id=/ "+s.Pgdata(n)+"/polarbook.id")
		if strings.Count(out, "\n") != 2 || out[:len(out)/2] != out[len(out)/2:] {
			s.T.Errorf("%s says of its data %q", n, out)
		}
	}
}

func foreign(s *site.Site) {
	c := s.Settles()
	for _, n := range s.Names() {
		s.On(n, "mv /var/lib/polarbook /var/lib/polarbook.away")
	}
	f := c.Followers()[0]
	refuses(s, "that polarbook did not begin", "new-cluster.yml", "add-node.yml --limit "+f, "drop-node.yml -e node="+f,
		"rebuild-node.yml -e node="+f, "restart.yml", "reconfigure.yml", "stop.yml",
		"set-weight.yml -e node="+f+" -e weight=7", "demote-follower.yml -e node="+f, "force-election.yml -e node="+f+" -e force=yes",
		"purge-logs.yml", "delay-election.yml -e delay=on", "set-election-timeout.yml -e election_timeout=4s",
		"backup.yml -e on="+f+" -e to=/backup/x", "destroy.yml -e confirm=identity", "upgrade.yml")
	s.Status(0)
	// Also when its directories differ from the inventory's: then there is a server that polarbook did not set up.
	s.Variant("hand.yml", site.Vars{"polardb_pgdata": "/srv/pg/data", "polardb_polardata": "/srv/pg/polar"},
		map[string]site.Vars{"node3": {"polardb_pgdata": "/srv/pg/data", "polardb_polardata": "/srv/pg/polar"}})
	for _, p := range []string{"drop-node.yml", "rebuild-node.yml"} {
		for _, args := range [][]string{{"--check"}, {"--yes"}} {
			s.Run(2, p, append(args, "-i", "hand.yml", "-e", "node="+f)...).Says("that polarbook did not set up").Unchanged()
		}
	}
	s.Run(2, "restart.yml", "-i", "hand.yml").Says("that polarbook did not set up").Unchanged()
	for _, n := range s.Names() {
		s.On(n, "rm -rf /var/lib/polarbook; mv /var/lib/polarbook.away /var/lib/polarbook")
	}
	s.Whole()
	s.Run(0, "new-cluster.yml").Unchanged()
}

package badinput

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"debug/elf"
	"encoding/binary"
	"os"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/test/lab"
	"github.com/polarbook/polarbook/test/site"
)

func TestHosts(t *testing.T) {
	// /data is small on node3, so that it can be filled, and the real engine would not fit there.
	specs := append(site.Hosts("node1", "node2"), lab.Spec{Name: "node3", TmpfsPath: "/data", DiskMB: 200})
	s := site.New(t, site.Options{Cluster: "bad", Specs: specs,
		Group: site.Vars{"polardb_package": site.StandIn(t), "polardb_min_free_mb": 50}})
	s.Case(t, "bare", func(t *testing.T) { bare(t, s) })
	s.Case(t, "check of bare hosts", func(t *testing.T) { check(s) })
	s.Case(t, "full disk", func(t *testing.T) { fullDisk(t, s) })
	s.Case(t, "check of a cluster", func(t *testing.T) { check(s) })
}

// bare makes every mistake on untouched hosts, and checks that they stay so.
func bare(t *testing.T, s *site.Site) {
	address := s.Lab.Host("node1").Address
	dba := site.Vars{"ansible_user": "dba"}

	for _, c := range []struct {
		name  string
		group site.Vars // beside the site's
		node2 site.Vars // beside its own
		begin string    // run on node2 first
		end   string    // run on node2 afterwards
		args  []string  // in place of run new-cluster.yml
		known string    // in place of the lab's known_hosts
		code  int
		say   []string
	}{
		{name: "weight 10", node2: site.Vars{"polardb_weight": 10}, code: 2,
			say: []string{`inventory: argument "nodes" weight of node2 must be a number from 0 to 9, not 10`, "correct the inventory"}},
		{name: "duplicate address", node2: site.Vars{"polardb_address": address}, code: 2,
			say: []string{"gives node2 the address " + address + ":5432, which node1 has", "correct the inventory"}},
		{name: "host name for an address", node2: site.Vars{"polardb_address": "db2.example.com"}, code: 2,
			say: []string{`for node2: address "db2.example.com" must be an IPv4 address`}},
		{name: "port 60000", group: site.Vars{"polardb_port": 60000}, code: 2,
			say: []string{"must be between 1 and 55535", "60000", "the consensus port is 10000 above it"}},
		{name: "empty password", group: site.Vars{"polardb_replication_password": ""}, code: 2,
			say: []string{"polardb_replication_password", "empty", "set it in the environment (POLARDB_REPLICATION_PASSWORD)"}},
		{name: "missing package", group: site.Vars{"polardb_package": "./nosuch.tar.gz"}, code: 2,
			say: []string{"./nosuch.tar.gz does not exist", "set polardb_package to the archive's path on the control node"}},
		{name: "package for another architecture", group: site.Vars{"polardb_package": foreignPackage(s)}, code: 2,
			say: []string{"foreign.tar.gz holds programs for aarch64", "take an archive that was built for x86_64"}},
		{name: "package that is no install prefix",
			group: site.Vars{"polardb_package": pack(s, "other.tar.gz", map[string]string{"top/README": "hello"})}, code: 2,
			say: []string{"other.tar.gz: it is not an install prefix of the engine: it has no bin/initdb", "pack the engine's install prefix anew"}},
		{name: "package that is no archive",
			group: site.Vars{"polardb_package": s.File("text.tar.gz", "not an archive, but a text that is long enough")}, code: 2,
			say: []string{"text.tar.gz", "not a tar archive"}},
		{name: "only one host of a new cluster", args: []string{"run", "new-cluster.yml", "--limit", "node1"}, code: 2,
			say: []string{"new-cluster.yml works on all hosts of the group, and --limit leaves some out", "add-node.yml --limit"}},
		{name: "port taken", begin: taker("5432"),
			end: "systemctl stop taker", code: 2,
			say: []string{"node2", "client port", "5432 is taken by systemd-socket", "stop that program, or choose another polardb_port"}},
		{name: "consensus port taken", begin: taker("15432"),
			end: "systemctl stop taker", code: 2,
			say: []string{"node2", "consensus port", "15432 is taken by systemd-socket"}},
		{name: "data directory of another server",
			begin: "mkdir -p /var/lib/polardb/pgdata && echo 11 >/var/lib/polardb/pgdata/PG_VERSION", end: "rm -r /var/lib/polardb", code: 2,
			say: []string{"node2", "/var/lib/polardb/pgdata", "polarbook"}},
		{name: "data directory with anything in it",
			begin: "mkdir -p /var/lib/polardb/pgdata && echo precious >/var/lib/polardb/pgdata/letters", end: "rm -r /var/lib/polardb", code: 2,
			say: []string{"node2", "/var/lib/polardb/pgdata"}},
		{name: "second data directory with anything in it",
			begin: "mkdir -p /var/lib/polardb/polardata && echo precious >/var/lib/polardb/polardata/letters",
			end:   "rm -r /var/lib/polardb", code: 2,
			say: []string{"node2", "/var/lib/polardb/polardata"}},
		{name: "sshd forwards nothing", begin: "echo 'AllowTcpForwarding no' >/etc/ssh/sshd_config.d/no.conf; " + site.SSH("reload"),
			end: "rm /etc/ssh/sshd_config.d/no.conf; " + site.SSH("reload"), code: 2,
			say: []string{"node2", "SSH forwarding", "AllowTcpForwarding"}},
		{name: "wrong sudo password", group: site.Vars{"ansible_user": "dba", "ansible_become_password": "wrong-Xk29"}, code: 2,
			say: []string{"sudo", "password", "!wrong-Xk29"}},
		{name: "no sudo password", group: dba, code: 2,
			say: []string{"sudo", "password", "--ask-become-pass"}},
		{name: "unreachable host", node2: site.Vars{"ansible_port": 2222}, code: 4,
			say: []string{"node2", "connect (", ":2222", "could not reach node2"}},
		{name: "unknown host keys", known: s.File("empty_known_hosts", ""), code: 4,
			say: []string{"node1", "node2", "node3", "known_hosts", "ansible_host_key"}},
		{name: "changed host key", known: otherKey(s, "node2"), code: 4,
			say: []string{"node2", "changed_known_hosts:2"}},
	} {
		s.Case(t, c.name, func(t *testing.T) {
			args := []string{"run", "new-cluster.yml"}
			if c.args != nil {
				args = c.args
			}
			if c.known != "" {
				args = append(args, "--known-hosts", c.known)
			}
			s.Variant("mistaken.yml", c.group, map[string]site.Vars{"node2": c.node2})
			if c.begin != "" {
				s.On("node2", c.begin)
				defer s.On("node2", c.end)
			}
			before := state(s)
			wants(s.Start(nil, append(args, "-i", "mistaken.yml")...).Wait(), c.code, c.say...)
			same(s, before)
		})
	}
}

// taker returns a script that starts another program on a port. Every flavour of host has that program.
func taker(port string) string {
	return "systemd-run --quiet --collect --unit taker systemd-socket-activate --accept -l 0.0.0.0:" + port +
		" cat; until ss -ltn | grep -q :" + port + "; do sleep 0.1; done"
}

// pack writes a gzipped tar of files.
func pack(s *site.Site, name string, files map[string]string) string {
	s.T.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for name, content := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Typeflag: tar.TypeReg, Size: int64(len(content))}); err != nil {
			s.T.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			s.T.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		s.T.Fatal(err)
	}
	if err := z.Close(); err != nil {
		s.T.Fatal(err)
	}
	return s.File(name, b.String())
}

// foreignPackage returns an install prefix whose programs are for ARM: this test's own binary with another machine in its
// header.
func foreignPackage(s *site.Site) string {
	s.T.Helper()
	program, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		s.T.Fatal(err)
	}
	machine := elf.EM_AARCH64
	if elf.Machine(binary.LittleEndian.Uint16(program[18:])) == machine {
		machine = elf.EM_X86_64
	}
	binary.LittleEndian.PutUint16(program[18:], uint16(machine))
	return pack(s, "foreign.tar.gz", map[string]string{"top/bin/postgres": string(program), "top/bin/initdb": string(program)})
}

// otherKey returns the lab's known_hosts with another host's key for one host, as after a reinstallation or with a man in
// the middle.
func otherKey(s *site.Site, name string) string {
	s.T.Helper()
	var lines []string
	for _, h := range s.Lab.Hosts() {
		line := strings.TrimSpace(h.HostKey)
		if h.Name == name {
			fields := strings.Fields(line)
			fields[len(fields)-1] = strings.Fields(s.Lab.Host("node1").HostKey)[2]
			line = strings.Join(fields, " ")
		}
		lines = append(lines, line)
	}
	return s.File("changed_known_hosts", strings.Join(lines, "\n")+"\n")
}

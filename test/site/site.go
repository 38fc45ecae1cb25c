package site

import (
	"context"
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/test/lab"
)

// Options say what site to make.
type Options struct {
	User    string     // whom polarbook logs in as: root when it is "", or another account of the lab
	Specs   []lab.Spec // the hosts
	Cluster string     // its name
	Group   Vars       // of the inventory's one group, on top of what New says of it
}

// Site is a control node with an inventory, and the hosts in it.
type Site struct {
	*ControlNode
	Lab     *lab.Lab
	group   Vars
	members []member
}

type member struct {
	name string
	vars Vars
}

// Hosts are hosts of the flavour that POLARBOOK_LAB_FLAVOUR names, or of the lab's first.
func Hosts(names ...string) []lab.Spec {
	var specs []lab.Spec
	for _, n := range names {
		specs = append(specs, lab.Spec{Name: n}.Of(os.Getenv("POLARBOOK_LAB_FLAVOUR")))
	}
	return specs
}

// EndpointPackages are Debian's for what stands between clients and servers: one set for all tests that need any of them, for every set
// is a tree to be built.
var EndpointPackages = []string{"haproxy", "iptables", "keepalived", "ufw"}

// ElectionTimeout is what the clusters of the tests run with: as long as a busy machine may hold up a leader, for an
// election that nobody asked for would be another story than the one a test tells.
const ElectionTimeout = "3s"

// New boots the hosts and writes an inventory that reaches them, with sudo's password where the account needs it. All
// hosts are members at first, with no variables but their addresses.
func New(t testing.TB, o Options) *Site {
	t.Helper()
	lab.Require(t)
	s := &Site{ControlNode: NewControlNode(t)}
	s.Lab = lab.New(t, lab.Options{Hosts: o.Specs})
	t.Cleanup(s.autopsy)
	s.knownHosts = s.Lab.KnownHosts()
	s.secrets["sudo's password"] = s.Lab.Password()
	s.group = Vars{
		"ansible_user":                 "root",
		"ansible_ssh_private_key_file": s.Lab.KeyFile(),
		"polardb_cluster":              o.Cluster,
		"polardb_dma_settings":         Vars{"polar_dma_election_timeout": ElectionTimeout},
		// A server that a test has killed is dead until the test starts it.
		"polardb_restart": "no",
		// What a machine that runs tests has, not what a database needs.
		"polardb_min_cpus":      1,
		"polardb_min_memory_mb": 100,
		"polardb_min_free_mb":   100,
	}
	if o.User != "" && o.User != "root" {
		s.group["ansible_user"], s.group["ansible_become_password"] = o.User, s.Lab.Password()
	}
	if o.Group["polardb_package"] == nil {
		s.group["polardb_package"] = Archive(t)
	}
	for _, spec := range o.Specs {
		s.members = append(s.members, member{spec.Name, Vars{}})
	}
	s.SetAll(o.Group)
	return s
}

// autopsy tells how each host was when the test had failed: whether it runs, what runs on it, and the end of its console.
func (s *Site) autopsy() {
	if !s.T.Failed() {
		return
	}
	for _, h := range s.Lab.Hosts() {
		if !h.Running() {
			s.T.Logf("%s does not run; the end of its console:\n%s", h.Name, h.ConsoleEnd())
			continue
		}
		processes, err := h.Processes()
		counts := map[string]int{}
		for _, p := range processes {
			counts[p.Name]++
		}
		s.T.Logf("%s runs %v (%v); the end of its console:\n%s", h.Name, counts, err, h.ConsoleEnd())
	}
}

// Set gives a member variables.
func (s *Site) Set(name string, v Vars) {
	s.T.Helper()
	for _, m := range s.members {
		if m.name == name {
			maps.Copy(m.vars, v)
			s.Variant("inventory.yml", nil, nil)
			return
		}
	}
	s.T.Fatalf("%s is not in the inventory", name)
}

// SetAll gives the group variables.
func (s *Site) SetAll(v Vars) {
	s.T.Helper()
	maps.Copy(s.group, v)
	s.Variant("inventory.yml", nil, nil)
}

// Only leaves these hosts in the inventory.
func (s *Site) Only(names ...string) {
	s.T.Helper()
	old := map[string]Vars{}
	for _, m := range s.members {
		old[m.name] = m.vars
	}
	s.members = nil
	for _, n := range names {
		if old[n] == nil {
			old[n] = Vars{}
		}
		s.members = append(s.members, member{n, old[n]})
	}
	s.Variant("inventory.yml", nil, nil)
}

// Variant writes an inventory beside the site's own, which has these variables more, or others.
func (s *Site) Variant(name string, group Vars, hosts map[string]Vars) {
	s.T.Helper()
	all := map[string]Vars{}
	for _, m := range s.members {
		all[m.name] = Vars{"ansible_host": s.Lab.Host(m.name).Address}
		maps.Copy(all[m.name], m.vars)
		maps.Copy(all[m.name], hosts[m.name])
	}
	vars := maps.Clone(s.group)
	maps.Copy(vars, group)
	s.Inventory(name, vars, all)
}

// Names returns the members', in the inventory's order.
func (s *Site) Names() []string {
	var names []string
	for _, m := range s.members {
		names = append(names, m.name)
	}
	return names
}

// On runs a script as root on a host, behind polarbook's back.
func (s *Site) On(name, script string) string {
	s.T.Helper()
	out, err := s.Lab.Host(name).Exec(context.Background(), script)
	if err != nil {
		s.T.Fatal(err)
	}
	return out
}

// Variable returns what the inventory says for a host, or what the built-in playbooks take without it.
func (s *Site) Variable(host, name, otherwise string) string {
	for _, m := range s.members {
		if v, ok := m.vars[name]; ok && m.name == host {
			return fmt.Sprint(v)
		}
	}
	if v, ok := s.group[name]; ok {
		return fmt.Sprint(v)
	}
	return otherwise
}

// Pgdata returns the host's PGDATA.
func (s *Site) Pgdata(host string) string {
	return s.Variable(host, "polardb_pgdata", "/var/lib/polardb/pgdata")
}

// Polardata returns the host's POLARDATA.
func (s *Site) Polardata(host string) string {
	return s.Variable(host, "polardb_polardata", "/var/lib/polardb/polardata")
}

// Marker returns the file in which polarbook notes what it began on the host, as a word of a shell.
func (s *Site) Marker(host string) string {
	return "'/var/lib/polarbook/" + s.Variable("", "polardb_cluster", "polardb") + "/" + strings.ReplaceAll(s.Pgdata(host), "/", "%") +
		".node'"
}

// Unit returns the systemd unit of a node.
func (s *Site) Unit() string { return "polardb-" + s.Variable("", "polardb_cluster", "polardb") }

// SSH returns a command that has the SSH server of a host read its files again (reload) or start over (restart); its unit is ssh
// on Debian and sshd elsewhere.
func SSH(verb string) string {
	return "if systemctl cat ssh.service >/dev/null 2>&1; then systemctl " + verb + " ssh; else systemctl " + verb + " sshd; fi"
}

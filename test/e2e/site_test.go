package e2e

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/polarbook/polarbook/test/lab"
)

// vars are variables of an inventory.
type vars map[string]any

// site is a laptop with an inventory, and the hosts in it.
type site struct {
	t        testing.TB
	lab      *lab.Lab
	dir      string // where polarbook is run: the inventory and, hidden, HOME and XDG_STATE_HOME
	program  string
	password string // of replication and superuser
	group    vars
	members  []member
}

type member struct {
	name string
	vars vars
}

// newSite boots the hosts and writes an inventory that reaches them as user, with sudo's password where it asks.
// All hosts are members at first, with no variables but their addresses.
func newSite(t testing.TB, user string, specs []lab.Spec, group vars) *site {
	t.Helper()
	lab.Require(t)
	binary, err := program()
	if err != nil {
		t.Fatal(err)
	}
	tarball, err := archive()
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, dir: t.TempDir(), program: binary, password: "e2e-" + rand.Text()}
	s.lab = lab.New(t, lab.Options{Hosts: specs})
	s.group = vars{
		"ansible_user":                 user,
		"ansible_ssh_private_key_file": s.lab.KeyFile(),
		"polardb_cluster":              "e2e",
		"polardb_package":              tarball,
		"polardb_dma_settings":         vars{"polar_dma_election_timeout": "1s"},
		// What a machine that runs tests has, not what a database needs.
		"polardb_min_cpus":      1,
		"polardb_min_memory_mb": 100,
		"polardb_min_free_mb":   100,
	}
	if user != "root" {
		s.group["ansible_become_password"] = s.lab.Password()
	}
	maps.Copy(s.group, group)
	for _, spec := range specs {
		s.members = append(s.members, member{spec.Name, vars{}})
	}
	s.write()
	return s
}

// set gives a member variables.
func (s *site) set(name string, v vars) {
	s.t.Helper()
	for _, m := range s.members {
		if m.name == name {
			maps.Copy(m.vars, v)
			s.write()
			return
		}
	}
	s.t.Fatalf("%s is not in the inventory", name)
}

// only leaves these hosts in the inventory.
func (s *site) only(names ...string) {
	s.t.Helper()
	old := map[string]vars{}
	for _, m := range s.members {
		old[m.name] = m.vars
	}
	s.members = nil
	for _, n := range names {
		if old[n] == nil {
			old[n] = vars{}
		}
		s.members = append(s.members, member{n, old[n]})
	}
	s.write()
}

func (s *site) write() {
	s.t.Helper()
	hosts := vars{}
	for _, m := range s.members {
		v := vars{"ansible_host": s.lab.Host(m.name).Address}
		maps.Copy(v, m.vars)
		hosts[m.name] = v
	}
	text, err := yaml.Marshal(vars{"polardb": vars{"vars": s.group, "hosts": hosts}})
	if err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "inventory.yml"), text, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// file writes a file beside the inventory.
func (s *site) file(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// names are the members', in the inventory's order.
func (s *site) names() []string {
	var names []string
	for _, m := range s.members {
		names = append(names, m.name)
	}
	return names
}

// on runs a script as root on a host, behind polarbook's back.
func (s *site) on(name, script string) string {
	s.t.Helper()
	out, err := s.lab.Host(name).Exec(context.Background(), script)
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

// variable is what the inventory says for a host, or what the built-in playbooks take without it.
func (s *site) variable(host, name, otherwise string) string {
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

func (s *site) pgdata(host string) string {
	return s.variable(host, "polardb_pgdata", "/var/lib/polardb/pgdata")
}

func (s *site) polardata(host string) string {
	return s.variable(host, "polardb_polardata", "/var/lib/polardb/polardata")
}

func (s *site) unit() string { return "polardb-" + s.variable("", "polardb_cluster", "polardb") }

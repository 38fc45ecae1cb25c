package badinput

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/polarbook/polarbook/test/lab"
)

// site is a laptop and the hosts of its inventory, bare at first.
type site struct {
	*laptop
	lab    *lab.Lab
	common []string // arguments of every command that reaches the hosts
	group  vars
	hosts  map[string]vars
}

// newSite boots three hosts. /data is small on node3, so that it can be filled.
func newSite(t *testing.T) *site {
	t.Helper()
	lab.Require(t)
	tarball, err := archive()
	if err != nil {
		t.Fatal(err)
	}
	s := &site{laptop: newLaptop(t)}
	s.lab = lab.New(t, lab.Options{Hosts: []lab.Spec{{Name: "node1"}, {Name: "node2"}, {Name: "node3", TmpfsPath: "/data", DiskMB: 200}}})
	s.common = []string{"--known-hosts", s.lab.KnownHosts()}
	s.secrets = append(s.secrets, s.lab.Password())
	s.group = vars{
		"ansible_user": "root", "ansible_ssh_private_key_file": s.lab.KeyFile(),
		"polardb_cluster": "bad", "polardb_package": tarball, "polardb_dma_settings": vars{"polar_dma_election_timeout": "1s"},
		// What a machine that runs tests has, not what a database needs.
		"polardb_min_cpus": 1, "polardb_min_memory_mb": 100, "polardb_min_free_mb": 50,
	}
	s.hosts = map[string]vars{}
	for _, h := range s.lab.Hosts() {
		s.hosts[h.Name] = vars{"ansible_host": h.Address}
	}
	s.inventory(s.group, s.hosts)
	return s
}

// changed gives the inventory's hosts with other variables for one.
func (s *site) changed(name string, more vars) map[string]vars {
	hosts := map[string]vars{}
	for n, v := range s.hosts {
		hosts[n] = v
		if n == name {
			hosts[n] = with(v, more)
		}
	}
	return hosts
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

// fingerprint is everything of a host that a run might change: files with owner, mode, time and checksum, accounts,
// kernel settings, what systemd runs. What a login or the clock changes by itself is left out, and so is what a server
// that runs writes.
const fingerprint = `cd /
find etc opt var/lib home root usr/local data -xdev \( -path var/lib/systemd -o -path var/lib/private -o -path var/lib/sudo -o -name .cache -o -path data/polardata -o -path 'data/pgdata/*' ! -name '*.conf' \) -prune \
	-o -type d -printf '%p %U:%G %m\n' -o -printf '%p %U:%G %m %T@ %l\n' 2>/dev/null | sort
find etc opt home root data var/lib/polardb -xdev \( -path data/polardata -o -path 'data/pgdata/*' ! -name '*.conf' \) -prune -o -type f -size -1000k -exec sha256sum {} + 2>/dev/null | sort
getent passwd; getent group
sysctl -e -n vm.swappiness vm.dirty_ratio net.core.somaxconn net.ipv4.tcp_keepalive_time
cat /sys/kernel/mm/transparent_hugepage/enabled; date +%Z; hostname
systemctl list-units --plain --no-legend --no-pager --type=service --state=running | grep -v 'user@' | awk '{print $1}'
ps -eo user,args | grep -E 'polar|postgres' | grep -v grep
true`

// state is the fingerprint of every host that runs.
func (s *site) state() map[string]string {
	s.t.Helper()
	var mu sync.Mutex
	var all sync.WaitGroup
	prints := map[string]string{}
	for _, h := range s.lab.Hosts() {
		if !h.Running() {
			continue
		}
		all.Go(func() {
			out, err := h.Exec(context.Background(), fingerprint)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				s.t.Error(err)
			}
			prints[h.Name] = out
		})
	}
	all.Wait()
	return prints
}

// same wants that nothing is different on any host.
func (s *site) same(before map[string]string) {
	s.t.Helper()
	after := s.state()
	for name, had := range before {
		if len(had) < 1000 {
			s.t.Errorf("%s has told next to nothing of itself: %q", name, had)
		}
		if d := difference(had, after[name]); d != "" {
			s.t.Errorf("%s was changed:\n%s", name, d)
		}
	}
}

func difference(before, after string) string {
	had, have := strings.Split(before, "\n"), strings.Split(after, "\n")
	var lines []string
	for _, l := range had {
		if !slices.Contains(have, l) {
			lines = append(lines, "- "+l)
		}
	}
	for _, l := range have {
		if !slices.Contains(had, l) {
			lines = append(lines, "+ "+l)
		}
	}
	return strings.Join(lines, "\n")
}

// subtest runs f with the site's failures reported under its name.
func (s *site) subtest(t *testing.T, name string, f func(t *testing.T)) {
	t.Helper()
	before := s.t
	defer func() { s.t = before }()
	t.Run(name, func(t *testing.T) { s.t = t; f(t) })
}

// file writes a file beside the inventory and returns its path.
func (s *site) file(name, text string, mode os.FileMode) string {
	s.t.Helper()
	s.write(name, text)
	path := filepath.Join(s.dir, name)
	if err := os.Chmod(path, mode); err != nil {
		s.t.Fatal(err)
	}
	return path
}

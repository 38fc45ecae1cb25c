package badinput

import (
	"context"
	"sync"

	"github.com/polarbook/polarbook/test/site"
)

// fingerprint prints everything on a host that a run might change: files with owner, mode, time and checksum, accounts,
// kernel settings, what systemd runs. It leaves out what a login, the clock or a running server changes by itself.
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

// state returns the fingerprints of all hosts that run.
func state(s *site.Site) map[string]string {
	s.T.Helper()
	var mu sync.Mutex
	var all sync.WaitGroup
	prints := map[string]string{}
	for _, h := range s.Lab.Hosts() {
		if !h.Running() {
			continue
		}
		all.Go(func() {
			out, err := h.Exec(context.Background(), fingerprint)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				s.T.Error(err)
			}
			prints[h.Name] = out
		})
	}
	all.Wait()
	return prints
}

// same fails the test when anything is different on any host.
func same(s *site.Site, before map[string]string) {
	s.T.Helper()
	after := state(s)
	for name, had := range before {
		if len(had) < 1000 {
			s.T.Errorf("%s has told next to nothing of itself: %q", name, had)
		}
		if d := site.Difference(had, after[name]); d != "" {
			s.T.Errorf("%s was changed:\n%s", name, d)
		}
	}
}

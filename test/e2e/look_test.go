package e2e

import (
	"fmt"
	"strings"

	"github.com/polarbook/polarbook/test/site"
)

// killEngine kills a node's server with SIGKILL.
func killEngine(s *site.Site, name string) {
	s.T.Helper()
	s.On(name, fmt.Sprintf("kill -9 $(head -n 1 %s/postmaster.pid)", s.Pgdata(name)))
}

// tidy checks that a run has left nothing on the hosts but what it should leave.
func tidy(s *site.Site) {
	s.T.Helper()
	for _, n := range s.Names() {
		left := s.On(n, `ls -d /tmp/tmp.* /run/polarbook.* /opt/polardb/versions/*.unpacking /opt/polardb/versions/.*.archive* `+
			`/var/lib/polarbook/*/*.new /etc/systemd/system/.polar* /etc/systemd/system/*.new 2>/dev/null; `+
			`find /etc /opt/polardb /home /root `+s.Pgdata(n)+` -xdev -name '.polarbook*' 2>/dev/null; true`)
		if left != "" {
			s.T.Errorf("%s has left over:\n%s", n, left)
		}
		if copies := s.On(n, `ps -eo args | grep -c '[p]o*l*a*[rg]_basebackup' || true`); strings.TrimSpace(copies) != "0" {
			s.T.Errorf("%s still copies: %s", n, s.On(n, "ps -eo pid,args"))
		}
	}
}

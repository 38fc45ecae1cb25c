package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// eventually asks again and again until there is no error, for as long as two elections of the slowest engine take.
func (s *site) eventually(what string, f func() error) {
	s.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("waited a minute until %s; saw last: %v", what, err)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// statusNow asks polarbook, whatever it says: the zero status when no node answers.
func (s *site) statusNow() clusterStatus {
	s.t.Helper()
	o := s.start(nil, "status", "--output", "json").wait()
	var c clusterStatus
	if err := json.Unmarshal([]byte(o.stdout), &c); err != nil {
		c.Error = o.stderr
	}
	return c
}

// killEngine kills a node's server in a way that leaves it no time for anything.
func (s *site) killEngine(name string) {
	s.t.Helper()
	s.on(name, fmt.Sprintf("kill -9 $(head -n 1 %s/postmaster.pid)", s.pgdata(name)))
}

// tidy wants that no host has anything of a run but what it is meant to leave.
func (s *site) tidy() {
	s.t.Helper()
	for _, n := range s.names() {
		left := s.on(n, `ls -d /tmp/tmp.* /run/polarbook.* /opt/polardb/versions/*.unpacking /opt/polardb/versions/.*.archive* `+
			s.pgdata(n)+`.polarbook.new /etc/systemd/system/.polar* /etc/systemd/system/*.new 2>/dev/null; `+
			`find /etc /opt/polardb /home /root `+s.pgdata(n)+` -xdev -name '.polarbook*' 2>/dev/null; true`)
		if left != "" {
			s.t.Errorf("%s has left over:\n%s", n, left)
		}
		if copies := s.on(n, `ps -eo args | grep -c '[p]o*l*a*[rg]_basebackup' || true`); strings.TrimSpace(copies) != "0" {
			s.t.Errorf("%s still copies: %s", n, s.on(n, "ps -eo pid,args"))
		}
	}
}

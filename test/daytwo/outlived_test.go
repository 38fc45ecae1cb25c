package daytwo

import (
	"fmt"
	"strings"

	"github.com/polarbook/polarbook/test/site"
)

// outlived kills a run during an ALTER SYSTEM DMA, which the engine continues. The next run waits for its end before it
// looks at the cluster.
func outlived(s *site.Site) {
	c := s.Settles()
	f := c.Followers()
	timeout := func(value string) {
		conf := s.Pgdata(c.Leader) + "/polar_dma.conf"
		s.On(c.Leader, "sed -i /config_change_timeout/d "+conf+"; [ -z '"+value+"' ] || echo polar_dma_config_change_timeout = "+value+" >>"+conf)
		s.SQL(c.Leader, "select pg_reload_conf()")
	}
	timeout("15s")
	s.Eventually("the leader has read its settings", func() error {
		if got := s.SQL(c.Leader, "show polar_dma_config_change_timeout"); got != "15s" {
			return fmt.Errorf("%s", got)
		}
		return nil
	})
	port := func(verb string) string {
		return "; ! command -v firewall-cmd >/dev/null || firewall-cmd --quiet --" + verb + "-port=15440/tcp"
	}
	// Something accepts connections where the new member should be, and sends nothing.
	address := s.Lab.Host(f[1]).Address
	s.On(f[1], "systemd-run --quiet --collect --unit=silent systemd-socket-activate -l 15440 sleep 600"+port("add"))
	s.File("add-ghost.yml", fmt.Sprintf(`
- name: A member that never answers
  hosts: %s
  gather_facts: false
  tasks:
    - name: Add it
      polardb_member:
        node: ghost
        nodes: %s
        login_user: polardb
        login_password: "{{ lookup('env', 'POLARDB_REPLICATION_PASSWORD') }}"
`, c.Leader, nodesAnd(s, "ghost", address, 5440)))
	const running = "select count(*) from pg_stat_activity where state = 'active' and query ilike 'alter system dma add%'"
	first := s.Start(nil, "run", "add-ghost.yml")
	s.Eventually("the engine holds the statement", func() error {
		if n := s.SQL(c.Leader, running); n != "1" {
			return fmt.Errorf("%s statements\n%s", n, first.Printed())
		}
		return nil
	})
	first.Kill()
	first.Wait()
	if n := s.SQL(c.Leader, running); n != "1" {
		s.T.Errorf("%s statements are left at work, want 1", n)
	}
	left := ""
	second := s.Start(func(_ *site.Running, e site.Event) {
		if strings.Contains(e.Line, "WEIGHT TO") && left == "" {
			left = s.SQL(c.Leader, running)
		}
	}, "run", "set-weight.yml", "-e", "node="+f[0], "-e", "weight=6")
	second.Wait().Exits(0).Says("waiting for a change of the members, which cannot be interrupted: " + c.Leader +
		": ALTER SYSTEM DMA ADD FOLLOWER '" + address + ":5440'")
	if left != "0" {
		s.T.Errorf("when the second run sent its statement, %q of the first were at work", left)
	}
	s.SQL(c.Leader, "alter system dma drop learner '"+address+":5440'")
	s.On(f[1], "systemctl stop silent"+port("remove"))
	timeout("")
	s.Run(0, "set-weight.yml", "-e", "node="+f[0], "-e", "weight=5").Changed()
	s.Settles()
}

// nodesAnd returns the cluster's list of nodes with one more.
func nodesAnd(s *site.Site, name, address string, port int) string {
	var list []string
	for _, n := range s.Names() {
		list = append(list, fmt.Sprintf("{name: %s, address: %s, role: %s}", n, s.Lab.Host(n).Address, s.Variable(n, "polardb_role", "follower")))
	}
	return "[" + strings.Join(append(list, fmt.Sprintf("{name: %s, address: %s, port: %d}", name, address, port)), ", ") + "]"
}

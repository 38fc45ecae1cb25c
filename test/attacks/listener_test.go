package attacks

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/polarbook/polarbook/test/site"
)

// set starts the trap on addresses of a host, as nobody. The returned function stops it and returns what it was told.
func set(s *site.Site, host string, addresses ...string) (told func() string) {
	s.T.Helper()
	s.On(host, "rm -f /tmp/captured; setsid runuser -u nobody -- /usr/local/bin/trap /tmp/captured "+strings.Join(addresses, " ")+
		" >/tmp/trap.log 2>&1 &\n"+
		"for i in 1 2 3 4 5 6 7 8 9 10; do [ -s /tmp/captured ] && exit 0; sleep 0.2; done; cat /tmp/trap.log >&2; exit 1")
	return func() string {
		s.T.Helper()
		out := s.On(host, "for d in /proc/[0-9]*; do [ \"$(readlink $d/exe)\" = /usr/local/bin/trap ] && kill ${d#/proc/}; done; "+
			"sleep 0.5; rm -f /tmp/.s.PGSQL.5432; cat /tmp/captured")
		return strings.TrimPrefix(out, "ready\n")
	}
}

// Another account listens on the port of a node whose server is down, and on sockets where it can create them. Whatever
// polarbook is asked to do, it tells that account nothing, not even the name of the role.
func TestAnotherAccountListens(t *testing.T) {
	t.Parallel()
	s := site.New(t, site.Options{Cluster: "trapped", User: "dba", Specs: site.Hosts("node1", "node2", "node3")})
	s.Run(0, "new-cluster.yml")
	s.Run(0, "new-cluster.yml").Unchanged()
	s.Whole()
	bring(s, "node3", "trap")

	s.Case(t, "only the engine and root can make the socket", func(t *testing.T) {
		out, err := s.Lab.Host("node3").Exec(context.Background(),
			"stat -c '%U %a' /run/polardb-trapped; runuser -u nobody -- touch /run/polardb-trapped/.s.PGSQL.5432.x")
		if err == nil || out != "polardb 755\n" {
			t.Errorf("%q, %v", out, err)
		}
	})
	s.Case(t, "sshd that does not forward to sockets", func(*testing.T) {
		s.On("node1", "echo 'AllowStreamLocalForwarding no' >/etc/ssh/sshd_config.d/10-streams.conf; "+site.SSH("reload"))
		s.Settles() // sshd takes no connection while it starts over
		s.Status(0)
	})
	// Only a follower's server is down: the other members connect to the leader too, and their libpq logs in to anybody.
	attack := func(commands ...string) {
		s.T.Helper()
		if s.Leader() == "node3" {
			s.Run(0, "switchover.yml", "-e", "to=node1")
		}
		s.On("node3", "systemctl stop "+s.Unit())
		told := set(s, "node3", "0.0.0.0:5432", "/tmp/.s.PGSQL.5432")
		for _, c := range commands {
			o := s.Start(nil, strings.Fields(c)...).Wait()
			s.T.Logf("%s ended with %d after %v", c, o.Code, o.Took.Round(time.Millisecond))
		}
		if heard := told(); heard != "" {
			s.T.Errorf("the listener was told\n%s", heard)
		}
	}

	// As an earlier release left it: md5 everywhere, and the socket in the engine's default directory.
	s.Subtest(t, "a cluster of the earlier release", func(t *testing.T) {
		s.SQL(s.Leader(), fmt.Sprintf("set password_encryption = 'md5'; alter role polardb password '%s'; "+
			"alter role replicator password '%[1]s'", s.Password))
		time.Sleep(time.Second) // until the others have it; nobody can log in any more
		for _, n := range s.Names() {
			s.On(n, "systemctl stop "+s.Unit()+
				`; cd /var/lib/polardb/pgdata; sed -i 's/^local .*scram.*/local all all peer/; s/scram-sha-256/md5/; s/"//g' pg_hba.conf
				sed -i '/^password_encryption/d; /^unix_socket_directories/d' postgresql.conf; rm -rf /run/polardb-trapped /etc/tmpfiles.d/polardb-trapped.conf`)
		}
		for _, n := range s.Names() {
			s.On(n, "systemctl start "+s.Unit())
		}
		s.Settles()
		attack("status", "run status.yml")
		s.On("node3", "systemctl start "+s.Unit())
		s.Settles()
		s.Run(0, "reconfigure.yml").Changed()
		s.Run(0, "reconfigure.yml").Unchanged()
		s.Run(0, "new-cluster.yml")
		s.Run(0, "new-cluster.yml").Unchanged()
		s.Whole()
		if got := s.SQL("node1", "select count(*) from pg_authid where rolname = 'polardb' and rolpassword like 'SCRAM-SHA-256$%'"); got != "1" {
			t.Error("the superuser has no SCRAM verifier")
		}
		got := s.On("node3", "grep -v replicator /var/lib/polardb/pgdata/pg_hba.conf | grep -c md5 || :; ls -A /run/polardb-trapped")
		if !strings.HasPrefix(got, "0\n.s.PGSQL.5432\n") {
			t.Errorf("%s", got)
		}
	})

	s.Case(t, "whatever is run", func(*testing.T) {
		if testing.Short() {
			attack("status", "run check.yml", "run switchover.yml", "run reconfigure.yml", "run new-cluster.yml", "run add-node.yml --limit node3")
			return
		}
		attack("status", "run check.yml", "run status.yml", "run purge-logs.yml", "run switchover.yml", "run restart.yml",
			"run reconfigure.yml", "run start.yml", "run new-cluster.yml",
			"run backup.yml -e on=node1 -e to=/srv/backup", "run set-weight.yml -e node=node2 -e weight=3", "run upgrade.yml",
			"run rebuild-node.yml -e node=node3 --yes", "run add-node.yml --limit node3", "run stop.yml --yes")
	})
}

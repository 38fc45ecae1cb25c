package attacks

import (
	"strings"
	"testing"

	"github.com/polarbook/polarbook/test/site"
)

// asEngine runs a script as the engine's account. Every superuser of the database can do that.
func asEngine(s *site.Site, host, script string) {
	s.T.Helper()
	s.On(host, "runuser -u polardb -- sh -euc '"+strings.ReplaceAll(script, "'", `'\''`)+"'")
}

// former turns the note of a node into an earlier release's: beside its data, in a directory of the engine's account.
func former(s *site.Site, host string) {
	s.T.Helper()
	s.On(host, "m="+s.Marker(host)+"; { grep -E '^(cluster|pgdata|polardata|step|origin)=' \"$m\"; echo pid=; } >"+s.Pgdata(host)+
		".polarbook; chmod 644 "+s.Pgdata(host)+".polarbook; rm -f "+s.Pgdata(host)+"/polarbook.id; rm -rf /var/lib/polarbook/\""+
		strings.TrimPrefix(s.Unit(), "polardb-")+"\"")
}

// The engine's account writes arbitrary things beside and into its data. Root believes and follows none of it, and goes on
// when it is removed.
func TestTheEnginesAccountDoesNotBecomeRoot(t *testing.T) {
	t.Parallel()
	s := site.New(t, site.Options{Cluster: "forged", Specs: site.Hosts("node1", "node2", "node3")})
	s.Run(0, "new-cluster.yml")
	const evil = "/etc/profile.d/zz-evil.sh"
	clean := func(t *testing.T, host string) {
		t.Helper()
		if out := s.On(host, "ls "+evil+" 2>/dev/null || true; stat -c '%U %a' /usr/local/sbin /etc/profile.d"); out != "root 755\nroot 755\n" {
			t.Errorf("root's files on %s were touched:\n%s", host, out)
		}
	}

	s.Case(t, "what only root may write is root's", func(t *testing.T) {
		if out := s.On("node1", "stat -c '%U %a' /var/lib/polarbook /var/lib/polarbook/forged"); out != "root 755\nroot 700\n" {
			t.Errorf("the directories are %q", out)
		}
		s.Run(0, "new-cluster.yml").Unchanged()
	})

	s.Case(t, "a note of an earlier release is moved once", func(t *testing.T) {
		former(s, "node2")
		before := s.On("node2", "cat /var/lib/polardb/pgdata.polarbook")
		s.Run(0, "check.yml")
		s.Status(0)
		s.Run(0, "new-cluster.yml", "--check")
		if out := s.On("node2", "cat /var/lib/polardb/pgdata.polarbook; ls /var/lib/polarbook"); strings.TrimSuffix(out, "owed\n") != before {
			t.Errorf("who only looked has changed it:\n%s", out)
		}
		s.Run(0, "new-cluster.yml")
		s.Run(0, "new-cluster.yml").Unchanged()
		s.On("node2", "grep -q step=meta "+s.Marker("node2")+" && [ ! -e /var/lib/polardb/pgdata.polarbook ]")
	})

	s.Case(t, "by whatever works on the members next", func(t *testing.T) {
		all := [][]string{
			{"switchover.yml"}, {"restart.yml"}, {"backup.yml", "-e", "on=node1", "-e", "to=/srv/backup"},
			{"drop-node.yml", "-e", "node=node3"}, {"add-node.yml", "--limit", "node3"},
		}
		if testing.Short() {
			all = all[1:3]
		}
		for _, c := range all {
			var on []string
			switch c[0] {
			case "backup.yml":
				on = []string{"node1"}
			case "add-node.yml":
				on = []string{"node3"}
			default:
				on = s.Names()
			}
			for _, host := range on {
				former(s, host)
			}
			s.Run(0, c[0], c[1:]...)
			for _, host := range on {
				out := s.On(host, "ls /var/lib/polardb; grep -c step= "+s.Marker(host))
				if strings.Contains(out, "pgdata.polarbook") || !strings.HasSuffix(out, "\n1\n") {
					t.Errorf("after %s %s has\n%s", c[0], host, out)
				}
			}
		}
	})

	s.Case(t, "a forged note is refused", func(t *testing.T) {
		former(s, "node3")
		s.On("node3", "chown polardb /var/lib/polardb/pgdata.polarbook; sed -i /^pid=/d /var/lib/polardb/pgdata.polarbook")
		saved := s.On("node3", "cat /var/lib/polardb/pgdata.polarbook")
		for name, forge := range map[string]string{
			"a second origin":     "printf 'origin=$(touch " + evil + ")\\n' >>pgdata.polarbook",
			"a line of its own":   "printf '* * * * * root sh\\n' >>pgdata.polarbook",
			"another step":        "sed -i s/step=.*/step=root/ pgdata.polarbook",
			"a control character": "printf 'pid=\\033\\n' >>pgdata.polarbook",
			"a link":              "rm pgdata.polarbook; ln -s /etc/shadow pgdata.polarbook",
		} {
			asEngine(s, "node3", "cd /var/lib/polardb; ln -sf "+evil+" pgdata.polarbook.new; "+forge)
			s.Run(2, "new-cluster.yml").Says("pgdata.polarbook", "is not trusted")
			clean(t, "node3")
			if t.Failed() {
				t.Fatalf("it was %s", name)
			}
			s.On("node3", "rm -f /var/lib/polardb/pgdata.polarbook*; cat >/var/lib/polardb/pgdata.polarbook <<'END'\n"+saved+
				"END\nchown polardb /var/lib/polardb/pgdata.polarbook")
		}
		s.Run(0, "new-cluster.yml")
		s.Run(0, "new-cluster.yml").Unchanged()
	})

	s.Case(t, "a link where the note was is not written through", func(t *testing.T) {
		asEngine(s, "node3", "cd /var/lib/polardb; for f in pgdata.polarbook pgdata.polarbook.new; do ln -sf "+evil+" $f; done")
		s.Run(0, "drop-node.yml", "-e", "node=node3")
		clean(t, "node3")
	})

	s.Case(t, "PGDATA is a link to a directory of root's", func(t *testing.T) {
		asEngine(s, "node3", "cd /var/lib/polardb; mkdir away; mv pgdata polardata away; ln -s /usr/local/sbin pgdata")
		s.On("node3", "touch /usr/local/sbin/tool")
		s.Run(2, "add-node.yml", "--limit", "node3")
		s.On("node3", "sed -i s/step=.*/step=basebackup/ "+s.Marker("node3"))
		s.Run(2, "add-node.yml", "--limit", "node3")
		s.On("node3", "rm /usr/local/sbin/tool")
		s.Run(2, "add-node.yml", "--limit", "node3").Says("is not followed")
		clean(t, "node3")
		asEngine(s, "node3", "cd /var/lib/polardb; rm -rf pgdata polardata; mv away/* .; rmdir away")
		s.On("node3", "sed -i s/step=.*/step=dropped/ "+s.Marker("node3"))
		s.Run(0, "add-node.yml", "--limit", "node3")
		s.Settles()
	})

	s.Case(t, "the way back of a reconfiguration", func(t *testing.T) {
		for _, host := range s.Names() {
			s.On(host, "echo honest >/etc/profile.d/exist.sh")
			asEngine(s, host,
				"cd /var/lib/polardb; mkdir pgdata.conf-before; "+
					"cp pgdata/postgresql.conf pgdata/polar_dma.conf pgdata/pg_hba.conf pgdata.conf-before; "+
					"echo evil >pgdata.conf-before/zz; ln -s /etc/profile.d/exist.sh pgdata/.zz.old; ln -s "+evil+" pgdata/.postgresql.conf.old")
		}
		// The engine accepts the new files, but something else does not: the old ones are restored.
		fussy := "/etc/systemd/system/" + s.Unit() + ".service.d"
		for _, host := range s.Names() {
			s.On(host, `mkdir -p `+fussy+
				`; printf '[Service]\nExecStartPre=/bin/sh -c "! grep -q ^max_prepared_transactions /var/lib/polardb/pgdata/postgresql.conf"\n' >`+fussy+`/fussy.conf; systemctl daemon-reload`)
		}
		s.Run(2, "reconfigure.yml", "-e", `{polardb_settings: {max_prepared_transactions: 7}}`).Says("has the files again that it had before")
		for _, host := range s.Names() {
			s.On(host, "rm -r "+fussy+"; systemctl daemon-reload")
			clean(t, host)
			if out := s.On(host, "cat /etc/profile.d/exist.sh; stat -c %U /etc/profile.d/exist.sh"); out != "honest\nroot\n" {
				t.Errorf("root's file on %s is %q", host, out)
			}
			s.On(host, "rm /etc/profile.d/exist.sh /var/lib/polardb/pgdata/.zz.old /var/lib/polardb/pgdata/.postgresql.conf.old; "+
				"rm -rf /var/lib/polardb/pgdata.conf-before")
		}
		s.Run(0, "reconfigure.yml", "-e", `{polardb_settings: {work_mem: 8MB}}`)
		s.Whole()
	})
}

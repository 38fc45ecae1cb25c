package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/test/site"
)

const archived = "ls -A /srv/wal/e2e 2>/dev/null"

// A running cluster begins to archive, with one rolling restart; status says where that fails.
func TestArchive(t *testing.T) {
	t.Parallel()
	names := []string{"node1", "node2"} // one cannot be spared: force
	s := site.New(t, site.Options{Cluster: "e2e", Specs: site.Hosts(names...)})
	s.Run(0, "new-cluster.yml")
	s.SetAll(site.Vars{"polardb_archive": "/srv/wal"})
	s.Run(2, "reconfigure.yml").Says("has no directory /srv/wal (polardb_archive)").Unchanged()
	for _, n := range names {
		s.On(n, "mkdir /srv/wal && chmod 755 /srv/wal")
	}
	s.Run(2, "reconfigure.yml", "-e", `{"polardb_settings": {"Archive_Command": "true"}}`).Says("which polardb_archive sets").Unchanged()
	s.Run(2, "reconfigure.yml", "-e", "polardb_archive=/home/wal").Says("lets it write nothing below /usr, /etc and /home").Unchanged()
	s.Run(2, "reconfigure.yml", "-e", "polardb_archive=/var/lib/polardb/pgdata/wal").Says("are inside one another").Unchanged()
	s.Run(0, "reconfigure.yml", "--check").Says("archive_mode off -> always (restart)")
	o := s.Run(0, "reconfigure.yml", "-e", "force=yes").Changed()
	if restarted := o.Order("Restart the server"); len(restarted) != 2 {
		t.Errorf("restarted were %v", restarted)
	}
	s.Run(0, "reconfigure.yml").Unchanged(names...)

	leader := s.Whole().Leader
	if got := s.On(leader, "stat -c '%U %a' /srv/wal/e2e /opt/polardb/polarbook-archive"); got != "polardb 700\nroot 755\n" {
		t.Errorf("the archive and its script: %q", got)
	}
	before := s.On(leader, archived)
	s.SQL(leader, "create table archived (a int)")
	s.SQL(leader, "select pg_switch_wal()")
	s.Eventually("a file in the archive", func() error {
		// What is being written there has a name as well, and counts once the command has ended.
		if s.On(leader, archived) == before || s.SQL(leader, "select last_archived_time from pg_stat_archiver") == "" {
			return fmt.Errorf("there is none yet: %s", s.SQL(leader, "select * from pg_stat_archiver"))
		}
		return nil
	})

	s.On(leader, "mv /srv/wal/e2e /srv/wal/away")
	s.SQL(leader, "insert into archived values (1)")
	s.SQL(leader, "select pg_switch_wal()")
	s.Eventually("a failure", func() error {
		if got := s.SQL(leader, "select last_failed_wal from pg_stat_archiver where last_failed_time > last_archived_time"); got == "" {
			return fmt.Errorf("there is none yet")
		}
		return nil
	})
	s.StatusSays(2, leader+": ", "is not archived: archive_command failed")
	if got := s.On(leader, "cat /var/lib/polardb/pgdata/pg_log/*"); !strings.Contains(got,
		"there is no directory /srv/wal/e2e: is it mounted?") {
		t.Error("the server's log does not say why")
	}
	s.On(leader, "mv /srv/wal/away /srv/wal/e2e")
	s.Eventually("it goes on", func() error {
		if got := s.SQL(leader, "select last_failed_wal from pg_stat_archiver where last_failed_time > last_archived_time"); got != "" {
			return fmt.Errorf("%s", got)
		}
		return nil
	})
	s.Status(0)

	// Off again: what was taken out of the files is said until the servers have been restarted.
	s.SetAll(site.Vars{"polardb_archive": ""})
	s.Run(0, "reconfigure.yml", "--check").Says("archive_mode always -> off (restart)")
	conf := "/var/lib/polardb/pgdata/postgresql.conf"
	s.On(leader, "cp -p "+conf+" /root/conf && sed -i '/^archive_mode/d' "+conf+" && systemctl reload polardb-e2e")
	s.StatusSays(0, leader+": archive_mode will have another value after a restart")
	s.On(leader, "cp -p /root/conf "+conf)
	o = s.Run(0, "reconfigure.yml", "-e", "force=yes").Changed()
	if restarted := o.Order("Restart the server"); len(restarted) != 2 {
		t.Errorf("restarted were %v", restarted)
	}
	s.Run(0, "reconfigure.yml").Unchanged(names...)
	for _, n := range s.Whole().Members {
		if got := s.SQL(n.Node, "show archive_mode"); got != "off" {
			t.Errorf("%s archives: %s", n.Node, got)
		}
	}
	s.SetAll(site.Vars{"polardb_archive": "/srv/wal"})

	s.Run(0, "destroy.yml", "-e", "confirm=e2e")
	s.Run(2, "new-cluster.yml").Says("holds the log of another cluster").Unchanged()

	// Hosts that share the directory need one number of the account. One that joins takes the directory from nobody.
	s.On("node1", "rm -r /srv/wal/e2e")
	bare := "userdel -r polardb && rm -rf /var/lib/polardb /var/lib/polarbook /opt/polardb && "
	s.On("node2", bare+"rm -r /srv/wal/e2e && useradd --system newcomer")
	if err := s.Lab.Host("node2").Mount("/srv/wal", s.Lab.Host("node1"), "/srv/wal"); err != nil {
		t.Fatal(err)
	}
	number := strings.TrimSpace(s.On("node1", "id -u polardb"))
	s.Run(2, "new-cluster.yml").Says("/srv/wal/e2e on node2 belongs to the account number "+number+" (newcomer), and polardb is number ",
		"one number on all hosts")
	if got := s.On("node1", "stat -c %U /srv/wal/e2e"); got != "polardb\n" {
		t.Errorf("on node1 the archive belongs to %s", got)
	}
	s.On("node2", bare+"userdel newcomer")
	s.Run(2, "new-cluster.yml", "--check").Says("and polardb is not there yet", "-e polardb_user_uid="+number).Unchanged()
}

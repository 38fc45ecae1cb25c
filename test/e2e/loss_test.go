package e2e

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/test/site"
)

// All hosts of a cluster are lost with what lay on them. What is left is the file server with a backup and with the archive that they had
// mounted, and another backup on the control node. New hosts are taken to a moment between two rows from the one, and to the end of
// the log from the other.
func TestAllHostsLost(t *testing.T) {
	needsLog(t)
	t.Parallel()
	s := site.New(t, site.Options{User: "dba", Cluster: "e2e", Specs: site.Hosts("node1", "node2", "store", "new1", "new2"),
		Group: site.Vars{"polardb_archive": "/mnt/wal"}})
	store := site.Vars{"polardb_user": "root", "polardb_backups": "/srv/backups"}
	members := func(names ...string) {
		s.Only(names...)
		besides(s, "store", store)
	}
	s.On("store", "mkdir /srv/wal && chmod 755 /srv/wal")
	for _, n := range []string{"node1", "node2", "new1", "new2"} {
		s.On(n, "mkdir /mnt/wal")
		if err := s.Lab.Host(n).Mount("/mnt/wal", s.Lab.Host("store"), "/srv/wal"); err != nil {
			t.Fatal(err)
		}
	}
	// On a newer image the number is taken that the account had.
	for _, n := range []string{"new1", "new2"} {
		s.On(n, "useradd --system newcomer")
	}
	members("node1", "node2")
	s.Run(0, "new-cluster.yml")
	s.SQL(s.Leader(), "create table log (a int)")
	s.Run(0, "backup.yml", "-e", "on=node2", "-e", "to=store")
	step := func(n int) (after string) { return logged(s, n) }
	moment := step(1)
	step(2)
	s.Run(0, "backup.yml", "-e", "on=node2", "-e", "to=localhost")
	step(3)
	last := s.SQL(s.Leader(), "select pg_walfile_name(pg_switch_wal())")
	archived := func(file string) {
		s.Eventually("the log is in the archive", func() error {
			if got := s.On("store", "ls /srv/wal/e2e"); !strings.Contains(got, file) {
				return fmt.Errorf("there are %s; %s", got, s.SQL(s.Leader(), "select last_failed_wal from pg_stat_archiver"))
			}
			return nil
		})
	}
	archived(last)
	s.Status(0)
	for _, n := range []string{"node1", "node2"} {
		if err := s.Lab.Host(n).Kill(t.Context()); err != nil {
			t.Fatal(err)
		}
	}

	members("new1", "new2")
	if o := s.Polarbook(0, "backups"); !strings.Contains(o.Stdout, "store") || !strings.Contains(o.Stdout, "localhost") {
		t.Errorf("polarbook backups prints\n%s", o.Stdout)
	}
	to := func(on, point string) []string {
		return []string{"-e", "from=newest", "-e", "on=" + on, "-e", fmt.Sprintf(`{"time": %q}`, point)}
	}
	// The number of the account that wrote the archive is another's here, and the new account may not read its files.
	s.Run(2, "restore.yml", to("store", moment)...).Says("belongs to the account number ", "(newcomer), and polardb is not there yet",
		"-e polardb_user_uid=NUMBER").Unchanged()
	s.On("store", "chown -R 4242 /srv/wal/e2e")
	s.SetAll(site.Vars{"polardb_user_uid": 4242})
	besides(s, "store", store)
	o := s.Run(0, "restore.yml", to("store", moment)...).Changed().Says("replayed the log up to ")
	t.Logf("restored in %s", o.Took)
	holds(t, s, "1")
	s.SQL(s.Leader(), "insert into log values (4)")
	archived(s.SQL(s.Leader(), "select pg_walfile_name(pg_switch_wal())"))

	// What the lost cluster wrote to its end is there still, on its own timeline: from the newer backup, which the other branch lacks.
	s.Run(0, "destroy.yml", "-e", "confirm=e2e")
	s.Run(2, "restore.yml", to("localhost", "end")...).Says("-e timeline=").Unchanged()
	timeline, err := strconv.ParseInt(last[:8], 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	s.Run(0, "restore.yml", append(to("localhost", "end"), "-e", fmt.Sprintf("timeline=%d", timeline), "-e", "member=new2")...).Changed()
	holds(t, s, "1,2,3")
}

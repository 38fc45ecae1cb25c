package faults

import (
	"testing"

	"github.com/polarbook/polarbook/test/lab"
	"github.com/polarbook/polarbook/test/site"
)

// TestClock sets the clock of one host an hour ahead, as every script on it sees it: the kernel's clock belongs to the whole
// machine. Preflight says so, and work on a running cluster goes on.
func TestClock(t *testing.T) {
	site.Long(t)
	t.Parallel()
	s := newCluster(t, nil)
	s.On("node2", `cat >/usr/local/bin/date <<'END'
#!/bin/sh
exec /bin/date -d "@$(($(/bin/date +%s) + 3600))" "$@"
END
chmod 755 /usr/local/bin/date; test $(/usr/local/bin/date +%s) -gt $(($(/bin/date +%s) + 3000))`)
	s.Run(2, "check.yml").Says("clock", "node2").Unchanged()
	s.Run(2, "new-cluster.yml").Unchanged()
	s.Run(0, "switchover.yml", "-e", "to="+s.Followers()[0])
	s.Run(0, "restart.yml")
	s.Run(0, "backup.yml", "-e", "on=node2", "-e", "to=/backup/one")
	s.Settles()
	// A lock on that host is not older because of it.
	holding := s.Start(nil, "run", "restart.yml", "--output", "json")
	holding.Await("task_started")
	if o := s.Start(nil, "run", "restart.yml", "--output", "json").Wait(); o.Code != 5 {
		t.Errorf("two at once: exit code %d\n%s", o.Code, o.Story())
	}
	ends(holding.Wait(), 0)
	s.On("node2", "rm /usr/local/bin/date")
	s.Run(0, "new-cluster.yml").Unchanged()
}

// TestFullDisk fills the file system with one node's data during work on the cluster, and makes room again.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	s := site.New(t, site.Options{Cluster: "faults", Specs: []lab.Spec{{Name: "node1"}, {Name: "node2"},
		{Name: "node3", TmpfsPath: "/data", DiskMB: 300}}})
	s.Set("node1", site.Vars{"polardb_bootstrap": true})
	s.Set("node3", site.Vars{"polardb_pgdata": "/data/pgdata", "polardb_polardata": "/data/polardata"})
	s.Run(0, "new-cluster.yml")
	fill := func() {
		s.On("node3", "dd if=/dev/zero of=/data/filler bs=64k 2>/dev/null || true; sync; df /data | tail -n 1")
	}
	room := func() { s.On("node3", "rm -f /data/filler") }

	s.Subtest(t, "backup", func(*testing.T) {
		s.On("node3", "mkdir /data/begun; printf 'cluster=faults\\nstate=begun\\n' >/data/begun/backup.polarbook")
		fill()
		s.Run(2, "backup.yml", "-e", "on=node3", "-e", "to=/data/backup").Says("there is no room in /data: the databases have ")
		// What an unfinished one holds will be free, so that it is tried.
		s.Run(2, "backup.yml", "-e", "on=node3", "-e", "to=/data/begun").Says("no space left on device: /data is full")
		s.Polarbook(2, "status").Says("node3: the disk under /data/pgdata is full: ")
		room()
		s.Run(0, "backup.yml", "-e", "on=node3", "-e", "to=/data/backup").Changed()
		s.On("node3", "rm -rf /data/backup /data/begun")
	})
	s.Subtest(t, "reconfigure", func(*testing.T) {
		before := s.On("node3", "cat /data/pgdata/postgresql.conf")
		fill()
		s.SetAll(site.Vars{"polardb_settings": site.Vars{"work_mem": "6MB"}})
		s.Run(2, "reconfigure.yml").Says("node3")
		if after := s.On("node3", "cat /data/pgdata/postgresql.conf"); after != before {
			t.Errorf("a file was written half: %q", after)
		}
		room()
		s.Run(0, "start.yml") // a server that could not write may have ended
		s.Run(0, "reconfigure.yml")
		s.Run(0, "reconfigure.yml").Unchanged()
		s.Settles()
	})
	s.Subtest(t, "rebuild", func(*testing.T) {
		if s.Leader() == "node3" {
			s.Run(0, "switchover.yml")
		}
		o := when(s, "Copy the leader", fill, "rebuild-node.yml", "--yes", "-e", "node=node3")
		ends(o, 0, 2)
		room()
		s.Run(0, "rebuild-node.yml", "--yes", "-e", "node=node3")
		s.Settles()
	})
}

package flavours

import (
	"strings"
	"testing"
	"time"

	"github.com/polarbook/polarbook/test/lab"
	"github.com/polarbook/polarbook/test/site"
)

var names = []string{"node1", "node2", "node3", "node4"}

// TestFlavours runs a cluster on hosts of one kind.
func TestFlavours(t *testing.T) {
	t.Parallel()
	for _, flavour := range lab.Flavours("rhel") {
		t.Run(flavour, func(t *testing.T) {
			t.Parallel()
			var specs []lab.Spec
			for _, n := range names {
				specs = append(specs, lab.Spec{Name: n}.Of(flavour))
			}
			wholeLife(t, specs)
		})
	}
}

// TestMixed runs one cluster on a host of each kind: they must understand what each other says and writes.
func TestMixed(t *testing.T) {
	site.Long(t)
	t.Parallel()
	wholeLife(t, []lab.Spec{
		lab.Spec{Name: "node1"}.Of("busybox"),
		lab.Spec{Name: "node2"}.Of("debian-trixie"),
		lab.Spec{Name: "node3"}.Of("rhel"),
		lab.Spec{Name: "node4"}.Of("debian-bullseye"),
	})
}

// wholeLife takes a cluster from three bare hosts through adding a fourth, a switchover, reconfiguration, upgrade and backup
// to its removal. It logs in as a user whose sudo asks for a password, as most users do.
func wholeLife(t *testing.T, specs []lab.Spec) {
	s := site.New(t, site.Options{User: "dba", Cluster: "flavours", Specs: specs})
	s.Only(names[:3]...)
	timed := func(playbook string, args ...string) *site.Outcome {
		o := s.Run(0, playbook, args...)
		s.T.Logf("%s took %s", playbook, o.Took.Round(100*time.Millisecond))
		return o
	}
	step := func(name string, f func(t *testing.T)) { s.Subtest(t, name, f) }

	step("new cluster", func(*testing.T) {
		s.Run(0, "new-cluster.yml", "--check")
		timed("new-cluster.yml").Changed()
		s.Whole()
	})
	step("second run", func(*testing.T) { s.Run(0, "new-cluster.yml").Unchanged(s.Names()...) })
	step("add a node", func(*testing.T) {
		s.Only(names...)
		timed("add-node.yml", "--limit", "node4").Changed()
		s.Whole()
		s.Run(0, "new-cluster.yml").Unchanged(s.Names()...)
	})
	step("switchover", func(t *testing.T) {
		to := s.Settles().Followers()[0]
		timed("switchover.yml", "-e", "to="+to).Changed()
		if c := s.Settles(); c.Leader != to {
			t.Errorf("%s leads, want %s", c.Leader, to)
		}
	})
	step("reconfigure", func(t *testing.T) {
		s.SetAll(site.Vars{"polardb_settings": site.Vars{"work_mem": "8MB", "max_connections": 150}})
		timed("reconfigure.yml").Changed()
		for _, n := range names {
			if got := s.SQL(n, "show max_connections"); got != "150" {
				t.Errorf("%s has max_connections %s", n, got)
			}
		}
		s.Run(0, "reconfigure.yml").Unchanged(names...)
	})
	step("upgrade", func(t *testing.T) {
		next := site.Releases(t)[1]
		timed("upgrade.yml", "-e", "polardb_package="+next).Changed()
		for _, n := range names {
			if exe := s.On(n, "readlink /proc/$(head -n 1 "+s.Pgdata(n)+"/postmaster.pid)/exe"); !strings.Contains(exe, "polardb-next-11.9.1") {
				t.Errorf("%s runs %s", n, exe)
			}
		}
		s.Whole()
		s.Run(0, "upgrade.yml", "-e", "polardb_package="+next).Unchanged(names...)
	})
	step("backup", func(*testing.T) {
		follower := s.Followers()[0]
		timed("backup.yml", "-e", "on="+follower, "-e", "to=/backup/first").Changed()
		s.On(follower, "cd /backup/first && test -s control/global/pg_control && sha256sum -c SHA256SUMS >/dev/null")
		s.Run(0, "backup.yml", "-e", "on="+follower, "-e", "to=/backup/first").Unchanged(follower)
	})
	step("rebuild a node", func(*testing.T) {
		timed("rebuild-node.yml", "--yes", "-e", "node="+s.Followers()[0]).Changed()
		s.Whole()
	})
	step("drop a node", func(*testing.T) {
		node := s.Followers()[0]
		timed("drop-node.yml", "--yes", "-e", "wipe=yes", "-e", "node="+node).Changed()
		s.Run(0, "drop-node.yml", "--yes", "-e", "wipe=yes", "-e", "node="+node).Unchanged()
		s.Run(0, "add-node.yml", "--limit", node).Changed()
		s.Whole()
	})
	step("destroy", func(t *testing.T) {
		timed("destroy.yml", "-e", "confirm=flavours").Changed()
		for _, n := range names {
			if left := s.On(n, "ls -d "+s.Pgdata(n)+" "+s.Polardata(n)+" /etc/systemd/system/"+s.Unit()+"* 2>/dev/null; true"); left != "" {
				t.Errorf("%s has left over: %s", n, left)
			}
		}
		s.Run(0, "destroy.yml", "-e", "confirm=flavours").Unchanged(names...)
	})
}

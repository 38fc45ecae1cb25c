package badinput

import (
	"strings"
	"syscall"
	"testing"

	"github.com/polarbook/polarbook/test/site"
)

// check runs new-cluster.yml --check, which must succeed and change nothing.
func check(s *site.Site) {
	s.T.Helper()
	before := state(s)
	wants(s.Start(nil, "run", "new-cluster.yml", "--check", "--diff").Wait(), 0,
		"nothing was changed: --check counts as changed what a run would change")
	same(s, before)
}

// fullDisk fills the disk of node3: before the run, while the engine is unpacked, and while the leader is copied. With space
// again, the same command finishes.
func fullDisk(t *testing.T, s *site.Site) {
	s.SetAll(site.Vars{"polardb_home": "/data/polardb", "polardb_pgdata": "/data/pgdata", "polardb_polardata": "/data/polardata"})
	const fill, free = "dd if=/dev/zero of=/data/filler bs=64k 2>/dev/null; true", "rm -f /data/filler"
	run := func(each func(*site.Running, site.Event)) *site.Outcome {
		return s.Start(each, "run", "new-cluster.yml", "--forks", "3").Wait()
	}
	// at fills the disk when a play begins, well before the task that needs the space. polarbook is stopped meanwhile.
	at := func(play string) func(*site.Running, site.Event) {
		filled := false
		return func(r *site.Running, e site.Event) {
			if !filled && strings.Contains(e.Line, play) {
				filled = true
				r.Signal(syscall.SIGSTOP)
				s.On("node3", fill)
				r.Signal(syscall.SIGCONT)
			}
		}
	}

	s.Case(t, "before the run", func(t *testing.T) {
		s.On("node3", fill)
		before := state(s)
		wants(run(nil), 2, "node3", "/data/pgdata", "0 MB free of 200 MB on /data", "at least 50 MB", "make room")
		same(s, before)
		s.On("node3", free)
	})
	s.Case(t, "while the engine is sent", func(t *testing.T) {
		wants(run(at("PLAY  Prepare the hosts and install the engine")), 2, "failed node3: ",
			"/data/polardb/versions has 0 KB free, and the archive and what it holds need about")
		s.On("node3", free)
	})
	s.Case(t, "while the leader is copied", func(t *testing.T) {
		wants(run(at("PLAY  Add the other members, one at a time (node2)")), 2,
			"failed node3: the base backup of node1 failed with exit status", "no space left on device: /data is full",
			"what to do: make room on /data, then run again")
		s.On("node3", free)
	})
	s.Case(t, "with space again", func(t *testing.T) {
		wants(run(nil), 0)
		wants(s.Start(nil, "status").Wait(), 0, "node1", "node2", "node3", "!NO ANSWER")
		left := s.On("node3", "ls -d /data/*.new /data/polardb/versions/*.unpacking /data/polardb/versions/.*.archive* 2>/dev/null; true")
		if left != "" {
			t.Errorf("left over on node3: %s", left)
		}
	})
}

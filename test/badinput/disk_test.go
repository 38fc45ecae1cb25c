package badinput

import (
	"strings"
	"testing"
)

// check asks what new-cluster.yml would do, and wants that it can be told and that nothing is done.
func check(s *site) {
	s.t.Helper()
	s.inventory(s.group, s.hosts)
	before := s.state()
	s.polarbook(nil, append([]string{"run", "new-cluster.yml", "--check", "--diff"}, s.common...)...).wants(0,
		"nothing was changed: --check counts as changed what a run would change")
	s.same(before)
}

// fullDisk has node3 run out of space: before the run, while the engine is unpacked, and while the leader is copied.
// With space again, the same command finishes.
func fullDisk(t *testing.T, s *site) {
	s.group = with(s.group, vars{"polardb_home": "/data/polardb", "polardb_pgdata": "/data/pgdata", "polardb_polardata": "/data/polardata"})
	s.inventory(s.group, s.hosts)
	const fill, free = "dd if=/dev/zero of=/data/filler bs=64k 2>/dev/null; true", "rm -f /data/filler"
	run := func(each func(string)) *outcome {
		return s.polarbook(each, append([]string{"run", "new-cluster.yml", "--forks", "3"}, s.common...)...)
	}
	// at fills the disk when a play begins, well before the task that needs the space.
	at := func(play string) func(string) {
		filled := false
		return func(text string) {
			if !filled && strings.Contains(text, play) {
				filled = true
				s.on("node3", fill)
			}
		}
	}

	s.subtest(t, "before the run", func(t *testing.T) {
		s.on("node3", fill)
		before := s.state()
		run(nil).wants(2, "node3", "/data/pgdata", "0 MB free of 200 MB on /data", "at least 50 MB", "make room")
		s.same(before)
		s.on("node3", free)
	})
	s.subtest(t, "while the engine is sent", func(t *testing.T) {
		run(at("PLAY  Operating system and engine")).wants(2, "failed node3: ", "/data/polardb/versions has 0 KB free, and the archive and what it holds need about")
		s.on("node3", free)
	})
	s.subtest(t, "while the leader is copied", func(t *testing.T) {
		run(at("PLAY  Members, one at a time (node2)")).wants(2, "failed node3: the base backup of node1 ended with status", "no space left on device: /data is full", "what to do: make room on /data; a further run")
		s.on("node3", free)
	})
	s.subtest(t, "with space again", func(t *testing.T) {
		run(nil).wants(0)
		s.polarbook(nil, append([]string{"status"}, s.common...)...).wants(0, "node1", "node2", "node3", "!NO ANSWER")
		left := s.on("node3", "ls -d /data/*.new /data/polardb/versions/*.unpacking /data/polardb/versions/.*.archive* 2>/dev/null; true")
		if left != "" {
			t.Errorf("left over on node3: %s", left)
		}
	})
}

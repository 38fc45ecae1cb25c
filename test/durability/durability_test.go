package durability

import (
	"fmt"
	"testing"
	"time"

	"github.com/polarbook/polarbook/test/site"
)

var nodes = []string{"node1", "node2", "node3", "node4"}

// TestDurability runs random operations on a cluster that is written to and read, and compares every row on every member
// after each.
func TestDurability(t *testing.T) {
	limit, dice := duration(t), site.Dice(t)
	releases := site.Releases(t)
	s := site.New(t, site.Options{Cluster: "durability", Specs: site.Hosts(nodes...), Group: site.Vars{
		"polardb_package": releases[0], "polardb_hba": []string{site.FromOutside},
	}})
	s.Run(0, "new-cluster.yml")
	r := begin(s)
	k := &keeper{Site: s, dice: dice, releases: releases}
	list := k.operations()
	counts := map[string]int{}
	for i, end := 1, time.Now().Add(limit); time.Now().Before(end); i++ {
		w := k.choose(list)
		s.Subtest(t, fmt.Sprintf("%d %s", i, w.name), func(*testing.T) {
			w.do()
			s.Settles()
			r.verify()
		})
		counts[w.name]++
	}
	s.Subtest(t, "at the end", func(*testing.T) {
		s.Run(0, "new-cluster.yml")
		s.Run(0, "new-cluster.yml").Unchanged()
		r.verify()
	})
	t.Logf("%s; operations: %v", r.end(), counts)
	s.Subtest(t, "what is wrong would be seen", func(t *testing.T) {
		for _, harm := range []struct{ do, undo string }{
			{"delete from durable where w = 1 and n = 1", "insert into durable values (1, 1)"},
			{"insert into durable values (2, 1)", "delete from durable where w = 2 and n = 1; insert into durable values (2, 1)"},
			{"insert into durable values (3, 1000000000)", "delete from durable where w = 3 and n = 1000000000"},
		} {
			s.SQL(s.Leader(), harm.do)
			if err := r.compare(); err == nil {
				t.Errorf("nothing was found after %s", harm.do)
			}
			s.SQL(s.Leader(), harm.undo)
			r.verify()
		}
	})
}

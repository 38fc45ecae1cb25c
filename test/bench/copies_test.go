package bench

import (
	"testing"

	"github.com/polarbook/polarbook/test/site"
)

// BenchmarkCopies reports how long it takes to set a cluster up on three bare hosts, to add a node to it and to back it up,
// on an idle leader, and which tasks that time goes to.
func BenchmarkCopies(b *testing.B) {
	for b.Loop() {
		s := site.New(b, site.Options{Cluster: "bench", Specs: site.Hosts("node1", "node2", "node3", "node4")})
		s.Only("node1", "node2", "node3")
		report := func(unit string, o *site.Outcome) {
			b.ReportMetric(o.Took.Seconds(), unit)
			b.Logf("%s: %.1f s", unit, o.Took.Seconds())
			for _, t := range o.Longest(8) {
				b.Logf("  %5.1f s  %s", t.Took.Seconds(), t.Name)
			}
		}
		report("s-new-cluster", s.Run(0, "new-cluster.yml"))
		s.Only("node1", "node2", "node3", "node4")
		report("s-add-node", s.Run(0, "add-node.yml", "--limit", "node4"))
		report("s-backup", s.Run(0, "backup.yml", "-e", "on=node2", "-e", "to=/backup/bench"))
	}
}

package bench

import (
	"testing"

	"github.com/polarbook/polarbook/test/site"
)

func TestMain(m *testing.M) { site.Main(m) }

// cluster sets a cluster up.
func cluster(t testing.TB, group site.Vars) *site.Site {
	t.Helper()
	s := site.New(t, site.Options{Cluster: "bench", Specs: site.Hosts("node1", "node2", "node3"), Group: group})
	s.Run(0, "new-cluster.yml")
	return s
}

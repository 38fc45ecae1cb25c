package faults

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/polarbook/polarbook/test/site"
)

func TestMain(m *testing.M) { site.Main(m) }

var nodes = []string{"node1", "node2", "node3"}

// newCluster returns a site with a cluster of three voters that runs.
func newCluster(t *testing.T, group site.Vars) *site.Site {
	t.Helper()
	s := site.New(t, site.Options{Cluster: "faults", Specs: site.Hosts(nodes...), Group: group})
	s.Run(0, "new-cluster.yml")
	return s
}

// kill kills a node's server with SIGKILL.
func kill(s *site.Site, node string) {
	s.T.Helper()
	s.On(node, fmt.Sprintf("kill -9 $(head -n 1 %s/postmaster.pid)", s.Pgdata(node)))
}

// when runs a playbook and breaks something when a host first says this, or a task of this name begins.
func when(s *site.Site, sign string, breakIt func(), playbook string, args ...string) *site.Outcome {
	s.T.Helper()
	var once sync.Once
	broken := make(chan struct{})
	r := s.Start(func(_ *site.Running, e site.Event) {
		if strings.Contains(e.Line, sign) || e.Type == "task_started" && strings.Contains(e.Name, sign) {
			once.Do(func() { go func() { defer close(broken); breakIt() }() })
		}
	}, append([]string{"run", playbook, "--output", "json"}, args...)...)
	o := r.Wait()
	once.Do(func() { s.T.Fatalf("nothing came of %q: it was never seen\n%s", sign, o.Story()) })
	<-broken
	return o
}

// ends checks that the exit code is one of these, and logs the output.
func ends(o *site.Outcome, codes ...int) *site.Outcome {
	o.T.Helper()
	for _, c := range codes {
		if o.Code == c {
			o.T.Logf("exit code %d: %s", o.Code, strings.TrimSpace(o.Stderr))
			return o
		}
	}
	o.T.Fatalf("exit code %d, want one of %v\n%s", o.Code, codes, o.Story())
	return o
}

// must reports what the lab could not do.
func must(s *site.Site, err error) {
	s.T.Helper()
	if err != nil {
		s.T.Error(err)
	}
}

// weights returns the weights of the voters, by the name of the node.
func weights(c site.Cluster) map[string]int {
	all := map[string]int{}
	for _, m := range c.Members {
		if m.Weight != nil {
			all[m.Node] = *m.Weight
		}
	}
	return all
}

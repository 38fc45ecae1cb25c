package differential

import (
	"slices"
	"strings"
	"testing"
)

// sample are the batches that every run of the tests has: some of each section, chosen so that they take some minutes. A name
// that ends with a slash is all of a file.
var sample = []string{
	"language/handlers", "language/variables",
	"language/results/an unreachable host is out", "language/results/check mode", "language/tags/one and none",
	"language/plays/serial with a failure", "language/variables/group_vars beside the inventory and the playbook",
	"language/mistakes/an unknown module", "language/mistakes/an import that goes in circles",
	"expressions/operators", "modules/stat", "playbooks/failing_some",
}

// sampled are the batches of the sample.
func sampled(t *testing.T, all []*batch) []*batch {
	t.Helper()
	var some []*batch
	for _, name := range sample {
		before := len(some)
		for _, b := range all {
			if b.name == name || strings.HasSuffix(name, "/") && strings.HasPrefix(b.name, name) {
				some = append(some, b)
			}
		}
		if len(some) == before {
			t.Errorf("the sample names %s, which is no case", name)
		}
	}
	slices.SortStableFunc(some, func(a, b *batch) int { return slices.Index(all, a) - slices.Index(all, b) })
	return some
}

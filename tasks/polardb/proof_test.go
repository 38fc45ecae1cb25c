package polardb

import (
	"strings"
	"testing"
)

func TestProofIsNoChangeInCheckMode(t *testing.T) {
	c := newTestCluster(3)
	p := &proofAction{args: &proofArgs{}, list: c.list, check: true}
	plan, err := p.Plan(c.survey)
	if err != nil || plan.Change || !strings.Contains(plan.Msg, "node3") {
		t.Errorf("a cluster as wanted: %+v, %v", plan, err)
	}
	c.list[2].Weight = 1
	if plan, err := p.Plan(c.survey); err != nil || plan.Change || !strings.Contains(plan.Msg, "node3 has the weight 5, wanted 1") {
		t.Errorf("a cluster that is not: %+v, %v", plan, err)
	}
	if plan, _ := (&proofAction{args: &proofArgs{}, list: c.list}).Plan(nil); !plan.Change {
		t.Error("outside of check mode nothing is proven")
	}
}

package polardb

import (
	"errors"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
)

// TestMovePlan gives node2 of a cluster that node1 leads another address.
func TestMovePlan(t *testing.T) {
	const member = marked + "basebackup\nmarker.id=a1\nid=a1\npgdata=filled\npolardata=filled\nversion=11\ncontrol=yes\nmeta=yes\n"
	voter := member + "meta.members=10.0.0.1:15432#5N;10.0.0.2:15432#5N;10.0.0.3:15432#5N@2\nmarker.step="
	moved := member + "meta.learners=10.0.0.9:15432$00\nmarker.step="
	for name, c := range map[string]struct {
		probe string
		make  func(c *testCluster, f *moveFound)
		state string // begun
		run   bool   // not a check
		want  string
	}{
		"a follower":         {probe: voter + stepMeta, want: "note that node2, a follower at 10.0.0.2:5432, is being moved to 10.0.0.9:5432"},
		"begun already":      {probe: voter + stepMoving, want: ""},
		"it has it already":  {probe: moved + stepMeta, want: ""},
		"dropped on purpose": {probe: voter + stepDropped, want: "refuse: was dropped from the cluster on purpose"},
		"never a member":     {probe: wholeCopy, want: "refuse: was never a member"},
		"half a copy":        {probe: halfCopy, want: ""},
		"no data":            {probe: bareNode, want: "refuse: was never a member"},
		"another's data":     {probe: somebodys, want: "refuse: did not begin"},
		"not reached": {probe: voter + stepMeta, make: func(_ *testCluster, f *moveFound) {
			f.Unreached = "from node1: timed out"
		}, want: "refuse: node2 is not reached at 10.0.0.9 (from node1: timed out)"},
		"not listed": {probe: voter + stepMeta, make: func(c *testCluster, _ *moveFound) {
			c.survey[0].Cluster = c.survey[0].Cluster[:1]
		}, want: "refuse: does not list that"},
		"another member's": {probe: voter + stepMeta, make: func(c *testCluster, _ *moveFound) {
			c.lists(9, dma.Follower, 0)
		}, want: "refuse: 10.0.0.9:5432 is a member of the cluster already"},
		"it does not stream": {probe: voter + stepMeta, make: func(c *testCluster, _ *moveFound) {
			c.survey[0].Replicas = c.survey[0].Replicas[1:]
		}, want: "refuse: node2 does not stream from node1"},
		"it is far behind": {probe: voter + stepMeta, make: func(c *testCluster, _ *moveFound) {
			c.survey[0].Status.LastLogIndex = 5000
		}, want: "refuse: log entries behind node1, at most 1000"},
		"another role": {probe: voter + stepMeta, make: func(_ *testCluster, f *moveFound) {
			f.Node.Role = "learner"
		}, want: "refuse: change one thing at a time"},
		"no majority without": {probe: voter + stepMeta, make: func(c *testCluster, _ *moveFound) {
			c.survey[2].Err = errors.New("down")
			c.survey[0].Replicas = c.survey[0].Replicas[:1]
		}, want: "refuse: without 10.0.0.2:5432 the cluster would have 2 voters, 1 of them alive, and 2 are needed"},
		"no leader": {probe: voter + stepMeta, make: func(_ *testCluster, f *moveFound) {
			f.NoLeader = "nobody leads"
		}, want: "refuse: without a leader: nobody leads"},
		"it leads, a check": {probe: voter + stepMeta, make: func(_ *testCluster, f *moveFound) {
			f.Leader.Node = "node2"
		}, want: "unknown: node2 leads, and hands over first"},
		"it leads": {probe: voter + stepMeta, run: true, make: func(_ *testCluster, f *moveFound) {
			f.Leader.Node = "node2"
		}, want: "refuse: node2 leads again"},
		"ended, and noted": {probe: voter + stepMeta, state: "ended", want: ""},
		"ended":            {probe: voter + stepMeta + "\nmarker.weight=7", state: "ended", want: "note that the node is moved"},
		"not ended": {probe: moved + stepMeta + "\nmarker.weight=7", state: "ended",
			want: "refuse: node2 is not a member at 10.0.0.2:5432 yet"},
	} {
		if c.state == "" {
			c.state = "begun"
		}
		cluster := newTestCluster(3)
		found := moveFound{clusterView: clusterView{Node: cluster.list[1]}}
		found.Leader = cluster.survey[0]
		if c.make != nil {
			c.make(cluster, &found)
		}
		lead := found.Leader.Node
		found.Leader, found.Survey = cluster.survey[0], cluster.survey
		found.Leader.Node = lead
		m := &moveAction{args: &moveArgs{NodeArgs: planArgs, State: c.state}, list: cluster.list,
			to: dma.Address{Host: "10.0.0.9", Port: 5432}, check: !c.run}
		var p tasks.Plan
		var err error
		if found.state, err = ParseNode(probeText(strings.Split(c.probe, "\n")...)); err == nil {
			p, err = m.Plan(found)
		}
		checkPlan(t, name, c.want, p, err)
		if name == "a follower" && !strings.Contains(p.Script, "WEIGHT=5") && !strings.Contains(p.Script, "WEIGHT='5'") {
			t.Errorf("the weight is not noted:\n%s", p.Script)
		}
	}
}

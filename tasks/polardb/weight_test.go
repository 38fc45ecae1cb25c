package polardb

import (
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks"
)

func TestWeightPlan(t *testing.T) {
	c := newTestCluster(3)
	leader, _ := c.survey.Leader()
	plan := func() tasks.Plan {
		w := &weightAction{args: &weightArgs{}, list: c.list}
		p, _, err := w.Plan(clusterView{Leader: leader, Survey: c.survey})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	if p := plan(); p.Change {
		t.Errorf("no weight is wanted, and %s", p.Msg)
	}
	c.list[0].Weight, c.list[1].Weight = 9, 5
	p := plan()
	if !p.Change || p.Msg != "weights: node1 9" {
		t.Errorf("planned %q: only what differs is to be changed", p.Msg)
	}
}

func TestWeightOfOneNode(t *testing.T) {
	for name, c := range map[string]struct {
		node, weight string
		make         func(c *testCluster)
		want         string
		fail         bool
		none         bool
	}{
		"a voter":  {node: "node2", weight: "9", want: "weights: node2 9"},
		"as it is": {node: "node2", weight: "5", want: "the weights are as wanted", none: true},
		"0":        {node: "node2", weight: "0", want: "weights: node2 0"},
		"0 for the last one": {node: "node1", weight: "0", make: func(c *testCluster) {
			c.weight(2, 0)
			c.weight(3, 0)
		}, want: "nobody would stand for election", fail: true},
		"10":   {node: "node2", weight: "10", want: "must be a number from 0 to 9", fail: true},
		"none": {node: "node2", want: "must be a number from 0 to 9", fail: true},
		"a learner": {node: "node4", weight: "3", make: func(c *testCluster) {
			c.learner(4, "learner")
		}, want: "node4 is a learner: it has no vote, and no weight", fail: true},
		"no member": {node: "node4", weight: "3", make: func(c *testCluster) {
			c.knows(4, "follower", nil)
		}, want: "node4 is not a member", fail: true},
		"a stranger": {node: "node9", weight: "3", want: "there is no node node9", fail: true},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := newTestCluster(3)
			if c.make != nil {
				c.make(cluster)
			}
			args := &weightArgs{Node: c.node, Weight: c.weight}
			var p tasks.Plan
			list, err := args.one(cluster.list)
			if err == nil {
				p, _, err = (&weightAction{args: args, list: list}).Plan(cluster.found(""))
			}
			got := p.Msg
			if err != nil {
				got = err.Error()
			}
			if !strings.Contains(got, c.want) || (err != nil) != c.fail || p.Change != (!c.fail && !c.none) {
				t.Errorf("got %q (change %t), want %q", got, p.Change, c.want)
			}
		})
	}
}

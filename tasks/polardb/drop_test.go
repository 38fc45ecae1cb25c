package polardb

import (
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/dma"
)

func TestDropPlan(t *testing.T) {
	for name, c := range map[string]struct {
		voters int
		node   string
		make   func(c *testCluster)
		want   string
		fail   bool
		none   bool
	}{
		"a follower": {node: "node3",
			want: "drop the follower node3 (0 log entries behind) from the cluster that node1 leads; 2 voters are left, 2 of them alive"},
		"a dead follower": {node: "node3", make: func(c *testCluster) { c.dies(3) }, want: "2 voters are left, 2 of them alive"},
		"a learner": {node: "node4", make: func(c *testCluster) {
			c.learner(4, "learner")
		}, want: "drop the learner node4 from the cluster that node1 leads"},
		"a logger": {node: "node3", make: func(c *testCluster) {
			c.list[2].Role = "logger"
			c.survey[2].NoViews = true
		}, want: "drop the logger node3"},
		"the leader": {node: "node1",
			want: "node1 leads, and a leader cannot be dropped (switch over first: polarbook run switchover.yml)", fail: true},
		"one that is out": {node: "node4", make: func(c *testCluster) {
			c.knows(4, "follower", nil)
		}, want: "node4 is already out of the cluster", none: true},
		"one that nobody knows": {node: "node9", want: "there is no node node9 (the inventory has node1, node2, node3)", fail: true},
		"a live one while one is dead": {node: "node2", make: func(c *testCluster) {
			c.dies(3)
		}, want: "without 10.0.0.2:5432 the cluster would have 2 voters, 1 of them alive, and 2 are needed", fail: true},
		"the majority of five is enough": {voters: 5, node: "node2", make: func(c *testCluster) {
			c.dies(3)
		}, want: "4 voters are left, 3 of them alive"},
		"half of four is not enough": {voters: 5, node: "node2", make: func(c *testCluster) {
			c.dies(3)
			c.dies(4)
		}, want: "4 voters, 2 of them alive, and 3 are needed", fail: true},
		"one of two": {voters: 2, node: "node2", want: "1 voters are left, 1 of them alive"},
		"the last one that may lead": {node: "node2", make: func(c *testCluster) {
			c.weight(1, 0)
			c.weight(3, 0)
		}, want: "would have the weight 0", fail: true},
		"nobody leads": {node: "node3", make: func(c *testCluster) {
			c.dies(2)
			c.dies(3)
		}, want: "only a leader can drop a member: no leader can be believed", fail: true},
		"a member that the inventory no longer has": {node: "10.0.0.9:5432", make: func(c *testCluster) { c.lists(9, dma.Learner, 100) },
			want: "drop the learner 10.0.0.9:5432"},
		"an address of the inventory": {node: "10.0.0.3:5432", want: "drop the follower node3"},
		"an address that is unknown":  {node: "10.0.0.9:5432", want: "there is no node 10.0.0.9:5432", fail: true},
	} {
		t.Run(name, func(t *testing.T) {
			n := c.voters
			if n == 0 {
				n = 3
			}
			cluster := newTestCluster(n)
			if c.make != nil {
				c.make(cluster)
			}
			d := &dropAction{args: &dropArgs{Node: c.node}, list: cluster.list}
			p, _, err := d.Plan(cluster.found(""))
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

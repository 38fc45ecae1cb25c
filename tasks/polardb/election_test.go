package polardb

import (
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/dma"
)

// stuck makes the leader say nothing more; the others look for one.
func (c *testCluster) stuck() {
	c.dies(1)
	for i := 1; i < len(c.survey); i++ {
		c.survey[i].Status.Leader = 0
		c.survey[i].Status.LastLogTerm = 3
	}
}

func TestElectionPlan(t *testing.T) {
	for name, c := range map[string]struct {
		node  string
		force bool
		make  func(c *testCluster)
		want  string
		fail  bool
		none  bool
	}{
		"the leader is stuck": {node: "node2", make: func(c *testCluster) {
			c.stuck()
		}, want: "node2 stands for election (log index 100; 2 of 3 voters would vote for it)"},
		"nothing is stuck": {node: "node2", want: "node1 leads, and a majority accepts it (3 of 3 voters alive): " +
			"the cluster is not stuck (to move the lead: polarbook run switchover.yml -e to=node2", fail: true},
		"nothing is stuck, by force": {node: "node2", force: true, want: "node2 stands for election"},
		"by force, one is heavier": {node: "node2", force: true, make: func(c *testCluster) {
			c.weight(1, 9)
		}, want: "the engine will pass the lead on to 10.0.0.1:15432, whose weight is 9 and not 5"},
		"on the leader": {node: "node1", force: true, want: "node1 leads already", none: true},
		"on a leader that nobody hears": {node: "node1", make: func(c *testCluster) {
			c.dies(2)
			c.dies(3)
		}, want: "node1 takes itself for the leader, and the engine would report success but do nothing", fail: true},
		"on a learner": {node: "node4", make: func(c *testCluster) {
			c.learner(4, "learner")
			c.stuck()
		}, want: "node4 is a learner", fail: true},
		"on a logger": {node: "node3", make: func(c *testCluster) {
			c.stuck()
			c.list[2].Role = "logger"
		}, want: "node3 is a logger", fail: true},
		"on weight 0": {node: "node2", make: func(c *testCluster) {
			c.weight(2, 0)
			c.stuck()
		}, want: "node2 has the weight 0", fail: true},
		"on a dead one":   {node: "node2", force: true, make: func(c *testCluster) { c.dies(2) }, want: "node2 does not answer", fail: true},
		"nobody knows it": {node: "node9", force: true, want: "there is no node node9", fail: true},
		"others have more log": {node: "node2", make: func(c *testCluster) {
			c.stuck()
			c.survey[2].Status.LastLogIndex = 101
		}, want: "node2 would get 1 of 3 votes, and 2 are needed: node1 does not answer; node3 has more log (index 101 in term 3, " +
			"against 100 in term 3)", fail: true},
		"a longer log of an older term": {node: "node2", make: func(c *testCluster) {
			c.stuck()
			c.survey[2].Status.LastLogIndex, c.survey[2].Status.LastLogTerm = 101, 2
		}, want: "node2 stands for election"},
		"added again without learner meta": {node: "node2", make: func(c *testCluster) {
			c.stuck()
			c.survey[1].Members, _ = dma.ParseMembers("10.0.0.1:15432#5N;10.0.0.2:15432#5N;10.0.0.2:15432#5N@3")
		}, want: "node2 cannot vote", fail: true},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := newTestCluster(3)
			if c.make != nil {
				c.make(cluster)
			}
			e := &electionAction{args: &electionArgs{Node: c.node, Force: c.force}, list: cluster.list}
			p, _, err := e.Plan(cluster.found(""))
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

package polardb

import (
	"errors"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/dma"
)

// found returns what a survey of the cluster would have given.
func (c *testCluster) found(name string) clusterView {
	leader, err := c.survey.Leader()
	f := clusterView{Leader: leader, Survey: c.survey}
	if err != nil {
		f.NoLeader = err.Error()
	}
	f.Node, _ = NodeNamed(c.list, name)
	return f
}

// behind puts a node's row, in the leader's list, that many entries back.
func (c *testCluster) behind(i int, entries int64) {
	c.survey[0].Cluster[i-1].MatchIndex = c.survey[0].Status.LastLogIndex - entries
}

// weight gives a voter a weight in every member list.
func (c *testCluster) weight(i, weight int) {
	c.survey[0].Cluster[i-1].Weight = weight
	for n := range c.survey {
		if len(c.survey[n].Members.Entries) >= i {
			c.survey[n].Members.Entries[i-1].Weight = weight
		}
	}
}

// dies makes a node answer nobody and stream from nobody.
func (c *testCluster) dies(i int) {
	c.survey[i-1] = dma.View{Node: c.survey[i-1].Node, Address: c.survey[i-1].Address, Err: errors.New("connection refused")}
	app, _ := c.survey[i-1].Address.AppName()
	var left []dma.Replica
	for _, r := range c.survey[0].Replicas {
		if r.AppName != app {
			left = append(left, r)
		}
	}
	c.survey[0].Replicas = left
}

// learner adds node i, a healthy learner.
func (c *testCluster) learner(i int, role string) {
	ip := "10.0.0." + itoa(i) + ":15432"
	members, _ := dma.ParseMembers(ip + "#5N")
	c.lists(i, dma.Learner, 90)
	c.knows(i, role, &dma.View{
		InRecovery: true,
		Members:    members,
		Status:     dma.Status{ServerID: 100, Term: 3, Leader: 1, Role: dma.Learner},
	})
}

func TestSwitchoverPlan(t *testing.T) {
	for name, c := range map[string]struct {
		to   string
		make func(c *testCluster)
		want string // the plan's message, or the refusal's
		fail bool
		none bool
	}{
		"to a healthy follower": {to: "node3", want: "switch over from node1 to node3 (weight 5, 0 log entries behind; 3 of 3 voters alive)"},
		"the first of equals":   {want: "to node2"},
		"the heaviest":          {make: func(c *testCluster) { c.weight(3, 7) }, want: "to node3 (weight 7"},
		"the least behind":      {make: func(c *testCluster) { c.behind(2, 40) }, want: "to node3"},
		"the heaviest, though a little behind": {make: func(c *testCluster) { c.weight(2, 9); c.behind(2, 40) },
			want: "to node2 (weight 9, 40 log entries behind"},
		"not the heaviest when it lags": {make: func(c *testCluster) { c.weight(2, 9); c.behind(2, 5000) }, want: "to node3"},
		"to a lighter one than the leader": {to: "node2", make: func(c *testCluster) {
			c.weight(1, 9)
		}, want: "temporarily with the weight 9, because the engine gives the lead to the heaviest"},
		"to a lighter one than a dead one": {to: "node2", make: func(c *testCluster) {
			c.weight(3, 7)
			c.dies(3)
		}, want: "temporarily with the weight 7"},
		"to a lighter one with force_sync": {to: "node2", make: func(c *testCluster) {
			c.weight(1, 9)
			c.survey[0].Cluster[1].ForceSync = true
		}, want: "raising its weight temporarily would clear its force_sync", fail: true},
		"not one that is dead": {make: func(c *testCluster) {
			c.dies(2)
		}, want: "to node3 (weight 5, 0 log entries behind; 2 of 3 voters alive)"},
		"to the leader":            {to: "node1", want: "node1 leads already", none: true},
		"to one that nobody knows": {to: "node9", want: "there is no node node9 (the inventory has node1, node2, node3)", fail: true},
		"to one that lags": {to: "node2", make: func(c *testCluster) {
			c.behind(2, 5000)
		}, want: "node2 is 5000 log entries behind node1, at most 100 are allowed; wait up to 30 s"},
		"to one that does not stream": {to: "node2", make: func(c *testCluster) {
			c.survey[0].Replicas = c.survey[0].Replicas[1:]
		}, want: "once it is ready: node2 does not stream from node1"},
		"to one that cannot vote": {to: "node2", make: func(c *testCluster) {
			c.survey[1].Status.ServerID = 4
		}, want: "once it is ready: node2 says that it is number 4, node1 says 2"},
		"to a learner": {to: "node4", make: func(c *testCluster) {
			c.learner(4, "learner")
		}, want: "node4 is a learner: it has no vote and cannot lead (give it a vote first: polarbook run promote-learner.yml", fail: true},
		"to one that is no member": {to: "node4", make: func(c *testCluster) {
			c.knows(4, "follower", nil)
		}, want: "node4 is not a member of the cluster (add it first: polarbook run add-node.yml --limit node4)", fail: true},
		"to a dead one": {to: "node2", make: func(c *testCluster) {
			c.dies(2)
		}, want: "node2 does not answer (connection refused)", fail: true},
		"to a logger": {to: "node3", make: func(c *testCluster) {
			c.list[2].Role = "logger"
			c.survey[2].NoViews = true
		}, want: "node3 is a logger", fail: true},
		"to weight 0": {to: "node2", make: func(c *testCluster) {
			c.weight(2, 0)
		}, want: "node2 has weight 0: it votes but never leads, and the engine would report success but do nothing (polarbook " +
			"run set-weight.yml -e node=node2 -e weight=5)", fail: true},
		"nobody can": {make: func(c *testCluster) {
			c.weight(2, 0)
			c.dies(3)
		}, want: "node1 leads, and no other node can: node2 has weight 0", fail: true},
		"nobody leads": {make: func(c *testCluster) {
			c.dies(2)
			c.dies(3)
		}, want: "1 of its 3 voters agree; 2 are needed", fail: true},
		"wanted by the inventory otherwise": {to: "node2", make: func(c *testCluster) {
			c.list[1].Role = "learner"
		}, want: "switch over from node1 to node2 (weight 5, 0 log entries behind; 3 of 3 voters alive)"},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := newTestCluster(3)
			if c.make != nil {
				c.make(cluster)
			}
			s := &switchoverAction{args: &switchoverArgs{To: c.to, MaxLag: 100, Wait: 30}, list: cluster.list}
			p, _, err := s.Plan(cluster.found(""))
			got := p.Msg
			if err != nil {
				got = err.Error()
			}
			if !strings.Contains(got, c.want) || (err != nil) != c.fail || p.Change != (!c.fail && !c.none) {
				t.Errorf("got %q (change %t), want %q", got, p.Change, c.want)
			}
			if err == nil && p.Unknown != "" {
				t.Errorf("nothing is unknown, and the plan says %q", p.Unknown)
			}
		})
	}
}

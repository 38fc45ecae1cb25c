package polardb

import (
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestQuorumPlan(t *testing.T) {
	for name, c := range map[string]struct {
		node, state string
		force       bool
		change      func(c *testCluster)
		want        string // a part of the refusal, or of what is waited for; empty: the node may go, or has rejoined
	}{
		"a follower of three": {node: "node2"},
		"the leader of three": {node: "node1"},
		"a dead node":         {node: "node2", change: func(c *testCluster) { c.dies(2) }},
		"one is down": {node: "node2", change: func(c *testCluster) {
			c.dies(3)
		}, want: "without node2 1 of 3 voters could be counted on, and 2 are needed; node3"},
		"one is down, forced": {node: "node2", force: true, change: func(c *testCluster) { c.dies(3) }},
		"one lags": {node: "node2", change: func(c *testCluster) {
			c.behind(3, 60)
		}, want: "node3 is 60 log entries behind"},
		"the node itself lags": {node: "node2", change: func(c *testCluster) { c.behind(2, 60) }},
		"a learner": {node: "node4", change: func(c *testCluster) {
			c.learner(4, "learner")
			c.dies(2)
			c.dies(3)
		}, want: "needed"},
		"a learner, one voter down": {node: "node4", change: func(c *testCluster) { c.learner(4, "learner"); c.dies(3) }},
		"not a member": {node: "node4", change: func(c *testCluster) {
			c.knows(4, "follower", nil)
		}, want: "node4 is not a member"},
		"rejoined": {node: "node2", state: quorumRejoined},
		"rejoined, and behind": {node: "node2", state: quorumRejoined, change: func(c *testCluster) {
			c.behind(2, 60)
		}, want: "node2 is 60 log entries behind node1"},
		"not rejoined": {node: "node2", state: quorumRejoined, change: func(c *testCluster) { c.dies(2) }, want: "node2"},
		"rejoined, and nobody leads yet": {node: "node2", state: quorumRejoined, change: func(c *testCluster) {
			c.loses(1, 3)
		}, want: "until node2 has rejoined: no leader can be believed"},
		"nobody leads": {node: "node2", change: func(c *testCluster) {
			c.loses(1, 3)
		}, want: "the cluster can lose no node"},
		"rejoined, under another number": {node: "node2", state: quorumRejoined, change: func(c *testCluster) {
			c.survey[1].Status.ServerID = 7
		}, want: "number 7"},
		"rejoined, with another role in plans": {node: "node2", state: quorumRejoined, change: func(c *testCluster) {
			c.list[1].Role = "learner"
		}},
	} {
		cluster := newTestCluster(3)
		if c.change != nil {
			c.change(cluster)
		}
		a := &quorumAction{args: &quorumArgs{State: c.state, MaxLag: 50, Timeout: 5, Force: c.force}, list: cluster.list, check: true}
		if c.state == "" {
			a.args.State = quorumCanLose
		}
		p, _, err := a.Plan(cluster.found(c.node))
		got := p.Msg
		if err != nil {
			got = err.Error()
		}
		waits := err != nil || strings.HasPrefix(p.Msg, "would wait")
		if waits != (c.want != "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if p.Change {
			t.Errorf("%s: a check reports a change", name)
		}
		if err == nil && p.Values["leads"] != (c.node == "node1") {
			t.Errorf("%s: leads is %v", name, p.Values["leads"])
		}
	}
}

func TestQuorumCountsLaggingVotersOut(t *testing.T) {
	c := newTestCluster(5)
	c.behind(4, 60)
	a := &quorumAction{args: &quorumArgs{State: quorumCanLose, MaxLag: 50}, list: c.list}
	n, _ := NodeNamed(c.list, "node2")
	values, doubt := a.see(c.survey, c.survey[0], n)
	if doubt != "" || len(values["counted_on"].([]any)) != 3 || values["needed"] != 3 {
		t.Errorf("%v, %q", values, doubt)
	}
	c.survey[0].Cluster[4].Role = dma.Learner
	if _, doubt := a.see(c.survey, c.survey[0], n); doubt == "" {
		t.Error("node5 has no vote and is counted on")
	}
}

// TestQuorumTakesFormerStates: playbooks that were written for polardb_turn wait for the same.
func TestQuorumTakesFormerStates(t *testing.T) {
	for given, want := range map[string]string{
		"": quorumCanLose, "spared": quorumCanLose, "back": quorumRejoined, "rejoined": quorumRejoined,
	} {
		args := map[string]any{"nodes": []any{map[string]any{"name": "node1", "address": "10.0.0.1"}}}
		if given != "" {
			args["state"] = given
		}
		made := taskstest.Work[*quorumAction](t, taskstest.NewAction(t, "polardb_quorum", args, &taskstest.FakeLocal{}))
		if made.args.State != want {
			t.Errorf("state %q waits for %s, want %s", given, made.args.State, want)
		}
	}
}

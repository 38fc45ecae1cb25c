package polardb

import (
	"errors"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/dma"
)

func TestPurgePlan(t *testing.T) {
	for name, c := range map[string]struct {
		before int64
		force  bool
		make   func(c *testCluster)
		err    error
		want   string
		fail   bool
		none   bool
	}{
		"all of it": {want: "purge the log up to 100, from 0 on the leader node1; " +
			"every member has it (node1 100, node2 100, node3 100)"},
		"less": {before: 60, want: "purge the log up to 60, from 0"},
		"what the slowest has": {make: func(c *testCluster) {
			c.behind(3, 30)
		}, want: "up to 70, from 0 on the leader node1; every member has it (node1 100, node2 100, node3 70)"},
		"what a dead one has": {make: func(c *testCluster) { c.behind(3, 30); c.dies(3) }, want: "up to 70"},
		"what a learner has":  {make: func(c *testCluster) { c.learner(4, "learner") }, want: "up to 90"},
		"what a stranger has": {make: func(c *testCluster) {
			c.lists(9, dma.Learner, 12)
		}, want: "up to 12, from 0 on the leader node1; every member has it (node1 100, node2 100, node3 100, 10.0.0.9:15432 12)"},
		"what is committed": {make: func(c *testCluster) { c.survey[0].Status.CommitIndex = 95 }, want: "up to 95"},
		"again": {make: func(c *testCluster) {
			c.survey[0].PurgeIndex = 100
		}, want: "already purged up to 100", none: true},
		"less than before": {before: 60, make: func(c *testCluster) {
			c.survey[0].PurgeIndex = 80
		}, want: "already purged up to 80", none: true},
		"past the slowest": {before: 80, make: func(c *testCluster) {
			c.behind(3, 30)
		}, want: "the log cannot be purged up to 80: node3 has it only up to 70 (node1 100, node2 100, node3 70) (at most -e before=70",
			fail: true},
		"past the slowest, by force": {before: 80, force: true, make: func(c *testCluster) {
			c.behind(3, 30)
		}, want: "purge the log of the leader node1 alone, by force, up to 80; node3 has it only up to 70 and must then be rebuilt"},
		"force where none is needed":           {before: 60, force: true, want: "purge the log up to 60, from 0 on the leader"},
		"past what is committed, by force too": {before: 101, force: true, want: "node1 has committed it up to 100", fail: true},
		"the leader does not say": {err: errors.New("the engine knows neither"),
			want: "the leader node1 cannot be asked about its log: the engine knows neither", fail: true},
		"nobody leads": {make: func(c *testCluster) { c.dies(2); c.dies(3) }, want: "only a leader can purge", fail: true},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := newTestCluster(3)
			if c.make != nil {
				c.make(cluster)
			}
			p := &purgeAction{args: &purgeArgs{Force: c.force}, list: cluster.list, before: c.before}
			found := purgeFound{clusterView: cluster.found(""), Dialect: dma.PurgeBefore, Err: c.err}
			plan, _, err := p.Plan(found)
			got := plan.Msg
			if err != nil {
				got = err.Error()
			}
			if !strings.Contains(got, c.want) || (err != nil) != c.fail || plan.Change != (!c.fail && !c.none) {
				t.Errorf("got %q (change %t), want %q", got, plan.Change, c.want)
			}
		})
	}
}

func TestPurgeArguments(t *testing.T) {
	nodes := []any{map[string]any{"name": "node1", "address": "10.0.0.1"}}
	for want, args := range map[string]map[string]any{
		`must be an index of the log, a number from 1, not "abc"`: {"nodes": nodes, "before": "abc"},
		`not "0"`:                  {"nodes": nodes, "before": "0"},
		"must be given with force": {"nodes": nodes, "force": true},
	} {
		if _, err := purgeModule.New(args, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", args, err, want)
		}
	}
}

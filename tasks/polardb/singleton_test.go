package polardb

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/polarbook/polarbook/tasks/dma"
)

// loses leaves node i and those after it, down to n, without an answer and the others without a leader.
func (c *testCluster) loses(gone ...int) {
	for i := range c.survey {
		if c.survey[i].Status.Role == dma.Leader {
			c.survey[i].Status.Role = dma.Candidate
		}
		c.survey[i].Status.Leader, c.survey[i].Status.LastLogTerm = 0, 3
	}
	for _, i := range gone {
		c.dies(i)
	}
}

func TestSingletonPlan(t *testing.T) {
	learner := func(c *testCluster, index int64) {
		c.learner(4, "learner")
		c.survey[3].Status.LastLogIndex, c.survey[3].Status.LastLogTerm = index, 3
	}
	for name, c := range map[string]struct {
		voters   int
		lost     []string
		survivor string
		force    bool
		make     func(c *testCluster)
		want     string
		fail     bool
		none     bool
		ahead    int
		begun    string // the survivor that an earlier run noted
		stopped  []string
		alone    []string
	}{
		"two of three are gone": {lost: []string{"node1", "node3"}, make: func(c *testCluster) {
			c.loses(1, 3)
			c.survey[1].LastXact = "2026-01-02 03:04:05+00"
		},
			want: "node2 is to go on alone (log index 100 in term 3, committed up to 100); " +
				"its last transaction was committed at 2026-01-02 03:04:05+00. What the others"},
		"the one that led is left": {lost: []string{"node2", "node3"}, make: func(c *testCluster) { c.loses(2, 3) },
			want: "node1 is to go on alone (log index 100 in term 3, committed up to 100); it led when the majority was lost, " +
				"and has all that it acknowledged"},
		"by address": {lost: []string{"10.0.0.1:5432", "node3"}, make: func(c *testCluster) {
			c.loses(1, 3)
		}, want: "node2 is to go on alone"},
		"nothing is wrong": {lost: []string{"node3"}, want: "node1 leads (3 of 3 voters alive): there is nothing to recover", none: true},
		"one alone, afterwards": {lost: []string{"node1", "node3"}, make: func(c *testCluster) {
			c.loses(1, 3)
			v := &c.survey[1]
			v.Status.Role, v.Status.Leader, v.Status.ServerID, v.InRecovery = dma.Leader, 1, 1, false
			v.Members, _ = dma.ParseMembers("10.0.0.2:15432#5N@1")
			v.Cluster = []dma.Member{{ServerID: 1, IPPort: "10.0.0.2:15432", Role: dma.Leader, Weight: 5}}
		}, want: "node2 leads (1 of 1 voters alive)", none: true},
		"a learner went with those that were given up": {lost: []string{"node3"}, make: func(c *testCluster) {
			learner(c, 100)
			c.survey[0].Replicas = c.survey[0].Replicas[:2]
		}, want: "node1 leads", none: true, ahead: 1},
		"a learner streams": {lost: []string{"node3"}, make: func(c *testCluster) { learner(c, 100) }, want: "node1 leads", none: true},
		"a learner does not stream, and nobody is given up": {make: func(c *testCluster) {
			learner(c, 100)
			c.survey[0].Replicas = c.survey[0].Replicas[:2]
		}, want: "node1 leads", none: true},
		"a majority answers": {lost: []string{"node1"}, make: func(c *testCluster) {
			c.loses(1)
		}, want: "2 of 3 voters answer, and 2 are a majority: they can elect a leader", fail: true},
		"nobody said they are gone": {make: func(c *testCluster) {
			c.loses(1, 3)
		}, want: "1 of 3 voters answer, and 2 are needed; nobody said that node1 and node3 will not come back", fail: true},
		"only one was named": {lost: []string{"node1"}, make: func(c *testCluster) {
			c.loses(1, 3)
		}, want: "nobody said that node3 will not come back", fail: true},
		"a lost one answers": {lost: []string{"node1", "node2", "node3"}, make: func(c *testCluster) {
			c.loses(1, 3)
		}, want: "node2 is named as lost, but answers", fail: true},
		"a lost one is no member": {lost: []string{"node1", "node3", "node7"}, make: func(c *testCluster) {
			c.loses(1, 3)
		}, want: "node7 is named as lost, but is not a voter that node2 knows", fail: true},
		"a lost one's server runs": {lost: []string{"node1", "node3"}, make: func(c *testCluster) {
			c.loses(1, 3)
			c.survey[2].Err = &pgconn.PgError{Code: "57P03"}
		}, want: "node3 runs, but accepts no connections", fail: true},
		"only a logger is left": {lost: []string{"node1", "node3"}, make: func(c *testCluster) {
			c.loses(1, 3)
			c.list[1].Role = "logger"
		}, want: "no voter is left that can go on", fail: true},
		"only a learner is left": {lost: []string{"node1", "node2", "node3"}, make: func(c *testCluster) {
			learner(c, 100)
			c.loses(1, 2, 3)
		}, want: "node4 is a learner, which the engine does not allow to lead", fail: true},
		"two of five, one has more": {voters: 5, lost: []string{"node3", "node4", "node5"}, make: func(c *testCluster) {
			c.loses(3, 4, 5)
			c.survey[1].Status.LastLogIndex = 120
		}, want: "node2 is to go on alone (log index 120"},
		"two of five, a later term": {voters: 5, lost: []string{"node3", "node4", "node5"}, make: func(c *testCluster) {
			c.loses(3, 4, 5)
			c.survey[1].Status.LastLogTerm = 4
		}, want: "node2 is to go on alone"},
		"the one with less": {voters: 5, survivor: "node1", lost: []string{"node3", "node4", "node5"}, make: func(c *testCluster) {
			c.loses(3, 4, 5)
			c.survey[1].Status.LastLogIndex = 120
		}, want: "node1 has less log than node2 (index 100 in term 3, against 120 in term 3)", fail: true},
		"the one with less, by force": {voters: 5, survivor: "node1", force: true, lost: []string{"node3", "node4", "node5"},
			make: func(c *testCluster) { c.loses(3, 4, 5); c.survey[1].Status.LastLogIndex = 120 },
			want: "node2 has log up to index 120 in term 3, which is lost when it is built anew"},
		"a survivor that is down": {survivor: "node3", lost: []string{"node1", "node3"}, make: func(c *testCluster) {
			c.loses(1, 3)
		}, want: "node3 cannot go on alone: it does not answer", fail: true},
		"a learner with more log": {lost: []string{"node1", "node3"}, make: func(c *testCluster) {
			learner(c, 130)
			c.loses(1, 3)
		}, want: "node4 has log up to index 130", ahead: 1},
		"a learner with as much": {lost: []string{"node1", "node3"}, make: func(c *testCluster) {
			learner(c, 100)
			c.loses(1, 3)
		}, want: "node2 is to go on alone"},
		"its member list is corrupt": {lost: []string{"node1", "node3"}, make: func(c *testCluster) {
			c.loses(1, 3)
			c.survey[1].Members, _ = dma.ParseMembers("10.0.0.2:15432#5N;10.0.0.2:15432#5N@2")
		}, want: "is not a voter by its own member list", fail: true},
		"only one of weight 0 is left": {lost: []string{"node1", "node3"}, make: func(c *testCluster) {
			c.loses(1, 3)
			c.survey[1].Members, _ = dma.ParseMembers("10.0.0.1:15432#5N;10.0.0.2:15432#0N;10.0.0.3:15432#5N@2")
		}, want: "node2 has weight 0: it would never stand for election", fail: true},
		"the one with more has the weight 0": {voters: 5, lost: []string{"node3", "node4", "node5"}, make: func(c *testCluster) {
			c.loses(3, 4, 5)
			c.survey[1].Status.LastLogIndex = 120
			c.survey[1].Members, _ = dma.ParseMembers("10.0.0.1:15432#5N;10.0.0.2:15432#0N;10.0.0.3:15432#5N;10.0.0.4:15432#5N;10.0.0.5:15432#5N@2")
		}, want: "node1 is to go on alone (log index 100"},
		"one that waits for a leader, not named": {lost: []string{"node1", "node3"}, make: func(c *testCluster) {
			c.loses(1, 3)
			c.survey[1].Err = &pgconn.PgError{Code: "57P03"}
		},
			want: "no voter is left that can go on", fail: true},
		"one that waits for a leader": {survivor: "node2", lost: []string{"node1", "node3"}, make: func(c *testCluster) {
			c.loses(1, 3)
			c.survey[1].Err = &pgconn.PgError{Code: "57P03"}
		},
			want: "node2 is to go on alone, offline"},
		"one that waits, another not lost": {survivor: "node2", lost: []string{"node1"}, make: func(c *testCluster) {
			c.loses(1, 3)
			c.survey[1].Err = &pgconn.PgError{Code: "57P03"}
		},
			want: "no voter is left that can go on", fail: true},
		"two that wait": {survivor: "node2", lost: []string{"node1", "node3"}, make: func(c *testCluster) {
			c.loses(1, 3)
			c.survey[1].Err, c.survey[2].Err = &pgconn.PgError{Code: "57P03"}, &pgconn.PgError{Code: "57P03"}
		}, want: "no voter is left that can go on", fail: true},
		"one that was begun, and waits": {begun: "node2", lost: []string{"node1", "node3"}, make: func(c *testCluster) {
			c.loses(1, 3)
			c.survey[1].Err = &pgconn.PgError{Code: "57P03"}
		},
			want: "node2 is to go on alone, offline: an earlier run that was cut off began it; its server waits for a leader"},
		"one that was begun, and is stopped": {begun: "node2", stopped: []string{"node2"}, lost: []string{"node1", "node3"},
			make: func(c *testCluster) { c.loses(1, 2, 3) },
			want: "node2 is to go on alone, offline: an earlier run that was cut off began it; its server is stopped"},
		"one that was begun, and is alone": {begun: "node2", stopped: []string{"node2"}, alone: []string{"node2"},
			lost: []string{"node1", "node3"}, make: func(c *testCluster) { c.loses(1, 2, 3) },
			want: "node2 is to go on alone: an earlier run that was cut off began it; it is the only voter by its own member list"},
		"one that is alone, nothing noted": {stopped: []string{"node2"}, alone: []string{"node2"}, lost: []string{"node1", "node3"},
			make: func(c *testCluster) { c.loses(1, 2, 3) }, want: "node2 is to go on alone: it is the only voter"},
		"one that is alone, and does not lead yet": {begun: "node2", lost: []string{"node1", "node3"}, make: func(c *testCluster) {
			c.loses(1, 3)
			c.survey[1].Members, _ = dma.ParseMembers("10.0.0.2:15432#5N@1")
		}, want: "node2 goes on alone: an earlier run that was cut off began it; it is the only voter that it knows, and does not lead yet"},
		"one that was begun, whose host is away": {begun: "node2", lost: []string{"node1", "node3"}, make: func(c *testCluster) {
			c.loses(1, 2, 3)
		}, want: "an earlier run began to let node2 go on", fail: true},
		"one that was begun, and is given up": {begun: "node3", stopped: []string{"node3"}, lost: []string{"node1", "node3"},
			make: func(c *testCluster) { c.loses(1, 3) }, want: "node2 is to go on alone (log index 100"},
		"one that was begun, another not lost": {begun: "node2", stopped: []string{"node2"}, lost: []string{"node1"},
			make: func(c *testCluster) { c.loses(1, 2, 3) }, want: "no voter is left that can go on", fail: true},
		"one is alone, and another would go on": {voters: 5, lost: []string{"node3", "node4", "node5"}, alone: []string{"node2"},
			make: func(c *testCluster) { c.loses(2, 3, 4, 5) },
			want: "node2 is the only voter by its own member list, as a recovery left it: were node1 to go on, there would be two clusters",
			fail: true},
		"one is alone, and another leads": {lost: []string{"node3"}, alone: []string{"node2"}, stopped: []string{"node2"},
			make: func(c *testCluster) { c.dies(2) },
			want: "they would be two clusters", fail: true},
		"a stopped one, not named": {stopped: []string{"node2"}, lost: []string{"node1", "node3"}, make: func(c *testCluster) {
			c.loses(1, 2, 3)
		}, want: "no voter is left that can go on", fail: true},
		"a stopped one that is named": {survivor: "node2", stopped: []string{"node2"}, lost: []string{"node1", "node3"},
			make: func(c *testCluster) { c.loses(1, 2, 3) },
			want: "node2 is to go on alone, offline: its server is stopped"},
		"a survivor that nobody knows": {survivor: "node9", lost: []string{"node1", "node3"}, make: func(c *testCluster) {
			c.loses(1, 3)
		}, want: "there is no node node9", fail: true},
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
			args := &singletonArgs{Lost: c.lost, Survivor: c.survivor, Force: c.force, Stopped: c.stopped, Alone: c.alone}
			if c.begun != "" {
				args.Begun = []any{(&recoveryNote{Survivor: c.begun, Lost: c.lost, Weights: map[string]int{"node1": 7}}).values()}
			}
			begun, err := args.begun(cluster.list)
			if err != nil {
				t.Fatal(err)
			}
			s := &singletonAction{args: args, list: cluster.list, begun: begun}
			p, change, err := s.Plan(cluster.found(""))
			got := p.Msg
			if err != nil {
				got = err.Error()
			}
			if !strings.Contains(got, c.want) || (err != nil) != c.fail || p.Change != (!c.fail && !c.none) {
				t.Errorf("got %q (change %t), want %q", got, p.Change, c.want)
			}
			if change != nil && len(change.ahead) != c.ahead {
				t.Errorf("%d learners would be dropped, want %d", len(change.ahead), c.ahead)
			}
			if ahead, _ := p.Values["ahead"].([]any); err == nil && c.begun == "" && len(ahead) != c.ahead {
				t.Errorf("%v are built anew, want %d", ahead, c.ahead)
			}
			if weights, _ := p.Values["weights"].(map[string]any); c.begun != "" && !c.fail && weights["node1"] != 7 {
				t.Errorf("the weights are %v, not what was noted", weights)
			}
			if !c.fail && p.Values["needed"] != !c.none {
				t.Errorf("needed is %v", p.Values["needed"])
			}
		})
	}
}

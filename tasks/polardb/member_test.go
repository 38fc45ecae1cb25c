package polardb

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

// testCluster makes the survey of a cluster of n voters, node1 leading, as all nodes that answer would give it.
type testCluster struct {
	survey dma.Survey
	list   []WantedNode
}

func newTestCluster(n int) *testCluster {
	c := &testCluster{}
	var entries []string
	for i := 1; i <= n; i++ {
		entries = append(entries, fmt.Sprintf("10.0.0.%d:15432#5N", i))
	}
	for i := 1; i <= n; i++ {
		a := dma.Address{Host: fmt.Sprintf("10.0.0.%d", i), Port: 5432}
		name := fmt.Sprintf("node%d", i)
		members, _ := dma.ParseMembers(strings.Join(entries, ";") + fmt.Sprintf("@%d", i))
		v := dma.View{Node: name, Address: a, InRecovery: i != 1, SystemID: "7", Members: members,
			Status: dma.Status{ServerID: int64(i), Term: 3, Leader: 1, LastLogIndex: 100, CommitIndex: 100}}
		if i == 1 {
			v.Status.Role = dma.Leader
		}
		c.survey = append(c.survey, v)
		c.list = append(c.list, WantedNode{Name: name, Address: a, Role: "follower", Weight: -1})
		role := dma.Follower
		if i == 1 {
			role = dma.Leader
		}
		c.lists(i, role, 100)
	}
	return c
}

// lists puts a row for 10.0.0.i into the leader's list, streaming unless it leads.
func (c *testCluster) lists(i int, role dma.Role, match int64) {
	id := int64(i)
	if role == dma.Learner {
		id = 100
	}
	a := dma.Address{Host: fmt.Sprintf("10.0.0.%d", i), Port: 5432}
	l := &c.survey[0]
	l.Cluster = append(l.Cluster, dma.Member{ServerID: id, IPPort: a.Consensus(), Role: role, Weight: 5, MatchIndex: match})
	if role != dma.Leader && match > 0 {
		app, _ := a.AppName()
		l.Replicas = append(l.Replicas, dma.Replica{AppName: app, State: "streaming"})
	}
}

// knows adds a node to the inventory; answer is nil when it does not answer.
func (c *testCluster) knows(i int, role string, answer *dma.View) {
	a := dma.Address{Host: fmt.Sprintf("10.0.0.%d", i), Port: 5432}
	name := fmt.Sprintf("node%d", i)
	c.list = append(c.list, WantedNode{Name: name, Address: a, Role: role, Weight: -1})
	v := dma.View{Node: name, Address: a, Err: errors.New("the database system is starting up")}
	if answer != nil {
		v = *answer
		v.Node, v.Address, v.SystemID = name, a, "7"
	}
	c.survey = append(c.survey, v)
}

func (c *testCluster) plan(t *testing.T, name string) (tasks.Plan, *memberChange, error) {
	t.Helper()
	leader, err := c.survey.Leader()
	if err != nil {
		t.Fatal(err)
	}
	n, err := NodeNamed(c.list, name)
	if err != nil {
		t.Fatal(err)
	}
	m := &memberAction{args: &memberArgs{}, list: c.list}
	return m.Plan(clusterView{Node: n, Leader: leader, Survey: c.survey})
}

func TestMemberPlan(t *testing.T) {
	learner := func(role dma.Role) *dma.View {
		members, _ := dma.ParseMembers("10.0.0.4:15432#5N")
		return &dma.View{InRecovery: true, Members: members, Status: dma.Status{ServerID: 100, Term: 3, Leader: 1, Role: role}}
	}
	for name, c := range map[string]struct {
		of   string
		make func(c *testCluster)
		step memberStep // empty with no error: nothing to do
		fail string
	}{
		"healthy voters":    {of: "node2", make: func(*testCluster) {}},
		"the leader itself": {of: "node1", make: func(*testCluster) {}},
		"absent":            {of: "node4", make: func(c *testCluster) { c.knows(4, "follower", nil) }, step: memberAdd},
		"absent learner":    {of: "node4", make: func(c *testCluster) { c.knows(4, "learner", nil) }, step: memberAdd},
		"a learner that is to vote": {of: "node4", make: func(c *testCluster) {
			c.lists(4, dma.Learner, 90)
			c.knows(4, "follower", learner(dma.Learner))
		}, step: memberPromote},
		"a learner that is to stay one": {of: "node4", make: func(c *testCluster) {
			c.lists(4, dma.Learner, 90)
			c.knows(4, "learner", learner(dma.Learner))
		}},
		"a voter that is to be a learner": {of: "node3", make: func(c *testCluster) { c.list[2].Role = "learner" }, step: memberDemote},
		"the leader is to be a learner": {of: "node1", make: func(c *testCluster) {
			c.list[0].Role = "learner"
		}, fail: "node1 leads and cannot become a learner (switch over to another node first"},
		"no vote to spare": {of: "node2", make: func(c *testCluster) {
			c.list[1].Role = "learner"
			c.survey[2].Err = errors.New("down")
			c.survey[0].Replicas = nil
			c.stream(2)
		}, fail: "would have 2 voters, 1 of them alive, and 2 are needed"},
		"another's addition timed out": {of: "node4", make: func(c *testCluster) {
			c.knows(4, "follower", nil)
			c.lists(5, dma.Learner, 0)
			c.knows(5, "follower", nil)
		}, fail: "node5 is a learner that was never reached"},
		"a stranger's addition timed out": {of: "node4", make: func(c *testCluster) {
			c.knows(4, "follower", nil)
			c.lists(9, dma.Learner, 0)
		}, fail: "10.0.0.9:15432 is a learner that was never reached"},
		"its own addition timed out": {of: "node4", make: func(c *testCluster) {
			c.lists(4, dma.Learner, 0)
			c.knows(4, "follower", nil)
		}, step: memberPromote},
		"the node does not know it yet": {of: "node2", make: func(c *testCluster) {
			c.survey[1].Status.Role = dma.Learner
			c.survey[1].Status.ServerID = 100
		}, step: memberSettle},
		"added again without learner meta": {of: "node2", make: func(c *testCluster) {
			c.survey[1].Members, _ = dma.ParseMembers("10.0.0.1:15432#5N;10.0.0.2:15432#5N;10.0.0.2:15432#5N@3")
		}, step: memberSettle},
		"another number than the leader's": {of: "node2", make: func(c *testCluster) { c.survey[1].Status.ServerID = 4 }, step: memberSettle},
		"it does not stream": {of: "node2", make: func(c *testCluster) {
			c.survey[0].Replicas = c.survey[0].Replicas[1:]
		}, step: memberSettle},
		"another system identifier":         {of: "node2", make: func(c *testCluster) { c.survey[1].SystemID = "8" }, step: memberSettle},
		"a logger needs no views":           {of: "node3", make: func(c *testCluster) { c.list[2].Role = "logger"; c.survey[2].NoViews = true }},
		"a follower without views is wrong": {of: "node3", make: func(c *testCluster) { c.survey[2].NoViews = true }, step: memberSettle},
	} {
		cluster := newTestCluster(3)
		c.make(cluster)
		p, change, err := cluster.plan(t, c.of)
		switch {
		case c.fail != "":
			if err == nil || !strings.Contains(err.Error(), c.fail) {
				t.Errorf("%s: got %+v, %v, want the refusal %q", name, p, err, c.fail)
			}
			continue
		case err != nil:
			t.Errorf("%s: %v", name, err)
			continue
		}
		step := memberNone
		if change != nil {
			step = change.step
		}
		if p.Change != (c.step != memberNone) || step != c.step {
			t.Errorf("%s: planned %q (%s), want %q", name, step, p.Msg, c.step)
		}
	}
}

func (c *testCluster) stream(i int) {
	app, _ := dma.Address{Host: fmt.Sprintf("10.0.0.%d", i), Port: 5432}.AppName()
	c.survey[0].Replicas = append(c.survey[0].Replicas, dma.Replica{AppName: app, State: "streaming"})
}

func TestNodesRefuseWhatNoClusterCanBeMadeOf(t *testing.T) {
	node := func(kv ...any) map[string]any {
		m := map[string]any{"name": "node1", "address": "10.0.0.1", "port": 5432, "role": "follower", "weight": ""}
		for i := 0; i < len(kv); i += 2 {
			m[kv[i].(string)] = kv[i+1]
		}
		return m
	}
	for want, list := range map[string][]any{
		"which node1 has": {node(), node("name", "node2")},
		"weight of node1 must be a number from 0 to 9, not 10": {node("weight", 10)},
		"must be an IPv4 address":                              {node("address", "db1.example.com")},
		"must be IPv4":                                         {node("address", "fe80::1")},
		"must be between 1 and 55535":                          {node("port", 60000)},
		"must be follower, learner or logger":                  {node("role", "leader")},
		"it is a learner and has no vote":                      {node("role", "learner", "weight", 3)},
		"unknown key":                                          {node("wieght", 3)},
		"is empty":                                             {},
	} {
		_, err := statusModule.New(map[string]any{"nodes": list, "login_password": "x"}, &taskstest.FakeLocal{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

func TestMemberPlanWithARole(t *testing.T) {
	for name, c := range map[string]struct {
		node, role string
		make       func(c *testCluster)
		want       string
		fail       bool
		none       bool
	}{
		"promote": {node: "node4", role: "follower", make: func(c *testCluster) {
			c.learner(4, "learner")
		}, want: "give the learner node4 a vote (10 log entries behind node1)"},
		"promote a follower": {node: "node2", role: "follower", want: "node2 is a follower", none: true},
		"promote a dead one": {node: "node4", role: "follower", make: func(c *testCluster) {
			c.lists(4, dma.Learner, 90)
			c.knows(4, "learner", nil)
		}, want: "node4 does not answer (the database system is starting up) and is not given a vote", fail: true},
		"promote no member": {node: "node4", role: "follower", make: func(c *testCluster) {
			c.knows(4, "learner", nil)
		}, want: "node4 is not a member of the cluster", fail: true},
		"promote a stranger": {node: "node9", role: "follower", want: "there is no node node9", fail: true},
		"demote":             {node: "node3", role: "learner", want: "take node3's vote away (node1 leads; 3 of 3 voters alive now)"},
		"demote a learner": {node: "node4", role: "learner", make: func(c *testCluster) {
			c.learner(4, "follower")
		}, want: "node4 is a learner", none: true},
		"demote the leader": {node: "node1", role: "learner", want: "node1 leads and cannot become a learner", fail: true},
		"demote a logger": {node: "node3", role: "learner", make: func(c *testCluster) {
			c.list[2].Role = "logger"
		}, want: "node3 is a logger", fail: true},
		"demote and lose the majority": {node: "node2", role: "learner", make: func(c *testCluster) { c.dies(3) },
			want: "the cluster would have 2 voters, 1 of them alive, and 2 are needed", fail: true},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := newTestCluster(3)
			if c.make != nil {
				c.make(cluster)
			}
			args := &memberArgs{Node: c.node, Role: c.role}
			var p tasks.Plan
			err := args.override(cluster.list)
			if err == nil {
				m := &memberAction{args: args, list: cluster.list}
				p, _, err = m.Plan(cluster.found(c.node))
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

func TestAWrongPasswordIsNotWaitedFor(t *testing.T) {
	wrong := &pgconn.PgError{Code: "28P01", Message: `password authentication failed for user "polardb"`}
	starting := &pgconn.PgError{Code: "57P03", Message: "the database system is starting up"}
	view := func(n string, err error) dma.View { return dma.View{Node: n, Err: err} }
	err := passwordRefused(dma.Survey{view("node1", wrong), view("node2", wrong), view("node3", errors.New("unreachable"))}, "polardb")
	if err == nil || !strings.Contains(err.Error(), "password authentication failed on node1, node2 (if it was changed in the inventory") {
		t.Errorf("got %v", err)
	}
	for _, s := range []dma.Survey{
		{view("node1", wrong), view("node2", starting)}, {view("node1", wrong), view("node2", nil)}, {view("node1", errors.New("unreachable"))},
	} {
		if err := passwordRefused(s, "polardb"); err != nil {
			t.Errorf("%s: gave up: %v", s, err)
		}
	}
}

// TestSecondLearner wants nothing said against a learner that takes itself for the first one.
func TestSecondLearner(t *testing.T) {
	a := dma.Address{Host: "10.0.0.5", Port: 5432}
	leader := dma.View{Node: "node1", Address: dma.Address{Host: "10.0.0.1", Port: 5432}, SystemID: "7",
		Cluster:  []dma.Member{{ServerID: 101, IPPort: a.Consensus(), Role: dma.Learner}},
		Replicas: []dma.Replica{{ClientAddr: a.Host, AppName: "walreceiver", State: "streaming"}}}
	survey := dma.Survey{leader, {Node: "node5", Address: a, SystemID: "7", InRecovery: true,
		Status: dma.Status{ServerID: 100, Role: dma.Learner}}}
	if got := disagreement(survey, leader, WantedNode{Name: "node5", Address: a, Role: "learner"}); got != "" {
		t.Error(got)
	}
}

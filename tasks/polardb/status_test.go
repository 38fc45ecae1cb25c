package polardb

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/convert"
	"github.com/polarbook/polarbook/tasks/dma"
)

func TestStatusPlan(t *testing.T) {
	for name, c := range map[string]struct {
		make      func(c *testCluster, found *statusFound)
		disagrees string // "": the cluster is as wanted
		problem   string
		fail      string
	}{
		"as wanted":      {},
		"another weight": {make: func(c *testCluster, _ *statusFound) { c.list[1].Weight = 9 }, disagrees: "node2 has the weight 5, wanted 9"},
		"one is down":    {make: func(c *testCluster, _ *statusFound) { c.dies(3) }, disagrees: "node3"},
		"one lags":       {make: func(c *testCluster, _ *statusFound) { c.behind(2, 5000) }, disagrees: "node2 is 5000 log entries behind node1"},
		"a stranger": {make: func(c *testCluster, _ *statusFound) {
			c.lists(9, dma.Learner, 0)
		}, disagrees: "10.0.0.9:15432 is a member (learner) and not in the inventory"},
		"no majority":    {make: func(c *testCluster, _ *statusFound) { c.dies(2); c.dies(3) }, problem: "1 of its 3 voters agree; 2 are needed"},
		"nobody answers": {make: func(c *testCluster, _ *statusFound) { c.loses(1, 2, 3) }, fail: "no node answers: "},
		"a recovery was cut off, and nobody answers": {make: func(c *testCluster, found *statusFound) {
			c.loses(1, 2, 3)
			found.unfinished = []*recoveryNote{{Cluster: "demo", Survivor: "node2", Lost: []string{"node1"}}}
		}, fail: "to finish it: polarbook run recover-majority.yml"},
		"the password is wrong": {make: func(c *testCluster, _ *statusFound) {
			for i := range c.survey {
				c.survey[i].Err = &pgconn.PgError{Code: "28P01"}
			}
		}, fail: "password authentication failed on node1, node2, node3"},
		"another replication password": {make: func(_ *testCluster, found *statusFound) {
			found.passwords = passwordsFound{asked: true, roles: map[string]string{"replicator": ""}}
		}, disagrees: "the inventory's password for the role replicator"},
	} {
		t.Run(name, func(t *testing.T) {
			cluster, found := newTestCluster(3), statusFound{}
			if c.make != nil {
				c.make(cluster, &found)
			}
			found.survey = cluster.survey
			s := &statusAction{args: &statusArgs{MaxLag: 1000, ReplicationUser: "replicator", ReplicationPassword: "secret"}, list: cluster.list}
			p, err := s.Plan(found)
			if c.fail != "" {
				if err == nil || !strings.Contains(err.Error(), c.fail) {
					t.Errorf("got %v, want the failure %q", err, c.fail)
				}
				var failed *tasks.Failure
				if errors.As(err, &failed) && failed.Values["unfinished"] == nil {
					t.Error("the failure does not have unfinished")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			problem, _ := p.Values["problem"].(string)
			disagrees := strings.Join(convert.Texts(p.Values["disagrees"].([]any)), "\n")
			if p.Change || (problem == "") != (c.problem == "") || !strings.Contains(problem, c.problem) {
				t.Errorf("problem %q (change %t), want %q", problem, p.Change, c.problem)
			}
			if (disagrees == "") != (c.disagrees == "") || !strings.Contains(disagrees, c.disagrees) {
				t.Errorf("disagrees %q, want %q", disagrees, c.disagrees)
			}
			if members := p.Values["members"].([]any); len(members) < 3 || !strings.Contains(p.Msg, "NODE") {
				t.Errorf("%d members, message %q", len(members), p.Msg)
			}
		})
	}
}

// TestLate wants a status that names who is far behind.
func TestLate(t *testing.T) {
	leader := dma.View{Node: "node1", Address: dma.Address{Host: "10.0.0.1", Port: 5432}, Status: dma.Status{LastLogIndex: 9000}}
	other := dma.Address{Host: "10.0.0.2", Port: 5432}
	leader.Cluster = []dma.Member{{IPPort: leader.Address.Consensus(), MatchIndex: 0}, {IPPort: other.Consensus(), MatchIndex: 2300}}
	s := &statusAction{args: &statusArgs{MaxLag: 1000}, list: []WantedNode{{Name: "node1", Address: leader.Address},
		{Name: "node2", Address: other}}}
	survey := dma.Survey{leader, {Node: "node2", Address: other}}
	if got := s.late(survey, leader); !slices.Equal(got, []string{"node2 is 6700 log entries behind node1"}) {
		t.Errorf("%q", got)
	}
	leader.Cluster[1].MatchIndex = 8500
	if got := s.late(survey, leader); got != nil {
		t.Errorf("%q", got)
	}
}

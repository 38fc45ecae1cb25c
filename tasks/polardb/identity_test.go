package polardb

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/dma"
)

// TestIdentityPlan mixes up one thing each of a cluster of three, of which node1 leads.
func TestIdentityPlan(t *testing.T) {
	state := func(c *testCluster, i int) map[string]any {
		return map[string]any{"data": "whole", "step": stepMeta, "own": c.list[i].Address.String(),
			"meta_members": fmt.Sprintf("10.0.0.1:15432#5N;10.0.0.2:15432#5N;10.0.0.3:15432#5N@%d", i+1),
			"running":      true, "client": true, "unit": "mounts"}
	}
	type site struct {
		*testCluster
		states map[string]any
		args   identityArgs
	}
	of := func(s *site, name string) map[string]any { return s.states[name].(map[string]any) }
	down := func(s *site) {
		for i := range s.survey {
			s.survey[i].Err = errors.New("refused")
			of(s, s.list[i].Name)["running"], of(s, s.list[i].Name)["client"] = false, false
		}
	}
	for name, c := range map[string]struct {
		make func(s *site)
		want string // "": accepted
	}{
		"as it should be":  {func(*site) {}, ""},
		"all are stopped":  {down, ""},
		"a host not asked": {func(s *site) { delete(s.states, "node2") }, ""},
		"another address": {func(s *site) { s.list[2].Address.Host = "10.0.0.9" },
			"node3 is 10.0.0.3:5432 by its consensus meta, and 10.0.0.9:5432 by the inventory (polardb_address, polardb_port): " +
				"it would become another member"},
		"another port, all stopped": {func(s *site) { down(s); s.list[0].Address.Port = 5433 },
			"node1 is 10.0.0.1:5432 by its consensus meta, and 10.0.0.1:5433 by the inventory"},
		"another address, not asked on its host": {func(s *site) {
			delete(s.states, "node3")
			s.list[2].Address.Host = "10.0.0.9"
		}, "node3 is 10.0.0.3:5432 by its consensus meta"},
		"another address, which it is to have": {func(s *site) { s.list[2].Address.Host, s.args.Node, s.args.Moving = "10.0.0.9", "node3", true }, ""},
		"a restore that is not done": {func(s *site) { of(s, "node3")["restoring"] = "/b/a" },
			"a restore of /b/a was begun on node3 and is not finished"},
		"a move that is not done": {func(s *site) { of(s, "node3")["step"] = stepMoving },
			"the move of node3 to another address is unfinished"},
		"dropped, to come back elsewhere": {func(s *site) {
			s.list[2].Address.Host = "10.0.0.9"
			of(s, "node3")["step"] = stepDropped
			s.survey[0].Cluster = s.survey[0].Cluster[:2]
		}, ""},
		"no data where some was": {func(s *site) {
			st := of(s, "node3")
			st["data"], st["gone"], st["reason"], st["own"], st["running"], st["client"] = "foreign", true, "the data of this node "+
				"is gone or its disk is not mounted: noted", "", false, false
			st["lost"] = "noted"
		}, "the data of node3 is gone or its disk is not mounted: noted"},
		"it is to be built anew": {func(s *site) {
			st := of(s, "node3")
			st["data"], st["gone"], st["reason"], st["own"], st["running"], st["client"], s.args.Node = "foreign", true, "noted", "", false, false, "node3"
		}, ""},
		"a member without data or notes": {func(s *site) {
			s.states["node3"] = map[string]any{"data": "none"}
		}, "the data of node3 is gone or its disk is not mounted: node1, which leads, lists it as a member"},
		"no leader, and a member by the others' metas": {func(s *site) {
			down(s)
			s.states["node3"] = map[string]any{"data": "none"}
		}, "it is a member in the consensus meta of node1, node2"},
		"nobody has data, and the units of an earlier release": {func(s *site) {
			down(s)
			for name := range s.states {
				s.states[name] = map[string]any{"data": "none", "unit": "plain"}
			}
		}, "the data of node1 is gone or its disk is not mounted: an earlier release of polarbook set its unit up"},
		"bare hosts": {func(s *site) {
			down(s)
			for name := range s.states {
				s.states[name] = map[string]any{"data": "none", "unit": "none"}
			}
		}, ""},
		"somebody's server": {func(s *site) { s.states["node3"] = map[string]any{"data": "none", "client": true} },
			"that polarbook did not set up"},
		"somebody's data": {func(s *site) { s.states["node3"] = map[string]any{"data": "foreign", "reason": "not ours"} }, "node3: not ours"},
		"its data elsewhere": {func(s *site) {
			down(s)
			for i := range s.list {
				s.list[i].Pgdata = "/srv/a"
				s.states[s.list[i].Name] = map[string]any{"data": "none", "unit": "mounts", "unit_pgdata": "/srv/b"}
			}
		}, "node1 has its data in /srv/b by its unit, but in /srv/a by the inventory"},
		"a logger by the inventory": {func(s *site) { s.list[2].Role = "logger" },
			"node3 is a node with data, but by the inventory (polardb_role) it should be a logger"},
		"a node with data by the inventory": {func(s *site) { of(s, "node3")["logger"] = true },
			"node3 is a logger, but by the inventory (polardb_role) it should be a node with data"},
		"a member that the inventory does not have": {func(s *site) { s.list = s.list[:2] },
			"10.0.0.3:5432 is a member of the cluster (follower, by node1, which leads) but not in the inventory"},
		"the same, where that does no harm": {func(s *site) { s.list, s.args.Members = s.list[:2], false }, ""},
		"the same, and it is to be dropped": {func(s *site) { s.list, s.args.Node = s.list[:2], "10.0.0.3:5432" }, ""},
	} {
		s := &site{testCluster: newTestCluster(3), states: map[string]any{}, args: identityArgs{Scope: "all", Members: true, Ports: true}}
		for i, n := range s.list {
			s.states[n.Name] = state(s.testCluster, i)
		}
		c.make(s)
		s.args.States = s.states
		a := &identityAction{args: &s.args, list: s.list}
		found := identityFound{Survey: s.survey}
		leader, err := s.survey.Leader()
		if found.Led = err == nil; found.Led {
			found.Leader = leader
		}
		_, err = a.Plan(found)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: refused: %v", name, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

// TestIdentityAsksWhereTheNodesAre has a node's server asked on the port that it has, not on the one that it is to have.
func TestIdentityAsksWhereTheNodesAre(t *testing.T) {
	c := newTestCluster(2)
	c.list[1].Address.Port = 5433
	i := &identityAction{args: &identityArgs{States: map[string]any{"node2": map[string]any{"data": "whole", "step": stepMeta,
		"own": "10.0.0.2:5432"}}}, list: c.list}
	if got := i.where()[1].Address; got != (dma.Address{Host: "10.0.0.2", Port: 5432}) || c.list[1].Address.Port != 5433 {
		t.Errorf("asked at %s, and the list has %s", got, c.list[1].Address)
	}
}

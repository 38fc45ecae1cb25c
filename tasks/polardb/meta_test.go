package polardb

import (
	"os"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

// What the task reports is why the engine gave up: what it logged in this run, and not what it logged in another.
func TestFailedMetaSaysTheReason(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIP: runs as another user, so it needs root")
	}
	a := testNode(t)
	engine := a.Home + "/current/bin/postgres"
	log := a.Pgdata + "/pg_log/postgresql_error.log"
	taskstest.MustWrite(t, engine,
		"#!/bin/sh\necho 'GMT [1] FATAL:  hot standby is not possible because max_connections = 77 is a lower setting' >>"+log+
			"\necho 'GMT [1] LOG:  database system is shut down' >>"+log+"\nexit 1\n")
	if err := os.Chmod(engine, 0o755); err != nil {
		t.Fatal(err)
	}
	taskstest.MustWrite(t, a.Pgdata+"/polar_dma.conf", "polar_enable_dma = on\n")
	taskstest.MustWrite(t, log, "GMT [1] FATAL:  an old story\n")
	m := &metaAction{args: &metaArgs{NodeArgs: *a, Founder: true, Timeout: 5}}
	p := m.change(NodeState{Postgres: engine}, metaFound{Self: dma.Address{Host: "10.0.0.1", Port: 5432}}, "", nil)
	out, err := taskstest.Sh(t, p.Script)
	why := m.Explain(remote.Result{Stderr: []byte(out)}).Error()
	if err == nil || !strings.HasPrefix(why, "FATAL: hot standby is not possible because max_connections = 77") ||
		strings.Contains(why, "old story") || !strings.Contains(why, "the engine ended with the status 1") {
		t.Errorf("%v, and it says %q of\n%s", err, why, out)
	}
}

func TestMetaPlan(t *testing.T) {
	self := dma.Address{Host: "10.0.0.2", Port: 5432}
	member := "\nmeta=yes\nmeta.members=10.0.0.1:15432#5N;10.0.0.2:15432#5N@2"
	alone := "\nmeta=yes\nmeta.members=10.0.0.2:15432@1"
	leaders := "\nmeta=yes\nmeta.members=10.0.0.1:15432#5N;10.0.0.2:15432#5N@1"
	learner := "\nmeta=yes\nmeta.learners=10.0.0.2:15432"
	// A learner that was added lists itself as a member too, without an index.
	started := "\nmeta=yes\nmeta.members=10.0.0.2:15432#5N\npid=42"
	added := "\nmeta=yes\nmeta.members=10.0.0.2:15432#5N\nmeta.learners=10.0.0.2:15432$00"
	for name, c := range map[string]struct {
		founder, alone, listed bool
		unknown, start, leader string
		logger                 bool
		probe, want            string
	}{
		"a founder without meta":               {founder: true, probe: wholeInit, want: "found the cluster with 10.0.0.2:15432"},
		"a founder with its meta":              {founder: true, probe: wholeInit + alone},
		"a founder's meta is never made twice": {founder: true, probe: wholeInit + member},
		"a founder with another's meta":        {founder: true, probe: wholeInit + leaders, want: "refuse: would make a second cluster"},
		"a copy cannot found":                  {founder: true, probe: wholeCopy, want: "refuse: is a copy"},
		"no data":                              {probe: bareNode + "\n" + engineThere, want: "unknown: do not exist yet"},
		"a fresh logger":                       {probe: wholeInit, want: "initialise the meta of a learner"},
		"a logger begins where the leader is": {logger: true, start: "7:1:0/17337B08", probe: wholeInit,
			want: "initialise the meta of a learner"},
		"a logger, and nobody to ask": {logger: true, unknown: "no leader", probe: wholeInit,
			want: "unknown: only the leader knows"},
		"a logger that is a member":    {logger: true, listed: true, probe: wholeInit + member},
		"a copy has the leader's meta": {probe: wholeCopy + leaders, want: "initialise the meta of a learner"},
		"a copy of the leader, its learners listed": {probe: wholeCopy + leaders + "\nmeta.learners=10.0.0.2:15432$00",
			want: "initialise the meta of a learner"},
		"a learner, to be added":           {probe: wholeCopy + learner},
		"a learner that runs, to be added": {probe: wholeCopy + started},
		"an added learner":                 {probe: wholeCopy + added},
		"a member":                         {probe: wholeCopy + member, listed: true},
		"a member that was dropped": {probe: strings.Replace(wholeCopy, "step=data", "step=dropped", 1) + member,
			want: "dropped from the cluster"},
		"a voter that the cluster gave up": {probe: wholeCopy + member,
			want: "refuse: its data may differ from the cluster's (rebuild it: polarbook run rebuild-node.yml -e node=node2"},
		"a member, and nobody to ask":         {probe: wholeCopy + member, unknown: "no leader"},
		"a cluster of its own beside another": {probe: wholeInit + alone, want: "refuse: its data may differ"},
		"a voter that goes on alone":          {alone: true, probe: wholeCopy + member, want: "make the node the only voter that it knows"},
		"one that is the only voter":          {alone: true, leader: "node2", probe: wholeCopy + alone},
		"alone beside a leader": {alone: true, leader: "node1", probe: wholeCopy + member,
			want: "refuse: node1 leads: going on alone"},
		"a learner alone":          {alone: true, probe: wholeCopy + learner, want: "refuse: is not a voter with data"},
		"a logger alone":           {alone: true, logger: true, probe: wholeInit + member, want: "refuse: is not a voter with data"},
		"a copy of another, alone": {alone: true, probe: wholeCopy + leaders, want: "refuse: is not a voter with data"},
	} {
		a := &metaAction{args: &metaArgs{NodeArgs: planArgs, Founder: c.founder, Alone: c.alone, Timeout: 30}}
		var p tasks.Plan
		state, err := ParseNode(probeText(c.probe))
		found := metaFound{state: state, Name: "node2", Self: self, Member: c.listed, Unknown: c.unknown, Logger: c.logger,
			Start: c.start, Leader: c.leader}
		if err == nil {
			p, err = a.Plan(found)
		}
		checkPlan(t, name, c.want, p, err)
		if p.Script != "" && !(strings.Contains(p.Script, "TIMEOUT=30") && strings.Contains(p.Script, `timeout -k 10 "$TIMEOUT"`)) {
			t.Errorf("%s: the initialisation has no limit", name)
		}
		if p.Script != "" && strings.Contains(p.Script, "polar_dma_logger_start_point="+c.start) != c.logger {
			t.Errorf("%s: the script does not begin a logger's log where it should: %s", name, p.Script)
		}
		if p.Script != "" && strings.Contains(p.Script, "polar_dma_members_info") != (c.founder || c.alone) {
			t.Errorf("%s: it initialises the wrong kind of meta", name)
		}
		// Only this keeps the learners.
		if p.Script != "" && strings.Contains(p.Script, "MODE=polar_dma_sync_meta") != c.alone {
			t.Errorf("%s: it makes the meta anew, or does not: %s", name, p.Script)
		}
	}
}

package contract_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

func testLearner(t *testing.T, leader, d, other *node) {
	d.prepareToJoin(leader)
	leader.exec(fmt.Sprintf("alter system dma add learner '%s'", d.address()))
	d.becomes(3)
	eventually(t, leader.within(10*time.Second), "the learner's row", func() bool {
		role, err := value[int32](leader, "select role from polar_dma_cluster_status where ip_port = $1", d.member())
		return err == nil && role == 3
	})
	if id := must[int64](leader, "select server_id from polar_dma_cluster_status where ip_port = $1", d.member()); id != 100 {
		t.Errorf("server_id %d", id)
	}
	if info := must[string](d, "select member_info_str from polar_dma_meta_status"); info != d.member()+"#5N" {
		t.Errorf("a learner's member_info_str %s", info)
	}
	if info := must[string](d, "select learner_info_str from polar_dma_meta_status"); info != d.member()+"$00" {
		t.Errorf("a learner's learner_info_str %s", info)
	}
	refused(t, leader, "alter system dma add follower '%s'", d.address(), "Target node already exists.")
	refused(t, leader, "alter system dma drop follower '%s'", d.address(), "Target node not exists.")
	refused(t, leader, "alter system dma change follower '%s' to learner", d.address(), "This node is already a learner.")
	refused(t, leader, "alter system dma change leader to '%s'", d.address(), "Leader transfer to a learner is not allowed.")
	refused(t, leader, "alter system dma change node '%s' weight to 3", d.address(),
		"Configure forcesync or weight to a learner is not allowed.")
	refused(t, d, "alter system dma add learner '%s'", "127.0.0.9:5999", "Replicate log fail.")
	d.exec("alter system dma force change leader") // silently nothing

	// The leader gives learners numbers, which they themselves do not learn.
	leader.exec(fmt.Sprintf("alter system dma change follower '%s' to learner", other.address()))
	other.becomes(3)
	if listed := must[int64](leader, "select server_id from polar_dma_cluster_status where ip_port = $1", other.member()); listed != 101 {
		t.Errorf("the leader lists a second learner as number %d", listed)
	}
	for _, n := range []*node{d, other} {
		if own := must[int64](n, "select server_id from polar_dma_member_status"); own != 100 {
			t.Errorf("learner %d says that it is number %d", n.number, own)
		}
	}
	leader.exec(fmt.Sprintf("alter system dma change learner '%s' to follower", other.address()))
	other.becomes(0)

	leader.exec(fmt.Sprintf("alter system dma change learner '%s' to follower", d.address()))
	d.becomes(0)
	leader.exec(fmt.Sprintf("alter system dma change follower '%s' to learner", d.address()))
	d.becomes(3)
	leader.exec(fmt.Sprintf("alter system dma drop learner '%s'", d.address()))
	if n := must[int64](leader, "select count(*) from polar_dma_cluster_status where ip_port = $1", d.member()); n != 0 {
		t.Error("the dropped learner is still listed")
	}
	if d.role() != 3 {
		t.Error("a dropped learner is not told")
	}
	d.stop()
}

func testWeights(t *testing.T, leader, follower *node) {
	for _, weight := range []int32{9, 0, 5} {
		leader.exec(fmt.Sprintf("alter system dma change node '%s' weight to %d", follower.address(), weight))
		got := must[int32](leader, "select election_weight from polar_dma_cluster_status where ip_port = $1", follower.member())
		if got != weight {
			t.Errorf("weight %d, want %d", got, weight)
		}
	}
	if leader.role() != 2 {
		t.Error("a weight moved the leader")
	}
}

func testSwitchover(t *testing.T, from, to, third *node) {
	open := to.session()
	old := from.session()
	from.exec(fmt.Sprintf("alter system dma change leader to '%s'", from.address())) // to itself: nothing
	from.exec(fmt.Sprintf("alter system dma change leader to '%s'", to.address()))
	to.writable()
	to.becomes(2)
	to.exec("insert into log values (2, 'switched')")
	third.sees(t, 2, "switched")
	if _, err := open.Exec(t.Context(), "select 1"); err != nil {
		t.Errorf("a session on the new leader was cut: %v", err)
	}
	if _, err := old.Exec(t.Context(), "select 1"); err == nil {
		t.Error("a session on the old leader survived")
	}
	from.becomes(0)
	from.sees(t, 2, "switched")
	if err := from.try("insert into log values (3, 'no')"); state(err) != "25006" {
		t.Errorf("the old leader takes writes: %v", err)
	}
}

func testDropAndAdd(t *testing.T, leader, c *node) {
	drop := fmt.Sprintf("alter system dma drop follower '%s'", c.address())
	add := fmt.Sprintf("alter system dma add follower '%s'", c.address())
	leader.exec(drop)
	if info := must[string](leader, "select member_info_str from polar_dma_meta_status"); strings.Contains(info, c.member()) {
		t.Errorf("dropped, and still in %s", info)
	}
	// The node is not told that it was dropped, and stands for election after a while.
	c.becomes(1)
	// Wrong: add it again as it is. It replicates, but its own list is corrupt.
	leader.exec(add)
	leader.exec("insert into log values (4, 'wrongly back')")
	c.sees(t, 4, "wrongly back")
	eventually(t, leader.within(10*time.Second), "the corrupt list of a node that was added again without meta init", func() bool {
		info, err := value[string](c, "select member_info_str from polar_dma_meta_status")
		return err == nil && strings.Count(info, c.member()) > 1
	})
	leader.exec(drop)
	// Right: stop, learner meta init, start, add.
	c.stop()
	c.initLearner()
	c.start()
	leader.add(c)
	leader.exec("insert into log values (5, 'rightly back')")
	c.sees(t, 5, "rightly back")
	if info := must[string](c, "select member_info_str from polar_dma_meta_status"); strings.Count(info, c.member()) != 1 {
		t.Errorf("member_info_str %s", info)
	}
	id := must[int64](leader, "select server_id from polar_dma_cluster_status where ip_port = $1", c.member())
	if own := must[int64](c, "select server_id from polar_dma_member_status"); own != id {
		t.Errorf("server_id %d, the leader says %d", own, id)
	}
}

func testFailover(t *testing.T, nodes []*node) {
	old := awaitLeader(t, nodes)
	var rest []*node
	for _, n := range nodes {
		if n != old {
			rest = append(rest, n)
		}
	}
	old.exec("insert into log values (10, 'acknowledged')")
	before := must[int64](old, "select current_term from polar_dma_member_status")
	old.kill()
	next := awaitLeader(t, rest)
	if term := must[int64](next, "select current_term from polar_dma_member_status"); term <= before {
		t.Errorf("term %d after %d", term, before)
	}
	if said := must[string](next, "select said from log where id = 10"); said != "acknowledged" {
		t.Errorf("an acknowledged row is gone: %q", said)
	}
	next.exec("insert into log values (11, 'after')")
	want(t, old.ctl("status"), 3, "no server running")
	o := old.ctl("-l", old.directory+"/start.log", "-w", "start")
	want(t, o, 0, "another server might be running; trying to start server anyway")
	old.becomes(0)
	old.sees(t, 11, "after")

	// A leader that is merely frozen must not lead beside the new one in the same term.
	next.freeze(syscall.SIGSTOP)
	var others []*node
	for _, n := range nodes {
		if n != next {
			others = append(others, n)
		}
	}
	third := awaitLeader(t, others)
	term := must[int64](third, "select current_term from polar_dma_member_status")
	next.freeze(syscall.SIGCONT)
	if stale, err := value[int64](next, "select current_term from polar_dma_member_status where paxos_role = 2"); err == nil && stale >= term {
		t.Errorf("two leaders in term %d", stale)
	}
	next.becomes(0)
	third.exec("insert into log values (12, 'thawed')")
	next.sees(t, 12, "thawed")
}

// testDelayedElection loses a leader while its followers wait, for longer than a test lasts, before they stand for election.
func testDelayedElection(t *testing.T, election time.Duration, nodes []*node) {
	old := awaitLeader(t, nodes)
	var rest []*node
	for _, n := range nodes {
		n.exec("alter system set polar_dma_delay_election_timeout = '30min'")
		n.exec("alter system set polar_dma_delay_election = on")
		n.exec("select pg_reload_conf()")
		eventually(t, n.within(10*time.Second), "elections are delayed", func() bool {
			on, err := value[string](n, "show polar_dma_delay_election")
			return err == nil && on == "on"
		})
		file := must[string](n, "select sourcefile from pg_settings where name = 'polar_dma_delay_election'")
		if file != n.pgdata+"/postgresql.auto.conf" {
			t.Errorf("the setting is in %s", file)
		}
		at := must[time.Time](n, "select modification from pg_stat_file('"+n.pgdata+"/postgresql.auto.conf')")
		if time.Since(at) > time.Minute || time.Since(at) < -time.Second {
			t.Errorf("the file was written at %s", at)
		}
		if n != old {
			rest = append(rest, n)
		}
	}
	old.kill()
	noElectionFor(t, rest, 4*election)
	rest[0].exec("alter system dma force change leader")
	next := awaitLeader(t, rest)
	// A leader that was restarted follows, and one that steps down by itself does not wait.
	eventually(t, old.within(20*time.Second), "what the killed server left has ended, and it starts", func() bool {
		return old.ctl("-l", old.directory+"/start.log", "-w", "start").code == 0
	})
	old.becomes(0)
	for _, n := range nodes {
		n.exec("alter system reset polar_dma_delay_election")
		n.exec("select pg_reload_conf()")
	}
	next.exec("insert into log values (13, 'delayed')")
	old.sees(t, 13, "delayed")
}

func testNoMajority(t *testing.T, nodes []*node) {
	last := awaitLeader(t, nodes)
	for _, n := range nodes {
		if n != last {
			n.stop()
		}
	}
	eventually(t, last.within(20*time.Second), "the leader notices", func() bool { r := last.role(); return r == 0 || r == 1 })
	if must[bool](last, "select pg_is_in_recovery()") {
		t.Error("it went into recovery")
	}
	if n := must[int64](last, "select count(*) from log"); n == 0 {
		t.Error("reads do not work")
	}
	err := last.tryFor(2*time.Second, "insert into log values (20, 'hangs')")
	if err == nil || state(err) != "57014" && !strings.Contains(err.Error(), "deadline") && !strings.Contains(err.Error(), "timeout") {
		t.Errorf("a write did not hang: %v", err)
	}
	term := must[int64](last, "select current_term from polar_dma_member_status")
	eventually(t, last.within(20*time.Second), "the term climbs", func() bool {
		now, err := value[int64](last, "select current_term from polar_dma_member_status")
		return err == nil && now > term
	})
	last.goOnAlone()
	alone := ""
	eventually(t, last.within(30*time.Second), "it leads alone", func() bool {
		info, err := value[string](last, "select member_info_str from polar_dma_meta_status")
		if err != nil || last.role() != 2 {
			return false
		}
		alone = info
		return true
	})
	for _, n := range nodes {
		if strings.Contains(alone, n.member()) != (n == last) {
			t.Errorf("it leads alone, of %s", alone)
		}
	}
	t.Logf("alone: %s", alone)
	eventually(t, last.within(20*time.Second), "writes work again", func() bool {
		return last.tryFor(3*time.Second, "insert into log values (21, 'alone')") == nil
	})
}

// TestSingletonThatNeverLeads shows two kinds of voters that do not lead when told to go on alone. One of weight 0 keeps its
// weight and never stands for election. One that became a voter after its server was started fails an assertion, still lists
// the others and accepts no connection any more; its member list can be set while it is down.
func TestSingletonThatNeverLeads(t *testing.T) {
	each(t, func(t *testing.T, e *engine) {
		t.Run("weight 0", func(t *testing.T) {
			leader, last := told(t, e, func(leader, last *node) {
				last.stop()
				last.start()
				last.becomes(0)
				leader.exec(fmt.Sprintf("alter system dma change node '%s' weight to 0", last.address()))
			})
			if role := last.role(); role == 2 {
				t.Error("it leads")
			}
			if meta := last.meta(); !strings.Contains(meta, last.member()+"#0") || strings.Contains(meta, leader.member()) {
				t.Errorf("its meta: %s", meta)
			}
		})
		t.Run("a new voter", func(t *testing.T) {
			leader, last := told(t, e, func(*node, *node) {})
			eventually(t, e.within(20*time.Second), "it refuses connections", func() bool { return state(last.try("select 1")) == "57P03" })
			time.Sleep(4 * e.election)
			if err := last.try("select 1"); state(err) != "57P03" {
				t.Errorf("it is back: %v", err)
			}
			if meta := last.meta(); !strings.Contains(meta, leader.member()) {
				t.Errorf("its meta: %s", meta)
			}
			last.ctl("-m", "immediate", "-w", "stop")
			o := last.run(60*time.Second, "postgres", "-D", last.pgdata, "-c", "polar_dma_sync_meta=ON",
				"-c", "polar_dma_members_info="+last.address()+"@1")
			if o.code != 0 {
				t.Fatal(o)
			}
			last.start()
			last.writable()
			if meta := last.meta(); strings.Contains(meta, leader.member()) {
				t.Errorf("its meta: %s", meta)
			}
		})
	})
}

// goOnAlone tells the node to go on alone. The server restarts meanwhile, so the connection may end before the answer comes.
func (n *node) goOnAlone() {
	n.t.Helper()
	err := n.try("alter system dma change to singleton mode")
	if err != nil && !strings.Contains(err.Error(), "conn closed") && !strings.Contains(err.Error(), "EOF") && state(err) != "57P02" {
		n.t.Errorf("singleton mode: %v", err)
	}
}

// meta returns what polar_tools prints of the node's consensus meta.
func (n *node) meta() string {
	o := n.run(10*time.Second, "polar_tools", "dma-meta", "-D", n.polardata)
	return o.out + o.err
}

// told tells the last of three nodes to go on alone after the others have stopped.
func told(t *testing.T, e *engine, prepare func(leader, last *node)) (leader, last *node) {
	t.Helper()
	nodes := cluster(t, e, 3)
	leader, last = nodes[0], nodes[2]
	prepare(leader, last)
	time.Sleep(2 * e.election)
	for _, n := range nodes[:2] {
		n.stop()
	}
	time.Sleep(2 * e.election)
	last.goOnAlone()
	time.Sleep(4 * e.election)
	return leader, last
}

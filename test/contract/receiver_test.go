package contract_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/polarbook/polarbook/tasks/dma"
)

// A WAL receiver that logged in by SCRAM-SHA-256 dies of SIGABRT when its connection ends, for whatever reason, and the
// postmaster restarts the whole server. One that logged in by md5 ends normally.
func TestReceiverThatLoggedInByScram(t *testing.T) {
	each(t, func(t *testing.T, e *engine) {
		nodes := cluster(t, e, 3)
		a, b, c := nodes[0], nodes[1], nodes[2]
		postmaster, open := b.pid(), b.session()
		a.cut(b)
		if _, err := open.Exec(t.Context(), "select 1"); err != nil || b.aborted() != 0 {
			t.Errorf("by md5: a session on the follower met %v, %d processes aborted", err, b.aborted())
		}
		started := must[time.Time](b, "select pg_postmaster_start_time()")

		hash, err := dma.PasswordHash(dma.SCRAM, "replicator", "replpw")
		if err != nil {
			t.Fatal(err)
		}
		a.exec("alter role replicator password " + dma.Literal(hash))
		for _, n := range []*node{b, c} {
			a.cut(n) // and it logs in again, by SCRAM now
			if n.aborted() != 0 {
				t.Errorf("node %d: the end of a connection made by md5: %d processes aborted", n.number, n.aborted())
			}
		}
		a.cut(b)
		if _, err := open.Exec(t.Context(), "select 1"); err == nil {
			t.Error("a session on the follower survived")
		}
		text := b.logText()
		if b.aborted() != 1 || !strings.Contains(text, "free(): invalid pointer\n") ||
			!strings.Contains(text, "all server processes terminated; reinitializing") {
			t.Errorf("%d processes aborted", b.aborted())
		}
		if again := must[time.Time](b, "select pg_postmaster_start_time()"); b.pid() != postmaster || !again.Equal(started) {
			t.Errorf("postmaster %d, started at %v; it was %d, at %v", b.pid(), again, postmaster, started)
		}

		// A change of leader ends the connections of all followers.
		a.exec("insert into log values (1, 'before')")
		c.sees(t, 1, "before")
		eventually(t, e.within(30*time.Second), "the followers' servers start over", func() bool {
			// Sometimes nobody hears of the consensus process of a server that has just restarted: then nothing happens.
			_ = a.try(fmt.Sprintf("alter system dma change leader to '%s'", b.address()))
			time.Sleep(2 * e.election)
			return b.aborted() >= 2 && c.aborted() >= 1
		})
		first := awaitLeader(t, nodes)
		for _, n := range nodes {
			if n != first {
				first.streams(n, 0)
			}
		}
		first.exec("insert into log values (2, 'after')")
		c.sees(t, 2, "after")

		// It cannot stop cleanly either, and only its log says so.
		for _, n := range nodes {
			if n == first {
				continue
			}
			want(t, n.ctl("-m", "fast", "-w", "stop"), 0, "server stopped")
			if !strings.Contains(n.logText(), "abnormal database system shutdown") {
				t.Errorf("node %d was shut down well", n.number)
			}
			want(t, e.run(10*time.Second, "pg_controldata", n.polardata), 0, "in archive recovery")
			n.start()
			first.streams(n, 0)
			n.sees(t, 2, "after")
		}
	})
}

// aborted returns how many processes died of abort(), by the log.
func (n *node) aborted() int {
	return strings.Count(n.logText(), "was terminated by signal 6: Aborted")
}

// cut ends a follower's connection to the leader, and waits for the next.
func (n *node) cut(follower *node) {
	n.t.Helper()
	sender := n.streams(follower, 0)
	n.exec(fmt.Sprintf("select pg_terminate_backend(%d)", sender))
	n.streams(follower, sender)
}

// streams waits until a follower receives from a process of the leader other than was, and answers. It returns the process
// id.
func (n *node) streams(follower *node, before int32) int32 {
	n.t.Helper()
	var sender int32
	eventually(n.t, n.within(20*time.Second), fmt.Sprintf("node %d streams", follower.number), func() bool {
		var err error
		sender, err = value[int32](n, "select pid from pg_stat_replication where state = 'streaming' and application_name = $1",
			follower.appname())
		return err == nil && sender != before && follower.try("select 1") == nil
	})
	return sender
}

package contract_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The learner meta is written with a wrong address, and nothing notices: the leader lists a follower that never votes, and
// the node itself stays a learner.
func TestWrongHostInTheLearnerMeta(t *testing.T) {
	each(t, func(t *testing.T, e *engine) {
		nodes := newNodes(t, e, 2)
		a, b := leader(t, nodes), nodes[1]
		if o := b.backup(a); o.code != 0 {
			t.Fatal(o)
		}
		b.configure()
		b.mustMetaInit("polar_dma_learners_info", fmt.Sprintf("127.0.0.77:%d", b.port))
		b.start()
		a.exec(fmt.Sprintf("alter system dma add follower '%s'", b.address()))
		if role := must[int32](a, "select role from polar_dma_cluster_status where ip_port = $1", b.member()); role != 0 {
			t.Errorf("the leader lists it with role %d", role)
		}
		a.exec("insert into log values (1, 'still')")
		time.Sleep(3 * e.election)
		if role := b.role(); role != 3 {
			t.Errorf("its own role is %d", role)
		}
	})
}

// Initialising the leader meta again on a member splits the cluster in two that both take writes. When it joins again with
// its old data it looks healthy but has other rows.
func TestLeaderMetaInitAgainSplitsTheCluster(t *testing.T) {
	each(t, func(t *testing.T, e *engine) {
		nodes := cluster(t, e, 3)
		a, c := nodes[0], nodes[2]
		a.exec("insert into log values (1, 'before')")
		c.sees(t, 1, "before")
		c.stop()
		c.initLeader()
		c.start()
		c.writable()
		c.exec("insert into log values (2, 'theirs')")
		a.exec("insert into log values (3, 'ours')")
		if must[bool](a, "select pg_is_in_recovery()") || must[bool](c, "select pg_is_in_recovery()") {
			t.Error("only one of the two takes writes")
		}
		if n := must[int64](a, "select count(*) from log where id = 2"); n != 0 {
			t.Error("the row of one half is in the other")
		}
	})
}

// A base backup copies the identity of the server it was taken from.
func TestBackupCopiesTheIdentity(t *testing.T) {
	each(t, func(t *testing.T, e *engine) {
		nodes := newNodes(t, e, 2)
		a, b := leader(t, nodes), nodes[1]
		o := b.backup(a, "--progress", "-v")
		want(t, o, 0, "initiating base backup, waiting for checkpoint to complete", "base backup completed", "(100%), 2/2 tablespaces")
		if strings.Contains(o.err, "\r") || o.out != "" {
			t.Errorf("progress without a terminal: %q %q", o.out, o.err)
		}
		conf, err := os.ReadFile(filepath.Join(b.pgdata, "postgresql.conf"))
		if err != nil || !strings.Contains(string(conf), "polar_datadir = 'file-dio://"+a.polardata+"'") {
			t.Errorf("postgresql.conf: %v\n%s", err, conf)
		}
		dma, err := os.ReadFile(filepath.Join(b.pgdata, "polar_dma.conf"))
		if err != nil || !strings.Contains(string(dma), a.appname()) {
			t.Errorf("polar_dma.conf: %v\n%s", err, dma)
		}
		want(t, e.run(10*time.Second, "polar_tools", "dma-meta", "-D", b.polardata), 0, "dma_meta member info:            "+a.member())
		recovery, err := os.ReadFile(filepath.Join(b.pgdata, "recovery.conf"))
		if err != nil || !strings.Contains(string(recovery), "password=replpw") || !strings.Contains(string(recovery), "standby_mode = 'on'") {
			t.Errorf("recovery.conf: %v\n%s", err, recovery)
		}
		for _, name := range []string{"backup_label", "PG_VERSION", "pg_hba.conf"} {
			if _, err := os.Stat(filepath.Join(b.pgdata, name)); err != nil {
				t.Error(err)
			}
		}
		for _, name := range []string{"postmaster.pid", "polar_node_static.conf", "global/pg_control"} {
			if _, err := os.Stat(filepath.Join(b.pgdata, name)); err == nil {
				t.Errorf("PGDATA has %s", name)
			}
		}
		want(t, e.run(10*time.Second, "pg_controldata", b.polardata), 0, "in production")
		want(t, e.run(10*time.Second, "pg_controldata", b.pgdata), 1, "could not open file")
		// Its own settings and a learner meta make it a separate node; its first start has made them permanent.
		b.configure()
		b.initLearner()
		static, err := os.ReadFile(filepath.Join(b.pgdata, "polar_node_static.conf"))
		if err != nil || !strings.Contains(string(static), "polar_datadir = 'file-dio://"+b.polardata+"'") {
			t.Errorf("polar_node_static.conf: %v\n%s", err, static)
		}
		b.start()
		a.add(b)
	})
}

// Without a learner meta the copied one claims the leader's address. On one host the ports collide, and the server restarts
// over and over while pg_ctl reports that it started.
func TestStartWithTheCopiedMeta(t *testing.T) {
	each(t, func(t *testing.T, e *engine) {
		nodes := newNodes(t, e, 2)
		a, b := leader(t, nodes), nodes[1]
		if o := b.backup(a); o.code != 0 {
			t.Fatal(o)
		}
		b.configure()
		b.start()
		eventually(t, e.within(10*time.Second), "the log tells of the loop", func() bool {
			return strings.Contains(b.logText(), "reinitializing")
		})
		if err := b.try("select 1"); state(err) != "57P03" {
			t.Errorf("a connection met %v", err)
		}
		b.stop()
		b.initLearner()
		b.start()
		a.add(b)
	})
}

// polar_node_static.conf keeps polar_datadir from the first start on, whatever postgresql.conf says later.
func TestDataDirectoryIsPinned(t *testing.T) {
	each(t, func(t *testing.T, e *engine) {
		n := newNodes(t, e, 1)[0]
		n.create()
		n.initLeader()
		moved := n.polardata + "-moved"
		if err := os.Rename(n.polardata, moved); err != nil {
			t.Fatal(err)
		}
		n.polardata = moved
		n.configure()
		if o := n.ctl("-l", filepath.Join(n.directory, "start.log"), "-w", "start"); o.code != 1 {
			t.Errorf("start with the old path pinned: %v", o)
		}
		if err := os.Remove(filepath.Join(n.pgdata, "polar_node_static.conf")); err != nil {
			t.Fatal(err)
		}
		n.start()
		n.writable()
	})
}

// The other way to set up a cluster: the full member list on every node.
func TestBootstrapWithTheFullList(t *testing.T) {
	each(t, func(t *testing.T, e *engine) {
		nodes := newNodes(t, e, 3)
		a := leader(t, nodes)
		var list []string
		for i, n := range nodes {
			list = append(list, n.address())
			if i > 0 {
				if o := n.backup(a); o.code != 0 {
					t.Fatal(o)
				}
				n.configure()
			}
		}
		a.stop()
		for i, n := range nodes {
			n.mustMetaInit("polar_dma_members_info", fmt.Sprintf("%s@%d", strings.Join(list, ";"), i+1))
		}
		for _, n := range nodes {
			n.start()
		}
		first := awaitLeader(t, nodes)
		first.exec("insert into log values (1, 'all at once')")
		for _, n := range nodes {
			n.sees(t, 1, "all at once")
		}
	})
}

// The roles do not show a wrong replication password: the node votes, but gets no data.
func TestWrongReplicationPassword(t *testing.T) {
	each(t, func(t *testing.T, e *engine) {
		nodes := cluster(t, e, 2)
		a, b := nodes[0], nodes[1]
		b.stop()
		b.configureDMA("wrong")
		b.start()
		eventually(t, e.within(15*time.Second), "the log tells", func() bool {
			return strings.Contains(b.logText(), `password authentication failed for user "replicator"`)
		})
		if n := must[int64](a, "select count(*) from pg_stat_replication where state = 'streaming'"); n != 0 {
			t.Errorf("%d rows in pg_stat_replication", n)
		}
		// One of two voters gets no data, so a write is not acknowledged.
		if err := a.tryFor(2*time.Second, "insert into log values (1, 'hangs')"); err == nil {
			t.Error("a write was acknowledged by a majority that does not have it")
		}
		b.stop()
		b.configureDMA("replpw")
		b.start()
		b.becomes(0)
		eventually(t, e.within(20*time.Second), "it streams again", func() bool {
			n, err := value[int64](a, "select count(*) from pg_stat_replication where state = 'streaming'")
			return err == nil && n == 1
		})
	})
}

// All servers are killed after the leader has written something that no other node has. A node that lacks it can elect that
// leader again: it must then get the write-ahead log from it before the election is over.
func TestAllKilledWithWhatTheLeaderAloneHas(t *testing.T) {
	each(t, func(t *testing.T, e *engine) {
		nodes := cluster(t, e, 3)
		a, b, c := nodes[0], nodes[1], nodes[2]
		a.exec("insert into log values (1, 'everybody')")
		b.sees(t, 1, "everybody")
		// As when a host loses power: otherwise processes of the killed server that wait for the others would keep the next
		// one from starting.
		kill := func(n *node) {
			left := children(n.pid())
			n.kill()
			for _, pid := range left {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
		kill(b)
		kill(c)
		if err := a.tryFor(2*time.Second, "insert into log values (2, 'alone')"); err == nil {
			t.Error("a write was acknowledged by one of three")
		}
		kill(a)
		for _, n := range []*node{a, b} {
			eventually(t, n.within(20*time.Second), "what the killed server left has ended, and it starts", func() bool {
				return n.ctl("-l", filepath.Join(n.directory, "start.log"), "-w", "start").code == 0
			})
		}
		l := awaitLeader(t, []*node{a, b})
		l.exec("insert into log values (3, 'again')")
		eventually(t, c.within(20*time.Second), "the third starts", func() bool {
			return c.ctl("-l", filepath.Join(c.directory, "start.log"), "-w", "start").code == 0
		})
		c.sees(t, 3, "again")
	})
}

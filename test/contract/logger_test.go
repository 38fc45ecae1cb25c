package contract_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// A logger votes and keeps the log, but has none of the cluster's data.
func TestLogger(t *testing.T) {
	each(t, func(t *testing.T, e *engine) {
		nodes := newNodes(t, e, 2)
		a, l := leader(t, nodes), nodes[1]
		identifier := must[int64](a, "select system_identifier from pg_control_system()")
		if err := e.mkdir(l.polardata); err != nil {
			t.Fatal(err)
		}
		secret := filepath.Join(l.directory, "pw")
		l.write(secret, password+"\n")
		want(t, e.run(time.Minute, "initdb", "-D", l.pgdata, "-U", "polardb", "--pwfile="+secret, "-A", "md5",
			"-i", strconv.FormatInt(identifier, 10), "--encoding=UTF8", "--locale=C"), 0)
		want(t, e.run(time.Minute, "polar-initdb.sh", l.pgdata+"/", l.polardata+"/", "localfs"), 0)
		l.configure()
		l.write(filepath.Join(l.pgdata, "pg_hba.conf"), "host all all 127.0.0.0/8 md5\n")
		l.write(filepath.Join(l.pgdata, "recovery.conf"), "polar_datamax_mode = standalone\n")
		if o := l.metaInit(8*time.Second, "polar_dma_learners_info", l.address(), "polar_dma_logger_start_point=abc"); o.code != -1 {
			t.Errorf("with a start point that is none it ended: %v", o)
		}
		// The only place where its log may begin after the leader's log was purged.
		begin := must[string](a, "select commit_index || ':' || synced_tli || ':' || synced_lsn from polar_dma_consensus_status")
		l.mustMetaInit("polar_dma_learners_info", l.address(), "polar_dma_logger_start_point="+begin)
		l.start()
		a.exec(fmt.Sprintf("alter system dma add follower '%s'", l.address()))
		eventually(t, e.within(15*time.Second), "the leader lists it as a follower", func() bool {
			role, err := value[int32](a, "select role from polar_dma_cluster_status where ip_port = $1", l.member())
			return err == nil && role == 0
		})
		want(t, e.run(10*time.Second, "pg_isready", "-h", l.host, "-p", strconv.Itoa(l.port)), 0, "accepting connections")
		if !must[bool](l, "select pg_is_in_recovery()") {
			t.Error("it is not in recovery")
		}
		if err := l.try("select * from polar_dma_member_status"); state(err) != "42P01" {
			t.Errorf("the views on a logger: %v", err)
		}
		if err := l.try("create extension polar_monitor"); state(err) != "25006" {
			t.Errorf("create extension on a logger: %v", err)
		}
		if n := must[int64](l, "select count(*) from pg_roles where rolname = 'replicator'"); n != 0 {
			t.Error("it has the cluster's roles")
		}
		for _, statement := range []string{
			"add follower '%s'", "drop follower '%s'", "change follower '%s' to learner", "change node '%s' weight to 3",
		} {
			err := l.try("alter system dma " + fmt.Sprintf(statement, a.address()))
			if state(err) != "XX000" || message(err) != "cannot execute this DMA command on logger node" {
				t.Errorf("%s: %v", statement, err)
			}
		}
		refused(t, l, "alter system dma change leader to '%s'", a.address(), "Current node is not a leader.")
		refused(t, l, "alter system dma purge logs", "", "Some error happens, please check the error log.")
		a.exec("insert into log values (1, 'kept by two')")
		b, err := os.ReadFile(filepath.Join(l.pgdata, "postmaster.pid"))
		if err != nil || len(b) == 0 {
			t.Error(err)
		}
		// With two voters the leader needs the logger for every write.
		l.stop()
		if err := a.tryFor(2*time.Second, "insert into log values (2, 'hangs')"); err == nil {
			t.Error("a write was acknowledged without the logger")
		}
	})
}

package contract_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// refused runs a statement that must fail with one of the consensus library's texts.
func refused(t *testing.T, n *node, statement, address, text string) {
	t.Helper()
	if strings.Contains(statement, "%s") {
		statement = fmt.Sprintf(statement, address)
	}
	err := n.try(statement)
	if wanted := "Failed to execute consensus command: " + text; state(err) != "XX000" || message(err) != wanted {
		t.Errorf("%s\n got %v\nwant %s", statement, err, wanted)
	}
}

func testLeaderErrors(t *testing.T, leader, follower *node) {
	const stranger = "127.0.0.9:5999"
	for _, c := range []struct{ statement, address, text string }{
		{"alter system dma add follower '%s'", follower.address(), "Target node already exists."},
		{"alter system dma add learner '%s'", follower.address(), "Target node already exists."},
		{"alter system dma add follower '%s'", leader.address(), "Target node already exists."},
		{"alter system dma drop follower '%s'", stranger, "Target node not exists."},
		{"alter system dma drop learner '%s'", stranger, "Target node not exists."},
		{"alter system dma drop learner '%s'", follower.address(), "Target node not exists."},
		{"alter system dma change leader to '%s'", stranger, "Target node not exists."},
		{"alter system dma change node '%s' weight to 3", stranger, "Target node not exists."},
		{"alter system dma change follower '%s' to learner", stranger, "Target node not exists."},
		{"alter system dma change learner '%s' to follower", stranger, "Target node not exists."},
		{"alter system dma change learner '%s' to follower", follower.address(), "Target node already exists."},
		{"alter system dma change follower '%s' to learner", leader.address(), "Downgrade a leader is not allowed."},
		{"alter system dma change node '%s' weight to 10", follower.address(), "Invalid argument, please check the error log."},
		{"alter system dma drop follower '%s'", follower.member(), "Target node not exists."}, // the consensus port
	} {
		refused(t, leader, c.statement, c.address, c.text)
	}
	for _, c := range []struct{ statement, code, text string }{
		{"alter system dma add follower 127.0.0.9:5999", "42601", "syntax error"},
		{"alter system dma add node '127.0.0.9:5999'", "42601", "syntax error"},
		{"alter system dma add logger '127.0.0.9:5999'", "42601", "syntax error"},
		{"alter system dma purge logs before 100", "42601", "syntax error"},
		{fmt.Sprintf("alter system dma change node '%s' weight to -1", follower.address()), "42601", "syntax error"},
		{"alter system dma add follower '127.0.0.4'", "XX000", "invalid server address string specified in server address: 127.0.0.4"},
		{"alter system dma add follower ''", "XX000", "invalid server address string specified in server address: "},
		{"alter system dma add follower 'nohost'", "XX000", "invalid server address string specified in server address: nohost"},
		{"alter system dma add follower '127.0.0.4:'", "XX000", "invalid port number specified in server address"},
		{"alter system dma add follower '127.0.0.4:abc'", "XX000", "invalid port number specified in server address"},
		{"alter system dma add follower '127.0.0.4:0'", "XX000", "invalid port number specified in server address"},
		{"alter system dma add follower '127.0.0.4:60000'", "XX000", "invalid port number specified in server address"},
		{"alter system dma add follower '127.0.0.4:70000'", "XX000", "invalid port number specified in server address"},
		{"alter system dma add follower '[::1]:5508'", "XX000", "invalid port number specified in server address"},
	} {
		if err := leader.try(c.statement); state(err) != c.code || !strings.Contains(message(err), c.text) {
			t.Errorf("%s\n got %v\nwant %s %s", c.statement, err, c.code, c.text)
		}
	}
	leader.exec("alter system dma change node '127.0.0.9:5999' match index to '0'") // never an error
	leader.exec("alter system dma force change leader")                             // nothing, on the leader
}

func testFollowerErrors(t *testing.T, leader, follower *node) {
	const stranger = "127.0.0.9:5999"
	for _, c := range []struct{ statement, address, text string }{
		{"alter system dma add follower '%s'", stranger, "Replicate log fail."},
		{"alter system dma add learner '%s'", stranger, "Replicate log fail."},
		{"alter system dma add follower '%s'", leader.address(), "Target node already exists."},
		{"alter system dma drop follower '%s'", leader.address(), "Replicate log fail."},
		{"alter system dma drop follower '%s'", stranger, "Target node not exists."},
		{"alter system dma change node '%s' weight to 3", leader.address(), "Replicate log fail."},
		{"alter system dma change follower '%s' to learner", leader.address(), "Replicate log fail."},
		{"alter system dma change leader to '%s'", leader.address(), "Current node is not a leader."},
		{"alter system dma purge logs", "", "Some error happens, please check the error log."},
	} {
		refused(t, follower, c.statement, c.address, c.text)
	}
}

func TestUnreachableFollower(t *testing.T) {
	each(t, func(t *testing.T, e *engine) {
		nodes := newNodes(t, e, 2)
		nodes[0].change = 2 * time.Second
		a := leader(t, nodes)
		other := nodes[1]
		start := time.Now()
		refused(t, a, "alter system dma add follower '%s'", other.address(), "Timeout.")
		if took := time.Since(start); took < 1500*time.Millisecond || took > e.within(4*time.Second) {
			t.Errorf("it took %v, want polar_dma_config_change_timeout", took)
		}
		if role := must[int32](a, "select role from polar_dma_cluster_status where ip_port = $1", other.member()); role != 3 {
			t.Errorf("it left role %d behind, want a learner", role)
		}
		refused(t, a, "alter system dma add follower '%s'", "127.0.0.9:5999", "Some error happens, please check the error log.")
		refused(t, a, "alter system dma add follower '%s'", other.address(), "Some error happens, please check the error log.")
		a.exec(fmt.Sprintf("alter system dma drop learner '%s'", other.address()))
		// A join that should succeed gets the time that a busy machine may need.
		a.change = 20 * time.Second
		a.configureDMA("replpw")
		a.exec("select pg_reload_conf()")
		eventually(t, 10*time.Second, "polar_dma_config_change_timeout is read again", func() bool {
			return must[string](a, "show polar_dma_config_change_timeout") == "20s"
		})
		other.prepareToJoin(a)
		a.add(other)
	})
}

func TestDMACommandsCannotBeInterrupted(t *testing.T) {
	each(t, func(t *testing.T, e *engine) {
		nodes := newNodes(t, e, 2)
		nodes[0].change = 3 * time.Second
		a := leader(t, nodes)
		conn := a.session()
		if _, err := conn.Exec(t.Context(), "set statement_timeout = '300ms'"); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		first := make(chan error, 1)
		go func() {
			_, err := conn.Exec(t.Context(), fmt.Sprintf("alter system dma add follower '%s'", nodes[1].address()))
			first <- err
		}()
		time.Sleep(100 * time.Millisecond)
		// A second command waits for the first.
		if err := a.try("alter system dma change node '127.0.0.9:5999' weight to 3"); !strings.Contains(message(err), "Target node not exists.") {
			t.Errorf("the second command: %v", err)
		}
		if waited := time.Since(start); waited < 2*time.Second {
			t.Errorf("the second command waited only %v", waited)
		}
		err := <-first
		if took := time.Since(start); took < 2*time.Second {
			t.Errorf("statement_timeout interrupted it after %v", took)
		}
		if state(err) != "XX000" || !strings.Contains(message(err), "consesus command due to user request") {
			t.Errorf("got %v", err)
		}
	})
}

// A statement whose client is gone continues, and so does the one that waits for it. pg_stat_activity shows both until they
// end.
func TestDMACommandsOutliveTheirClients(t *testing.T) {
	each(t, func(t *testing.T, e *engine) {
		nodes := newNodes(t, e, 2)
		nodes[0].change = 4 * time.Second
		a := leader(t, nodes)
		add := fmt.Sprintf("ALTER SYSTEM DMA ADD FOLLOWER '%s'", nodes[1].address())
		queued := fmt.Sprintf("ALTER SYSTEM DMA CHANGE NODE '%s' WEIGHT TO 7", a.address())
		for i, statement := range []string{add, queued} {
			conn := a.session()
			if _, err := conn.Exec(t.Context(), "set application_name = 'gone'"); err != nil {
				t.Fatal(err)
			}
			raw, err := conn.PgConn().Hijack()
			if err != nil {
				t.Fatal(err)
			}
			raw.Frontend.Send(&pgproto3.Query{String: statement})
			if err := raw.Frontend.Flush(); err != nil {
				t.Fatal(err)
			}
			_ = raw.Conn.Close() // no goodbye
			eventually(t, e.within(5*time.Second), "pg_stat_activity shows the statement", func() bool {
				return must[int64](a, "select count(*) from pg_stat_activity where application_name = 'gone' and state = 'active' and "+
					"query ilike 'alter system dma%' and usename in (select rolname from pg_roles where rolsuper)") == int64(i+1)
			})
		}
		time.Sleep(500 * time.Millisecond)
		if n := must[int64](a, "select count(*) from pg_stat_activity where application_name = 'gone' and state = 'active'"); n != 2 {
			t.Errorf("%d statements are at work once their clients are gone, not 2", n)
		}
		eventually(t, e.within(10*time.Second), "both end", func() bool {
			return must[int64](a, "select count(*) from pg_stat_activity where application_name = 'gone'") == 0
		})
		if role := must[int32](a, "select role from polar_dma_cluster_status where ip_port = $1", nodes[1].member()); role != 3 {
			t.Errorf("the addition left role %d behind, want a learner", role)
		}
		if weight := must[int32](a, "select election_weight from polar_dma_cluster_status where ip_port = $1", a.member()); weight != 7 {
			t.Errorf("the queued statement had no effect: weight %d", weight)
		}
	})
}

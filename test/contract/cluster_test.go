package contract_test

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// TestCluster takes a cluster of three and a fourth node through its life. Each step builds on the one before.
func TestCluster(t *testing.T) {
	each(t, func(t *testing.T, e *engine) {
		nodes := newNodes(t, e, 4)
		a, b, c, d := nodes[0], nodes[1], nodes[2], nodes[3]
		leader(t, nodes)
		step := func(name string, run func(t *testing.T)) {
			t.Helper()
			passed := t.Run(name, func(t *testing.T) {
				for _, n := range nodes {
					n.t = t
				}
				run(t)
			})
			for _, n := range nodes {
				n.t = t
			}
			if !passed {
				t.FailNow()
			}
		}
		step("join", func(t *testing.T) { testJoin(t, a, b, c) })
		step("views", func(t *testing.T) { testViews(t, a, b) })
		step("roles", func(t *testing.T) { testRoles(t, a, b) })
		step("errors on the leader", func(t *testing.T) { testLeaderErrors(t, a, b) })
		step("errors on a follower", func(t *testing.T) { testFollowerErrors(t, a, b) })
		step("statements", func(t *testing.T) { testStatements(t, a) })
		step("learner", func(t *testing.T) { testLearner(t, a, d, b) })
		step("weights", func(t *testing.T) { testWeights(t, a, b) })
		step("switchover", func(t *testing.T) { testSwitchover(t, a, b, c) })
		step("drop and add again", func(t *testing.T) { testDropAndAdd(t, b, c) })
		step("failover", func(t *testing.T) { testFailover(t, []*node{a, b, c}) })
		step("elections are delayed", func(t *testing.T) { testDelayedElection(t, a.election, []*node{a, b, c}) })
		step("no majority", func(t *testing.T) { testNoMajority(t, []*node{a, b, c}) })
	})
}

func testJoin(t *testing.T, first *node, others ...*node) {
	for _, n := range others {
		n.prepareToJoin(first)
		if o := n.ctl("status"); o.code != 0 {
			t.Errorf("status: %v", o)
		}
		if err := n.try("select 1"); state(err) != "57P03" || message(err) != "the database system is starting up" {
			t.Errorf("before it was added a connection met %v", err)
		}
		want(t, n.run(10*time.Second, "pg_isready", "-h", n.host, "-p", strconv.Itoa(n.port)), 1, "rejecting connections")
		conn, err := net.DialTimeout("tcp", n.member(), time.Second)
		if err != nil {
			t.Errorf("consensus port: %v", err)
		} else {
			_ = conn.Close()
		}
		want(t, n.run(10*time.Second, "polar_tools", "dma-meta", "-D", n.polardata), 0, "dma_meta member info:            "+n.member()+"#5N")
		first.add(n)
		if err := n.try("create table no (id int)"); state(err) != "25006" {
			t.Errorf("a write on a follower: %v", err)
		}
		eventually(t, first.within(10*time.Second), "a row in pg_stat_replication for "+n.appname(), func() bool {
			state, err := value[string](first, "select state from pg_stat_replication where application_name = $1", n.appname())
			return err == nil && state == "streaming"
		})
	}
	first.exec("insert into log values (1, 'joined')")
	for _, n := range others {
		n.sees(t, 1, "joined")
	}
	info := must[string](first, "select member_info_str from polar_dma_meta_status")
	for i, n := range append([]*node{first}, others...) {
		own := must[string](n, "select member_info_str from polar_dma_meta_status")
		list, at, _ := strings.Cut(own, "@")
		if reference, _, _ := strings.Cut(info, "@"); list != reference || at != strconv.Itoa(i+1) {
			t.Errorf("node %d: member_info_str %s, the leader says %s", n.number, own, info)
		}
		if id := must[int64](n, "select server_id from polar_dma_member_status"); id != int64(i+1) {
			t.Errorf("node %d: server_id %d", n.number, id)
		}
	}
}

// sees waits until a row has been replicated.
func (n *node) sees(t *testing.T, id int, said string) {
	t.Helper()
	eventually(t, n.within(10*time.Second), fmt.Sprintf("node %d sees row %d", n.number, id), func() bool {
		got, err := value[string](n, "select said from log where id = $1", id)
		return err == nil && got == said
	})
}

func testViews(t *testing.T, leader, follower *node) {
	for view, columns := range viewColumns {
		for _, n := range []*node{leader, follower} {
			if got := n.describe("select * from " + view); got != columns {
				t.Errorf("node %d: %s has\n%s\nwant\n%s", n.number, view, got, columns)
			}
		}
	}
	type row struct {
		ID     int64
		Match  int64
		Next   int64
		Role   int32
		Weight int32
	}
	read := func(n *node) map[string]row {
		conn := n.session()
		rows, err := conn.Query(context.Background(),
			"select server_id, ip_port, match_index, next_index, role, election_weight from polar_dma_cluster_status")
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]row{}
		var r row
		var address string
		if _, err := pgx.ForEachRow(rows, []any{&r.ID, &address, &r.Match, &r.Next, &r.Role, &r.Weight}, func() error {
			out[address] = r
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return out
	}
	seen := read(leader)
	if r := seen[leader.member()]; r.Role != 2 || r.ID != 1 || r.Weight != 5 {
		t.Errorf("the leader's own row: %+v", r)
	}
	if r := seen[follower.member()]; r.Role != 0 || r.ID != 2 || r.Next != r.Match+1 {
		t.Errorf("the leader's row of a follower: %+v", r)
	}
	// On a follower the view is wrong: its own row says leader.
	seen = read(follower)
	if r := seen[follower.member()]; r.Role != 2 || r.Match != 1 {
		t.Errorf("a follower's row of itself: %+v", r)
	}
	if r := seen[leader.member()]; r.Role != 0 || r.Match != 0 {
		t.Errorf("a follower's row of the leader: %+v", r)
	}
	if role, leads := follower.role(), must[int64](follower, "select current_leader from polar_dma_member_status"); role != 0 || leads != 1 {
		t.Errorf("the follower's own role %d, its leader %d", role, leads)
	}
	if must[bool](leader, "select pg_is_in_recovery()") || !must[bool](follower, "select pg_is_in_recovery()") {
		t.Error("pg_is_in_recovery")
	}
	for _, query := range []string{"select pg_last_wal_replay_lsn()::text", "select pg_last_wal_receive_lsn()::text"} {
		if lsn := must[string](follower, query); !strings.Contains(lsn, "/") {
			t.Errorf("%s = %q", query, lsn)
		}
	}
	if _, err := value[time.Time](follower, "select pg_last_xact_replay_timestamp()"); err != nil {
		t.Error(err)
	}
	address := must[string](leader, "select client_addr::text from pg_stat_replication where application_name = $1", follower.appname())
	if !strings.HasPrefix(address, "127.0.0.") {
		t.Errorf("client_addr %s", address)
	}
}

// viewColumns holds the columns that the extension's SQL script declares.
var viewColumns = map[string]string{
	"polar_dma_member_status": "server_id 20, current_term 20, current_leader 20, commit_index 20, last_log_term 20, " +
		"last_log_index 20, paxos_role 23, vote_for 20",
	"polar_dma_cluster_status": "server_id 20, ip_port 25, match_index 20, next_index 20, role 23, has_voted 16, " +
		"force_sync 16, election_weight 23, learner_source 20, pipelining 16",
	"polar_dma_consensus_status": "state 23, term 20, log_term 20, xlog_term 20, leader_id 20, sync_rqst_lsn 3220, " +
		"synced_tli 23, synced_lsn 3220, purge_lsn 3220, commit_index 20, flushed_lsn 3220, flushed_tli 23, appened_lsn 3220, " +
		"commit_queue_length 20, stats_queue_length 20",
	"polar_dma_meta_status": "term 20, vote_for 20, last_leader_term 20, last_leader_log_index 20, scan_index 20, cluster_id 20, " +
		"commit_index 20, purge_index 20, member_info_str 25, learner_info_str 25",
	"polar_dma_log_status": "term 20, current_index 20, sync_index 20, last_writ_lsn 3220, last_write_timeline 23, " +
		"last_append_term 20, next_append_term 20, variable_length_log_next_offset 20, disable_purge 16",
	"pg_stat_replication": "pid 23, usesysid 26, usename 19, application_name 25, client_addr 869, client_hostname 25, " +
		"client_port 23, backend_start 1184, backend_xmin 28, state 25, sent_lsn 3220, write_lsn 3220, flush_lsn 3220, " +
		"replay_lsn 3220, write_lag 1186, flush_lag 1186, replay_lag 1186, sync_priority 23, sync_state 25",
}

// describe lists a query's columns as "name oid", after checking that pgx can read every row.
func (n *node) describe(query string) string {
	n.t.Helper()
	conn := n.session()
	rows, err := conn.Query(context.Background(), query)
	if err != nil {
		return err.Error()
	}
	defer rows.Close()
	for rows.Next() {
		if _, err := rows.Values(); err != nil {
			n.t.Errorf("node %d: %s: %v", n.number, query, err)
		}
	}
	var out []string
	for _, f := range rows.FieldDescriptions() {
		out = append(out, fmt.Sprintf("%s %d", f.Name, f.DataTypeOID))
	}
	if err := rows.Err(); err != nil {
		return err.Error()
	}
	return strings.Join(out, ", ")
}

func testRoles(t *testing.T, leader, follower *node) {
	leader.exec("create role plain login password 'plainpw'")
	if err := leader.try("create role plain"); state(err) != "42710" {
		t.Errorf("the same role twice: %v", err)
	}
	eventually(t, leader.within(10*time.Second), "the role on the follower", func() bool {
		n, err := value[int64](follower, "select count(*) from pg_roles where rolname = 'plain'")
		return err == nil && n == 1
	})
	ctx := t.Context()
	for _, n := range []*node{leader, follower} {
		if _, err := n.connect(ctx, "plain", "wrong"); state(err) != "28P01" {
			t.Errorf("wrong password: %v", err)
		}
		conn, err := n.connect(ctx, "plain", "plainpw")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(ctx, "select * from polar_dma_member_status"); state(err) != "42501" {
			t.Errorf("the view as nobody in particular: %v", err)
		}
		_, err = conn.Exec(ctx, "alter system dma add learner '127.0.0.9:5999'")
		if state(err) != "42501" || message(err) != "must be superuser to execute ALTER SYSTEM command" {
			t.Errorf("ALTER SYSTEM DMA as nobody in particular: %v", err)
		}
		_ = conn.Close(ctx)
	}
	leader.exec("alter role plain password 'changed'")
	if _, err := leader.connect(ctx, "plain", "plainpw"); state(err) != "28P01" {
		t.Errorf("the old password: %v", err)
	}
	hash := must[string](leader, "select rolpassword from pg_authid where rolname = 'plain'")
	if !strings.HasPrefix(hash, "md5") || len(hash) != 35 {
		t.Errorf("rolpassword %q", hash)
	}
}

func testStatements(t *testing.T, leader *node) {
	conn := leader.session()
	ctx := t.Context()
	_, err := conn.Exec(ctx, "alter system dma add learner $1", "127.0.0.9:5999")
	if state(err) != "42601" {
		t.Errorf("a parameter: %v", err)
	}
	_, err = conn.Exec(ctx, "alter system dma purge logs; select 1", pgx.QueryExecModeSimpleProtocol)
	if state(err) != "25001" {
		t.Errorf("two statements in one: %v", err)
	}
	tx, err := conn.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(ctx, "alter system dma purge logs"); state(err) != "25001" ||
		message(err) != "ALTER SYSTEM cannot run inside a transaction block" {
		t.Errorf("in a transaction: %v", err)
	}
	_ = tx.Rollback(ctx)
	tag, err := conn.Exec(ctx, "alter system dma purge logs")
	if err != nil || tag.String() != "ALTER SYSTEM" {
		t.Errorf("purge logs: %v %v", tag, err)
	}
	if err := leader.try("alter system set polar_dma_repl_user = 'x'"); state(err) != "55P02" {
		t.Errorf("a hidden setting: %v", err)
	}
	if shown := must[string](leader, "show polar_dma_election_timeout"); shown != leader.election.String() {
		t.Errorf("polar_dma_election_timeout is %s", shown)
	}
	leader.exec("alter system set work_mem = '8MB'")
	leader.exec("select pg_reload_conf()")
	eventually(t, leader.within(10*time.Second), "work_mem reloaded", func() bool {
		shown, err := value[string](leader, "show work_mem")
		return err == nil && shown == "8MB"
	})
	leader.exec("alter system set max_connections = 120")
	// A session that reads the files also sees what waits for a restart, even before a reload.
	var rows int
	var waits bool
	if err := conn.QueryRow(ctx, "select count(*) from pg_file_settings").Scan(&rows); err != nil || rows == 0 {
		t.Errorf("pg_file_settings: %d rows, %v", rows, err)
	}
	if err := conn.QueryRow(ctx, "select pending_restart from pg_settings where name = 'max_connections'").Scan(&waits); err != nil || !waits {
		t.Errorf("max_connections waits for a restart before a reload: %t, %v", waits, err)
	}
	leader.exec("select pg_reload_conf()")
	eventually(t, leader.within(10*time.Second), "max_connections waits for a restart", func() bool {
		waits, err := value[bool](leader, "select pending_restart from pg_settings where name = 'max_connections'")
		return err == nil && waits
	})
	leader.exec("alter system reset all")
	leader.exec("select pg_reload_conf()")
	// Rows of every type that the tools read, through both protocols.
	var id int32
	var text string
	var flag bool
	var when time.Time
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol} {
		row := conn.QueryRow(ctx, "select $1::int, $2::text, $3::bool, now()", mode, 7, "it's", true)
		if err := row.Scan(&id, &text, &flag, &when); err != nil || id != 7 || text != "it's" || !flag || time.Since(when).Abs() > time.Minute {
			t.Errorf("mode %v: %d %q %v %v: %v", mode, id, text, flag, when, err)
		}
	}
}

package dma

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// View holds what one node answered about itself and about the cluster.
type View struct {
	// Node names the node asked, Address is where it should be a member.
	Node    string
	Address Address
	// Err is why it could not be asked; nothing else is set then. NoViews says that it answers SQL but has no
	// polar_dma_* views: the extension is not there, or the node is a logger.
	Err     error
	NoViews bool

	InRecovery bool
	SystemID   string // pg_control_system().system_identifier

	Status  Status
	Members MemberList // its own list (member_info_str)
	// Learners is learner_info_str as it is: empty when there are none.
	Learners   string
	PurgeIndex int64
	ClusterID  int64
	// FlushedLSN is the end of its own log on disk; ReplayLSN and ReceiveLSN are empty on a leader.
	FlushedLSN, ReplayLSN, ReceiveLSN string
	// LoggerStart is where a logger that is added now begins its log: '<commit_index>:<synced_tli>:<synced_lsn>', as
	// polar_dma_logger_start_point takes it. It means something only on the leader.
	LoggerStart string
	// LastXact is when the last transaction that it replayed was committed, by the leader's clock; empty on a node that
	// has led since it was started.
	LastXact string

	// DelayElection: as a follower it does not stand for election before DelayTimeout is over (as 36min), since
	// DelaySince at the latest: when the file was written that has the setting (engine: polar_dma_delay_election).
	DelayElection            bool
	DelayTimeout, DelaySince string

	// Changes are the statements of others that it runs: see Change.
	Changes []Change

	// Cluster is polar_dma_cluster_status and Replicas pg_stat_replication. Both mean something only on the leader:
	// everywhere else the local row says leader, and the others 0.
	Cluster  []Member
	Replicas []Replica
}

// Status is polar_dma_member_status, the one view in which a node's own role is right.
type Status struct {
	ServerID, Term, Leader, CommitIndex, LastLogTerm, LastLogIndex, VoteFor int64
	Role                                                                    Role
}

// Member is one row of polar_dma_cluster_status as the leader shows it. MatchIndex of a dead member just stops.
type Member struct {
	ServerID              int64
	IPPort                string
	MatchIndex, NextIndex int64
	Role                  Role
	ForceSync             bool
	Weight                int
	LearnerSource         int64
}

// Replica is one row of pg_stat_replication; the lags are intervals as text, empty when idle.
type Replica struct {
	ClientAddr, AppName, State             string
	SentLSN, WriteLSN, FlushLSN, ReplayLSN string
	WriteLag, FlushLag, ReplayLag          string
}

// Own returns the address that the node has by its own member list; a learner's list holds only itself.
func (v View) Own() (Address, bool) {
	own, ok := v.Members.At(int64(v.Members.Self))
	if !ok && v.Members.Self == 0 && len(v.Members.Entries) == 1 {
		own, ok = v.Members.Entries[0], true
	}
	if v.Err != nil || !ok {
		return Address{}, false
	}
	a, err := FromConsensus(own.IPPort)
	return a, err == nil
}

// Writable reports whether the node leads and takes writes. Role 2 alone comes 0.1 to 3 s before it is writable, and a leader
// that lost its majority keeps saying that it is not in recovery.
func (v View) Writable() bool {
	return v.Err == nil && v.Status.Role == Leader && !v.InRecovery
}

// Leads returns the address (host:consensusport) of the node that this one takes for the leader; empty when it knows none.
func (v View) Leads() string {
	if v.Err != nil || v.NoViews || v.Status.Leader == 0 {
		return ""
	}
	if v.Status.Role == Leader {
		return v.Address.Consensus()
	}
	// A learner's list of members holds itself alone, so that whoever is number 1 in the leader's is itself there.
	if v.Status.Role == Learner && len(v.Members.Entries) < 2 {
		return ""
	}
	e, _ := v.Members.At(v.Status.Leader)
	return e.IPPort
}

const viewQuery = `select pg_is_in_recovery(), (select system_identifier from pg_control_system()),
 pg_last_wal_replay_lsn(), pg_last_wal_receive_lsn(), pg_last_xact_replay_timestamp(),
 current_setting('polar_dma_delay_election', true), current_setting('polar_dma_delay_election_timeout', true);
` + changeQuery + `;
select server_id, current_term, current_leader, commit_index, last_log_term, last_log_index, paxos_role, vote_for
 from polar_dma_member_status;
select cluster_id, purge_index, member_info_str, learner_info_str from polar_dma_meta_status;
select flushed_lsn, commit_index || ':' || synced_tli || ':' || synced_lsn from polar_dma_consensus_status;
select server_id, ip_port, match_index, next_index, role, force_sync, election_weight, learner_source from polar_dma_cluster_status;
select client_addr, application_name, state, sent_lsn, write_lsn, flush_lsn, replay_lsn, write_lag, flush_lag, replay_lag
 from pg_stat_replication`

// Look asks a node for its view in one round trip. It never fails: what went wrong is in the view.
func Look(ctx context.Context, conn *pgx.Conn, node string, at Address) View {
	v := View{Node: node, Address: at}
	results, err := conn.PgConn().Exec(ctx, viewQuery).ReadAll()
	if Code(err) == "42P01" && len(results) > 0 && results[0].Err == nil {
		v.NoViews = true
		results, err = results[:min(2, len(results))], nil
	}
	if err == nil {
		err = v.read(results)
	}
	if err != nil {
		return View{Node: node, Address: at, Err: fmt.Errorf("ask for its view of the cluster: %w", err)}
	}
	if v.DelayElection {
		v.DelaySince = delaySince(ctx, conn)
	}
	return v
}

// delaySince is when the file was written that turns the delay of elections on; empty when that cannot be known.
func delaySince(ctx context.Context, conn *pgx.Conn) string {
	one := func(query string) string {
		results, err := conn.PgConn().Exec(ctx, query).ReadAll()
		if err != nil || len(results) != 1 || len(results[0].Rows) != 1 {
			return ""
		}
		return string(results[0].Rows[0][0])
	}
	file := one("select sourcefile from pg_settings where name = 'polar_dma_delay_election'")
	if file == "" {
		return ""
	}
	return one("select modification from pg_stat_file(" + Literal(file) + ")")
}

func (v *View) read(results []*pgconn.Result) error {
	if len(results) != 7 && !v.NoViews {
		return fmt.Errorf("the server answered %d of 7 questions", len(results))
	}
	var errs []error
	for i, result := range results {
		for _, raw := range result.Rows {
			r := &row{values: raw}
			switch i {
			case 0:
				v.InRecovery, v.SystemID = r.boolean(), r.text()
				v.ReplayLSN, v.ReceiveLSN, v.LastXact = r.text(), r.text(), r.text()
				v.DelayElection, v.DelayTimeout = r.text() == "on", r.text()
			case 1:
				v.change(r)
			case 2:
				v.Status = Status{ServerID: r.int(), Term: r.int(), Leader: r.int(), CommitIndex: r.int(), LastLogTerm: r.int(),
					LastLogIndex: r.int(), Role: Role(r.int()), VoteFor: r.int()}
			case 3:
				v.ClusterID, v.PurgeIndex = r.int(), r.int()
				members, err := ParseMembers(r.text())
				errs = append(errs, err)
				v.Members, v.Learners = members, r.text()
			case 4:
				v.FlushedLSN, v.LoggerStart = r.text(), r.text()
			case 5:
				v.Cluster = append(v.Cluster, Member{ServerID: r.int(), IPPort: r.text(), MatchIndex: r.int(), NextIndex: r.int(),
					Role: Role(r.int()), ForceSync: r.boolean(), Weight: int(r.int()), LearnerSource: r.int()})
			case 6:
				v.Replicas = append(v.Replicas, Replica{ClientAddr: r.address(), AppName: r.text(), State: r.text(), SentLSN: r.text(),
					WriteLSN: r.text(), FlushLSN: r.text(), ReplayLSN: r.text(), WriteLag: r.text(), FlushLag: r.text(), ReplayLag: r.text()})
			}
			errs = append(errs, r.err)
		}
	}
	return errors.Join(errs...)
}

// row reads the text values of a simple query one after the other; NULL reads as zero.
type row struct {
	values [][]byte
	next   int
	err    error
}

func (r *row) text() string {
	if r.next >= len(r.values) {
		r.err = fmt.Errorf("a row has %d columns, %d wanted", len(r.values), r.next+1)
		return ""
	}
	r.next++
	return string(r.values[r.next-1])
}

func (r *row) int() int64 {
	s := r.text()
	if s == "" {
		return 0
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("column %d holds %q, a number was expected", r.next, s)
	}
	return n
}

func (r *row) boolean() bool { return r.text() == "t" }

// address drops the netmask that inet's text form can have.
func (r *row) address() string {
	host, _, _ := strings.Cut(r.text(), "/")
	return host
}

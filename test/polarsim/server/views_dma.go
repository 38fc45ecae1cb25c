package server

import (
	"github.com/polarbook/polarbook/test/polarsim/consensus"
	"github.com/polarbook/polarbook/test/polarsim/sql"
)

// columns builds a column list from "name type" pairs.
func columns(pairs ...any) []sql.ResultColumn {
	var out []sql.ResultColumn
	for i := 0; i < len(pairs); i += 2 {
		oid, _ := pairs[i+1].(int)
		out = append(out, sql.ResultColumn{Name: pairs[i].(string), Type: uint32(oid)})
	}
	return out
}

// dmaView is one of polar_monitor's views.
type dmaView struct {
	columns []sql.ResultColumn
	rows    func(n *consensus.Node) [][]sql.Value
}

// dmaViews are the views of the extension polar_monitor, columns and types as the engine's SQL script has them.
var dmaViews = map[string]dmaView{
	"polar_dma_member_status": {
		columns("server_id", sql.Int8, "current_term", sql.Int8, "current_leader", sql.Int8, "commit_index", sql.Int8,
			"last_log_term", sql.Int8, "last_log_index", sql.Int8, "paxos_role", sql.Int4, "vote_for", sql.Int8),
		func(n *consensus.Node) [][]sql.Value {
			s := n.Status()
			return [][]sql.Value{{s.ServerID, s.Term, s.Leader, s.Commit, s.LastTerm, s.LastIndex, int64(s.Role), s.VotedFor}}
		},
	},
	"polar_dma_cluster_status": {
		columns("server_id", sql.Int8, "ip_port", sql.Text, "match_index", sql.Int8, "next_index", sql.Int8, "role", sql.Int4,
			"has_voted", sql.Bool, "force_sync", sql.Bool, "election_weight", sql.Int4, "learner_source", sql.Int8, "pipelining", sql.Bool),
		func(n *consensus.Node) [][]sql.Value {
			var out [][]sql.Value
			for _, m := range n.Members() {
				out = append(out, []sql.Value{m.ServerID, m.Address, m.Match, m.Next, int64(m.Role), m.Voted, false,
					int64(m.Weight), int64(0), m.Pipelining})
			}
			return out
		},
	},
	"polar_dma_consensus_status": {
		columns("state", sql.Int4, "term", sql.Int8, "log_term", sql.Int8, "xlog_term", sql.Int8, "leader_id", sql.Int8,
			"sync_rqst_lsn", sql.LSN, "synced_tli", sql.Int4, "synced_lsn", sql.LSN, "purge_lsn", sql.LSN,
			"commit_index", sql.Int8, "flushed_lsn", sql.LSN, "flushed_tli", sql.Int4, "appened_lsn", sql.LSN,
			"commit_queue_length", sql.Int8, "stats_queue_length", sql.Int8),
		func(n *consensus.Node) [][]sql.Value {
			s := n.Status()
			state := int64(0)
			switch {
			case s.Role == consensus.Leader || s.Role == consensus.NoRole:
				state = 1
			case s.Leader != 0:
				state = 2
			}
			return [][]sql.Value{{state, s.Term, s.LastTerm, s.LastTerm, s.Leader, sql.FormatLSN(s.LastLSN), int64(1),
				sql.FormatLSN(s.CommitLSN), sql.FormatLSN(s.PurgeLSN), s.Commit,
				sql.FormatLSN(s.LastLSN), int64(1), sql.FormatLSN(s.LastLSN), int64(0), int64(0)}}
		},
	},
	"polar_dma_meta_status": {
		columns("term", sql.Int8, "vote_for", sql.Int8, "last_leader_term", sql.Int8, "last_leader_log_index", sql.Int8,
			"scan_index", sql.Int8, "cluster_id", sql.Int8, "commit_index", sql.Int8, "purge_index", sql.Int8,
			"member_info_str", sql.Text, "learner_info_str", sql.Text),
		func(n *consensus.Node) [][]sql.Value {
			s := n.Status()
			var learners sql.Value
			if text := s.Meta.LearnerInfo(); text != "" {
				learners = text
			}
			return [][]sql.Value{{s.Term, s.VotedFor, int64(0), int64(0), int64(0), s.Meta.ClusterID, s.Commit, s.Meta.PurgeIndex,
				s.Meta.MemberInfo(), learners}}
		},
	},
	"polar_dma_log_status": {
		columns("term", sql.Int8, "current_index", sql.Int8, "sync_index", sql.Int8, "last_writ_lsn", sql.LSN,
			"last_write_timeline", sql.Int4, "last_append_term", sql.Int8, "next_append_term", sql.Int8,
			"variable_length_log_next_offset", sql.Int8, "disable_purge", sql.Bool),
		func(n *consensus.Node) [][]sql.Value {
			s := n.Status()
			return [][]sql.Value{{s.LastTerm, s.LastIndex + 1, s.LastIndex, sql.FormatLSN(s.LastLSN), int64(1),
				s.LastTerm, s.Term, s.LogBytes, true}}
		},
	},
}

// dmaRelation is nil when name is no view of polar_monitor's. Without the extension the views do not exist.
func (c *session) dmaRelation(context *sql.Context, name string) (*sql.Relation, error) {
	view, ok := dmaViews[name]
	d := context.State.Databases[context.Database]
	if !ok || d == nil || !d.HasMonitor() {
		return nil, nil
	}
	if !context.IsSuper() && !d.MayRead(name, context.User) {
		return nil, sql.Errorf("42501", "permission denied for view %s", name)
	}
	r := &sql.Relation{Columns: view.columns}
	if n := c.server.consensus(); n != nil {
		r.Rows = view.rows(n)
	}
	return r, nil
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/polarbook/polarbook/playbooks/engine"
)

type metricsCmd struct {
	hostOptions
	Wait   int    `default:"30" placeholder:"SECONDS" help:"Give a cluster up that has not answered after this many seconds."`
	Output string `short:"o" placeholder:"FILE" help:"Write to this file, whole or not at all, as node_exporter's textfile collector wants it."`
}

// Run asks all clusters of the inventory, or the one of --cluster. That one does not answer is a metric and no failure.
func (c *metricsCmd) Run(t *terminal, run runContext) error {
	output, err := c.ownFile(c.Output)
	if err != nil {
		return err
	}
	w, err := c.prepare(t)
	if err != nil {
		return err
	}
	readings, err := askClusters(w, run, func(o engine.Options, set clusterSet, name string) clusterReading {
		return w.reading(run, o, set, name, seconds(max(1, c.Wait)))
	})
	if err != nil {
		return err
	}
	for _, r := range readings {
		if r.failure != "" {
			w.warn(fmt.Sprintf("the cluster %s was not asked: %s", r.Cluster, r.failure))
		}
	}
	text := []byte(t.masked(metricsText(readings, time.Now())))
	if c.Output == "" {
		return t.print(text)
	}
	return replaceFile(output, text)
}

// reading asks one cluster, for a bounded time.
func (w *workplace) reading(run runContext, o engine.Options, set clusterSet, name string, limit time.Duration) clusterReading {
	r := clusterReading{Cluster: name}
	ctx, cancel := context.WithTimeout(run, limit)
	defer cancel()
	l, err := w.statusOf(ctx, o, set, name)
	if err == nil {
		var data []byte
		if data, err = json.Marshal(l.values); err == nil {
			err = json.Unmarshal(data, &r)
		}
	}
	r.Cluster = name
	if err != nil {
		r.failure = err.Error()
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) && l == nil {
		r.failure = fmt.Sprintf("no answer in %s", limit)
	}
	return r
}

// replaceFile writes a file that others may be reading, which they may: it tells nothing that is secret.
func replaceFile(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write the metrics: %w", err)
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("write the metrics: %w", err)
	}
	return nil
}

// clusterReading is what polarbook status knows of a cluster, as far as it is a number.
type clusterReading struct {
	Cluster   string          `json:"cluster"`
	Leader    string          `json:"leader"`
	Problem   string          `json:"problem"`
	Disagrees []string        `json:"disagrees"`
	Members   []memberReading `json:"members"`
	failure   string          // why it was not asked
}

// memberReading is a node of it; what is not known is nil.
type memberReading struct {
	Node, Address, Role, Version, Release string
	Answers, Streaming                    bool
	Term                                  *float64
	Weight                                *float64
	Log                                   *float64 `json:"log_index"`
	Commit                                *float64 `json:"commit_index"`
	Match                                 *float64 `json:"match_index"`
	Purge                                 *float64 `json:"purge_index"`
	Lag                                   *float64
	WriteLag                              string   `json:"write_lag"`
	FlushLag                              string   `json:"flush_lag"`
	ReplayLag                             string   `json:"replay_lag"`
	Flushed                               string   `json:"flushed_lsn"`
	Received                              string   `json:"received_lsn"`
	Replayed                              string   `json:"replayed_lsn"`
	Up                                    *float64 `json:"up_seconds"`
	WAL                                   *float64 `json:"wal_kb"`
	ConsensusLog                          *float64 `json:"consensus_log_kb"`
	Pending                               []string `json:"pending_restart"`
	Overrides                             []string `json:"overrides"`
	DelayElection                         *bool    `json:"delay_election"`
	Archiving                             *bool    `json:"archiving"`
	ArchiveFails                          bool     `json:"archive_fails"`
	ArchiveFailures                       *float64 `json:"archive_failures"`
	ArchiveWaiting                        *float64 `json:"archive_waiting"`
	ArchivedAt                            *float64 `json:"archived_at"`
	BackupAt                              *float64 `json:"backup_at"`
	Disks                                 []struct {
		Path  string
		Total float64 `json:"total_kb"`
		Free  float64 `json:"free_kb"`
	}
}

// family is a metric with its samples.
type family struct {
	name, help string
	samples    []string
}

// families keep metrics in the order in which they are first seen, since all samples of one stand together.
type families struct {
	list []*family
	by   map[string]*family
}

func (f *families) add(name, help string, value float64, labels ...string) {
	if f.by[name] == nil {
		f.by[name] = &family{name: name, help: help}
		f.list = append(f.list, f.by[name])
	}
	var pairs []string
	for i := 0; i+1 < len(labels); i += 2 {
		pairs = append(pairs, labels[i]+`="`+labelValue(labels[i+1])+`"`)
	}
	f.by[name].samples = append(f.by[name].samples, name+"{"+strings.Join(pairs, ",")+"} "+strconv.FormatFloat(value, 'f', -1, 64))
}

func (f *families) known(name, help string, value *float64, scale float64, labels ...string) {
	if value != nil {
		f.add(name, help, *value*scale, labels...)
	}
}

// labelValue is a text as the format wants it in quotes; what a terminal would obey is written out.
func labelValue(text string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(visible(text))
}

func (f *families) String() string {
	var b strings.Builder
	for _, m := range f.list {
		fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s gauge\n%s\n", m.name, m.help, m.name, strings.Join(m.samples, "\n"))
	}
	return b.String()
}

// voters counts the members that have a vote, and those of them that follow the leader, or are it.
func (r clusterReading) voters() (all, alive int) {
	for _, m := range r.Members {
		if m.Weight == nil {
			continue
		}
		all++
		if m.Node == r.Leader || m.Streaming {
			alive++
		}
	}
	return all, alive
}

// metricsText is what the hosts tell by themselves too, where metrics.yml was run (templates/polardb-metrics.sh.j2): the names, labels
// and words of what both tell are the same.
func metricsText(readings []clusterReading, now time.Time) string {
	f := &families{by: map[string]*family{}}
	for _, r := range readings {
		f.add("polardb_cluster_up", "Whether a node of the cluster answered.", truth(r.failure == ""), "cluster", r.Cluster)
		if r.failure != "" {
			continue
		}
		f.add("polardb_cluster_has_leader", "Whether a majority agrees who leads.", truth(r.Leader != ""), "cluster", r.Cluster)
		f.add("polardb_cluster_differences", "What is not as the inventory wants it, as polarbook status lists it.", float64(len(r.Disagrees)),
			"cluster", r.Cluster)
		f.add("polardb_cluster_members", "Members of the cluster.", float64(len(r.Members)), "cluster", r.Cluster)
		if all, alive := r.voters(); r.Leader != "" {
			f.add("polardb_cluster_voters", "Members of the cluster that have a vote.", float64(all), "cluster", r.Cluster)
			f.add("polardb_cluster_voters_alive", "Voters that follow the leader, and the leader.", float64(alive), "cluster", r.Cluster)
		}
	}
	for _, r := range readings {
		front := ""
		for _, m := range r.Members {
			if m.Node == r.Leader {
				front = m.Flushed
			}
		}
		for _, m := range r.Members {
			node := m.Node
			if strings.HasPrefix(node, "(") { // not in the inventory, which may be true of several
				node = m.Address
			}
			m.add(f, front, now, "cluster", r.Cluster, "node", node)
		}
	}
	return f.String()
}

// roleNames are the roles that a node can have, of which one is 1.
var roleNames = []string{"leader", "follower", "learner", "logger", "candidate"}

func (m memberReading) add(f *families, front string, now time.Time, who ...string) {
	with := func(more ...string) []string { return slices.Concat(who, more) }
	f.add("polardb_node_metrics_timestamp_seconds", "When the node was asked for what stands here.", float64(now.Unix()), who...)
	f.add("polardb_node_up", "Whether the server of the node answers.", truth(m.Answers), who...)
	f.add("polardb_node_info", "What the node is.", 1, with("address", m.Address, "version", m.Version, "release", m.Release)...)
	for _, role := range roleNames {
		f.add("polardb_node_role", "The role of the node: 1 for the one that it has.", truth(m.Role == role), with("role", role)...)
	}
	f.known("polardb_node_term", "The term in which the node is; each election begins one.", m.Term, 1, who...)
	f.known("polardb_node_weight", "The weight of the node in elections, 0 to 9.", m.Weight, 1, who...)
	f.known("polardb_node_log_index", "The last entry of the consensus log of the node.", m.Log, 1, who...)
	f.known("polardb_node_commit_index", "The last entry that the node knows to be committed.", m.Commit, 1, who...)
	f.known("polardb_node_match_index", "The last entry that the leader knows the node to have.", m.Match, 1, who...)
	f.known("polardb_node_purge_index", "The entry up to which the consensus log of the node was purged.", m.Purge, 1, who...)
	f.known("polardb_node_lag_entries", "Entries of the consensus log that the node lacks.", m.Lag, 1, who...)
	f.add("polardb_node_streaming", "Whether the leader sends the node its write-ahead log.", truth(m.Streaming), who...)
	for _, lag := range []struct{ kind, says, lsn, took string }{
		{"write", "received", m.Received, m.WriteLag}, {"flush", "", "", m.FlushLag}, {"replay", "replayed", m.Replayed, m.ReplayLag},
	} {
		if s, ok := intervalSeconds(lag.took); ok {
			f.add("polardb_node_"+lag.kind+"_lag_seconds", "Time until the node has a change, as the leader measures it: "+lag.kind+".", s, who...)
		}
		from, ok := lsnBytes(front)
		if to, known := lsnBytes(lag.lsn); ok && known && m.Role != "leader" {
			f.add("polardb_node_"+lag.kind+"_lag_bytes", "Write-ahead log that the leader has on disk and the node has not "+lag.says+".",
				math.Max(0, from-to), who...)
		}
	}
	f.known("polardb_node_uptime_seconds", "Time since the server of the node was started.", m.Up, 1, who...)
	f.known("polardb_node_wal_bytes", "Size of the write-ahead log of the node.", m.WAL, 1024, who...)
	f.known("polardb_node_consensus_log_bytes", "Size of the consensus log of the node.", m.ConsensusLog, 1024, who...)
	for _, d := range m.Disks {
		f.add("polardb_node_disk_size_bytes", "Size of the file system under a directory of the node.", d.Total*1024, with("path", d.Path)...)
		f.add("polardb_node_disk_free_bytes", "What is free of it.", d.Free*1024, with("path", d.Path)...)
	}
	if m.Answers {
		f.add("polardb_node_settings_pending", "Settings that wait for a restart.", float64(len(m.Pending)), who...)
		f.add("polardb_node_settings_overridden", "Settings that ALTER SYSTEM overrides.", float64(len(m.Overrides)), who...)
	}
	if m.DelayElection != nil {
		f.add("polardb_node_delay_election", "Whether the node waits before it stands for election (polar_dma_delay_election).",
			truth(*m.DelayElection), who...)
	}
	if m.Archiving != nil {
		f.add("polardb_node_archiving", "Whether the node archives its write-ahead log.", truth(*m.Archiving), who...)
		f.add("polardb_node_archive_failing", "Whether the last attempt to archive a file of the log failed.", truth(m.ArchiveFails), who...)
	}
	f.known("polardb_node_archive_failures", "Attempts to archive a file of the log that failed, since the statistics were reset.",
		m.ArchiveFailures, 1, who...)
	f.known("polardb_node_archived_timestamp_seconds", "When a file of the log was last archived.", m.ArchivedAt, 1, who...)
	f.known("polardb_node_archive_waiting", "Finished files of the log that are not archived.", m.ArchiveWaiting, 1, who...)
	f.known("polardb_node_backup_timestamp_seconds", "When the newest finished backup of the cluster on the host was finished.",
		m.BackupAt, 1, who...)
}

func truth(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// lsnBytes reads a place in the write-ahead log, such as 0/16E4230.
func lsnBytes(text string) (float64, bool) {
	high, low, ok := strings.Cut(text, "/")
	h, errHigh := strconv.ParseUint(high, 16, 32)
	l, errLow := strconv.ParseUint(low, 16, 32)
	return float64(h<<32 | l), ok && errHigh == nil && errLow == nil
}

// intervalSeconds reads an interval as the server writes it: [-][D days ]HH:MM:SS[.ffffff].
func intervalSeconds(text string) (float64, bool) {
	days := 0.0
	if before, after, ok := strings.Cut(text, " day"); ok {
		d, err := strconv.ParseFloat(before, 64)
		if err != nil {
			return 0, false
		}
		days, text = d, strings.TrimSpace(strings.TrimPrefix(after, "s"))
	}
	parts := strings.Split(text, ":")
	if len(parts) != 3 {
		return 0, false
	}
	total, sign := 0.0, 1.0
	for i, part := range parts {
		if i == 0 && strings.HasPrefix(part, "-") {
			sign, part = -1, part[1:]
		}
		n, err := strconv.ParseFloat(part, 64)
		if err != nil {
			return 0, false
		}
		total = total*60 + n
	}
	return days*86400 + sign*total, true
}

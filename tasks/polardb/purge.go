package polardb

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/tasks/remote"
)

type purgeArgs struct {
	ClusterArgs
	Before  string `arg:"before" doc:"purge the consensus log up to this index; not given: as far as every member has it"`
	Force   bool   `arg:"force" default:"no" doc:"purge the leader's log beyond what the slowest member has; that member must then be rebuilt"`
	Timeout int    `arg:"timeout" default:"10" doc:"seconds until the leader must show the purge"`
}

var purgeModule = tasks.Define(tasks.Module{
	Name:    "polardb_purge",
	Summary: "Free the consensus log that every member has",
	Notes: []string{
		"The index is computed from the match index of every member, including dead ones, and shown. " +
			"An index beyond the slowest member is refused unless force is given; one beyond the commit index is always refused.",
		"The module asks the engine which form it knows, PURGE LOGS BEFORE or PURGE LOGS TO. " +
			"The engine ignores the number of BEFORE (observed on 11.9) and uses the one that a change of weight or match index left " +
			"behind. The module sets that number right before the purge, with an address that no member has, " +
			"and back to 0 right after it, its value at the start of a server.",
		"purge_index is read back from every node. " +
			"The engine keeps a log that is smaller than polar_dma_log_keep_size but reports success. " +
			"A forced purge does not move purge_index; the size of the leader's log shows what it freed.",
	},
	Returns: []tasks.Return{
		{Name: "leader", Type: "str", Doc: "the node that leads"},
		{Name: "before", Type: "int", Doc: "the index up to which the log was purged"},
		{Name: "safe", Type: "int", Doc: "the index that every member has"},
		{Name: "slowest", Type: "str", Doc: "the member that is furthest behind"},
		{Name: "purge_index", Type: "dict", Doc: "each node's purge_index"},
	},
	Examples: `- polardb_purge:
    nodes: "{{ polardb_nodes }}"
    login_password: "{{ polardb_password }}"
  run_once: yes
`,
}, func(a *purgeArgs, _ tasks.Local) (tasks.Action, error) {
	list, err := a.Listed()
	if err != nil {
		return nil, err
	}
	p := &purgeAction{args: a, list: list}
	if a.Before != "" {
		if p.before, err = strconv.ParseInt(a.Before, 10, 64); err != nil || p.before < 1 {
			return nil, &tasks.ArgError{
				Module:  "polardb_purge",
				Arg:     "before",
				Problem: fmt.Sprintf("must be an index of the log, a number from 1, not %q", a.Before),
			}
		}
	} else if a.Force {
		return nil, &tasks.ArgError{Module: "polardb_purge", Arg: "before", Problem: "must be given with force: up to where?"}
	}
	return tasks.AskApply(p), nil
})

type purgeAction struct {
	args   *purgeArgs
	list   []WantedNode
	before int64 // 0: as far as every member has it
}

// purgeFound holds the cluster's view and the leader's settings of its log.
type purgeFound struct {
	clusterView
	Dialect  dma.PurgeDialect
	KeepSize string // polar_dma_log_keep_size
	Err      error
}

func (p *purgeAction) Ask(ctx context.Context, h tasks.Host, _ tasks.Found) (purgeFound, error) {
	members, err := p.args.view(ctx, h, p.list, electionPatience)
	found := purgeFound{clusterView: members}
	if err != nil {
		return found, err
	}
	if found.NoLeader == "" {
		on, err := NodeNamed(p.list, found.Leader.Node)
		if err != nil {
			return found, err
		}
		found.Err = p.args.use(ctx, h, on, true, func(conn *pgx.Conn) error {
			var err error
			if found.Dialect, err = dma.FindPurgeDialect(ctx, conn); err != nil {
				return err
			}
			return conn.QueryRow(ctx, "show polar_dma_log_keep_size").Scan(&found.KeepSize)
		})
	}
	return found, nil
}

type purgeChange struct {
	found purgeFound
	index int64
	force bool
	least string // the slowest member, when it holds the purge back; otherwise empty
}

func (p *purgeAction) Plan(found purgeFound) (tasks.Plan, *purgeChange, error) {
	switch {
	case found.NoLeader != "":
		return tasks.Plan{}, nil, &tasks.Failure{Msg: "only a leader can purge: " + found.NoLeader}
	case found.Err != nil:
		return tasks.Plan{}, nil, &tasks.Failure{
			Msg: "the leader " + found.Leader.Node + " cannot be asked about its log",
			Err: found.Err,
		}
	}
	leader := found.Leader
	safe, slowest, all := p.safe(leader)
	index := safe
	if p.before > 0 {
		index = p.before
	}
	values := map[string]any{
		"leader":      leader.Node,
		"before":      int(index),
		"safe":        int(safe),
		"slowest":     slowest,
		"purge_index": purgeIndexes(found.Survey),
	}
	change := purgeChange{found: found, index: index, force: index > safe}
	if index == safe && safe < leader.Status.CommitIndex {
		change.least = slowest
	}
	switch {
	case index > leader.Status.CommitIndex:
		return tasks.Plan{}, nil, &tasks.Failure{
			Msg: fmt.Sprintf("the log cannot be purged up to %d: %s has committed it up to %d",
				index, leader.Node, leader.Status.CommitIndex),
		}
	case change.force && !p.args.Force:
		return tasks.Plan{}, nil, &tasks.Failure{
			Msg: fmt.Sprintf("the log cannot be purged up to %d: %s has it only up to %d (%s)", index, slowest, safe, all),
			Hint: fmt.Sprintf("at most -e before=%d, or wait until %s has caught up; "+
				"with -e force=yes the leader %s frees it all the same, and %s must then be rebuilt",
				safe, slowest, leader.Node, slowest),
		}
	case change.force:
		return tasks.Plan{
			Change: true,
			Values: values,
			Msg: fmt.Sprintf("purge the log of the leader %s alone, by force, up to %d; %s has it only up to %d and must then be rebuilt (%s)",
				leader.Node, index, slowest, safe, all),
		}, &change, nil
	case index <= leader.PurgeIndex:
		return tasks.Plan{Values: values, Msg: fmt.Sprintf("the log is already purged up to %d (%s)", leader.PurgeIndex, all)}, nil, nil
	}
	return tasks.Plan{
		Change: true,
		Values: values,
		Msg: fmt.Sprintf("purge the log up to %d, from %d on the leader %s; every member has it (%s)",
			index, leader.PurgeIndex, leader.Node, all),
	}, &change, nil
}

// safe returns the index up to which every member has the log, the slowest member, and the index of each as text.
func (p *purgeAction) safe(leader dma.View) (safe int64, slowest, all string) {
	safe = leader.Status.CommitIndex
	slowest = leader.Node
	var parts []string
	for _, m := range leader.Cluster {
		name := m.IPPort
		for _, n := range p.list {
			if n.Address.Consensus() == m.IPPort {
				name = n.Name
			}
		}
		has := m.MatchIndex
		if m.IPPort == leader.Address.Consensus() {
			has = leader.Status.LastLogIndex
		}
		parts = append(parts, fmt.Sprintf("%s %d", name, has))
		if has < safe {
			safe, slowest = has, name
		}
	}
	return safe, slowest, strings.Join(parts, ", ")
}

func purgeIndexes(survey dma.Survey) map[string]any {
	all := map[string]any{}
	for _, v := range survey {
		if v.Err == nil && !v.NoViews {
			all[v.Node] = int(v.PurgeIndex)
		}
	}
	return all
}

func (p *purgeAction) Apply(ctx context.Context, h tasks.Host, plan tasks.Plan, change *purgeChange) (tasks.Result, error) {
	was := change.found.Leader
	size, sizeErr := int64(0), error(nil)
	if change.force {
		size, sizeErr = p.logSize(ctx, h, was)
	}
	// A leader that is busy, or was elected a moment ago, purges only a part: the order has to be repeated.
	deadline := time.Now().Add(time.Duration(p.args.Timeout) * time.Second)
	var leader dma.View
	var survey dma.Survey
	for {
		if err := p.send(ctx, h, change); err != nil {
			return tasks.Result{}, &tasks.Failure{
				Msg: fmt.Sprintf("the log of %s was not purged up to %d", was.Node, change.index),
				Err: err,
			}
		}
		var saw string
		var err error
		leader, survey, saw, err = p.args.await(ctx, h, p.list, min(purgePause, time.Until(deadline)),
			func(_ dma.Survey, leader dma.View) string {
				switch {
				case leader.Node != was.Node:
					return fmt.Sprintf("%s leads instead of %s", leader.Node, was.Node)
				case !change.force && leader.PurgeIndex < change.index:
					return fmt.Sprintf("%s has purge_index %d, wanted %d", leader.Node, leader.PurgeIndex, change.index)
				}
				return ""
			})
		if err != nil {
			return tasks.Result{}, err
		}
		if saw == "" || leader.Node != was.Node || time.Now().After(deadline) {
			break
		}
	}
	r := tasks.Result{Changed: true, Values: map[string]any{"purge_index": purgeIndexes(survey)}}
	if change.force && leader.Node == was.Node {
		return p.freed(ctx, h, change, r, size, sizeErr)
	}
	return purged(r, was, leader, change, listed(p.list, purgeIndexes(survey)))
}

// purgePause is the time between two orders to the same leader.
const purgePause = 3 * time.Second

// purged returns the result of a purge from the leader's view before it and the leader's view now.
func purged(r tasks.Result, was, now dma.View, change *purgeChange, indexes string) (tasks.Result, error) {
	switch {
	case now.Node == "":
		return r, &tasks.Failure{
			Msg:  fmt.Sprintf("the purge was sent to %s, but there is no leader now", was.Node),
			Hint: "see polarbook status, and purge again",
		}
	case now.Node != was.Node:
		return r, &tasks.Failure{
			Msg:  fmt.Sprintf("the purge was sent to %s, but %s leads now", was.Node, now.Node),
			Hint: "purge again",
		}
	case now.PurgeIndex >= change.index:
		r.Msg = fmt.Sprintf("purged up to %d; purge_index now: %s", change.index, indexes)
		if change.least != "" {
			r.Msg = fmt.Sprintf("purged up to %d, because %s has no more; purge_index now: %s", change.index, change.least, indexes)
		}
	case now.PurgeIndex == was.PurgeIndex:
		r.Changed = false
		r.Msg = fmt.Sprintf("the engine kept its log: it purges nothing while the log is smaller than polar_dma_log_keep_size (%s); "+
			"purge_index is still %d",
			change.found.KeepSize, was.PurgeIndex)
	default:
		r.Msg = fmt.Sprintf("purged up to %d; purge_index now: %s", now.PurgeIndex, indexes)
		r.Warnings = []string{fmt.Sprintf("%s freed its log up to %d and keeps the rest, up to %d, "+
			"for now (polar_dma_log_keep_size is %s); purge again later",
			now.Node, now.PurgeIndex, change.index, change.found.KeepSize)}
	}
	return r, nil
}

func listed(list []WantedNode, values map[string]any) string {
	var parts []string
	for _, n := range list {
		if v, ok := values[n.Name]; ok {
			parts = append(parts, fmt.Sprintf("%s %v", n.Name, v))
		}
	}
	return strings.Join(parts, ", ")
}

// send purges the log. For PURGE LOGS BEFORE it sets the number that the engine uses, and clears it again.
func (p *purgeAction) send(ctx context.Context, h tasks.Host, change *purgeChange) error {
	on := change.found.Leader
	return p.args.changing(ctx, h, on, func(conn *pgx.Conn) error {
		run := func(ctx context.Context, statement string) error {
			h.Say("on " + on.Node + ": " + statement)
			return dma.Command(ctx, conn, statement)
		}
		limited, cancel := context.WithTimeout(ctx, 60*time.Second)
		defer cancel()
		dialect := change.found.Dialect
		statement := dialect.Purge(change.index)
		if change.force {
			statement = dialect.ForcePurge(change.index)
		}
		if dialect == dma.PurgeTo {
			return run(limited, statement)
		}
		if err := run(limited, dma.SetPurgeNumber(change.index)); err != nil {
			return err
		}
		err := run(limited, statement)
		after, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
		defer cancel()
		if left := run(after, dma.SetPurgeNumber(0)); left != nil {
			return errors.Join(err, fmt.Errorf("clear the number %d, which the next PURGE LOGS on %s would use: %w",
				change.index, on.Node, left))
		}
		return err
	})
}

// freed returns the result of a forced purge. No view shows what it did, so it compares the size of the log with the one before.
func (p *purgeAction) freed(
	ctx context.Context, h tasks.Host, change *purgeChange, r tasks.Result, size int64, sizeErr error,
) (tasks.Result, error) {
	_, slowest, _ := p.safe(change.found.Leader)
	now, err := p.logSize(ctx, h, change.found.Leader)
	if err = errors.Join(sizeErr, err); err != nil {
		r.Msg = fmt.Sprintf("purged by force up to %d; what that freed is not known: %v", change.index, err)
	} else {
		r.Changed = now < size
		r.Msg = fmt.Sprintf("purged by force up to %d: the log of %s takes %d kB, it took %d kB (the engine frees whole files)",
			change.index, change.found.Leader.Node, now, size)
	}
	r.Warnings = []string{
		slowest + " may now need log that the leader no longer has; check whether it streams, and rebuild it if it does not",
	}
	return r, nil
}

// logSize returns the size of a node's consensus log in kilobytes, as du measures it.
func (p *purgeAction) logSize(ctx context.Context, h tasks.Host, of dma.View) (int64, error) {
	on, err := NodeNamed(p.list, of.Node)
	if err != nil {
		return 0, err
	}
	dir := ""
	err = p.args.use(ctx, h, on, true, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, "show polar_datadir").Scan(&dir)
	})
	if err != nil {
		return 0, err
	}
	_, dir, _ = strings.Cut(dir, "://")
	host, err := h.Peer(ctx, of.Node)
	if err != nil {
		return 0, err
	}
	answer, err := host.Shell().Run(ctx, remote.Command{
		Script: "du -sk -- " + remote.Quote(strings.TrimRight(dir, "/")+"/polar_dma/consensus_log"),
	})
	if err != nil {
		return 0, err
	}
	number, _, _ := strings.Cut(string(answer.Stdout), "\t")
	kilobytes, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("du on %s: %s", of.Node, strings.TrimSpace(string(answer.Stderr)))
	}
	return kilobytes, nil
}

package polardb

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/convert"
	"github.com/polarbook/polarbook/tasks/dma"
)

var statusModule = tasks.Define(tasks.Module{
	Name:    "polardb_status",
	Summary: "Show the cluster as its nodes see it, and how it differs from the inventory",
	Notes:   []string{"Asks every node once and waits for none. It fails only when no node answers at all."},
	Returns: []tasks.Return{
		{Name: "leader", Type: "str", Doc: "the node that leads by the word of a majority; empty when none does"},
		{Name: "problem", Type: "str", Doc: "why there is no such leader; empty when there is one"},
		{
			Name: "members",
			Type: "list",
			Doc: "one dict for each node: node, address, answers, role, weight, term, log_index, commit_index, match_index, lag, write_lag, " +
				"flush_lag, replay_lag, received_lsn, replayed_lsn, streaming, delay_election, says",
		},
		{Name: "disagrees", Type: "list", Doc: "the differences between the cluster and the inventory"},
		{
			Name: "unfinished",
			Type: "list",
			Doc: "recoveries of the majority that were cut off, one dict each: survivor, lost, weights, ahead, and the command that " +
				"finishes it",
		},
		{
			Name: "remarks",
			Type: "list",
			Doc: "what is worth knowing but not wrong: delayed elections, and with details full disks, settings that need a restart, and " +
				"what ALTER SYSTEM overrides",
		},
		{Name: "table", Type: "str", Doc: "the members as a table"},
		{
			Name: "endpoint",
			Type: "dict",
			Doc: "with details and endpoint: address, holders (the hosts that have the address), proxies, running (those whose HAProxy runs), " +
				"says, and hosts: a list of host, answers, holds, proxy, and units with the state of each",
		},
		{
			Name: "details",
			Type: "str",
			Doc: "with details: a table of each node's version, release, uptime, sizes of the logs and free disk; as values each member " +
				"has version, release, up_seconds, wal_kb, consensus_log_kb, disks, pending_restart, overrides, scheduled_backup, archiving, " +
				"archive_fails, archive_failures, archived_at, archive_waiting (finished files of the log that are not archived) and " +
				"backup_at (when the newest finished backup on the host was finished); times are in seconds since 1970",
		},
	},
	Examples: `- polardb_status:
    nodes: "{{ polardb_nodes }}"
    login_password: "{{ polardb_password }}"
  run_once: yes
  register: cluster
`,
}, func(a *statusArgs, _ tasks.Local) (tasks.Action, error) {
	list, err := a.Listed()
	return tasks.Ask(&statusAction{args: a, list: list}), err
})

type statusArgs struct {
	ClusterArgs
	Settled             bool   `arg:"settled" default:"no" doc:"wait until no node runs a statement that changes the members"`
	Details             bool   `arg:"details" default:"no" doc:"also ask each node for its version and settings, and its host for its disks"`
	ReplicationUser     string `arg:"replication_user" doc:"the role that members replicate with"`
	ReplicationPassword string `arg:"replication_password,secret" doc:"the inventory's password for it; another is a difference"`
	ReplicationConninfo string `arg:"replication_conninfo,secret" doc:"the same password, quoted (filter postgres_conninfo); details report a server that was started with another"`
	Cluster             string `arg:"cluster" doc:"the cluster's name, for which details look for backups"`
	Backups             string `arg:"backups,path" doc:"where backups lie on each host"`
	MaxLag              int    `arg:"max_lag" default:"1000" doc:"log entries by which a member may lag before that is a difference"`

	Endpoint map[string]any `arg:"endpoint" doc:"polardb_endpoint: details tell who has it, and whether its units run; empty: they do not"`
}

type statusAction struct {
	args *statusArgs
	list []WantedNode
}

type statusFound struct {
	survey     dma.Survey
	details    map[string]nodeDetails
	unfinished []*recoveryNote
	passwords  passwordsFound
	endpoint   *endpointState // nil: not asked
}

func (s *statusAction) Ask(ctx context.Context, h tasks.Host, _ tasks.Found) (statusFound, error) {
	found := statusFound{}
	if s.args.Settled {
		var err error
		if found.survey, err = s.args.survey(ctx, h, s.list); err != nil {
			return found, err
		}
	} else {
		found.survey = s.args.glance(ctx, h, s.list)
	}
	if s.args.Details {
		found.details = s.args.details(ctx, h, s.list, found.survey, backupsOf{s.args.Cluster, s.args.Backups})
	}
	if s.args.Details && len(s.args.Endpoint) > 0 {
		wanted := s.args.wantedEndpoint()
		found.endpoint = &endpointState{wanted, wanted.ask(ctx, h, s.list)}
	}
	found.unfinished = recoveries(ctx, h, s.list, found.survey)
	if s.args.ReplicationUser != "" {
		found.passwords = s.args.stored(ctx, h, s.list, found.survey, s.args.ReplicationUser)
	}
	return found, nil
}

func (s *statusAction) Plan(found statusFound) (tasks.Plan, error) {
	survey, unfinished, hint := found.survey, []any{}, ""
	for _, n := range found.unfinished {
		unfinished, hint = append(unfinished, n.values()), n.String()
	}
	answers := 0
	for _, v := range survey {
		if v.Err == nil {
			answers++
		}
	}
	var refused *tasks.Failure
	if answers == 0 && errors.As(passwordRefused(survey, s.args.LoginUser), &refused) {
		return tasks.Plan{}, &tasks.Failure{Msg: refused.Msg, Hint: refused.Hint, Values: map[string]any{"unfinished": unfinished}}
	}
	if answers == 0 {
		return tasks.Plan{}, &tasks.Failure{
			Msg:    "no node answers: " + survey.String(),
			Hint:   hint,
			Values: map[string]any{"unfinished": unfinished},
		}
	}
	leader, err := leads(survey)
	values := map[string]any{"leader": leader.Node, "problem": "", "details": "", "unfinished": unfinished}
	var wrong, remarks []string
	if err != nil {
		values["problem"] = err.Error()
	} else {
		wrong, remarks = append(doubts(survey, leader, s.list), s.late(survey, leader)...), delayWarnings(survey)
	}
	doubt := found.passwords.doubt(s.args.ReplicationUser, s.args.ReplicationPassword)
	if doubt != nil {
		wrong = append(wrong, doubt.Error())
	}
	if text, sent := inHand(survey); sent {
		remarks = append(remarks, "the members are being changed, "+text)
	}
	members := clusterMembers(survey, leader, s.list)
	table := memberTable(members)
	values["members"], values["table"] = members, table
	msg := table
	if found.details != nil {
		for i, n := range s.list {
			d := found.details[n.Name]
			more, faults := d.remarks(n.Name)
			remarks, wrong = append(remarks, more...), append(wrong, faults...)
			if doubt == nil && s.args.ReplicationConninfo != "" && d.outdated(s.args.ReplicationConninfo) {
				wrong = append(wrong, fmt.Sprintf(
					"%s was started with an old password of %s and could not log in to a leader again: polarbook run rotate-password.yml",
					n.Name, s.args.ReplicationUser))
			}
			maps.Copy(members[i].(map[string]any), d.values())
		}
		schedules := map[string]schedule{}
		for name, d := range found.details {
			if d.seen {
				schedules[name] = d.Backups
			}
		}
		more, faults := scheduleDoubts(s.list, schedules)
		remarks, wrong = append(remarks, more...), append(wrong, faults...)
		details := detailsTable(s.list, found.details)
		values["details"] = details
		msg += "\n\n" + details
	}
	if e := found.endpoint; e != nil {
		remarks = append(remarks, e.remarks(s.list, leader.Node)...)
		values["endpoint"] = e.values()
		msg += "\n\nendpoint " + e.String()
	}
	values["disagrees"], values["remarks"] = convert.AnyTexts(wrong), convert.AnyTexts(remarks)
	return tasks.Plan{Values: values, Msg: msg, Warnings: remarks}, nil
}

// late lists the members that are more than max_lag log entries behind the leader.
func (s *statusAction) late(survey dma.Survey, leader dma.View) []string {
	var all []string
	for _, n := range s.list {
		row, member := leader.Member(n.Address)
		if v, _ := survey.Of(n.Name); !member || v.Err != nil || n.Name == leader.Node {
			continue
		}
		if behind := leader.Status.LastLogIndex - row.MatchIndex; behind > int64(s.args.MaxLag) {
			all = append(all, fmt.Sprintf("%s is %d log entries behind %s", n.Name, behind, leader.Node))
		}
	}
	return all
}

// clusterMembers returns one dict for each node of the inventory, and one for each member that the inventory lacks. What is not
// known is left out: an absent number must not look like a zero.
func clusterMembers(survey dma.Survey, leader dma.View, list []WantedNode) []any {
	var members []any
	for _, v := range survey {
		m := map[string]any{"node": v.Node, "address": v.Address.String(), "answers": v.Err == nil, "says": v.String()}
		wanted, _ := NodeNamed(list, v.Node)
		m["wanted_role"] = wanted.Role
		if v.Err == nil && !v.NoViews {
			m["role"], m["term"] = v.Status.Role.String(), int(v.Status.Term)
			m["log_index"], m["commit_index"], m["purge_index"] = int(v.Status.LastLogIndex), int(v.Status.CommitIndex), int(v.PurgeIndex)
			m["flushed_lsn"], m["delay_election"] = v.FlushedLSN, v.DelayElection
		}
		if v.Err == nil {
			m["received_lsn"], m["replayed_lsn"] = v.ReceiveLSN, v.ReplayLSN
		}
		fillFromLeader(m, leader, v.Address.Consensus(), wanted.Role == roleLogger)
		members = append(members, m)
	}
	for _, row := range leader.Cluster {
		if _, known := survey.At(row.IPPort); known {
			continue
		}
		a, _ := dma.FromConsensus(row.IPPort)
		m := map[string]any{"node": "(not in the inventory)", "address": a.String(), "answers": false, "says": "not asked"}
		fillFromLeader(m, leader, row.IPPort, false)
		members = append(members, m)
	}
	return members
}

func fillFromLeader(m map[string]any, leader dma.View, ipPort string, logger bool) {
	for _, row := range leader.Cluster {
		if row.IPPort != ipPort {
			continue
		}
		m["listed_role"], m["server_id"], m["match_index"] = row.Role.String(), int(row.ServerID), int(row.MatchIndex)
		m["lag"] = int(max(0, leader.Status.LastLogIndex-row.MatchIndex))
		if row.Role != dma.Learner {
			m["weight"] = row.Weight
		}
		if _, own := m["role"]; !own {
			m["role"] = row.Role.String()
		}
		if logger {
			m["role"] = roleLogger
		}
	}
	if r, ok := leader.ReplicaOf(ipPort); ok {
		m["streaming"] = true
		m["write_lag"], m["flush_lag"], m["replay_lag"] = r.WriteLag, r.FlushLag, r.ReplayLag
		m["leader_sees_replay_lsn"] = r.ReplayLSN
	}
}

// memberTable returns the members as a table.
func memberTable(members []any) string {
	head := []string{"NODE", "ADDRESS", "ROLE", "WEIGHT", "TERM", "LOG", "COMMIT", "MATCH", "BEHIND", "STREAMS", "REPLAYED"}
	rows := [][]string{head}
	for _, item := range members {
		m := item.(map[string]any)
		role := text(m["role"])
		if m["answers"] == false {
			role = "NO ANSWER"
			if listed := text(m["listed_role"]); listed != "-" {
				role += " (" + listed + ")"
			}
		}
		streams := "-"
		if m["streaming"] == true {
			streams = "yes"
		} else if role != "leader" && m["answers"] == true {
			streams = "no"
		}
		rows = append(rows, []string{
			text(m["node"]), text(m["address"]), role, text(m["weight"]), text(m["term"]), text(m["log_index"]),
			text(m["commit_index"]), text(m["match_index"]), text(m["lag"]), streams, text(m["replayed_lsn"]),
		})
	}
	return Columns(rows)
}

func text(v any) string {
	switch v := v.(type) {
	case nil:
		return "-"
	case string:
		if v == "" {
			return "-"
		}
		return v
	case int:
		return strconv.Itoa(v)
	}
	return fmt.Sprint(v)
}

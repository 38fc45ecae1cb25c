package polardb

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

type basebackupArgs struct {
	NodeArgs
	ClusterArgs
	OwnFilesArgs
	ReplicationUser     string `arg:"replication_user" default:"replicator" doc:"the role that copies"`
	ReplicationPassword string `arg:"replication_password,required,secret" doc:"its password"`
	SSLRootCert         string `arg:"sslrootcert" doc:"the host's file of CAs for the leader's certificate; empty: TLS is not required"`
	Timeout             int    `arg:"timeout" default:"86400" doc:"seconds that the copy may take"`
}

var basebackupModule = tasks.Define(tasks.Module{
	Name:    "polardb_basebackup",
	Summary: "Fill a node's data directories with a base backup of the leader",
	Notes: []string{
		"Copies only into directories that are absent or empty, or that polarbook began to fill and did not finish; " +
			"those are emptied first. Anything else is refused and left as it is.",
		"Tablespaces are copied to the same paths as on the leader; see polardb_tablespaces. " +
			"What an earlier copy of this node left there is removed.",
		"Asks the nodes who leads when the copy starts. " +
			"The password goes to the host in a file that only the engine's account can read and that is removed at the end.",
		"A copy contains the leader's configuration and consensus meta: " +
			"write this node's own configuration and run polardb_meta before starting it.",
		"Of own_files those that polardb_retire kept are put back; of one that this node never had a warning says that it is the leader's.",
	},
	Returns: []tasks.Return{{Name: "source", Type: "str", Doc: "the node that was copied"}},
	Examples: `- name: Copy the leader
  polardb_basebackup:
    pgdata: /var/lib/polardb/pgdata
    polardata: /var/lib/polardb/polardata
    cluster: demo
    nodes: "{{ polardb_nodes }}"
    login_password: "{{ polardb_password }}"
    replication_password: "{{ polardb_replication_password }}"
`,
}, func(a *basebackupArgs, _ tasks.Local) (tasks.Action, error) {
	if err := a.Check(); err != nil {
		return nil, err
	}
	if err := a.OwnFilesArgs.check("polardb_basebackup"); err != nil {
		return nil, err
	}
	if err := checkReplication("polardb_basebackup", a.ReplicationUser, a.ReplicationPassword); err != nil {
		return nil, err
	}
	list, err := a.Listed()
	return tasks.ProbeApply(&basebackupAction{args: a, list: list}), err
})

type basebackupAction struct {
	args *basebackupArgs
	list []WantedNode
}

func (b *basebackupAction) Probe() string { return b.args.Probe() }

func (b *basebackupAction) Plan(f tasks.Found) (tasks.Plan, *NodeState, error) {
	a := b.args
	s, err := ParseNode(f)
	if err != nil {
		return tasks.Plan{}, nil, err
	}
	if err := s.Refuse(&a.NodeArgs); err != nil {
		return tasks.Plan{}, nil, err
	}
	switch {
	case s.Whole(&a.NodeArgs) && s.outdated(&a.NodeArgs):
		return a.update(s), nil, nil
	case s.Whole(&a.NodeArgs):
		return tasks.Plan{Msg: "the data directories are whole"}, nil, nil
	case s.Basebackup == "":
		unknown := "the engine is not installed under " + a.Home + "/current yet"
		return tasks.Plan{Change: true, Unknown: unknown, Msg: "copy the leader"}, nil, nil
	case s.Unfinished(&a.NodeArgs):
		msg := fmt.Sprintf("empty %s and %s, which polarbook began and did not finish (%s), and copy the leader", a.Pgdata, a.Polardata, s.Step)
		return tasks.Plan{Change: true, Msg: msg}, &s, nil
	}
	return tasks.Plan{Change: true, Msg: "copy the leader into " + a.Pgdata + " and " + a.Polardata}, &s, nil
}

func (b *basebackupAction) Apply(ctx context.Context, h tasks.Host, p tasks.Plan, was *NodeState) (tasks.Result, error) {
	a := b.args
	if p.Script != "" {
		_, err := files.RunPlan(ctx, h.Shell(), p)
		return tasks.Result{Changed: true, Msg: p.Msg}, err
	}
	if was == nil {
		return tasks.Result{}, &tasks.Failure{Msg: "the engine is not installed under " + a.Home + "/current",
			Hint: "run the tasks that install it first"}
	}
	leader, _, err := a.leader(ctx, h, b.list, electionPatience)
	if err != nil {
		return tasks.Result{}, &tasks.Failure{Msg: "a base backup needs a leader to copy", Err: err}
	}
	if err := a.checkSource(ctx, h, b.list, leader); err != nil {
		return tasks.Result{}, err
	}
	spaces, err := a.copyable(ctx, h, b.list, leader)
	if err != nil {
		return tasks.Result{}, err
	}
	doubts, err := a.spaceDoubts(ctx, h, spaces)
	if err == nil {
		err = refuseSpaces(doubts)
	}
	if err == nil {
		err = a.announce(ctx, h, b.list, leader, spaces)
	}
	if err != nil {
		return tasks.Result{}, err
	}
	h.Say("copying " + leader.Node + " (" + leader.Address.String() + ")")
	v := a.beginning(stepCopy, *was)
	v["TOOL"], v["TIMEOUT"], v["CA"], v["REPLICATOR"] = was.Basebackup, a.Timeout, a.SSLRootCert, a.ReplicationUser
	v["LEADER"], v["PORT"] = leader.Address.Host, leader.Address.Port
	text := a.script("polardb_basebackup", v, locations(spaces)...)
	// The line names no host, port or database, because the file exists for this one command.
	pass := passLine(a.ReplicationUser, a.ReplicationPassword)
	c := &copying{args: &a.ClusterArgs, source: leader, writer: leader.Node, what: "basebackup"}
	answer, err := c.run(ctx, h, text, strings.NewReader(pass), nil)
	switch {
	case err != nil:
		return tasks.Result{}, err
	case answer.Status == 124:
		return tasks.Result{}, &tasks.Failure{Msg: fmt.Sprintf("the base backup of %s did not finish within %d s", leader.Node, a.Timeout),
			Hint: "raise timeout; the next run starts the copy over"}
	case answer.Status != 0:
		failure := &tasks.Failure{Msg: fmt.Sprintf("the base backup of %s failed with exit status %d: %s",
			leader.Node, answer.Status, strings.Join(c.last, "\n")),
			Hint: runAgain, Values: map[string]any{"rc": answer.Status}}
		if full := a.full(ctx, h); full != "" {
			failure.Msg = fmt.Sprintf("the base backup of %s failed with exit status %d: no space left on device: %s is full",
				leader.Node, answer.Status, full)
			failure.Hint = "make room on " + full + ", then " + runAgain
		}
		return tasks.Result{}, failure
	}
	if err := c.doubt(); err != nil {
		return tasks.Result{}, err
	}
	if err := a.sameSpaces(ctx, h, b.list, leader, spaces); err != nil {
		return tasks.Result{}, err
	}
	warnings, err := a.copied(ctx, h.Shell(), &a.NodeArgs, stepCopy, leader.Node)
	if err != nil {
		return tasks.Result{}, err
	}
	return tasks.Result{Changed: true, Msg: "copied " + leader.Node, Values: map[string]any{"source": leader.Node}, Warnings: warnings}, nil
}

// full returns the mount points of the data directories' file systems that are full, joined by "and"; empty: none is.
func (a *NodeArgs) full(ctx context.Context, h tasks.Host) string {
	return fullDisks(ctx, h, path.Dir(a.Pgdata), path.Dir(a.Polardata))
}

// fullDisks returns the mount points of the file systems under these directories that have less than 1 MiB left, joined by
// "and". Programs that run into a full disk often report something else.
func fullDisks(ctx context.Context, h tasks.Host, dirs ...string) string {
	answer, err := h.Shell().Run(ctx, remote.Command{Script: scripts.Script("polardb_full", nil, dirs...)})
	if err != nil {
		return ""
	}
	var found struct {
		Full []string `answer:"full"`
	}
	if err := script.Decode(answer.Stdout, &found); err != nil {
		return ""
	}
	return strings.Join(found.Full, " and ")
}

// pgpass escapes a field of a password file.
func pgpass(s string) string { return strings.NewReplacer(`\`, `\\`, `:`, `\:`).Replace(s) }

package polardb

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/script"
)

type backupArgs struct {
	ClusterArgs
	To                  string `arg:"to,required,path" doc:"the directory on the host, which gets pgdata, polardata and tablespaces"`
	Home                string `arg:"home" default:"/opt/polardb" doc:"where the engine is installed"`
	User                string `arg:"user" default:"polardb" doc:"the account that the copy belongs to"`
	Cluster             string `arg:"cluster" default:"polardb" doc:"the cluster's name, noted with the backup"`
	ReplicationUser     string `arg:"replication_user" default:"replicator" doc:"the role that copies"`
	ReplicationPassword string `arg:"replication_password,required,secret" doc:"its password"`
	SSLRootCert         string `arg:"sslrootcert" doc:"the host's file of CAs for the leader's certificate; empty: TLS is not required"`
	Timeout             int    `arg:"timeout" default:"86400" doc:"seconds that the copy may take"`
}

var backupModule = tasks.Define(tasks.Module{
	Name:    "polardb_backup",
	Summary: "Take a base backup of the leader into a directory, and verify it",
	Notes: []string{
		"Writes into a directory that is absent or empty, or in which polarbook began a backup that was not finished. " +
			"A finished backup is left as it is; a directory that holds anything else is refused.",
		"A backup is finished when the engine's tool succeeded, pg_controldata reads POLARDATA/global/pg_control, " +
			"and SHA256SUMS lists every file. The file backup.polarbook records it, and is written last.",
		"Each tablespace goes into tablespaces/NUMBER, and the copy's links in pgdata/pg_tblspc lead there, " +
			"never to where the cluster has it; backup.polarbook records that place. " +
			"Tablespaces that a base backup cannot take are refused: see polardb_tablespaces.",
		"The copy holds the leader's configuration with the replication password, so the directory is for the engine's account alone, " +
			"which writes everything in it. " +
			"A directory that another account owns, or could replace because it can write in a directory above, is refused.",
	},
	Returns: []tasks.Return{
		{Name: "source", Type: "str", Doc: "the node that was copied"},
		{Name: "bytes", Type: "int", Doc: "the size of the copy"},
		{Name: "files", Type: "int", Doc: "how many files have a checksum"},
	},
	Examples: `- polardb_backup:
    to: /backup/monday
    nodes: "{{ polardb_nodes }}"
    login_password: "{{ polardb_password }}"
    replication_password: "{{ polardb_replication_password }}"
`,
}, func(a *backupArgs, _ tasks.Local) (tasks.Action, error) {
	a.To = path.Clean(a.To)
	if !path.IsAbs(a.To) || strings.Count(a.To, "/") < 2 {
		return nil, &tasks.ArgError{Module: "polardb_backup", Arg: "to",
			Problem: fmt.Sprintf("must be an absolute path at least two levels deep, not %q", a.To)}
	}
	if err := checkReplication("polardb_backup", a.ReplicationUser, a.ReplicationPassword); err != nil {
		return nil, err
	}
	list, err := a.Listed()
	return tasks.AskApply(&backupAction{args: a, list: list}), err
})

type backupAction struct {
	args *backupArgs
	list []WantedNode
}

func (b *backupAction) Probe() string {
	return b.script("polardb_backup_look", dma.View{}, nil, "")
}

// backupFound holds what the probe saw on the host, and why the cluster's tablespaces cannot be copied.
type backupFound struct {
	Stranger string   `answer:"stranger"` // who could put something else in the directory's place; "": nobody
	Owner    string   `answer:"owner"`    // of the directory; "": it is absent
	Kind     string   `answer:"kind"`     // "file", "directory", or "": it is absent
	Holds    []string `answer:"holds"`    // the first names in the directory
	State    string   `answer:"note.state"`
	Cluster  string   `answer:"note.cluster"`
	Source   string   `answer:"note.source"`
	Taken    string   `answer:"note.taken"`
	Tool     string   `answer:"tool"` // the engine's base backup tool; "": the engine is not installed

	doubts []string
}

// Ask asks the leader for tablespaces that a base backup cannot take.
func (b *backupAction) Ask(ctx context.Context, h tasks.Host, probed tasks.Found) (backupFound, error) {
	var found backupFound
	if err := script.Decode(probed.Stdout, &found); err != nil || found.State == "finished" {
		return found, err
	}
	spaces, err := b.args.askTablespaces(ctx, h, b.list)
	found.doubts = unfitSpaces(spaces, b.list)
	return found, err
}

func (b *backupAction) Plan(found backupFound) (tasks.Plan, string, error) {
	a := b.args
	ours := found.Cluster == a.Cluster
	switch {
	case found.Stranger != "":
		return tasks.Plan{}, "", &tasks.Failure{Msg: fmt.Sprintf("%s is not a safe place for a backup: %s", a.To, found.Stranger),
			Hint: "whoever can replace the directory can read the data and its passwords: name another, or give the directory to root"}
	case found.Owner != "" && found.Owner != "root" && found.Owner != a.User:
		return tasks.Plan{}, "", &tasks.Failure{Msg: fmt.Sprintf("%s belongs to %s", a.To, found.Owner),
			Hint: "name another directory, or give it to " + a.User}
	case found.Kind == "file":
		return tasks.Plan{}, "", &tasks.Failure{Msg: a.To + " is a file", Hint: "name a directory"}
	case found.State == "finished" && ours:
		msg := fmt.Sprintf("%s already holds a finished backup of %s, taken %s", a.To, found.Source, found.Taken)
		return tasks.Plan{Msg: msg, Values: map[string]any{"source": found.Source}}, "", nil
	case len(found.Holds) > 0 && !(found.State == "begun" && ours):
		return tasks.Plan{}, "", &tasks.Failure{Msg: fmt.Sprintf("%s is not empty: %s", a.To, strings.Join(found.Holds, " ")),
			Hint: "nothing was written; name another directory"}
	case found.Tool == "":
		unknown := "the engine is not installed under " + a.Home + "/current"
		return tasks.Plan{Change: true, Unknown: unknown, Msg: "take a base backup"}, "", nil
	}
	if err := refuseSpaces(found.doubts); err != nil {
		return tasks.Plan{}, "", err
	}
	msg := "take a base backup of the leader into " + a.To
	if found.State == "begun" {
		msg = "empty " + a.To + ", which holds an unfinished backup, and " + msg
	}
	return tasks.Plan{Change: true, Msg: msg}, found.Tool, nil
}

// script returns one of the scripts of a backup, filled in.
func (b *backupAction) script(name string, leader dma.View, spaces []tablespace, tool string) string {
	a := b.args
	noted, moves := "", []string{}
	escape := strings.NewReplacer("=", `\=`)
	for _, t := range spaces {
		noted += fmt.Sprintf("tablespace=%d %s\n", t.oid, t.location)
		to := fmt.Sprintf("%s/tablespaces/%d", a.To, t.oid)
		moves = append(moves, "--tablespace-mapping="+escape.Replace(t.location)+"="+escape.Replace(to))
	}
	values := script.Values{
		"TO": a.To, "OWNER": a.User, "CLUSTER": a.Cluster, "SOURCE": leader.Node, "SPACES": noted,
		"BIN": a.Home + "/current/bin", "LIB": a.Home + "/current/lib", "TIMEOUT": a.Timeout, "TOOL": tool,
		"LEADER": leader.Address.Host, "PORT": leader.Address.Port, "REPLICATOR": a.ReplicationUser, "CA": a.SSLRootCert,
	}
	return scripts.Script(name, values.For(scripts, name), moves...)
}

func (b *backupAction) Apply(ctx context.Context, h tasks.Host, p tasks.Plan, tool string) (tasks.Result, error) {
	a := b.args
	if p.Unknown != "" {
		return tasks.Result{}, &tasks.Failure{Msg: p.Unknown, Hint: "run the tasks that install it first"}
	}
	leader, _, err := a.leader(ctx, h, b.list, electionPatience)
	if err != nil {
		return tasks.Result{}, &tasks.Failure{Msg: "a base backup needs a leader to copy", Err: err}
	}
	if err := a.checkSource(ctx, h, b.list, leader); err != nil {
		return tasks.Result{}, err
	}
	spaces, err := a.copyable(ctx, h, b.list, leader)
	if err == nil {
		err = a.announce(ctx, h, b.list, leader, spaces)
	}
	if err != nil {
		return tasks.Result{}, err
	}
	h.Say("copying " + leader.Node + " (" + leader.Address.String() + ")")
	pass := passLine(a.ReplicationUser, a.ReplicationPassword)
	values := map[string]any{"source": leader.Node}
	c := &copying{args: &a.ClusterArgs, leader: leader, what: "base backup"}
	answer, err := c.run(ctx, h, b.script("polardb_backup", leader, spaces, tool), strings.NewReader(pass), func(line []byte) {
		key, value, _ := strings.Cut(strings.TrimSpace(string(line)), "=")
		var n int
		if _, err := fmt.Sscan(value, &n); err == nil && (key == "bytes" || key == "files") {
			values[key] = n
		}
	})
	switch {
	case err != nil:
		return tasks.Result{}, err
	case answer.Status != 0:
		failure := &tasks.Failure{Msg: fmt.Sprintf("the backup of %s failed with exit status %d: %s",
			leader.Node, answer.Status, strings.Join(c.last, "\n")),
			Hint: runAgain}
		if full := fullDisks(ctx, h, path.Dir(a.To)); full != "" {
			failure.Msg = fmt.Sprintf("the backup of %s failed with exit status %d: no space left on device: %s is full",
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
	finish := tasks.Plan{Script: b.script("polardb_backup_finish", leader, spaces, tool)}
	if _, err := files.RunPlan(ctx, h.Shell(), finish); err != nil {
		return tasks.Result{}, err
	}
	msg := fmt.Sprintf("%s holds a backup of %s: %v files, %v bytes, each file with a checksum",
		a.To, leader.Node, values["files"], values["bytes"])
	return tasks.Result{Changed: true, Msg: msg, Values: values}, nil
}

// runAgain is the hint after a copy that failed.
const runAgain = "run again: the next run removes what was copied and starts over"

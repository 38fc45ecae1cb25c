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
	To                  string `arg:"to,required,path" doc:"the directory on the host; the copy goes into pgdata, polardata and tablespaces under it"`
	Home                string `arg:"home" default:"/opt/polardb" doc:"where the engine is installed"`
	User                string `arg:"user" default:"polardb" doc:"the account that the copy belongs to"`
	Cluster             string `arg:"cluster" default:"polardb" doc:"the cluster's name, noted with the backup"`
	ReplicationUser     string `arg:"replication_user" default:"replicator" doc:"the role that copies"`
	ReplicationPassword string `arg:"replication_password,required,secret" doc:"its password"`
	SSLRootCert         string `arg:"sslrootcert" doc:"a file on the host with the CAs that the leader's certificate must lead to; empty: it need not speak TLS"`
	Timeout             int    `arg:"timeout" default:"86400" doc:"seconds that the copy may take"`
}

var backupModule = tasks.Define(tasks.Module{
	Name:    "polardb_backup",
	Summary: "Take a base backup of the leader into a directory, and verify it",
	Notes: []string{
		"Written into a directory that is absent or empty, or that an earlier backup of ours began and did not finish. A finished backup is left as it is; whatever else is in the directory is refused.",
		"Finished means: the engine's tool ended well, pg_controldata reads POLARDATA/global/pg_control, and SHA256SUMS lists every file. The file backup.polarbook says so, and is written last.",
		"Each tablespace goes into tablespaces/NUMBER, and the copy's links in pgdata/pg_tblspc lead there, never to where the cluster has it; backup.polarbook says where that is. Refused are those that a base backup cannot take: see polardb_tablespaces.",
		"The copy holds the leader's configuration with the replication password: the directory is for the engine's account alone, which writes all that is in it. One that another account owns, or could replace since a directory above is that account's or everybody's, is refused.",
	},
	Returns: []tasks.Return{{Name: "source", Type: "str", Doc: "the node that was copied"}, {Name: "bytes", Type: "int", Doc: "the size of the copy"}, {Name: "files", Type: "int", Doc: "how many files have a checksum"}},
	Examples: `- polardb_backup:
    to: /backup/monday
    nodes: "{{ polardb_nodes }}"
    login_password: "{{ polardb_password }}"
    replication_password: "{{ polardb_replication_password }}"
`,
}, func(a *backupArgs, _ tasks.Local) (tasks.Action, error) {
	a.To = path.Clean(a.To)
	if !path.IsAbs(a.To) || strings.Count(a.To, "/") < 2 {
		return nil, &tasks.ArgError{Module: "polardb_backup", Arg: "to", Problem: fmt.Sprintf("must be an absolute path at least two levels deep, not %q", a.To)}
	}
	if err := checkReplication("polardb_backup", a.ReplicationUser, a.ReplicationPassword); err != nil {
		return nil, err
	}
	list, err := a.Listed()
	return tasks.ProbeAskApply(&backupAction{args: a, list: list}), err
})

type backupAction struct {
	args *backupArgs
	list []WantedNode
}

func (b *backupAction) Probe() string {
	return b.script("polardb_backup_look", dma.View{}, nil, "")
}

// backupFound is what the directory and the host hold, and what speaks against copying the cluster's tablespaces.
type backupFound struct {
	place  map[string]string
	holds  []string
	doubts []string
}

func readBackupPlace(stdout []byte) backupFound {
	found := backupFound{place: map[string]string{}}
	for _, line := range strings.Split(string(stdout), "\n") {
		if key, value, ok := strings.Cut(line, "="); key == "holds" {
			found.holds = append(found.holds, value)
		} else if ok {
			found.place[key] = value
		}
	}
	return found
}

// Ask asks for tablespaces that a base backup cannot take.
func (b *backupAction) Ask(ctx context.Context, h tasks.Host, probed tasks.Found) (backupFound, error) {
	found := readBackupPlace(probed.Stdout)
	if found.place["note.state"] == "finished" {
		return found, nil
	}
	spaces, err := b.args.askTablespaces(ctx, h, b.list)
	found.doubts = unfitSpaces(spaces, b.list)
	return found, err
}

func (b *backupAction) Plan(found backupFound) (tasks.Plan, string, error) {
	a := b.args
	place, holds := found.place, found.holds
	state := place["note.state"]
	switch {
	case place["stranger"] != "":
		return tasks.Plan{}, "", &tasks.Failure{Msg: fmt.Sprintf("%s is no place for a backup: %s", a.To, place["stranger"]), Hint: "whoever can replace the directory gets at the data and its passwords: name another, or give the directory to root"}
	case place["owner"] != "" && place["owner"] != "root" && place["owner"] != a.User:
		return tasks.Plan{}, "", &tasks.Failure{Msg: fmt.Sprintf("%s belongs to %s", a.To, place["owner"]), Hint: "name another directory, or give it to " + a.User}
	case place["kind"] == "file":
		return tasks.Plan{}, "", &tasks.Failure{Msg: a.To + " is a file"}
	case state == "finished" && place["note.cluster"] == a.Cluster:
		return tasks.Plan{Msg: fmt.Sprintf("%s holds a finished backup of %s already, taken %s", a.To, place["note.source"], place["note.taken"]), Values: map[string]any{"source": place["note.source"]}}, "", nil
	case len(holds) > 0 && !(state == "begun" && place["note.cluster"] == a.Cluster):
		return tasks.Plan{}, "", &tasks.Failure{Msg: fmt.Sprintf("%s is not empty: %s", a.To, strings.Join(holds, " ")), Hint: "nothing was written; name another directory"}
	case place["tool"] == "":
		return tasks.Plan{Change: true, Unknown: "the engine is not installed under " + a.Home + "/current", Msg: "take a base backup"}, "", nil
	}
	if err := refuseSpaces(found.doubts); err != nil {
		return tasks.Plan{}, "", err
	}
	msg := "take a base backup of the leader into " + a.To
	if state == "begun" {
		msg = "empty " + a.To + ", where a backup was begun and not finished, and " + msg
	}
	return tasks.Plan{Change: true, Msg: msg}, place["tool"], nil
}

// script is one of the scripts of a backup.
func (b *backupAction) script(name string, leader dma.View, spaces []tablespace, tool string) string {
	a := b.args
	noted, moves := "", []string{}
	escape := strings.NewReplacer("=", `\=`)
	for _, t := range spaces {
		noted += fmt.Sprintf("tablespace=%d %s\n", t.oid, t.location)
		moves = append(moves, "--tablespace-mapping="+escape.Replace(t.location)+"="+escape.Replace(fmt.Sprintf("%s/tablespaces/%d", a.To, t.oid)))
	}
	values := script.Values{"TO": a.To, "OWNER": a.User, "CLUSTER": a.Cluster, "SOURCE": leader.Node, "SPACES": noted, "BIN": a.Home + "/current/bin", "LIB": a.Home + "/current/lib",
		"TIMEOUT": a.Timeout, "TOOL": tool, "LEADER": leader.Address.Host, "PORT": leader.Address.Port, "REPLICATOR": a.ReplicationUser, "CA": a.SSLRootCert}
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
		if full := fullDisks(ctx, h, path.Dir(a.To)); full != "" {
			return tasks.Result{}, &tasks.Failure{Msg: fmt.Sprintf("the backup of %s ended with status %d: no space left on device: %s is full", leader.Node, answer.Status, full),
				Hint: "make room on " + full + "; a further run empties what was copied and starts anew"}
		}
		return tasks.Result{}, &tasks.Failure{Msg: fmt.Sprintf("the backup of %s ended with status %d: %s", leader.Node, answer.Status, strings.Join(c.last, "\n")), Hint: "a further run empties what was copied and starts anew"}
	}
	if err := c.doubt(); err != nil {
		return tasks.Result{}, err
	}
	if err := a.sameSpaces(ctx, h, b.list, leader, spaces); err != nil {
		return tasks.Result{}, err
	}
	if _, err := files.RunPlan(ctx, h.Shell(), tasks.Plan{Script: b.script("polardb_backup_finish", leader, spaces, tool)}); err != nil {
		return tasks.Result{}, err
	}
	return tasks.Result{Changed: true, Msg: fmt.Sprintf("%s holds a backup of %s: %v files, %v bytes, every one with a checksum", a.To, leader.Node, values["files"], values["bytes"]), Values: values}, nil
}

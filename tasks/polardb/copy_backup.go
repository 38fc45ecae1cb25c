package polardb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/convert"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

type copyBackupArgs struct {
	From     string `arg:"from,required" doc:"the host that has the backup"`
	Name     string `arg:"name" doc:"the backup's name; default the newest whole one of the cluster there"`
	FromDir  string `arg:"from_dir,path" default:"/var/lib/polardb-backups" doc:"where backups lie on that host"`
	FromUser string `arg:"from_user" default:"polardb" doc:"the account that they belong to there"`
	Dir      string `arg:"dir,path" default:"/var/lib/polardb-backups" doc:"where backups lie on this host"`
	User     string `arg:"user" default:"polardb" doc:"the account that the copy belongs to"`
	Cluster  string `arg:"cluster,required" doc:"the cluster that the backup is of"`
	Keep     int    `arg:"keep" default:"0" doc:"how many whole backups of the cluster stay in dir; 0: all"`
	KeepDays int    `arg:"keep_days" default:"0" doc:"the age in days from which backups in dir are removed; 0: none are"`
	Timeout  int    `arg:"timeout" default:"86400" doc:"seconds that the copy may take"`
}

var copyBackupModule = tasks.Define(tasks.Module{
	Name:    "polardb_copy_backup",
	Summary: "Copy a backup to this host from another host of the inventory",
	Notes: []string{
		"The backup goes through the control node, from one SSH connection into the other; it is not written down there, and a part of it at most is in memory.",
		"Room is looked for before anything is written. The copy has no description (backup.json) until every file of it has been read and compared " +
			"with the checksums that were written when the backup was taken: what was cut off is unfinished, is never restored, and the next run begins it anew.",
		"When it is whole, backups of the cluster in dir that are older than keep_days, or more than keep, are removed, and unfinished ones. The one on the other host stays.",
	},
	Returns: []tasks.Return{
		{Name: "path", Type: "str", Doc: "where the copy lies"},
		{Name: "removed", Type: "list", Doc: "the backups that were removed"},
	},
	Examples: `- polardb_copy_backup:
    from: node2
    cluster: demo
    keep: 30
`,
}, func(a *copyBackupArgs, _ tasks.Local) (tasks.Action, error) {
	refuse := func(arg, format string, values ...any) error {
		return &tasks.ArgError{Module: "polardb_copy_backup", Arg: arg, Problem: fmt.Sprintf(format, values...)}
	}
	a.Dir, a.FromDir = path.Clean(a.Dir), path.Clean(a.FromDir)
	switch {
	case !path.IsAbs(a.Dir) || strings.Count(a.Dir, "/") < 2:
		return nil, refuse("dir", "must be an absolute path at least two levels deep, not %q", a.Dir)
	case !path.IsAbs(a.FromDir):
		return nil, refuse("from_dir", "must be an absolute path, not %q", a.FromDir)
	case strings.ContainsAny(a.Name, "/\n") || strings.HasPrefix(a.Name, "."):
		return nil, refuse("name", "is not the name of a backup: %q", a.Name)
	case a.Keep < 0 || a.KeepDays < 0:
		return nil, refuse("keep", "and keep_days must not be less than 0")
	}
	return tasks.AskApply(&copyBackupAction{args: a}), nil
})

type copyBackupAction struct{ args *copyBackupArgs }

// copyBackupFound is the backup on the other host, and what is where it is to be.
type copyBackupFound struct {
	theirs    keptBackup // its name is empty: there is none
	described *backupDescription
	unfit     string
	mine      *keptBackup
	here      bool // the host is the one that has it

	Account  bool     `answer:"account"` // there is the account that the copy is to belong to
	Stranger string   `answer:"stranger"`
	Owner    string   `answer:"owner"`
	Kind     string   `answer:"kind"`
	Holds    []string `answer:"holds"`
	State    string   `answer:"note.state"`
	Cluster  string   `answer:"note.cluster"`
	Free     int64    `answer:"free"`
	End      bool     `answer:"end,required"`
}

// peerShell returns root's shell on another host of the inventory.
func peerShell(ctx context.Context, h tasks.Host, name string) (tasks.Shell, error) {
	peer, err := h.Peer(ctx, name)
	if err != nil {
		return nil, err
	}
	return peer.As(ctx, "")
}

func (c *copyBackupAction) Ask(ctx context.Context, h tasks.Host, _ tasks.Found) (copyBackupFound, error) {
	a := c.args
	found := copyBackupFound{here: a.From == h.Name()}
	if found.here {
		return found, nil
	}
	shell, err := peerShell(ctx, h, a.From)
	if err != nil {
		return found, err
	}
	var names []string
	if a.Name != "" {
		names = []string{a.Name}
	}
	listed, err := listBackupsBy(ctx, shell, a.FromDir, a.FromUser, names...)
	if err != nil {
		return found, err
	}
	chosen := newestBackup(listed.List, a.Cluster)
	if a.Name != "" {
		chosen = nil
		if len(listed.List) > 0 {
			chosen = &listed.List[0]
		}
	}
	if chosen == nil {
		found.unfit = "there is none"
		if listed.Fault != "" {
			found.unfit = listed.Fault
		}
		return found, nil
	}
	found.theirs = *chosen
	if found.described, found.unfit = chosen.described(); found.unfit != "" {
		return found, nil
	}
	answer, err := h.Shell().Run(ctx, remote.Command{Script: scripts.Script("polardb_copy_look", script.Values{"TO": path.Join(a.Dir, chosen.Name), "OWNER": a.User})})
	if err == nil {
		err = files.ScriptFailed(answer)
	}
	if err == nil {
		err = script.Decode(answer.Stdout, &found)
	}
	if err != nil || !found.Account {
		return found, err
	}
	mine, err := listBackups(ctx, h, a.Dir, a.User, chosen.Name)
	if err == nil && len(mine.List) > 0 {
		found.mine = &mine.List[0]
	}
	return found, err
}

func (c *copyBackupAction) Plan(found copyBackupFound) (tasks.Plan, copyBackupFound, error) {
	a := c.args
	refuse := func(hint, format string, args ...any) (tasks.Plan, copyBackupFound, error) {
		return tasks.Plan{}, found, &tasks.Failure{Msg: fmt.Sprintf(format, args...), Hint: hint}
	}
	to := path.Join(a.Dir, found.theirs.Name)
	values := map[string]any{"path": to, "removed": []any{}}
	switch name := path.Join(a.FromDir, found.theirs.Name); {
	case found.here:
		return refuse("name another host", "the backup is to be copied from %s to itself", a.From)
	case found.theirs.Name == "" && a.Name == "":
		return refuse("polarbook backups lists those of all hosts", "%s has no whole backup of the cluster %s in %s", a.From, a.Cluster, a.FromDir)
	case found.theirs.Name == "":
		return refuse("polarbook backups lists those of all hosts", "%s has no backup %s: %s", a.From, path.Join(a.FromDir, a.Name), found.unfit)
	case found.unfit != "":
		return refuse("nothing was changed", "the backup %s of %s is not copied: %s", name, a.From, found.unfit)
	case found.described.Cluster != a.Cluster:
		return refuse("nothing was changed", "the backup %s of %s is of the cluster %s, and this is %s", name, a.From, found.described.Cluster, a.Cluster)
	case !found.Account:
		return refuse("nothing was changed. Name one that is there as polardb_user of this host, such as root", "there is no account %s on this host", a.User)
	case found.Stranger != "":
		return refuse("whoever can replace the directory can read the data and its passwords: name another, or give the directory to root",
			"%s is not a safe place for a backup: %s", to, found.Stranger)
	case found.Owner != "" && found.Owner != "root" && found.Owner != a.User:
		return refuse("name another directory, or give it to "+a.User, "%s belongs to %s", to, found.Owner)
	case found.Kind == "file":
		return refuse("name another directory", "%s is a file", to)
	}
	if found.mine != nil {
		if d, reason := found.mine.described(); reason == "" && d.Sums == found.described.Sums {
			return tasks.Plan{Msg: to + " is whole already", Values: values}, found, nil
		}
	}
	switch {
	case len(found.Holds) > 0 && !(found.State == "begun" && found.Cluster == a.Cluster):
		return refuse("nothing was written; remove it, or name another directory", "%s is not empty, and is not that backup: %s", to, strings.Join(found.Holds, " "))
	case found.described.Bytes+spareBytes > found.Free:
		return refuse("nothing was written", "there is no room in %s: the backup needs %d MB, and %d MB are free",
			a.Dir, (found.described.Bytes+spareBytes)>>20+1, found.Free>>20)
	}
	return tasks.Plan{Change: true, Msg: fmt.Sprintf("copy the backup %s of %s, %d MB, taken %s", found.theirs.Name, a.From, found.described.Bytes>>20,
		found.described.Ended.UTC().Format(time.RFC3339)), Values: values}, found, nil
}

func (c *copyBackupAction) Apply(ctx context.Context, h tasks.Host, p tasks.Plan, found copyBackupFound) (tasks.Result, error) {
	a, name := c.args, found.theirs.Name
	to := path.Join(a.Dir, name)
	shell, err := peerShell(ctx, h, a.From)
	if err != nil {
		return tasks.Result{}, err
	}
	spaces := ""
	for _, s := range found.described.Spaces {
		spaces += fmt.Sprintf("tablespace=%d %s\n", s.OID, s.Location)
	}
	values := script.Values{"TO": to, "OWNER": a.User, "CLUSTER": a.Cluster, "SOURCE": found.described.Source, "SPACES": spaces,
		"SUMS": found.described.Sums.SHA256, "TIMEOUT": a.Timeout}
	take := scripts.Script("polardb_copy_take", values.For(scripts, "polardb_copy_take"))
	send := scripts.Script("polardb_copy_send", script.Values{"FROM": path.Join(a.FromDir, name), "OWNER": a.FromUser, "TIMEOUT": a.Timeout})
	h.Say("copying " + path.Join(a.FromDir, name) + " of " + a.From)
	if err := throughUs(ctx, h, shell, send, take, found.described.Bytes); err != nil {
		failure := &tasks.Failure{Msg: fmt.Sprintf("the backup %s of %s was not copied", name, a.From), Err: err, Hint: runAgain}
		if full := fullDisks(ctx, h, a.Dir); full != "" {
			failure.Msg += ": no space left on device: " + full + " is full"
		}
		return tasks.Result{}, failure
	}
	text, err := found.described.json()
	if err != nil {
		return tasks.Result{}, err
	}
	finish := tasks.Plan{Script: scripts.Script("polardb_backup_finish", values.For(scripts, "polardb_backup_finish")), Stdin: text}
	if _, err := files.RunPlan(ctx, h.Shell(), finish); err != nil {
		return tasks.Result{}, err
	}
	result := tasks.Result{Changed: true, Values: p.Values, Msg: fmt.Sprintf("%s is the backup of %s, each of its %d files as it was written", to, a.From, found.described.Files)}
	removed, err := pruneBackups(ctx, h, a.Dir, a.User, a.Cluster, name, a.Keep, a.KeepDays)
	result.Values["removed"] = convert.AnyTexts(removed)
	if len(removed) > 0 {
		result.Msg += "; removed " + strings.Join(removed, ", ")
	}
	if err != nil {
		return result, &tasks.Failure{Msg: result.Msg + ", and older ones could not be removed", Err: err, Hint: "the copy is whole; look into " + a.Dir}
	}
	return result, nil
}

// throughUs has a script on one host write what one on another reads. It waits for the slower of the two.
func throughUs(ctx context.Context, h tasks.Host, from tasks.Shell, send, take string, total int64) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	reader, writer := io.Pipe()
	var sender sync.WaitGroup
	var sent error
	var done int64
	shown := time.Now()
	sender.Go(func() {
		answer, err := from.Stream(ctx, remote.Command{Script: send}, nil, func(line []byte) {
			if _, err := writer.Write(append(line, '\n')); err != nil {
				cancel()
			}
			done += int64(len(line)) * 3 / 4
			if time.Since(shown) > time.Second {
				shown = time.Now()
				h.Progress("copy", min(done, total), total)
			}
		}, nil)
		if err == nil {
			err = files.ScriptFailed(answer)
		}
		sent = err
		_ = writer.CloseWithError(err)
	})
	answer, err := h.Shell().Stream(ctx, remote.Command{Script: take}, reader, nil, nil)
	if err == nil {
		err = files.ScriptFailed(answer)
	}
	_ = reader.CloseWithError(io.ErrClosedPipe)
	sender.Wait()
	if sent != nil && !errors.Is(sent, context.Canceled) {
		return sent
	}
	return err
}

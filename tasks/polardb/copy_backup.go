package polardb

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
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
	From     string `arg:"from,required" doc:"the host that has the backup; localhost: the control node"`
	Name     string `arg:"name" doc:"the backup's name; default the newest whole one of the cluster there"`
	FromDir  string `arg:"from_dir,path" default:"/var/lib/polardb-backups" doc:"where backups lie there"`
	FromUser string `arg:"from_user" default:"polardb" doc:"the account that they belong to there"`
	Dir      string `arg:"dir,path" default:"/var/lib/polardb-backups" doc:"where backups lie on this host"`
	User     string `arg:"user" default:"polardb" doc:"the account that the copy belongs to"`
	Cluster  string `arg:"cluster,required" doc:"the cluster that the backup is of"`
	Other    bool   `arg:"other_cluster" default:"no" doc:"take a backup of a cluster of another name"`
	Move     bool   `arg:"move" default:"no" doc:"remove the one on the host from when the copy is whole"`
	Ready    bool   `arg:"ready" default:"no" doc:"copy nothing, and only fail where this host could not take a backup into dir"`
	Keep     int    `arg:"keep" default:"0" doc:"how many whole backups of the cluster stay in dir; 0: all"`
	KeepDays int    `arg:"keep_days" default:"0" doc:"the age in days from which backups in dir are removed; 0: none are"`
	Timeout  int    `arg:"timeout" default:"86400" doc:"seconds that the copy may take"`
}

var copyBackupModule = tasks.Define(tasks.Module{
	Name:    "polardb_copy_backup",
	Summary: "Copy a backup to this host from another host of the inventory, or from the control node",
	Notes: []string{
		"The backup goes through the control node, from one SSH connection into the other; it is not written down there, and a part of it at " +
			"most is in memory. polardb_fetch_backup brings one to the control node.",
		"Room is looked for before anything is written. The copy has no description (backup.json) until every file of it has been read and " +
			"compared with the checksums that were written when the backup was taken: what was cut off is unfinished, is never restored, and the " +
			"next run begins it anew.",
		"When it is whole, backups of the cluster in dir that are older than keep_days, or more than keep, are removed, and unfinished ones. " +
			"The one on the other host stays, unless move is given.",
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
	if a.From == controlNode {
		dir, err := filepath.Abs(a.FromDir)
		if err != nil {
			return nil, fmt.Errorf("find the directory of backups on the control node: %w", err)
		}
		a.FromDir = dir
	}
	switch {
	case !path.IsAbs(a.Dir) || strings.Count(a.Dir, "/") < 2:
		return nil, refuse("dir", "must be an absolute path at least two levels deep, not %q", a.Dir)
	case a.From != controlNode && !path.IsAbs(a.FromDir):
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

// from is where the backup lies.
func (a *copyBackupArgs) from() backupPlace { return backupPlace{a.From, a.FromDir, a.FromUser} }

func (c *copyBackupAction) Ask(ctx context.Context, h tasks.Host, _ tasks.Found) (copyBackupFound, error) {
	a := c.args
	found := copyBackupFound{here: a.From == h.Name()}
	if found.here {
		return found, nil
	}
	if a.Ready {
		return found, c.look(ctx, h, &found, time.Now().UTC().Format(backupName))
	}
	chosen, d, unfit, err := a.from().named(ctx, h, a.Name, a.Cluster)
	if found.described, found.unfit = d, unfit; chosen != nil {
		found.theirs = *chosen
	}
	if err != nil || unfit != "" {
		return found, err
	}
	if err := c.look(ctx, h, &found, chosen.Name); err != nil || !found.Account {
		return found, err
	}
	mine, err := listBackups(ctx, h, a.Dir, a.User, chosen.Name)
	if err == nil && len(mine.List) > 0 {
		found.mine = &mine.List[0]
	}
	return found, err
}

// look looks at what is where the copy is to be.
func (c *copyBackupAction) look(ctx context.Context, h tasks.Host, found *copyBackupFound, name string) error {
	a := c.args
	answer, err := h.Shell().Run(ctx, remote.Command{Script: scripts.Script("polardb_copy_look",
		script.Values{"TO": path.Join(a.Dir, name), "OWNER": a.User})})
	if err == nil {
		err = files.ScriptFailed(answer)
	}
	if err == nil {
		err = script.Decode(answer.Stdout, found)
	}
	return err
}

func (c *copyBackupAction) Plan(found copyBackupFound) (tasks.Plan, copyBackupFound, error) {
	a := c.args
	refuse := func(hint, format string, args ...any) (tasks.Plan, copyBackupFound, error) {
		return tasks.Plan{}, found, &tasks.Failure{Msg: fmt.Sprintf(format, args...), Hint: hint}
	}
	to := path.Join(a.Dir, found.theirs.Name)
	values := map[string]any{"path": to, "removed": []any{}}
	switch {
	case found.here:
		return refuse("name another host", "the backup is to be copied from %s to itself", a.From)
	case a.Ready:
		if hint, unfit := a.unfitPlace(&found, a.Dir); unfit != "" {
			return refuse(hint, "%s", unfit)
		}
		return tasks.Plan{Msg: fmt.Sprintf("%s can take a backup: %d MB are free", a.Dir, found.Free>>20), Values: values}, found, nil
	case found.unfit != "" || found.described.Cluster != a.Cluster && !a.Other:
		hint, unfit := unfitToCopy(a.from(), a.Name, a.Cluster, found.theirs.Name, found.described, found.unfit)
		return refuse(hint, "%s", unfit)
	}
	if hint, unfit := a.unfitPlace(&found, to); unfit != "" {
		return refuse(hint, "%s", unfit)
	}
	if found.mine != nil {
		if d, reason := found.mine.described(); reason == "" && d.Sums == found.described.Sums {
			return tasks.Plan{Msg: to + " is whole already", Values: values}, found, nil
		}
	}
	switch {
	case len(found.Holds) > 0 && !(found.State == "begun" && found.Cluster == found.described.Cluster):
		return refuse("nothing was written; remove it, or name another directory", "%s is not empty, and is not that backup: %s", to,
			strings.Join(found.Holds, " "))
	case found.described.storedBytes()+spareBytes > found.Free:
		return refuse("nothing was written", "there is no room in %s: the backup needs %d MB, and %d MB are free",
			a.Dir, (found.described.storedBytes()+spareBytes)>>20+1, found.Free>>20)
	}
	return tasks.Plan{Change: true, Msg: fmt.Sprintf("copy the backup %s of %s, %d MB, taken %s", found.theirs.Name, a.From,
		found.described.storedBytes()>>20,
		found.described.Ended.UTC().Format(time.RFC3339)), Values: values}, found, nil
}

// unfitPlace returns why a place is none for a backup, and what to do then; "": it is.
func (a *copyBackupArgs) unfitPlace(found *copyBackupFound, to string) (hint, unfit string) {
	switch {
	case !found.Account:
		return "nothing was changed. Name one that is there as polardb_user of this host, such as root", fmt.Sprintf("there is no account %s "+
			"on this host", a.User)
	case found.Stranger != "":
		return "whoever can replace the directory can read the data and its passwords: name another, or give the directory to root",
			fmt.Sprintf("%s is not a safe place for a backup: %s", to, found.Stranger)
	case found.Owner != "" && found.Owner != "root" && found.Owner != a.User:
		return "name another directory, or give it to " + a.User, fmt.Sprintf("%s belongs to %s", to, found.Owner)
	case found.Kind == "file":
		return "name another directory", to + " is a file"
	case a.Ready && found.Free < spareBytes:
		return "nothing was changed. Make room, or name another directory (polardb_backups)", fmt.Sprintf("there is no room in %s: %d MB are "+
			"free", a.Dir, found.Free>>20)
	}
	return "", ""
}

// unfitToCopy says why a backup is not copied: one of that name, or the newest of the cluster.
func unfitToCopy(from backupPlace, name, cluster, found string, d *backupDescription, unfit string) (hint, text string) {
	const lists = "polarbook backups lists those of all hosts"
	switch {
	case found == "" && name == "":
		return lists, fmt.Sprintf("%s has no whole backup of the cluster %s in %s", from.host, cluster, from.dir)
	case found == "":
		return lists, fmt.Sprintf("%s has no backup %s: %s", from.host, path.Join(from.dir, name), unfit)
	case unfit != "":
		return "nothing was changed", fmt.Sprintf("the backup %s is not copied: %s", from.text(found), unfit)
	}
	return "nothing was changed", fmt.Sprintf("the backup %s is of the cluster %s, and this is %s", from.text(found), d.Cluster, cluster)
}

func (c *copyBackupAction) Apply(ctx context.Context, h tasks.Host, p tasks.Plan, found copyBackupFound) (tasks.Result, error) {
	a, name := c.args, found.theirs.Name
	to := path.Join(a.Dir, name)
	spaces := ""
	for _, s := range found.described.Spaces {
		spaces += fmt.Sprintf("tablespace=%d %s\n", s.OID, s.Location)
	}
	values := script.Values{"TO": to, "OWNER": a.User, "CLUSTER": found.described.Cluster, "SOURCE": found.described.Source, "SPACES": spaces,
		"SUMS": found.described.Sums.SHA256, "TIMEOUT": a.Timeout}
	take := scripts.Script("polardb_copy_take", values.For(scripts, "polardb_copy_take"))
	h.Say("copying " + a.from().text(name))
	if err := c.send(ctx, h, name, take, found.described.storedBytes()); err != nil {
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
	result := tasks.Result{Changed: true, Values: p.Values, Msg: fmt.Sprintf("%s is the backup of %s, each of its %d files as it was written",
		to, a.From, found.described.Files)}
	removed, err := pruneBackups(ctx, h, a.Dir, a.User, found.described.Cluster, name, a.Keep, a.KeepDays)
	result.Values["removed"] = convert.AnyTexts(removed)
	if len(removed) > 0 {
		result.Msg += "; removed " + strings.Join(removed, ", ")
	}
	if err != nil {
		return result, &tasks.Failure{Msg: result.Msg + ", and older ones could not be removed", Err: err,
			Hint: "the copy is whole; look into " + a.Dir}
	}
	if a.Move {
		return result, moved(ctx, h, a.from(), name, found.described.Cluster, &result)
	}
	return result, nil
}

// moved removes a backup that is whole elsewhere.
func moved(ctx context.Context, h tasks.Host, from backupPlace, name, cluster string, result *tasks.Result) error {
	shell, err := from.shell(ctx, h)
	if err == nil {
		_, err = removeBackups(ctx, shell, from.dir, from.user, cluster, name)
	}
	if err != nil {
		return &tasks.Failure{Msg: result.Msg + ", and the one that it was copied from could not be removed", Err: err,
			Hint: "the copy is whole; look at " + from.text(name)}
	}
	return nil
}

// send has the backup go from where it lies into a script on this host.
func (c *copyBackupAction) send(ctx context.Context, h tasks.Host, name, take string, total int64) error {
	a := c.args
	if from := a.from(); from.here() {
		return fromHere(ctx, h, backupsHere{from.dir}, name, take, total)
	}
	shell, err := a.from().shell(ctx, h)
	if err != nil {
		return err
	}
	return throughUs(ctx, h, shell, sendScript(a.FromDir, name, a.FromUser, a.Timeout), take, total)
}

func sendScript(dir, name, user string, timeout int) string {
	return scripts.Script("polardb_copy_send", script.Values{"FROM": path.Join(dir, name), "OWNER": user, "TIMEOUT": timeout})
}

// fromHere has a script read what a backup of the control node has, in lines as polardb_copy_send writes them.
func fromHere(ctx context.Context, h tasks.Host, from backupsHere, name, take string, total int64) error {
	dir, err := from.open(name)
	if err != nil {
		return err
	}
	defer dir.Close()
	f, err := dir.Open(dataFile)
	if err != nil {
		return fmt.Errorf("read the backup of the control node: %w", err)
	}
	defer f.Close()
	reader, writer := io.Pipe()
	var sender sync.WaitGroup
	sender.Go(func() {
		shown := time.Now()
		var done int64
		part := make([]byte, 6144)
		for {
			n, err := io.ReadFull(f, part)
			if n > 0 {
				if _, err := writer.Write(append(base64.StdEncoding.AppendEncode(nil, part[:n]), '\n')); err != nil {
					return
				}
			}
			if done += int64(n); time.Since(shown) > time.Second {
				shown = time.Now()
				h.Progress("copy", min(done, total), total)
			}
			switch {
			case err == nil:
			case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
				_ = writer.Close()
				return
			default:
				_ = writer.CloseWithError(err)
				return
			}
		}
	})
	answer, err := h.Shell().Stream(ctx, remote.Command{Script: take}, reader, nil, nil)
	if err == nil {
		err = files.ScriptFailed(answer)
	}
	_ = reader.CloseWithError(io.ErrClosedPipe)
	sender.Wait()
	return err
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

package polardb

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/convert"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/remote"
)

type fetchBackupArgs struct {
	Name     string `arg:"name" doc:"the backup's name; default the newest whole one of the cluster"`
	Dir      string `arg:"dir,path" default:"/var/lib/polardb-backups" doc:"where backups lie on this host"`
	User     string `arg:"user" default:"polardb" doc:"the account that they belong to"`
	Dest     string `arg:"dest,required,path" doc:"the directory on the control node in which the backup gets one of its own"`
	Cluster  string `arg:"cluster,required" doc:"the cluster that the backup is of"`
	Keep     int    `arg:"keep" default:"0" doc:"how many whole backups of the cluster stay in dest; 0: all"`
	KeepDays int    `arg:"keep_days" default:"0" doc:"the age in days from which backups in dest are removed; 0: none are"`
	Move     bool   `arg:"move" default:"no" doc:"remove the one on this host when the copy is whole"`
	Ready    bool   `arg:"ready" default:"no" doc:"copy nothing, and only fail where dest could not take a backup"`
	Timeout  int    `arg:"timeout" default:"86400" doc:"seconds that the copy may take"`
}

var fetchBackupModule = tasks.Define(tasks.Module{
	Name:    "polardb_fetch_backup",
	Summary: "Copy a backup from this host to the control node",
	Notes: []string{
		"The backup gets a directory of its own in dest that only the user can enter, with one archive (data.tar) of its files and its " +
			"description (backup.json). A part of it at most is in memory.",
		"Room is looked for before anything is written. The description is written last, when the archive has been read again and each file in " +
			"it compared with the checksums that were written when the backup was taken: what was cut off is unfinished, and the next run begins " +
			"it anew.",
		"When it is whole, backups of the cluster in dest that are older than keep_days, or more than keep, are removed, and unfinished ones.",
		"It holds the cluster's data and the password of replication, as the one on the host does.",
	},
	Returns: []tasks.Return{
		{Name: "path", Type: "str", Doc: "where the copy lies on the control node"},
		{Name: "removed", Type: "list", Doc: "the backups that were removed there"},
	},
	Examples: `- polardb_fetch_backup:
    cluster: demo
    dest: "{{ inventory_dir }}/backups"
`,
}, func(a *fetchBackupArgs, _ tasks.Local) (tasks.Action, error) {
	refuse := func(arg, format string, values ...any) error {
		return &tasks.ArgError{Module: "polardb_fetch_backup", Arg: arg, Problem: fmt.Sprintf(format, values...)}
	}
	dest, err := filepath.Abs(a.Dest)
	if err != nil {
		return nil, fmt.Errorf("find the directory of backups on the control node: %w", err)
	}
	a.Dest, a.Dir = dest, path.Clean(a.Dir)
	switch {
	case filepath.Dir(filepath.Dir(a.Dest)) == filepath.Dir(a.Dest):
		return nil, refuse("dest", "must be at least two levels deep, not %q", a.Dest)
	case !path.IsAbs(a.Dir):
		return nil, refuse("dir", "must be an absolute path, not %q", a.Dir)
	case strings.ContainsAny(a.Name, "/\n") || strings.HasPrefix(a.Name, "."):
		return nil, refuse("name", "is not the name of a backup: %q", a.Name)
	case a.Keep < 0 || a.KeepDays < 0:
		return nil, refuse("keep", "and keep_days must not be less than 0")
	}
	return tasks.AskApply(&fetchBackupAction{args: a}), nil
})

type fetchBackupAction struct{ args *fetchBackupArgs }

// fetchBackupFound is the backup on the host, and what is on the control node.
type fetchBackupFound struct {
	name      string // "": there is none
	described *backupDescription
	unfit     string
	mine      *keptBackup // of that name
	strangers []string
	free      int64
}

func (a *fetchBackupArgs) here() backupsHere { return backupsHere{a.Dest} }

func (f *fetchBackupAction) Ask(ctx context.Context, h tasks.Host, _ tasks.Found) (fetchBackupFound, error) {
	a := f.args
	var found fetchBackupFound
	var err error
	if found.free, err = a.here().free(); err != nil || a.Ready {
		return found, err
	}
	chosen, d, unfit, err := backupPlace{h.Name(), a.Dir, a.User}.named(ctx, h, a.Name, a.Cluster)
	if found.described, found.unfit = d, unfit; chosen != nil {
		found.name = chosen.Name
	}
	if err != nil || unfit != "" {
		return found, err
	}
	mine, err := a.here().list(found.name)
	if err == nil {
		found.strangers, err = a.here().strangers(found.name)
	}
	if len(mine.List) > 0 {
		found.mine = &mine.List[0]
	}
	return found, err
}

func (f *fetchBackupAction) Plan(found fetchBackupFound) (tasks.Plan, fetchBackupFound, error) {
	a, d := f.args, found.described
	refuse := func(hint, format string, args ...any) (tasks.Plan, fetchBackupFound, error) {
		return tasks.Plan{}, found, &tasks.Failure{Msg: fmt.Sprintf(format, args...), Hint: hint}
	}
	to := filepath.Join(a.Dest, found.name)
	values := map[string]any{"path": to, "removed": []any{}}
	switch from := (backupPlace{"this host", a.Dir, a.User}); {
	case a.Ready && found.free < spareBytes:
		return refuse("nothing was changed. Make room, or name another directory (polardb_local_backups)",
			"there is no room in %s of the control node: %d MB are free", a.Dest, found.free>>20)
	case a.Ready:
		return tasks.Plan{Msg: fmt.Sprintf("%s of the control node can take a backup: %d MB are free", a.Dest, found.free>>20),
			Values: values}, found, nil
	case found.unfit != "" || d.Cluster != a.Cluster:
		hint, unfit := unfitToCopy(from, a.Name, a.Cluster, found.name, d, found.unfit)
		return refuse(hint, "%s", unfit)
	case found.mine != nil && found.mine.isThat(d):
		return tasks.Plan{Msg: to + " of the control node is whole already", Values: values}, found, nil
	case found.mine != nil && found.mine.Unreadable:
		return refuse("nothing was written", "%s of the control node cannot be read", to)
	case len(found.strangers) > 0 || found.mine != nil && len(found.mine.Description) > 0:
		return refuse("nothing was written; remove it, or name another directory (polardb_local_backups)",
			"%s of the control node is not empty, and is not that backup %s", to, strings.Join(found.strangers, " "))
	case d.storedBytes()+spareBytes > found.free:
		return refuse("nothing was written", "there is no room in %s of the control node: the backup needs %d MB, and %d MB are free",
			a.Dest, (d.storedBytes()+spareBytes)>>20+1, found.free>>20)
	}
	return tasks.Plan{Change: true, Msg: fmt.Sprintf("copy the backup %s, %d MB, taken %s, to %s of the control node", found.name,
		d.storedBytes()>>20,
		d.Ended.UTC().Format(time.RFC3339), to), Values: values}, found, nil
}

// isThat reports whether a backup is whole, and the one that describes itself so.
func (k *keptBackup) isThat(d *backupDescription) bool {
	mine, reason := k.described()
	return reason == "" && mine.Sums == d.Sums
}

func (f *fetchBackupAction) Apply(ctx context.Context, h tasks.Host, p tasks.Plan, found fetchBackupFound) (tasks.Result, error) {
	a, d := f.args, found.described
	to := filepath.Join(a.Dest, found.name)
	if err := f.fetch(ctx, h, found.name, d); err != nil {
		return tasks.Result{}, &tasks.Failure{Msg: fmt.Sprintf("the backup %s was not copied to %s of the control node", found.name, to),
			Err: err, Hint: runAgain}
	}
	result := tasks.Result{Changed: true, Values: p.Values,
		Msg: fmt.Sprintf("%s of the control node is the backup, each of its %d files as it was written", to, d.storedFiles())}
	removed, err := a.here().prune(d.Cluster, found.name, a.Keep, a.KeepDays)
	result.Values["removed"] = convert.AnyTexts(removed)
	if len(removed) > 0 {
		result.Msg += "; removed " + strings.Join(removed, ", ")
	}
	if err != nil {
		return result, &tasks.Failure{Msg: result.Msg + ", and older ones could not be removed", Err: err,
			Hint: "the copy is whole; look into " + a.Dest}
	}
	if a.Move {
		return result, moved(ctx, h, backupPlace{h.Name(), a.Dir, a.User}, found.name, d.Cluster, &result)
	}
	return result, nil
}

// fetch writes the backup's archive, reads it again, and makes it whole.
func (f *fetchBackupAction) fetch(ctx context.Context, h tasks.Host, name string, d *backupDescription) error {
	a := f.args
	dir, err := a.here().begin(name, d)
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := f.write(ctx, h, dir, name, d); err != nil {
		return err
	}
	h.Say(fmt.Sprintf("reading the copy's %d files", d.storedFiles()))
	unfit, err := a.here().prove(ctx, name, d, func(done int64) { h.Progress("check", done, d.storedBytes()) })
	if err == nil && unfit != "" {
		err = errors.New(unfit)
	}
	if err != nil {
		return err
	}
	return finishHere(dir, d)
}

func (f *fetchBackupAction) write(ctx context.Context, h tasks.Host, dir *os.Root, name string, d *backupDescription) error {
	a := f.args
	to, err := dir.OpenFile(dataFile, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("write the backup's archive: %w", err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var done int64
	shown := time.Now()
	h.Say("copying " + path.Join(a.Dir, name))
	answer, err := h.Shell().Stream(ctx, remote.Command{Script: sendScript(a.Dir, name, a.User, a.Timeout)}, nil, func(line []byte) {
		part, err := base64.StdEncoding.AppendDecode(nil, line)
		if err == nil {
			_, err = to.Write(part)
		}
		if err != nil {
			cancel(err)
			return
		}
		if done += int64(len(part)); time.Since(shown) > time.Second {
			shown = time.Now()
			h.Progress("copy", min(done, d.storedBytes()), d.storedBytes())
		}
	}, nil)
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	if err == nil {
		err = files.ScriptFailed(answer)
	}
	return errors.Join(err, to.Sync(), to.Close())
}

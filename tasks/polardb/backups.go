package polardb

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

type backupsArgs struct {
	Dir  string `arg:"dir,path" default:"/var/lib/polardb-backups" doc:"the directory whose backups are listed"`
	Name string `arg:"name" doc:"only the backup of this name"`
	User string `arg:"user" default:"polardb" doc:"the account that backups belong to"`
	Here bool   `arg:"control_node" default:"no" doc:"the directory is one of the control node, and the host is not asked"`
	Read bool   `arg:"verify" default:"no" doc:"of the control node's: read all files, and compare each with the checksum that was written"`
}

var backupsModule = tasks.Define(tasks.Module{
	Name:    "polardb_backups",
	Summary: "List the backups in a directory of a host",
	Notes: []string{
		"Reads what each backup says of itself (backup.json) and compares the checksum of its list of checksums, " +
			"the number of its files and their size with what lies there. It does not read the files themselves: " +
			"polardb_restore does before anything is changed.",
		"A directory that is not a backup is passed over.",
	},
	Returns: []tasks.Return{
		{Name: "backups", Type: "list", Doc: "of each backup: name, path, host, cluster, source, taken (UTC), lsn, bytes, data (the bytes that " +
			"are restored), compressed (zstd, gzip, or empty), whole, and reason, " +
			"which tells why it is not whole"},
		{Name: "schedules", Type: "list", Doc: "where the host takes backups into the directory by itself: host, cluster, active, and of the " +
			"last run began (UTC), result (ok, failed, or elsewhere: another member takes it), name and said"},
	},
	Examples: `- polardb_backups:
  register: found
`,
}, func(a *backupsArgs, _ tasks.Local) (tasks.Action, error) {
	a.Dir = path.Clean(a.Dir)
	if a.Here {
		dir, err := filepath.Abs(a.Dir)
		if err != nil {
			return nil, fmt.Errorf("find the directory of backups on the control node: %w", err)
		}
		a.Dir = dir
	}
	if a.Read && !a.Here {
		return nil, &tasks.ArgError{Module: "polardb_backups", Arg: "verify",
			Problem: "is for backups of the control node; polardb_verify_backup is for those of a host"}
	}
	if !a.Here && !path.IsAbs(a.Dir) {
		return nil, &tasks.ArgError{Module: "polardb_backups", Arg: "dir", Problem: fmt.Sprintf("must be an absolute path, not %q", a.Dir)}
	}
	if strings.ContainsAny(a.Name, "/\n") || strings.HasPrefix(a.Name, ".") {
		return nil, &tasks.ArgError{Module: "polardb_backups", Arg: "name", Problem: fmt.Sprintf("is not the name of a backup: %q", a.Name)}
	}
	return tasks.Ask(&backupsAction{a}), nil
})

type backupsAction struct{ args *backupsArgs }

func (b *backupsAction) Ask(ctx context.Context, h tasks.Host, _ tasks.Found) (keptBackups, error) {
	var names []string
	if b.args.Name != "" {
		names = []string{b.args.Name}
	}
	if b.args.Here {
		return b.askHere(ctx, h, names)
	}
	found, err := listBackups(ctx, h, b.args.Dir, b.args.User, names...)
	found.host = h.Name()
	return found, err
}

// askHere reads the backups of the control node, and their files if that is wanted.
func (b *backupsAction) askHere(ctx context.Context, h tasks.Host, names []string) (keptBackups, error) {
	here := backupsHere{b.args.Dir}
	found, err := here.list(names...)
	found.host = controlNode
	if err != nil || !b.args.Read {
		return found, err
	}
	for i := range found.List {
		k := &found.List[i]
		d, unfit := k.described()
		if unfit != "" {
			continue
		}
		if k.unfit, err = here.prove(ctx, k.Name, d, func(done int64) { h.Progress("check", done, d.storedBytes()) }); err != nil {
			return found, err
		}
	}
	return found, nil
}

func (b *backupsAction) Plan(found keptBackups) (tasks.Plan, error) {
	list := []any{}
	for _, k := range found.List {
		list = append(list, k.values(b.args.Dir, found.host))
	}
	many := "s"
	if len(list) == 1 {
		many = ""
	}
	schedules := []any{}
	for _, s := range found.Schedules {
		schedules = append(schedules, s.values(found.host))
	}
	plan := tasks.Plan{Msg: fmt.Sprintf("%d backup%s in %s", len(list), many, b.args.Dir),
		Values: map[string]any{"backups": list, "schedules": schedules}}
	if found.Fault != "" {
		plan.Warnings = []string{found.Fault}
	}
	return plan, nil
}

// keptBackups are the backups in a directory.
type keptBackups struct {
	Fault     string           `answer:"fault"`
	Schedules []backupSchedule `answer:"schedule"`
	List      []keptBackup     `answer:"backup"`
	host      string
}

// backupSchedule is what the last backup came to that a host took by itself.
type backupSchedule struct {
	Cluster string `answer:"schedule"`
	When    int64  `answer:"when"` // 0: there was none yet
	Result  string `answer:"result"`
	Name    string `answer:"took"`
	Said    string `answer:"said"`
	Active  bool   `answer:"active"` // the timer runs
}

func (s backupSchedule) values(host string) map[string]any {
	began := ""
	if s.When > 0 {
		began = time.Unix(s.When, 0).UTC().Format(time.RFC3339)
	}
	return map[string]any{"host": host, "cluster": s.Cluster, "began": began, "result": s.Result, "name": s.Name, "said": s.Said,
		"active": s.Active}
}

// keptBackup is a backup as it lies on a host.
type keptBackup struct {
	Name        string `answer:"backup"`
	Unreadable  bool   `answer:"unreadable"`
	Cluster     string `answer:"note.cluster"`
	Source      string `answer:"note.source"`
	Taken       string `answer:"note.taken"`
	State       string `answer:"note.state"`
	By          string `answer:"note.by"` // timer: a host took it by itself
	Description []byte `answer:"description"`
	Sums        string `answer:"sums"`
	Bytes       int64  `answer:"bytes"`
	Files       int64  `answer:"files"`

	unfit string // what reading its files showed
}

// listBackups reads the backups in a directory of a host, or those of the given names.
func listBackups(ctx context.Context, h tasks.Host, dir, owner string, names ...string) (keptBackups, error) {
	return listBackupsBy(ctx, h.Shell(), dir, owner, names...)
}

func listBackupsBy(ctx context.Context, shell tasks.Shell, dir, owner string, names ...string) (keptBackups, error) {
	var found keptBackups
	text := scripts.Script("polardb_backups", script.Values{"DIR": dir, "OWNER": owner}, names...)
	answer, err := shell.Run(ctx, remote.Command{Script: text})
	if err == nil {
		err = files.ScriptFailed(answer)
	}
	if err == nil {
		err = script.Decode(answer.Stdout, &found)
	}
	if err != nil {
		return found, &tasks.Failure{Msg: "cannot list the backups in " + dir, Err: err}
	}
	return found, nil
}

// described returns what the backup says of itself, and why it is not whole, or cannot be known to be; "": it is, as far as
// can be seen without reading its files.
func (k *keptBackup) described() (*backupDescription, string) {
	switch {
	case k.Unreadable:
		return nil, "it cannot be read by the engine's account"
	case len(k.Description) == 0 && k.State == "begun":
		return nil, "it is unfinished: it was begun " + k.Taken
	case len(k.Description) == 0 && k.State == "finished":
		return nil, "it was taken by an earlier polarbook and does not describe itself"
	case len(k.Description) == 0:
		return nil, "it has no " + descriptionFile
	}
	d, err := parseDescription(k.Description)
	switch {
	case err != nil:
		return nil, err.Error()
	case k.Sums == "":
		return d, "its list of checksums is missing"
	case k.Sums != d.Sums.SHA256:
		return d, "its list of checksums is not the one that was written"
	case k.Files != d.storedFiles():
		return d, fmt.Sprintf("it has %d files instead of %d", k.Files, d.storedFiles())
	case k.Bytes != d.storedBytes():
		return d, fmt.Sprintf("its files have %d bytes instead of %d", k.Bytes, d.storedBytes())
	}
	return d, k.unfit
}

func (k *keptBackup) values(dir, host string) map[string]any {
	d, reason := k.described()
	v := map[string]any{
		"name": k.Name, "path": path.Join(dir, k.Name), "host": host, "cluster": k.Cluster, "source": k.Source, "taken": k.Taken,
		"lsn": "", "bytes": int(k.Bytes), "data": int(k.Bytes), "compressed": "", "whole": reason == "", "reason": reason,
	}
	if d != nil {
		v["cluster"], v["source"], v["taken"] = d.Cluster, d.Source, d.Ended.UTC().Format(time.RFC3339)
		v["lsn"], v["data"], v["compressed"] = d.EndLSN, int(d.Bytes), d.packedWith()
	}
	return v
}

// outlived returns the names of the backups of a cluster that are removed when the one named newest is whole: whole ones beyond
// keep or older than days, by the time at which they ended, and unfinished ones. What is not whole for another reason stays:
// somebody should look at it.
func outlived(list []keptBackup, cluster, newest string, keep, days int, now time.Time) []string {
	type aged struct {
		name  string
		ended time.Time
	}
	var whole []aged
	var names []string
	for _, k := range list {
		d, reason := k.described()
		switch {
		case k.Name == newest:
		case d != nil && reason == "" && d.Cluster == cluster && k.Cluster == cluster:
			whole = append(whole, aged{k.Name, d.Ended})
		case len(k.Description) == 0 && k.State == "begun" && k.Cluster == cluster && !k.underWay(now):
			names = append(names, k.Name)
		}
	}
	slices.SortStableFunc(whole, func(a, b aged) int { return b.ended.Compare(a.ended) })
	for i, w := range whole {
		// The new one is the first that is kept.
		if keep > 0 && i+1 >= keep || days > 0 && now.Sub(w.ended) > time.Duration(days)*24*time.Hour {
			names = append(names, w.name)
		}
	}
	slices.Sort(names)
	return names
}

// underWay reports whether a host may be at work at an unfinished backup by itself, while polarbook takes another.
func (k *keptBackup) underWay(now time.Time) bool {
	begun, err := time.Parse(time.RFC3339, k.Taken)
	return k.By == "timer" && err == nil && now.Sub(begun) < 48*time.Hour
}

// prune removes the backups that have outlived the new one.
func (b *backupAction) prune(ctx context.Context, h tasks.Host) ([]string, error) {
	a := b.args
	return pruneBackups(ctx, h, a.Dir, a.User, a.Cluster, path.Base(a.To), a.Keep, a.KeepDays)
}

// pruneBackups removes the backups in a directory that have outlived the new one, and returns their names. It removes nothing unless the
// new one is whole as it lies there.
func pruneBackups(ctx context.Context, h tasks.Host, dir, owner, cluster, newest string, keep, days int) ([]string, error) {
	found, err := listBackups(ctx, h, dir, owner)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(found.List, func(k keptBackup) bool { return k.Name == newest })
	if at < 0 {
		return nil, fmt.Errorf("%s is not in %s", newest, dir)
	}
	if _, reason := found.List[at].described(); reason != "" {
		return nil, fmt.Errorf("the new backup %s is not whole: %s", newest, reason)
	}
	names := outlived(found.List, cluster, newest, keep, days, time.Now())
	if len(names) == 0 {
		return nil, nil
	}
	return removeBackups(ctx, h.Shell(), dir, owner, cluster, names...)
}

// removeBackups removes backups of a cluster from a directory of a host, and returns the names of those that are gone.
func removeBackups(ctx context.Context, shell tasks.Shell, dir, owner, cluster string, names ...string) ([]string, error) {
	text := scripts.Script("polardb_backup_remove", script.Values{"DIR": dir, "OWNER": owner, "CLUSTER": cluster}, names...)
	answer, err := shell.Run(ctx, remote.Command{Script: text})
	if err != nil {
		return nil, err
	}
	var gone struct {
		Removed []string `answer:"removed"`
	}
	if err := script.Decode(answer.Stdout, &gone); err != nil {
		return nil, err
	}
	return gone.Removed, files.ScriptFailed(answer)
}

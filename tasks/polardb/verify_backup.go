package polardb

import (
	"context"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

type verifyArgs struct {
	From    string `arg:"from,path" doc:"the directory of the backup; default the newest of the cluster in dir"`
	Dir     string `arg:"dir,path" default:"/var/lib/polardb-backups" doc:"where backups lie"`
	Scratch string `arg:"scratch,path" doc:"the directory in which it is restored for a moment, in .verify; default dir"`
	Cluster string `arg:"cluster" default:"polardb" doc:"the cluster whose newest backup is meant"`
	Home    string `arg:"home" default:"/opt/polardb" doc:"where the engine is installed"`
	User    string `arg:"user" default:"polardb" doc:"the account that runs the engine"`
	Timeout int    `arg:"timeout" default:"86400" doc:"seconds that reading, copying and starting may take each"`
}

var verifyModule = tasks.Define(tasks.Module{
	Name:    "polardb_verify_backup",
	Summary: "Prove that a backup can be restored: start it alone, and ask each of its databases",
	Notes: []string{
		"Reads every file of the backup and compares its checksum, copies it into a directory of the engine's account alone, " +
			"and starts it there without consensus, without TCP, on a socket that only that account reaches. " +
			"Each database is asked how many relations it has. Then the server is stopped and the copy removed, also after a failure; " +
			"what a run that was killed left is removed by the next one.",
		"It needs room for the copy, and some 150 MB of memory. The backup itself is not changed.",
	},
	Returns: []tasks.Return{
		{Name: "from", Type: "str", Doc: "the backup"},
		{Name: "databases", Type: "dict", Doc: "how many relations each database has"},
	},
	Examples: `- polardb_verify_backup:
    cluster: demo
`,
}, func(a *verifyArgs, l tasks.Local) (tasks.Action, error) {
	if a.Scratch == "" {
		a.Scratch = a.Dir
	}
	for _, d := range []struct {
		arg string
		dir *string
	}{{"dir", &a.Dir}, {"scratch", &a.Scratch}, {"from", &a.From}} {
		if *d.dir == "" {
			continue
		}
		*d.dir = path.Clean(*d.dir)
		if !path.IsAbs(*d.dir) || strings.Count(*d.dir, "/") < 2 || strings.ContainsAny(*d.dir, unfitForPaths) {
			return nil, &tasks.ArgError{Module: "polardb_verify_backup", Arg: d.arg,
				Problem: fmt.Sprintf("must be an absolute path at least two levels deep, without blanks and the like, not %q", *d.dir)}
		}
	}
	return tasks.AskApply(&verifyAction{args: a, check: l.Check()}), nil
})

type verifyAction struct {
	args  *verifyArgs
	check bool
}

func (v *verifyAction) Probe() string {
	return scripts.Script("polardb_backup_engine", script.Values{"BIN": v.args.Home + "/current/bin", "SCRATCH": v.args.Scratch})
}

// verifyFound is the backup that is verified, and what was seen of the host.
type verifyFound struct {
	Postgres string   `answer:"postgres"`
	Packers  []string `answer:"packer"`
	Free     int64    `answer:"free"`
	End      bool     `answer:"end,required"`

	from   string
	backup *backupDescription
	unfit  string
}

func (v *verifyAction) Ask(ctx context.Context, h tasks.Host, probed tasks.Found) (verifyFound, error) {
	a := v.args
	found := verifyFound{}
	if err := script.Decode(probed.Stdout, &found); err != nil {
		return found, err
	}
	dir, names := a.Dir, []string{}
	if a.From != "" {
		dir, names = path.Dir(a.From), []string{path.Base(a.From)}
	}
	listed, err := listBackups(ctx, h, dir, a.User, names...)
	if err != nil {
		return found, err
	}
	var chosen *keptBackup
	if a.From == "" {
		chosen = newestBackup(listed.List, a.Cluster)
	} else if len(listed.List) > 0 {
		chosen = &listed.List[0]
	}
	if chosen == nil {
		found.unfit = "there is none"
		return found, nil
	}
	found.from = path.Join(dir, chosen.Name)
	if found.backup, found.unfit = chosen.described(); found.unfit == "" {
		found.unfit = unpackable(found.backup, found.Packers)
	}
	return found, nil
}

// newestBackup returns the newest whole backup of a cluster; nil: there is none.
func newestBackup(list []keptBackup, cluster string) *keptBackup {
	var newest *keptBackup
	var when time.Time
	for i := range list {
		if d, reason := list[i].described(); reason == "" && d.Cluster == cluster && d.Ended.After(when) {
			newest, when = &list[i], d.Ended
		}
	}
	return newest
}

func (v *verifyAction) Plan(found verifyFound) (tasks.Plan, verifyFound, error) {
	a := v.args
	name := found.from
	if name == "" {
		name = a.From
	}
	switch {
	case found.unfit != "" && name == "":
		return tasks.Plan{}, found, &tasks.Failure{Msg: "there is no whole backup of the cluster " + a.Cluster + " in " + a.Dir,
			Hint: "polarbook backups lists those of all hosts"}
	case found.unfit != "":
		return tasks.Plan{}, found, &tasks.Failure{Msg: fmt.Sprintf("the backup %s cannot be restored: %s", name, found.unfit)}
	case found.Postgres == "":
		return tasks.Plan{}, found, &tasks.Failure{Msg: "the engine is not installed under " + a.Home + "/current",
			Hint: "verify it on a host that has it"}
	case found.backup.Bytes+spareBytes > found.Free:
		return tasks.Plan{}, found, &tasks.Failure{
			Msg: fmt.Sprintf("there is no room in %s: the backup needs %d MB, and %d MB are free",
				a.Scratch, (found.backup.Bytes+spareBytes)>>20+1, found.Free>>20),
			Hint: "name another directory: -e scratch=/path"}
	}
	// A proof is no change of the host.
	return tasks.Plan{Change: true, Event: true, Msg: fmt.Sprintf("restore %s, taken %s, for a moment and ask its databases",
		found.from, found.backup.Ended.UTC().Format(time.RFC3339))}, found, nil
}

func (v *verifyAction) Apply(ctx context.Context, h tasks.Host, _ tasks.Plan, found verifyFound) (tasks.Result, error) {
	a := v.args
	values := script.Values{"FROM": found.from, "DIR": a.Scratch, "OWNER": a.User, "POSTGRES": found.Postgres, "TIMEOUT": a.Timeout,
		"SUPERUSER": found.backup.Superuser, "BIN": a.Home + "/current/bin", "LIB": a.Home + "/current/lib"}
	var words []string
	for _, s := range found.backup.Spaces {
		words = append(words, fmt.Sprint(s.OID))
	}
	began := time.Now()
	answer, err := h.Shell().Run(ctx, remote.Command{Script: scripts.Script("polardb_verify_backup", values, words...)})
	if err == nil {
		err = files.ScriptFailed(answer)
	}
	if err != nil {
		return tasks.Result{}, &tasks.Failure{Msg: "the backup " + found.from + " could not be restored", Err: err,
			Hint: "the copy was removed; take another backup, and look at this one"}
	}
	var said struct {
		Databases []struct {
			Name      string `answer:"database"`
			Relations int    `answer:"relations"`
		} `answer:"database"`
	}
	if err := script.Decode(answer.Stdout, &said); err != nil {
		return tasks.Result{}, err
	}
	databases := map[string]any{}
	var shown []string
	for _, d := range said.Databases {
		databases[d.Name] = d.Relations
		shown = append(shown, fmt.Sprintf("%s (%d relations)", d.Name, d.Relations))
	}
	return tasks.Result{
		Msg: fmt.Sprintf("%s can be restored: started in %s, its databases answered: %s", found.from,
			time.Since(began).Round(time.Second), strings.Join(shown, ", ")),
		Values: map[string]any{"from": found.from, "databases": databases},
	}, nil
}

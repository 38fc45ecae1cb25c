package polardb

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/convert"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

type restoreArgs struct {
	NodeArgs
	OwnFilesArgs
	From         string         `arg:"from,required,path" doc:"the directory of the backup on the host"`
	Holder       string         `arg:"holder" doc:"in check mode, the host that has the backup as long as it does not lie in from: localhost is the control node"`
	HolderDir    string         `arg:"holder_dir,path" doc:"the directory there that holds the backup's; default as on this host"`
	HolderUser   string         `arg:"holder_user" default:"polardb" doc:"the account that backups belong to there"`
	OtherCluster bool           `arg:"other_cluster" default:"no" doc:"take the backup of a cluster of another name"`
	Tablespaces  map[string]any `arg:"tablespaces" doc:"other places for tablespaces: a dict of names, or of the places they had, and new places"`
	Superuser    string         `arg:"superuser" doc:"the database superuser; default the account's name"`
	Verify       bool           `arg:"verify" default:"yes" doc:"read all files of the backup and compare their checksums before anything is changed"`
	State        string         `arg:"state" default:"restored" choices:"restored finished" doc:"restored: the node has the backup's data; finished: the cluster is whole again, and the restore no longer under way"`
	Timeout      int            `arg:"timeout" default:"86400" doc:"seconds that reading or copying the backup may take"`

	moved map[string]string // Tablespaces
}

var restoreModule = tasks.Define(tasks.Module{
	Name:    "polardb_restore",
	Summary: "Fill a node's data directories from a backup, to begin a cluster with it",
	Notes: []string{
		"Checks everything before the first change: that the backup describes itself, is whole and of this cluster, each file by its checksum, " +
			"that the engine is of the same major release and reads the backup's control file, that there is room for it, " +
			"and that the places of its tablespaces are free.",
		"Copies only into directories that are absent or empty, or that polarbook began to fill and did not finish. " +
			"In check mode a node whose server is stopped counts as if its data had been removed.",
		"The copy has none of what made the backup's source a member: its consensus meta, recovery.conf and the pinned paths. " +
			"Write this node's own configuration and run polardb_meta with founder before starting it.",
		"Of own_files those that polardb_destroy kept are put back; of one that this node never had a warning says whose it is.",
		"The restore is noted under /var/lib/polarbook until state: finished, so that a run that was killed can go on, and only with the same " +
			"backup.",
	},
	Returns: []tasks.Return{
		{Name: "from", Type: "str", Doc: "the backup"},
		{Name: "cluster", Type: "str", Doc: "the cluster that it is of"},
		{Name: "taken", Type: "str", Doc: "when it ended (UTC)"},
		{Name: "lsn", Type: "str", Doc: "the position in the log that it goes to"},
		{Name: "bytes", Type: "int", Doc: "its size"},
	},
	Examples: `- polardb_restore:
    pgdata: /var/lib/polardb/pgdata
    polardata: /var/lib/polardb/polardata
    cluster: demo
    from: /var/lib/polardb-backups/20261128T120000Z
`,
}, func(a *restoreArgs, l tasks.Local) (tasks.Action, error) {
	if err := a.Check(); err != nil {
		return nil, err
	}
	if err := a.OwnFilesArgs.check("polardb_restore"); err != nil {
		return nil, err
	}
	if a.Superuser == "" {
		a.Superuser = a.User
	}
	a.From = path.Clean(a.From)
	if a.HolderDir == "" {
		a.HolderDir = path.Dir(a.From)
	}
	if !path.IsAbs(a.From) || strings.Count(a.From, "/") < 2 {
		return nil, &tasks.ArgError{Module: "polardb_restore", Arg: "from",
			Problem: fmt.Sprintf("must be an absolute path at least two levels deep, not %q", a.From)}
	}
	a.moved = map[string]string{}
	for key, value := range a.Tablespaces {
		place, _ := value.(string)
		a.moved[key] = place
		if !path.IsAbs(place) || strings.Count(path.Clean(place), "/") < 2 || len(place) > linkLimit || strings.ContainsAny(place, "\n\r") {
			return nil, &tasks.ArgError{Module: "polardb_restore", Arg: "tablespaces",
				Problem: fmt.Sprintf("gives %s a place that cannot be one: %q", key, place)}
		}
	}
	return tasks.AskApply(&restoreAction{args: a, check: l.Check()}), nil
})

type restoreAction struct {
	args  *restoreArgs
	check bool
}

func (r *restoreAction) Probe() string { return r.args.Probe() }

// restoreFound is what was seen of the node and of the backup.
type restoreFound struct {
	state  NodeState
	backup *backupDescription
	unfit  string // why the backup cannot be restored here; "": it can
	spaces []tablespace
	doubts []string // about the places of the tablespaces
	away   bool     // the backup lies on another host yet
}

// room is a file system that takes part of the backup.
type room struct {
	Mount string `answer:"room"`
	Place string `answer:"place"`
	Free  int64  `answer:"free"` // bytes
	Goes  int64  `answer:"goes"` // bytes that are removed from it before
}

// restoreLook is what the script polardb_restore_look prints.
type restoreLook struct {
	Stranger string   `answer:"stranger"`
	Owner    string   `answer:"owner"`
	Kind     string   `answer:"kind"`
	Real     string   `answer:"real"`
	Engine   string   `answer:"engine"`
	Control  bool     `answer:"control"`
	SystemID string   `answer:"system"`
	Packers  []string `answer:"packer"`
	Wrong    []string `answer:"wrong"` // files whose checksums are not those that were written
	Rooms    []room   `answer:"room"`
	End      bool     `answer:"end,required"`
}

// Ask reads the backup, unless the node has it already.
func (r *restoreAction) Ask(ctx context.Context, h tasks.Host, probed tasks.Found) (restoreFound, error) {
	a := r.args
	var found restoreFound
	var err error
	if found.state, err = ParseNode(probed); err != nil || a.State == "finished" {
		return found, err
	}
	if s := found.state; s.Restoring != "" && s.Whole(&a.NodeArgs) {
		return found, nil
	}
	at := backupPlace{h.Name(), path.Dir(a.From), a.User}
	found.backup, found.unfit, err = at.described(ctx, h, path.Base(a.From))
	if found.unfit != "" && a.Holder != "" && r.check {
		at, found.away = backupPlace{a.Holder, a.HolderDir, a.HolderUser}, true
		found.backup, found.unfit, err = at.described(ctx, h, path.Base(a.From))
	}
	if err != nil || found.unfit != "" {
		return found, err
	}
	if found.unfit = a.unlike(found.backup); found.unfit != "" {
		return found, nil
	}
	if found.spaces, found.unfit = a.places(found.backup); found.unfit != "" {
		return found, nil
	}
	// What can be told at once is, before files are read for hours.
	for _, verify := range []bool{false, true} {
		if verify && (!a.Verify || !r.check || found.away) {
			break
		}
		look, err := r.look(ctx, h, &found, verify)
		if err != nil {
			return found, err
		}
		if found.unfit = a.unfit(found.backup, look, found.state.Postgres != ""); found.unfit != "" {
			return found, nil
		}
	}
	if found.away && a.Verify {
		if found.unfit, err = at.prove(ctx, h, path.Base(a.From), found.backup, a.Timeout); err != nil || found.unfit != "" {
			return found, err
		}
	}
	found.doubts, err = a.spaceDoubts(ctx, h, found.spaces)
	return found, err
}

func (r *restoreAction) look(ctx context.Context, h tasks.Host, found *restoreFound, verify bool) (*restoreLook, error) {
	a := r.args
	if verify {
		h.Say(fmt.Sprintf("reading the backup's %d files, %d bytes", found.backup.storedFiles(), found.backup.storedBytes()))
	}
	places := locations(found.spaces)
	if found.away {
		places = append(places, path.Dir(a.From))
	}
	text := a.script("polardb_restore_look", script.Values{
		"FROM": a.From, "POSTGRES": found.state.Postgres, "verify": verify, "TIMEOUT": a.Timeout,
		"wholly": found.state.Whole(&a.NodeArgs) || found.state.Unfinished(&a.NodeArgs),
	}, places...)
	answer, err := h.Shell().Run(ctx, remote.Command{Script: text})
	if err == nil {
		err = files.ScriptFailed(answer)
	}
	look := &restoreLook{}
	if err == nil {
		err = script.Decode(answer.Stdout, look)
	}
	if err != nil {
		return nil, &tasks.Failure{Msg: "cannot read the backup " + a.From, Err: err}
	}
	if found.away { // what lies here is nothing yet
		look.Stranger, look.Owner, look.Control, look.SystemID = "", a.User, true, found.backup.SystemID
	}
	return look, nil
}

// unlike returns why a backup must not become this cluster, by what it says of itself; "": it may.
func (a *restoreArgs) unlike(d *backupDescription) string {
	switch {
	case d.Cluster != a.Cluster && !a.OtherCluster:
		return fmt.Sprintf("it is of the cluster %s, and this is %s: if that is meant, -e other_cluster=true", d.Cluster, a.Cluster)
	case d.Superuser != a.Superuser:
		return fmt.Sprintf("its database superuser is %s, and this cluster's is %s (polardb_user)", d.Superuser, a.Superuser)
	case under(a.From, a.Pgdata) || under(a.From, a.Polardata) || under(a.Pgdata, a.From) || under(a.Polardata, a.From):
		return fmt.Sprintf("it and %s or %s are inside one another: move it", a.Pgdata, a.Polardata)
	}
	return ""
}

// places returns the tablespaces with the places that they get, and what is wrong with those; "": nothing.
func (a *restoreArgs) places(d *backupDescription) ([]tablespace, string) {
	left := maps.Clone(a.moved)
	var spaces []tablespace
	for _, s := range d.Spaces {
		to := s.Location
		for _, key := range []string{s.Location, s.Name} {
			if place, ok := a.moved[key]; ok {
				to = path.Clean(place)
				delete(left, key)
			}
		}
		for _, other := range spaces {
			if under(to, other.location) || under(other.location, to) {
				return nil, fmt.Sprintf("its tablespaces %s and %s would lie inside one another (%s)", other.name, s.Name, to)
			}
		}
		if under(to, a.Pgdata) || under(to, a.Polardata) || under(a.Pgdata, to) || under(a.Polardata, to) || under(to, a.From) ||
			under(a.From, to) {
			return nil, fmt.Sprintf("its tablespace %s would lie in %s, which is inside another directory of the node or the backup, or around it",
				s.Name, to)
		}
		spaces = append(spaces, tablespace{oid: s.OID, name: s.Name, location: to})
	}
	if len(left) > 0 {
		return nil, "it has no tablespace " + strings.Join(slices.Sorted(maps.Keys(left)), ", ") + " (tablespaces)"
	}
	return spaces, ""
}

// unfit returns why a backup cannot be restored on a host, by what was seen there; "": it can.
func (a *restoreArgs) unfit(d *backupDescription, l *restoreLook, engine bool) string {
	major := func(version string) string { first, _, _ := strings.Cut(version, "."); return first }
	switch {
	case l.Stranger != "":
		return "others could have changed it: " + l.Stranger
	case l.Owner != "root" && l.Owner != a.User:
		return fmt.Sprintf("it belongs to %s: give it to %s (chown -R)", l.Owner, a.User)
	case unpackable(d, l.Packers) != "":
		return unpackable(d, l.Packers)
	case len(l.Wrong) > 0:
		return wrongFiles(l.Wrong)
	case engine && major(l.Engine) != major(d.Engine.Version):
		return fmt.Sprintf("it is of the engine %s, and the one on this host is %q", d.Engine.Version, l.Engine)
	case engine && !l.Control:
		return "pg_controldata of the engine on this host does not read its control file"
	case engine && l.SystemID != d.SystemID:
		return fmt.Sprintf("its control file is of the system %s, and it says that it is of %s", l.SystemID, d.SystemID)
	}
	return a.cramped(d, l.Rooms)
}

// cramped returns which file system lacks room for the backup; "": none does.
func (a *restoreArgs) cramped(d *backupDescription, rooms []room) string {
	needs, free := map[string]int64{}, map[string]int64{}
	wanted := map[string]int64{a.Pgdata: d.Pgdata, a.Polardata: d.Polardata, path.Dir(a.From): d.storedBytes()}
	if spaces, _ := a.places(d); spaces != nil {
		for i, s := range spaces {
			wanted[s.location] += d.Spaces[i].Bytes
		}
	}
	for _, r := range rooms {
		if _, seen := free[r.Mount]; !seen {
			free[r.Mount] = r.Free
		}
		free[r.Mount] += r.Goes
		needs[r.Mount] += wanted[r.Place]
	}
	for _, mount := range slices.Sorted(maps.Keys(needs)) {
		if needs[mount]+spareBytes > free[mount] {
			return fmt.Sprintf("it needs %d MB on %s, which has room for %d MB", (needs[mount]+spareBytes)>>20+1, mount, free[mount]>>20)
		}
	}
	return ""
}

// spareBytes is what must stay free besides the data: the first write-ahead log.
const spareBytes = 64 << 20

func (r *restoreAction) Plan(found restoreFound) (tasks.Plan, restoreFound, error) {
	a, s := r.args, found.state
	values := map[string]any{"from": a.From, "cluster": "", "taken": "", "lsn": "", "bytes": 0}
	if a.State == "finished" {
		if s.Restoring == "" {
			return tasks.Plan{Msg: "no restore is under way", Values: values}, found, nil
		}
		return tasks.Plan{Change: true, Msg: "note that the restore is finished", Values: values}, found, nil
	}
	if d := found.backup; d != nil {
		values = map[string]any{"from": a.From, "cluster": d.Cluster, "taken": d.Ended.UTC().Format(time.RFC3339), "lsn": d.EndLSN,
			"bytes": int(d.Bytes)}
	}
	switch {
	case s.Restoring != "" && s.Restoring != a.From:
		return tasks.Plan{}, found, &tasks.Failure{Msg: "a restore of " + s.Restoring + " was begun here and is not finished",
			Hint: "finish it with -e from=" + s.Restoring + ", or remove what there is of it with destroy.yml"}
	case s.Restoring != "" && s.Whole(&a.NodeArgs):
		return tasks.Plan{Msg: "the node has the data of " + a.From, Values: values}, found, nil
	case s.PID != 0:
		return tasks.Plan{}, found, &tasks.Failure{Msg: fmt.Sprintf("the server runs (process %d)", s.PID),
			Hint: "nothing was changed; stop it first"}
	}
	if err := s.Refuse(&a.NodeArgs); err != nil {
		return tasks.Plan{}, found, err
	}
	switch {
	case found.unfit != "":
		return tasks.Plan{}, found, &tasks.Failure{Msg: fmt.Sprintf("the backup %s is not restored: %s", a.From, found.unfit),
			Hint: "nothing was changed. polarbook backups lists all of them"}
	case len(found.doubts) > 0:
		return tasks.Plan{}, found, &tasks.Failure{
			Msg:  "the backup has tablespaces for which there is no place: " + strings.Join(found.doubts, "; "),
			Hint: `nothing was changed. Make room for them, or name other places: -e '{"tablespaces": {"` + found.spaces[0].name + `": "/other/place"}}'`}
	case s.Whole(&a.NodeArgs) && !r.check:
		return tasks.Plan{}, found, &tasks.Failure{Msg: a.Pgdata + " still holds the node's data", Hint: "nothing was changed; remove it first"}
	case s.Postgres == "":
		unknown := "the engine is not installed under " + a.Home + "/current yet"
		return tasks.Plan{Change: true, Unknown: unknown, Msg: "restore " + a.From, Values: values}, found, nil
	}
	msg := fmt.Sprintf("restore %s, taken %s of %s", a.From, values["taken"], found.backup.Source)
	if s.Unfinished(&a.NodeArgs) {
		msg = fmt.Sprintf("empty %s and %s, which polarbook began and did not finish (%s), and %s", a.Pgdata, a.Polardata, s.Step, msg)
	}
	return tasks.Plan{Change: true, Msg: msg, Values: values}, found, nil
}

func (r *restoreAction) Apply(ctx context.Context, h tasks.Host, p tasks.Plan, found restoreFound) (tasks.Result, error) {
	a := r.args
	run := func(text string) error {
		answer, err := h.Shell().Run(ctx, remote.Command{Script: text})
		if err != nil {
			return err
		}
		return files.ScriptFailed(answer)
	}
	if a.State == "finished" {
		return tasks.Result{Changed: true, Msg: p.Msg, Values: p.Values}, run(a.script("polardb_restore_over", nil))
	}
	if p.Unknown != "" {
		return tasks.Result{}, &tasks.Failure{Msg: p.Unknown, Hint: "run the tasks that install it first"}
	}
	h.Say("copying " + a.From)
	v := a.beginning(stepRestore, found.state)
	v["FROM"], v["TIMEOUT"] = a.From, a.Timeout
	var words []string
	for _, s := range found.spaces {
		words = append(words, fmt.Sprint(s.oid), s.location)
	}
	if err := run(a.script("polardb_restore", v, words...)); err != nil {
		failure := &tasks.Failure{Msg: "the backup " + a.From + " could not be copied", Err: err, Hint: "run restore.yml again: it starts over"}
		if full := a.full(ctx, h); full != "" {
			failure.Msg += ": no space left on device: " + full + " is full"
		}
		return tasks.Result{}, failure
	}
	warnings, err := a.copied(ctx, h.Shell(), &a.NodeArgs, stepRestore, found.backup.Source)
	if err != nil {
		return tasks.Result{}, err
	}
	p.Values["tablespaces"] = convert.AnyTexts(locations(found.spaces))
	return tasks.Result{Changed: true, Msg: p.Msg, Values: p.Values, Warnings: warnings}, nil
}

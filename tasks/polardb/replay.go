package polardb

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

type replayArgs struct {
	NodeArgs
	From       string `arg:"from,required,path" doc:"the directory of the backup that the data is from"`
	Holder     string `arg:"holder" doc:"in check mode, the host that has the backup as long as it does not lie in from: localhost is the control node"`
	HolderDir  string `arg:"holder_dir,path" doc:"the directory there that holds the backup's; default as on this host"`
	HolderUser string `arg:"holder_user" default:"polardb" doc:"the account that backups belong to there"`
	Archive    string `arg:"archive,required,path" doc:"the directory of the archive, with one directory for each cluster"`
	Time       string `arg:"time" doc:"the time up to which transactions are taken, with a zone: 2026-11-26 03:00:00+08"`
	LSN        string `arg:"lsn" doc:"the position in the log up to which it is taken, such as 0/5011C28"`
	Timeline   int    `arg:"timeline" default:"0" doc:"the branch of the log to follow, where there are several; default the one on which the cluster was at the time"`
	Superuser  string `arg:"superuser" doc:"the database superuser; default the account's name"`
	Timeout    int    `arg:"timeout" default:"86400" doc:"seconds that the log may be replayed"`

	target replayTarget
}

// replayTarget is the point at which a replay ends.
type replayTarget struct {
	line string // of recovery.conf; "": the end of the log
	text string // for people
	must bool   // it is an error not to come to it
	time time.Time
	lsn  uint64
}

var replayModule = tasks.Define(tasks.Module{
	Name:    "polardb_replay",
	Summary: "Take restored data to a point in time, with the write-ahead log of an archive",
	Notes: []string{
		"Runs between polardb_restore and the first start: the server runs alone, without consensus and without TCP, replays the log, " +
			"begins a timeline of its own and is stopped. time=end takes all that there is of the log, and without time and lsn " +
			"the data stays as the backup has it, on a timeline that the archive does not have yet.",
		"Checks beforehand that the archive has the log without a gap from the backup's beginning on, over all timelines, that the time is " +
			"after the backup's end, and not after the last file of the log was archived. The engine itself would go to the end of the log, " +
			"and say nothing (observed on 11.9): where that happens all the same the data counts as half restored, and the module fails.",
		"Without timeline a time is looked for on the timeline on which the cluster was then, by when each was archived, and a position on the " +
			"newest one that has it. The history of the new timeline and the file in which it begins are put into the archive.",
		"A replay that was killed goes on; one that was killed while the server ended it is begun anew by the next run.",
		"In check mode a node whose server is stopped counts as if its data had been removed.",
	},
	Returns: []tasks.Return{
		{Name: "reached", Type: "str", Doc: "when the last transaction that was taken had been committed (UTC); empty when there was none " +
			"after the backup"},
	},
	Examples: `- polardb_replay:
    pgdata: /var/lib/polardb/pgdata
    polardata: /var/lib/polardb/polardata
    cluster: demo
    from: /var/lib/polardb-backups/20261128T120000Z
    archive: /mnt/wal
    time: 2026-11-28 15:04:00+08
`,
}, func(a *replayArgs, l tasks.Local) (tasks.Action, error) {
	if err := a.Check(); err != nil {
		return nil, err
	}
	if a.Superuser == "" {
		a.Superuser = a.User
	}
	a.From, a.Archive = path.Clean(a.From), path.Clean(a.Archive)
	if a.HolderDir == "" {
		a.HolderDir = path.Dir(a.From)
	}
	if !path.IsAbs(a.Archive) || strings.ContainsAny(a.Archive, unfitForPaths) {
		return nil, &tasks.ArgError{Module: "polardb_replay", Arg: "archive",
			Problem: fmt.Sprintf("must be an absolute path without blanks and the like, not %q", a.Archive)}
	}
	var arg, problem string
	if a.target, arg, problem = a.aim(); problem != "" {
		return nil, &tasks.ArgError{Module: "polardb_replay", Arg: arg, Problem: problem}
	}
	return tasks.AskApply(&replayAction{args: a, check: l.Check()}), nil
})

// aim returns the point that the arguments name, or which of them names none, and why.
func (a *replayArgs) aim() (target replayTarget, arg, problem string) {
	switch {
	case a.Time != "" && a.LSN != "":
		return target, "lsn", "is another point than time: give one of the two"
	case a.Timeline < 0:
		return target, "timeline", "must be the number of a timeline"
	case a.Time == "end":
		return replayTarget{text: "the end of the log"}, "", ""
	case a.Time != "":
		t, ok := zonedTime(a.Time)
		if !ok {
			return target, "time", fmt.Sprintf("must be a time with its zone, such as 2026-11-26 03:00:00+08 or 2026-11-25T19:00:00Z, or end, not "+
				"%q", a.Time)
		}
		text := t.UTC().Format("2006-01-02 15:04:05.999999") + "+00"
		return replayTarget{line: "recovery_target_time = '" + text + "'", text: text, must: true, time: t}, "", ""
	case a.LSN != "":
		n, err := lsnNumber(a.LSN)
		if err != nil {
			return target, "lsn", fmt.Sprintf("must be a position in the log, such as 0/5011C28, not %q", a.LSN)
		}
		return replayTarget{line: "recovery_target_lsn = '" + lsnText(n) + "'", text: "LSN " + lsnText(n), must: true, lsn: n}, "", ""
	}
	return replayTarget{line: "recovery_target = 'immediate'", text: "the backup's end"}, "", ""
}

// zonedTime reads a time that says its zone.
func zonedTime(text string) (time.Time, bool) {
	text = strings.Join(strings.Fields(text), " ")
	for _, day := range []string{"2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02T15:04"} {
		for _, zone := range []string{"Z07:00", "-07:00", "-0700", "-07", " -07:00", " -0700", " -07"} {
			if t, err := time.Parse(day+zone, text); err == nil {
				return t, true
			}
		}
		if t, err := time.Parse(day, strings.TrimSuffix(strings.TrimSuffix(text, " UTC"), " GMT")); err == nil && len(text) > len(day) &&
			text[len(text)-1] > '9' {
			return t, true
		}
	}
	return time.Time{}, false
}

type replayAction struct {
	args  *replayArgs
	check bool
}

func (r *replayAction) Probe() string { return r.args.Probe() }

// replayFound is what was seen of the node, of the backup and of the archive.
type replayFound struct {
	state  NodeState
	backup *backupDescription
	unfit  string // why the backup cannot be used

	Noted     string            `answer:"noted"` // the point of a replay that was begun
	Replayed  bool              `answer:"replayed"`
	Reached   string            `answer:"reached"`
	There     bool              `answer:"there"`  // the archive has a directory of the cluster
	Newest    string            `answer:"newest"` // the highest timeline of all files
	Files     []walFile         `answer:"file"`
	Histories []timelineHistory `answer:"history"`
	End       bool              `answer:"end,required"`
}

func (r *replayAction) Ask(ctx context.Context, h tasks.Host, probed tasks.Found) (replayFound, error) {
	a := r.args
	state, err := ParseNode(probed)
	if err != nil || r.past(state) {
		return replayFound{state: state}, err
	}
	found := replayFound{state: state}
	found.backup, found.unfit, err = backupPlace{h.Name(), path.Dir(a.From), a.User}.described(ctx, h, path.Base(a.From))
	if found.unfit != "" && a.Holder != "" && r.check {
		found.backup, found.unfit, err = backupPlace{a.Holder, a.HolderDir, a.HolderUser}.described(ctx, h, path.Base(a.From))
	}
	if err != nil || found.unfit != "" {
		return found, err
	}
	text := a.script("polardb_replay_look", script.Values{"ARCHIVE": a.directory(found.backup), "FIRST": firstSegment(found.backup.StartLSN)})
	answer, err := h.Shell().Run(ctx, remote.Command{Script: text})
	if err == nil {
		err = files.ScriptFailed(answer)
	}
	if err == nil {
		err = script.Decode(answer.Stdout, &found)
	}
	if err != nil {
		return found, &tasks.Failure{Msg: "cannot read the archive " + a.directory(found.backup), Err: err}
	}
	return found, nil
}

// firstSegment returns the last 16 digits of a file's name from which on files are of interest: whatever the size of files is, those
// of the log before it have smaller ones.
func firstSegment(lsn string) string {
	n, _ := lsnNumber(lsn)
	return fmt.Sprintf("%08X%08X", n>>32, 0)
}

// directory returns where the archive has the log of a backup's cluster.
func (a *replayArgs) directory(d *backupDescription) string { return path.Join(a.Archive, d.Cluster) }

// begun reports whether the node has data that was restored, and past whether it has been started with it.
func (r *replayAction) begun(s NodeState) bool { return s.Restoring != "" && s.Whole(&r.args.NodeArgs) }
func (r *replayAction) past(s NodeState) bool  { return r.begun(s) && s.Step != stepData }

func (r *replayAction) Plan(found replayFound) (tasks.Plan, replayFound, error) {
	a, s := r.args, found.state
	values := map[string]any{"reached": found.Reached}
	nothing := func(msg string) (tasks.Plan, replayFound, error) {
		return tasks.Plan{Msg: msg, Values: values}, found, nil
	}
	refuse := func(format string, args ...any) (tasks.Plan, replayFound, error) {
		return tasks.Plan{}, found, &tasks.Failure{Msg: fmt.Sprintf(format, args...), Hint: "nothing was changed"}
	}
	switch {
	case r.past(s):
		return nothing("the node has been started since")
	case found.unfit != "":
		return refuse("the backup %s cannot be used: %s", a.From, found.unfit)
	case !r.begun(s) && !r.check:
		return refuse("%s has no data that was restored from %s", a.Pgdata, a.From)
	case found.Noted != "" && r.begun(s) && found.Noted != a.target.text:
		return refuse("a restore to %s was begun here and is not finished: finish it, or remove what there is of it with destroy.yml",
			found.Noted)
	case found.Replayed && r.begun(s):
		return nothing("the data is that of " + a.target.text)
	}
	plain := a.Time == "" && a.LSN == ""
	if plain && len(found.Files)+len(found.Histories) == 0 {
		return nothing("the archive has nothing of the cluster " + found.backup.Cluster)
	}
	timeline, problem := a.judge(found)
	if problem != "" {
		return refuse("the backup %s is not taken to %s: %s", a.From, a.target.text, problem)
	}
	msg := fmt.Sprintf("replay the log of %s on the timeline %d up to %s", a.directory(found.backup), timeline, a.target.text)
	if s.Postgres == "" {
		return tasks.Plan{Change: true, Unknown: "the engine is not installed under " + a.Home + "/current yet", Msg: msg,
			Values: values}, found, nil
	}
	return tasks.Plan{Change: true, Msg: msg, Values: values}, found, nil
}

// judge returns the timeline that is followed, and why the point cannot be reached from the backup; "": it can.
func (a *replayArgs) judge(found replayFound) (int64, string) {
	d := found.backup
	end, _ := lsnNumber(d.EndLSN)
	newest := found.newest()
	switch t := a.target; {
	case newest-d.Timeline > manyTimelines:
		return 0, fmt.Sprintf("the archive has files of the timeline %d, which cannot be: look into %s", newest, a.directory(d))
	case a.Time == "" && a.LSN == "":
		return d.Timeline, ""
	case !t.time.IsZero() && !t.time.After(d.Ended):
		return 0, fmt.Sprintf("it is from %s: choose an older backup", d.Ended.UTC().Format(time.RFC3339))
	case t.lsn > 0 && t.lsn < end:
		return 0, fmt.Sprintf("it goes to LSN %s: choose an older backup", d.EndLSN)
	case !found.There:
		return 0, "the archive has no directory " + a.directory(d) + " that " + a.User + " can read"
	case a.Timeline > 0:
		return int64(a.Timeline), a.along(found, int64(a.Timeline))
	case !t.time.IsZero():
		return a.byTime(found)
	}
	return a.byPosition(found)
}

// manyTimelines is how many timelines there may be since a backup.
const manyTimelines = 10000

// newest returns the highest number of a timeline that the archive knows, or the backup's.
func (f *replayFound) newest() int64 {
	n, _ := strconv.ParseInt(f.Newest, 16, 64)
	n = max(n, f.backup.Timeline)
	for _, h := range f.Histories {
		n = max(n, h.number())
	}
	return n
}

// branches returns the timelines that the backup may lead to, the newest first.
func (f *replayFound) branches() []int64 {
	all := []int64{f.backup.Timeline}
	for _, h := range f.Histories {
		if n := h.number(); n > f.backup.Timeline {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	slices.Reverse(all)
	return slices.Compact(all)
}

// made returns when a timeline was begun, as the archive shows it: the backup's own, long ago. One whose history is not there
// was begun before those that come from it.
func (f *replayFound) made(way []reach, i int) time.Time {
	var at time.Time
	if way[i].timeline <= f.backup.Timeline {
		return at
	}
	for _, r := range slices.Backward(way[i:]) {
		for _, h := range f.Histories {
			if h.number() == r.timeline {
				at = time.Unix(h.Made, 0)
			}
		}
	}
	return at
}

// byTime chooses the timeline on which the cluster was at the target's time: not simply the newest one, because after a restore
// the log goes on from an earlier moment, and what was written between the two is on the timeline before.
func (a *replayArgs) byTime(found replayFound) (int64, string) {
	problem := ""
	for _, id := range found.branches() {
		way, unfit := wayTo(id, found.Histories)
		if unfit == "" {
			unfit = wayHas(way, found.backup)
		}
		if unfit == "" {
			unfit = a.along(found, id)
		}
		if way == nil {
			return 0, unfit
		}
		if !a.target.time.Before(found.made(way, len(way)-1)) {
			if unfit != "" && problem != "" {
				unfit = problem
			}
			return id, unfit
		}
		// It was begun later. Up to where it was, a timeline that goes on where its parent had ended has all that the parent has, and the
		// beginning of a file may be there alone.
		left := false
		for i, r := range way {
			left = left || r.back && a.target.time.Before(found.made(way, i))
		}
		switch {
		case left || wayHas(way, found.backup) != "":
		case unfit == "":
			return id, ""
		case problem == "":
			problem = unfit
		}
	}
	return 0, problem
}

// byPosition chooses the newest timeline, or one that it comes from where that has the target's position as well.
func (a *replayArgs) byPosition(found replayFound) (int64, string) {
	id, problem := found.branches()[0], ""
	for {
		unfit := a.along(found, id)
		if unfit == "" {
			return id, ""
		}
		if problem == "" {
			problem = unfit
		}
		way, _ := wayTo(id, found.Histories)
		if n := len(way); a.target.lsn == 0 || n < 2 || id <= found.backup.Timeline || a.target.lsn > way[n-1].from ||
			wayHas(way, found.backup) != "" {
			return 0, problem
		}
		id = way[len(way)-2].timeline
	}
}

// along returns why the point cannot be reached on the way to a timeline; "": it can.
func (a *replayArgs) along(found replayFound, timeline int64) string {
	chain, problem := chainOf(found.backup, found.Files, found.Histories, timeline)
	gap := ""
	if chain.gap != "" {
		gap = fmt.Sprintf("; what is behind cannot be reached, because %s is missing", chain.gap)
	}
	newest := chain.newest.UTC().Format(time.RFC3339)
	switch t := a.target; {
	case problem != "":
		return problem
	case t.time.After(chain.newest):
		return fmt.Sprintf("the archive's log ends before that: its last file is from %s (LSN %s)%s. All that there is: -e time=end", newest,
			lsnText(chain.end), gap)
	case t.lsn >= chain.end:
		return fmt.Sprintf("the archive's log ends at LSN %s (%s)%s. All that there is: -e time=end", lsnText(chain.end), newest, gap)
	case a.Time == "end" && gap != "":
		return fmt.Sprintf("the archive's log ends at LSN %s (%s)%s: name the time", lsnText(chain.end), newest, gap)
	}
	return ""
}

// restoreCommand returns what fetches a file of the log. The engine looks for a free number for its new timeline by asking for one history
// after the other, and takes the first that is not there. After a restore one may be missing while later ones are there, so those
// that have come up are made up: nothing in them is read.
func restoreCommand(directory string, timeline, newest int64) string {
	return fmt.Sprintf(`unset LD_LIBRARY_PATH; if [ -f "%[1]s/%%f" ]; then cp "%[1]s/%%f" "%%p"; else f="%%f"; case $f in *.history) `+
		`n=$((0x${f%%%%.history})); [ $n -gt %[2]d ] && [ $n -le %[3]d ] && : >"%%p" ;; *) false ;; esac; fi`, directory, timeline, newest)
}

func (r *replayAction) Apply(ctx context.Context, h tasks.Host, p tasks.Plan, found replayFound) (tasks.Result, error) {
	a := r.args
	if p.Unknown != "" {
		return tasks.Result{}, &tasks.Failure{Msg: p.Unknown, Hint: "run the tasks that install it first"}
	}
	timeline, _ := a.judge(found)
	h.Say("replaying the log up to " + a.target.text)
	v := a.marking(found.state)
	v["POSTGRES"], v["TIMEOUT"], v["SUPERUSER"] = found.state.Postgres, a.Timeout, a.Superuser
	v["TARGET"], v["must"] = a.target.text, a.target.must
	v["ARCHIVE"], v["own_archive"] = a.directory(found.backup), found.backup.Cluster == a.Cluster && found.There
	lines := []string{
		"restore_command = '" + restoreCommand(a.directory(found.backup), timeline, found.newest()) + "'",
		fmt.Sprintf("recovery_target_timeline = '%d'", timeline), "recovery_target_action = 'promote'",
	}
	if a.target.line != "" {
		lines = append(lines, a.target.line)
	}
	answer, err := h.Shell().Run(ctx, remote.Command{Script: a.script("polardb_replay", v, lines...)})
	if err == nil {
		err = files.ScriptFailed(answer)
	}
	if err != nil {
		return tasks.Result{}, &tasks.Failure{Msg: "the log could not be replayed up to " + a.target.text, Err: err,
			Hint: "mend that and run restore.yml again with the same point"}
	}
	var said struct {
		Reached  string `answer:"reached"`
		Timeline int    `answer:"timeline"`
		Short    bool   `answer:"short"`
		Cut      bool   `answer:"cut"`
	}
	if err := script.Decode(answer.Stdout, &said); err != nil {
		return tasks.Result{}, err
	}
	if said.Cut {
		return tasks.Result{}, &tasks.Failure{Msg: "the replay was cut off before, while its server began a timeline of its own: what is there " +
			"cannot be told from what is not",
			Hint: "run restore.yml again with the same point: it starts over"}
	}
	last := "there was no transaction after the backup"
	if said.Reached != "" {
		last = "the last transaction is of " + said.Reached
	}
	if said.Short {
		return tasks.Result{}, &tasks.Failure{Msg: fmt.Sprintf("the archive's log ends before %s: %s", a.target.text, last),
			Hint: "run restore.yml again with a time up to then, or with -e time=end for all that there is: it starts over"}
	}
	p.Values["reached"] = said.Reached
	return tasks.Result{Changed: true, Msg: fmt.Sprintf("replayed the log up to %s: %s", a.target.text, last), Values: p.Values}, nil
}

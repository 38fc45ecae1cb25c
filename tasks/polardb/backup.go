package polardb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/convert"
	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/script"
)

type backupArgs struct {
	ClusterArgs
	To                  string `arg:"to,path" doc:"the directory on the host, which gets pgdata, polardata and tablespaces; default one in dir"`
	Dir                 string `arg:"dir,path" default:"/var/lib/polardb-backups" doc:"where backups lie that are named by their time (UTC)"`
	Source              string `arg:"source" default:"follower" doc:"which node is copied: follower (the leader only when no other is fit), leader, or a name"`
	MaxRate             string `arg:"max_rate" doc:"how fast at most, in kB a second, or with M in MB: from 32 to 1024M; empty: as fast as it goes"`
	Compress            string `arg:"compress" default:"none" choices:"none auto zstd gzip" doc:"none: leave the files as they were copied; auto: zstd where the host has it, or gzip"`
	Keep                int    `arg:"keep" default:"0" doc:"how many whole backups of the cluster stay in dir; 0: all"`
	KeepDays            int    `arg:"keep_days" default:"0" doc:"the age in days from which backups in dir are removed; 0: none are"`
	Home                string `arg:"home" default:"/opt/polardb" doc:"where the engine is installed"`
	User                string `arg:"user" default:"polardb" doc:"the account that the copy belongs to"`
	Cluster             string `arg:"cluster" default:"polardb" doc:"the cluster's name, noted with the backup"`
	ReplicationUser     string `arg:"replication_user" default:"replicator" doc:"the role that copies"`
	ReplicationPassword string `arg:"replication_password,required,secret" doc:"its password"`
	SSLRootCert         string `arg:"sslrootcert" doc:"the host's file of CAs for the leader's certificate; empty: TLS is not required"`
	Timeout             int    `arg:"timeout" default:"86400" doc:"seconds that the copy may take"`

	named bool // by polarbook, and so in dir
}

// backupName is the form of the names that polarbook gives backups: the time in UTC.
const backupName = "20060102T150405Z"

var rateForm = regexp.MustCompile(`^[1-9][0-9]*[kM]?$`)

var backupModule = tasks.Define(tasks.Module{
	Name:    "polardb_backup",
	Summary: "Take a base backup of the cluster into a directory, and verify it",
	Notes: []string{
		"Writes into a directory that is absent or empty, or in which polarbook began a backup that was not finished. " +
			"A finished backup is left as it is; a directory that holds anything else is refused.",
		"A disk that has less room than the databases have data is refused before anything is written.",
		"A follower or learner is copied that streams and is level with the leader, the host's own if it can be, " +
			"and the leader only when there is none.",
		"A backup is finished when the engine's tool succeeded, pg_controldata reads POLARDATA/global/pg_control, " +
			"and SHA256SUMS lists every file. The file backup.json then describes it: cluster, engine, source, times, " +
			"positions in the log, consensus term and index, sizes, tablespaces, and the checksum of SHA256SUMS. " +
			"It is written last and appears at once: a backup without it is unfinished, is never restored and never counted.",
		"A compressed backup has an archive of PGDATA, of POLARDATA and of each tablespace, and in CONTENTS the checksums of what is in them. " +
			"The archives are made when the copy is whole, so both need room; where there is none the backup stays as it was copied, and is " +
			"whole. Restoring it takes the same program.",
		"Without to the backup gets a directory of its own in dir, named by the time in UTC. When it is whole, " +
			"backups of the cluster in dir that are older than keep_days, or more than keep, are removed, and unfinished ones. " +
			"The new one always stays.",
		"Each tablespace goes into tablespaces/NUMBER, and the copy's links in pgdata/pg_tblspc lead there, " +
			"never to where the cluster has it; backup.polarbook records that place. " +
			"Tablespaces that a base backup cannot take are refused: see polardb_tablespaces.",
		"The copy holds the leader's configuration with the replication password, so the directory is for the engine's account alone, " +
			"which writes everything in it. " +
			"A directory that another account owns, or could replace because it can write in a directory above, is refused.",
	},
	Returns: []tasks.Return{
		{Name: "source", Type: "str", Doc: "the node that was copied"},
		{Name: "path", Type: "str", Doc: "where the backup lies"},
		{Name: "removed", Type: "list", Doc: "the backups that were removed"},
		{Name: "bytes", Type: "int", Doc: "the size of the copy"},
		{Name: "files", Type: "int", Doc: "how many files have a checksum"},
		{Name: "compressed", Type: "str", Doc: "the program that compressed it; empty: none"},
	},
	Examples: `- polardb_backup:
    keep: 7
    nodes: "{{ polardb_nodes }}"
    login_password: "{{ polardb_password }}"
    replication_password: "{{ polardb_replication_password }}"
`,
}, func(a *backupArgs, _ tasks.Local) (tasks.Action, error) {
	refuse := func(arg, format string, values ...any) error {
		return &tasks.ArgError{Module: "polardb_backup", Arg: arg, Problem: fmt.Sprintf(format, values...)}
	}
	a.Dir = path.Clean(a.Dir)
	if a.named = a.To == ""; a.named {
		a.To = path.Join(a.Dir, time.Now().UTC().Format(backupName))
	}
	a.To = path.Clean(a.To)
	switch {
	case !path.IsAbs(a.Dir) || strings.Count(a.Dir, "/") < 2:
		return nil, refuse("dir", "must be an absolute path at least two levels deep, not %q", a.Dir)
	case !path.IsAbs(a.To) || strings.Count(a.To, "/") < 2:
		return nil, refuse("to", "must be an absolute path at least two levels deep, not %q", a.To)
	case a.MaxRate != "" && !rateForm.MatchString(a.MaxRate):
		return nil, refuse("max_rate", "must be a number of kB a second, or of MB with M behind it, not %q", a.MaxRate)
	case a.Keep < 0 || a.KeepDays < 0:
		return nil, refuse("keep", "and keep_days must not be less than 0")
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
	return b.script("polardb_backup_look", dma.View{}, nil, backupTools{})
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
	Whole    bool     `answer:"whole"` // it describes itself
	Packers  []string `answer:"packer"`
	Tool     string   `answer:"tool"` // the engine's base backup tool; "": the engine is not installed
	Free     int64    `answer:"free"` // in bytes, where the directory is or will be

	doubts []string
	data   int64 // how many bytes the databases have; 0: nobody could be asked
}

// Ask asks the leader for tablespaces that a base backup cannot take, and for how large the databases are. Without a leader it asks
// for nothing: the copy waits for one, and reports that there is none.
func (b *backupAction) Ask(ctx context.Context, h tasks.Host, probed tasks.Found) (backupFound, error) {
	var found backupFound
	if err := script.Decode(probed.Stdout, &found); err != nil || found.finished() {
		return found, err
	}
	survey, err := b.args.survey(ctx, h, b.list)
	if err != nil {
		return found, err
	}
	leader, err := survey.Leader()
	if err != nil {
		return found, nil //nolint:nilerr // see above
	}
	spaces, err := b.args.tablespaces(ctx, h, b.list, leader)
	if err != nil {
		return found, err
	}
	found.doubts = unfitSpaces(spaces, b.list)
	on, err := NodeNamed(b.list, leader.Node)
	if err != nil {
		return found, err
	}
	err = b.args.use(ctx, h, on, true, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, "select coalesce(sum(pg_database_size(oid)), 0)::int8 from pg_database").Scan(&found.data)
	})
	return found, err
}

// lacksRoom says that the directory's disk has less room than the databases have data; "": it has enough for them. What an unfinished
// backup holds there will be free.
func (f *backupFound) lacksRoom() string {
	if f.data == 0 || f.State == "begun" || f.data+spareBytes <= f.Free {
		return ""
	}
	return fmt.Sprintf("the databases have %d MB, and %d MB are free", f.data>>20, f.Free>>20)
}

// finished reports whether the directory holds a whole backup; an earlier release's does not describe itself.
func (f *backupFound) finished() bool { return f.Whole || f.State == "finished" }

// backupTools are the programs that make a backup.
type backupTools struct {
	copies string // the engine's base backup tool
	packs  string // zstd or gzip; "": the files stay as they were copied
}

func (b *backupAction) Plan(found backupFound) (tasks.Plan, backupTools, error) {
	a := b.args
	ours := found.Cluster == a.Cluster
	switch {
	case found.Stranger != "":
		return tasks.Plan{}, backupTools{}, &tasks.Failure{Msg: fmt.Sprintf("%s is not a safe place for a backup: %s", a.To, found.Stranger),
			Hint: "whoever can replace the directory can read the data and its passwords: name another, or give the directory to root"}
	case found.Owner != "" && found.Owner != "root" && found.Owner != a.User:
		return tasks.Plan{}, backupTools{}, &tasks.Failure{Msg: fmt.Sprintf("%s belongs to %s", a.To, found.Owner),
			Hint: "name another directory, or give it to " + a.User}
	case found.Kind == "file":
		return tasks.Plan{}, backupTools{}, &tasks.Failure{Msg: a.To + " is a file", Hint: "name a directory"}
	case found.finished() && ours:
		msg := fmt.Sprintf("%s already holds a finished backup of %s, taken %s", a.To, found.Source, found.Taken)
		return tasks.Plan{Msg: msg, Values: map[string]any{"source": found.Source, "path": a.To}}, backupTools{}, nil
	case len(found.Holds) > 0 && !(found.State == "begun" && ours):
		return tasks.Plan{}, backupTools{}, &tasks.Failure{Msg: fmt.Sprintf("%s is not empty: %s", a.To, strings.Join(found.Holds, " ")),
			Hint: "nothing was written; name another directory"}
	case found.Tool == "":
		unknown := "the engine is not installed under " + a.Home + "/current"
		return tasks.Plan{Change: true, Unknown: unknown, Msg: "take a base backup"}, backupTools{}, nil
	}
	with, problem := packer(a.Compress, found.Packers)
	if problem != "" {
		return tasks.Plan{}, backupTools{}, &tasks.Failure{Msg: problem,
			Hint: "nothing was written; install the package " + a.Compress + ", or take another (polardb_backup_compress: gzip, or none)"}
	}
	if err := refuseSpaces(found.doubts); err != nil {
		return tasks.Plan{}, backupTools{}, err
	}
	if lacks := found.lacksRoom(); lacks != "" {
		return tasks.Plan{}, backupTools{}, &tasks.Failure{Msg: fmt.Sprintf("there is no room in %s: %s", path.Dir(a.To), lacks),
			Hint: "nothing was written. Make room, or name another directory (polardb_backups)"}
	}
	msg := "take a base backup of "
	switch a.Source {
	case "follower":
		msg += "a follower, or of the leader if none is fit, into " + a.To
	case "leader":
		msg += "the leader into " + a.To
	default:
		msg += a.Source + " into " + a.To
	}
	if found.State == "begun" {
		msg = "empty " + a.To + ", which holds an unfinished backup, and " + msg
	}
	return tasks.Plan{Change: true, Msg: msg}, backupTools{found.Tool, with}, nil
}

// script returns one of the scripts of a backup, filled in.
func (b *backupAction) script(name string, source dma.View, spaces []tablespace, tools backupTools) string {
	a := b.args
	noted, moves := "", []string{}
	escape := strings.NewReplacer("=", `\=`)
	for _, t := range spaces {
		noted += fmt.Sprintf("tablespace=%d %s\n", t.oid, t.location)
		to := fmt.Sprintf("%s/tablespaces/%d", a.To, t.oid)
		moves = append(moves, "--tablespace-mapping="+escape.Replace(t.location)+"="+escape.Replace(to))
	}
	values := script.Values{
		"TO": a.To, "OWNER": a.User, "CLUSTER": a.Cluster, "SOURCE": source.Node, "SPACES": noted, "RATE": a.MaxRate,
		"BIN": a.Home + "/current/bin", "LIB": a.Home + "/current/lib", "TIMEOUT": a.Timeout, "TOOL": tools.copies, "COMPRESS": tools.packs,
		"LEADER": source.Address.Host, "PORT": source.Address.Port, "REPLICATOR": a.ReplicationUser, "CA": a.SSLRootCert,
	}
	return scripts.Script(name, values.For(scripts, name), moves...)
}

func (b *backupAction) Apply(ctx context.Context, h tasks.Host, p tasks.Plan, tools backupTools) (tasks.Result, error) {
	a := b.args
	if p.Unknown != "" {
		return tasks.Result{}, &tasks.Failure{Msg: p.Unknown, Hint: "run the tasks that install it first"}
	}
	leader, survey, err := a.leader(ctx, h, b.list, electionPatience)
	if err != nil {
		return tasks.Result{}, &tasks.Failure{Msg: "a base backup needs a leader", Err: err}
	}
	source, doubts, err := backupSource(survey, leader, b.list, a.Source, h.Name())
	if err != nil {
		return tasks.Result{}, err
	}
	if a.Source == "follower" && source.Node == leader.Node && len(b.list) > 1 {
		h.Say("the leader is copied, because no other node is fit: not " + strings.Join(doubts, "; not "))
	}
	if err := a.checkSource(ctx, h, b.list, source); err != nil {
		return tasks.Result{}, err
	}
	spaces, err := a.copyable(ctx, h, b.list, source)
	if err == nil {
		err = a.announce(ctx, h, b.list, source, spaces)
	}
	if err != nil {
		return tasks.Result{}, err
	}
	h.Say("copying " + source.Node + " (" + source.Address.String() + ")")
	copied, err := b.copy(ctx, h, leader, source, spaces, tools)
	if err != nil {
		return tasks.Result{}, err
	}
	if err := a.sameSpaces(ctx, h, b.list, source, spaces); err != nil {
		return tasks.Result{}, err
	}
	text, err := b.describe(ctx, h, leader, source, spaces, copied)
	if err != nil {
		return tasks.Result{}, err
	}
	finish := tasks.Plan{Script: b.script("polardb_backup_finish", source, spaces, tools), Stdin: text}
	if _, err := files.RunPlan(ctx, h.Shell(), finish); err != nil {
		return tasks.Result{}, err
	}
	result := tasks.Result{Changed: true, Values: map[string]any{
		"source": source.Node, "path": a.To, "bytes": copied.Bytes, "files": copied.Files, "removed": []any{}, "compressed": copied.Packed,
	}}
	result.Msg = fmt.Sprintf("%s holds a backup of %s: %d files, %d bytes, each file with a checksum",
		a.To, source.Node, copied.Files, copied.Bytes)
	switch {
	case copied.Packed != "":
		result.Msg += fmt.Sprintf(", compressed with %s to %d bytes", copied.Packed, copied.Stored)
	case copied.Unpacked != "":
		result.Warnings = append(result.Warnings, "the backup "+a.To+" is whole, and not compressed: "+copied.Unpacked)
	}
	if a.named {
		removed, err := b.prune(ctx, h)
		result.Values["removed"] = convert.AnyTexts(removed)
		if len(removed) > 0 {
			result.Msg += "; removed " + strings.Join(removed, ", ")
		}
		if err != nil {
			return result, &tasks.Failure{Msg: result.Msg + ", and older ones could not be removed", Err: err,
				Hint: "the new backup is whole; look into " + a.Dir}
		}
	}
	return result, nil
}

// backupCopy is what the script of a backup and the engine's tool said of the copy.
type backupCopy struct {
	positions
	Bytes     int64  `answer:"bytes"`
	Files     int64  `answer:"files"`
	Packing   bool   `answer:"packing"`
	Packed    string `answer:"packed"`   // the program that compressed it
	Unpacked  string `answer:"unpacked"` // why it stayed as it was copied
	Stored    int64  `answer:"stored"`
	Stores    int64  `answer:"stored_files"`
	Pgdata    int64  `answer:"pgdata"`
	Polardata int64  `answer:"polardata"`
	Sums      string `answer:"sums"`    // the checksum of the list of checksums
	Started   string `answer:"started"` // by the host's clock
	Ended     string `answer:"ended"`
	SystemID  string `answer:"system"`
	Spaces    []struct {
		OID   int64 `answer:"space"`
		Bytes int64 `answer:"space.bytes"`
	} `answer:"space"`
}

// copy runs the engine's tool and reads the copy once more.
func (b *backupAction) copy(
	ctx context.Context, h tasks.Host, leader, source dma.View, spaces []tablespace, tools backupTools,
) (*backupCopy, error) {
	a := b.args
	c := &copying{args: &a.ClusterArgs, source: source, writer: leader.Node, what: "base backup"}
	var said bytes.Buffer
	pass := passLine(a.ReplicationUser, a.ReplicationPassword)
	answer, err := c.run(ctx, h, b.script("polardb_backup", source, spaces, tools), strings.NewReader(pass), func(line []byte) {
		if string(bytes.TrimSpace(line)) == "packing=yes" {
			h.Say("compressing it with " + tools.packs)
		}
		if said.Len() < 1<<20 {
			said.Write(append(bytes.TrimRight(line, "\n"), '\n'))
		}
	})
	switch {
	case err != nil:
		return nil, err
	case answer.Status != 0:
		failure := &tasks.Failure{Msg: fmt.Sprintf("the backup of %s failed with exit status %d: %s",
			source.Node, answer.Status, strings.Join(c.last, "\n")),
			Hint: runAgain}
		if full := fullDisks(ctx, h, path.Dir(a.To)); full != "" {
			failure.Msg = fmt.Sprintf("the backup of %s failed with exit status %d: no space left on device: %s is full",
				source.Node, answer.Status, full)
			failure.Hint = "make room on " + full + ", then " + runAgain
		}
		return nil, failure
	}
	if err := c.doubt(); err != nil {
		return nil, err
	}
	copied := &backupCopy{}
	if err := script.Decode(said.Bytes(), copied); err != nil {
		return nil, err
	}
	copied.positions = c.at
	return copied, nil
}

// describe returns the text of backup.json.
func (b *backupAction) describe(
	ctx context.Context, h tasks.Host, leader, source dma.View, spaces []tablespace, copied *backupCopy,
) ([]byte, error) {
	a := b.args
	d := &backupDescription{
		Format: backupFormat, Cluster: a.Cluster, SystemID: copied.SystemID, Superuser: a.LoginUser,
		Source: source.Node, SourceRole: listedRole(source, leader), Host: h.Name(), TakenBy: takenBy(),
		Timeline: copied.timeline, StartLSN: copied.start, EndLSN: copied.end,
		Consensus: backupConsensus{source.Status.Term, source.Status.CommitIndex, source.Status.LastLogIndex},
		Bytes:     copied.Bytes, Files: copied.Files, Pgdata: copied.Pgdata, Polardata: copied.Polardata,
		Spaces: []backupTablespace{},
		Sums:   backupSums{"sha256", "SHA256SUMS", copied.Sums},
	}
	if copied.Packed != "" {
		d.Format, d.Packed = packedFormat, &backupPacked{With: copied.Packed, Bytes: copied.Stored, Files: copied.Stores}
	}
	var err1, err2 error
	d.Started, err1 = time.Parse(time.RFC3339, copied.Started)
	d.Ended, err2 = time.Parse(time.RFC3339, copied.Ended)
	if err := errors.Join(err1, err2); err != nil {
		return nil, fmt.Errorf("describe the backup: %w", err)
	}
	for _, s := range spaces {
		noted := backupTablespace{OID: s.oid, Name: s.name, Location: s.location}
		for _, found := range copied.Spaces {
			if found.OID == s.oid {
				noted.Bytes = found.Bytes
			}
		}
		d.Spaces = append(d.Spaces, noted)
	}
	on, err := NodeNamed(b.list, source.Node)
	if err != nil {
		return nil, err
	}
	err = a.use(ctx, h, on, true, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, "select current_setting('server_version'), coalesce(current_setting('polar_version', true), ''), "+
			"coalesce(current_setting('polar_release_date', true), '')").Scan(&d.Engine.Version, &d.Engine.Polar, &d.Engine.Release)
	})
	if err != nil {
		return nil, &tasks.Failure{Msg: "the engine of " + source.Node + " does not tell its version for the description of the backup", Err: err}
	}
	if problem := d.problem(); problem != "" {
		return nil, &tasks.Failure{Msg: "the backup is not finished, because what is known of it " + problem, Hint: runAgain}
	}
	return d.json()
}

// runAgain is the hint after a copy that failed.
const runAgain = "run again: the next run removes what was copied and starts over"

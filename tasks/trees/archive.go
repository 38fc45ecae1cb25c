package trees

import (
	"context"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

type archiveArgs struct {
	files.Attributes
	Path     []string `arg:"path,required" doc:"Files and directories on the host to archive; * and ? are patterns."`
	Format   string   `arg:"format" default:"gz" choices:"bz2 gz tar xz zip" doc:"How it is packed: a tar archive, compressed except for tar, or zip. A single file is compressed as it is."`
	Dest     string   `arg:"dest,path" doc:"The archive. Required for more than one file; PATH.FORMAT otherwise."`
	Leave    []string `arg:"exclude_path" doc:"Paths, or patterns of them, that path is without."`
	Patterns []string `arg:"exclusion_patterns" doc:"Patterns of names in the archive (for zip: of whole paths) to leave out, in which * also matches slashes."`
	Force    bool     `arg:"force_archive" default:"false" doc:"Make an archive also of a single file."`
	Remove   bool     `arg:"remove" default:"false" doc:"Remove from the host what was archived."`
}

var archiveModule = tasks.Define(tasks.Module{
	Name: "archive", Collections: []string{"community.general"},
	Summary: "Pack files and directories on hosts into an archive there",
	Notes: []string{
		"The host's tar, gzip, bzip2, xz and zip do the work; what is missing is named. Names are in order and no times are added, so that the " +
			"same files make the same archive, byte for byte: it is replaced, whole or not at all, only if it differs. One that another program " +
			"made may be made anew once.",
		"With remove, what exclusion_patterns left out stays; Ansible removes the whole tree. Nothing is removed unless all of it was " +
			"archived. An archive within itself is left out.",
		"Names with a newline in them are refused. In check mode an archive of more than a single file counts as a change, as in Ansible.",
		files.FollowNote,
	},
	Returns: []tasks.Return{
		{Name: "archived", Type: "list", Doc: "paths that are in the archive"}, {Name: "missing", Type: "list", Doc: "paths that were not there"},
		{Name: "arcroot", Type: "str", Doc: "directory that names in the archive are relative to"},
		{Name: "dest", Type: "str", Doc: "the archive"},
		{Name: "dest_state", Type: "str", Doc: "absent, archive, compress (a single file) or incomplete (paths were not there)"},
		{Name: "expanded_paths", Type: "list", Doc: "path, with its patterns replaced"},
		{Name: "expanded_exclude_paths", Type: "list", Doc: "exclude_path likewise"},
	},
	Examples: `
- archive: {path: /etc/polardb, dest: /srv/backup/etc.tar.gz, mode: "0600"}
- archive: {path: [/var/log/*.log, /srv/app/logs], dest: /srv/logs.txz, format: xz, exclude_path: [/var/log/lastlog], remove: true}
- archive: {path: /srv/dump.sql, remove: true}
`,
}, newArchive)

func newArchive(a *archiveArgs, l tasks.Local) (tasks.Action, error) {
	refuse := func(arg, problem string) (tasks.Action, error) {
		return nil, &tasks.ArgError{Module: "archive", Arg: arg, Problem: problem}
	}
	if err := a.Check("archive"); err != nil {
		return nil, err
	}
	for arg, list := range map[string][]string{"path": a.Path, "exclude_path": a.Leave} {
		for _, p := range list {
			if p == "" || !strings.ContainsAny(p[:1], "/~$") {
				return refuse(arg, fmt.Sprintf("holds %q, which is not an absolute path", p))
			}
		}
	}
	switch {
	case len(a.Path) == 0:
		return refuse("path", "is empty")
	case a.Dest != "" && !strings.ContainsAny(a.Dest[:1], "/~$"):
		return refuse("dest", "has to be an absolute path, not "+a.Dest)
	case a.Any():
		return refuse("attributes", "is not for archives here: give it to the archive with the module file")
	}
	return tasks.AskApply(&archive{archiveArgs: *a, asking: l.Check()}), nil
}

type archive struct {
	archiveArgs
	asking bool
}

// calls are the paths as the script takes them.
func calls(paths []string) string {
	var b strings.Builder
	for _, p := range paths {
		if strings.ContainsAny(p, "*?") {
			fmt.Fprintf(&b, "glob %s\n", script.Pattern(p))
		} else {
			fmt.Fprintf(&b, "plain %s\n", script.Path(p))
		}
	}
	return b.String()
}

// Probe finds what is to be archived.
func (a *archive) Probe() string {
	values := script.Values{"wanted": calls(a.Path), "left_out": calls(a.Leave), "dest": "", "format": a.Format}
	if a.Dest != "" {
		values["dest"] = script.Path(a.Dest)
	}
	return scripts.Script("archive_look", values)
}

type archiveFound struct {
	Wanted  []byte      `answer:"wanted"`
	LeftOut []byte      `answer:"left_out"`
	Lacks   []string    `answer:"lacks"`
	Dest    []byte      `answer:"dest"`
	Have    script.File `answer:"have,required"`
	Paths   []struct {
		Is   string `answer:"is"`
		Path []byte `answer:"path"`
	} `answer:"is"`
	dest, root       string
	targets, missing []string
	alone            bool // a single file, which is compressed as it is
	many             bool // it is made an archive of
}

// Ask reads the probe's answer.
func (a *archive) Ask(_ context.Context, _ tasks.Host, probed tasks.Found) (archiveFound, error) {
	var f archiveFound
	if err := probed.Decode(&f); err != nil {
		return f, err
	}
	out := lines(f.LeftOut)
	f.dest = string(f.Dest)
	f.many = a.Force || slices.ContainsFunc(a.Path, func(p string) bool { return strings.ContainsAny(p, "*?") })
	var paths []string
	for _, p := range f.Paths {
		name := string(p.Path)
		if slices.Contains(out, name) {
			continue
		}
		f.many = f.many || len(paths) == 0 && p.Is == "directory"
		paths = append(paths, name)
		if p.Is == "absent" {
			f.missing = append(f.missing, name)
		} else {
			f.targets = append(f.targets, name)
		}
		if a.Remove && p.Is == "directory" && strings.HasPrefix(f.dest, strings.TrimSuffix(name, "/")+"/") {
			return f, &tasks.Failure{Msg: "Error, created archive can not be contained in source paths when remove=true"}
		}
	}
	f.many = f.many || len(paths) > 1
	switch {
	case len(paths) == 0:
		return f, &tasks.Failure{Msg: "Error, no source paths were found", Hint: "path matches nothing on the host that exclude_path leaves"}
	case f.many && a.Dest == "":
		return f, &tasks.Failure{Msg: `Error, must specify "dest" when archiving multiple files or trees`}
	case !f.many && a.Dest == "":
		f.dest = paths[0] + "." + a.Format
	}
	f.root = commonRoot(paths)
	f.alone = !f.many && a.Format != "zip" && a.Format != "tar"
	return f, nil
}

func lines(text []byte) []string {
	return strings.FieldsFunc(string(text), func(r rune) bool { return r == '\n' })
}

// commonRoot is the deepest directory that all paths are in, with a slash.
func commonRoot(paths []string) string {
	common := ""
	for i, p := range paths {
		dir := p[:strings.LastIndex(p, "/")+1]
		if i == 0 {
			common = dir
		}
		for !strings.HasPrefix(dir, common) {
			common = common[:strings.LastIndex(strings.TrimSuffix(common, "/"), "/")+1]
		}
	}
	return common
}

var archiveName = regexp.MustCompile(`(?i)\.(tar|tar\.(gz|bz2|xz)|tgz|tbz2|zip)$`)

func anyList(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

// Plan makes the archive, where there is something for it.
func (a *archive) Plan(f archiveFound) (tasks.Plan, archiveFound, error) {
	if len(f.Lacks) > 0 && len(f.targets) > 0 {
		plan, err := tasks.NotYet(a.asking, "this host has no "+strings.Join(f.Lacks, " and no "), "install it with the module package first")
		return plan, f, err
	}
	state := "absent"
	if f.Have.Exists() {
		if state = "compress"; archiveName.MatchString(path.Base(f.dest)) {
			state = "archive"
		}
	}
	plan := tasks.Plan{Event: true, Values: map[string]any{
		"archived": []any{}, "arcroot": f.root, "dest": f.dest, "missing": anyList(f.missing), "dest_state": state,
		"expanded_paths": anyList(lines(f.Wanted)), "expanded_exclude_paths": anyList(lines(f.LeftOut)),
	}}
	if f.Have.Exists() {
		maps.Copy(plan.Values, files.FileValues(f.Have))
	}
	var changes []files.Change
	if f.Have.Exists() {
		changes = a.Differences(f.Have)
	}
	if len(changes) > 0 {
		plan.Diff = []tasks.Diff{files.AttributeDiff(f.dest, changes)}
	}
	switch {
	case len(f.targets) == 0:
		plan.Change, plan.Msg = len(changes) > 0, "there is nothing to archive"
	case a.asking && !f.many:
		plan.Change, plan.Msg = !f.Have.Exists() || len(changes) > 0, "archive "+f.targets[0]
	default:
		plan.Change, plan.Msg = true, fmt.Sprintf("archive %s to %s", strings.Join(f.targets, ", "), f.dest)
	}
	return plan, f, nil
}

// Apply makes the archive beside its place, puts it there if it differs, and then removes what is in it.
func (a *archive) Apply(ctx context.Context, h tasks.Host, _ tasks.Plan, f archiveFound) (tasks.Result, error) {
	result := tasks.Result{Values: map[string]any{}}
	var names []string
	adjust := tasks.Plan{}
	if f.Have.Exists() && len(a.Differences(f.Have)) > 0 {
		adjust.Script = a.Adjusting(f.dest, f.Have, true)
	}
	if len(f.targets) > 0 {
		h.Say("archiving to " + f.dest)
		values := script.Values{"root": f.root, "dest": f.dest, "format": a.Format, "alone": f.alone}
		r, err := h.Shell().Stream(ctx, remote.Command{Script: scripts.Script("archive_make", values, a.Patterns...)},
			strings.NewReader(strings.Join(f.targets, "\n")+"\n"), nil, nil)
		if err != nil {
			return result, err
		}
		if err := files.ScriptFailed(r); err != nil {
			return result, err
		}
		var made struct {
			Same  bool   `answer:"same"`
			New   []byte `answer:"new"`
			Sum   string `answer:"sum"`
			Names []byte `answer:"names,required"`
		}
		if err := script.Decode(r.Stdout, &made); err != nil {
			return result, err
		}
		for _, name := range lines(made.Names) {
			names = append(names, f.root+name)
		}
		if !made.Same {
			place := files.Placing{
				Word: script.Path(f.dest), Follow: true, Attributes: a.Attributes, Have: f.Have, Sum: made.Sum, From: script.Path(string(made.New)),
			}
			if adjust.Script, err = place.Script(); err != nil {
				return result, err
			}
		}
		result.Values["archived"] = anyList(a.told(names))
		switch {
		case f.alone:
			result.Values["dest_state"] = "compress"
		case len(f.missing) > 0:
			result.Values["dest_state"] = "incomplete"
		default:
			result.Values["dest_state"] = "archive"
		}
	}
	if adjust.Script != "" {
		if _, err := files.RunPlan(ctx, h.Shell(), adjust); err != nil {
			return result, err
		}
		result.Changed = true
	}
	if a.Remove && len(f.targets) > 0 {
		if err := a.remove(ctx, h, f, names); err != nil {
			return result, err
		}
	}
	return result, a.describe(ctx, h, f.dest, result.Values)
}

// told are the names that are returned: of zip's the files alone, as Ansible has it.
func (a *archive) told(names []string) []string {
	if a.Format != "zip" {
		return names
	}
	var found []string
	for i, name := range names { // in order: what is in a directory follows it
		if i+1 == len(names) || !slices.ContainsFunc(names[i+1:], func(other string) bool { return strings.HasPrefix(other, name+"/") }) {
			found = append(found, name)
		}
	}
	return found
}

// remove removes what was archived.
func (a *archive) remove(ctx context.Context, h tasks.Host, f archiveFound, names []string) error {
	var targets []string
	for _, t := range f.targets {
		targets = append(targets, script.TrimSlashes(t))
	}
	_, err := files.RunPlan(ctx, h.Shell(), tasks.Plan{
		Script: scripts.Script("archive_remove", script.Values{"names": len(a.Patterns) > 0}, targets...),
		Stdin:  []byte(strings.Join(names, "\n") + "\n"),
	})
	return err
}

// describe adds to values what is at dest.
func (a *archive) describe(ctx context.Context, h tasks.Host, dest string, values map[string]any) error {
	r, err := h.Shell().Run(ctx, remote.Command{Script: scripts.Script("archive_look", script.Values{
		"wanted": "", "left_out": "", "dest": script.Path(dest), "format": "",
	})})
	if err != nil {
		return err
	}
	var now archiveFound
	if err := (tasks.Found{Result: r}).Decode(&now); err != nil {
		return err
	}
	if now.Have.Exists() {
		maps.Copy(values, files.FileValues(now.Have))
	}
	return nil
}

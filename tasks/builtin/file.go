package builtin

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"strings"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/script"
)

type fileArgs struct {
	files.Attributes
	Path             string  `arg:"path,required,path" alias:"dest name" doc:"Path to manage."`
	State            string  `arg:"state" choices:"absent directory file hard link touch" doc:"Wanted state. By default a directory if recurse is set, else what exists. file never creates anything."`
	Src              string  `arg:"src,path" doc:"Target of the link, for link and hard. A relative one stays relative."`
	Recurse          bool    `arg:"recurse" default:"false" doc:"Also set owner, group and mode of everything in the directory."`
	Follow           bool    `arg:"follow" default:"true" doc:"Change what a link points to, not the link."`
	Force            bool    `arg:"force" default:"false" doc:"Create the link even in place of a file, or without its target."`
	ModificationTime *string `arg:"modification_time" doc:"preserve, now, or a time for touch; touch sets now by default."`
	AccessTime       *string `arg:"access_time" doc:"preserve, now, or a time for touch; touch sets now by default."`
	ModifiedFormat   string  `arg:"modification_time_format" default:"%Y%m%d%H%M.%S" doc:"How modification_time is written, as Python's strptime has it."`
	AccessFormat     string  `arg:"access_time_format" default:"%Y%m%d%H%M.%S" doc:"How access_time is written."`
}

var fileModule = tasks.Define(tasks.Module{
	Name: "file", Collections: []string{"ansible.builtin"},
	Summary: "Manage files, directories and links, their owner and permissions",
	Notes:   []string{files.FollowNote},
	Returns: []tasks.Return{
		{Name: "path", Type: "str", Doc: "what was managed; dest for links and touch"},
		{Name: "src", Type: "str", Doc: "where a link points to"},
		{Name: "uid", Type: "int", Doc: "user's number"}, {Name: "gid", Type: "int", Doc: "group's number"},
		{Name: "owner", Type: "str", Doc: "user's name"}, {Name: "group", Type: "str", Doc: "group's name"},
		{Name: "mode", Type: "str", Doc: "permissions in octal"},
		{Name: "state", Type: "str", Doc: "what it is: absent, directory, file, link, hard"}, {Name: "size", Type: "int", Doc: "bytes"},
	},
	Examples: `
- name: The data directory belongs to the database's user
  file:
    path: /var/lib/polardb
    state: directory
    owner: polardb
    group: polardb
    mode: "0700"
- file: {path: /opt/polardb/current, src: /opt/polardb/11.9, state: link}
- file: {path: /etc/old.conf, state: absent}
- file: {path: /srv/www, state: directory, recurse: true, mode: "u=rwX,g=rX,o="}
`,
}, func(a *fileArgs, l tasks.Local) (tasks.Action, error) {
	a.Path = script.TrimSlashes(a.Path)
	switch {
	case a.Path == "":
		return nil, &tasks.ArgError{Module: "file", Arg: "path", Problem: "is empty"}
	case a.Recurse && a.State != "" && a.State != "directory":
		return nil, &tasks.ArgError{Module: "file", Arg: "recurse", Problem: "needs state: directory"}
	case (a.State == "link" || a.State == "hard") && a.Src == "" && a.State == "hard":
		return nil, &tasks.ArgError{Module: "file", Arg: "src", Problem: "is required for state: hard"}
	case a.Src != "" && a.State != "link" && a.State != "hard":
		return nil, &tasks.ArgError{Module: "file", Arg: "src", Problem: "needs state: link or hard"}
	}
	if a.State == "" && a.Recurse {
		a.State = "directory"
	}
	if a.State == "absent" && protected(a.Path) {
		return nil, &tasks.ArgError{Module: "file", Arg: "path", Problem: fmt.Sprintf("is %s, which is never removed", a.Path)}
	}
	if a.Recurse && a.Any() {
		return nil, &tasks.ArgError{Module: "file", Arg: "recurse",
			Problem: "and attributes, seuser, serole, setype or selevel exclude each other"}
	}
	if err := a.Check("file"); err != nil {
		return nil, err
	}
	var err error
	if a.ModificationTime, err = timeForTouch(a.ModificationTime, a.ModifiedFormat); err != nil {
		return nil, &tasks.ArgError{Module: "file", Arg: "modification_time", Problem: err.Error()}
	}
	if a.AccessTime, err = timeForTouch(a.AccessTime, a.AccessFormat); err != nil {
		return nil, &tasks.ArgError{Module: "file", Arg: "access_time", Problem: err.Error()}
	}
	work := &fileAction{fileArgs: *a, asking: l.Check()}
	if a.State == "absent" {
		return work, nil
	}
	return a.Marked("file", a.Path, "", work)
})

// protected reports whether a path is a directory without which no host works.
func protected(p string) bool {
	switch path.Clean(p) {
	case "/", ".", "..", "~", "$HOME", "${HOME}", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/opt", "/proc", "/root",
		"/sbin", "/sys", "/usr", "/var", "/var/lib", "/tmp":
		return true
	}
	return false
}

type fileAction struct {
	fileArgs
	asking bool
}

// Probe describes the path, what a link leads to, and for recurse what inside differs.
func (a *fileAction) Probe() string {
	values := script.Values{"p": script.Path(a.Path), "recurse": a.Recurse, "user": a.Owner, "group": a.Group, "mode": a.Mode}
	if a.State == "touch" {
		values["follow"], values["modified"], values["accessed"] = a.Follow, touchTime(a.ModificationTime), touchTime(a.AccessTime)
	}
	switch {
	case a.Src == "":
	case a.State == "link" && !path.IsAbs(a.Src) && !strings.HasPrefix(a.Src, "~"):
		values["src"], values["beside"] = a.Src, true
	default:
		values["src"] = script.Path(a.Src)
	}
	return scripts.Script("file_look", values)
}

// fileFound is the answer of the probe of a fileAction.
type fileFound struct {
	Path   script.File `answer:"path,required"`
	Target script.File `answer:"target"` // what a link at path leads to
	Src    script.File `answer:"src"`
	Parent string      `answer:"parent"` // whether the directory of path is there: yes or no
	Owners int         `answer:"owners"` // how many in the directory have another owner or group
	Inside []string    `answer:"inside"` // raw modes in hex, and how many in the directory have them
	Timely bool        `answer:"timely"` // the times are those that touch is to set
}

// Plan plans, and adds to a failure what is there: playbooks ask whether it was absent.
func (a *fileAction) Plan(found tasks.Found) (tasks.Plan, error) {
	var said fileFound
	if err := found.Decode(&said); err != nil {
		return tasks.Plan{}, err
	}
	have := said.Path
	if have.Kind == "link" && a.Follow && a.State != "link" && a.State != "absent" && a.State != "hard" {
		have = said.Target
	}
	plan, err := a.plan(have, said)
	var failure *tasks.Failure
	if errors.As(err, &failure) && failure.Values == nil {
		failure.Values = a.values(have)
		if a.State == "link" || a.State == "hard" {
			failure.Values["dest"], failure.Values["src"] = a.Path, a.Src
		}
	}
	return plan, err
}

// plan is for what is at the path, or where a link that is to be followed leads.
func (a *fileAction) plan(have script.File, said fileFound) (tasks.Plan, error) {
	switch a.State {
	case "absent":
		return a.absent(have), nil
	case "directory":
		return a.directory(have, said)
	case "link":
		return a.link(have, said)
	case "hard":
		return a.hard(have, said)
	case "touch":
		return a.touch(have, said)
	}
	if !have.Exists() || a.State == "file" && have.Kind != "file" {
		what := fmt.Sprintf("%s is %s, so it cannot be given attributes as a file", a.Path, files.DescribeKind(have.Kind))
		return tasks.NotYet(a.asking && !have.Exists(), what, "state: touch or the copy module create a file, state: directory a directory")
	}
	return a.attributesOnly(have), nil
}

func (a *fileAction) values(have script.File) map[string]any {
	v := map[string]any{"path": a.Path}
	maps.Copy(v, files.FileValues(have))
	return v
}

func (a *fileAction) attributesOnly(have script.File) tasks.Plan {
	changes := a.Differences(have)
	if len(changes) == 0 {
		return tasks.Plan{Values: a.values(have)}
	}
	return tasks.Plan{
		Change: true, Msg: "change " + files.ChangeNames(changes) + " of " + a.Path,
		Diff: []tasks.Diff{files.AttributeDiff(a.Path, changes)}, Values: a.values(have),
		Script: a.Adjusting(a.Path, have, a.Follow), Proof: a.settled(have),
	}
}

// settled judges a change by the mode that was worked out when it was planned.
func (a *fileAction) settled(before script.File) func(found tasks.Found) (tasks.Plan, error) {
	after := *a
	after.Attributes = a.Settled(before)
	return after.Plan
}

func (a *fileAction) absent(have script.File) tasks.Plan {
	values := map[string]any{"path": a.Path, "state": "absent"}
	if !have.Exists() {
		return tasks.Plan{Values: values}
	}
	return tasks.Plan{
		Change: true, Msg: fmt.Sprintf("remove the %s %s", have.Kind, a.Path), Values: values,
		Diff:   []tasks.Diff{{Before: "state: " + have.Kind + "\n", After: "state: absent\n", BeforeHeader: a.Path, AfterHeader: a.Path}},
		Script: scripts.Script("file_absent", script.Values{"p": script.Path(a.Path)}),
	}
}

func (a *fileAction) touch(have script.File, said fileFound) (tasks.Plan, error) {
	if have.Kind == "directory" || have.Exists() {
		if preserved(a.ModificationTime) && preserved(a.AccessTime) || said.Timely {
			plan := a.attributesOnly(have)
			plan.Values["dest"] = a.Path
			return plan, nil
		}
	} else if said.Parent == "no" {
		return tasks.NotYet(a.asking, fmt.Sprintf("the directory %s does not exist", path.Dir(a.Path)), "create it with state: directory first")
	}
	given := a.Given(have, have.Kind == "directory")
	given["p"], given["follow"] = script.Path(a.Path), a.Follow
	given["modified"], given["accessed"] = touchTime(a.ModificationTime), touchTime(a.AccessTime)
	text := ""
	if have.Exists() {
		text = scripts.Script("file_touch", given)
	} else {
		text = scripts.Script("file_touch_new", given)
	}
	values := a.values(have)
	values["dest"] = a.Path
	if !have.Exists() {
		values["state"] = "file"
	}
	return tasks.Plan{Change: true, Msg: "touch " + a.Path, Script: text, Values: values, Proof: a.touched(have)}, nil
}

// touched judges a touch by the file that is there and its attributes: a second one would be a change again.
func (a *fileAction) touched(before script.File) func(found tasks.Found) (tasks.Plan, error) {
	return func(found tasks.Found) (tasks.Plan, error) {
		var said fileFound
		if err := found.Decode(&said); err != nil {
			return tasks.Plan{}, err
		}
		have := said.Path
		if have.Kind == "link" && a.Follow {
			have = said.Target
		}
		if !have.Exists() {
			return tasks.Plan{Change: true, Msg: a.Path + " is not there"}, nil
		}
		after := *a
		after.Attributes = a.Settled(before)
		plan := after.attributesOnly(have)
		plan.Values["dest"] = a.Path
		return plan, nil
	}
}

func preserved(when *string) bool { return when != nil && *when == "preserve" }

// touchFormat is Ansible's default format, which is that of touch -t.
const touchFormat = "%Y%m%d%H%M.%S"

// timeForTouch reads a time as a format of Python's says, and returns it as touch -t takes it.
func timeForTouch(when *string, format string) (*string, error) {
	if when == nil || *when == "" || *when == "now" || *when == "preserve" || format == touchFormat {
		return when, nil
	}
	layout, rest := "", format
	for rest != "" {
		if rest[0] != '%' || len(rest) == 1 {
			layout, rest = layout+rest[:1], rest[1:]
			continue
		}
		part, ok := goLayouts[rest[1]]
		if !ok {
			return nil, fmt.Errorf("cannot be read: the format %q has %%%c, and %%Y %%y %%m %%d %%j %%H %%I %%p %%M %%S %%b %%B %%a %%A are known",
				format, rest[1])
		}
		layout, rest = layout+part, rest[2:]
	}
	t, err := time.Parse(layout, *when)
	if err != nil {
		return nil, fmt.Errorf("is %q, which is not a time of the format %q", *when, format)
	}
	text := t.Format("200601021504.05")
	return &text, nil
}

// goLayouts are the directives of strptime as package time has them.
var goLayouts = map[byte]string{
	'Y': "2006", 'y': "06", 'm': "01", 'd': "02", 'j': "002", 'H': "15", 'I': "03", 'p': "PM", 'M': "04", 'S': "05",
	'b': "Jan", 'B': "January", 'a': "Mon", 'A': "Monday", '%': "%",
}

// touchTime is a time as the script file_times takes it.
func touchTime(when *string) string {
	switch {
	case preserved(when):
		return ""
	case when == nil || *when == "":
		return "now"
	}
	return *when
}

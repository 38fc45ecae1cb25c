package files

import (
	"fmt"
	"maps"
	"path"
	"strings"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/script"
	"github.com/polarbook/polarbook/templates/pattern"
)

// EditLimit is the largest file, in bytes, that is edited: it travels to the control node and back.
const EditLimit = 1 << 20

// EditArgs are the arguments of the modules that change a text file in part.
type EditArgs struct {
	Attributes
	Path     string `arg:"path,required,path" alias:"dest destfile name" doc:"File to edit. The target of a link is edited."`
	Backup   bool   `arg:"backup" default:"false" doc:"Keep a copy of the file before the change."`
	Validate string `arg:"validate" doc:"Command that must accept the new content before it is used; %s is the file."`
}

// Edit is the work of changing a text file: it is read, the new text is worked out here, and the file replaced, unless
// somebody else changed it in between.
type Edit struct {
	EditArgs
	Create, asking bool
	InDirectory    bool     // the file's directory has to be there: it is not made
	Replace        bool     // a link is replaced by the file; otherwise what it leads to is edited
	Encoding       Encoding // of the file; empty: it is text of bytes
	began          time.Time
	// Rewrite returns the text as it should be, a message for people and values for the result.
	Rewrite func(text string, exists bool) (after, msg string, values map[string]any, err error)
	// Emptied, where it is not nil, says whether nothing is left in a new text that the file is there for: it is removed then.
	Emptied func(after string) bool
	// Missing plans for a file that does not exist and is not created; nil makes that a failure.
	Missing func() tasks.Plan
}

// NewEdit checks the arguments and returns an edit of the file; with create, a missing one is created.
func NewEdit(module string, a EditArgs, create bool, l tasks.Local) (*Edit, error) {
	a.Path = script.TrimSlashes(a.Path)
	if a.Path == "" {
		return nil, &tasks.ArgError{Module: module, Arg: "path", Problem: "is empty"}
	}
	return &Edit{EditArgs: a, Create: create, asking: l.Check(), began: time.Now()}, a.Check(module)
}

// Probe brings the whole text.
func (e *Edit) Probe() string {
	return ReadFile(e.Path)
}

// Read is the answer of the script of ReadFile.
type Read struct {
	File    script.File `answer:"file,required"`
	Parent  string      `answer:"parent"`  // whether its directory is there: yes or no
	Large   bool        `answer:"large"`   // more than EditLimit
	Content []byte      `answer:"content"` // of a file that is not large
}

// ReadFile returns a script that prints what is at a path, and of a file of up to EditLimit bytes its content.
func ReadFile(path string) string {
	return Scripts.Script("read_file", script.Values{"p": script.Path(path), "limit": EditLimit})
}

// Plan compares the text that was found with what Rewrite makes of it.
func (e *Edit) Plan(found tasks.Found) (tasks.Plan, error) {
	var said Read
	if err := found.Decode(&said); err != nil {
		return tasks.Plan{}, err
	}
	have := said.File
	switch {
	case have.Exists() && have.Kind != "file":
		return tasks.Plan{}, &tasks.Failure{
			Msg:    fmt.Sprintf("%s is %s, and a text file is needed", e.Path, DescribeKind(have.Kind)),
			Values: map[string]any{"rc": 256},
		}
	case said.Large:
		return tasks.Plan{}, &tasks.Failure{
			Msg:  fmt.Sprintf("%s has %d bytes, and files of up to %d are edited", e.Path, have.Size, EditLimit),
			Hint: "use template or copy for it, or a command",
		}
	case !have.Exists() && !e.Create && e.Missing != nil:
		return e.Missing(), nil
	case !have.Exists() && !e.Create:
		return tasks.NotYet(e.asking, e.Path+" does not exist", "create: true makes it")
	case !have.Exists() && e.InDirectory && said.Parent == "no":
		return tasks.NotYet(e.asking, path.Dir(e.Path)+", where "+path.Base(e.Path)+" is to be, does not exist",
			"make it with the file module first")
	}
	text, err := e.Encoding.Decode(said.Content)
	if err != nil {
		return tasks.Plan{}, &tasks.Failure{Msg: fmt.Sprintf("%s cannot be read: %v", e.Path, err)}
	}
	after, msg, values, err := e.Rewrite(text, have.Exists())
	if err != nil {
		return tasks.Plan{}, err
	}
	content, err := e.Encoding.Encode(after)
	if err != nil {
		return tasks.Plan{}, &tasks.Failure{Msg: fmt.Sprintf("%s cannot be written: %v", e.Path, err)}
	}
	return e.place(said, string(content), msg, values)
}

// place plans to put the new text where the old one is, or to change attributes only.
func (e *Edit) place(said Read, after, msg string, extra map[string]any) (tasks.Plan, error) {
	have, before := said.File, string(said.Content)
	values := map[string]any{"path": e.Path, "backup": ""}
	maps.Copy(values, FileValues(have))
	var changes []Change
	if have.Exists() {
		changes = e.Differences(have)
	}
	plan := tasks.Plan{Change: true, Msg: msg, Values: values, Made: extra, Proof: e.proof(have, after)}
	if len(changes) > 0 {
		plan.Diff = append(plan.Diff, AttributeDiff(e.Path, changes))
	}
	switch {
	case have.Exists() && before == after && len(changes) == 0, !have.Exists() && after == "" && msg == "":
		plan.Change, plan.Proof = false, nil
		if plan.Msg == "" { // playbooks print it, and Ansible's modules have it, too
			values["msg"] = ""
		}
		return plan, nil
	case have.Exists() && before == after:
		plan.Msg = "change " + ChangeNames(changes) + " of " + e.Path
		plan.Script = e.Adjusting(e.Path, have, true)
		return plan, nil
	}
	if have.Exists() && e.Emptied != nil && e.Emptied(after) {
		return e.remove(plan, before), nil
	}
	plan.Diff = append([]tasks.Diff{{Before: before, After: after, BeforeHeader: e.Path, AfterHeader: e.Path}}, plan.Diff...)
	p := Placing{
		Word:       script.Path(e.Path),
		Follow:     !e.Replace,
		Parents:    true,
		Attributes: e.Attributes,
		Have:       have,
		Sum:        SumOf([]byte(after)),
		Validate:   e.Validate,
	}
	if have.Exists() {
		p.expect = SumOf([]byte(before))
		p.Backup = e.backup(&plan)
	} else if said.Parent == "no" && e.asking {
		plan.Msg += ", and the directory " + path.Dir(e.Path)
	}
	plan.Stdin = []byte(after)
	var err error
	plan.Script, err = p.Script()
	return plan, err
}

// backup returns the name of the copy that is kept of the file before, and notes it in the plan; empty: none is.
func (e *Edit) backup(plan *tasks.Plan) string {
	if !e.Backup {
		return ""
	}
	name := BackupName(e.Path, e.began)
	made := map[string]any{"backup": name, "backup_file": name}
	maps.Copy(made, plan.Made)
	plan.Made = made
	return name
}

// remove plans to remove the file, which Plan is to find gone afterwards.
func (e *Edit) remove(plan tasks.Plan, before string) tasks.Plan {
	values := script.Values{"p": script.Path(e.Path), "sum": SumOf([]byte(before))}
	if name := e.backup(&plan); name != "" {
		values["backup"] = script.Path(name)
	}
	plan.Script, plan.Proof = Scripts.Script("edit_remove", values), nil
	plan.Msg += ", and " + e.Path + ", in which nothing else is left"
	plan.Diff = []tasks.Diff{{Before: before, BeforeHeader: e.Path, AfterHeader: "/dev/null"}}
	return plan
}

// proof judges a change by what the file holds: a second edit might find something to do again in what the first made.
func (e *Edit) proof(before script.File, after string) func(found tasks.Found) (tasks.Plan, error) {
	return func(found tasks.Found) (tasks.Plan, error) {
		var said Read
		if err := found.Decode(&said); err != nil {
			return tasks.Plan{}, err
		}
		plan := tasks.Plan{Values: map[string]any{"path": e.Path, "backup": ""}}
		maps.Copy(plan.Values, FileValues(said.File))
		if string(said.Content) != after {
			plan.Diff = append(plan.Diff, tasks.Diff{Before: string(said.Content), After: after, BeforeHeader: e.Path, AfterHeader: e.Path})
		}
		if changes := e.Settled(before).Differences(said.File); len(changes) > 0 {
			plan.Diff = append(plan.Diff, AttributeDiff(e.Path, changes))
		}
		plan.Change = len(plan.Diff) > 0
		return plan, nil
	}
}

// KeepLines cuts a text into lines that keep their newline.
func KeepLines(text string) []string {
	lines := strings.SplitAfter(text, "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// Bare returns a line without its newline.
func Bare(line string) string { return strings.TrimRight(line, "\r\n") }

// Pattern reads a regular expression of Python's, which is the argument arg of a module.
func Pattern(module, arg, expression string, flags pattern.Flags) (*pattern.Pattern, error) {
	p, err := pattern.Compile(expression, flags)
	if err != nil {
		return nil, &tasks.ArgError{Module: module, Arg: arg, Problem: fmt.Sprintf("is not a regular expression: %v", err)}
	}
	return p, nil
}

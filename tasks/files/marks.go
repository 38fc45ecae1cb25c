package files

import (
	"fmt"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/script"
)

// Marks are the arguments, of every module that creates files, for what few file systems and hosts have.
type Marks struct {
	Flags   string `arg:"attributes" alias:"attr" doc:"Flags as chattr takes them: +i, -a, =A; without a sign they are all that the file is to have."`
	SEUser  string `arg:"seuser" doc:"User of the SELinux context; _default leaves what the policy gives. Of no effect without SELinux."`
	SERole  string `arg:"serole" doc:"Role of the SELinux context, likewise."`
	SEType  string `arg:"setype" doc:"Type of the SELinux context, likewise."`
	SELevel string `arg:"selevel" doc:"Level of the SELinux context, likewise."`
}

// wanted returns the context's parts without those that are the policy's to say, which it gives to every new file.
func (m Marks) wanted() Marks {
	for _, part := range []*string{&m.SEUser, &m.SERole, &m.SEType, &m.SELevel} {
		if *part == "_default" {
			*part = ""
		}
	}
	return m
}

func (m Marks) context() bool { return m.SEUser+m.SERole+m.SEType+m.SELevel != "" }

// Any reports whether there is something to give.
func (m Marks) Any() bool {
	m = m.wanted()
	return m.Flags != "" || m.context()
}

// fixedFlags are flags that only the file system sets, so that they are not compared with what a file is to have.
const fixedFlags = "eEINVh"

// flagChange returns the flags that would have to be set or cleared, with their sign; empty: none.
func (m Marks) flagChange(have string) string {
	sign, flags := byte('='), m.Flags
	if flags != "" && strings.IndexByte("+-=", flags[0]) >= 0 {
		sign, flags = flags[0], flags[1:]
	}
	var missing, more []byte
	for _, f := range []byte(flags) {
		if strings.IndexByte(have, f) < 0 {
			missing = append(missing, f)
		}
	}
	for _, f := range []byte(have) {
		if strings.IndexByte(flags+fixedFlags, f) < 0 {
			more = append(more, f)
		}
	}
	switch {
	case sign == '-':
		gone := slices.DeleteFunc([]byte(flags), func(f byte) bool { return slices.Contains(missing, f) })
		if len(gone) > 0 {
			return "-" + string(gone)
		}
	case len(missing) > 0 && (sign == '+' || len(more) == 0):
		return "+" + string(missing)
	case sign == '=' && len(more) > 0 && len(missing) == 0:
		return "-" + string(more)
	case sign == '=' && len(more) > 0:
		return "=" + flags
	}
	return ""
}

// Marked returns the work on the one file at path, or under name where that is a directory, that also gives it its marks. It is
// the work itself when there are none.
func (m Marks) Marked(module, path, name string, work tasks.Action) (tasks.Action, error) {
	if !m.Any() {
		return work, nil
	}
	if f := strings.TrimLeft(m.Flags, "+-="); m.Flags != "" && (f == "" || len(m.Flags)-len(f) > 1 || strings.Trim(f, flagLetters) != "") {
		return nil, &tasks.ArgError{Module: module, Arg: "attributes",
			Problem: fmt.Sprintf("is %q: +, - or = and letters of chattr are needed", m.Flags)}
	}
	w := &marked{Action: work, marks: m.wanted(), path: path, name: name}
	if applier, ok := work.(tasks.Applier); ok {
		return &markedApplier{w, applier}, nil
	}
	return w, nil
}

const flagLetters = "aAcCdDeFijmPsStTux"

// marked is work on a file with what its marks need.
type marked struct {
	tasks.Action
	marks      Marks
	path, name string
}

// Probe asks for the marks as well.
func (w *marked) Probe() string {
	return "(\n" + w.Action.Probe() + "\n) || exit\n" + Scripts.Script("marks_look", script.Values{
		"p": script.Path(w.path), "name": w.name, "flags": w.marks.Flags != "", "context": w.marks.context(),
	})
}

// marksFound are what a file has of them.
type marksFound struct {
	SELinux bool   `answer:"selinux"`
	There   bool   `answer:"marked"`
	Flags   string `answer:"flags"`
	Context string `answer:"context"`
}

// Plan adds what the marks want to what the work plans.
func (w *marked) Plan(found tasks.Found) (tasks.Plan, error) {
	plan, err := w.Action.Plan(found)
	if err != nil {
		return plan, err
	}
	return w.with(plan, found)
}

func (w *marked) with(plan tasks.Plan, found tasks.Found) (tasks.Plan, error) {
	var have marksFound
	if err := found.Decode(&have); err != nil {
		return plan, err
	}
	have.Flags = strings.ReplaceAll(have.Flags, "-", "")
	if plan.Unknown != "" && !plan.Change || !plan.Change && !have.There {
		return plan, nil
	}
	changes, give := w.changes(have)
	if proof := plan.Proof; proof != nil {
		plan.Proof = func(found tasks.Found) (tasks.Plan, error) {
			after, err := proof(found)
			if err != nil {
				return after, err
			}
			return w.with(after, found)
		}
	}
	if plan.Change && w.added() != "" {
		give["flags"] = w.added() // for a file that is replaced loses them
	}
	if len(give) == 0 {
		return plan, nil
	}
	dest := w.dest(plan)
	if len(changes) > 0 {
		plan.Diff = append(plan.Diff, AttributeDiff(dest, changes))
	}
	if !plan.Change {
		plan.Change, plan.Msg = true, "change "+ChangeNames(changes)+" of "+dest
	}
	give["p"], give["follow"] = script.Path(dest), true
	text := Scripts.Script("marks", give)
	if plan.Script == "" {
		plan.Script = text
		return plan, nil
	}
	plan.Script = "(\n" + plan.Script + "\n) || exit\n(\n" + text + "\n)\n"
	return plan, nil
}

// dest is the file, as the plan knows it.
func (w *marked) dest(plan tasks.Plan) string {
	for _, key := range []string{"dest", "path"} {
		if s, ok := plan.Values[key].(string); ok && s != "" {
			return s
		}
	}
	return w.path
}

// added are the flags that a new file needs, with their sign; empty: none.
func (w *marked) added() string {
	if w.marks.Flags == "" || w.marks.Flags[0] == '-' {
		return ""
	}
	return "+" + strings.TrimLeft(w.marks.Flags, "+=")
}

// changes are the marks that differ, and what the script that gives them takes.
func (w *marked) changes(have marksFound) (changes []Change, give script.Values) {
	give = script.Values{}
	if w.marks.Flags != "" {
		if change := w.marks.flagChange(have.Flags); change != "" {
			changes = append(changes, Change{"attributes", have.Flags, w.marks.Flags})
			give["flags"] = change
		}
	}
	if !have.SELinux {
		return changes, give
	}
	is := strings.SplitN(have.Context, ":", 4)
	for i, part := range []struct{ name, arg, want string }{
		{"seuser", "user", w.marks.SEUser}, {"serole", "role", w.marks.SERole}, {"setype", "type", w.marks.SEType},
		{"selevel", "level", w.marks.SELevel},
	} {
		was := ""
		if i < len(is) {
			was = is[i]
		}
		if part.want != "" && part.want != was {
			changes = append(changes, Change{part.name, was, part.want})
			give[part.arg] = part.want
		}
	}
	return changes, give
}

// markedApplier is the same for work that makes its change itself, and runs the plan's script for it.
type markedApplier struct {
	*marked
	tasks.Applier
}

package builtin

import (
	"fmt"
	"maps"
	"path"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/script"
)

// directory plans state: directory, with all missing directories above it. As in Ansible the attributes are given to
// each directory that is made.
func (a *fileAction) directory(have script.File, said fileFound) (tasks.Plan, error) {
	if have.Exists() && have.Kind != "directory" {
		return tasks.Plan{}, &tasks.Failure{Msg: fmt.Sprintf("%s is %s, and a directory is wanted there", a.Path, files.DescribeKind(have.Kind)),
			Hint: "remove it with state: absent if it is not needed"}
	}
	if !have.Exists() {
		given := a.Given(have, true)
		given["p"] = script.Path(a.Path)
		return tasks.Plan{
			Change: true, Msg: "create the directory " + a.Path, Script: scripts.Script("file_directory", given),
			Diff:   []tasks.Diff{{Before: "state: absent\n", After: "state: directory\n", BeforeHeader: a.Path, AfterHeader: a.Path}},
			Values: map[string]any{"path": a.Path, "state": "directory"},
		}, nil
	}
	plan := a.attributesOnly(have)
	if !a.Recurse {
		return plan, nil
	}
	strays := said.Owners + a.strayModes(said.Inside)
	if strays == 0 {
		return plan, nil
	}
	plan.Change = true
	plan.Msg = fmt.Sprintf("give %s and what it holds their owner, group and mode (%d to change)", a.Path, strays)
	plan.Diff = append(plan.Diff, tasks.Diff{
		BeforeHeader: a.Path,
		AfterHeader:  a.Path,
		Before:       fmt.Sprintf("%d files inside with other attributes\n", strays),
	})
	plan.Script = a.everywhere()
	plan.Proof = nil
	if !a.Stable() {
		plan.Proof = a.settled(script.File{})
	}
	return plan, nil
}

// strayModes counts the files inside whose mode is not as wanted, from lines of a raw mode in hex and how many have it.
func (a *fileAction) strayModes(lines []string) int {
	n := 0
	for _, line := range lines {
		var raw, count int
		if _, err := fmt.Sscanf(line, "%x %d", &raw, &count); err != nil {
			continue
		}
		if mode, err := files.ModeFrom(a.Mode, raw&0o7777, raw&0o170000 == 0o040000); err == nil && mode != raw&0o7777 {
			n += count
		}
	}
	return n
}

// everywhere returns the script that gives the attributes to the directory and all in it. What a symbolic mode means differs
// from file to file: chmod works it out.
func (a *fileAction) everywhere() string {
	mode := a.Mode
	if n, err := strconv.ParseUint(a.Mode, 8, 16); err == nil {
		mode = files.FiveDigits(int(n))
	}
	return scripts.Script("file_recurse", script.Values{"p": script.Path(a.Path), "follow": a.Follow, "owner": a.Ownership(), "mode": mode})
}

func (a *fileAction) link(have script.File, said fileFound) (tasks.Plan, error) {
	src := a.Src
	if src == "" {
		if have.Kind != "link" {
			return tasks.Plan{}, &tasks.Failure{
				Msg: fmt.Sprintf("%s is %s and src does not say where a link should point to", a.Path, files.DescribeKind(have.Kind)),
			}
		}
		src = have.Target
	}
	values := map[string]any{"dest": a.Path, "src": src, "state": "link"}
	inHome := strings.HasPrefix(src, "~") && strings.HasSuffix(have.Target, strings.TrimLeft(src, "~"))
	if have.Kind == "link" && (have.Target == src || inHome) {
		maps.Copy(values, files.FileValues(said.Path))
		// Attributes go to the link's target when it is followed, to the link itself (it has no mode) otherwise.
		on, follow := have, false
		if a.Follow {
			if said.Target.Exists() {
				on, follow = said.Target, true
			}
		}
		changes := a.Differences(on)
		if len(changes) == 0 {
			return tasks.Plan{Values: values}, nil
		}
		return tasks.Plan{
			Change: true,
			Msg:    "change " + files.ChangeNames(changes) + " of " + a.Path,
			Values: values,
			Diff:   []tasks.Diff{files.AttributeDiff(a.Path, changes)},
			Script: a.Adjusting(a.Path, on, follow),
		}, nil
	}
	if a.Src != "" && !a.Force {
		if said.Src.Kind == "absent" {
			return tasks.NotYet(a.asking, fmt.Sprintf("%s, which %s should point to, does not exist", src, a.Path),
				"force: true makes the link all the same")
		}
	}
	before := "state: " + have.Kind + "\n"
	switch have.Kind {
	case "link":
		before = "src: " + have.Target + "\n"
	case "file":
		if !a.Force {
			return tasks.Plan{}, &tasks.Failure{
				Msg:  fmt.Sprintf("%s is a file, and a link is wanted there", a.Path),
				Hint: "force: true replaces it",
			}
		}
	case "directory", "other":
		return tasks.Plan{}, &tasks.Failure{
			Msg:  fmt.Sprintf("%s is %s, which a link never replaces", a.Path, files.DescribeKind(have.Kind)),
			Hint: "move it away first",
		}
	case "absent":
		if said.Parent == "no" {
			return tasks.NotYet(a.asking, fmt.Sprintf("the directory %s does not exist", path.Dir(a.Path)), "create it with state: directory first")
		}
	}
	given := script.Values{"p": script.Path(a.Path), "src": src, "owner": a.Ownership()}
	if strings.HasPrefix(src, "~") {
		given["src"] = script.Path(src)
	}
	text := scripts.Script("file_link", given)
	if said.Src.Exists() && a.Follow && len(a.Differences(said.Src)) > 0 {
		text += a.Adjusting(a.Path, said.Src, true)
	}
	return tasks.Plan{Change: true, Msg: fmt.Sprintf("point %s to %s", a.Path, src), Values: values, Script: text,
		Diff: []tasks.Diff{{Before: before, After: "src: " + src + "\n", BeforeHeader: a.Path, AfterHeader: a.Path}}}, nil
}

func (a *fileAction) hard(have script.File, said fileFound) (tasks.Plan, error) {
	src := said.Src
	values := a.values(src)
	values["dest"], values["src"], values["state"] = a.Path, a.Src, "hard"
	switch {
	case !src.Exists():
		return tasks.NotYet(a.asking, fmt.Sprintf("%s, which %s should be another name of, does not exist", a.Src, a.Path), "create it first")
	case have.Kind == "file" && have.Inode == src.Inode && have.Device == src.Device:
		plan := a.attributesOnly(have)
		plan.Values = values
		return plan, nil
	case have.Exists() && have.Kind != "link" && !a.Force:
		return tasks.Plan{}, &tasks.Failure{
			Msg:  fmt.Sprintf("%s is %s of its own, and a hard link to %s is wanted there", a.Path, files.DescribeKind(have.Kind), a.Src),
			Hint: "force: true replaces a file",
		}
	case have.Kind == "directory":
		return tasks.Plan{}, &tasks.Failure{Msg: a.Path + " is a directory, which a link never replaces", Hint: "move it away first"}
	}
	text := scripts.Script("file_hard", script.Values{"p": script.Path(a.Path), "s": script.Path(a.Src)}) + a.Adjusting(a.Path, src, false)
	return tasks.Plan{Change: true, Msg: fmt.Sprintf("make %s another name of %s", a.Path, a.Src), Values: values, Script: text}, nil
}

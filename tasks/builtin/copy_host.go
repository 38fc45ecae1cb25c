package builtin

import (
	"fmt"
	"maps"
	"path"
	"strings"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/script"
)

// hostCopy is copy with remote_src: both ends are on the host.
type hostCopy struct {
	copyArgs
	asking bool
	began  time.Time
}

// Probe compares the two ends. For a directory it counts the files that differ or are missing.
func (a *hostCopy) Probe() string { return scripts.Script("copy_on_host_look", a.ends()) }

// ends are source and destination, as the script copy_ends takes them.
func (a *hostCopy) ends() script.Values {
	src := script.TrimSlashes(a.Src)
	return script.Values{
		"s": script.Path(src), "p": script.Path(script.TrimSlashes(a.Dest)), "base": path.Base(src), "contents": strings.HasSuffix(a.Src, "/"),
	}
}

func (a *hostCopy) Plan(found tasks.Found) (tasks.Plan, error) {
	var said struct {
		Src       script.File `answer:"src,required"`
		Dest      script.File `answer:"dest,required"`
		Into      bool        `answer:"into"`
		Parent    string      `answer:"parent"`
		Sum       string      `answer:"sum"`
		SHA1      string      `answer:"sha1"`
		Same      bool        `answer:"same"`
		Differing int64       `answer:"differing"`
	}
	if err := found.Decode(&said); err != nil {
		return tasks.Plan{}, err
	}
	src, have := said.Src, said.Dest
	dest := script.TrimSlashes(a.Dest)
	if said.Into {
		dest = strings.TrimSuffix(dest, "/") + "/" + path.Base(script.TrimSlashes(a.Src))
	}
	values := map[string]any{"src": a.Src, "dest": dest, "state": src.Kind, "size": src.Size}
	switch {
	case !src.Exists():
		return tasks.NotYet(a.asking, a.Src+" does not exist on the host",
			"remote_src: true means that src is there, not on the machine that polarbook runs on")
	case src.Kind == "directory" && a.Any():
		return tasks.Plan{}, &tasks.Failure{Msg: "attributes, seuser, serole, setype and selevel are for single files, and src is a directory"}
	case src.Kind == "directory":
		return a.planTree(have, said.Differing, dest, values)
	case have.Exists() && have.Kind != "file":
		return tasks.Plan{}, &tasks.Failure{Msg: fmt.Sprintf("%s is %s, and a file is wanted there", dest, files.DescribeKind(have.Kind))}
	case have.Exists() && !a.Force:
		maps.Copy(values, files.FileValues(have))
		return tasks.Plan{Msg: dest + " exists, and force is false", Values: values}, nil
	case !have.Exists() && said.Parent == "no" && !strings.HasSuffix(a.Dest, "/"):
		return tasks.NotYet(a.asking, fmt.Sprintf("the directory %s does not exist", path.Dir(dest)),
			"create it with the file module first (state: directory)")
	}
	attributes := a.Attributes
	if attributes.Mode == "preserve" {
		mode := src.Mode
		if src.UID != 0 {
			// What another account made set-user-id would become who works.
			mode &^= 0o6000
		}
		attributes.Mode = fmt.Sprintf("%04o", mode)
	}
	values["sha256"], values["checksum"] = said.Sum, said.SHA1
	if said.Same {
		maps.Copy(values, files.FileValues(have))
		changes := attributes.Differences(have)
		if len(changes) == 0 {
			return tasks.Plan{Values: values}, nil
		}
		return tasks.Plan{
			Change: true,
			Msg:    "change " + files.ChangeNames(changes) + " of " + dest,
			Values: values,
			Diff:   []tasks.Diff{files.AttributeDiff(dest, changes)},
			Script: attributes.Adjusting(dest, have, true),
		}, nil
	}
	p := files.Placing{Word: script.Path(dest), Follow: a.Follow, Parents: strings.HasSuffix(a.Dest, "/"), Attributes: attributes, Have: have,
		Sum: said.Sum, Validate: a.Validate, From: script.Path(a.Src), Keep: true}
	if a.Backup && have.Exists() {
		p.Backup = files.BackupName(dest, a.began)
		values["backup_file"] = p.Backup
	}
	text, err := p.Script()
	return tasks.Plan{Change: true, Msg: "copy " + a.Src + " to " + dest, Values: values, Script: text}, err
}

func (a *hostCopy) planTree(have script.File, n int64, dest string, values map[string]any) (tasks.Plan, error) {
	if have.Exists() && have.Kind != "directory" {
		return tasks.Plan{}, &tasks.Failure{Msg: fmt.Sprintf("%s is %s, and a directory is wanted there", dest, files.DescribeKind(have.Kind))}
	}
	if n == 0 {
		return tasks.Plan{Values: values}, nil
	}
	given := a.Attributes
	if given.Mode == "preserve" {
		given.Mode = ""
	}
	ends := a.ends()
	maps.Copy(ends, given.Given(script.File{Kind: "absent"}, false))
	ends["force"] = a.Force
	if a.DirectoryMode != nil {
		ends["directory_mode"] = (files.Attributes{Mode: *a.DirectoryMode}).Given(script.File{Kind: "absent"}, true)["mode"]
	}
	return tasks.Plan{
		Change: true, Event: !a.Force, Msg: fmt.Sprintf("copy %d files and directories from %s to %s", n, a.Src, dest), Values: values,
		Script: scripts.Script("copy_on_host", ends),
	}, nil
}

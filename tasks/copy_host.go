package tasks

import (
	"fmt"
	"maps"
	"os"
	"path"
	"strings"
	"time"

	"github.com/polarbook/polarbook/tasks/remote"
)

// hostCopy is copy with remote_src: both ends are on the host.
type hostCopy struct {
	copyArgs
	asking bool
	began  time.Time
}

// Probe compares the two ends. For a directory it counts the files that differ or are missing.
func (a *hostCopy) Probe() string {
	return preamble + look + a.ends() + `look src "$s" -L
look dest "$p" -L
if [ -d "${p%/*}/" ]; then echo parent yes; else echo parent no; fi
if [ -f "$s" ]; then
	sum=$(sha256sum < "$s" | cut -c1-64)
	echo "sum $sum"
	if [ -f "$p" ] && [ "$(sha256sum < "$p" | cut -c1-64)" = "$sum" ]; then echo same yes; fi
elif [ -d "$s" ]; then
	p=$(cd "$p" 2>/dev/null && pwd -P) || p=
	n=$(cd "$s" && find . \( -type f -o -type d \) -exec sh -c '` + differing + `' sh "$p" {} + | wc -l)
	echo "differing $n"
fi
`
}

// differing prints a line for each path that is not the same under the directory $1; all of them when $1 is empty.
const differing = `to=$1; shift; for f; do
		if [ -z "$to" ]; then echo; continue; fi
		if [ -d "$f" ]; then [ -d "$to/$f" ] || echo
		elif [ ! -f "$to/$f" ] || [ "$(sha256sum < "$f")" != "$(sha256sum < "$to/$f")" ]; then echo; fi
	done`

// ends sets "$s" and "$p" to source and destination.
func (a *hostCopy) ends() string {
	var b strings.Builder
	fmt.Fprintf(&b, "s=%s\np=%s\n", shellPath(trimSlashes(a.Src)), shellPath(trimSlashes(a.Dest)))
	fmt.Fprintf(&b, "base=%s\n", remote.Quote(path.Base(trimSlashes(a.Src))))
	if strings.HasSuffix(a.Src, "/") {
		b.WriteString("if [ -d \"$p\" ] && [ ! -d \"$s\" ]; then echo into yes; p=${p%/}/$base; fi\n")
	} else {
		b.WriteString("if [ -d \"$p\" ] || [ -d \"$s\" ]; then echo into yes; p=${p%/}/$base; fi\n")
	}
	return b.String()
}

func (a *hostCopy) Plan(found Found) (Plan, error) {
	ans, err := readAnswer(found)
	if err != nil {
		return Plan{}, err
	}
	src, err := ans.file("src")
	if err != nil {
		return Plan{}, err
	}
	have, err := ans.file("dest")
	if err != nil {
		return Plan{}, err
	}
	dest := trimSlashes(a.Dest)
	if ans.text("into") == "yes" {
		dest = strings.TrimSuffix(dest, "/") + "/" + path.Base(trimSlashes(a.Src))
	}
	values := map[string]any{"src": a.Src, "dest": dest, "state": src.Kind, "size": src.Size}
	switch {
	case !src.exists():
		return notYet(a.asking, a.Src+" does not exist on the host", "remote_src: true means that src is there, not on the machine that polarbook runs on")
	case src.Kind == "directory":
		return a.planTree(have, ans, dest, values)
	case have.exists() && have.Kind != "file":
		return Plan{}, &Failure{Msg: fmt.Sprintf("%s is %s, and a file is wanted there", dest, describeKind(have.Kind))}
	case have.exists() && !a.Force:
		maps.Copy(values, fileValues(have))
		return Plan{Msg: dest + " exists, and force is false", Values: values}, nil
	case !have.exists() && ans.text("parent") == "no" && !strings.HasSuffix(a.Dest, "/"):
		return notYet(a.asking, fmt.Sprintf("the directory %s does not exist", path.Dir(dest)), "create it with the file module first (state: directory)")
	}
	attributes := a.attributes
	if attributes.Mode == "preserve" {
		attributes.Mode = fmt.Sprintf("%04o", src.Mode)
	}
	values["sha256"] = ans.text("sum")
	if ans.text("same") == "yes" {
		maps.Copy(values, fileValues(have))
		changes := attributes.differences(have)
		if len(changes) == 0 {
			return Plan{Values: values}, nil
		}
		return Plan{Change: true, Msg: "change " + changeNames(changes) + " of " + dest, Values: values, Diff: []Diff{attributeDiff(dest, changes)},
			Script: attributes.adjusting(dest, have, true)}, nil
	}
	p := placing{word: shellPath(dest), follow: a.Follow, parents: strings.HasSuffix(a.Dest, "/"), attributes: attributes, have: have,
		sum: ans.text("sum"), validate: a.Validate, from: shellPath(a.Src), keep: true}
	if a.Backup && have.exists() {
		p.backup = backupName(dest, a.began, os.Getpid())
		values["backup_file"] = p.backup
	}
	script, err := p.script()
	return Plan{Change: true, Msg: "copy " + a.Src + " to " + dest, Values: values, Script: script}, err
}

func (a *hostCopy) planTree(have fileState, ans answer, dest string, values map[string]any) (Plan, error) {
	if have.exists() && have.Kind != "directory" {
		return Plan{}, &Failure{Msg: fmt.Sprintf("%s is %s, and a directory is wanted there", dest, describeKind(have.Kind))}
	}
	n := ans.number("differing")
	if n == 0 {
		return Plan{Values: values}, nil
	}
	var b strings.Builder
	b.WriteString(preamble + a.ends() + "if [ ! -d \"$p\" ]; then mkdir -p -- \"$p\" && chmod \"$(stat -c 0%a -- \"$s\")\" \"$p\" || exit 1; fi\np=$(cd \"$p\" && pwd -P) && cd \"$s\" || exit 1\n")
	files, directories := a.attributes, attributes{Owner: a.Owner, Group: a.Group}
	if a.DirectoryMode != nil {
		directories.Mode = *a.DirectoryMode
	}
	if files.Mode == "preserve" {
		files.Mode = ""
	}
	force := "true"
	if !a.Force {
		force = "false"
	}
	inner := `to=$1; shift; for f; do
	if [ -d "$f" ]; then
		[ -d "$to/$f" ] && continue
		mkdir -- "$to/$f" && chmod "$(stat -c 0%a -- "$f")" "$to/$f" || exit 1
		` + directories.set(`"$to/$f"`, fileState{Kind: "absent"}, true) + `continue
	fi
	if [ -e "$to/$f" ]; then ` + force + ` || continue; fi
	if [ -f "$to/$f" ] && [ "$(sha256sum < "$f")" = "$(sha256sum < "$to/$f")" ]; then continue; fi
	t="$to/${f%/*}/.polarbook.$$"
	cp -p -- "$f" "$t" || { rm -f -- "$t"; exit 1; }
	` + files.set(`"$t"`, fileState{Kind: "absent"}, false) + `mv -f -- "$t" "$to/$f" || exit 1
done`
	fmt.Fprintf(&b, "find . \\( -type f -o -type d \\) -exec sh -c %s sh \"$p\" {} + || exit 1\nsync\n", remote.Quote(inner))
	return Plan{Change: true, Msg: fmt.Sprintf("copy %d files and directories from %s to %s", n, a.Src, dest), Values: values, Script: b.String(), Event: !a.Force}, nil
}

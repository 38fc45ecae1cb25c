package builtin

import (
	"fmt"
	"maps"
	"os"
	"path"
	"strings"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

// hostCopy is copy with remote_src: both ends are on the host.
type hostCopy struct {
	copyArgs
	asking bool
	began  time.Time
}

// Probe compares the two ends. For a directory it counts the files that differ or are missing.
func (a *hostCopy) Probe() string {
	return script.Preamble + script.Look + a.ends() + `look src "$s" -L
look dest "$p" -L
if [ -d "${p%/*}/" ]; then echo parent yes; else echo parent no; fi
if [ -f "$s" ]; then
	sum=$(sha256sum < "$s" | cut -c1-64)
	echo "sum $sum"
	if [ -f "$p" ] && [ "$(sha256sum < "$p" | cut -c1-64)" = "$sum" ]; then echo same yes; fi
elif [ -d "$s" ]; then
	p=$(cd "$p" 2>/dev/null && pwd -P) || p=
	# What cannot be looked through is said by the copying.
	n=$(cd "$s" && { find -L . \( -type f -o -type d -o -type l \) -exec sh -c '` + differing + `' sh "$p" {} + 2>/dev/null || echo; } | wc -l)
	echo "differing $n"
fi
`
}

// differing prints a line for each path that is not the same under the directory $1; all of them when $1 is empty.
const differing = `to=$1; shift; for f; do
		if [ -z "$to" ]; then echo; continue; fi
		if [ -L "$f" ] && [ ! -e "$f" ]; then [ "$(readlink -- "$f")" = "$(readlink -- "$to/$f")" ] || echo; continue; fi
		if [ -d "$f" ]; then [ -d "$to/$f" ] || echo
		elif [ ! -f "$to/$f" ] || [ "$(sha256sum < "$f")" != "$(sha256sum < "$to/$f")" ]; then echo; fi
	done`

// ends sets "$s" and "$p" to source and destination.
func (a *hostCopy) ends() string {
	var b strings.Builder
	fmt.Fprintf(&b, "s=%s\np=%s\n", string(script.Path(script.TrimSlashes(a.Src))), string(script.Path(script.TrimSlashes(a.Dest))))
	fmt.Fprintf(&b, "base=%s\n", remote.Quote(path.Base(script.TrimSlashes(a.Src))))
	if strings.HasSuffix(a.Src, "/") {
		b.WriteString("if [ -d \"$p\" ] && [ ! -d \"$s\" ]; then echo into yes; p=${p%/}/$base; fi\n")
	} else {
		b.WriteString("if [ -d \"$p\" ] || [ -d \"$s\" ]; then echo into yes; p=${p%/}/$base; fi\n")
	}
	return b.String()
}

func (a *hostCopy) Plan(found tasks.Found) (tasks.Plan, error) {
	ans, err := tasks.ReadAnswer(found)
	if err != nil {
		return tasks.Plan{}, err
	}
	src, err := ans.File("src")
	if err != nil {
		return tasks.Plan{}, err
	}
	have, err := ans.File("dest")
	if err != nil {
		return tasks.Plan{}, err
	}
	dest := script.TrimSlashes(a.Dest)
	if ans.Text("into") == "yes" {
		dest = strings.TrimSuffix(dest, "/") + "/" + path.Base(script.TrimSlashes(a.Src))
	}
	values := map[string]any{"src": a.Src, "dest": dest, "state": src.Kind, "size": src.Size}
	switch {
	case !src.Exists():
		return tasks.NotYet(a.asking, a.Src+" does not exist on the host", "remote_src: true means that src is there, not on the machine that polarbook runs on")
	case src.Kind == "directory":
		return a.planTree(have, ans, dest, values)
	case have.Exists() && have.Kind != "file":
		return tasks.Plan{}, &tasks.Failure{Msg: fmt.Sprintf("%s is %s, and a file is wanted there", dest, files.DescribeKind(have.Kind))}
	case have.Exists() && !a.Force:
		maps.Copy(values, files.FileValues(have))
		return tasks.Plan{Msg: dest + " exists, and force is false", Values: values}, nil
	case !have.Exists() && ans.Text("parent") == "no" && !strings.HasSuffix(a.Dest, "/"):
		return tasks.NotYet(a.asking, fmt.Sprintf("the directory %s does not exist", path.Dir(dest)), "create it with the file module first (state: directory)")
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
	values["sha256"] = ans.Text("sum")
	if ans.Text("same") == "yes" {
		maps.Copy(values, files.FileValues(have))
		changes := attributes.Differences(have)
		if len(changes) == 0 {
			return tasks.Plan{Values: values}, nil
		}
		return tasks.Plan{Change: true, Msg: "change " + files.ChangeNames(changes) + " of " + dest, Values: values, Diff: []tasks.Diff{files.AttributeDiff(dest, changes)},
			Script: attributes.Adjusting(dest, have, true)}, nil
	}
	p := files.Placing{Word: string(script.Path(dest)), Follow: a.Follow, Parents: strings.HasSuffix(a.Dest, "/"), Attributes: attributes, Have: have,
		Sum: ans.Text("sum"), Validate: a.Validate, From: string(script.Path(a.Src)), Keep: true}
	if a.Backup && have.Exists() {
		p.Backup = files.BackupName(dest, a.began, os.Getpid())
		values["backup_file"] = p.Backup
	}
	text, err := p.Script()
	return tasks.Plan{Change: true, Msg: "copy " + a.Src + " to " + dest, Values: values, Script: text}, err
}

func (a *hostCopy) planTree(have script.File, ans script.Answer, dest string, values map[string]any) (tasks.Plan, error) {
	if have.Exists() && have.Kind != "directory" {
		return tasks.Plan{}, &tasks.Failure{Msg: fmt.Sprintf("%s is %s, and a directory is wanted there", dest, files.DescribeKind(have.Kind))}
	}
	n := ans.Number("differing")
	if n == 0 {
		return tasks.Plan{Values: values}, nil
	}
	files, directories := a.Attributes, files.Attributes{Owner: a.Owner, Group: a.Group}
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
	text := script.Preamble + script.Inside + a.ends() + strings.NewReplacer("@FORCE@", force, "@DIRECTORIES@", directories.Set(".", script.File{Kind: "absent"}, true),
		"@FILES@", files.Set("$held", script.File{Kind: "absent"}, false)).Replace(copyOnHost)
	return tasks.Plan{Change: true, Msg: fmt.Sprintf("copy %d files and directories from %s to %s", n, a.Src, dest), Values: values, Script: text, Event: !a.Force}, nil
}

// copyOnHost copies the directory $s to $p level by level. 5 is the directory that is read, 4 the one that is written to,
// each opened once; 6 is the file that is copied.
var copyOnHost = remote.Compact(`umask 022
case $s in /*) ;; *) s=$(pwd)/$s ;; esac
case $p in /*) ;; *) p=$(pwd)/$p ;; esac
level() {
	this=$(stat -c %d:%i .)
	case " $above " in *" $this "*) die "$here is reached again from within: a link in it leads up" ;; esac
	above="$above $this"
	for f in ./* ./.[!.]* ./..?*; do
		f=${f#./}
		if [ -d "./$f" ]; then ( directory "$f" ) || exit 1
		elif [ -f "./$f" ]; then ( file "$f" ) || exit 1
		elif [ -L "./$f" ]; then ( link "$f" ) || exit 1
		fi
	done
}
directory() {
	into "$1"
	mode=$(stat -c 0%a .) && exec 5<. || exit 1
	to 4
	[ ! -e "./$1" ] || [ -d "./$1" ] || die "${here%/}/$1 is a file, and a directory is wanted there"
	if [ -d "./$1" ]; then into "$1"
	else
		mkdir -m 0700 -- "./$1" && enter "$1" && chmod "$mode" . || exit 1
		@DIRECTORIES@fi
	exec 4<. || exit 1
	to 5
	level
}
file() {
	if [ -L "./$1" ]; then spot "${here%/}/$1" follow || changed "${here%/}/$1"; else b=$1; fi
	hold "$b"
	exec 6<&7 7<&-
	from=/proc/self/fd/6
	to 4
	[ ! -d "./$1" ] || die "${here%/}/$1 is a directory, and a file is wanted there"
	if [ -e "./$1" ]; then @FORCE@ || exit 0; fi
	if [ -f "./$1" ] && [ "$(sha256sum <$from)" = "$(sha256sum <"./$1")" ]; then exit 0; fi
	t=
	trap '[ -z "$t" ] || rm -f -- "./$t"' EXIT
	t=.polarbook.$(mktemp -u XXXXXXXX)
	fresh "$t" && cat <$from >&7 || die "cannot write in $here: is it full or read-only?"
	touch -r $from -- $held
	was=$(stat -L -c '%u:%g %a' $from) || exit 1
	if chown "${was% *}" $held 2>/dev/null; then chmod "${was#* }" $held || exit 1
	else chmod "${was#* }" $held && chmod ug-s $held || exit 1
	fi
	@FILES@mv -f -T -- "./$t" "./$1" || exit 1
	t=
}
# A link to nothing is copied as the link that it is.
link() {
	leads=$(readlink -- "./$1") || exit 1
	to 4
	if [ -e "./$1" ] || [ -L "./$1" ]; then @FORCE@ || exit 0; fi
	[ ! -d "./$1" ] || [ -L "./$1" ] || die "${here%/}/$1 is a directory, and a link is wanted there"
	t=.polarbook.$(mktemp -u XXXXXXXX)
	ln -s -T -- "$leads" "./$t" && mv -f -T -- "./$t" "./$1" || { rm -f -- "./$t"; exit 1; }
}
inside "$s" || die "$s cannot be entered"
mode=$(stat -c 0%a .) && exec 5<. || exit 1
new=
[ -d "$p" ] || new=yes
reach "$p" || die "$p cannot be made"
[ -z "$new" ] || chmod "$mode" . || exit 1
exec 4<. || exit 1
above=
to 5
level
sync
`)

package tasks

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// answer is what a probe printed, one "name value" a line. Values that may hold anything, newlines among it, are in
// base64, on lines of their own between "encoded NAME" and a dot. A name may come more than once.
type answer map[string][]string

// readAnswer reads a probe's answer. A probe that failed is a failure of the task: what it would have told is not known.
func readAnswer(f Found) (answer, error) {
	if f.Status != 0 {
		said := strings.TrimSpace(string(f.Stderr))
		if said == "" {
			said = "no message"
		}
		return nil, &Failure{
			Msg:    fmt.Sprintf("looking at the host ended with status %d: %s", f.Status, said),
			Values: map[string]any{"rc": f.Status, "stderr": string(f.Stderr)},
		}
	}
	a := answer{}
	encoded := "" // the name of the value that is being read
	for line := range strings.SplitSeq(string(f.Stdout), "\n") {
		name, value, _ := strings.Cut(line, " ")
		switch {
		case line == "":
		case encoded != "" && line == ".":
			encoded = ""
		case encoded != "":
			all := a[encoded]
			all[len(all)-1] += line
		case name == "encoded":
			encoded = value
			a[encoded] = append(a[encoded], "")
		default:
			a[name] = append(a[name], value)
		}
	}
	return a, nil
}

// has says whether the probe printed a line of this name.
func (a answer) has(name string) bool { return len(a[name]) > 0 }

// text is the first value of a name; empty when there is none.
func (a answer) text(name string) string {
	if !a.has(name) {
		return ""
	}
	return a[name][0]
}

// number is a decimal value; 0 when there is none.
func (a answer) number(name string) int64 {
	n, _ := strconv.ParseInt(strings.TrimSpace(a.text(name)), 10, 64)
	return n
}

// decoded is the first value of a name that is printed in base64.
func (a answer) decoded(name string) ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(a.text(name)))
	if err != nil {
		return nil, fmt.Errorf("the host's answer %q is not base64: %w", name, err)
	}
	return b, nil
}

// encode defines the shell function that answers what it is given on standard input: encode NAME < FILE.
const encode = `encode() { echo "encoded $1"; base64; echo .; }
`

// fileState is a file as a host's stat sees it.
type fileState struct {
	Kind         string // "absent", "file", "directory", "link" or "other"
	Mode         int
	UID, GID     int
	Owner, Group string // "UNKNOWN" when the number has no name
	Size, MTime  int64
	Links        int
	Device       string
	Inode        string
	Target       string // of a link
}

func (s fileState) exists() bool { return s.Kind != "absent" }

// look defines the shell function that describes a file: look NAME PATH [-L], the last to see what a link points to. The
// file's size is left in $size.
const look = encode + `look() {
	size=0
	if [ -L "$2" ] && [ "$3" != -L ]; then kind=link
	elif [ -f "$2" ]; then kind=file
	elif [ -d "$2" ]; then kind=directory
	elif [ -e "$2" ]; then kind=other
	else echo "$1 absent"; return 0
	fi
	if [ $kind = link ]; then readlink -n -- "$2" | encode "$1.target"; fi
	size=$(stat $3 -c "%s $1 $kind %a %u %g %U %G %s %Y %h %d %i" -- "$2") || return
	echo "${size#* }"
	size=${size%% *}
}
`

// file reads what look printed under a name.
func (a answer) file(name string) (fileState, error) {
	fields := strings.Fields(a.text(name))
	if len(fields) == 1 && fields[0] == "absent" {
		return fileState{Kind: "absent"}, nil
	}
	if len(fields) != 11 {
		return fileState{}, fmt.Errorf("the host's answer %q is %q: stat printed something unexpected", name, a.text(name))
	}
	mode, err := strconv.ParseUint(fields[1], 8, 16)
	if err != nil {
		return fileState{}, fmt.Errorf("the host's answer %q has the mode %q", name, fields[1])
	}
	s := fileState{Kind: fields[0], Mode: int(mode), Owner: fields[4], Group: fields[5], Device: fields[9], Inode: fields[10]}
	s.UID, _ = strconv.Atoi(fields[2])
	s.GID, _ = strconv.Atoi(fields[3])
	s.Size, _ = strconv.ParseInt(fields[6], 10, 64)
	s.MTime, _ = strconv.ParseInt(fields[7], 10, 64)
	s.Links, _ = strconv.Atoi(fields[8])
	if a.has(name + ".target") {
		target, err := a.decoded(name + ".target")
		if err != nil {
			return s, err
		}
		s.Target = string(target)
	}
	return s, nil
}

package tasks

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

// attributes are the arguments of every module that makes a file: whose it is and who may do what with it.
type attributes struct {
	Mode  string `arg:"mode,mode" doc:"Permissions, octal in quotes (\"0644\") or symbolic (u=rw,g=r,o=). What exists keeps its own when not given."`
	Owner string `arg:"owner" doc:"Name or number of the user that is to own the file."`
	Group string `arg:"group" doc:"Name or number of the group that is to own the file."`
}

// check refuses a mode that cannot be read, before any host is asked.
func (a attributes) check(module string) error {
	if a.Mode == "" {
		return nil
	}
	if _, err := modeFrom(a.Mode, 0, false); err != nil {
		return &ArgError{Module: module, Arg: "mode", Problem: err.Error()}
	}
	return nil
}

// change is one attribute that is not as wanted.
type change struct{ what, from, to string }

// differences compares what is wanted with a file that exists.
func (a attributes) differences(have script.File) []change {
	var list []change
	if a.Owner != "" && !sameID(a.Owner, have.Owner, have.UID) {
		list = append(list, change{"owner", have.Owner, a.Owner})
	}
	if a.Group != "" && !sameID(a.Group, have.Group, have.GID) {
		list = append(list, change{"group", have.Group, a.Group})
	}
	if a.Mode != "" && have.Kind != "link" {
		if mode, err := modeFrom(a.Mode, have.Mode, have.Kind == "directory"); err == nil && mode != have.Mode {
			list = append(list, change{"mode", fmt.Sprintf("%04o", have.Mode), fmt.Sprintf("%04o", mode)})
		}
	}
	return list
}

func sameID(want, name string, number int) bool {
	if n, err := strconv.Atoi(want); err == nil {
		return n == number
	}
	return want == name
}

// set is the script that gives what a word of a shell names (already quoted) these attributes: $held, which inside opened,
// the working directory, or a path that nobody else can make another. have is the file before, absent when it is just being
// made with the mode that the umask gives. Owners come first: changing them clears the set-id bits.
func (a attributes) set(word string, have script.File, dir bool) string {
	var b strings.Builder
	if owner := a.ownership(); owner != "" {
		how := "-h "
		if word == "$held" {
			how = "" // a link of the kernel's, which leads to the open file and nowhere else
		}
		fmt.Fprintf(&b, "chown %s%s %s || exit 1\n", how, owner, word)
	}
	if a.Mode == "" {
		return b.String()
	}
	if !have.Exists() && !octal(a.Mode) {
		fmt.Fprintf(&b, "chmod %s %s || exit 1\n", remote.Quote(a.Mode), word)
		return b.String()
	}
	if mode, err := modeFrom(a.Mode, have.Mode, dir); err == nil {
		// Five digits: with four, chmod leaves a directory's set-group-id bit as it is.
		fmt.Fprintf(&b, "chmod %05o %s || exit 1\n", mode, word)
	}
	return b.String()
}

// owners is set for a link: it has an owner, and no mode.
func (a attributes) owners(word string) string {
	return attributes{Owner: a.Owner, Group: a.Group}.set(word, script.File{Kind: "link"}, false)
}

// adjusting is the script that gives what is at a path, or what it leads to, these attributes and nothing else.
func (a attributes) adjusting(path string, have script.File, follow bool) string {
	dir := have.Kind == "directory"
	return onIt(string(script.Path(path)), follow, func(word string) string { return a.set(word, have, dir) }, a.owners)
}

func (a attributes) ownership() string {
	switch {
	case a.Owner == "" && a.Group == "":
		return ""
	case a.Group == "":
		return remote.Quote(a.Owner)
	}
	return remote.Quote(a.Owner + ":" + a.Group)
}

func octal(mode string) bool { return strings.Trim(mode, "01234567") == "" }

// modeFrom applies a mode, octal or symbolic, to the permissions that a file has. As in Ansible, a clause without a
// letter for whom means everybody, less what a umask of 022 takes away.
func modeFrom(spec string, current int, dir bool) (int, error) {
	if octal(spec) {
		mode, err := strconv.ParseUint(spec, 8, 16)
		if err != nil || mode > 0o7777 {
			return 0, fmt.Errorf("is %q, which no file mode is", spec)
		}
		return int(mode), nil
	}
	mode := current
	for clause := range strings.SplitSeq(spec, ",") {
		at := strings.IndexAny(clause, "+-=")
		if at < 0 || strings.Trim(clause[:at], "ugoa") != "" {
			return 0, fmt.Errorf("is %q: neither octal nor clauses such as u=rw,g+r,o=", spec)
		}
		who, umask := clause[:at], 0
		switch {
		case who == "":
			who, umask = "ugo", 0o022
		case strings.Contains(who, "a"):
			who = "ugo"
		}
		for rest := clause[at:]; rest != ""; {
			operator := rest[0]
			end := strings.IndexAny(rest[1:], "+-=") + 1
			if end == 0 {
				end = len(rest)
			}
			perms := rest[1:end]
			rest = rest[end:]
			if strings.Trim(perms, "rwxXstugo") != "" {
				return 0, fmt.Errorf("is %q, in which %q is no permission", spec, perms)
			}
			for _, class := range who {
				bits, mask := classBits(class, perms, current, mode, dir)
				bits &^= umask
				switch operator {
				case '+':
					mode |= bits
				case '-':
					mode &^= bits
				default:
					mode = mode&^mask | bits
				}
			}
		}
	}
	return mode, nil
}

// classBits are the bits that permissions stand for when given to one class of users, and all the bits of that class.
func classBits(class rune, perms string, before, now int, dir bool) (bits, mask int) {
	shift, special := 0, 0o1000
	switch class {
	case 'u':
		shift, special = 6, 0o4000
	case 'g':
		shift, special = 3, 0o2000
	}
	for _, p := range perms {
		switch p {
		case 'r':
			bits |= 4 << shift
		case 'w':
			bits |= 2 << shift
		case 'x':
			bits |= 1 << shift
		case 'X':
			if dir || before&0o111 != 0 {
				bits |= 1 << shift
			}
		case 's':
			if class != 'o' {
				bits |= special
			}
		case 't':
			if class == 'o' {
				bits |= special
			}
		case 'u':
			bits |= now >> 6 & 7 << shift
		case 'g':
			bits |= now >> 3 & 7 << shift
		case 'o':
			bits |= now & 7 << shift
		}
	}
	return bits, 7<<shift | special
}

// fileValues are the keys with which Ansible's modules describe the file they leave behind.
func fileValues(s script.File) map[string]any {
	if !s.Exists() {
		return map[string]any{"state": "absent"}
	}
	return map[string]any{
		"mode": fmt.Sprintf("0%03o", s.Mode), "owner": s.Owner, "group": s.Group, "uid": s.UID, "gid": s.GID,
		"size": s.Size, "state": s.Kind,
	}
}

// attributeDiff shows attributes before and after, as a diff of their own.
func attributeDiff(path string, changes []change) Diff {
	d := Diff{BeforeHeader: path + " (attributes)", AfterHeader: path + " (attributes)"}
	for _, c := range changes {
		d.Before += c.what + ": " + c.from + "\n"
		d.After += c.what + ": " + c.to + "\n"
	}
	return d
}

func describeKind(kind string) string {
	switch kind {
	case "absent":
		return "absent"
	case "other":
		return "neither a file nor a directory"
	}
	return "a " + kind
}

func changeNames(changes []change) string {
	names := make([]string, len(changes))
	for i, c := range changes {
		names[i] = c.what
	}
	return strings.Join(names, ", ")
}

package files

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/script"
)

// Attributes are the arguments of every module that creates files: owner, group and permissions.
type Attributes struct {
	Mode  string `arg:"mode,mode" doc:"Permissions: octal in quotes (\"0644\") or u=rw,g=r,o=; by default those of an existing file stay."`
	Owner string `arg:"owner" doc:"User who is to own the file, by name or number."`
	Group string `arg:"group" doc:"Group that is to own the file, by name or number."`
	Marks
	Unsafe bool `arg:"unsafe_writes" default:"false" doc:"Write into the file where it cannot be replaced, such as one that is mounted into a container."`
}

// Check refuses a mode that cannot be read, before any host is asked.
func (a Attributes) Check(module string) error {
	if a.Mode == "" {
		return nil
	}
	if _, err := ModeFrom(a.Mode, 0, false); err != nil {
		return &tasks.ArgError{Module: module, Arg: "mode", Problem: err.Error()}
	}
	return nil
}

// Change is an attribute that differs from the wanted one.
type Change struct{ What, From, To string }

// Differences compares what is wanted with a file that exists.
func (a Attributes) Differences(have script.File) []Change {
	var list []Change
	if a.Owner != "" && !sameID(a.Owner, have.Owner, have.UID) {
		list = append(list, Change{"owner", have.Owner, a.Owner})
	}
	if a.Group != "" && !sameID(a.Group, have.Group, have.GID) {
		list = append(list, Change{"group", have.Group, a.Group})
	}
	if a.Mode != "" && have.Kind != "link" {
		if mode, err := ModeFrom(a.Mode, have.Mode, have.Kind == "directory"); err == nil && mode != have.Mode {
			list = append(list, Change{"mode", fmt.Sprintf("%04o", have.Mode), fmt.Sprintf("%04o", mode)})
		}
	}
	return list
}

// Settled returns the attributes as a change that was planned leaves them: a symbolic mode is what it made of the file before.
// What it makes of a new file is chmod's to say, so that there is none.
func (a Attributes) Settled(before script.File) Attributes {
	switch mode, err := ModeFrom(a.Mode, before.Mode, before.Kind == "directory"); {
	case Octal(a.Mode):
	case err == nil && before.Exists():
		a.Mode = FiveDigits(mode)
	default:
		a.Mode = ""
	}
	return a
}

// Stable reports whether a mode makes the same of a file when it is given twice: g=u,u-w does not.
func (a Attributes) Stable() bool {
	for mode := range 0o10000 {
		for _, dir := range []bool{false, true} {
			once, _ := ModeFrom(a.Mode, mode, dir)
			if twice, err := ModeFrom(a.Mode, once, dir); err == nil && twice != once {
				return false
			}
		}
	}
	return true
}

func sameID(want, name string, number int) bool {
	if n, err := strconv.Atoi(want); err == nil {
		return n == number
	}
	return want == name
}

// Given returns the attributes as the script attributes.sh takes them. have is the file before, absent when it is just being made with
// the mode that the umask gives; a symbolic mode is then left to chmod.
func (a Attributes) Given(have script.File, dir bool) script.Values {
	return script.Values{"owner": a.Ownership(), "mode": a.newMode(have, dir)}
}

func (a Attributes) newMode(have script.File, dir bool) string {
	if a.Mode == "" || !have.Exists() && !Octal(a.Mode) {
		return a.Mode
	}
	mode, err := ModeFrom(a.Mode, have.Mode, dir)
	if err != nil {
		return "" // Check has refused it
	}
	return FiveDigits(mode)
}

// FiveDigits writes a mode for chmod, which with four digits leaves a directory's set-group-id bit as it is.
func FiveDigits(mode int) string { return fmt.Sprintf("%05o", mode) }

// Adjusting returns the script that gives what is at a path, or what it leads to, these attributes and nothing else.
func (a Attributes) Adjusting(path string, have script.File, follow bool) string {
	values := a.Given(have, have.Kind == "directory")
	values["p"], values["follow"] = script.Path(path), follow
	return Scripts.Script("adjust", values)
}

// Ownership returns OWNER, OWNER:GROUP or :GROUP for chown; empty when neither is wanted.
func (a Attributes) Ownership() string {
	switch {
	case a.Owner == "" && a.Group == "":
		return ""
	case a.Group == "":
		return a.Owner
	}
	return a.Owner + ":" + a.Group
}

// Octal reports whether a mode is written in octal digits.
func Octal(mode string) bool { return strings.Trim(mode, "01234567") == "" }

// ModeFrom applies a mode, octal or symbolic, to the permissions that a file has. As in Ansible, a clause without a
// letter for whom means everybody, less what a umask of 022 takes away.
func ModeFrom(spec string, current int, dir bool) (int, error) {
	if Octal(spec) {
		mode, err := strconv.ParseUint(spec, 8, 16)
		if err != nil || mode > 0o7777 {
			return 0, fmt.Errorf("is %q, which is not a file mode", spec)
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
				return 0, fmt.Errorf("is %q, in which %q is not a permission", spec, perms)
			}
			for _, class := range who {
				bits, mask := classBits(class, perms, mode, dir)
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

// classBits returns the bits that permissions stand for when given to one class of users, and all the bits of that class.
func classBits(class rune, perms string, now int, dir bool) (bits, mask int) {
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
			if dir || now&0o111 != 0 {
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

// FileValues returns the keys with which Ansible's modules describe the file they leave behind.
func FileValues(s script.File) map[string]any {
	if !s.Exists() {
		return map[string]any{"state": "absent"}
	}
	return map[string]any{
		"mode": fmt.Sprintf("0%03o", s.Mode), "owner": s.Owner, "group": s.Group, "uid": s.UID, "gid": s.GID,
		"size": s.Size, "state": s.Kind,
	}
}

// AttributeDiff shows attributes before and after, as a diff of their own.
func AttributeDiff(path string, changes []Change) tasks.Diff {
	d := tasks.Diff{BeforeHeader: path + " (attributes)", AfterHeader: path + " (attributes)"}
	for _, c := range changes {
		d.Before += c.What + ": " + c.From + "\n"
		d.After += c.What + ": " + c.To + "\n"
	}
	return d
}

// DescribeKind names the Kind of a script.File in a message.
func DescribeKind(kind string) string {
	switch kind {
	case "absent":
		return "absent"
	case "other":
		return "neither a file nor a directory"
	}
	return "a " + kind
}

// ChangeNames returns the names of what changes, with commas, for a message.
func ChangeNames(changes []Change) string {
	names := make([]string, len(changes))
	for i, c := range changes {
		names[i] = c.What
	}
	return strings.Join(names, ", ")
}

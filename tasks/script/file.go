package script

import (
	"fmt"
	"strconv"
	"strings"
)

// File is a file as a host's stat sees it.
type File struct {
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

// Exists reports whether there is something of whatever kind. Nothing is known of a File that was not asked for.
func (s File) Exists() bool { return s.Kind != "absent" && s.Kind != "" }

// file reads what look printed under a name.
func (a answer) file(name string) (File, error) {
	fields := strings.Fields(a.text(name))
	if len(fields) == 1 && fields[0] == "absent" {
		return File{Kind: "absent"}, nil
	}
	if len(fields) != 11 {
		return File{}, fmt.Errorf("the host's answer %q is %q: stat printed something unexpected", name, a.text(name))
	}
	mode, err := strconv.ParseUint(fields[1], 8, 16)
	if err != nil {
		return File{}, fmt.Errorf("the host's answer %q has the mode %q", name, fields[1])
	}
	s := File{Kind: fields[0], Mode: int(mode), Owner: fields[4], Group: fields[5], Device: fields[9], Inode: fields[10]}
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

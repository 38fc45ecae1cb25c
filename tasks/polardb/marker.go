package polardb

import (
	"crypto/rand"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/script"
)

// stateDir holds polarbook's notes on a host, in a directory for each cluster. Only root can write in it.
const stateDir = "/var/lib/polarbook"

// base returns the path with which the names of a node's files in stateDir begin. It contains the whole path of PGDATA, so that
// two nodes of one cluster on a host do not mix; NodeArgs.Check allows no % in a path.
func (a *NodeArgs) base() string {
	state := a.state
	if state == "" {
		state = stateDir
	}
	name := strings.ReplaceAll(path.Clean(a.Pgdata), "/", "%")
	if len(name) > 200 {
		name = "%" + files.SumOf([]byte(name))
	}
	return state + "/" + a.Cluster + "/" + name
}

// marker returns the path of the file in which polarbook notes what it began on a node. It also notes the directories, so that
// polarbook notices when something else is mounted there, or nothing.
func (a *NodeArgs) marker() string { return a.base() + ".node" }

// formerMarker returns the path of an earlier release's marker, in a directory of the engine's account.
func (a *NodeArgs) formerMarker() string { return a.Pgdata + ".polarbook" }

// kept returns the directory of the files that a node had before reconfigure.yml changed them.
func (a *NodeArgs) kept() string { return a.base() + ".conf-before" }

// script returns a script about a node, filled in with the values that every such script may take, and with more.
func (a *NodeArgs) script(name string, more script.Values, words ...string) string {
	all := script.Values{
		"PGDATA": a.Pgdata, "POLARDATA": a.Polardata, "MARKER": a.marker(), "FORMER": a.formerMarker(), "KEPT": a.kept(),
		"OWN":   a.base() + ".own",
		"OWNER": a.User, "CLUSTER": a.Cluster, "BIN": a.Home + "/current/bin", "LIB": a.Home + "/current/lib",
		"CLIENT": fmt.Sprintf("%04X", a.Port), "CONSENSUS": fmt.Sprintf("%04X", dma.ConsensusPort(a.Port)),
	}
	given := all.For(scripts, name)
	maps.Copy(given, more)
	return scripts.Script(name, given, words...)
}

// readMarker reads a marker's lines strictly, because a marker authorises the removal of data. Of a marker with a fault it
// keeps nothing but the fault.
func (s *NodeState) readMarker(lines []string) {
	known := map[string]*string{
		"cluster": &s.MarkerCluster, "pgdata": &s.MarkerPgdata, "polardata": &s.MarkerPolardata, "step": &s.Step, "origin": &s.Origin,
	}
	if s.Former {
		known["pid"] = new(string)
	} else {
		known["pgdata_inode"], known["polardata_inode"] = &s.MarkerPgdataInode, &s.MarkerPolardataInode
		known["id"], known["weight"] = &s.MarkerID, &s.Weight
	}
	given := map[string]bool{}
	size := 0
	fault := func(format string, args ...any) {
		if s.Fault == "" {
			s.Fault = fmt.Sprintf(format, args...)
		}
	}
	for i, line := range lines {
		size += len(line) + 1
		key, value, ok := strings.Cut(line, "=")
		field := known[key]
		switch {
		case strings.ContainsFunc(line, func(r rune) bool { return r < 0x20 || r >= 0x7f && r < 0xa0 || r == 0xfffd }):
			fault("holds control characters in line %d", i+1)
		case !ok || field == nil:
			fault("holds something that polarbook does not write there in line %d", i+1)
		case given[key]:
			fault("says %s twice", key)
		default:
			*field = value
		}
		given[key] = true
	}
	digits := func(text string) bool { return strings.Trim(text, "0123456789") == "" }
	switch {
	case size > 4096:
		fault("is longer than any that polarbook writes")
	case s.MarkerCluster == "" || s.MarkerPgdata == "" || s.MarkerPolardata == "":
		fault("does not say cluster, pgdata and polardata")
	case !slices.Contains([]string{stepInit, stepCopy, stepRestore, stepData, stepMeta, stepMoving, stepDropped, stepWipe, stepWiped}, s.Step):
		fault("names no step that polarbook takes")
	case !slices.Contains([]string{"", stepInit, stepCopy, stepRestore}, s.Origin):
		fault("names no origin that data has")
	case known["pid"] != nil && !digits(*known["pid"]) || !digits(s.MarkerPgdataInode) || !digits(s.Weight) || !digits(s.MarkerPolardataInode):
		fault("holds a number that is none")
	case strings.Trim(s.MarkerID, "0123456789abcdefghijklmnopqrstuvwxyz") != "":
		fault("holds an id that polarbook does not make")
	}
	if s.Fault != "" {
		for _, field := range known {
			*field = ""
		}
	}
}

// markerPath returns the path of the file that the state was read from.
func (s NodeState) markerPath(a *NodeArgs) string {
	if s.Former {
		return a.formerMarker()
	}
	return a.marker()
}

// sameDirectories reports whether the directories are those that the marker was written about: each is absent or empty, or
// the very one that was there then.
func (s NodeState) sameDirectories() bool {
	same := func(state, now, noted string) bool {
		return state == "absent" || state == "empty" || now == noted
	}
	return s.Former || same(s.Pgdata, s.PgdataInode, s.MarkerPgdataInode) && same(s.Polardata, s.PolardataInode, s.MarkerPolardataInode)
}

// marking returns the values for the scripts that note a step: the note as it is so far. They take over an earlier release's.
func (a *NodeArgs) marking(was NodeState) script.Values {
	v := script.Values{"ORIGIN": was.Origin, "ID": was.MarkerID, "WEIGHT": was.Weight}
	if was.Former && was.Fault == "" {
		v["taken"] = was.Step
	}
	return v
}

// markScript returns a script that defines the functions mark, which notes a step, and sign, which writes the data's id.
func (a *NodeArgs) markScript(was NodeState) string { return a.script("polardb_mark", a.marking(was)) }

// outdated reports whether this release notes more about the node than is noted, or in another place.
func (s NodeState) outdated(a *NodeArgs) bool {
	return s.Former && a.owns(s) || s.Whole(a) && (s.ID == "" || s.MarkerID == "")
}

// update plans to bring an earlier release's note up to date.
func (a *NodeArgs) update(was NodeState) tasks.Plan {
	msg, text := "note which data "+a.marker()+" is about", ""
	if was.Former {
		msg = "move " + a.formerMarker() + " to " + a.marker()
	}
	if was.Whole(a) {
		// Sign first: data that is signed but not noted contradicts nothing.
		if was.MarkerID == "" {
			was.MarkerID = newID()
		}
		text = "sign\nmark " + was.Step + "\n"
	}
	return tasks.Plan{Change: true, Msg: msg, Script: a.markScript(was) + text}
}

// newID returns a random id for data that is about to be created.
func newID() string { return strings.ToLower(rand.Text()) }

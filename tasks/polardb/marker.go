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

// stateDir is where root keeps what it decides by, a directory a cluster; no other account can write in it.
const stateDir = "/var/lib/polarbook"

// base begins the names of the files that are kept of a node. The name has the whole path of PGDATA, so that two nodes of
// one cluster on a host do not mix; NodeArgs.check lets no % into a path.
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

// marker is the file in which polarbook notes what it began on a node. It also says which directories it began, so that
// it is noticed when something else is mounted there, or nothing.
func (a *NodeArgs) marker() string { return a.base() + ".node" }

// formerMarker is where an earlier release kept it: in a directory of the engine's account.
func (a *NodeArgs) formerMarker() string { return a.Pgdata + ".polarbook" }

// kept is the directory of the files that a node had before reconfigure.yml changed them.
func (a *NodeArgs) kept() string { return a.base() + ".conf-before" }

// script is a script about a node: what every such script may take is given here.
func (a *NodeArgs) script(name string, more script.Values, words ...string) string {
	all := script.Values{"PGDATA": a.Pgdata, "POLARDATA": a.Polardata, "MARKER": a.marker(), "FORMER": a.formerMarker(), "KEPT": a.kept(), "OWNER": a.User,
		"CLUSTER": a.Cluster, "BIN": a.Home + "/current/bin", "LIB": a.Home + "/current/lib",
		"CLIENT": fmt.Sprintf("%04X", a.Port), "CONSENSUS": fmt.Sprintf("%04X", dma.ConsensusPort(a.Port))}
	given := all.For(scripts, name)
	maps.Copy(given, more)
	return scripts.Script(name, given, words...)
}

// readMarker reads a marker's lines strictly: it authorises the removal of data.
func (s *NodeState) readMarker(lines []string) {
	known := map[string]*string{"cluster": &s.MarkerCluster, "pgdata": &s.MarkerPgdata, "polardata": &s.MarkerPolardata, "step": &s.Step, "origin": &s.Origin}
	switch s.Former {
	case true:
		known["pid"] = new(string)
	default:
		known["pgdata_inode"], known["polardata_inode"], known["id"], known["weight"] = &s.MarkerPgdataInode, &s.MarkerPolardataInode, &s.MarkerID, &s.Weight
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
	case !slices.Contains([]string{stepInit, stepCopy, stepData, stepMeta, stepMoving, stepDropped, stepWipe, stepWiped}, s.Step):
		fault("names no step that polarbook takes")
	case !slices.Contains([]string{"", stepInit, stepCopy}, s.Origin):
		fault("names no origin that data has")
	case known["pid"] != nil && !digits(*known["pid"]) || !digits(s.MarkerPgdataInode) || !digits(s.Weight) || !digits(s.MarkerPolardataInode):
		fault("holds a number that is none")
	case strings.Trim(s.MarkerID, "0123456789abcdefghijklmnopqrstuvwxyz") != "":
		fault("holds an id that polarbook does not make")
	}
	if s.Fault != "" {
		// Nothing that it says is believed.
		s.MarkerCluster, s.MarkerPgdata, s.MarkerPolardata, s.Step, s.Origin, s.MarkerPgdataInode, s.MarkerPolardataInode = "", "", "", "", "", "", ""
		s.MarkerID, s.Weight = "", ""
	}
}

// markerPath is the file that the state was read from.
func (s NodeState) markerPath(a *NodeArgs) string {
	if s.Former {
		return a.formerMarker()
	}
	return a.marker()
}

// sameDirectories says that what is in the directories is what the marker was written about: each is empty, or the very
// one that was there then.
func (s NodeState) sameDirectories() bool {
	same := func(state, now, noted string) bool {
		return state == "absent" || state == "empty" || now == noted
	}
	return s.Former || same(s.Pgdata, s.PgdataInode, s.MarkerPgdataInode) && same(s.Polardata, s.PolardataInode, s.MarkerPolardataInode)
}

// marking are the values of the scripts that note a step: what the note says so far. What an earlier release noted is taken over.
func (a *NodeArgs) marking(was NodeState) script.Values {
	v := script.Values{"ORIGIN": was.Origin, "ID": was.MarkerID, "WEIGHT": was.Weight}
	if was.Former && was.Fault == "" {
		v["taken"] = was.Step
	}
	return v
}

// markScript defines mark, which notes a step, and sign.
func (a *NodeArgs) markScript(was NodeState) string { return a.script("polardb_mark", a.marking(was)) }

// outdated says that this release notes more of the node than is noted, or elsewhere.
func (s NodeState) outdated(a *NodeArgs) bool {
	return s.Former && a.owns(s) || s.Whole(a) && (s.ID == "" || s.MarkerID == "")
}

// update brings what an earlier release noted up to what this one does.
func (a *NodeArgs) update(was NodeState) tasks.Plan {
	msg, text := "note which data "+a.marker()+" is about", ""
	if was.Former {
		msg = "move " + a.formerMarker() + " to " + a.marker()
	}
	if was.Whole(a) {
		// Signed first: what is signed and not noted disagrees with nothing.
		if was.MarkerID == "" {
			was.MarkerID = newID()
		}
		text = "sign\nmark " + was.Step + "\n"
	}
	return tasks.Plan{Change: true, Msg: msg, Script: a.markScript(was) + text}
}

// newID names data that is about to be made.
func newID() string { return strings.ToLower(rand.Text()) }

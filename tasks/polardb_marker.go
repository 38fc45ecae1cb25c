package tasks

import (
	"crypto/rand"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

// stateDir is where root keeps what it decides by, a directory a cluster; no other account can write in it.
const stateDir = "/var/lib/polarbook"

// base begins the names of the files that are kept of a node. The name has the whole path of PGDATA, so that two nodes of
// one cluster on a host do not mix; nodeArgs.check lets no % into a path.
func (a *nodeArgs) base() string {
	state := a.state
	if state == "" {
		state = stateDir
	}
	name := strings.ReplaceAll(path.Clean(a.Pgdata), "/", "%")
	if len(name) > 200 {
		name = "%" + sumOf([]byte(name))
	}
	return state + "/" + a.Cluster + "/" + name
}

// marker is the file in which polarbook notes what it began on a node. It also says which directories it began, so that
// it is noticed when something else is mounted there, or nothing.
func (a *nodeArgs) marker() string { return a.base() + ".node" }

// formerMarker is where an earlier release kept it: in a directory of the engine's account.
func (a *nodeArgs) formerMarker() string { return a.Pgdata + ".polarbook" }

// kept is the directory of the files that a node had before reconfigure.yml changed them.
func (a *nodeArgs) kept() string { return a.base() + ".conf-before" }

// names are the words that the scripts about a node know.
func (a *nodeArgs) names() *strings.Replacer {
	return strings.NewReplacer("@PGDATA@", remote.Quote(a.Pgdata), "@POLARDATA@", remote.Quote(a.Polardata), "@MARKER@", remote.Quote(a.marker()),
		"@FORMER@", remote.Quote(a.formerMarker()), "@KEPT@", remote.Quote(a.kept()), "@USER@", remote.Quote(a.User), "@CLUSTER@", remote.Quote(a.Cluster))
}

// markerProbe prints the marker, each line behind "marker.", bounded. One of another cluster's for these directories counts,
// too, to say so; the former one only when there is none.
const markerProbe = `
noted() { # file, kind
	if [ -L "$1" ] || [ ! -f "$1" ]; then echo "marker=$2"; echo "marker_fault=is no regular file"; return; fi
	echo "marker=$2"
	head -c 4097 <"$1" | sed 's/^/marker./'
	echo
}
found=
for f in "$MARKER" "${MARKER%/*/*}"/*/"${MARKER##*/}"; do
	if [ -e "$f" ] || [ -L "$f" ]; then
		noted "$f" kept
		roots "$f" || echo "marker_fault=or a directory above it does not belong to root alone"
		found=yes
		break
	fi
done
if [ -d "${MARKER%/*}" ] && [ ! -x "${MARKER%/*}" ]; then echo marker=kept; echo "marker_fault=cannot be read by this account: the task needs become"
elif [ -z "$found" ] && { [ -e "$FORMER" ] || [ -L "$FORMER" ]; }; then noted "$FORMER" former
fi
`

// readMarker reads a marker's lines strictly: it authorises the removal of data.
func (s *nodeState) readMarker(lines []string) {
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
func (s nodeState) markerPath(a *nodeArgs) string {
	if s.Former {
		return a.formerMarker()
	}
	return a.marker()
}

// sameDirectories says that what is in the directories is what the marker was written about: each is empty, or the very
// one that was there then.
func (s nodeState) sameDirectories() bool {
	same := func(state, now, noted string) bool {
		return state == "absent" || state == "empty" || now == noted
	}
	return s.Former || same(s.Pgdata, s.PgdataInode, s.MarkerPgdataInode) && same(s.Polardata, s.PolardataInode, s.MarkerPolardataInode)
}

// markScript defines mark, which notes a step: written by temporary name, on disk before it counts. What an earlier release
// noted is taken over, as it was read, before anything else is done.
func (a *nodeArgs) markScript(was nodeState) string {
	s := strings.NewReplacer("@ORIGIN@", remote.Quote(was.Origin), "@ID@", remote.Quote(was.MarkerID), "@WEIGHT@", remote.Quote(was.Weight)).Replace(script.Preamble + script.Inside + script.RootsOnly + nodeMarkScript)
	if was.Former && was.Fault == "" {
		s += "mark " + was.Step + "\n"
	}
	return a.names().Replace(s)
}

// outdated says that this release notes more of the node than is noted, or elsewhere.
func (s nodeState) outdated(a *nodeArgs) bool {
	return s.Former && a.owns(s) || s.whole(a) && (s.ID == "" || s.MarkerID == "")
}

// update brings what an earlier release noted up to what this one does.
func (a *nodeArgs) update(was nodeState) Plan {
	msg, script := "note which data "+a.marker()+" is about", ""
	if was.Former {
		msg = "move " + a.formerMarker() + " to " + a.marker()
	}
	if was.whole(a) {
		// Signed first: what is signed and not noted disagrees with nothing.
		if was.MarkerID == "" {
			was.MarkerID = newID()
		}
		script = "sign\nmark " + was.Step + "\n"
	}
	return Plan{Change: true, Msg: msg, Script: a.markScript(was) + script}
}

// newID names data that is about to be made.
func newID() string { return strings.ToLower(rand.Text()) }

// stateScript makes the directory of what is kept, for root alone.
const stateScript = `keep_for_root() { # DIR
	[ -d "${1%/*}" ] || ( umask 022; mkdir -p "${1%/*}" ) || exit 1
	[ -d "$1" ] || mkdir -m 0700 "$1" || exit 1
	roots "$1" || die "$1, or a directory above it, does not belong to root alone: nothing was noted there"
}
`

const nodeMarkScript = stateScript + `set -e
PGDATA=@PGDATA@ POLARDATA=@POLARDATA@ MARKER=@MARKER@ FORMER=@FORMER@ ORIGIN=@ORIGIN@ ID=@ID@ WEIGHT=@WEIGHT@ OWNER=@USER@
` + spaceScript + `
# Who changes a node's data whose server has ended does not want systemd to start it in the middle of that.
case $(systemctl show -p SubState polardb-@CLUSTER@.service 2>/dev/null) in *=auto-restart*) systemctl stop polardb-@CLUSTER@.service || : ;; esac
sign() { # leaves with the data what the marker says of it; in a directory of the engine's account, so that account does it
	runuser -u @USER@ -- sh -c 'umask 077; cd -- "$0" && printf "%s\n" "$1" >polarbook.id.new && mv -f polarbook.id.new polarbook.id' "$PGDATA" "$ID"
	sync
}
mark() { # step
	case $1 in initdb|basebackup) ORIGIN=$1 ;; esac
	case $1 in initdb|basebackup) WEIGHT= ;; esac
	keep_for_root "${MARKER%/*}"
	umask 077
	printf '%s\n' "cluster="@CLUSTER@ "pgdata=$PGDATA" "polardata=$POLARDATA" "step=$1" "origin=$ORIGIN" "id=$ID" "weight=$WEIGHT" \
		"pgdata_inode=$(stat -L -c %i -- "$PGDATA" 2>/dev/null || :)" "polardata_inode=$(stat -L -c %i -- "$POLARDATA" 2>/dev/null || :)" >"$MARKER.new"
	umask 022
	sync "$MARKER.new" 2>/dev/null || sync
	mv -f "$MARKER.new" "$MARKER"
	sync "${MARKER%/*}" 2>/dev/null || sync
	if ( spot "$FORMER" && { [ -e "./$b" ] || [ -L "./$b" ]; } ); then ( spot "$FORMER"; rm -rf -- "./$b" "./$b.new" ) || exit 1; fi
}
`

package tasks

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

// nodeArgs are the arguments of the modules that work on one node's data directories.
type nodeArgs struct {
	Pgdata    string `arg:"pgdata,required,path" doc:"the node's PGDATA"`
	Polardata string `arg:"polardata,required,path" doc:"the node's POLARDATA"`
	Home      string `arg:"home" default:"/opt/polardb" doc:"where the engine is installed, under versions and a symlink named current"`
	User      string `arg:"user" default:"polardb" doc:"the account that owns the directories and runs the engine"`
	Port      int    `arg:"port" default:"5432" doc:"the client port; the consensus port is 10000 above it"`
	Cluster   string `arg:"cluster" default:"polardb" doc:"the cluster's name, under which polarbook keeps what it notes about the node"`

	state string // instead of /var/lib/polarbook, in tests
}

// check refuses paths that could hit something else when a directory of ours is emptied.
func (a *nodeArgs) check() error {
	for _, d := range []struct{ arg, dir string }{{"pgdata", a.Pgdata}, {"polardata", a.Polardata}, {"home", a.Home}} {
		clean := path.Clean(d.dir)
		if !path.IsAbs(clean) || strings.Count(clean, "/") < 2 {
			return &ArgError{Arg: d.arg, Problem: fmt.Sprintf("must be an absolute path at least two levels deep, not %q", d.dir)}
		}
		if at := strings.IndexAny(clean, unfitForPaths); at >= 0 {
			return &ArgError{Arg: d.arg, Problem: fmt.Sprintf("must not hold %q (it is %q): the engine's own scripts do not quote their paths", clean[at:at+1], d.dir)}
		}
	}
	if !isUnitName(a.Cluster) || strings.HasPrefix(a.Cluster, ".") || strings.Contains(a.Cluster, `\`) {
		return &ArgError{Arg: "cluster", Problem: fmt.Sprintf("must be letters, digits and -_.@: and not begin with a dot, not %q", a.Cluster)}
	}
	if a.Cluster == "owed" {
		return &ArgError{Arg: "cluster", Problem: "must not be owed: " + stateDir + "/owed is where polarbook keeps which handlers are owed"}
	}
	pgdata, polardata := path.Clean(a.Pgdata), path.Clean(a.Polardata)
	if pgdata == polardata || strings.HasPrefix(polardata+"/", pgdata+"/") || strings.HasPrefix(pgdata+"/", polardata+"/") {
		return &ArgError{Arg: "polardata", Problem: "must be a directory apart from pgdata, neither inside the other"}
	}
	a.Pgdata, a.Polardata = pgdata, polardata
	if a.Port < 1 || a.Port > 55535 {
		return &ArgError{Arg: "port", Problem: fmt.Sprintf("must be between 1 and 55535 (the consensus port is 10000 above it), not %d", a.Port)}
	}
	return nil
}

// unfitForPaths are what a shell or systemd does not take for itself. polar-initdb.sh quotes nothing (observed on 11.9:
// with a blank in it, POLARDATA "does not exist").
const unfitForPaths = " \t\r\n'\"\\$`*?[]{}()<>|&;!#~%"

// The steps that a marker names. A directory may be emptied only in stepInit, stepCopy and stepWipe: polarbook began
// something with it and did not finish.
const (
	stepInit    = "initdb"     // initdb or polar-initdb.sh is under way
	stepCopy    = "basebackup" // a base backup is under way
	stepData    = "data"       // the data is whole
	stepMeta    = "meta"       // the consensus meta is initialised
	stepMoving  = "moving"     // the member is given another address: it leaves the cluster and comes back with its data
	stepDropped = "dropped"    // the node was taken out of the cluster; its data is whole, or removed
	stepWipe    = "wiping"     // the node's data is being removed
	stepWiped   = "wiped"      // the node's data was removed on purpose
)

// nodeProbe prints what a node's directories, processes and ports look like, one `key=value` a line.
func (a *nodeArgs) probe() string {
	r := strings.NewReplacer(
		"@BIN@", remote.Quote(a.Home+"/current/bin"), "@LIB@", remote.Quote(a.Home+"/current/lib"),
		"@CLIENT@", fmt.Sprintf("%04X", a.Port), "@CONSENSUS@", fmt.Sprintf("%04X", a.Port+10000))
	return a.names().Replace(r.Replace(nodeProbeScript))
}

var nodeProbeScript = script.TCPTables + script.RootsOnly + `
PGDATA=@PGDATA@ POLARDATA=@POLARDATA@ MARKER=@MARKER@ FORMER=@FORMER@ BIN=@BIN@
` + markerProbe + `
directory() {
	if [ -L "$2" ]; then t=$(readlink -- "$2") || t=; case $t in *[[:cntrl:]]*) t=? ;; esac; echo "$1.link=$t"; fi
	if [ -L "$2" ] && [ ! -e "$2" ]; then echo "$1=dangling"
	elif [ ! -e "$2" ]; then echo "$1=absent"
	elif [ ! -d "$2" ]; then echo "$1=file"
	else
		first= n=0
		for f in "$2"/* "$2"/.[!.]* "$2"/..?*; do
			if [ -e "$f" ] || [ -L "$f" ]; then
				# What a new file system has is nothing that somebody put there.
				case $f in */lost+found) if [ ! -L "$f" ] && [ "$(stat -c '%F %u' -- "$f")" = 'directory 0' ] && [ -z "$(ls -A -- "$f")" ]; then continue; fi ;; esac
				f=${f##*/} n=$((n+1))
				case $f in *[[:cntrl:]]*) f=? ;; esac
				first="$first$f "
				if [ "$n" = 3 ]; then break; fi
			fi
		done
		if [ "$n" = 0 ]; then echo "$1=empty"; else echo "$1=filled"; echo "$1.first=$first"; fi
	fi
	if [ -e "$2" ]; then stat -L -c "$1.inode=%i
$1.owner=%U" -- "$2"; fi
}
directory pgdata "$PGDATA"
directory polardata "$POLARDATA"
line() { l=; { read -r l || [ -n "$l" ]; } 2>/dev/null <"$1"; }
[ -f "$PGDATA/PG_VERSION" ] && line "$PGDATA/PG_VERSION" && echo "version=$l"
[ -f "$POLARDATA/global/pg_control" ] && echo control=yes
[ -f "$PGDATA/polarbook.id" ] && echo "id=$(head -c 65 -- "$PGDATA/polarbook.id" | tr -cd 0-9a-z)"
[ -f "$PGDATA/recovery.conf" ] && grep -q '^[ 	]*polar_datamax_mode[ 	]*=' "$PGDATA/recovery.conf" && echo logger=yes
for p in polar-postgres postgres; do [ -x "$BIN/$p" ] && { echo "postgres=$BIN/$p"; break; }; done
for p in polar_basebackup pg_basebackup; do [ -x "$BIN/$p" ] && { echo "basebackup=$BIN/$p"; break; }; done
if [ -s "$POLARDATA/polar_dma/consensus_meta" ]; then
	echo meta=yes
	if [ -x "$BIN/polar_tools" ]; then
		# The engine's account wrote what is read, so that account reads it: not by way of PAM where that can be had, at every look.
		as() { env "$@"; }
		if [ "$(id -u)" = 0 ]; then
			as() { runuser -u @USER@ -- env "$@"; }
			if u=$(id -u @USER@ 2>/dev/null) && setpriv --reuid="$u" --clear-groups -- true 2>/dev/null; then
				as() { setpriv --reuid="$u" --regid="$(id -g @USER@)" --clear-groups -- env "$@"; }
			fi
		fi
		as LD_LIBRARY_PATH=@LIB@ "$BIN/polar_tools" dma-meta -D "$POLARDATA" 2>&1 | sed -n 's/^.*member info:[ 	]*/meta.members=/p; s/^.*learner info:[ 	]*/meta.learners=/p'
	fi
fi
if [ -f "$PGDATA/postmaster.pid" ] && line "$PGDATA/postmaster.pid"; then
	case $l in ''|*[!0-9]*) ;; *)
		# A pid file left by a crash may name a process that is somebody else's by now: a postmaster works in its PGDATA.
		if [ "/proc/$l/cwd" -ef "$PGDATA" ]; then echo "pid=$l"; fi
		echo "pidfile=$l" ;;
	esac
fi
awk '$4 == "0A" { sub(/.*:/, "", $2); if ($2 == "@CLIENT@") c = 1; if ($2 == "@CONSENSUS@") d = 1 }
	END { if (c) print "listens.client=yes"; if (d) print "listens.consensus=yes" }' $tcp
echo end=yes`

// nodeState is what nodeProbe said.
type nodeState struct {
	Marked                          bool
	Former                          bool   // the marker is where an earlier release kept it
	Fault                           string // why nothing that it says is believed
	PgdataInode, PolardataInode     string
	MarkerPgdataInode               string // of the directory that the marker was written about; empty: it was absent
	MarkerPolardataInode            string
	Weight                          string // that a member had whose step is moving
	MarkerID, ID                    string // of the data: as noted, and as it lies with it; empty: not known
	PgdataLink, PolardataLink       string // where a directory leads that is a symbolic link
	Logger                          bool   // the data is a logger's
	MarkerCluster, Step, Origin     string
	MarkerPgdata, MarkerPolardata   string
	Pgdata, Polardata               string // absent, empty, filled, file, dangling
	PgdataFirst, PolardataFirst     string // the first names found, for messages
	PgdataOwner                     string
	Version                         string
	Control                         bool // POLARDATA/global/pg_control is there
	Postgres, Basebackup            string
	Meta                            bool
	MetaMembers, MetaLearners       string
	PID                             int // of the postmaster; 0: none runs
	ListensClient, ListensConsensus bool
}

func parseNode(f Found) (nodeState, error) {
	var s nodeState
	whole := false
	var mark []string
	for _, line := range strings.Split(string(f.Stdout), "\n") {
		if text, ok := strings.CutPrefix(line, "marker."); ok {
			mark = append(mark, text)
			continue
		}
		key, value, _ := strings.Cut(line, "=")
		switch key {
		case "marker":
			s.Marked, s.Former = true, value == "former"
		case "marker_fault":
			s.Fault = value
		case "id":
			s.ID = value
		case "logger":
			s.Logger = true
		case "pgdata.link":
			s.PgdataLink = value
		case "polardata.link":
			s.PolardataLink = value
		case "pgdata.inode":
			s.PgdataInode = value
		case "polardata.inode":
			s.PolardataInode = value
		case "pgdata":
			s.Pgdata = value
		case "pgdata.first":
			s.PgdataFirst = strings.TrimSpace(value)
		case "pgdata.owner":
			s.PgdataOwner = value
		case "polardata":
			s.Polardata = value
		case "polardata.first":
			s.PolardataFirst = strings.TrimSpace(value)
		case "version":
			s.Version = value
		case "control":
			s.Control = true
		case "postgres":
			s.Postgres = value
		case "basebackup":
			s.Basebackup = value
		case "meta":
			s.Meta = true
		case "meta.members":
			s.MetaMembers = strings.TrimSpace(value)
		case "meta.learners":
			s.MetaLearners = strings.TrimSpace(value)
		case "pid":
			s.PID, _ = strconv.Atoi(value)
		case "listens.client":
			s.ListensClient = true
		case "listens.consensus":
			s.ListensConsensus = true
		case "end":
			whole = true
		}
	}
	if !whole {
		return s, fmt.Errorf("look at the node's directories: the answer broke off (exit %d): %s", f.Status, strings.TrimSpace(string(f.Stderr)))
	}
	if s.Marked {
		s.readMarker(mark)
	}
	return s, nil
}

// bare says that both directories are free for a node to be set up in.
func (s nodeState) bare() bool {
	free := func(d string) bool { return d == "absent" || d == "empty" }
	return free(s.Pgdata) && free(s.Polardata)
}

// unfinished says that polarbook began these very directories and did not finish: they may be emptied.
func (s nodeState) unfinished(a *nodeArgs) bool {
	return s.Marked && (s.Step == stepInit || s.Step == stepCopy || s.Step == stepWipe) && s.MarkerCluster == a.Cluster &&
		s.MarkerPgdata == a.Pgdata && s.MarkerPolardata == a.Polardata && s.sameDirectories()
}

// whole says that polarbook set this node's data up and finished doing so.
func (s nodeState) whole(a *nodeArgs) bool {
	if s.Former && (s.MarkerPgdata != a.Pgdata || s.MarkerPolardata != a.Polardata) {
		return false
	}
	return s.Marked && s.setUp() && s.MarkerCluster == a.Cluster && s.Version != "" && s.Control && s.noted() && s.PgdataLink+s.PolardataLink == ""
}

// setUp says that the marker speaks of data that was whole.
func (s nodeState) setUp() bool {
	return s.Step == stepData || s.Step == stepMeta || s.Step == stepMoving || s.Step == stepDropped
}

// noted says that the data is what the marker was written about. What lies with the data belongs to the engine's account:
// it counts for that it disagrees, and for nothing else. Data that says nothing is what an earlier release made, or a copy
// that somebody put there.
func (s nodeState) noted() bool { return s.MarkerID == "" || s.ID == "" || s.MarkerID == s.ID }

// gone says that data was here, by the marker, and is not. That of a dropped node may have been removed with its leave; then
// the directories are the ones that were left empty.
func (s nodeState) gone(a *nodeArgs) bool {
	free := func(d string) bool { return d == "absent" || d == "empty" }
	switch {
	case !s.Marked || s.Fault != "" || !s.setUp() || s.MarkerCluster != a.Cluster || s.MarkerPgdata != a.Pgdata || s.MarkerPolardata != a.Polardata:
		return false
	case s.Step != stepDropped:
		return free(s.Pgdata) || free(s.Polardata)
	}
	other := func(state, now, noted string) bool { return free(state) && noted != "" && now != noted }
	return s.bare() && (other(s.Pgdata, s.PgdataInode, s.MarkerPgdataInode) || other(s.Polardata, s.PolardataInode, s.MarkerPolardataInode))
}

// refuse says why the directories may not be touched; nil when they may be filled, or are ours and whole.
func (s nodeState) refuse(a *nodeArgs) error {
	switch {
	case s.Fault != "":
		return &Failure{Msg: fmt.Sprintf("%s %s", s.markerPath(a), s.Fault),
			Hint: "it is not believed, and nothing was touched. Look at who wrote it; a node whose note is lost is dropped, its data moved away by hand, and built anew"}
	case s.PgdataLink != "":
		return linkRefused("polardb_pgdata", a.Pgdata, s.PgdataLink)
	case s.PolardataLink != "":
		return linkRefused("polardb_polardata", a.Polardata, s.PolardataLink)
	case s.unfinished(a), s.whole(a):
		return nil
	case s.Marked && s.MarkerCluster != a.Cluster:
		return &Failure{Msg: fmt.Sprintf("%s belongs to the cluster %q, not to %q", a.Pgdata, s.MarkerCluster, a.Cluster),
			Hint: "use other directories (polardb_pgdata, polardb_polardata), or destroy that cluster first"}
	case s.gone(a):
		return &Failure{Msg: fmt.Sprintf("the data of this node is gone or its disk is not mounted: %s says that it was set up, %s is %s and %s is %s", s.markerPath(a), a.Pgdata, s.Pgdata, a.Polardata, s.Polardata),
			Hint: "mount the disk. If the data is lost for good, build the node anew: polarbook run rebuild-node.yml -e node=NAME"}
	case !s.noted() && s.setUp():
		return &Failure{Msg: fmt.Sprintf("%s is not the data that %s was written about (%s, noted was %s)", a.Pgdata, s.markerPath(a), s.ID, s.MarkerID),
			Hint: "nothing was touched. Is it another disk, or one from before the node was built anew? Mount the right one; or move what is there away, and build the node anew: polarbook run rebuild-node.yml -e node=NAME. If you put the data there on purpose, remove polarbook.id from it"}
	case s.bare():
		return nil
	case s.Marked && s.MarkerPgdata == a.Pgdata && s.MarkerPolardata == a.Polardata && !s.sameDirectories():
		return &Failure{Msg: fmt.Sprintf("%s or %s is not the directory that polarbook began (%s)", a.Pgdata, a.Polardata, s.Step),
			Hint: "nothing was touched. Is a disk not mounted, or another one? What is there was not put there by polarbook"}
	}
	dir, first := a.Pgdata, s.PgdataFirst
	if s.Pgdata == "absent" || s.Pgdata == "empty" {
		dir, first = a.Polardata, s.PolardataFirst
	}
	what := "holds something that polarbook did not put there"
	if s.Version != "" {
		what = "holds a data directory (PG_VERSION " + s.Version + ") that polarbook did not begin"
	}
	if first != "" {
		what += ": " + first
	}
	return &Failure{Msg: dir + " " + what, Hint: "nothing was touched; move it away yourself, or choose other directories (polardb_pgdata, polardb_polardata)"}
}

// linkRefused says why a data directory may be no link: who owns the directory that it lies in could have it lead elsewhere.
func linkRefused(variable, dir, to string) error {
	return &Failure{Msg: fmt.Sprintf("%s is a symbolic link (to %s), which is not followed", dir, to),
		Hint: fmt.Sprintf("nothing was touched. Name the directory itself (%s), or have it mounted there: mount --bind %s %s, and the same in /etc/fstab", variable, to, dir)}
}

// begin is the part of a script that notes a step in the marker and makes the two directories, empty, for the user.
// Only a step that unfinished or bare allowed may do so; the marker's own content is compared again on the host.
func (a *nodeArgs) begin(step string, was nodeState) string {
	was.MarkerID = newID()
	s := a.markScript(was)
	if was.unfinished(a) {
		s += nodeEndScript + nodeWipeScript
	}
	return s + a.names().Replace(strings.ReplaceAll(nodeBeginScript, "@STEP@", step))
}

// nodeEndScript ends what an earlier, killed run left working on these directories, and nothing else: a process counts
// only when it is one of the engine's own programs and its command line names the directory.
const nodeEndScript = `
ours() {
	case $(cat "/proc/$1/comm" 2>/dev/null) in initdb|postgres|polar-postgres|pg_ctl|pg_basebackup|polar_basebacku*|polar-initdb.sh) ;; *) return 1 ;; esac
	tr '\0' '\n' <"/proc/$1/cmdline" 2>/dev/null | grep -qxF -e "$PGDATA" -e "$PGDATA/" -e "--pgdata=$PGDATA"
}
left=
for d in /proc/[0-9]*; do
	p=${d#/proc/}
	if [ "$p" != $$ ] && ours "$p"; then kill -TERM "$p" 2>/dev/null || :; left="$left $p"; fi
done
n=0
for p in $left; do
	while ours "$p" && [ $n -lt 100 ]; do n=$((n+1)); sleep 0.1; done
	if ours "$p"; then kill -KILL "$p" 2>/dev/null || :; sleep 0.2; fi
done
`

// From within each directory: its owner may put a link to another in its place at any time. The node's tablespaces come
// first, as long as its links tell them.
const nodeWipeScript = `
wipe_spaces
for d in "$PGDATA" "$POLARDATA"; do
	if [ -d "$d" ]; then ( inside "$d" && find . -mindepth 1 -maxdepth 1 -exec rm -rf -- {} + ) || exit 1; fi
done
rm -f "$SPACES"
`

const nodeBeginScript = `
( reach "${PGDATA%/*}" ) || exit 1
( reach "${POLARDATA%/*}" ) || exit 1
mark @STEP@
for dir in "$PGDATA" "$POLARDATA"; do (
	spot "$dir" || die "the directory of $dir cannot be entered"
	[ -d "./$b" ] || mkdir -m 0700 "./$b" || exit 1
	inside "$dir" || die "$dir cannot be entered"
	# The engine's tools want a directory empty; fsck makes this one when it needs it.
	rmdir ./lost+found 2>/dev/null || :
	[ -z "$(ls -A .)" ] || die "$dir is no longer empty"
	chown -h @USER@: . && chmod 700 . || exit 1
) || exit 1; done
mark @STEP@
`

// as wraps a command line so that it runs as the engine's user, with the engine's libraries: a moved prefix does not
// find its own libpq everywhere.
func (a *nodeArgs) as(command string) string {
	return "runuser -u " + remote.Quote(a.User) + " -- env LC_ALL=C LD_LIBRARY_PATH=" + remote.Quote(a.Home+"/current/lib") +
		" PATH=" + remote.Quote(a.Home+"/current/bin") + `:"$PATH" ` + command
}

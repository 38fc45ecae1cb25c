package polardb

import (
	"fmt"
	"path"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/tasks/script"
)

// NodeArgs are the arguments of the modules that work on one node's data directories.
type NodeArgs struct {
	Pgdata    string `arg:"pgdata,required,path" doc:"the node's PGDATA"`
	Polardata string `arg:"polardata,required,path" doc:"the node's POLARDATA"`
	Home      string `arg:"home" default:"/opt/polardb" doc:"where the engine is installed, under versions and a symlink named current"`
	User      string `arg:"user" default:"polardb" doc:"the account that owns the directories and runs the engine"`
	Port      int    `arg:"port" default:"5432" doc:"the client port; the consensus port is 10000 above it"`
	Cluster   string `arg:"cluster" default:"polardb" doc:"the cluster's name, under which polarbook keeps what it notes about the node"`

	state string // instead of /var/lib/polarbook, in tests
}

// Check refuses paths that could hit something else when a directory of ours is emptied.
func (a *NodeArgs) Check() error {
	for _, d := range []struct{ arg, dir string }{{"pgdata", a.Pgdata}, {"polardata", a.Polardata}, {"home", a.Home}} {
		clean := path.Clean(d.dir)
		if !path.IsAbs(clean) || strings.Count(clean, "/") < 2 {
			return &tasks.ArgError{Arg: d.arg, Problem: fmt.Sprintf("must be an absolute path at least two levels deep, not %q", d.dir)}
		}
		if at := strings.IndexAny(clean, unfitForPaths); at >= 0 {
			return &tasks.ArgError{
				Arg: d.arg,
				Problem: fmt.Sprintf("must not hold %q (it is %q): the engine's own scripts do not quote their paths",
					clean[at:at+1], d.dir),
			}
		}
	}
	if !script.IsUnitName(a.Cluster) || strings.HasPrefix(a.Cluster, ".") || strings.Contains(a.Cluster, `\`) {
		return &tasks.ArgError{
			Arg:     "cluster",
			Problem: fmt.Sprintf("must be letters, digits and -_.@: and not begin with a dot, not %q", a.Cluster),
		}
	}
	if a.Cluster == "owed" {
		return &tasks.ArgError{
			Arg:     "cluster",
			Problem: "must not be owed: " + stateDir + "/owed is where polarbook keeps which handlers are owed",
		}
	}
	pgdata, polardata := path.Clean(a.Pgdata), path.Clean(a.Polardata)
	if pgdata == polardata || strings.HasPrefix(polardata+"/", pgdata+"/") || strings.HasPrefix(pgdata+"/", polardata+"/") {
		return &tasks.ArgError{Arg: "polardata", Problem: "must be a directory apart from pgdata, neither inside the other"}
	}
	a.Pgdata, a.Polardata = pgdata, polardata
	if a.Port < 1 || a.Port > dma.MaxPort {
		return &tasks.ArgError{
			Arg: "port",
			Problem: fmt.Sprintf("must be between 1 and %d (the consensus port is %d above it), not %d",
				dma.MaxPort, dma.PortDeviation, a.Port),
		}
	}
	return nil
}

// unfitForPaths are the characters that mean something to a shell or to systemd. polar-initdb.sh quotes nothing (observed on
// 11.9: with a blank in it, POLARDATA "does not exist").
const unfitForPaths = " \t\r\n'\"\\$`*?[]{}()<>|&;!#~%"

// The steps that a marker names. A directory may be emptied only in stepInit, stepCopy, stepRestore and stepWipe:
// polarbook started to work on it and did not finish.
const (
	stepInit    = "initdb"     // initdb or polar-initdb.sh is under way
	stepCopy    = "basebackup" // a base backup is under way
	stepRestore = "restore"    // a backup is copied
	stepData    = "data"       // the data is whole
	stepMeta    = "meta"       // the consensus meta is initialised
	stepMoving  = "moving"     // the member gets another address: it leaves the cluster and comes back with its data
	stepDropped = "dropped"    // the node was dropped from the cluster; its data is whole, or removed
	stepWipe    = "wiping"     // the node's data is being removed
	stepWiped   = "wiped"      // the node's data was removed on purpose
)

// Probe returns the script that prints the state of a node's directories, processes and ports.
func (a *NodeArgs) Probe() string { return a.script("polardb_node", nil) }

// NodeState holds what the script polardb_node found on a host.
type NodeState struct {
	Marked                        bool
	Former                        bool   // the marker lies where an earlier release kept it
	Fault                         string `answer:"marker_fault"` // why the marker is not believed
	PgdataInode                   string `answer:"pgdata.inode"`
	PolardataInode                string `answer:"polardata.inode"`
	MarkerPgdataInode             string // of the directory when the marker was written; empty: it was absent
	MarkerPolardataInode          string
	Weight                        string // the member's weight before it was moved; only in stepMoving
	MarkerID                      string // the id of the data in the marker, and the one beside the data; empty: not known
	ID                            string `answer:"id"`
	PgdataLink                    string `answer:"pgdata.link"` // the target, where the directory is a symbolic link
	PolardataLink                 string `answer:"polardata.link"`
	Logger                        bool   `answer:"logger"` // the data belongs to a logger
	MarkerCluster, Step, Origin   string
	MarkerPgdata, MarkerPolardata string
	Pgdata                        string `answer:"pgdata"` // absent, empty, filled, file, dangling
	Polardata                     string `answer:"polardata"`
	PgdataFirst                   string `answer:"pgdata.first"` // the first names found, for messages
	PolardataFirst                string `answer:"polardata.first"`
	PgdataOwner                   string `answer:"pgdata.owner"`
	Version                       string `answer:"version"`
	Control                       bool   `answer:"control"`   // POLARDATA/global/pg_control exists
	Restoring                     string `answer:"restoring"` // the backup with which the node begins a cluster that is not whole again yet
	Postgres                      string `answer:"postgres"`
	Basebackup                    string `answer:"basebackup"`
	Meta                          bool   `answer:"meta"`
	MetaMembers                   string `answer:"meta.members"`
	MetaLearners                  string `answer:"meta.learners"`
	UnitSub                       string `answer:"unit.sub"` // SubState of the unit; only polardb_service asks for it
	PID                           int    `answer:"pid"`      // of the postmaster; 0: it does not run
	ListensClient                 bool   `answer:"listens.client"`
	ListensConsensus              bool   `answer:"listens.consensus"`
}

// ParseNode reads the answer of a node's probe. It returns an error when the probe failed or was cut off.
func ParseNode(f tasks.Found) (NodeState, error) {
	var s NodeState
	var noted struct {
		Where string   `answer:"marker"`
		Lines []string `answer:"marker.*"`
		End   bool     `answer:"end,required"`
	}
	err := script.Decode(f.Stdout, &noted)
	if err == nil {
		err = script.Decode(f.Stdout, &s)
	}
	if err != nil {
		return s, fmt.Errorf("look at the node's directories: %w (exit %d): %s", err, f.Status, strings.TrimSpace(string(f.Stderr)))
	}
	s.Marked, s.Former = noted.Where != "", noted.Where == "former"
	if s.Marked {
		s.readMarker(noted.Lines)
	}
	return s, nil
}

// bare reports whether both directories are free, so that a node can be set up in them.
func (s NodeState) bare() bool {
	free := func(d string) bool { return d == "absent" || d == "empty" }
	return free(s.Pgdata) && free(s.Polardata)
}

// Unfinished reports whether polarbook began to set up these very directories and did not finish: they may be emptied.
func (s NodeState) Unfinished(a *NodeArgs) bool {
	return s.Marked && s.half() && s.MarkerCluster == a.Cluster &&
		s.MarkerPgdata == a.Pgdata && s.MarkerPolardata == a.Polardata && s.sameDirectories()
}

// half reports whether the marker names a step that leaves the directories unfinished.
func (s NodeState) half() bool {
	return s.Step == stepInit || s.Step == stepCopy || s.Step == stepRestore || s.Step == stepWipe
}

// Whole reports whether polarbook has set up this node's data and finished.
func (s NodeState) Whole(a *NodeArgs) bool {
	if s.Former && (s.MarkerPgdata != a.Pgdata || s.MarkerPolardata != a.Polardata) {
		return false
	}
	complete := s.Version != "" && s.Control && s.PgdataLink+s.PolardataLink == ""
	return s.Marked && s.setUp() && s.MarkerCluster == a.Cluster && complete && s.noted()
}

// setUp reports whether the marker was written about whole data.
func (s NodeState) setUp() bool {
	return s.Step == stepData || s.Step == stepMeta || s.Step == stepMoving || s.Step == stepDropped
}

// noted reports whether the data may be what the marker was written about. The id beside the data belongs to the engine's
// account, so it can refute the marker but not confirm it. Data without an id was made by an earlier release, or is a copy
// that somebody put there.
func (s NodeState) noted() bool { return s.MarkerID == "" || s.ID == "" || s.MarkerID == s.ID }

// gone reports whether there was data here, by the marker, which is missing now. A dropped node's data may have been removed
// on purpose; then the empty directories are still the same ones.
func (s NodeState) gone(a *NodeArgs) bool {
	free := func(d string) bool { return d == "absent" || d == "empty" }
	switch {
	case !s.Marked || s.Fault != "" || !s.setUp():
		return false
	case s.MarkerCluster != a.Cluster || s.MarkerPgdata != a.Pgdata || s.MarkerPolardata != a.Polardata:
		return false
	case s.Step != stepDropped:
		return free(s.Pgdata) || free(s.Polardata)
	}
	other := func(state, now, noted string) bool { return free(state) && noted != "" && now != noted }
	return s.bare() && (other(s.Pgdata, s.PgdataInode, s.MarkerPgdataInode) || other(s.Polardata, s.PolardataInode, s.MarkerPolardataInode))
}

// lost names the evidence that the data is gone.
func (s NodeState) lost(a *NodeArgs) string {
	return fmt.Sprintf("%s says that it was set up, %s is %s and %s is %s", s.markerPath(a), a.Pgdata, s.Pgdata, a.Polardata, s.Polardata)
}

// Refuse returns the reason why the directories may not be touched; nil when they may be filled, or hold this node's whole
// data.
func (s NodeState) Refuse(a *NodeArgs) error {
	switch {
	case s.Fault != "":
		return &tasks.Failure{
			Msg: fmt.Sprintf("%s %s", s.markerPath(a), s.Fault),
			Hint: "nothing was touched, because the file is not trusted. Find out who wrote it. " +
				"If the note is lost, drop the node, move its data away by hand and build it anew",
		}
	case s.PgdataLink != "":
		return linkRefused("polardb_pgdata", a.Pgdata, s.PgdataLink)
	case s.PolardataLink != "":
		return linkRefused("polardb_polardata", a.Polardata, s.PolardataLink)
	case s.Unfinished(a), s.Whole(a):
		return nil
	case s.Marked && s.MarkerCluster != a.Cluster:
		return &tasks.Failure{Msg: fmt.Sprintf("%s belongs to the cluster %q, not to %q", a.Pgdata, s.MarkerCluster, a.Cluster),
			Hint: "use other directories (polardb_pgdata, polardb_polardata), or destroy that cluster first"}
	case s.gone(a):
		return &tasks.Failure{Msg: "the data of this node is gone or its disk is not mounted: " + s.lost(a),
			Hint: "mount the disk. If the data is lost for good, build the node anew: polarbook run rebuild-node.yml -e node=NAME"}
	case !s.noted() && s.setUp():
		return &tasks.Failure{
			Msg: fmt.Sprintf("%s is not the data that %s was written about (its id is %s, noted was %s)",
				a.Pgdata, s.markerPath(a), s.ID, s.MarkerID),
			Hint: "nothing was touched. Is it another disk, or one from before the node was built anew? Mount the right one, " +
				"or move the data away and build the node anew: polarbook run rebuild-node.yml -e node=NAME. " +
				"If you put the data there on purpose, remove polarbook.id from it",
		}
	case s.bare():
		return nil
	case s.Marked && s.MarkerPgdata == a.Pgdata && s.MarkerPolardata == a.Polardata && !s.sameDirectories():
		return &tasks.Failure{Msg: fmt.Sprintf("%s or %s is not the directory that polarbook began (%s)", a.Pgdata, a.Polardata, s.Step),
			Hint: "nothing was touched. Is a disk not mounted, or another one mounted? polarbook did not put there what is there now"}
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
	return &tasks.Failure{
		Msg:  dir + " " + what,
		Hint: "nothing was touched; move it away yourself, or choose other directories (polardb_pgdata, polardb_polardata)",
	}
}

// linkRefused refuses a data directory that is a symbolic link: the owner of its parent directory could point it elsewhere.
func linkRefused(variable, dir, to string) error {
	return &tasks.Failure{
		Msg: fmt.Sprintf("%s is a symbolic link (to %s), which is not followed", dir, to),
		Hint: fmt.Sprintf("nothing was touched. Name the directory itself (%s), or mount it there: "+
			"mount --bind %s %s, and the same in /etc/fstab",
			variable, to, dir),
	}
}

// beginning returns the values for a script that begins a node: it notes the step in the marker and makes the two directories,
// empty, for the engine's account.
func (a *NodeArgs) beginning(step string, was NodeState) script.Values {
	was.MarkerID = newID()
	v := a.marking(was)
	v["STEP"], v["wipe"] = step, was.Unfinished(a)
	return v
}

// begin returns the first part of a script that fills the two directories.
func (a *NodeArgs) begin(step string, was NodeState) string {
	return a.script("polardb_begin", a.beginning(step, was))
}

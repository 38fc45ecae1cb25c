package polardb

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/user"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/polarbook/polarbook/tasks/dma"
)

// The forms of backups that this release writes and reads: with the files as they were copied, or with archives of them.
const (
	backupFormat = 1
	packedFormat = 2
)

// descriptionFile is the file in which a backup describes itself. It is written last, so a backup without it is not finished.
const descriptionFile = "backup.json"

// descriptionLimit is the most bytes that a description may have.
const descriptionLimit = 256 << 10

// backupDescription is what a backup says of itself.
type backupDescription struct {
	Format     int                `json:"format"`
	Cluster    string             `json:"cluster"`
	SystemID   string             `json:"system_identifier"`
	Superuser  string             `json:"superuser"`
	Engine     backupEngine       `json:"engine"`
	Source     string             `json:"source"`      // the node that was copied
	SourceRole string             `json:"source_role"` // leader, follower or learner
	Host       string             `json:"host"`        // the host that it was written on
	TakenBy    string             `json:"taken_by"`    // name@control-node
	Started    time.Time          `json:"started"`
	Ended      time.Time          `json:"ended"`
	Timeline   int64              `json:"timeline"`
	StartLSN   string             `json:"start_lsn"`
	EndLSN     string             `json:"end_lsn"`
	Consensus  backupConsensus    `json:"consensus"`
	Bytes      int64              `json:"bytes"`
	Files      int64              `json:"files"`
	Pgdata     int64              `json:"pgdata_bytes"`
	Polardata  int64              `json:"polardata_bytes"`
	Spaces     []backupTablespace `json:"tablespaces"`
	Sums       backupSums         `json:"checksums"`
	Packed     *backupPacked      `json:"compressed,omitempty"` // nil: the files lie there as they were copied
}

// backupPacked says of archives how they were compressed, and how much lies there; the sizes beside it are of what is in them.
type backupPacked struct {
	With  string `json:"with"` // zstd or gzip
	Bytes int64  `json:"bytes"`
	Files int64  `json:"files"`
}

// backupEngine is the engine that the data is of, by its own settings.
type backupEngine struct {
	Version string `json:"version"` // 11.9
	Polar   string `json:"polar_version"`
	Release string `json:"polar_release_date"`
}

// backupConsensus is the source's polar_dma_member_status just before the copy began.
type backupConsensus struct {
	Term         int64 `json:"term"`
	CommitIndex  int64 `json:"commit_index"`
	LastLogIndex int64 `json:"last_log_index"`
}

type backupTablespace struct {
	OID      int64  `json:"oid"`
	Name     string `json:"name"`
	Location string `json:"location"` // in the cluster
	Bytes    int64  `json:"bytes"`
}

// backupSums names the list of the files with their checksums, in the form of sha256sum, and has the list's own.
type backupSums struct {
	Algorithm string `json:"algorithm"`
	List      string `json:"list"`
	SHA256    string `json:"list_sha256"`
}

func (d *backupDescription) json() ([]byte, error) {
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the description of the backup: %w", err)
	}
	return append(text, '\n'), nil
}

// parseDescription reads a description. It believes nothing of it that polarbook would not have written.
func parseDescription(text []byte) (*backupDescription, error) {
	if len(text) > descriptionLimit {
		return nil, fmt.Errorf("its %s is longer than any that polarbook writes", descriptionFile)
	}
	var head struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, fmt.Errorf("its %s is not what polarbook writes: %w", descriptionFile, err)
	}
	if head.Format > packedFormat {
		return nil, fmt.Errorf("it has the format %d of a newer polarbook, and this one reads up to %d", head.Format, packedFormat)
	}
	d := &backupDescription{}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(d); err != nil {
		return nil, fmt.Errorf("its %s is not what polarbook writes: %w", descriptionFile, err)
	}
	if problem := d.problem(); problem != "" {
		return nil, fmt.Errorf("its %s %s", descriptionFile, problem)
	}
	return d, nil
}

// storedFiles is how many files lie there.
func (d *backupDescription) storedFiles() int64 {
	if d.Packed != nil {
		return d.Packed.Files
	}
	return d.Files
}

// storedBytes is how much room they take.
func (d *backupDescription) storedBytes() int64 {
	if d.Packed != nil {
		return d.Packed.Bytes
	}
	return d.Bytes
}

// packedWith is the program that unpacks it; "": none.
func (d *backupDescription) packedWith() string {
	if d.Packed == nil {
		return ""
	}
	return d.Packed.With
}

var (
	lsnForm     = regexp.MustCompile(`^[0-9A-F]{1,8}/[0-9A-F]{1,8}$`)
	sumForm     = regexp.MustCompile(`^[0-9a-f]{64}$`)
	versionForm = regexp.MustCompile(`^[0-9]+\.[0-9]+`)
	digitsForm  = regexp.MustCompile(`^[0-9]+$`)
)

// problem returns what a description lacks or cannot be true of; "": nothing.
func (d *backupDescription) problem() string {
	for _, text := range []string{d.Cluster, d.Superuser, d.Source, d.SourceRole, d.Host, d.TakenBy, d.Engine.Polar, d.Engine.Release} {
		if strings.ContainsFunc(text, unicode.IsControl) {
			return "holds control characters"
		}
	}
	switch {
	case d.Format < 1:
		return "has no format"
	case d.Cluster == "" || d.Source == "":
		return "does not name the cluster and the node that was copied"
	case !versionForm.MatchString(d.Engine.Version):
		return "does not name the engine's version"
	case !digitsForm.MatchString(d.SystemID):
		return "does not name the system identifier"
	case !lsnForm.MatchString(d.StartLSN) || !lsnForm.MatchString(d.EndLSN):
		return "does not name the positions in the log"
	case d.Ended.IsZero() || d.Started.IsZero():
		return "does not name the time"
	case d.Sums.Algorithm != "sha256" || d.Sums.List != "SHA256SUMS" || !sumForm.MatchString(d.Sums.SHA256):
		return "does not name the list of checksums"
	case d.Files < 1 || d.Bytes < 1 || d.Pgdata < 0 || d.Polardata < 0:
		return "does not name how much it holds"
	case (d.Format == packedFormat) != (d.Packed != nil):
		return "does not say whether it is compressed"
	case d.Packed != nil && (!slices.Contains(packers, d.Packed.With) || d.Packed.Bytes < 1 || d.Packed.Files < 1):
		return "does not say how it is compressed"
	}
	seen := map[int64]bool{}
	for _, s := range d.Spaces {
		if s.OID < 1 || seen[s.OID] || !path.IsAbs(s.Location) || strings.ContainsFunc(s.Name+s.Location, unicode.IsControl) {
			return fmt.Sprintf("has a tablespace that cannot be one: %q in %q", s.Name, s.Location)
		}
		seen[s.OID] = true
	}
	return ""
}

// takenBy returns who runs polarbook, and where: name@control-node.
func takenBy() string {
	name := os.Getenv("USER")
	if me, err := user.Current(); err == nil {
		name = me.Username
	}
	if behind := os.Getenv("SUDO_USER"); name == "root" && behind != "" {
		name = behind
	}
	if host, err := os.Hostname(); err == nil {
		name += "@" + host
	}
	return name
}

// listedRole returns the role of a node that is copied, in words.
func listedRole(source, leader dma.View) string {
	if source.Node == leader.Node {
		return "leader"
	}
	if row, ok := leader.Member(source.Address); ok && row.Role == dma.Learner {
		return roleLearner
	}
	return roleFollower
}

// A copy's positions in the log and its timeline, as the engine's tool prints them with -v.
var (
	startPoint = regexp.MustCompile(`: write-ahead log start point: ([0-9A-F]+/[0-9A-F]+) on timeline ([0-9]+)$`)
	endPoint   = regexp.MustCompile(`: write-ahead log end point: ([0-9A-F]+/[0-9A-F]+)$`)
)

// positions are what a base backup's tool says of the log while it copies.
type positions struct {
	start, end string
	timeline   int64
}

// hear takes a position out of a line of the tool's messages, if there is one in it.
func (p *positions) hear(line string) {
	if m := startPoint.FindStringSubmatch(line); m != nil {
		p.start = m[1]
		_, _ = fmt.Sscan(m[2], &p.timeline)
	}
	if m := endPoint.FindStringSubmatch(line); m != nil {
		p.end = m[1]
	}
}

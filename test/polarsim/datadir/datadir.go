package datadir

import (
	"bytes"
	"crypto/rand"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/polarbook/polarbook/test/polarsim/sql"
)

// Moved are the directories that polar-initdb.sh takes from PGDATA to POLARDATA.
var Moved = []string{"base", "global", "pg_tblspc", "pg_wal", "pg_logindex", "pg_twophase", "pg_xact", "pg_commit_ts",
	"pg_multixact", "pg_csnlog", "polar_dma"}

// Kept are the directories that stay in PGDATA.
var Kept = []string{"pg_dynshmem", "pg_log", "pg_logical", "pg_notify", "pg_replslot", "pg_serial", "pg_snapshots", "pg_stat",
	"pg_stat_tmp", "pg_subtrans", "polar_cache_trash", "polar_fullpage", "polar_rel_size_cache"}

// Control is global/pg_control.
type Control struct {
	SystemIdentifier uint64
	State            string // as pg_controldata prints it
	Superuser        string
	Modified         time.Time
	Timeline         int64
	Checkpoint       uint64
	MaxConnections   int64 // and the next two, as the leader last ran with them; a node with less does not follow
	MaxPrepared      int64
	MaxLocks         int64
	Led              bool // it was the leader, or never a member, when it was last shut down
}

// States a control file can show.
const (
	ShutDown           = "shut down"
	ShutDownInRecovery = "shut down in recovery"
	InProduction       = "in production"
	InRecovery         = "in archive recovery"
)

// NewSystemIdentifier is as unique as PostgreSQL's: seconds and random bits.
func NewSystemIdentifier() (uint64, error) {
	var b [4]byte
	if _, err := rand.Read(b[:]); err != nil {
		return 0, err
	}
	return uint64(time.Now().Unix())<<32 | uint64(b[0])<<24 | uint64(b[1])<<16 | uint64(b[2])<<8 | uint64(b[3]), nil
}

// ReadControl reads root/global/pg_control.
func ReadControl(root string) (*Control, error) {
	name := filepath.Join(root, "global", "pg_control")
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var c Control
	if err := json.Unmarshal(b, &c); err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return &c, nil
}

// WriteControl replaces root/global/pg_control.
func WriteControl(root string, c *Control) error {
	c.Modified = time.Now()
	b, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return replace(filepath.Join(root, "global", "pg_control"), b)
}

func replace(name string, b []byte) error {
	if err := os.WriteFile(name+".tmp", b, 0o600); err != nil {
		return err
	}
	return os.Rename(name+".tmp", name)
}

// snapshotName lies in a database's directory, so that whoever moves base moves the data.
const snapshotName = "base/1/polarsim_state"

func init() {
	gob.Register(time.Time{})
	gob.Register([]string{})
}

// ReadState reads the snapshot of the data, and what lies in tablespaces.
func ReadState(root, pgdata string) (*sql.State, error) {
	b, err := os.ReadFile(filepath.Join(root, snapshotName))
	if err != nil {
		return nil, err
	}
	var s sql.State
	if err := gob.NewDecoder(bytes.NewReader(b)).Decode(&s); err != nil {
		return nil, fmt.Errorf("reading %s: %w", snapshotName, err)
	}
	for _, role := range s.Roles {
		if role.MemberOf == nil {
			role.MemberOf = map[string]bool{}
		}
	}
	for _, d := range s.Databases {
		if d.Tables == nil {
			d.Tables = map[string]*sql.Table{}
		}
		for _, t := range d.Tables {
			if t.Serial == nil {
				t.Serial = map[int]int64{}
			}
			if t.Grants == nil {
				t.Grants = map[string]bool{}
			}
		}
	}
	readSpaces(root, pgdata, &s)
	return &s, nil
}

// WriteState replaces the snapshot of the data, and what lies in tablespaces.
func WriteState(root, pgdata string, s *sql.State) error {
	s, err := writeSpaces(root, pgdata, s)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(s); err != nil {
		return err
	}
	name := filepath.Join(root, snapshotName)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	return replace(name, b.Bytes())
}

// Fill makes the heap of a database size bytes large, so that copying it takes a while.
func Fill(root string, size int64) error {
	name := filepath.Join(root, "base", "1", "polarsim_filler")
	if info, err := os.Stat(name); err == nil && info.Size() >= size {
		return nil
	}
	return os.WriteFile(name, make([]byte, size), 0o600)
}

// PidFile is postmaster.pid.
type PidFile struct {
	PID       int
	Directory string
	Start     int64
	Port      int
	Socket    string
	Listen    string
	Status    string
}

// Text renders the usual eight lines.
func (p *PidFile) Text() string {
	return fmt.Sprintf("%d\n%s\n%d\n%d\n%s\n%s\n  %d    %d\n%-8s\n", p.PID, p.Directory, p.Start, p.Port, p.Socket, p.Listen,
		5432001+p.Port, p.PID, p.Status)
}

// ReadPid reads PGDATA/postmaster.pid.
func ReadPid(pgdata string) (*PidFile, error) {
	b, err := os.ReadFile(filepath.Join(pgdata, "postmaster.pid"))
	if err != nil {
		return nil, err
	}
	lines := strings.Split(string(b), "\n")
	for len(lines) < 8 {
		lines = append(lines, "")
	}
	p := &PidFile{Directory: lines[1], Socket: lines[4], Listen: lines[5], Status: strings.TrimSpace(lines[7])}
	if p.PID, err = strconv.Atoi(strings.TrimSpace(lines[0])); err != nil {
		return nil, fmt.Errorf("invalid data in PID file \"%s\"", filepath.Join(pgdata, "postmaster.pid"))
	}
	p.Start, _ = strconv.ParseInt(lines[2], 10, 64)
	p.Port, _ = strconv.Atoi(lines[3])
	return p, nil
}

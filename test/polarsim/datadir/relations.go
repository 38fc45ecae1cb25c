package datadir

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/polarbook/polarbook/test/polarsim/sql"
)

// SpaceVersion is the directory of one release of the engine in a tablespace's location.
const SpaceVersion = "PG_11_201809051"

// SpaceLink returns the link to a tablespace's location: in PGDATA, though everything else about data is in POLARDATA.
func SpaceLink(pgdata string, oid int64) string {
	return filepath.Join(pgdata, "pg_tblspc", strconv.FormatInt(oid, 10))
}

// Relation returns the file of a table, relative to PGDATA if it lies in a tablespace and to POLARDATA otherwise.
func Relation(s *sql.State, d *sql.Database, t *sql.Table) (name string, inSpace bool) {
	if space, ok := s.Tablespaces[t.Tablespace]; ok {
		return fmt.Sprintf("pg_tblspc/%d/%s/%d/%d", space.OID, SpaceVersion, d.OID, t.OID), true
	}
	return fmt.Sprintf("base/%d/%d", d.OID, t.OID), false
}

// relations calls f for each table with its file.
func relations(root, pgdata string, s *sql.State, f func(t *sql.Table, file string, inSpace bool)) {
	for _, d := range s.Databases {
		for _, t := range d.Tables {
			if name, inSpace := Relation(s, d, t); inSpace {
				f(t, filepath.Join(pgdata, name), true)
			} else {
				f(t, filepath.Join(root, name), false)
			}
		}
	}
}

// readSpaces reads the rows of tables in tablespaces. Where a file is missing, so are the rows in it.
func readSpaces(root, pgdata string, s *sql.State) {
	relations(root, pgdata, s, func(t *sql.Table, file string, inSpace bool) {
		if b, err := os.ReadFile(file); inSpace && err == nil && len(b) > 0 {
			_ = gob.NewDecoder(bytes.NewReader(b)).Decode(&t.Rows)
		}
	})
}

// writeSpaces writes the rows of tables in tablespaces into their files, and returns the state without them.
func writeSpaces(root, pgdata string, s *sql.State) (*sql.State, error) {
	if len(s.Tablespaces) == 0 {
		return s, nil
	}
	rest := s.Clone()
	var err error
	relations(root, pgdata, rest, func(t *sql.Table, file string, inSpace bool) {
		if !inSpace {
			return
		}
		var b bytes.Buffer
		if e := gob.NewEncoder(&b).Encode(t.Rows); e != nil {
			err = e
		}
		t.Rows = nil
		if _, e := os.Stat(filepath.Dir(file)); e == nil { // else its files are lost, and nothing can be kept
			if e := replace(file, b.Bytes()); e != nil {
				err = e
			}
		}
	})
	return rest, err
}

// KeepFiles makes and removes what a change of the data makes and removes in the directories.
func KeepFiles(root, pgdata string, old, now *sql.State) error {
	spaces := func(s *sql.State) map[int64]string {
		all := map[int64]string{}
		for _, t := range s.Tablespaces {
			all[t.OID] = t.Location
		}
		return all
	}
	before, after := spaces(old), spaces(now)
	for oid, location := range after {
		if _, there := before[oid]; there {
			continue
		}
		// As in recovery: what is left of another is removed, and a link that leads elsewhere.
		version := filepath.Join(location, SpaceVersion)
		if err := os.RemoveAll(version); err != nil {
			return err
		}
		if err := os.Mkdir(version, 0o700); err != nil {
			return fmt.Errorf("directory \"%s\" does not exist", location)
		}
		link := SpaceLink(pgdata, oid)
		_ = os.Remove(link)
		if err := os.MkdirAll(filepath.Dir(link), 0o700); err != nil {
			return err
		}
		if err := os.Symlink(location, link); err != nil {
			return err
		}
	}
	files := func(s *sql.State) map[string]bool {
		all := map[string]bool{}
		relations(root, pgdata, s, func(_ *sql.Table, file string, _ bool) { all[file] = true })
		return all
	}
	had, has := files(old), files(now)
	for file := range has {
		if had[file] {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return err
		}
		f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		_ = f.Close()
	}
	for file := range had {
		if !has[file] {
			_ = os.Remove(file)
		}
	}
	for oid, location := range before {
		if _, there := after[oid]; !there {
			_ = os.RemoveAll(filepath.Join(location, SpaceVersion))
			_ = os.Remove(SpaceLink(pgdata, oid))
		}
	}
	return nil
}

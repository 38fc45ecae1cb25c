package contract_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// space is a tablespace with a table in it.
type space struct {
	t        *testing.T
	on       *node
	location string
	oid      int64
}

func newSpace(t *testing.T, on *node) *space {
	t.Helper()
	s := &space{t: t, on: on, location: filepath.Join(on.directory, "a space")}
	if err := on.try("create tablespace ts1 location '" + s.location + "'"); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("a location that is not there: %v", err)
	}
	s.mkdir(s.location)
	on.exec("create tablespace ts1 location '" + s.location + "'")
	on.exec("create table precious (a int) tablespace ts1")
	on.exec("insert into precious select * from generate_series(1, 1000) x")
	s.oid = must[int64](on, "select oid::int8 from pg_tablespace where spcname = 'ts1'")
	return s
}

func (s *space) mkdir(name string) {
	s.t.Helper()
	if err := s.on.engine.mkdir(name); err != nil {
		s.t.Fatal(err)
	}
}

// announced returns the directory in POLARDATA by which a base backup finds the tablespace.
func (s *space) announced() string {
	return filepath.Join(s.on.polardata, "pg_tblspc", fmt.Sprint(s.oid))
}

func (s *space) file() string {
	return filepath.Join("PG_11_201809051",
		fmt.Sprint(must[int64](s.on, "select oid::int8 from pg_database where datname = 'postgres'")),
		fmt.Sprint(must[int64](s.on, "select relfilenode::int8 from pg_class where relname = 'precious'")))
}

// The catalog lists the tablespaces, and the links in PGDATA show where a node has them. No database can be created in one.
func TestTablespaces(t *testing.T) {
	each(t, func(t *testing.T, e *engine) {
		a := leader(t, newNodes(t, e, 1))
		s := newSpace(t, a)
		found := must[string](a, "select pg_tablespace_location(oid) from pg_tablespace where spcname not in ('pg_default', 'pg_global')")
		if found != s.location {
			t.Errorf("it lies in %q", found)
		}
		if found := must[string](a,
			fmt.Sprintf("select datname::text from pg_database where oid in (select x from pg_tablespace_databases(%d) x) order by datname",
				s.oid)); found != "postgres" {
			t.Errorf("it is used by %q", found)
		}
		if to, err := os.Readlink(filepath.Join(a.pgdata, "pg_tblspc", fmt.Sprint(s.oid))); to != s.location {
			t.Errorf("the link leads to %q, %v", to, err)
		}
		if _, err := os.Lstat(s.announced()); err == nil {
			t.Errorf("%s is there", s.announced())
		}
		path := must[string](a, "select pg_relation_filepath(oid) from pg_class where relname = 'precious'")
		if path != filepath.Join("pg_tblspc", fmt.Sprint(s.oid), s.file()) {
			t.Errorf("the table lies in %q", path)
		}
		if path := must[string](a, "select pg_relation_filepath(oid) from pg_class where relname = 'log'"); !strings.HasPrefix(path,
			"file-dio://"+a.polardata+"/base/") {
			t.Errorf("a table outside lies in %q", path)
		} else if _, err := os.Stat(strings.TrimPrefix(path, "file-dio://")); err != nil {
			t.Error(err)
		}
		for range 2 {
			for _, statement := range []string{"create database inside tablespace ts1", "alter database polardb_admin set tablespace ts1"} {
				if err := a.try(statement); err == nil || !strings.Contains(err.Error(), "could not create directory") {
					t.Errorf("%s: %v", statement, err)
				}
			}
			s.mkdir(s.announced()) // which changes nothing about that
		}
		if err := a.try("drop tablespace ts1"); err == nil || !strings.Contains(err.Error(), "is not empty") {
			t.Errorf("a tablespace in use: %v", err)
		}
		a.exec("alter table precious set tablespace pg_default")
		a.exec("drop tablespace ts1")
		if left, err := os.ReadDir(s.location); err != nil || len(left) > 0 {
			t.Errorf("left in the location: %v, %v", left, err)
		}
		if _, err := os.Lstat(s.announced()); err != nil {
			t.Error(err)
		}
		want(t, newNodes(t, e, 2)[1].backup(a, "-v"), 0, fmt.Sprintf("could not read symbolic link \"pg_tblspc/%d\": "+
			"No such file or directory", s.oid))
	})
}

// A base backup looks for the names of tablespaces in POLARDATA/pg_tblspc, where the engine puts none. Without them it
// leaves out their contents and still succeeds. With an empty directory of that name it copies them, wherever they go.
func TestBackupOfTablespaces(t *testing.T) {
	each(t, func(t *testing.T, e *engine) {
		nodes := newNodes(t, e, 3)
		a, b := leader(t, nodes), nodes[1]
		s := newSpace(t, a)
		copied := filepath.Join(b.directory, "copied")
		s.mkdir(copied)
		moves := "--tablespace-mapping=" + s.location + "=" + copied
		gone := b.backup(a, "-v", "-P", moves)
		want(t, gone, 0, "2/2 tablespaces", "base backup completed")
		if entries, err := os.ReadDir(copied); err != nil || len(entries) > 0 {
			t.Errorf("it copied %v, %v", entries, err)
		}
		if strings.Contains(gone.text(), "could not stat") {
			t.Errorf("%v", gone)
		}
		again := func() {
			t.Helper()
			for _, dir := range []string{b.pgdata, b.polardata} {
				if err := os.RemoveAll(dir); err != nil {
					t.Fatal(err)
				}
			}
		}
		again()
		want(t, b.backup(a, "-v", "--tablespace-mapping="+s.location+"="+copied+"-nowhere"), 0, "could not stat file", "base backup completed")

		s.mkdir(s.announced())
		again()
		if err := os.WriteFile(filepath.Join(copied, "other"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		want(t, b.backup(a, moves), 1, "directory \""+copied+"\" exists but is not empty")
		if err := os.Remove(filepath.Join(copied, "other")); err != nil {
			t.Fatal(err)
		}
		again()
		whole := b.backup(a, "-v", "-P", moves)
		want(t, whole, 0, "3/3 tablespaces", "base backup completed")
		if strings.Contains(whole.text(), "could not") {
			t.Errorf("%v", whole)
		}
		if to, err := os.Readlink(filepath.Join(b.pgdata, "pg_tblspc", fmt.Sprint(s.oid))); to != copied {
			t.Errorf("the copy's link leads to %q, %v", to, err)
		}
		for _, dir := range []string{s.location, copied} {
			if info, err := os.Stat(filepath.Join(dir, s.file())); err != nil || info.Size() == 0 {
				t.Errorf("%s: %v, %v", dir, info, err)
			}
		}
		b.configure()
		b.initLearner()
		b.start()
		a.add(b)
		const sum = "select count(*)::text || ' ' || md5(string_agg(a::text, ',' order by a)) from precious"
		for _, n := range nodes[:2] {
			if has := must[string](n, sum); !strings.HasPrefix(has, "1000 ") || has != must[string](a, sum) {
				t.Errorf("node %d has %s", n.number, has)
			}
			found := must[string](n, "select pg_tablespace_location(oid) from pg_tablespace where spcname = 'ts1'")
			if found != map[*node]string{a: s.location, b: copied}[n] {
				t.Errorf("node %d has it in %q", n.number, found)
			}
		}
		// The next base backup reports that it overwrites what this one left.
		to := filepath.Join(nodes[2].directory, "copied")
		want(t, nodes[2].backup(a, "-v", "--tablespace-mapping="+s.location+"="+to), 0, "tblspcmapfile",
			"is already on disk", "POLAR: we overwrite it")
	})
}

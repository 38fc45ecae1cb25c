package postgresql

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestDB(t *testing.T) {
	taskstest.Large(t)
	ways(t, func(t *testing.T, on *target) {
		const db = `we"ird 'db`
		on.sql(t, "postgres", `create role "o'w""n"`)
		t.Cleanup(func() { on.sql(t, "postgres", `drop role "o'w""n"`) })
		equal(t, on.twice(t, "postgresql_db", "name", db, "encoding", "utf-8", "template", "template0", "conn_limit", "7", "comment", `it's \ so`),
			`CREATE DATABASE "we""ird 'db" TEMPLATE "template0" ENCODING 'utf-8' CONNECTION LIMIT 7`,
			`COMMENT ON DATABASE "we""ird 'db" IS 'it''s \ so'`)
		on.is(t, db, "select shobj_description(oid, 'pg_database'), datconnlimit from pg_database where datname = current_database()", `it's \ so|7`)
		equal(t, on.twice(t, "postgresql_db", "db", db, "owner", `o'w"n`, "conn_limit", "-1", "comment", ""),
			`ALTER DATABASE "we""ird 'db" OWNER TO "o'w""n"`, `ALTER DATABASE "we""ird 'db" CONNECTION LIMIT -1`,
			`COMMENT ON DATABASE "we""ird 'db" IS ''`)
		on.same(t, "postgresql_db", "name", db)
		on.fails(t, "Changing database encoding", "postgresql_db", "name", db, "encoding", "LATIN1")
		on.fails(t, "Changing LC_COLLATE", "postgresql_db", "name", db, "lc_collate", "de_DE.UTF-8")
		equal(t, on.twice(t, "postgresql_db", "name", db, "state", "rename", "target", "re named"), `ALTER DATABASE "we""ird 'db" RENAME TO "re named"`)
		on.fails(t, "do not exist", "postgresql_db", "name", db, "state", "rename", "target", "nor this")
		// A session in it is in the way, unless it is to be ended.
		other := exec.Command("psql", "-X", "-q", "-h", on.server.dir, "-p", portOf(on), "-U", "postgres", "-d", "re named")
		input, _ := other.StdinPipe()
		output, _ := other.StdoutPipe()
		if err := other.Start(); err != nil {
			t.Fatal(err)
		}
		_, _ = input.Write([]byte("select 1;\n"))
		_, _ = output.Read(make([]byte, 1))
		on.fails(t, "being accessed", "postgresql_db", "name", "re named", "state", "absent")
		on.twice(t, "postgresql_db", "name", "re named", "state", "absent", "force", true)
		_ = input.Close()
		_ = other.Wait()
		on.fails(t, "does not exist", "postgresql_db", "name", "x", "owner", "nobody such")
		on.is(t, "postgres", "select count(*) from pg_database where datname = 'x'", "0")
	})
}

// TestDump dumps a database in every form, and restores it from each into another.
func TestDump(t *testing.T) {
	taskstest.Large(t)
	ways(t, func(t *testing.T, on *target) {
		dir := t.TempDir()
		on.twice(t, "postgresql_db", "name", "dumped")
		on.sql(t, "dumped", "create table t (a text); insert into t values ('it''s')")
		for _, kind := range []string{"sql", "sql.gz", "tar", "pgc", "dir", "sql.xz", "sql.bz2"} {
			file := filepath.Join(dir, "a 'dump."+kind)
			taskstest.MustChange(t, on.host, "postgresql_db", on.with("name", "dumped", "state", "dump", "target", file), on.local)
			on.sql(t, "postgres", "create database restored template template0")
			_, r := taskstest.MustChange(t, on.host, "postgresql_db", on.with("name", "restored", "state", "restore", "target", file), on.local)
			if r.Values["stderr"] != "" { // what is shown of results is none
				t.Errorf("%s: %v", file, r.Values["stderr"])
			}
			on.is(t, "restored", "select a from t", "it's")
			on.sql(t, "postgres", "drop database restored")
			if info, err := os.Stat(file); err != nil || info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s: %v, %v", kind, info.Mode(), err)
			}
		}
		before := names(t, dir)
		on.fails(t, "does not exist", "postgresql_db", "name", "not there", "state", "dump", "target", filepath.Join(dir, "a 'dump.sql.gz"))
		on.fails(t, "there is no file", "postgresql_db", "name", "dumped", "state", "restore", "target", filepath.Join(dir, "none.sql.gz"))
		if after := names(t, dir); after != before {
			t.Errorf("a dump that failed left %s, before it was %s", after, before)
		}
		on.twice(t, "postgresql_db", "name", "dumped", "state", "absent")
	})
}

func names(t *testing.T, dir string) string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	text := ""
	for _, entry := range list {
		text += entry.Name() + "\n"
	}
	return text
}

func TestDBArguments(t *testing.T) {
	for _, args := range []map[string]any{
		{"name": ""}, {"name": "x", "conn_limit": "1; drop database y"}, {"name": "x", "state": "rename"},
		{"name": "x", "state": "rename", "target": "x"}, {"name": "postgres", "state": "rename", "target": "x"},
		{"name": "x", "state": "dump"}, {"name": "x", "state": "dump", "target": "/x", "nodes": []any{map[string]any{"name": "a", "address": "127.0.0.1"}}},
		{"name": "x", "state": "dump", "target": "/x", "target_opts": "'"}, {"name": "x\x00y"}, {"name": `x"; --`, "trust_input": false},
		{"name": "x", "connect_params": map[string]any{"gssencmode": "disable"}}, {"name": "x", "login_port": 0},
		{"name": "x", "login_unix_socket": "tmp"}, {"name": "x", "ssl_cert": "/x"},
	} {
		if _, err := taskstest.ModuleNamed(t, "postgresql_db").New(args, &taskstest.FakeLocal{}); err == nil {
			t.Errorf("%v is taken", args)
		}
	}
}

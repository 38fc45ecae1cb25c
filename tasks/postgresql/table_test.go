package postgresql

import (
	"os"
	account "os/user"
	"path/filepath"
	"reflect"
	"strconv"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

// ownedDirectory makes a directory of the server's account for a tablespace.
func (on *target) ownedDirectory(t *testing.T, name string) string {
	t.Helper()
	dir := filepath.Join(on.server.dir, name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		found, err := account.Lookup("postgres")
		if err != nil {
			t.Fatal(err)
		}
		uid, _ := strconv.Atoi(found.Uid)
		if err := os.Chown(dir, uid, -1); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestTable(t *testing.T) {
	ways(t, func(t *testing.T, on *target) {
		const m = "postgresql_table"
		dir := on.ownedDirectory(t, "tables "+t.Name()[len("TestTable/"):])
		on.sql(t, "postgres", `create role "ow'ner"`)
		on.sql(t, "postgres", `create tablespace "fa'st" location '`+dir+`'`)
		on.sql(t, "postgres", `create schema "s.1"`)
		t.Cleanup(func() {
			on.sql(t, "postgres", `drop schema "s.1" cascade`)
			on.sql(t, "postgres", `drop tablespace "fa'st"`)
			on.sql(t, "postgres", `drop role "ow'ner"`)
		})
		name := `"s.1".t"1`
		equal(t, on.twice(t, m, "name", name, "columns", []any{"id bigint primary key", "cost numeric(10,2)", "what text"}, "owner", "ow'ner",
			"storage_params", []any{"fillfactor = 70", "toast.autovacuum_enabled"}, "tablespace", "fa'st"),
			`CREATE TABLE "s.1"."t""1" (id bigint primary key,cost numeric(10,2),what text) WITH (fillfactor=70,toast.autovacuum_enabled) TABLESPACE "fa'st"`,
			`ALTER TABLE "s.1"."t""1" OWNER TO "ow'ner"`)
		on.is(t, "postgres", `select count(*) from "s.1"."t""1"`, "0")
		on.same(t, m, "name", name, "columns", []any{"id bigint"})
		equal(t, on.twice(t, m, "name", name, "owner", "postgres", "tablespace", "pg_default", "storage_params", []any{"FILLFACTOR=60"}),
			`ALTER TABLE "s.1"."t""1" SET TABLESPACE "pg_default"`, `ALTER TABLE "s.1"."t""1" OWNER TO "postgres"`,
			`ALTER TABLE "s.1"."t""1" SET (FILLFACTOR=60)`)
		equal(t, on.twice(t, m, "name", `"s.1".small`, "columns", []any{"n int"}, "storage_params", []any{"toast.autovacuum_enabled=off"}),
			`CREATE TABLE "s.1"."small" (n int) WITH (toast.autovacuum_enabled=off)`)
		r := on.apply(t, m, "name", name, "owner", "ow'ner")
		if v := r.Values; v["state"] != "present" || v["owner"] != "ow'ner" || v["tablespace"] != "" ||
			!reflect.DeepEqual(v["storage_params"], []any{"fillfactor=60", "toast.autovacuum_enabled=true"}) {
			t.Errorf("%v", v)
		}
		equal(t, on.twice(t, m, "name", `"s.1".like`, "like", name, "including", "defaults, indexes", "unlogged", true),
			`CREATE UNLOGGED TABLE "s.1"."like" (LIKE "s.1"."t""1" INCLUDING defaults INCLUDING indexes)`)
		// PolarDB makes a logged table of it.
		on.is(t, "postgres", `select relpersistence = case current_setting('polar_force_unlogged_to_logged_table', true) when 'on' then 'p' else 'u' end`+
			` from pg_class where oid = '"s.1"."like"'::regclass`, "t")
		equal(t, on.twice(t, m, "name", `"s.1".like`, "rename", "new name"), `ALTER TABLE "s.1"."like" RENAME TO "new name"`)
		on.fails(t, "does not exist", m, "name", `"s.1".none`, "rename", "other")
		on.sql(t, "postgres", `insert into "s.1"."new name" values (1, 2)`)
		if r := on.apply(t, m, "name", `"s.1".new name`, "truncate", true); !r.Changed {
			t.Errorf("%+v", r)
		}
		on.is(t, "postgres", `select count(*) from "s.1"."new name"`, "0")
		on.fails(t, "does not exist", m, "name", "none such", "truncate", true)
		on.sql(t, "postgres", `create view "s.1".v as select * from "s.1"."new name"`)
		on.fails(t, "cannot drop table", m, "name", `"s.1".new name`, "state", "absent")
		equal(t, on.twice(t, m, "name", `"s.1".new name`, "state", "absent", "cascade", true), `DROP TABLE "s.1"."new name" CASCADE`)
		on.fails(t, "does not exist", m, "name", "none", "columns", []any{"a int"}, "owner", "nobody such")
		on.same(t, m, "name", "none", "state", "absent")
	})
}

func TestTableRefused(t *testing.T) {
	ways(t, func(t *testing.T, on *target) {
		for text, pairs := range map[string][]any{
			"goes with cascade":  {"state", "absent", "owner", "x"},
			`"truncate" goes`:    {"truncate", true, "rename", "x"},
			`"rename" goes`:      {"rename", "x", "columns", []any{"a int"}},
			"exclude each other": {"like", "x", "columns", []any{"a int"}},
			"needs like":         {"including", "all"},
			"no name and value":  {"storage_params", []any{"a=1); drop table x"}},
			"which is no word":   {"like", "x", "including", "all) ;"},
			"without a schema":   {"rename", "a.b"},
			"may be meant to":    {"trust_input", false, "columns", []any{"a int); drop table x"}},
		} {
			on.fails(t, text, "postgresql_table", append([]any{"name", "t"}, pairs...)...)
		}
		on.fails(t, "name of a table", "postgresql_table", "name", "a..b")
	})
}

// TestTableCheck: check mode tells of the table that there is.
func TestTableCheck(t *testing.T) {
	ways(t, func(t *testing.T, on *target) {
		on.sql(t, "postgres", "create table there ()")
		t.Cleanup(func() { on.sql(t, "postgres", "drop table there") })
		for _, c := range []struct {
			args  []any
			state string
		}{
			{[]any{"name", "new"}, "absent"}, {[]any{"name", "there", "state", "absent"}, "present"}, {[]any{"name", "there", "rename", "new"}, "absent"},
			{[]any{"name", "there", "truncate", true}, "present"}, {[]any{"name", "there", "storage_params", []any{"fillfactor=70"}}, "present"},
		} {
			action := taskstest.NewAction(t, "postgresql_table", on.with(c.args...), &taskstest.FakeLocal{Checking: true})
			p, err := taskstest.PlanOn(t, on.host, action)
			if err != nil || !p.Change || p.Values["state"] != c.state {
				t.Errorf("%v: %+v, %v", c.args, p, err)
			}
		}
	})
}

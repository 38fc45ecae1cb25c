package postgresql

import "testing"

func TestExt(t *testing.T) {
	ways(t, func(t *testing.T, on *target) {
		if on.sql(t, "postgres", "select count(*) from pg_available_extensions where name in ('hstore', 'earthdistance', 'cube')") != "3" {
			t.Skip("the server has no contrib extensions")
		}
		on.sql(t, "postgres", "create database extended")
		t.Cleanup(func() { on.sql(t, "postgres", "drop database extended") })
		on.sql(t, "extended", `create schema "s'1"`)
		equal(t, on.twice(t, "postgresql_ext", "name", "hstore", "db", "extended", "schema", "s'1", "version", "1.4", "comment", "it's"),
			`CREATE EXTENSION "hstore" WITH SCHEMA "s'1" VERSION '1.4'`, `COMMENT ON EXTENSION "hstore" IS 'it''s'`)
		on.same(t, "postgresql_ext", "name", "hstore", "db", "extended")
		equal(t, on.twice(t, "postgresql_ext", "name", "hstore", "db", "extended", "version", "latest"), `ALTER EXTENSION "hstore" UPDATE`)
		on.fails(t, "no way to update", "postgresql_ext", "name", "hstore", "db", "extended", "version", "0.1")
		on.fails(t, "is not available", "postgresql_ext", "name", `no"ne`, "db", "extended")
		on.fails(t, "is not available", "postgresql_ext", "name", "cube", "db", "extended", "version", "0.0.1")
		equal(t, on.twice(t, "postgresql_ext", "name", "earthdistance", "db", "extended", "cascade", true), `CREATE EXTENSION "earthdistance" CASCADE`)
		on.fails(t, "cannot drop", "postgresql_ext", "name", "cube", "db", "extended", "state", "absent")
		on.twice(t, "postgresql_ext", "name", "cube", "db", "extended", "state", "absent", "cascade", true)
		on.is(t, "extended", "select string_agg(extname, ' ' order by extname) from pg_extension", "hstore plpgsql")
	})
}

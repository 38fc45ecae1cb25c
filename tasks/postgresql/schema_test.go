package postgresql

import "testing"

func TestSchema(t *testing.T) {
	ways(t, func(t *testing.T, on *target) {
		on.sql(t, "postgres", `create role "ow'ner"`)
		t.Cleanup(func() { on.sql(t, "postgres", `drop role "ow'ner"`) })
		equal(t, on.twice(t, "postgresql_schema", "name", `a'"b`, "owner", "ow'ner", "comment", "x'y"),
			`CREATE SCHEMA "a'""b" AUTHORIZATION "ow'ner"`, `COMMENT ON SCHEMA "a'""b" IS 'x''y'`)
		equal(t, on.twice(t, "postgresql_schema", "name", `a'"b`, "owner", "postgres", "comment", ""),
			`ALTER SCHEMA "a'""b" OWNER TO "postgres"`, `COMMENT ON SCHEMA "a'""b" IS ''`)
		on.sql(t, "postgres", `create table "a'""b".t ()`)
		on.fails(t, "cannot drop schema", "postgresql_schema", "name", `a'"b`, "state", "absent")
		equal(t, on.twice(t, "postgresql_schema", "schema", `"a'""b"`, "state", "absent", "cascade_drop", true), `DROP SCHEMA "a'""b" CASCADE`)
		on.fails(t, "does not exist", "postgresql_schema", "name", "x", "owner", "nobody such")
		on.fails(t, "does not exist", "postgresql_schema", "name", "x", "database", "no such")
		on.fails(t, "name of a schema", "postgresql_schema", "name", "a..b")
	})
}

package postgresql

import (
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestPrivs(t *testing.T) {
	taskstest.Large(t)
	ways(t, func(t *testing.T, on *target) {
		on.sql(t, "postgres", "create database granted")
		on.sql(t, "postgres", `create role "r'1"; create role r2`)
		on.sql(t, "granted", `create schema "s""1"; create table "s""1"."t'1" (); create table "s""1".t2 (); create sequence "s""1".q;`+
			` create function "s""1".f(a int, b text) returns int language sql as 'select 1'; create table p (); create type "s""1".e as enum ('a')`)
		t.Cleanup(func() {
			on.sql(t, "postgres", "drop database granted")
			on.sql(t, "postgres", `drop role "r'1"; drop role r2`)
		})
		twice := func(pairs ...any) []string {
			t.Helper()
			return on.twice(t, "postgresql_privs", append([]any{"db", "granted"}, pairs...)...)
		}
		equal(t, twice("roles", "r'1,r2", "objs", "t'1", "schema", `s"1`, "privs", "select,INSERT"), `GRANT SELECT,INSERT ON table "s""1"."t'1" TO "r'1","r2";`)
		on.is(t, "granted", `select has_table_privilege('r2', '"s""1"."t''1"', 'insert'), has_table_privilege('r2', '"s""1".t2', 'select')`, "t|f")
		equal(t, twice("roles", "r2", "objs", "ALL_IN_SCHEMA", "schema", `s"1`, "privs", "ALL"), `GRANT ALL ON ALL TABLES IN SCHEMA "s""1" TO "r2";`)
		twice("roles", "r2", "objs", "ALL_IN_SCHEMA", "schema", `s"1`, "privs", "ALL", "state", "absent")
		on.is(t, "granted", `select has_table_privilege('r2', '"s""1".t2', 'select')`, "f")
		equal(t, twice("roles", "PUBLIC", "objs", "p", "privs", "SELECT"), `GRANT SELECT ON table "public"."p" TO PUBLIC;`)
		twice("roles", "r2", "type", "database", "privs", "CREATE,TEMP", "grant_option", true)
		equal(t, twice("roles", "r2", "type", "database", "privs", "CREATE,TEMP", "grant_option", false),
			`GRANT CREATE,TEMP ON database "granted" TO "r2";`, `REVOKE GRANT OPTION FOR CREATE,TEMP ON database "granted" FROM "r2";`)
		twice("roles", "r2", "type", "database", "privs", "ALL", "state", "absent")
		twice("roles", "r2", "type", "schema", "objs", `s"1`, "privs", "USAGE")
		twice("roles", "r2", "type", "schema", "objs", `s"1`, "privs", "USAGE", "state", "absent")
		twice("roles", "r2", "type", "sequence", "objs", "q", "schema", `s"1`, "privs", "USAGE")
		twice("roles", "r2", "type", "sequence", "objs", "q", "schema", `s"1`, "privs", "USAGE", "state", "absent")
		equal(t, twice("roles", "r2", "type", "function", "objs", "f(int:text)", "schema", `s"1`, "privs", "EXECUTE"),
			`GRANT EXECUTE ON function "s""1"."f"(int,text) TO "r2";`)
		twice("roles", "r2", "type", "function", "objs", "ALL_IN_SCHEMA", "schema", `s"1`, "privs", "EXECUTE", "state", "absent")
		twice("roles", "r2", "type", "type", "objs", "e", "schema", `s"1`, "privs", "USAGE")
		twice("roles", "r2", "type", "type", "objs", "e", "schema", `s"1`, "privs", "USAGE", "state", "absent")
		twice("roles", "r2", "type", "group", "objs", "r'1", "admin_option", true)
		equal(t, twice("roles", "r2", "type", "group", "objs", "r'1", "state", "absent"), `REVOKE "r'1" FROM "r2";`)
		equal(t, twice("roles", "r2", "type", "default_privs", "objs", "TABLES", "privs", "SELECT", "schema", `s"1`, "target_roles", "postgres"),
			`ALTER DEFAULT PRIVILEGES FOR ROLE "postgres" IN SCHEMA "s""1" REVOKE ALL ON TABLES FROM "r2";`,
			`ALTER DEFAULT PRIVILEGES FOR ROLE "postgres" IN SCHEMA "s""1" GRANT SELECT ON TABLES TO "r2";`)
		twice("roles", "r2", "type", "default_privs", "objs", "ALL_DEFAULT", "privs", "ALL")
		twice("roles", "r2", "type", "default_privs", "objs", "ALL_DEFAULT", "privs", "ALL", "state", "absent")
		twice("roles", "r2", "type", "default_privs", "objs", "TABLES", "privs", "SELECT", "schema", `s"1`, "state", "absent")
		twice("roles", "r2", "type", "language", "objs", "plpgsql", "privs", "USAGE")
		twice("roles", "r2", "type", "language", "objs", "plpgsql", "privs", "USAGE", "state", "absent")
		on.fails(t, "Role 'none' does not exist", "postgresql_privs", "db", "granted", "roles", "none", "objs", "p", "privs", "SELECT")
		args := on.with("db", "granted", "roles", "none", "objs", "p", "privs", "SELECT", "fail_on_role", false)
		if p := taskstest.MustNotChange(t, on.host, "postgresql_privs", args, on.local); len(p.Warnings) != 2 {
			t.Errorf("%v", p.Warnings)
		}
		on.fails(t, "does not exist", "postgresql_privs", "db", "granted", "roles", "r2", "objs", "none", "privs", "SELECT")
		twice("roles", "r'1", "objs", "t'1", "schema", `s"1`, "privs", "ALL", "state", "absent")
		on.sql(t, "granted", `drop owned by r2, "r'1"`)
	})
}

func TestPrivsArguments(t *testing.T) {
	for _, args := range []map[string]any{
		{"objs": "t"}, {"objs": "t", "privs": "FLY"}, {"privs": "SELECT"}, {"type": "group", "objs": "g", "privs": "ALL"},
		{"type": "schema", "objs": "ALL_IN_SCHEMA", "privs": "ALL"}, {"type": "database", "schema": "s", "privs": "ALL"},
		{"type": "function", "objs": "f", "privs": "EXECUTE"}, {"type": "function", "objs": "f(int); drop table x; --)", "privs": "EXECUTE"},
		{"type": "default_privs", "objs": "TABLES", "privs": "EXECUTE"}, {"type": "default_privs", "objs": "VIEWS", "privs": "SELECT"},
	} {
		args["db"], args["roles"] = "x", "r"
		if _, err := taskstest.ModuleNamed(t, "postgresql_privs").New(args, &taskstest.FakeLocal{}); err == nil {
			t.Errorf("%v is taken", args)
		}
	}
}

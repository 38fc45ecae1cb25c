package postgresql

import (
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestOwner(t *testing.T) {
	taskstest.Large(t)
	ways(t, func(t *testing.T, on *target) {
		on.sql(t, "postgres", `create role "new'owner"; create role former`)
		on.sql(t, "postgres", "create database owned")
		on.sql(t, "owned", `create schema "s'1"; create table "s'1"."t""1" (); create view v as select 1; create materialized view m as select 1;`+
			` create function f(a int, b text) returns int language sql as 'select 1'; create sequence q; create table theirs (); alter table theirs owner to former`)
		t.Cleanup(func() {
			on.sql(t, "postgres", "drop database owned")
			on.sql(t, "postgres", `drop role "new'owner"; drop role former`)
		})
		for kind, name := range map[string]string{
			"schema": "s'1", "table": `s'1."t""1"`, "view": "v", "matview": "public.m", "function": "f(int, text)", "sequence": "q", "database": "owned",
			"language": "plpgsql",
		} {
			on.twice(t, "postgresql_owner", "db", "owned", "new_owner", "new'owner", "obj_type", kind, "obj_name", name)
			on.twice(t, "postgresql_owner", "db", "owned", "new_owner", "postgres", "obj_type", kind, "obj_name", name)
		}
		equal(t, on.twice(t, "postgresql_owner", "db", "owned", "new_owner", "new'owner", "reassign_owned_by", []any{"former"}),
			`REASSIGN OWNED BY "former" TO "new'owner"`)
		on.is(t, "owned", "select tableowner from pg_tables where tablename = 'theirs'", "new'owner")
		on.fails(t, "Role 'none' does not exist", "postgresql_owner", "db", "owned", "new_owner", "none", "obj_type", "view", "obj_name", "v")
		on.fails(t, "does not exist", "postgresql_owner", "db", "owned", "new_owner", "former", "obj_type", "view", "obj_name", "none")
		on.fails(t, "types", "postgresql_owner", "db", "owned", "new_owner", "former", "obj_type", "function", "obj_name",
			"f(int); drop table theirs; --)")
	})
}

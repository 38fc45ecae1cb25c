package postgresql

import (
	"fmt"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestSet(t *testing.T) {
	taskstest.Large(t)
	ways(t, func(t *testing.T, on *target) {
		equal(t, on.twice(t, "postgresql_set", "name", "work_mem", "value", "5mb"), "ALTER SYSTEM SET work_mem = '5MB'")
		on.is(t, "postgres", "show work_mem", "5MB")
		on.same(t, "postgresql_set", "name", "work_mem", "value", "5120kB")
		on.same(t, "postgresql_set", "name", "work_mem", "value", "5120")
		on.twice(t, "postgresql_set", "name", "log_line_prefix", "value", "%m 'it, is' ")
		on.is(t, "postgres", "show log_line_prefix", "%m 'it, is'")
		on.twice(t, "postgresql_set", "name", "search_path", "value", `"$user", app, public`)
		on.is(t, "postgres", "show search_path", `"$user", app, public`)
		on.twice(t, "postgresql_set", "name", "statement_timeout", "value", "90s")
		on.same(t, "postgresql_set", "name", "statement_timeout", "value", "90000")
		on.same(t, "postgresql_set", "name", "fsync", "value", "false")
		equal(t, on.twice(t, "postgresql_set", "name", "log_lock_waits", "value", "True"), "ALTER SYSTEM SET log_lock_waits = 'on'")
		v := taskstest.MustNotChange(t, on.host, "postgresql_set", on.with("name", "work_mem", "value", "5MB"), on.local).Values["value"]
		if got := fmt.Sprint(v); got != "map[unit:b value:5242880]" {
			t.Error(got)
		}
		v = taskstest.MustNotChange(t, on.host, "postgresql_set", on.with("name", "log_lock_waits", "value", "on"), on.local).Values["value"]
		if got := fmt.Sprint(v); got != "map[unit:<nil> value:on]" {
			t.Error(got)
		}
		p, r := taskstest.MustChange(t, on.host, "postgresql_set", on.with("name", "max_connections", "value", "30"), on.local)
		if r.Values["value_pretty"] != "30" || p.Values["restart_required"] != true || p.Values["context"] != "postmaster" ||
			len(p.Warnings) != 1 {
			t.Errorf("a setting that takes a restart: %+v", p)
		}
		on.same(t, "postgresql_set", "name", "max_connections", "value", "30") // it waits for a restart
		for _, name := range []string{"work_mem", "log_line_prefix", "search_path", "statement_timeout", "max_connections", "log_lock_waits"} {
			on.twice(t, "postgresql_set", "name", name, "reset", true)
		}
		on.is(t, "postgres", "select count(*) from pg_file_settings where sourcefile like '%auto.conf'", "0")
		on.fails(t, "invalid value", "postgresql_set", "name", "work_mem", "value", "much")
		on.fails(t, "No such parameter", "postgresql_set", "name", "work_men", "value", "1")
		on.fails(t, "internal context", "postgresql_set", "name", "block_size", "value", "1")
		on.fails(t, "name of a setting", "postgresql_set", "name", "a = 1; --", "value", "1")
		on.fails(t, "exclude", "postgresql_set", "name", "work_mem", "value", "1", "reset", true)
		on.fails(t, "polardb_settings", "postgresql_set", "name", "work_mem", "value", "1MB", "nodes",
			[]any{map[string]any{"name": "a", "address": "127.0.0.1"}})
	})
}

package postgresql

import (
	"strconv"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

func portOf(on *target) string { return strconv.Itoa(on.server.port) }

// logsIn reports whether a role can log in over TCP with a password.
func (on *target) logsIn(t *testing.T, role, password string) bool {
	t.Helper()
	args := map[string]any{"login_host": "127.0.0.1", "login_port": on.server.port, "login_user": role, "login_password": password,
		"login_db": "postgres"}
	return taskstest.MustNotChange(t, on.host, "postgresql_ping", args, on.local).Values["is_available"] == true
}

func TestUser(t *testing.T) {
	taskstest.Large(t)
	ways(t, func(t *testing.T, on *target) {
		const role, password, other = `a"pp 'x`, `s3'cr\e"t`, "an0ther"
		equal(t, on.twice(t, "postgresql_user", "name", role, "password", password, "role_attr_flags", "CREATEDB,NOSUPERUSER", "conn_limit", 3,
			"comment", "it's"),
			`CREATE USER "a""pp 'x" WITH ENCRYPTED PASSWORD %(password)s CONNECTION LIMIT 3 CREATEDB NOSUPERUSER`, `COMMENT ON ROLE "a""pp 'x" IS 'it''s'`)
		on.is(t, "postgres", "select rolcreatedb, rolsuper, rolcanlogin, rolconnlimit, left(rolpassword, 14) from pg_authid where rolname = 'a\"pp ''x'", "t|f|t|3|SCRAM-SHA-256$")
		if !on.logsIn(t, role, password) || on.logsIn(t, role, other) {
			t.Error("the password is not the one that was set")
		}
		on.same(t, "postgresql_user", "name", role)
		equal(t, on.twice(t, "postgresql_user", "name", role, "password", other, "role_attr_flags", "NOCREATEDB"),
			`ALTER USER "a""pp 'x" WITH ENCRYPTED PASSWORD %(password)s NOCREATEDB`)
		if !on.logsIn(t, role, other) {
			t.Error("the password was not changed")
		}
		on.same(t, "postgresql_user", "name", role, "password", "ignored", "no_password_changes", true)
		equal(t, on.twice(t, "postgresql_user", "name", role, "password", "ignored", "no_password_changes", true,
			"role_attr_flags", "CREATEROLE"),
			`ALTER USER "a""pp 'x" WITH CREATEROLE`)
		// What pg_authid has is taken as it is.
		for _, encryption := range []string{dma.SCRAM, dma.MD5} {
			hash, err := dma.PasswordHash(encryption, role, password)
			if err != nil {
				t.Fatal(err)
			}
			on.twice(t, "postgresql_user", "name", role, "password", hash)
			on.is(t, "postgres", `select rolpassword from pg_authid where rolname = 'a"pp ''x'`, hash)
		}
		// Of an md5 hash a verifier is made, where the server makes such.
		on.twice(t, "postgresql_user", "name", role, "password", password)
		on.is(t, "postgres", `select left(rolpassword, 5) from pg_authid where rolname = 'a"pp ''x'`, "SCRAM")
		on.twice(t, "postgresql_user", "name", role, "password", "")
		on.is(t, "postgres", `select rolpassword is null from pg_authid where rolname = 'a"pp ''x'`, "t")
		equal(t, on.twice(t, "postgresql_user", "name", role, "expires", "Jan 31 2031", "conn_limit", 4),
			`ALTER USER "a""pp 'x" VALID UNTIL %(expires)s CONNECTION LIMIT 4`)
		on.same(t, "postgresql_user", "name", role, "expires", "2031-01-31 00:00:00")
		on.twice(t, "postgresql_user", "name", role, "expires", "infinity")
		on.fails(t, "invalid input syntax", "postgresql_user", "name", role, "expires", "some day")
		on.twice(t, "postgresql_user", "name", role, "configuration", map[string]any{"work_mem": "16MB", "application_name": `a'b "c`})
		on.twice(t, "postgresql_user", "name", role, "configuration", map[string]any{"work_mem": "16MB"}, "reset_unspecified_configuration", true)
		on.is(t, "postgres", `select rolconfig from pg_roles where rolname = 'a"pp ''x'`, "{work_mem=16MB}")
		// The server puts quotes around a value that is an element of a list, and takes them from one that comes as SQL.
		on.twice(t, "postgresql_user", "name", role, "configuration", map[string]any{"search_path": "app, public"})
		on.twice(t, "postgresql_user", "name", role, "configuration", map[string]any{"search_path": "app, public", "work_mem": "'1MB'"},
			"quote_configuration_values", false)
		equal(t, on.twice(t, "postgresql_user", "name", "members"), `CREATE USER "members" `)
		on.twice(t, "postgresql_user", "name", "members", "role_attr_flags", "NOLOGIN")
		equal(t, on.twice(t, "postgresql_user", "name", role, "groups", []any{"members"}), `GRANT "members" TO "a""pp 'x"`)
		on.sql(t, "postgres", `create table owned (); alter table owned owner to "a""pp 'x"`)
		on.fails(t, "cannot be dropped", "postgresql_user", "name", role, "state", "absent")
		if r := on.apply(t, "postgresql_user", "name", role, "state", "absent", "fail_on_user", false); r.Changed ||
			r.Values["user_removed"] != false {
			t.Errorf("a role that owns a table: %+v", r)
		}
		on.sql(t, "postgres", "drop table owned")
		on.twice(t, "postgresql_user", "name", role, "state", "absent")
		on.twice(t, "postgresql_user", "name", "members", "state", "absent")
		log := taskstest.Read(t, on.server.dir+"/log")
		for _, secret := range []string{password, other} {
			if strings.Contains(log, secret) {
				t.Errorf("the server's log has the password %s", secret)
			}
			found := false
			for _, noted := range on.local.Secrets {
				found = found || noted == secret
			}
			if !found {
				t.Errorf("%s is not hidden", secret)
			}
		}
	})
}

// TestUserOfLittle: who may not read what is kept of passwords sets them anew.
func TestUserOfLittle(t *testing.T) {
	ways(t, func(t *testing.T, on *target) {
		on.sql(t, "postgres", "create role manager login createrole password 'm'")
		t.Cleanup(func() { on.sql(t, "postgres", "drop role if exists made; drop role manager") })
		h, l := on.host, on.local
		args := map[string]any{"login_host": "127.0.0.1", "login_port": on.server.port, "login_user": "manager", "login_password": "m",
			"login_db": "postgres", "name": "made", "password": "x"}
		if r := (&target{host: h, local: l, login: args}).apply(t, "postgresql_user"); !r.Changed {
			t.Errorf("%+v", r)
		}
		if r := (&target{host: h, local: l, login: args}).apply(t, "postgresql_user"); !r.Changed {
			t.Errorf("%+v", r)
		}
		if !on.logsIn(t, "made", "x") {
			t.Error("the password is not the one that was set")
		}
	})
}

func TestUserArguments(t *testing.T) {
	for _, args := range []map[string]any{
		{"name": "x", "role_attr_flags": "CREATEDB,NOCREATEDB"}, {"name": "x", "role_attr_flags": "SUPERUSER; drop role y"}, {"name": "x", "priv": "ALL"},
		{"name": "x", "password": "p", "encrypted": false}, {"name": `"x`}, {"name": `"x"y"`}, {"name": ""}, {"name": "PUBLIC", "password": "p"},
		{"name": "x", "configuration": map[string]any{`a"b`: "c"}},
	} {
		if _, err := taskstest.ModuleNamed(t, "postgresql_user").New(args, &taskstest.FakeLocal{}); err == nil {
			t.Errorf("%v is taken", args)
		}
	}
}

package postgresql

import (
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestPing(t *testing.T) {
	ways(t, func(t *testing.T, on *target) {
		v := taskstest.MustNotChange(t, on.host, "postgresql_ping", on.with(), on.local).Values
		release, _ := v["server_version"].(map[string]any)
		if major, _ := release["major"].(int); v["is_available"] != true || major < 9 {
			t.Errorf("a server that runs: %v", v)
		}
		args := on.with("login_port", 1)
		p := taskstest.MustNotChange(t, on.host, "postgresql_ping", args, on.local)
		if p.Values["is_available"] != false || p.Values["conn_err_msg"] == "" || len(p.Warnings) != 1 {
			t.Errorf("a port on which nobody listens: %+v", p)
		}
		on.fails(t, "unable to connect", "postgresql_query", "login_port", 1, "query", "select 1")
	})
}

// TestEachShell asks by psql under every shell that hosts have.
func TestEachShell(t *testing.T) {
	s := mustServe(t)
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, _ string) {
		args := map[string]any{"login_unix_socket": s.dir, "login_port": s.port, "query": []any{`select '\! touch /tmp/x' as a, ':HOST' as "b'"`, "show port"}}
		v := taskstest.MustNotChange(t, h, "postgresql_query", args, &taskstest.FakeLocal{}).Values
		if v["statusmessage"] != "SHOW" {
			t.Errorf("%v", v)
		}
	})
}

// TestProof: a password goes to nobody in clear, and a server's certificate is looked at where that was asked for.
func TestProof(t *testing.T) {
	ways(t, func(t *testing.T, on *target) {
		on.sql(t, "postgres", "set password_encryption = md5; create role older login password 'o'; create role clear login password 'c'")
		t.Cleanup(func() { on.sql(t, "postgres", "drop role older; drop role clear") })
		if !on.logsIn(t, "older", "o") || on.logsIn(t, "older", "x") {
			t.Error("md5 does not work")
		}
		args := map[string]any{"login_host": "127.0.0.1", "login_port": on.server.port, "login_user": "clear", "login_password": "c",
			"query": "select 1"}
		taskstest.MustFail(t, on.host, "postgresql_query", args, on.local, "in clear")
		args["login_user"], args["login_password"], args["ssl_mode"] = "older", "o", "require"
		taskstest.MustFail(t, on.host, "postgresql_query", args, on.local, "has no TLS")
		args["ssl_mode"] = "verify-full"
		taskstest.MustFail(t, on.host, "postgresql_query", args, on.local, "ca_cert")
	})
}

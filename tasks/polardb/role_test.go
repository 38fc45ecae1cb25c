package polardb

import (
	"errors"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/dma"
)

func TestRolePlan(t *testing.T) {
	yes := true
	stored := func(encryption, password string) string {
		hash, err := dma.PasswordHash(encryption, "replicator", password)
		if err != nil {
			t.Fatal(err)
		}
		return hash
	}
	md5, scram := stored(dma.MD5, "secret"), stored(dma.SCRAM, "secret")
	row := func(super, login, hash, encryption string) []string {
		return []string{super, login, "f", hash, encryption, "-1"}
	}
	for name, c := range map[string]struct {
		row                []string
		err                error
		encryption, update string
		want               string
	}{
		"absent":                {nil, nil, "", "", "create role replicator: superuser login password (scram-sha-256)"},
		"absent, md5 wanted":    {nil, nil, dma.MD5, "", "create role replicator: superuser login password (md5)"},
		"as wanted":             {row("t", "t", scram, "scram-sha-256"), nil, "", "", ""},
		"as wanted, as always":  {row("t", "t", md5, "md5"), nil, "", "", ""},
		"the engine's old word": {row("t", "t", md5, "on"), nil, "", "", ""},
		"stored otherwise":      {row("t", "t", md5, "scram-sha-256"), nil, "", "", "alter role replicator: password (scram-sha-256)"},
		"to be stored by scram": {row("t", "t", md5, "md5"), nil, dma.SCRAM, "never", "alter role replicator: password (scram-sha-256)"},
		"to be stored by md5":   {row("t", "t", scram, "scram-sha-256"), nil, dma.MD5, "", "alter role replicator: password (md5)"},
		"another password": {row("t", "t", stored(dma.SCRAM, "other"), "scram-sha-256"), nil, "", "always",
			"alter role replicator: password (scram-sha-256)"},
		"another, not to change": {row("t", "t", stored(dma.MD5, "other"), "md5"), nil, dma.SCRAM, "never",
			"error: the inventory's password for the role replicator (polardb_replication_password"},
		"no superuser":     {row("f", "t", scram, "scram-sha-256"), nil, "", "", "alter role replicator: superuser"},
		"login is left be": {row("t", "f", scram, "scram-sha-256"), nil, "", "", ""},
		"nobody answers":   {nil, errors.New("refused"), "", "", "unknown: refused"},
	} {
		args := &roleArgs{Name: "replicator", Password: "secret", Superuser: &yes, Encryption: c.encryption, Update: c.update}
		p, change, err := (&roleAction{args: args}).Plan(sqlFound{Row: c.row, Err: c.err})
		if reason, fails := strings.CutPrefix(c.want, "error: "); fails {
			if err == nil || !strings.Contains(err.Error(), reason) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		checkPlan(t, name, c.want, p, err)
		if change != nil && strings.Contains(change.statement, "'secret'") {
			t.Errorf("%s: the password goes to the server in clear: %s", name, change.statement)
		}
		if change != nil && change.password != "" &&
			(!dma.PasswordFits(change.password, "replicator", "secret") || !strings.Contains(change.statement, change.password)) {
			t.Errorf("%s: %s", name, change.statement)
		}
		if strings.Contains(p.Msg, md5) || strings.Contains(p.Msg, "SCRAM-SHA") {
			t.Errorf("%s: the hash is shown: %s", name, p.Msg)
		}
	}
}

// A role that looks has no password, few sessions, and what it was granted.
func TestRoleThatLooksPlan(t *testing.T) {
	yes, few := true, 8
	row := func(limit string, granted ...string) []string {
		return append([]string{"f", "t", "f", "", "scram-sha-256", limit}, granted...)
	}
	for name, c := range map[string]struct {
		row             []string
		want, statement string
	}{
		"absent": {nil, "create role watch: login connection limit 8; granted pg_monitor, select on one, select on two",
			`create role "watch" login connection limit 8; grant "pg_monitor" to "watch"; grant select on "one" to "watch"; grant select on "two" to "watch"`},
		"as wanted":         {row("8", "t", "t", "t"), "", ""},
		"too many sessions": {row("-1", "t", "t", "t"), "alter role watch: connection limit 8", `alter role "watch" connection limit 8`},
		"lacks a view":      {row("8", "t", "t", "f"), "alter role watch: granted select on two", `grant select on "two" to "watch"`},
		"lacks the role":    {row("8", "f", "t", "t"), "alter role watch: granted pg_monitor", `grant "pg_monitor" to "watch"`},
	} {
		args := &roleArgs{Name: "watch", Login: &yes, ConnLimit: &few, MemberOf: []string{"pg_monitor"}, Reads: []string{"one", "two"}}
		p, change, err := (&roleAction{args: args}).Plan(sqlFound{Row: c.row})
		checkPlan(t, name, c.want, p, err)
		if change != nil && change.statement != c.statement {
			t.Errorf("%s: %s, want %s", name, change.statement, c.statement)
		}
	}
}

package postgresql

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestInfo(t *testing.T) {
	ways(t, func(t *testing.T, on *target) {
		on.sql(t, "postgres", "set timezone to utc; create role dated valid until '2037-01-31 10:00:00+00'")
		t.Cleanup(func() { on.sql(t, "postgres", "drop role dated") })
		v := taskstest.MustNotChange(t, on.host, "postgresql_info", on.with(), on.local).Values
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{
			`"in_recovery":false`, `"plpgsql":{"description":"PL/pgSQL procedural language","extversion":{"major":1,"minor":0,"raw":"1.0"},"nspname":"pg_catalog"}`,
			`"postgres":{"superuser":true,"canlogin":true,"valid_until":"","member_of":[]}`, `"val_in_bytes":16777216`,
			`"valid_until":"2037-01-31T`,
			`"pg_default":{"spcowner":"postgres","spcacl":"","spcoptions":[]}`, `"owner":"postgres","encoding":"UTF8","collate":"C"`,
		} {
			if !strings.Contains(string(text), want) {
				t.Errorf("no %s in %s", want, text[:min(len(text), 2000)])
			}
		}
		only := taskstest.MustNotChange(t, on.host, "postgresql_info", on.with("filter", []any{"ver*"}), on.local).Values
		if text, err := json.Marshal(only); err != nil || strings.Contains(string(text), "plpgsql") || !strings.Contains(string(text), `"major"`) {
			t.Errorf("%s, %v", text, err)
		}
	})
}

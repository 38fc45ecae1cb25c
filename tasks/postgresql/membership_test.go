package postgresql

import (
	"encoding/json"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestMembership(t *testing.T) {
	ways(t, func(t *testing.T, on *target) {
		on.sql(t, "postgres", `create role "g'1"; create role g2; create role "u""1"; create role u2`)
		t.Cleanup(func() { on.sql(t, "postgres", `drop role "g'1"; drop role g2; drop role "u""1"; drop role u2`) })
		equal(t, on.twice(t, "postgresql_membership", "groups", []any{"g'1", " g2 "}, "target_roles", []any{`u"1`, "u2"}),
			`GRANT "g'1" TO "u""1"`, `GRANT "g'1" TO "u2"`, `GRANT "g2" TO "u""1"`, `GRANT "g2" TO "u2"`)
		p, _ := taskstest.MustChange(t, on.host, "postgresql_membership", on.with("group", []any{"g2"}, "user", []any{`u"1`}, "state", "exact"), on.local)
		if got, _ := json.Marshal(p.Values["revoked"]); string(got) != `{"g'1":["u\"1"]}` {
			t.Errorf("revoked: %s", got)
		}
		on.same(t, "postgresql_membership", "group", []any{"g2"}, "user", []any{`u"1`}, "state", "exact")
		equal(t, on.twice(t, "postgresql_membership", "groups", []any{"g2", "g'1"}, "target_roles", []any{"u2"}, "state", "absent"),
			`REVOKE "g2" FROM "u2"`, `REVOKE "g'1" FROM "u2"`)
		on.fails(t, "Role g3 does not exist", "postgresql_membership", "groups", []any{"g3"}, "target_roles", []any{"u2"})
		args := on.with("groups", []any{"g3"}, "target_roles", []any{"u2"}, "fail_on_role", false)
		if p := taskstest.MustNotChange(t, on.host, "postgresql_membership", args, on.local); len(p.Warnings) != 1 {
			t.Errorf("%v", p.Warnings)
		}
	})
}

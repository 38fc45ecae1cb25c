package postgresql

import (
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestTablespace(t *testing.T) {
	ways(t, func(t *testing.T, on *target) {
		dir := on.ownedDirectory(t, "space "+t.Name()[len("TestTablespace/"):])
		on.sql(t, "postgres", `create role spacer`)
		t.Cleanup(func() { on.sql(t, "postgres", `drop role spacer`) })
		on.fails(t, "location says where", "postgresql_tablespace", "name", "new")
		on.twice(t, "postgresql_tablespace", "name", `s"1'`, "location", dir, "owner", "spacer", "set", map[string]any{"random_page_cost": 1.5}, "comment", "it's")
		on.is(t, "postgres", `select spcoptions, pg_get_userbyid(spcowner) from pg_tablespace where spcname = 's"1'''`, "{random_page_cost=1.5}|spacer")
		on.same(t, "postgresql_tablespace", "name", `s"1'`, "location", dir)
		on.fails(t, "different location", "postgresql_tablespace", "name", `s"1'`, "location", "/elsewhere")
		equal(t, on.twice(t, "postgresql_tablespace", "name", `s"1'`, "set", map[string]any{"random_page_cost": "reset", "seq_page_cost": 2}),
			`ALTER TABLESPACE "s""1'" RESET (random_page_cost)`, `ALTER TABLESPACE "s""1'" SET (seq_page_cost = '2')`)
		on.fails(t, "unrecognized parameter", "postgresql_tablespace", "name", `s"1'`, "set", map[string]any{"no_such": 1})
		on.fails(t, "option", "postgresql_tablespace", "name", `s"1'`, "set", map[string]any{"a = 1); drop role spacer": 1})
		on.twice(t, "postgresql_tablespace", "name", `s"1'`, "rename_to", "renamed")
		on.twice(t, "postgresql_tablespace", "name", "renamed", "state", "absent")
		empty := on.ownedDirectory(t, "mine "+t.Name()[len("TestTablespace/"):])
		p, _ := taskstest.MustChange(t, on.host, "postgresql_tablespace", on.with("name", "mine", "location", empty), on.local)
		if p.Values["owner"] != "postgres" || p.Values["comment"] != "" {
			t.Errorf("%v", p.Values)
		}
		on.twice(t, "postgresql_tablespace", "name", "mine", "state", "absent")
		on.fails(t, "excludes", "postgresql_tablespace", "name", "renamed", "state", "absent", "owner", "spacer")
	})
}

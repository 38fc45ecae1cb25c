package dma

import "testing"

func TestChangesOfOtherSessions(t *testing.T) {
	const ours = "polarbook change 0123456789abcdef"
	for _, c := range []struct{ session, state, statement, want string }{
		{"psql", "active", "ALTER SYSTEM DMA ADD FOLLOWER '10.0.0.4:5432'",
			"ALTER SYSTEM DMA ADD FOLLOWER '10.0.0.4:5432' (since 2026-11-27 08:00:00)"},
		{"psql", "active", " /* by\nhand */ alter\tsystem\n dma purge logs",
			"/* by hand */ alter system dma purge logs (since 2026-11-27 08:00:00)"},
		{"", "active", "-- a note\nalter system DMA change to singleton mode",
			"-- a note alter system DMA change to singleton mode (since 2026-11-27 08:00:00)"},
		{ours, "active", "ALTER SYSTEM DMA FORCE CHANGE LEADER", "ALTER SYSTEM DMA FORCE CHANGE LEADER (since 2026-11-27 08:00:00)"},
		{ours, "idle", "", "a statement that is on its way"},
		{"psql", "idle", "ALTER SYSTEM DMA ADD FOLLOWER '10.0.0.4:5432'", ""},
		{"psql", "active", "/* /* */ alter system dma */ select pg_sleep(1)", ""},
		{"psql", "active", "/* /* a */ b */ alter system dma purge logs",
			"/* /* a */ b */ alter system dma purge logs (since 2026-11-27 08:00:00)"},
		{"psql", "active", "-- alter system dma", ""},
		{"psql", "active", "/* alter system dma", ""},
		{"psql", "active", "select 'alter system dma'", ""},
		{"psql", "active", "alter system set polar_enable_dma = on", ""},
		{"polarbook", "active", changeQuery, ""},
		{"polarbook", "idle", "", ""},
	} {
		v := View{}
		r := &row{}
		for _, text := range []string{c.session, "2026-11-27 08:00:00.123456+00", c.state, c.statement} {
			r.values = append(r.values, []byte(text))
		}
		v.change(r)
		got := ""
		for _, change := range v.Changes {
			got += change.String()
		}
		if got != c.want || r.err != nil {
			t.Errorf("%s of %s, %s: %q, want %q (%v)", c.statement, c.session, c.state, got, c.want, r.err)
		}
	}
}

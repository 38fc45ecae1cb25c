package postgresql

import (
	"encoding/json"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestQuery(t *testing.T) {
	ways(t, func(t *testing.T, on *target) {
		get := func(pairs ...any) map[string]any {
			t.Helper()
			return taskstest.MustNotChange(t, on.host, "postgresql_query", on.with(pairs...), on.local).Values
		}
		is := func(v any, want string) {
			t.Helper()
			if got, err := json.Marshal(v); err != nil || string(got) != want {
				t.Errorf("%s, want %s (%v)", got, want, err)
			}
		}
		v := get("query", "select 1 as a, 2.5::numeric(3,1) as b, true as c, null as d, 'x''y' as e, array['a','b \"c'] as f, array[1,null] as g,"+
			" '{\"k\": [1, 2.5]}'::jsonb as h, '2024-02-03 04:05:06.7'::timestamp as i, '2024-02-03'::date as j, '' as k")
		is(v["query_result"], `[{"a":1,"b":2.5,"c":true,"d":null,"e":"x'y","f":["a","b \"c"],"g":[1,null],"h":{"k":[1,2.5]},"i":"2024-02-03T04:05:06.700000","j":"2024-02-03","k":""}]`)
		is(v["rowcount"], "1")
		is(get("query", "select 1 as a where false")["query_result"], "{}")
		is(get("query", "select 1 as a -- one")["query_result"], `[{"a":1}]`)
		is(get("query", "select interval '1 year 2 mons 3 days 04:05:06.7' as a, interval '-1 hour' as b, interval '90 minutes' as c, interval '0' as d")["query_result"],
			`[{"a":"428 days, 4:05:06.700000","b":"-1 day, 23:00:00","c":"1:30:00","d":"0:00:00"}]`)
		v = get("query", `SELECT %s as a, %s as b, '%%' as c, 4 = any (%s) as d, %s as e`, "positional_args", []any{"it's \\ :HOST", nil, []any{1, 4}, -3})
		is(v["query_result"], `[{"a":"it's \\ :HOST","b":null,"c":"%","d":true,"e":-3}]`)
		is(get("query", "select %(x)s as x, %(x)s as y", "named_args", map[string]any{"x": "a\nb\x01"})["query_result"], `[{"x":"a\nb\u0001","y":"a\nb\u0001"}]`)
		v = get("query", []any{"show port", "values (1), (2)"})
		is(v["query_all_results"], `[[{"port":"`+portOf(on)+`"}],[{"column1":1},{"column1":2}]]`)
		is(v["statusmessage"], `"SELECT 2"`)

		does := func(pairs ...any) map[string]any {
			t.Helper()
			_, r := taskstest.MustChange(t, on.host, "postgresql_query", on.with(pairs...), on.local)
			return r.Values
		}
		does("query", "create table notes (id int, text text)")
		t.Cleanup(func() { on.sql(t, "postgres", "drop table notes") })
		v = does("query", []any{"insert into notes values (1, 'a')", "insert into notes values (2, 'b'), (3, 'c') returning id"})
		is(v["rowcount"], "3")
		is(v["statusmessage"], `"INSERT 0 2"`)
		is(v["query_result"], `[{"id":2},{"id":3}]`)
		if r := on.apply(t, "postgresql_query", "query", "delete from notes where false"); r.Changed {
			t.Errorf("a delete of nothing: %+v", r)
		}
		does("query", "vacuum notes", "autocommit", true)
		// One that fails takes the others back.
		on.fails(t, "division by zero", "postgresql_query", "query", []any{"insert into notes values (9)", "delete from notes where id = 1/0"})
		on.is(t, "postgres", "select count(*) from notes", "3")
		// Check mode takes all back.
		checking := &taskstest.FakeLocal{Checking: true}
		p, err := taskstest.PlanOn(t, on.host, taskstest.NewAction(t, "postgresql_query", on.with("query", "delete from notes"), checking))
		if err != nil || !p.Change || p.Values["rowcount"] != 3 {
			t.Errorf("check mode: %+v, %v", p, err)
		}
		on.is(t, "postgres", "select count(*) from notes", "3")
		is(get("query", "select current_user as u, current_schemas(false) as s", "session_role", "pg_monitor", "search_path",
			[]any{"pg_catalog", "public"})["query_result"],
			`[{"u":"pg_monitor","s":["pg_catalog","public"]}]`)
		on.fails(t, "does not exist", "postgresql_query", "query", "select 1", "session_role", `no"ne`)
		on.fails(t, "no_such", "postgresql_query", "query", "select no_such")
	})
}

func TestQueryArguments(t *testing.T) {
	for _, args := range []map[string]any{
		{}, {"query": []any{}}, {"query": []any{1}}, {"query": ""}, {"query": []any{"select 1", " ;"}}, {"query": "select 1", "encoding": "latin1"},
		{"query": "select %s", "positional_args": []any{1, 2}}, {"query": "select %s, %s", "positional_args": []any{1}},
		{"query": "select %(a)s", "named_args": map[string]any{"b": 1}}, {"query": "select %d", "positional_args": []any{1}},
		{"query": "select 1", "positional_args": []any{1}, "named_args": map[string]any{"b": 1}},
	} {
		if _, err := taskstest.ModuleNamed(t, "postgresql_query").New(args, &taskstest.FakeLocal{}); err == nil {
			t.Errorf("%v is taken", args)
		}
	}
}

// FuzzFill: what is put into a statement ends where it should: quotes in it come in pairs.
func FuzzFill(f *testing.F) {
	f.Add("it's")
	f.Add(`\'; drop table x; --`)
	f.Fuzz(func(t *testing.T, text string) {
		a := &queryArgs{Positional: []any{text}}
		got, err := a.fill("%s")
		if err != nil {
			return
		}
		inner := got[1 : len(got)-1]
		for i := 0; i < len(inner); i++ {
			if inner[i] != '\'' {
				continue
			}
			if i++; i >= len(inner) || inner[i] != '\'' {
				t.Fatalf("%q", got)
			}
		}
	})
}

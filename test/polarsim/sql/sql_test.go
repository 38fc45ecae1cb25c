package sql

import (
	"errors"
	"strings"
	"testing"
)

func state(t *testing.T) *State {
	t.Helper()
	return NewState("polardb", "secret", "UTF8", "C")
}

// run executes a script as the superuser and renders the last result.
func run(s *State, script string) (string, error) {
	statements, err := Parse(script)
	if err != nil {
		return "", err
	}
	out := ""
	for _, statement := range statements {
		c := &Context{State: s, Database: "postgres", User: "polardb"}
		var columns []ResultColumn
		var rows [][]Value
		switch {
		case statement.Select != nil:
			r, err := c.Query(statement.Select)
			if err != nil {
				return "", err
			}
			columns, rows = r.Columns, r.Rows
		case statement.Change != nil:
			next := s.Clone()
			c.State = next
			r, err := c.Execute(statement.Change)
			if err != nil {
				return "", err
			}
			*s = *next
			columns, rows, out = r.Columns, r.Rows, r.Tag
		default:
			out = statement.Admin.Words
		}
		if columns != nil {
			out = render(columns, rows)
		}
	}
	return out, nil
}

func render(columns []ResultColumn, rows [][]Value) string {
	var lines []string
	for _, row := range rows {
		var cells []string
		for i, v := range row {
			if v == nil {
				cells = append(cells, "∅")
				continue
			}
			cells = append(cells, Format(v, columns[i].Type))
		}
		lines = append(lines, strings.Join(cells, "|"))
	}
	return strings.Join(lines, "\n")
}

func TestQueries(t *testing.T) {
	s := state(t)
	if _, err := run(s, `create table t (id int primary key, v text, n bigint default 7);
		insert into t (id, v) values (1, 'one'), (2, 'it''s'), (3, null);
		create table u (id int, w text); insert into u values (1, 'x'), (1, 'y'), (9, 'z')`); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ query, want string }{
		{"select 1", "1"},
		{"select 1 + 2 * 3, -4, 7 / 2, 7 % 2, 1.5 * 2", "7|-4|3|1|3"},
		{"select 'a' || 'b' as ab, $$x'y$$", "ab|x'y"},
		{"select true and null, true or null, not false, null is null", "∅|t|t|t"},
		{"select id, v, n from t where id in (1, 3) order by id desc", "3|∅|7\n1|one|7"},
		{"select count(*), count(v), max(id), min(id), sum(n) from t", "3|2|3|1|21"},
		{"select count(*) from t where v is distinct from 'one'", "2"},
		{"select t.id, u.w from t join u on u.id = t.id order by w", "1|x\n1|y"},
		{"select t.id, u.w from t left join u using (id) where t.id > 1 order by 1", "2|∅\n3|∅"},
		{"select id from t where exists (select 1 from u where u.id = t.id)", "1"},
		{"select (select w from u where id = 9), array(select w from u order by w)", "z|{x,y,z}"},
		{"select w, count(*) from u group by w having count(*) > 0 order by w limit 2 offset 1", "y|1\nz|1"},
		{"select case when id = 1 then 'first' else 'other' end from t order by id limit 1", "first"},
		{"select coalesce(v, 'none'), nullif(id, 1) from t order by id", "one|∅\nit's|2\nnone|3"},
		{"select v like 'o%', v not like '%x', 'A' ilike 'a', 'abc' ~ '^a' from t where id = 1", "t|t|t|t"},
		{"select '5'::int + 1, '0/16E0E60'::pg_lsn < '0/2000000', cast('t' as boolean)", "6|t|t"},
		{"select pg_wal_lsn_diff('0/20', '0/10')", "16"},
		{"select generate_series(1, 3)", "1\n2\n3"},
		{"select g * 2 from generate_series(1, 2) g", "2\n4"},
		{"select 1 where 2 = any('{1,2}')", "1"},
		{"select 1 union all select 1 union all select 2", "1\n1\n2"},
		{"select distinct id from u order by id", "1\n9"},
		{"select string_agg(w, ',' order by w desc) from u", "z,y,x"},
		{"values (1, 'a'), (2, 'b')", "1|a\n2|b"},
		{"select * from (select id, v from t) x where x.id = 2", "2|it's"},
		{"insert into t values (4, 'four') returning id, n", "4|7"},
		{"insert into t (id, v) values (1, 'again') on conflict (id) do update set v = excluded.v returning v", "again"},
		{"insert into t (id) values (1) on conflict do nothing", "INSERT 0 0"},
		{"update t set v = v || '!' where id = 1 returning v", "again!"},
		{"delete from t where id > 2", "DELETE 2"},
		{"create table if not exists t (id int)", "CREATE TABLE"},
		{"create role r login password 'p' connection limit 3", "CREATE ROLE"},
		{"alter role r nologin", "ALTER ROLE"},
		{"drop role if exists nobody", "DROP ROLE"},
		{"alter system dma add follower '127.0.0.1:5432'", "alter system dma add follower"},
		{"alter system dma change node '127.0.0.1:5432' weight to 9", "alter system dma change node weight to"},
		{"ALTER SYSTEM DMA force purge logs before '9'", "alter system dma force purge logs before"},
	} {
		got, err := run(s, c.query)
		if err != nil || got != c.want {
			t.Errorf("%s\n got %s (%v)\nwant %s", c.query, got, err, c.want)
		}
	}
}

func TestErrors(t *testing.T) {
	s := state(t)
	if _, err := run(s, "create table t (id int primary key, v text not null); insert into t values (1, 'a')"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ query, code, text string }{
		{"selec 1", "42601", `syntax error at or near "selec"`},
		{"select (1", "42601", "syntax error at end of input"},
		{"select 'a", "42601", "unterminated quoted string"},
		{"select nope from t", "42703", `column "nope" does not exist`},
		{"select * from nope", "42P01", `relation "nope" does not exist`},
		{"select nope(1)", "42883", "function nope(integer) does not exist"},
		{"select 1 / 0", "22012", "division by zero"},
		{"select 'x'::int", "22P02", "invalid input syntax for integer"},
		{"insert into t values (1, 'b')", "23505", "duplicate key value violates unique constraint"},
		{"insert into t values (2, null)", "23502", "violates not-null constraint"},
		{"create table t (id int)", "42P07", "already exists"},
		{"create role polardb", "42710", "already exists"},
		{"create extension nope", "58P01", "could not open extension control file"},
		{"create database postgres", "42P04", "already exists"},
		{"drop table nope", "42P01", "does not exist"},
		{"drop role nope", "42704", "does not exist"},
		{"alter system dma add follower $1", "42601", `syntax error at or near "$1"`},
		{"alter system dma add node 'x'", "42601", `syntax error at or near "node"`},
		{"alter system dma purge logs before 1", "42601", `syntax error at or near "1"`},
		{"create view v as select 1", "0A000", "polarsim does not know"},
	} {
		_, err := run(s, c.query)
		var e *Error
		if !errors.As(err, &e) || e.Code != c.code || !strings.Contains(e.Message, c.text) {
			t.Errorf("%s\n got %v\nwant %s %s", c.query, err, c.code, c.text)
		}
	}
	if got, _ := run(s, "select count(*) from t"); got != "1" {
		t.Errorf("a failed change left %s rows", got)
	}
}

func TestParameterTypes(t *testing.T) {
	s := state(t)
	if _, err := run(s, "create table t (id int, v text, at timestamptz)"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		query string
		want  []uint32
	}{
		{"select $1", []uint32{Text}},
		{"select $1::int, $2::bool", []uint32{Int4, Bool}},
		{"select * from t where id = $1 and v = $2", []uint32{Int4, Text}},
		{"select * from t where id in ($1, $2) limit $3", []uint32{Int4, Int4, Int8}},
		{"insert into t values ($1, $2, $3)", []uint32{Int4, Text, Timestamptz}},
		{"insert into t (v, id) values ($2, $1)", []uint32{Int4, Text}},
		{"update t set v = $1 where id = $2", []uint32{Text, Int4}},
		{"delete from t where at < $1", []uint32{Timestamptz}},
		{"select 1 where 'a' = any($1)", []uint32{TextArray}},
	} {
		statements, err := Parse(c.query)
		if err != nil {
			t.Fatal(err)
		}
		got := (&Context{State: s, Database: "postgres", User: "polardb"}).ParameterTypes(statements[0])
		if len(got) != len(c.want) {
			t.Errorf("%s: %v, want %v", c.query, got, c.want)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%s: %v, want %v", c.query, got, c.want)
			}
		}
	}
}

// A change to a clone must not be seen in what it was cloned from: that is what a rollback is.
func TestCloneIsApart(t *testing.T) {
	s := state(t)
	if _, err := run(s, "create table t (id int primary key, v text); insert into t values (1, 'a'), (2, 'b')"); err != nil {
		t.Fatal(err)
	}
	clone := s.Clone()
	_, err := run(clone, "update t set v = 'changed'; insert into t values (3, 'c'); delete from t where id = 1; "+
		"alter table t add column n int default 1; create role r; alter role polardb nologin")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := run(s, "select * from t order by id"); got != "1|a\n2|b" {
		t.Errorf("the original has %q (%v)", got, err)
	}
	if s.Roles["r"] != nil || !s.Roles["polardb"].Login {
		t.Error("the original's roles changed")
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"select 1", "select * from a join b using (x) where y in (select 1) order by 1 limit 2",
		"insert into t values ($1, 'x''y', $$z$$) on conflict do nothing returning *",
		"alter system dma change node 'a:1' weight to 9", "create table t (id serial primary key, v text default 'x')",
		"select case when a then b end::text from generate_series(1,2) g(n)", "/* c */ -- d\n;", "\"", "$1$2", "e'\\n'"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, source string) {
		statements, err := Parse(source)
		if err != nil {
			return
		}
		for _, statement := range statements {
			if again, err := Parse(statement.Source); err != nil || len(again) != 1 {
				t.Errorf("%q was read from %q and cannot be read alone: %v", statement.Source, source, err)
			}
		}
	})
}

package polardb

import (
	"context"
	"testing"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
)

// TestQueryPlan has a statement that only reads answered where the plan is made, and any other one left to Apply.
func TestQueryPlan(t *testing.T) {
	for statement, reads := range map[string]bool{
		"select 1":                       true,
		"  SELECT count(*)\nfrom t":      true,
		"show port":                      true,
		"values (1), (2)":                true,
		"table t":                        true,
		"":                               false,
		"insert into t values (1)":       false,
		"with x as (select 1) delete t":  false,
		"selective":                      false,
		"alter system set port = '5433'": false,
	} {
		q := &queryAction{args: &queryArgs{Query: statement, Timeout: 1}}
		if q.reads() != reads {
			t.Errorf("%q: reads is %t", statement, !reads)
			continue
		}
		if reads {
			p, err := q.Plan(map[string]any{"rowcount": 1})
			if err != nil || p.Change || p.Values["rowcount"] != 1 {
				t.Errorf("%q: %+v, %v", statement, p, err)
			}
			continue
		}
		said, err := q.Ask(context.Background(), nil, tasks.Found{}) // no host is asked
		if said != nil || err != nil {
			t.Errorf("%q was asked: %v, %v", statement, said, err)
		}
		if p, err := q.Plan(said); err != nil || !p.Change || !p.Event || p.Msg != statement {
			t.Errorf("%q: %+v, %v", statement, p, err)
		}
	}
}

// TestPlainColumns has every column of an answer in a type that variables know.
func TestPlainColumns(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	for _, c := range []struct{ column, want any }{
		{nil, nil}, {"a", "a"}, {true, true}, {int16(-1), -1}, {int32(2), 2}, {int64(3), 3}, {float32(0.5), 0.5}, {1.5, 1.5},
		{at, "2026-01-02T03:04:05.000000006Z"}, {dma.Address{Host: "10.0.0.1", Port: 5432}, "10.0.0.1:5432"},
	} {
		if got := plain(c.column); got != c.want {
			t.Errorf("%T %v: %T %v, want %v", c.column, c.column, got, got, c.want)
		}
	}
}

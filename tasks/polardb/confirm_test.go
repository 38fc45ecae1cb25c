package polardb

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

// askedLocal is a laptop with somebody at it.
type askedLocal struct {
	taskstest.FakeLocal
	asked  []tasks.Confirmation
	answer error
}

func (l *askedLocal) Confirm(_ context.Context, q tasks.Confirmation) error {
	l.asked = append(l.asked, q)
	return l.answer
}

func TestConfirm(t *testing.T) {
	refused := &tasks.NotConfirmed{Reason: "not confirmed"}
	args := func(more map[string]any) map[string]any {
		all := map[string]any{"msg": "its data is removed", "cluster": "shop", "hosts": []any{"n1", "n2"}, "word": "shop", "always": true}
		for k, x := range more {
			all[k] = x
		}
		return all
	}
	for _, c := range []struct {
		name   string
		args   map[string]any
		check  bool
		answer error
		asked  int
		msg    string // of the plan, or of its error
		fails  bool
	}{
		{name: "asked", args: args(nil), asked: 1, msg: "cluster shop, hosts n1, n2: its data is removed"},
		{name: "refused", args: args(nil), answer: refused, asked: 1, msg: "its data is removed"},
		{name: "given", args: args(map[string]any{"given": "shop"}), msg: "confirmed: cluster shop"},
		{name: "another given", args: args(map[string]any{"given": "shoe"}), fails: true,
			msg: `"shoe" was given to confirm that cluster shop, hosts n1, n2: its data is removed, but the word is "shop"`},
		{name: "check", args: args(nil), check: true, msg: "would ask to confirm"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := &askedLocal{FakeLocal: taskstest.FakeLocal{Checking: c.check}, answer: c.answer}
			action := taskstest.NewAction(t, "polardb_confirm", c.args, l)
			plan, err := action.Plan(tasks.Found{})
			if c.fails {
				if err == nil || !strings.Contains(err.Error(), c.msg) {
					t.Fatal(err)
				}
				return
			}
			if err != nil || !strings.Contains(plan.Msg, c.msg) || plan.Change != (c.asked > 0) {
				t.Fatalf("%+v %v", plan, err)
			}
			if plan.Change {
				r, err := action.(tasks.Applier).Apply(t.Context(), &taskstest.LocalHost{}, plan)
				if !errors.Is(err, c.answer) || r.Changed {
					t.Errorf("%+v %v", r, err)
				}
			}
			if len(l.asked) != c.asked {
				t.Fatalf("asked %d times", len(l.asked))
			}
			if c.asked > 0 && (l.asked[0].Word != "shop" || !l.asked[0].Always) {
				t.Errorf("asked %+v", l.asked[0])
			}
		})
	}
	if _, err := confirmModule.New(map[string]any{"msg": "x", "word": " "}, &taskstest.FakeLocal{}); err == nil {
		t.Error("an empty word is no confirmation")
	}
}

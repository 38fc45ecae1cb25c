package polardb

import (
	"testing"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/pki"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

// TestCASteps takes the three steps in a directory that has a CA, each once and once more.
func TestCASteps(t *testing.T) {
	dir := t.TempDir()
	if _, _, err := (pki.Authority{Dir: dir, Cluster: "demo"}).Begin(time.Now()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		state, want string
		begun       bool // afterwards
	}{
		{"signs", "", false}, // there is no other CA
		{"alone", "", false},
		{"begun", "make a new CA, to be trusted beside the former one", true},
		{"begun", "", true},
		{"signs", "let the new CA sign", false},
		{"signs", "", false},
		{"alone", "stop trusting the former CA", false},
		{"alone", "", false},
	} {
		action := taskstest.NewAction(t, "polardb_ca", map[string]any{"cluster": "demo", "pki": dir, "state": c.state}, &taskstest.FakeLocal{})
		h := &taskstest.LocalHost{}
		plan, err := taskstest.PlanOn(t, h, action)
		checkPlan(t, c.state, c.want, plan, err)
		begun := plan.Values["begun"]
		if plan.Change {
			r, err := action.(tasks.Applier).Apply(t.Context(), h, plan)
			if err != nil || !r.Changed {
				t.Fatalf("%s: %+v, %v", c.state, r, err)
			}
			begun = r.Values["begun"]
		}
		if begun != c.begun {
			t.Errorf("%s: begun is %v, want %v", c.state, begun, c.begun)
		}
	}
}

package taskstest

import (
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
)

// Case is a line of a module's table: what is wanted, what a host has, and what is to be done about it.
type Case struct {
	Name  string
	Args  map[string]any
	Check bool           // the run only asks
	Vars  map[string]any // of the run
	Found string         // what the probe printed
	Does  string         // the beginning of what Outcome says; nothing alone is all of it
}

// TestPlan plans each case of a table and compares what comes of it.
func TestPlan(t *testing.T, module string, table []Case) {
	t.Helper()
	for _, c := range table {
		t.Run(c.Name, func(t *testing.T) {
			t.Helper()
			var plan tasks.Plan
			action, err := ModuleNamed(t, module).New(c.Args, &FakeLocal{Checking: c.Check, Vars: c.Vars})
			if err == nil {
				plan, err = action.Plan(tasks.Found{Result: remote.Result{Stdout: []byte(c.Found)}})
			}
			if got := Outcome(plan, err); !strings.HasPrefix(got, c.Does) || c.Does == "nothing" && got != c.Does {
				t.Errorf("%v, found %q:\n got %s\nwant %s", c.Args, c.Found, got, c.Does)
			}
		})
	}
}

// Outcome puts a plan into words: nothing, change, unknown or fails, and after a colon what the plan says.
func Outcome(plan tasks.Plan, err error) string {
	kind, text := "nothing", plan.Msg
	switch {
	case err != nil:
		kind, text = "fails", err.Error()
	case plan.Unknown != "":
		kind, text = "unknown", plan.Unknown
	case plan.Change:
		kind = "change"
	}
	if text == "" {
		return kind
	}
	return kind + ": " + text
}

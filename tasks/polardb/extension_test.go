package polardb

import (
	"errors"
	"testing"
)

func TestExtensionPlan(t *testing.T) {
	a := &extensionAction{args: &extensionArgs{Name: `polar"monitor`}}
	for name, c := range map[string]struct {
		found     sqlFound
		want      string
		statement string
	}{
		"missing":   {sqlFound{}, `create extension polar"monitor`, `create extension if not exists "polar""monitor"`},
		"there":     {sqlFound{Row: []string{"1.0"}}, "", ""},
		"no server": {sqlFound{Err: errors.New("nobody answers")}, "unknown: nobody answers", ""},
	} {
		p, change, err := a.Plan(c.found)
		checkPlan(t, name, c.want, p, err)
		if (change != nil) != (c.statement != "") || change != nil && change.statement != c.statement {
			t.Errorf("%s: %+v", name, change)
		}
	}
}

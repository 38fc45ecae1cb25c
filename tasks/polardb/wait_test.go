package polardb

import (
	"testing"
)

func TestWaitPlan(t *testing.T) {
	for name, c := range map[string]struct {
		check bool
		found waitFound
		want  string
	}{
		"it has come":               {false, waitFound{Leader: "node1"}, ""},
		"it has come, and is asked": {true, waitFound{Leader: "node1"}, ""},
		"not yet":                   {false, waitFound{Saw: "nobody leads"}, "wait"},
	} {
		p, err := (&waitAction{args: &waitArgs{For: "leader"}, check: c.check}).Plan(c.found)
		checkPlan(t, name, c.want, p, err)
		if p.Values["leader"] != c.found.Leader {
			t.Errorf("%s: %v", name, p.Values)
		}
	}
	p, err := (&waitAction{args: &waitArgs{For: "writable"}, check: true}).Plan(waitFound{Saw: "node1 answers, but is read-only"})
	if err != nil || p.Change || p.Msg != "would wait: node1 answers, but is read-only" {
		t.Errorf("a check waits: %+v %v", p, err)
	}
}

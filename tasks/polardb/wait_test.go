package polardb

import (
	"testing"

	"github.com/polarbook/polarbook/tasks"
)

func TestWaitPlan(t *testing.T) {
	for name, c := range map[string]struct {
		check bool
		found any
		want  string
	}{
		"it has come":               {false, waitFound{Leader: "node1"}, ""},
		"it has come, and is asked": {true, waitFound{Leader: "node1"}, ""},
		"not yet":                   {false, waitFound{Saw: "nobody leads"}, "wait"},
		"nobody was asked":          {false, nil, "refuse: the node was not asked"},
	} {
		p, err := (&waitAction{args: &waitArgs{For: "leader"}, check: c.check}).Plan(tasks.Found{Value: c.found})
		checkPlan(t, name, c.want, p, err)
		if found, ok := c.found.(waitFound); ok && p.Values["leader"] != found.Leader {
			t.Errorf("%s: %v", name, p.Values)
		}
	}
	p, err := (&waitAction{args: &waitArgs{For: "writable"}, check: true}).Plan(tasks.Found{Value: waitFound{Saw: "node1 answers, and is read-only"}})
	if err != nil || p.Change || p.Msg != "would wait: node1 answers, and is read-only" {
		t.Errorf("a check waits: %+v %v", p, err)
	}
}

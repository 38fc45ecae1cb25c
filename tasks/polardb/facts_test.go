package polardb

import (
	"testing"
)

func TestFactsPlan(t *testing.T) {
	for name, c := range map[string]struct {
		found string
		want  map[string]any
	}{
		"a bare host": {bareNode, map[string]any{"data": "none", "unit": "none", "gone": false, "running": false}},
		"with a unit": {bareNode + "\nunit=mounts\nunit.pgdata=/e/pgdata", map[string]any{"data": "none", "unit": "mounts",
			"unit_pgdata": "/e/pgdata"}},
		"a whole node":    {wholeInit, map[string]any{"data": "whole", "origin": "initdb", "step": "data", "own": ""}},
		"half a copy":     {halfCopy, map[string]any{"data": "unfinished", "step": "basebackup"}},
		"somebody's data": {somebodys, map[string]any{"data": "foreign"}},
		"a server runs":   {wholeInit + "\npid=7", map[string]any{"pid": 7, "running": true, "client": false}},
	} {
		a := planArgs
		p, err := (&factsAction{&factsArgs{NodeArgs: a, Unit: "polardb-demo"}}).Plan(probeText(c.found))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		state := p.Values["ansible_facts"].(map[string]any)["polardb_state"].(map[string]any)
		for key, want := range c.want {
			if state[key] != want {
				t.Errorf("%s: %s is %v, want %v", name, key, state[key], want)
			}
		}
		if p.Change {
			t.Errorf("%s: facts report a change", name)
		}
	}
}

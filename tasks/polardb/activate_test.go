package polardb

import (
	"testing"

	"github.com/polarbook/polarbook/tasks"
)

func TestActivatePlan(t *testing.T) {
	const old, next = "polardb-11.9-aaa", "polardb-11.10-bbb"
	host := "current=" + old + "\ninstalled=" + old + "\ninstalled=" + next + "\ndata=11\nrunning=" + old + "\n"
	for name, c := range map[string]struct {
		found, version  string
		previous, check bool
		want            string
	}{
		"another minor release": {found: host + "release=postgres (PostgreSQL) 11.10", version: next,
			want: "point /opt/polardb/current to " + next},
		"it is there already":   {found: host + "release=postgres (PostgreSQL) 11.9", version: old},
		"another major release": {found: host + "release=postgres (PostgreSQL) 14.1", version: next, want: "refuse: cannot read the data"},
		"it does not run here": {found: host + "release=error while loading shared libraries: libssl.so", version: next,
			want: "refuse: does not run"},
		"not installed":            {found: host, version: next, want: "refuse: holds no engine"},
		"not installed, and asked": {found: host, version: next, check: true, want: "unknown: not installed yet"},
		"back": {found: "current=" + next + "\nprevious=" + old + "\ndata=11\nrelease=postgres (PostgreSQL) 11.9",
			previous: true, want: "point /opt/polardb/current to " + old},
		"back, and it is there": {found: "current=" + old + "\nprevious=" + old + "\ndata=11\nrelease=postgres (PostgreSQL) 11.9",
			previous: true},
		"back to nothing": {found: host, previous: true, want: "refuse: there is no previous version"},
	} {
		a := &activateAction{args: &activateArgs{Home: "/opt/polardb", Pgdata: "/d/pgdata", Version: c.version, Previous: c.previous},
			check: c.check}
		f := tasks.Found{}
		f.Stdout = []byte(c.found)
		p, err := a.Plan(f)
		checkPlan(t, name, c.want, p, err)
	}
}

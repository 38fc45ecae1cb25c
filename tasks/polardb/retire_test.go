package polardb

import (
	"os"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestRetirePlan(t *testing.T) {
	dropped := strings.Replace(wholeInit, "marker.step=data", "marker.step=dropped", 1)
	for name, c := range map[string]struct {
		wipe, again bool
		probe, why  string
		want        string // as checkPlan takes it
		step        string // in the values
	}{
		"nothing there":            {probe: bareNode, want: "", step: ""},
		"out of the cluster":       {probe: wholeInit, want: "mark /d/pgdata as dropped", step: stepDropped},
		"marked already":           {probe: dropped, want: "", step: stepDropped},
		"marked, to be removed":    {wipe: true, probe: dropped, want: "remove the data in /d/pgdata and /d/polardata", step: stepDropped},
		"removed to be built anew": {wipe: true, again: true, probe: wholeInit, want: "remove the data", step: stepWipe},
		"still a member":           {probe: wholeInit, why: "node1 lists it as a follower", want: "unknown: node1 lists it as a follower"},
		"its server runs":          {probe: wholeInit + "\npid=7", want: "unknown: the server runs (process 7)"},
		"never whole":              {probe: halfCopy, want: ""},
		"never whole, to be removed": {wipe: true, probe: somebodys,
			want: "refuse: holds a data directory (PG_VERSION 11) that polarbook did not begin"},
		"somebody's": {probe: somebodys, want: "refuse: holds a data directory (PG_VERSION 11) that polarbook did not begin"},
		"of another cluster": {probe: strings.Replace(wholeInit, "cluster=demo", "cluster=other", 1),
			want: `refuse: belongs to the cluster "other"`},
		"with a marker that is no one": {probe: wholeInit + "\nmarker_fault=belongs to nobody", want: "refuse: belongs to nobody"},
	} {
		r := &retireAction{args: &retireArgs{NodeArgs: planArgs, Wipe: c.wipe, Again: c.again}}
		state, err := ParseNode(probeText(c.probe))
		if err != nil {
			t.Fatal(err)
		}
		p, err := r.Plan(retireFound{state, c.why})
		checkPlan(t, name, c.want, p, err)
		if step, _ := p.Values["step"].(string); c.step != "" && step != c.step {
			t.Errorf("%s: step %q, want %q", name, step, c.step)
		}
	}
}

// retirePlan plans for the directories as they are; why is what the leader has against it.
func retirePlan(t *testing.T, a *NodeArgs, wipe bool, why string) (tasks.Plan, error) {
	t.Helper()
	out, err := taskstest.Sh(t, a.Probe())
	if err != nil {
		t.Fatal(err, out)
	}
	r := &retireAction{args: &retireArgs{NodeArgs: *a, Wipe: wipe}}
	state, err := ParseNode(tasks.Found{Result: remote.Result{Stdout: []byte(out)}})
	if err != nil {
		return tasks.Plan{}, err
	}
	return r.Plan(retireFound{state, why})
}

func TestRetireMarksAndRemovesOnlyWhatIsOurs(t *testing.T) {
	a := testNode(t)
	fill := func(step, cluster string) {
		taskstest.MustWrite(t, a.Pgdata+"/PG_VERSION", "11\n")
		taskstest.MustWrite(t, a.Polardata+"/global/pg_control", "x")
		taskstest.MustWrite(t, a.marker(),
			"cluster="+cluster+"\npgdata="+a.Pgdata+"\npolardata="+a.Polardata+"\nstep="+step+"\norigin=basebackup\npgdata_inode="+
				inode(t, a.Pgdata)+"\npolardata_inode="+inode(t, a.Polardata)+"\n")
	}
	run := func(p tasks.Plan) {
		t.Helper()
		if out, err := taskstest.Sh(t, p.Script); err != nil {
			t.Fatal(err, out)
		}
	}
	if p, err := retirePlan(t, a, true, ""); err != nil || p.Change {
		t.Errorf("nothing is there, and the plan is %+v, %v", p, err)
	}
	fill(stepMeta, "other")
	if _, err := retirePlan(t, a, true, ""); err == nil || !strings.Contains(err.Error(), `belongs to the cluster "other"`) {
		t.Errorf("another cluster's data: %v", err)
	}
	fill(stepMeta, "demo")
	if p, err := retirePlan(t, a, false, "node1 lists it as a follower"); err != nil || p.Unknown == "" || p.Script != "" {
		t.Errorf("a member: %+v, %v", p, err)
	}
	p, err := retirePlan(t, a, false, "")
	if err != nil || !p.Change {
		t.Fatal(p, err)
	}
	run(p)
	s := examine(t, a)
	if s.Step != stepDropped || s.Origin != stepCopy || !s.Whole(a) || s.Refuse(a) != nil {
		t.Errorf("after marking: %+v", s)
	}
	if p, err := retirePlan(t, a, false, ""); err != nil || p.Change {
		t.Errorf("marked already, and the plan is %+v, %v", p, err)
	}

	p, err = retirePlan(t, a, true, "")
	if err != nil || !p.Change {
		t.Fatal(p, err)
	}
	// Between the look and the removal somebody else may have taken the directories.
	fill(stepDropped, "other")
	if out, err := taskstest.Sh(t, p.Script); err == nil || !strings.Contains(out, "nothing was removed") {
		t.Errorf("removed what belongs to another cluster: %v %s", err, out)
	}
	if _, err := os.Stat(a.Polardata + "/global/pg_control"); err != nil {
		t.Error(err)
	}
	fill(stepDropped, "demo")
	taskstest.MustWrite(t, a.Pgdata+"/../sentinel", "somebody else's")
	run(p)
	s = examine(t, a)
	if s.Step != stepDropped || !s.bare() || s.Refuse(a) != nil || s.Whole(a) {
		t.Errorf("after removing: %+v", s)
	}
	if _, err := os.Stat(a.Pgdata + "/../sentinel"); err != nil {
		t.Error(err)
	}
	if p, err := retirePlan(t, a, true, ""); err != nil || p.Change {
		t.Errorf("removed already, and the plan is %+v, %v", p, err)
	}
	// A removal that was cut off is finished.
	fill(stepWipe, "demo")
	if p, err := retirePlan(t, a, true, ""); err != nil || !p.Change || !examine(t, a).Unfinished(a) {
		t.Errorf("a removal that was cut off: %+v, %v", p, err)
	}
}

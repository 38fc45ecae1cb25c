package polardb

import (
	"os"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func testService(t *testing.T) *serviceAction {
	a := testNode(t)
	return &serviceAction{&serviceArgs{NodeArgs: *a, Unit: "polardb-demo", Timeout: 3, Settle: 1}}
}

// What was logged before this start says nothing about it, however often the server once started over.
func TestOnlyNewRestartsCount(t *testing.T) {
	s := testService(t)
	const line = "LOG:  all server processes terminated; reinitializing\n"
	log := s.args.Pgdata + "/pg_log/old name_error.log"
	taskstest.MustWrite(t, log, strings.Repeat(line, 40))
	out, err := taskstest.Sh(t,
		s.args.change("")+"BEFORE=$(sizes)\nrestarts\nprintf '%s' '"+line+line+"' >>\"$PGDATA/pg_log/old name_error.log\"\nprintf '%s' '"+
			line+"' >\"$PGDATA/pg_log/new.log\"\nrestarts\n")
	if err != nil || out != "0\n3\n" {
		t.Errorf("counted %q, %v; want 0 before and 3 after", out, err)
	}
}

// The limit is one of time: on a busy host a look takes long, and the wait must not grow with it.
func TestTheWaitForAServerIsBoundedInTime(t *testing.T) {
	s := testService(t)
	looks := t.TempDir() + "/looks"
	out, err := taskstest.Sh(t, s.args.change("")+"alive() { pid=1; }\nexplain() { :; }\nsystemctl() { :; }\nlistens() { echo >>"+
		looks+"; sleep 1; return 1; }\n"+scripts.Source("polardb_server_prove").Text)
	if err == nil || !strings.Contains(out, "does not listen on 5432 and its consensus port") {
		t.Errorf("%v %s", err, out)
	}
	n, err := os.ReadFile(looks)
	if err != nil {
		t.Fatal(err)
	}
	if len(n) > 5 {
		t.Errorf("it looked %d times, a second each, within 3 s", len(n))
	}
}

func TestServicePlan(t *testing.T) {
	up := wholeInit + "\npid=42\nlistens.client=yes\nlistens.consensus=yes"
	for name, c := range map[string]struct{ state, probe, want string }{
		"up":                        {"started", up, ""},
		"down":                      {"started", wholeInit, "start the server"},
		"lives and does not listen": {"started", wholeInit + "\npid=42", "wait for the server to listen"},
		"the port is somebody's":    {"started", wholeInit + "\nlistens.client=yes", "refuse: port 5432 is taken by another process"},
		"the consensus port is":     {"started", wholeInit + "\nlistens.consensus=yes", "refuse: port 15432 is taken by another process"},
		"no data yet":               {"started", bareNode + "\n" + engineThere, "unknown: the host lacks the node's own directory"},
		"stop what is down":         {"stopped", wholeInit, ""},
		"stop what comes back": {"stopped", "unit.sub=auto-restart\n" + wholeInit,
			"cancel the restart of the server that systemd has scheduled"},
		"stop what failed":      {"stopped", "unit.sub=failed\n" + wholeInit, ""},
		"start what comes back": {"started", "unit.sub=auto-restart\n" + wholeInit, "start the server"},
		"stop":                  {"stopped", up, "stop the server"},
		"restart":               {"restarted", up, "restart the server"},
		"restart what is down":  {"restarted", wholeInit, "start the server"},
		"reload":                {"reloaded", up, "reload the configuration"},
		"reload what is down":   {"reloaded", wholeInit, ""},
		"reload what is gone":   {"reloaded", bareNode + "\n" + engineThere, ""},
		"restart what is gone":  {"restarted", bareNode + "\n" + engineThere, "unknown: the host lacks the node's own directory"},
	} {
		a := &serviceAction{&serviceArgs{NodeArgs: planArgs, Unit: "polardb-demo", State: c.state, Timeout: 5, Settle: 1}}
		p, err := a.Plan(probeText(c.probe))
		checkPlan(t, name, c.want, p, err)
		if stops := c.want == "restart the server"; stops != (p.Uncut != "") {
			t.Errorf("%s: what must not be cut is %q", name, p.Uncut)
		}
	}
}

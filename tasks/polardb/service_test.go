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
	out, err := taskstest.Sh(t, s.args.change("")+"BEFORE=$(sizes)\nrestarts\nprintf '%s' '"+line+line+"' >>\"$PGDATA/pg_log/old name_error.log\"\nprintf '%s' '"+line+"' >\"$PGDATA/pg_log/new.log\"\nrestarts\n")
	if err != nil || out != "0\n3\n" {
		t.Errorf("counted %q, %v; want 0 before and 3 after", out, err)
	}
}

// The limit is one of time: on a busy host a look takes long, and the wait must not grow with it.
func TestTheWaitForAServerIsBoundedInTime(t *testing.T) {
	s := testService(t)
	looks := t.TempDir() + "/looks"
	out, err := taskstest.Sh(t, s.args.change("")+"alive() { pid=1; }\nexplain() { :; }\nsystemctl() { :; }\nlistens() { echo >>"+looks+"; sleep 1; return 1; }\n"+scripts.Source("polardb_server_prove").Text)
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

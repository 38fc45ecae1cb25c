package polardb

import (
	"os"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

// What the task reports is why the engine gave up: what it logged in this run, and not what it logged in another.
func TestFailedMetaSaysTheReason(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIP: runs as another user, so it needs root")
	}
	a := testNode(t)
	engine := a.Home + "/current/bin/postgres"
	log := a.Pgdata + "/pg_log/postgresql_error.log"
	taskstest.MustWrite(t, engine, "#!/bin/sh\necho 'GMT [1] FATAL:  hot standby is not possible because max_connections = 77 is a lower setting' >>"+log+"\necho 'GMT [1] LOG:  database system is shut down' >>"+log+"\nexit 1\n")
	if err := os.Chmod(engine, 0o755); err != nil {
		t.Fatal(err)
	}
	taskstest.MustWrite(t, a.Pgdata+"/polar_dma.conf", "polar_enable_dma = on\n")
	taskstest.MustWrite(t, log, "GMT [1] FATAL:  an old story\n")
	m := &metaAction{args: &metaArgs{NodeArgs: *a, Founder: true, Timeout: 5}}
	p := m.change(NodeState{Postgres: engine}, metaFound{Self: dma.Address{Host: "10.0.0.1", Port: 5432}}, "", nil)
	out, err := taskstest.Sh(t, p.Script)
	why := m.Explain(remote.Result{Stderr: []byte(out)}).Error()
	if err == nil || !strings.HasPrefix(why, "FATAL: hot standby is not possible because max_connections = 77") || strings.Contains(why, "old story") || !strings.Contains(why, "the engine ended with the status 1") {
		t.Errorf("%v, and it says %q of\n%s", err, why, out)
	}
}

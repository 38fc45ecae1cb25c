package tasks

import (
	"os"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/dma"
)

// What the task reports is the end of what its script wrote, so that must be why the engine gave up.
func TestFailedMetaEndsWithTheReason(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIP: runs as another user, so it needs root")
	}
	a := testNode(t)
	engine := a.Home + "/current/bin/postgres"
	mustWrite(t, engine, "#!/bin/sh\nexit 1\n")
	if err := os.Chmod(engine, 0o755); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, a.Pgdata+"/polar_dma.conf", "polar_enable_dma = on\n")
	mustWrite(t, a.Pgdata+"/pg_log/postgresql_error.log",
		"GMT [1] FATAL:  hot standby is not possible because max_connections = 77 is a lower setting\nGMT [1] LOG:  database system is shut down\n")
	m := &metaAction{args: &metaArgs{nodeArgs: *a, Founder: true, Timeout: 5}}
	p := m.change(nodeState{Postgres: engine}, metaFound{Self: dma.Address{Host: "10.0.0.1", Port: 5432}}, "", nil)
	out, err := sh(t, p.Script)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if err == nil || !strings.Contains(lines[len(lines)-1], "max_connections = 77") {
		t.Errorf("%v, and the script ended with %q of\n%s", err, lines[len(lines)-1], out)
	}
}

package site

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// complaints is a test that is told of failures. One that could not fail would prove nothing of those that stand on it.
type complaints struct {
	testing.TB
	all []string
}

func (c *complaints) Helper() {}

func (c *complaints) Errorf(format string, args ...any) {
	c.all = append(c.all, fmt.Sprintf(format, args...))
}

func (c *complaints) Fatalf(format string, args ...any) {
	c.Errorf(format, args...)
	runtime.Goexit()
}

// hear runs f as a test on a control node whose polarbook is a shell script, and returns what it was told.
func hear(t *testing.T, script string, f func(l *ControlNode)) string {
	t.Helper()
	c := &complaints{TB: t}
	l := &ControlNode{T: c, Dir: t.TempDir(), Password: "hunter2", Limit: 10 * time.Second}
	l.secrets = map[string]string{"the password": l.Password}
	l.program = filepath.Join(l.Dir, "polarbook")
	if err := os.WriteFile(l.program, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f(l)
	}()
	<-ended
	return strings.Join(c.all, "\n")
}

func TestSound(t *testing.T) {
	const journal = `mkdir -p "$XDG_STATE_HOME"; f=$XDG_STATE_HOME/1.jsonl; umask 077; `
	for _, c := range []struct{ name, script, complaint string }{
		{"nothing wrong", journal + `echo '{"type":"run_started"}' | tee $f; echo warning >&2`, ""},
		{"a password is printed", `echo $POLARDB_REPLICATION_PASSWORD`, "the password is in its output"},
		{"a password is in an error", `echo $POLARDB_REPLICATION_PASSWORD >&2`, "the password is in its errors"},
		{"a password is in a journal", journal + `echo $POLARDB_REPLICATION_PASSWORD >$f`, "the password is in /"},
		{"others may read a journal", journal + `touch $f; chmod 644 $f`, "has the mode 0644, want 0600"},
		{"a crash", `echo 'goroutine 1 [running]:' >&2; exit 2`, "crashed"},
		{"a line among the events", `echo '{"type":"run_started"}'; echo hello`, "printed among its events: hello"},
		{"a killed one stops in the middle of a line", `printf '{"type":"run_st'`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := hear(t, c.script, func(l *ControlNode) { l.Start(nil, withEvents("x.yml", nil)...).Wait() })
			if c.complaint == "" && got != "" || !strings.Contains(got, c.complaint) {
				t.Errorf("the complaint was %q, want %q", got, c.complaint)
			}
		})
	}
	got := hear(t, "exec sleep 60", func(l *ControlNode) {
		l.Limit = 100 * time.Millisecond
		l.Polarbook(0, "status")
	})
	if !strings.Contains(got, "still at work after 100ms") || !strings.Contains(got, "exit code -1, want 0") {
		t.Errorf("the complaint of a run without end was %q", got)
	}
}

func TestOutcome(t *testing.T) {
	const ok, changed, failed = `{"type":"host_done","task_id":1,"host":"a","status":"ok","msg":"all is well","hint":"go on"}`,
		`{"type":"host_done","task_id":1,"host":"b","status":"changed"}`,
		`{"type":"host_done","task_id":1,"host":"a","status":"failed","msg":"no space"}`
	recap := func(a, b string) string { return `{"type":"run_ended","hosts":{"a":{` + a + `},"b":{` + b + `}}}` }
	still, moved, bad := recap(`"ok":1`, `"ok":1`), recap(`"ok":1`, `"ok":1,"changed":1`), recap(`"ok":1,"failed":1`, `"ok":1`)
	both := func(o *Outcome) { o.Unchanged("a", "b") }
	for _, c := range []struct {
		name      string
		events    []string
		f         func(o *Outcome)
		complaint string
	}{
		{"says", []string{ok}, func(o *Outcome) { o.Says("all is well (go on)") }, ""},
		{"says nothing of it", []string{ok}, func(o *Outcome) { o.Says("nothing is well") }, "does not say"},
		{"a task's name is not said", []string{ok}, func(o *Outcome) { o.Says("Step") }, "does not say"},
		{"unchanged", []string{ok, still}, both, ""},
		{"changed", []string{ok, changed, moved}, both, "want no change"},
		{"changed in an event alone", []string{changed, still}, both, "want no change"},
		{"changed in the recap alone", []string{ok, moved}, both, "want no change"},
		{"failed", []string{failed, bad}, both, "want no change"},
		{"failed, and changed nothing", []string{failed, bad}, func(o *Outcome) { o.Unchanged() }, ""},
		{"took no part", []string{ok, still}, func(o *Outcome) { o.Unchanged("a", "c") }, `"c"`},
		{"no end", []string{ok}, both, "did not say how the run ended"},
		{"wants a change", []string{changed, moved}, func(o *Outcome) { o.Changed() }, ""},
		{"wants a change in vain", []string{ok, still}, func(o *Outcome) { o.Changed() }, "changed nothing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			lines := append([]string{`{"type":"task_started","task_id":1,"name":"role : Step"}`}, c.events...)
			var order []string
			got := hear(t, "cat <<'end'\n"+strings.Join(lines, "\n")+"\nend\n", func(l *ControlNode) {
				o := l.Run(0, "x.yml")
				order = o.Order("Step")
				c.f(o)
			})
			if c.complaint == "" && got != "" || !strings.Contains(got, c.complaint) {
				t.Errorf("the complaint was %q, want %q", got, c.complaint)
			}
			if has := strings.Contains(strings.Join(c.events, ""), changed); has != (len(order) == 1 && order[0] == "b") {
				t.Errorf("the step changed %q", order)
			}
		})
	}
}

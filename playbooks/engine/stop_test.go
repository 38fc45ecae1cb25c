package engine

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/playbooks/engine/event"
	"github.com/polarbook/polarbook/playbooks/engine/session"
)

// listen calls a function for each event.
type listen func(event.Event)

func (l listen) Event(e event.Event) { l(e) }

func TestStopFinishesTheStepInHandAndBeginsNoOther(t *testing.T) {
	b := newBench(t, "a", "b")
	stop := make(chan struct{})
	stopped := false
	b.o.Stop = stop
	b.o.Listeners = append(b.o.Listeners, listen(func(e event.Event) {
		if _, ok := e.(event.HostStarted); ok && !stopped {
			stopped = true
			close(stop)
		}
	}))
	report, err := b.run(`
- hosts: all
  gather_facts: false
  tasks:
    - name: first
      shell: sleep 0.1; touch {{ dir }}/{{ inventory_hostname }}
    - name: second
      echo: never
`)
	b.wantKind(err, Aborted)
	if !report.Aborted || report.Pending["a"] != "second" || report.Pending["b"] != "first" {
		t.Errorf("aborted %v, pending %v", report.Aborted, report.Pending)
	}
	if _, err := os.Stat(filepath.Join(b.dir, "a")); err != nil {
		t.Errorf("the step in hand was not finished: %v", err)
	}
	if _, err := os.Stat(filepath.Join(b.dir, "b")); err == nil {
		t.Error("a step was begun after the stop")
	}
}

func TestCancelKillsWhatRuns(t *testing.T) {
	b := newBench(t, "a")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	b.o.Listeners = append(b.o.Listeners, listen(func(e event.Event) {
		if _, ok := e.(event.HostStarted); ok {
			time.AfterFunc(50*time.Millisecond, cancel)
		}
	}))
	b.file("site.yml", "- hosts: all\n  gather_facts: false\n  tasks:\n    - name: long\n      shell: sleep 600\n      ignore_errors: true\n")
	book, err := playbooks.Load("site.yml", b.load)
	if err != nil {
		t.Fatal(err)
	}
	b.o.Playbooks = []*playbooks.Playbook{book}
	done := make(chan struct{})
	var report *Report
	go func() {
		defer close(done)
		report, err = Run(ctx, b.o)
	}()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatal("the run goes on after it was cancelled")
	}
	b.wantKind(err, Aborted)
	if report.Pending["a"] != "long" {
		t.Errorf("pending %v", report.Pending)
	}
	if len(report.Failed) > 0 {
		t.Errorf("what was cancelled counts as failed: %v", report.Failed)
	}
}

func TestRetriesAndPausesStop(t *testing.T) {
	for _, task := range []string{"shell: exit 1\n      retries: 5\n      delay: 600\n      until: false", "pause: {minutes: 10}"} {
		b := newBench(t, "a")
		stop := make(chan struct{})
		b.o.Stop = stop
		b.o.Listeners = append(b.o.Listeners, listen(func(e event.Event) {
			if _, ok := e.(event.HostStarted); ok {
				time.AfterFunc(50*time.Millisecond, func() { close(stop) })
			}
		}))
		_, err := b.run("- hosts: a\n  gather_facts: false\n  tasks:\n    - " + task + "\n")
		b.wantKind(err, Aborted)
	}
}

// Two hosts of an inventory may be one machine, whose note both write at once.
func TestOwedHandlersOfOneMachineUnderManyNames(t *testing.T) {
	b := newBench(t, "a", "b", "c", "d", "e", "f")
	b.o.PendingHandlers = session.PendingHandlerFiles{Dir: filepath.Join(b.dir, "owed")}
	b.o.Forks = 6
	for range 5 {
		b.rec.lines = nil
		if _, err := b.run(`
- name: web
  hosts: all
  gather_facts: false
  tasks:
    - shell: "true"
      notify: restart
  handlers:
    - name: restart
      shell: "true"
`); err != nil {
			t.Fatal(err)
		}
		for _, e := range b.rec.events {
			if said, ok := e.(event.HostSaid); ok {
				t.Fatalf("%s: %s", said.Host, said.Line)
			}
		}
		if left, _ := filepath.Glob(filepath.Join(b.dir, "owed", "*")); len(left) != 0 {
			t.Fatalf("left: %v", left)
		}
	}
}

func TestOwedHandlersAreRemembered(t *testing.T) {
	const playbook = `
- name: web
  hosts: a
  gather_facts: false
  tasks:
    - content: {path: "{{ dir }}/conf", text: new}
      notify: restart
    - shell: test -e {{ dir }}/mended
      changed_when: false
  handlers:
    - name: restart
      shell: echo x >> {{ dir }}/restarts
`
	b := newBench(t, "a")
	files := session.PendingHandlerFiles{Dir: filepath.Join(b.dir, "owed")}
	b.o.PendingHandlers = files
	_, err := b.run(playbook)
	b.wantKind(err, HostFailed)
	left, _ := filepath.Glob(filepath.Join(b.dir, "owed", "*"))
	if len(left) != 1 {
		t.Fatalf("nothing is remembered: %v", left)
	}
	b.file("mended", "")
	b.rec.lines = nil
	if _, err := b.run(playbook); err != nil {
		t.Fatal(err)
	}
	if got := b.rec.text(); !strings.Contains(got, "handler restart\n  a changed") || strings.Contains(got, "content\n  a changed") {
		t.Errorf("the second run:\n%s", got)
	}
	if left, _ := filepath.Glob(filepath.Join(b.dir, "owed", "*")); len(left) != 0 {
		t.Errorf("it is still owed: %v", left)
	}
	b.rec.lines = nil
	if _, err := b.run(playbook); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.rec.text(), "handler") {
		t.Errorf("the third run:\n%s", b.rec.text())
	}
}

// TestOwedHandlersWaitForTheirTask has one run where it would have, had its task changed something now: what it names is known then, and
// what follows its flush finds it done.
func TestOwedHandlersWaitForTheirTask(t *testing.T) {
	const playbook = `
- name: web
  hosts: a
  gather_facts: false
  tasks:
    - set_fact: {log: restarts}
    - content: {path: "{{ dir }}/conf", text: new}
      notify: restart
    - shell: test -e {{ dir }}/mended
      changed_when: false
    - meta: flush_handlers
    - shell: test -e {{ dir }}/restarts
      changed_when: false
  handlers:
    - name: restart
      shell: echo x >> {{ dir }}/{{ log }}
`
	b := newBench(t, "a")
	b.o.PendingHandlers = session.PendingHandlerFiles{Dir: filepath.Join(b.dir, "owed")}
	for range 2 { // the second fails at the same task, and not for the handler
		b.rec.lines = nil
		_, err := b.run(playbook)
		b.wantKind(err, HostFailed)
		if strings.Contains(b.rec.text(), "handler restart") {
			t.Fatalf("it ran although the task before its flush failed:\n%s", b.rec.text())
		}
	}
	b.file("mended", "")
	if _, err := b.run(playbook); err != nil {
		t.Fatalf("%v\n%s", err, b.rec.text())
	}
	if left, _ := filepath.Glob(filepath.Join(b.dir, "owed", "*")); len(left) != 0 {
		t.Errorf("it is still owed: %v", left)
	}
}

// TestOwedIsWrittenBeforeTheChange holds that being killed between a change and the end of the play loses nothing.
func TestOwedIsWrittenBeforeTheChange(t *testing.T) {
	b := newBench(t, "a")
	b.o.PendingHandlers = session.PendingHandlerFiles{Dir: filepath.Join(b.dir, "owed")}
	_, err := b.run(`
- name: web
  hosts: a
  gather_facts: false
  tasks:
    - shell: grep -q restart {{ dir }}/owed/*
      notify: restart
  handlers:
    - name: restart
      echo: x
`)
	if err != nil {
		t.Errorf("the change was made before the handler was written down: %v\n%s", err, b.rec.text())
	}
}

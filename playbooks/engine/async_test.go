package engine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/all"
)

// withCommands lets the playbooks of a bench use the real modules besides its own, and keeps jobs in its directory.
func withCommands(t *testing.T, b *bench) {
	t.Helper()
	b.o.Lookup = func(name string) (*tasks.Module, bool) {
		if m, ok := testLookup(name); ok && name != "shell" {
			return m, true
		}
		return all.Lookup(name)
	}
	b.load.Lookup = b.o.Lookup
	t.Setenv("ANSIBLE_ASYNC_DIR", filepath.Join(b.dir, "jobs"))
}

func TestAJobGoesOnByItselfAndIsFoundAgain(t *testing.T) {
	b := newBench(t, "a")
	withCommands(t, b)
	if _, err := b.run(`
- hosts: a
  gather_facts: false
  tasks:
    - command: sh -c "while [ ! -e {{ dir }}/gate ]; do sleep 0.05; done; echo {{ item }}"
      async: 60
      poll: 0
      register: jobs
      loop: [x, y]
    - async_status: {jid: "{{ jobs.results[0].ansible_job_id }}"}
      register: early
    - content: {path: "{{ dir }}/gate", text: open}
    - async_status: {jid: "{{ item.ansible_job_id }}"}
      loop: "{{ jobs.results }}"
      register: done
      until: done.finished
      retries: 1000
      delay: 0.1
    - echo: "{{ jobs.changed }} {{ early.finished == 0 }} {{ done.results | map(attribute='stdout') | list }}"
    - async_status: {jid: "{{ item.ansible_job_id }}", mode: cleanup}
      loop: "{{ jobs.results }}"
`); err != nil {
		t.Fatal(err)
	}
	if want := "a ok: True True ['x', 'y']"; !strings.Contains(b.rec.text(), want) {
		t.Errorf("%s\nwant %s", b.rec.text(), want)
	}
	if left, err := os.ReadDir(filepath.Join(b.dir, "jobs")); err != nil || len(left) != 0 {
		t.Errorf("it left %v, %v", left, err)
	}
}

func TestAJobThatIsWaitedFor(t *testing.T) {
	b := newBench(t, "a")
	withCommands(t, b)
	if _, err := b.run(`
- hosts: a
  gather_facts: false
  tasks:
    - command: echo polled
      async: 60
      poll: 1
      register: done
    - command: sleep 600
      async: 1
      poll: 1
      register: late
      ignore_errors: true
    - command: echo never
      async: 60
      check_mode: true
      register: checked
    - echo: "{{ done.stdout }} {{ done.finished }} {{ late.msg }}, {{ checked is skipped }} {{ checked.finished }}"
`); err != nil {
		t.Fatal(err)
	}
	const want = "a ok: polled True async task did not complete within the requested time - 1s, True True"
	if !strings.Contains(b.rec.text(), want) {
		t.Errorf("%s\nwant %s", b.rec.text(), want)
	}
	if left, err := os.ReadDir(filepath.Join(b.dir, "jobs")); err != nil || len(left) != 0 {
		t.Errorf("it left %v, %v", left, err)
	}
}

// What ends has its values where it is asked for, whatever module it is.
func TestEveryModuleGoesOnByItself(t *testing.T) {
	b := newBench(t, "a")
	withCommands(t, b)
	if _, err := b.run(`
- hosts: a
  gather_facts: false
  tasks:
    - file: {path: "{{ dir }}/made", state: directory, mode: "0711"}
      async: 60
      poll: 1
      register: polled
    - file: {path: "{{ dir }}/{{ item }}", state: touch, mode: "0640"}
      async: 60
      poll: 0
      register: jobs
      loop: [x, y]
    - file: {path: "{{ dir }}/nowhere/z", state: touch}
      async: 60
      poll: 0
      register: fails
    - async_status: {jid: "{{ item.ansible_job_id }}"}
      loop: "{{ jobs.results }}"
      register: done
      until: done.finished
      retries: 1000
      delay: 0.1
    - async_status: {jid: "{{ fails.ansible_job_id }}"}
      register: failed
      until: failed.finished
      retries: 1000
      delay: 0.1
      ignore_errors: true
    - stat: {path: "{{ dir }}/y"}
      register: there
    - echo: "{{ polled.finished }} {{ polled.state }} {{ jobs.changed }} {{ fails.finished }} {{ done.results | map(attribute='changed') | list }}"
    - echo: "{{ failed.finished }} {{ failed is failed }} {{ there.stat.exists }} {{ fails.results_file | basename == fails.ansible_job_id }}"
    - async_status: {jid: "{{ item }}", mode: cleanup}
      loop: "{{ jobs.results | map(attribute='ansible_job_id') | list + [fails.ansible_job_id] }}"
    - wait_for: {path: "{{ dir }}/end", state: present, timeout: 60}
      async: 90
      poll: 0
    - file: {path: "{{ dir }}/end", state: touch}
`); err != nil {
		t.Fatal(err, b.rec.text())
	}
	for _, want := range []string{"a ok: True directory True False [True, True]", "a ok: True True True True"} {
		if !strings.Contains(b.rec.text(), want) {
			t.Errorf("%s\nwant %s", b.rec.text(), want)
		}
	}
	left, err := os.ReadDir(filepath.Join(b.dir, "jobs"))
	if err != nil || len(left) != 2 {
		t.Fatalf("it left %v, %v", left, err) // the job that nobody asked for, which the run waited for
	}
	text, err := os.ReadFile(filepath.Join(b.dir, "jobs", left[1].Name()))
	if err != nil || !strings.Contains(string(text), `"finished":1`) {
		t.Errorf("what is noted of it: %s, %v", text, err)
	}
}

func TestJobsOfCheckMode(t *testing.T) {
	b := newBench(t, "a")
	withCommands(t, b)
	b.o.Check = true
	if _, err := b.run(`
- hosts: a
  gather_facts: false
  tasks:
    - file: {path: "{{ dir }}/made", state: directory}
      async: 60
      poll: 0
      register: job
    - async_status: {jid: "{{ job.ansible_job_id }}"}
      register: done
      until: done.finished
      retries: 3
      delay: 0
    - async_status: {jid: "{{ job.ansible_job_id }}", mode: cleanup}
    - echo: "{{ job.changed }} {{ job.finished }} {{ done.changed }} {{ done.finished }}"
`); err != nil {
		t.Fatal(err)
	}
	if want := "True False True True"; !strings.Contains(b.rec.text(), want) {
		t.Errorf("%s\nwant %s", b.rec.text(), want)
	}
	if _, err := os.Stat(filepath.Join(b.dir, "jobs")); err == nil {
		t.Error("something was noted")
	}
}

func TestModulesWithoutAsync(t *testing.T) {
	b := newBench(t, "a")
	withCommands(t, b)
	if _, err := b.run(`
- hosts: a
  gather_facts: false
  tasks:
    - copy: {content: x, dest: "{{ dir }}/x"}
      async: "{{ 60 }}"
      register: refused
      ignore_errors: true
    - echo: "{{ refused.msg }}"
`); err != nil {
		t.Fatal(err)
	}
	if want := "This action (copy) does not support async."; !strings.Contains(b.rec.text(), want) {
		t.Errorf("%s\nwant %s", b.rec.text(), want)
	}
}

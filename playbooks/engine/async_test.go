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
      ignore_errors: true
    - echo: "{{ done.stdout }} {{ done.finished }} {{ late.msg }}, {{ checked.msg }}"
`); err != nil {
		t.Fatal(err)
	}
	const want = "a ok: polled True async task did not complete within the requested time - 1s, check mode and async cannot"
	if !strings.Contains(b.rec.text(), want) {
		t.Errorf("%s\nwant %s", b.rec.text(), want)
	}
	if left, err := os.ReadDir(filepath.Join(b.dir, "jobs")); err != nil || len(left) != 0 {
		t.Errorf("it left %v, %v", left, err)
	}
}

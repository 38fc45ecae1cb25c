package engine

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/playbooks/engine/event"
)

func TestAChangeIsMadeProvedAndNotMadeAgain(t *testing.T) {
	const playbook = `
- hosts: a
  gather_facts: false
  tasks:
    - content: {path: "{{ dir }}/motd", text: "it's {{ inventory_hostname }}\n"}
      diff: true
`
	b := newBench(t, "a")
	if _, err := b.run(playbook); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(b.dir, "motd"))
	if err != nil || string(got) != "it's a\n" {
		t.Fatalf("the file holds %q, %v", got, err)
	}
	if n := len(b.conns["a"].runs); n != 2 {
		t.Errorf("a change took %d round trips, not a probe and one more: %q", n, b.conns["a"].runs)
	}
	b.rec.lines = nil
	if _, err := b.run(playbook); err != nil {
		t.Fatal(err)
	}
	if n := len(b.conns["a"].runs); n != 1 {
		t.Errorf("no change took %d round trips, not 1", n)
	}
	if !strings.Contains(b.rec.text(), "a ok") {
		t.Errorf("the second run: %s", b.rec.text())
	}
}

// In a check a task that waits for an earlier one is a change that cannot be known; in a real run the reason is the error.
func TestAChangeThatCannotBeMadeYetFailsWithTheReason(t *testing.T) {
	b := newBench(t, "a")
	const playbook = "- hosts: a\n  gather_facts: false\n  tasks:\n    - early:\n"
	_, err := b.run(playbook)
	b.wantKind(err, HostFailed)
	if text := b.rec.text(); !strings.Contains(text, "a failed: the engine is not there yet") {
		t.Error(text)
	}
	b.o.Check = true
	if _, err := b.run(playbook); err != nil {
		t.Errorf("a check: %v", err)
	}
}

func TestAnItemSeesWhatTheOnesBeforeItSetAndReturned(t *testing.T) {
	b := newBench(t, "a")
	if _, err := b.run(`
- hosts: a
  gather_facts: false
  tasks:
    - set_fact: {list: "{{ list | default([]) + [item] }}"}
      loop: [x, y, z]
    - echo: "{{ before.msg | default('none') }}{{ item }}"
      loop: [1, 2, 3]
      register: before
    - echo: "{{ list }} {{ before.results | map(attribute='msg') | list }}"
`); err != nil {
		t.Fatal(err)
	}
	if want := "a ok: ['x', 'y', 'z'] ['none1', 'none12', 'none123']"; !strings.Contains(b.rec.text(), want) {
		t.Errorf("%s\nwant %s", b.rec.text(), want)
	}
}

func TestNamesOfFactsMayBeTemplates(t *testing.T) {
	b := newBench(t, "a")
	if _, err := b.run(`
- hosts: a
  gather_facts: false
  vars: {what: port}
  tasks:
    - set_fact: {"my_{{ what }}": 5432}
    - echo: "{{ my_port }} {{ ansible_verbosity }}"
`); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.rec.text(), "a ok: 5432 0") {
		t.Error(b.rec.text())
	}
}

func TestWhatAChangeMadeIsNotForgottenWhenItIsProved(t *testing.T) {
	b := newBench(t, "a")
	if _, err := b.run(`
- hosts: a
  gather_facts: false
  tasks:
    - content: {path: "{{ dir }}/motd", text: x}
      register: made
    - content: {path: "{{ dir }}/motd", text: x}
      register: again
    - echo: "{{ made.kept | basename }} {{ again.kept == '' }}"
`); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.rec.text(), "a ok: motd~ True") {
		t.Error(b.rec.text())
	}
}

func TestAChangeThatDoesNotTakeEffectIsAFailure(t *testing.T) {
	b := newBench(t, "a")
	_, err := b.run(`
- hosts: a
  gather_facts: false
  tasks:
    - content: {path: "{{ dir }}/motd", text: wanted, broken: true}
`)
	b.wantKind(err, HostFailed)
	if !strings.Contains(b.rec.text(), `is "" and should be "wanted"`) {
		t.Errorf("the failure does not say what is different: %s", b.rec.text())
	}
}

// What a program wrote is the result's to the last byte, where a module hands it on, also when it failed.
func TestOutputOfAChangeThatFailed(t *testing.T) {
	b := newBench(t, "a")
	if _, err := b.run(`
- hosts: a
  gather_facts: false
  tasks:
    - content: {path: "{{ dir }}/motd", text: wanted, told: true}
      register: made
      ignore_errors: true
    - echo: "{{ made.rc }} {{ made.stdout | to_json }} {{ made.stderr | to_json }} {{ made.stderr_lines | to_json }}"
`); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.rec.text(), `a ok: 3 "no\n" "not so\n" ["not so"]`) {
		t.Error(b.rec.text())
	}
}

func TestCheckModeAsksAndChangesNothing(t *testing.T) {
	b := newBench(t, "a")
	b.o.Check, b.o.Diff = true, true
	report, err := b.run(`
- hosts: a
  gather_facts: false
  tasks:
    - content: {path: "{{ dir }}/motd", text: wanted}
    - shell: touch {{ dir }}/really
      check_mode: false
    - echo: "{{ ansible_check_mode }}"
`)
	if err != nil {
		t.Fatal(err)
	}
	if report.Changed != 2 {
		t.Errorf("%d changes are reported, not 2", report.Changed)
	}
	if _, err := os.Stat(filepath.Join(b.dir, "motd")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("check mode has made the file: %v", err)
	}
	if _, err := os.Stat(filepath.Join(b.dir, "really")); err != nil {
		t.Errorf("check_mode: false has not run: %v", err)
	}
	d := b.rec.done("a", 0)
	if len(d.Diff) != 1 || d.Diff[0].After != "wanted" {
		t.Errorf("the difference is %+v", d.Diff)
	}
}

func TestFailuresOfModules(t *testing.T) {
	for _, c := range []struct{ name, task, want string }{
		{"panic", "fail: {msg: panic}", "the module fail panicked: as asked"},
		{"argument", `echo: {changed: "{{ 'maybe' }}"}`, `echo: argument "changed" must be a boolean`},
		{"undefined", `echo: "{{ nothing }}"`, `"nothing" is undefined`},
		{"condition", "echo: x\n      when: nothing == 1", `"nothing" is undefined`},
		{"status", "shell: echo why >&2; exit 3", "why (exit status 3)"},
		{"timeout", "shell: sleep 60\n      timeout: 1", "longer than the 1 seconds"},
		{"become", "shell: id\n      become: true\n      vars: {ansible_become_password: hopeless}", "become root with sudo: it is wrong"},
		{"another sudo", "shell: id\n      become: true\n      vars: {ansible_become_exe: sudo su -}", `ansible_become_exe is "sudo su -": polarbook calls the sudo`},
		{"another su", "shell: id\n      become: true\n      become_method: su\n      vars: {ansible_su_exe: /opt/sesu}", `ansible_su_exe is "/opt/sesu"`},
		{"sudo elsewhere", "shell: id\n      become: true\n      vars: {ansible_sudo_chdir: /srv}", "ansible_sudo_chdir"},
		{"until", "shell: exit 1\n      retries: 1\n      delay: 0\n      until: false", "exit status 1"},
		{"failed_when", "shell: echo bad\n      register: r\n      failed_when: r.stdout == 'bad'", "failed_when was true"},
		{"loop", "echo: x\n      loop: \"{{ nothing }}\"", `"nothing" is undefined`},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, "a")
			_, err := b.run("- hosts: a\n  gather_facts: false\n  tasks:\n    - " + c.task + "\n")
			b.wantKind(err, HostFailed)
			if d := b.rec.done("a", 0); d.Status != event.Failed || !strings.Contains(d.Msg, c.want) {
				t.Errorf("%s: %s, want %q", d.Status, d.Msg, c.want)
			}
		})
	}
}

func TestRetriesDefaultsAndConditionsOfResults(t *testing.T) {
	b := newBench(t, "a")
	_, err := b.run(`
- hosts: a
  gather_facts: false
  module_defaults:
    echo: {mode: fancy}
  environment: {GREETING: hello}
  tasks:
    - shell: echo x >> {{ dir }}/count; wc -l < {{ dir }}/count
      register: r
      until: r.stdout | int == 3
      retries: 5
      delay: 0
      changed_when: false
    - echo: "{{ r.attempts }} {{ r.changed }}"
      register: e
    - echo: "{{ e.mode }}"
    - shell: echo $GREETING $NAME
      environment: {NAME: "{{ inventory_hostname }}"}
      register: r
    - echo: {msg: "{{ r.stdout }}", mode: "{{ omit }}", expr: "1 + 1"}
      register: e
    - echo: "{{ e.value }} {{ e.mode }}"
    - shell: exit 4
      register: r
      failed_when: r.rc not in [0, 4]
    - echo: {msg: skipped}
      when: nothing is defined and nothing.more
      loop: "{{ nothing }}"
`)
	if err != nil {
		t.Error(err)
	}
	b.want(`
play a [a]
task shell
 a retry 1/6
 a retry 2/6
 a ok
task echo
 a ok: 3 False
task echo
 a ok: fancy
task shell
 a changed
task echo
 a ok: hello a
task echo
 a ok: 2 plain
task shell
 a changed: exit status 4, no output
task echo
 a skipped: Conditional result was False
a ok=7 changed=2 unreachable=0 failed=0 skipped=1 rescued=0 ignored=0`)
}

func (r *recorder) done(host string, n int) event.HostDone {
	for _, e := range r.events {
		if d, ok := e.(event.HostDone); ok && d.Host == host {
			if n == 0 {
				return d
			}
			n--
		}
	}
	return event.HostDone{}
}

// What a message names is often there only when something has gone wrong.
func TestMessagesAreRenderedWhenTheyAreNeeded(t *testing.T) {
	const playbook = `
- hosts: a
  gather_facts: false
  tasks:
    - assert: {that: faults | length == 0, fail_msg: "{{ (faults | first).line }} {{ nobody_set_this }}"}
    - assert: {that: true, success_msg: "all {{ faults | length }} are well", fail_msg: "{{ omit }}"}
      register: well
    - assert: {that: "well.msg == 'all 0 are well'", fail_msg: "it was {{ well.msg }}"}
    - block:
        - assert: {that: faults | length == 1, fail_msg: "{{ faults | length }} of them"}
      rescue:
        - assert: {that: "ansible_failed_result.msg == '0 of them'"}
    - assert: {that: faults | length == 1, fail_msg: "{{ nobody_set_this }}"}
  vars: {faults: []}
`
	b := newBench(t, "a")
	_, err := b.run(playbook)
	b.wantKind(err, HostFailed)
	text := b.rec.text()
	if !strings.Contains(text, "this does not hold: faults | length == 1; fail_msg cannot be rendered") ||
		!strings.Contains(text, "nobody_set_this") {
		t.Error(text)
	}
}

// Where there is no network, what would always go there is refused before the host is asked, and what would do so for its change alone
// when there is one to make.
func TestWithoutANetwork(t *testing.T) {
	for _, c := range []struct {
		text, offline string
		there         string // what the file holds before
		refused       bool
		trips         int
	}{
		{"fetched", "true", "fetched", true, 0},
		{"fetched", "false", "fetched", false, 1},
		{"fetched where it lacks", "yes", "fetched where it lacks", false, 1},
		{"fetched where it lacks", "true", "other", true, 1},
		{"fetched where it lacks", "false", "other", false, 2},
		{"mine", "true", "other", false, 2},
	} {
		for _, check := range []bool{false, true} {
			b := newBench(t, "a")
			if err := os.WriteFile(filepath.Join(b.dir, "motd"), []byte(c.there), 0o644); err != nil {
				t.Fatal(err)
			}
			b.o.Check = check
			_, err := b.run("- hosts: a\n  gather_facts: false\n  vars: {polarbook_offline: " + c.offline + "}\n  tasks:\n" +
				"    - content: {path: \"{{ dir }}/motd\", text: " + c.text + "}\n")
			said := strings.Contains(b.rec.text(), "content would fetch it, and this site has no network (polarbook_offline)")
			if c.refused != (err != nil) || said != c.refused {
				t.Errorf("%+v, check %v: %v: %s", c, check, err, b.rec.text())
			}
			trips := c.trips
			if check {
				trips = min(1, trips)
			}
			if n := len(b.conns["a"].runs); n != trips {
				t.Errorf("%+v, check %v: the host was asked %d times", c, check, n)
			}
			if got, _ := os.ReadFile(filepath.Join(b.dir, "motd")); (c.refused || check) && string(got) != c.there {
				t.Errorf("%+v, check %v: the file holds %q", c, check, got)
			}
		}
	}
}

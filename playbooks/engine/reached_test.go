package engine

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/polarbook/polarbook/playbooks/engine/session"
)

// As in Ansible a task finds the address and the user that it works with, though no variable says them, and hostvars do not.
func TestAddressAndUserOfATask(t *testing.T) {
	b := newBench(t, "a")
	b.inv.AddHost("b", nil, map[string]any{"ansible_host": "10.9.9.9"})
	b.inv.AddHost("c", nil, map[string]any{"ansible_ssh_host": "10.9.9.8"})
	b.o.Defaults.Keywords = map[session.Keyword]string{session.RemoteUser: "cfg"}
	_, err := b.run(`
- hosts: [a, b, c]
  gather_facts: false
  tasks:
    - echo: "{{ ansible_host }} {{ ansible_ssh_host }} {{ ansible_user }} {{ hostvars.a.ansible_host is defined }}"
    - echo: "of b {{ ansible_host }}"
      delegate_to: b
    - echo: "nowhere {{ ansible_host }}"
      delegate_to: localhost
      when: ansible_host in ['localhost', '10.9.9.9', '10.9.9.8']
    - echo: "{{ ansible_user }}"
      remote_user: "{{ who }}"
      vars: {who: eve}
    - echo: x
      delegate_to: "{{ ansible_host | default('b') }}"
`)
	b.wantKind(err, 0)
	text := b.rec.text()
	for _, want := range []string{
		"a ok: a a cfg False", "b ok: 10.9.9.9 10.9.9.9 cfg False", "c ok on=b: of b 10.9.9.9", "c ok: 10.9.9.8 10.9.9.8 cfg False",
		"a ok on=b: of b 10.9.9.9", "a ok on=localhost: nowhere localhost", "a ok: eve",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("want %q in\n%s", want, text)
		}
	}
}

// What a play's hosts are made of are its own variables, those of the command line, the groups and hostvars.
func TestHostsMadeOfGroupsAndHostvars(t *testing.T) {
	b := newBench(t, "a", "b")
	_, err := b.run(`
- hosts: "{{ groups['all'] | first }}"
  gather_facts: false
  tasks:
    - set_fact: {next: b}
- hosts: "{{ hostvars['a'].next }}"
  gather_facts: false
  serial: 1
  tasks:
    - echo: "next {{ play_hosts | join }}"
- hosts: [a, b]
  gather_facts: false
  serial: 1
  tasks:
    - echo: "batch {{ play_hosts | join }}"
`)
	b.wantKind(err, 0)
	for _, want := range []string{"b ok: next b", "a ok: batch a", "b ok: batch b"} {
		if !strings.Contains(b.rec.text(), want) {
			t.Errorf("want %q in\n%s", want, b.rec.text())
		}
	}
}

// An environment is printed as Python does it, and what is omitted is not set.
func TestEnvironmentAsPythonPrintsIt(t *testing.T) {
	b := newBench(t, "a")
	_, err := b.run(`
- hosts: a
  gather_facts: false
  tasks:
    - shell: 'echo "<$A><$B><$C><$D><${E-unset}>" > {{ dir }}/out'
      environment: {A: true, B: 1.0, C: null, D: [1], E: "{{ omit }}"}
`)
	b.wantKind(err, 0)
	got, err := os.ReadFile(filepath.Join(b.dir, "out"))
	if want := "<True><1.0><None><[1]><unset>\n"; err != nil || string(got) != want {
		t.Errorf("%q (%v), want %q", got, err, want)
	}
}

// A rescue around sees what failed last, and so does an always on the way to it.
func TestWhatFailedIsSeenOnTheWay(t *testing.T) {
	b := newBench(t, "a")
	_, err := b.run(`
- hosts: a
  gather_facts: false
  tasks:
    - block:
        - block:
            - name: one
              fail: {msg: first}
              tags: t
              delegate_to: "{{ inventory_hostname }}"
          rescue:
            - name: two
              fail: {msg: second}
              delegate_to: "{{ inventory_hostname }}"
          always:
            - echo: "always {{ ansible_failed_task.name }} {{ ansible_failed_task.args.msg }}"
      rescue:
        - echo: "rescue {{ ansible_failed_task.name }} {{ ansible_failed_task.tags }} {{ ansible_failed_task.delegate_to }}"
`)
	b.wantKind(err, 0)
	for _, want := range []string{"a ok: always two second", "a ok: rescue two [] a"} {
		if !strings.Contains(b.rec.text(), want) {
			t.Errorf("want %q in\n%s", want, b.rec.text())
		}
	}
}

// What a role's use says in vars loses to the role's own variables in the roles that it depends on, and wins in the role itself.
func TestVariablesOfARoleInItsDependencies(t *testing.T) {
	b := newBench(t, "a")
	b.file("roles/r/vars/main.yml", "both: own\n")
	b.file("roles/r/meta/main.yml", "dependencies: [d]\n")
	b.file("roles/r/tasks/main.yml", "- echo: \"r {{ both }} {{ one }}\"\n")
	b.file("roles/d/tasks/main.yml", "- echo: \"d {{ both }} {{ one }}\"\n")
	_, err := b.run(`
- hosts: a
  gather_facts: false
  roles:
    - {role: r, vars: {both: use, one: use}}
`)
	b.wantKind(err, 0)
	for _, want := range []string{"a ok: d own use", "a ok: r use use"} {
		if !strings.Contains(b.rec.text(), want) {
			t.Errorf("want %q in\n%s", want, b.rec.text())
		}
	}
}

// apply takes notify, as a block does.
func TestApplyNotifies(t *testing.T) {
	b := newBench(t, "a")
	b.file("inc.yml", "- echo: {msg: inner, changed: true}\n")
	_, err := b.run(`
- hosts: a
  gather_facts: false
  tasks:
    - include_tasks: {file: inc.yml, apply: {notify: told}}
  handlers:
    - {name: told, echo: handled}
`)
	b.wantKind(err, 0)
	if want := "a ok: handled"; !strings.Contains(b.rec.text(), want) {
		t.Errorf("want %q in\n%s", want, b.rec.text())
	}
}

// A pause of no seconds asks nobody, where there is a terminal, too.
func TestAPauseOfNoSecondsAsksNobody(t *testing.T) {
	b := newBench(t, "a")
	b.o.Prompt = func(context.Context, Question) (string, error) { return "", errors.New("asked") }
	_, err := b.run(`
- hosts: a
  gather_facts: false
  tasks:
    - pause: {seconds: 0}
      register: p
    - echo: "{{ p.rc }} {{ p.echo }} {{ p.stdout is match('Paused for') }} {{ p.start < p.stop }}"
`)
	b.wantKind(err, 0)
	if want := "a ok: 0 True True True"; !strings.Contains(b.rec.text(), want) {
		t.Errorf("want %q in\n%s", want, b.rec.text())
	}
}

// As Ansible 2.19 has it: a task finds how its host is reached, which hostvars do not tell, and where it is delegated to.
func TestHowAHostIsReached(t *testing.T) {
	b := newBench(t, "a")
	b.inv.AddHost("b", nil, map[string]any{"ansible_host": "10.9.9.9", "ansible_user": "bob", "mine": "{{ inventory_hostname }}"})
	b.inv.AddHost("c", nil, nil)
	b.o.SSH.ConnectTimeout = 20 * time.Second
	_, err := b.run(`
- hosts: a
  gather_facts: false
  tasks:
    - echo: "{{ ansible_timeout + 1 }} {{ ansible_ssh_timeout }} {{ ansible_shell_executable }} {{ not ansible_pipelining }}"
    - echo: "{{ ansible_shell_type is defined }} {{ hostvars.a.ansible_timeout is defined }} {{ ansible_delegated_vars is defined }}"
    - echo: "said {{ ansible_timeout }}"
      vars: {ansible_timeout: 5}
    - echo: "{{ ansible_delegated_vars.b.ansible_host }} {{ ansible_delegated_vars.b.ansible_user }} {{ ansible_user }} {{ of }}"
      delegate_to: b
      vars: {of: "{{ ansible_delegated_vars.b.inventory_hostname }} {{ ansible_delegated_vars | list }}"}
    - echo: "loop {{ item }} {{ ansible_delegated_vars[item].ansible_host }} {{ ansible_delegated_vars[item].ansible_port is none }}"
      delegate_to: "{{ item }}"
      loop: [b, c]
    - echo: "{{ ansible_delegated_vars }}"
      delegate_to: "{{ ansible_delegated_vars | default('a') }}"
      when: false
`)
	b.wantKind(err, 0)
	text := b.rec.text()
	for _, want := range []string{
		"a ok: 21 20 /bin/sh True", "a ok: False False False", "a ok: said 5", "a ok on=b: 10.9.9.9 bob bob a ['b']",
		"loop b 10.9.9.9 True", "loop c c True",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("want %q in\n%s", want, text)
		}
	}
}

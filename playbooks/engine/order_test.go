package engine

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/inventory"
	"github.com/polarbook/polarbook/playbooks/engine/event"
	"github.com/polarbook/polarbook/tasks/all"
)

// TestOrderIsAnsibles holds what ansible-core 2.14 says in this play, but for keys that only one of the two has (Ansible's
// invocation and discovered interpreter, failed of a loop and false_condition) and for where "changed" is among them in the
// results of debug and fail.
func TestOrderIsAnsibles(t *testing.T) {
	b := newBench(t)
	b.o.Lookup, b.load.Lookup = all.Lookup, all.Lookup
	b.file("vf.yml", "file_z: 1\nfile_a: 2\n")
	b.file("inv.yml", "all:\n  vars: {inv_z: 1, inv_a: 2}\n  children:\n    zeta: {hosts: {a: {host_z: 1, host_a: 2, inv_a: "+
		"3}}, vars: {inv_g: 1, inv_b: 1}}\n")
	inv, err := inventory.Load([]string{filepath.Join(b.dir, "inv.yml")})
	if err != nil {
		t.Fatal(err)
	}
	b.inv, b.o.Inventory = inv, inv
	_, err = b.run(`
- hosts: a
  gather_facts: false
  vars: {zeta: 1, alpha: 2, mid: 3}
  vars_files: [vf.yml]
  tasks:
    - set_fact: {z_fact: 1, a_fact: 2}
      register: facts
    - set_fact: {m_fact: 1}
    - command: echo
      register: command
    - command: "false"
      register: failing
      ignore_errors: true
    - command: echo
      when: false
      register: skipped
    - command: echo {{ item }}
      loop: [1]
      register: looped
    - command: echo
      register: again
      until: true
      failed_when: false
    - debug: msg="{{ facts.keys() | list | to_json }}"
    - debug: msg="{{ command.keys() | list | to_json }}"
    - debug: msg="{{ failing.keys() | list | to_json }}"
    - debug: msg="{{ skipped.keys() | list | to_json }}"
    - debug: msg="{{ looped.keys() | list | to_json }}"
    - debug: msg="{{ looped.results[0].keys() | list | to_json }}"
    - debug: msg="{{ again.keys() | list | to_json }}"
    - debug: msg="{{ vars.keys() | select('match', '^(zeta|alpha|mid|inv_|host_|group_|z_|a_|m_|file_|task_)') | reject('equalto', 'group_names') | list | to_json }}"
      vars: {task_z: 1, task_a: 2}
    - debug: msg="{{ hostvars['a'].keys() | select('match', '^(zeta|alpha|mid|inv_|host_|z_|a_|m_|file_)') | list | to_json }}"
`)
	b.wantKind(err, 0)
	const own = `"stdout", "stderr", "rc", "cmd", "start", "end", "delta"`
	const told = `"msg", "stdout_lines", "stderr_lines"`
	b.wantDebugged(
		`["ansible_facts", "failed", "changed"]`,
		`["changed", `+own+`, `+told+`, "failed"]`,
		`["changed", `+own+`, "failed", "msg", "stdout_lines", "stderr_lines"]`,
		`["changed", "skipped", "skip_reason", "false_condition"]`,
		`["results", "skipped", "changed", "msg", "failed"]`,
		`["changed", `+own+`, `+told+`, "failed", "item", "ansible_loop_var"]`,
		`["changed", `+own+`, `+told+`, "failed", "attempts", "failed_when_result"]`,
		`["inv_z", "inv_a", "inv_g", "inv_b", "host_z", "host_a", "zeta", "alpha", "mid", "file_z", "file_a", "task_z", "task_a", "z_fact", "a_fact", "m_fact"]`,
		`["inv_z", "inv_a", "inv_g", "inv_b", "host_z", "host_a", "z_fact", "a_fact", "m_fact"]`,
	)
	for _, e := range b.rec.events {
		d, ok := e.(event.HostDone)
		if !ok || d.Values.Value("cmd") == nil {
			continue
		}
		told, err := json.Marshal(d.Values)
		if err != nil || !strings.HasPrefix(string(told), `{"changed":true,"stdout":"","stderr":"","rc":0,"cmd":`) {
			t.Errorf("the event says %s %v", told, err)
		}
		break
	}
}

// TestFactsKeepTheirOrder: ansible_facts holds facts in the order of the modules that gave them, and a fact that is given
// another value keeps its place.
func TestFactsKeepTheirOrder(t *testing.T) {
	b := newBench(t, "a")
	_, err := b.run(`
- hosts: a
  gather_facts: false
  tasks:
    - setup: {ansible_z: 1, ansible_m: 2, ansible_a: 3}
    - setup: {ansible_k: 1, ansible_m: 4}
    - echo: "{{ ansible_facts | to_json }} {{ vars.keys() | select('match', '^ansible_[zmak]$') | join(' ') }}"
`)
	b.wantKind(err, 0)
	b.wantDebugged(`{"z": 1, "m": 4, "a": 3, "distribution": "Debian", "k": 1} ansible_z ansible_m ansible_a ansible_k`)
}

// TestWhatHostsSayIsNotRenderedInRescue: what a failed task said is text, whatever braces it has.
func TestWhatHostsSayIsNotRenderedInRescue(t *testing.T) {
	b := newBench(t, "a")
	_, err := b.run(`
- hosts: a
  gather_facts: false
  vars: {hidden: seen}
  tasks:
    - block:
        - shell: "echo '{''{ hidden }''}'; exit 3"
      rescue:
        - echo: "{{ ansible_failed_result.stdout }} {{ ansible_failed_task.name }}"
`)
	b.wantKind(err, 0)
	b.wantDebugged(`{{ hidden }} `)
}

// wantDebugged compares the messages of the tasks debug and echo.
func (b *bench) wantDebugged(want ...string) {
	b.t.Helper()
	modules := map[int]string{}
	var got []string
	for _, e := range b.rec.events {
		switch e := e.(type) {
		case event.TaskStarted:
			modules[e.ID] = e.Module
		case event.HostDone:
			if m := modules[e.TaskID]; m == "debug" || m == "echo" {
				got = append(got, text(e.Values.Value("msg")))
			}
		}
	}
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		b.t.Errorf("got\n%s\nwant\n%s", g, w)
	}
}

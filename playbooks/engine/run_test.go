package engine

import "testing"

// TestPlaybooks runs playbooks through the loader and compares what happens, event by event. Hosts a, b, c.
func TestPlaybooks(t *testing.T) {
	for _, c := range []struct {
		name     string
		files    map[string]string
		playbook string
		set      func(*bench)
		kind     Kind
		want     string
	}{
		{
			name: "linear goes task by task, in the order of the hosts",
			playbook: `
- hosts: all
  gather_facts: false
  tasks:
    - name: one
      echo: {msg: "{{ inventory_hostname }}"}
    - name: two
      echo: {msg: second, changed: "{{ inventory_hostname == 'b' }}"}
`,
			want: `
play all [a b c]
task one
 a ok: a
 b ok: b
 c ok: c
task two
 a ok: second
 b changed: second
 c ok: second
a ok=2 changed=0 unreachable=0 failed=0 skipped=0 rescued=0 ignored=0
b ok=2 changed=1 unreachable=0 failed=0 skipped=0 rescued=0 ignored=0
c ok=2 changed=0 unreachable=0 failed=0 skipped=0 rescued=0 ignored=0`,
		},
		{
			name: "a host that fails is left out of all that follows",
			playbook: `
- hosts: all
  gather_facts: false
  tasks:
    - fail: {msg: gone}
      when: inventory_hostname == 'b'
    - echo: next
- hosts: all
  gather_facts: false
  tasks:
    - echo: last
`,
			kind: HostFailed,
			want: `
play all [a b c]
task fail
 a skipped: Conditional result was False
 b failed: gone
 c skipped: Conditional result was False
task echo
 a ok: next
 c ok: next
play all [a c]
task echo
 a ok: last
 c ok: last
a ok=2 changed=0 unreachable=0 failed=0 skipped=1 rescued=0 ignored=0
b ok=0 changed=0 unreachable=0 failed=1 skipped=0 rescued=0 ignored=0
c ok=2 changed=0 unreachable=0 failed=0 skipped=1 rescued=0 ignored=0`,
		},
		{
			name: "rescue takes a failure, always runs on all, and what failed is known",
			playbook: `
- hosts: a,b
  gather_facts: false
  tasks:
    - block:
        - name: breaks
          fail: {msg: "broken {{ inventory_hostname }}"}
          when: inventory_hostname == 'a'
        - echo: not on a
      rescue:
        - echo: "{{ ansible_failed_task.name }}: {{ ansible_failed_result.msg }} {{ ansible_failed_result.rc }}"
      always:
        - echo: always
    - echo: after
`,
			want: `
play a,b [a b]
task breaks
 a rescued: broken a
 b skipped: Conditional result was False
task echo
 b ok: not on a
task echo
 a ok: breaks: broken a 7
task echo
 a ok: always
 b ok: always
task echo
 a ok: after
 b ok: after
a ok=3 changed=0 unreachable=0 failed=0 skipped=0 rescued=1 ignored=0
b ok=3 changed=0 unreachable=0 failed=0 skipped=1 rescued=0 ignored=0`,
		},
		{
			name: "always runs after a failure that nothing rescues, and the host is out",
			playbook: `
- hosts: a
  gather_facts: false
  tasks:
    - block:
        - fail:
      always:
        - echo: always
    - echo: never
`,
			kind: HostFailed,
			want: `
play a [a]
task fail
 a failed: failed as asked
task echo
 a ok: always
a ok=1 changed=0 unreachable=0 failed=1 skipped=0 rescued=0 ignored=0`,
		},
		{
			name: "ignore_errors counts and goes on",
			playbook: `
- hosts: a
  gather_facts: false
  tasks:
    - fail:
      ignore_errors: true
      register: r
    - echo: "{{ r.failed }} {{ r is failed }} {{ r.stdout_lines }}"
`,
			want: `
play a [a]
task fail
 a ignored: failed as asked
task echo
 a ok: True True ['a', 'b']
a ok=2 changed=0 unreachable=0 failed=0 skipped=0 rescued=0 ignored=1`,
		},
		{
			name: "loops run item by item and their results are kept",
			playbook: `
- hosts: a
  gather_facts: false
  tasks:
    - echo: {msg: "{{ n }}/{{ i }}", changed: "{{ n == 2 }}"}
      loop: [1, 2, 3]
      when: n != 3
      loop_control: {loop_var: n, index_var: i, label: "no {{ n }}"}
      register: r
    - echo: "{{ r.results | map(attribute='msg') | select('defined') | list }} {{ r.changed }}"
    - echo: "{{ item.key }}={{ item.value }}"
      with_dict: {x: 1, y: 2}
    - echo: "{{ ansible_loop.index }} of {{ ansible_loop.length }}"
      loop: [p, q]
      loop_control: {extended: true}
    - echo: nothing
      loop: []
`,
			want: `
play a [a]
task echo
 a ok item=no 1: 1/0
 a changed item=no 2: 2/1
 a skipped item=no 3: Conditional result was False
 a changed: All items completed
task echo
 a ok: ['1/0', '2/1'] True
task echo
 a ok item={'key': 'x', 'value': 1}: x=1
 a ok item={'key': 'y', 'value': 2}: y=2
 a ok: All items completed
task echo
 a ok item=p: 1 of 2
 a ok item=q: 2 of 2
 a ok: All items completed
task echo
 a skipped: No items in the list
a ok=4 changed=1 unreachable=0 failed=0 skipped=1 rescued=0 ignored=0`,
		},
		{
			name: "handlers run once a host, at the end of each section, in the order of definition",
			playbook: `
- hosts: a,b
  gather_facts: false
  pre_tasks:
    - echo: {msg: pre, changed: true}
      notify: second
  tasks:
    - echo: {msg: one, changed: "{{ inventory_hostname == 'a' }}"}
      notify: [second, topic]
    - echo: {msg: two, changed: true}
      notify: second
  handlers:
    - name: first
      listen: topic
      echo: first
    - name: second
      echo: second
`,
			want: `
play a,b [a b]
task echo
 a changed: pre
 b changed: pre
handler second
 a ok: second
 b ok: second
task echo
 a changed: one
 b ok: one
task echo
 a changed: two
 b changed: two
handler first
 a ok: first
handler second
 a ok: second
 b ok: second
a ok=6 changed=3 unreachable=0 failed=0 skipped=0 rescued=0 ignored=0
b ok=5 changed=2 unreachable=0 failed=0 skipped=0 rescued=0 ignored=0`,
		},
		{
			name: "a failed host runs its handlers only when forced; flush_handlers runs them at once",
			playbook: `
- hosts: a
  gather_facts: false
  force_handlers: true
  tasks:
    - echo: {msg: one, changed: true}
      notify: h
    - meta: flush_handlers
    - echo: {msg: two, changed: true}
      notify: h
    - fail:
  handlers:
    - name: h
      echo: handled
- hosts: b
  gather_facts: false
  tasks:
    - echo: {msg: one, changed: true}
      notify: h
    - fail:
  handlers:
    - name: h
      echo: handled
`,
			kind: HostFailed,
			want: `
play a [a]
task echo
 a changed: one
handler h
 a ok: handled
task echo
 a changed: two
task fail
 a failed: failed as asked
handler h
 a ok: handled
a ok=4 changed=2 unreachable=0 failed=1 skipped=0 rescued=0 ignored=0`,
		},
		{
			name: "any_errors_fatal takes all hosts along",
			playbook: `
- hosts: all
  gather_facts: false
  any_errors_fatal: true
  tasks:
    - fail:
      when: inventory_hostname == 'b'
    - echo: never
- hosts: a
  gather_facts: false
  tasks:
    - echo: never
`,
			kind: HostFailed,
			want: `
play all [a b c]
task fail
 a skipped: Conditional result was False
 b failed: failed as asked
 c skipped: Conditional result was False
a ok=0 changed=0 unreachable=0 failed=0 skipped=1 rescued=0 ignored=0
b ok=0 changed=0 unreachable=0 failed=1 skipped=0 rescued=0 ignored=0
c ok=0 changed=0 unreachable=0 failed=0 skipped=1 rescued=0 ignored=0`,
		},
		{
			name: "max_fail_percentage and serial",
			playbook: `
- hosts: all
  gather_facts: false
  serial: [1, "100%"]
  max_fail_percentage: 49
  tasks:
    - fail:
      when: inventory_hostname == 'b'
    - echo: "batch {{ ansible_play_batch }} of {{ ansible_play_hosts_all }}"
`,
			kind: HostFailed,
			want: `
play all [a]
task fail
 a skipped: Conditional result was False
task echo
 a ok: batch ['a'] of ['a', 'b', 'c']
play all [b c]
task fail
 b failed: failed as asked
 c skipped: Conditional result was False
a ok=1 changed=0 unreachable=0 failed=0 skipped=1 rescued=0 ignored=0
b ok=0 changed=0 unreachable=0 failed=1 skipped=0 rescued=0 ignored=0
c ok=0 changed=0 unreachable=0 failed=0 skipped=1 rescued=0 ignored=0`,
		},
		{
			name: "run_once and delegation",
			playbook: `
- hosts: a,b
  gather_facts: false
  tasks:
    - echo: "from {{ inventory_hostname }}"
      run_once: true
      register: r
    - echo: "{{ r.msg }}"
    - shell: echo here
      delegate_to: c
      when: inventory_hostname == 'b'
      register: d
    - set_fact: {x: "{{ inventory_hostname }}"}
      delegate_to: c
      delegate_facts: false
    - echo: "{{ hostvars['b'].d.stdout | default('none') }} {{ hostvars.a.x }} {{ groups.all | length }}"
`,
			want: `
play a,b [a b]
task echo
 a ok: from a
task echo
 a ok: from a
 b ok: from a
task shell
 a skipped: Conditional result was False
 b changed on=c
task set_fact
 a ok on=c
 b ok on=c
task echo
 a ok: here a 3
 b ok: here a 3
a ok=4 changed=0 unreachable=0 failed=0 skipped=1 rescued=0 ignored=0
b ok=4 changed=1 unreachable=0 failed=0 skipped=0 rescued=0 ignored=0`,
		},
		{
			name:  "included tasks are grouped by what they include, with their variables above set_fact",
			files: map[string]string{"part.yml": "- echo: \"{{ x }} {{ item | default('-') }}\"\n", "b.yml": "- echo: file of b\n"},
			playbook: `
- hosts: a,b
  gather_facts: false
  tasks:
    - set_fact: {x: low}
    - include_tasks: part.yml
      vars: {x: high}
    - include_tasks: part.yml
      loop: [1, 2]
    - include_tasks: "{{ inventory_hostname }}.yml"
      when: inventory_hostname == 'b'
`,
			want: `
play a,b [a b]
task set_fact
 a ok
 b ok
task include_tasks
 a ok
 b ok
task echo
 a ok: high -
 b ok: high -
task include_tasks
 a ok item=1
 a ok item=2
 a ok: All items completed
 b ok item=1
 b ok item=2
 b ok: All items completed
task echo
 a ok: low 1
 b ok: low 1
task echo
 a ok: low 2
 b ok: low 2
task include_tasks
 a skipped: Conditional result was False
 b ok
task echo
 b ok: file of b
a ok=7 changed=0 unreachable=0 failed=0 skipped=1 rescued=0 ignored=0
b ok=9 changed=0 unreachable=0 failed=0 skipped=0 rescued=0 ignored=0`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, "a", "b", "c")
			for name, body := range c.files {
				b.file(name, body)
			}
			if c.set != nil {
				c.set(b)
			}
			_, err := b.run(c.playbook)
			b.wantKind(err, c.kind)
			b.want(c.want)
		})
	}
}

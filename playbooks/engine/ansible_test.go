package engine

import "testing"

// TestAsObservedWithAnsible holds what ansible-core 2.14 was seen to do where its documentation leaves it open.
func TestAsObservedWithAnsible(t *testing.T) {
	for _, c := range []struct {
		name, playbook, want string
		kind                 Kind
	}{
		{"an error that is fatal for all and rescued is rescued on all (2.19)", `
- hosts: all
  gather_facts: false
  any_errors_fatal: true
  tasks:
    - block:
        - fail:
          when: inventory_hostname == 'b'
        - echo: not reached
      rescue:
        - echo: "{{ ansible_failed_task is defined }}"
      always:
        - echo: always
    - echo: after
    - block:
        - block:
            - shell: "false"
              run_once: true
            - echo: not reached
          always:
            - echo: inner
      rescue:
        - fail: {msg: again}
          when: inventory_hostname == 'a'
      always:
        - echo: outer
    - echo: nor this
`, `
play all [a b]
task fail
 a skipped: Conditional result was False
 b rescued: failed as asked
task echo
 a ok: False
 b ok: True
task echo
 a ok: always
 b ok: always
task echo
 a ok: after
 b ok: after
task shell
 a rescued: exit status 1, no output
task echo
 a ok: inner
 b ok: inner
task fail
 a failed: again
 b skipped: Conditional result was False
task echo
 a ok: outer
 b ok: outer
a ok=5 changed=0 unreachable=0 failed=1 skipped=1 rescued=1 ignored=0
b ok=5 changed=0 unreachable=0 failed=0 skipped=1 rescued=1 ignored=0`, HostFailed},
		{"where a task that runs once is rescued, the other hosts see only what is there always (2.19)", `
- hosts: all
  gather_facts: false
  tasks:
    - block:
        - shell: "false"
          run_once: true
        - echo: not reached
      rescue:
        - echo: rescue
      always:
        - echo: always
    - echo: after
`, `
play all [a b]
task shell
 a rescued: exit status 1, no output
task echo
 a ok: rescue
task echo
 a ok: always
 b ok: always
task echo
 a ok: after
a ok=3 changed=0 unreachable=0 failed=0 skipped=0 rescued=1 ignored=0
b ok=1 changed=0 unreachable=0 failed=0 skipped=0 rescued=0 ignored=0`, HostFailed},
		{"a handler that notifies itself runs again in the next flush (2.19), and one that fails takes its host out", `
- hosts: all
  gather_facts: false
  tasks:
    - echo: {msg: go, changed: true}
      notify: h2
  handlers:
    - name: h1
      fail:
      when: inventory_hostname == 'a'
    - name: h2
      echo: {msg: h2, changed: true}
      notify: [h1, h2, h3]
    - name: h3
      echo: h3
`, `
play all [a b]
task echo
 a changed: go
 b changed: go
handler h2
 a changed: h2
 b changed: h2
handler h3
 a ok: h3
 b ok: h3
handler h1
 a failed: failed as asked
 b skipped: Conditional result was False
handler h2
 b changed: h2
handler h3
 b ok: h3
a ok=3 changed=2 unreachable=0 failed=1 skipped=0 rescued=0 ignored=0
b ok=5 changed=3 unreachable=0 failed=0 skipped=1 rescued=0 ignored=0`, HostFailed},
		{"play variables are not seen through hostvars, and what is given up counts its retries", `
- hosts: a
  gather_facts: false
  vars: {pv: 1}
  tasks:
    - shell: exit 1
      register: u
      until: u.rc == 0
      retries: 2
      delay: 0
      ignore_errors: true
    - echo: "{{ u.attempts }} {{ u.changed }} {{ hostvars['a'].pv | default('none') }} {{ hostvars['a'].u.rc }}"
`, `
play a [a]
task shell
 a retry 1/3
 a retry 2/3
 a ignored: exit status 1, no output
task echo
 a ok: 2 True none 1
a ok=2 changed=1 unreachable=0 failed=0 skipped=0 rescued=0 ignored=1`, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, "a", "b")
			_, err := b.run(c.playbook)
			b.wantKind(err, c.kind)
			b.want(c.want)
		})
	}
}

package engine

import (
	"errors"
	"testing"

	"github.com/polarbook/polarbook/tasks/remote"
)

// TestDelegationToHostsThatTheInventoryLacks: such a host is reached by its name, with the variables of all and of the task.
func TestDelegationToHostsThatTheInventoryLacks(t *testing.T) {
	b := newBench(t, "a")
	b.dead["gone"] = &remote.UnreachableError{Host: "gone", Doing: "connect", Err: errors.New("refused")}
	_, err := b.run(`
- hosts: a
  gather_facts: false
  tasks:
    - echo: "{{ inventory_hostname }}"
      delegate_to: elsewhere
    - shell: echo there
      delegate_to: elsewhere
      register: r
    - echo: "{{ r.stdout }} {{ 'elsewhere' in hostvars }} {{ groups.all }}"
    - shell: echo
      delegate_to: gone
      ignore_unreachable: true
      register: r
    - echo: "{{ r is unreachable }} {{ r is failed }}"
    - shell: echo
      delegate_to: gone
`)
	b.wantKind(err, HostUnreachable)
	b.want(`play a [a]
task echo
a ok on=elsewhere: a
task shell
a changed on=elsewhere
task echo
a ok: there False ['a']
task shell
a ignored on=gone: gone: unreachable: connect: refused
task echo
a ok: True False
task shell
a unreachable on=gone: gone: unreachable: connect: refused
a ok=5 changed=1 unreachable=1 failed=0 skipped=0 rescued=0 ignored=1`)
}

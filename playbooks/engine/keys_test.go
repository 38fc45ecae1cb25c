package engine

import (
	"strings"
	"testing"
)

// Keys of mappings stay numbers through variables, loops and set_fact, as in Ansible.
func TestKeysThatAreNumbers(t *testing.T) {
	b := newBench(t, "a")
	_, err := b.run(`
- hosts: a
  gather_facts: false
  vars: {ports: {443: https, 80: http}}
  tasks:
    - echo: "with {{ item.key + 1 }}"
      with_dict: "{{ ports }}"
    - echo: "loop {{ item.key + 1 }}"
      loop: "{{ ports | dict2items }}"
    - set_fact: {kept: "{{ ports }}", own: {7: x}}
    - echo: "kept {{ kept | list + own | list }} {{ '7' in own }} {{ hostvars.a.kept | dictsort | first | first + 1 }}"
`)
	b.wantKind(err, 0)
	text := b.rec.text()
	for _, want := range []string{"with 444", "with 81", "loop 444", "loop 81", "kept [443, 80, 7] False 81"} {
		if !strings.Contains(text, want) {
			t.Errorf("want %q in\n%s", want, text)
		}
	}
}

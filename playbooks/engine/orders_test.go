package engine

import (
	"strings"
	"testing"
)

// TestOrdersAndLists holds what ansible-core 2.14 and 2.19 were seen to do.
func TestOrdersAndLists(t *testing.T) {
	for _, c := range []struct{ playbook, want string }{
		{`
- hosts: all
  gather_facts: false
  order: reverse_sorted
  serial: [1, 2]
  tasks:
    - echo: "{{ ansible_play_batch }} {{ ansible_play_hosts }} {{ ansible_play_hosts_all }}"
      run_once: true
`, "echo c ok: ['c'] ['a', 'b', 'c'] ['a', 'b', 'c']|echo b ok: ['b', 'a'] ['a', 'b', 'c'] ['a', 'b', 'c']"},
		{`
- hosts: a
  gather_facts: false
  tasks:
    - echo: "{{ item.key }}"
      with_dict: "{{ [{'x': 1}, {'y': 2, 'z': 3}] }}"
      register: r
    - echo: "{{ r.results | map(attribute='item.key') | join }}"
    - shell: sleep 30
      timeout: 1
      ignore_errors: true
      register: r
    - echo: "{{ r.timedout.period }}"
`, "echo a ok: xyz|shell a ignored: stopped: it took longer than the 1 seconds that timeout allows|echo a ok: 1"},
	} {
		b := newBench(t, "a", "b", "c")
		_, err := b.run(c.playbook)
		b.wantKind(err, 0)
		var got []string
		for _, line := range strings.Split(told(b), "|") {
			if !strings.Contains(line, "item=") && !strings.Contains(line, "All items") {
				got = append(got, line)
			}
		}
		if got := strings.Join(got, "|"); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

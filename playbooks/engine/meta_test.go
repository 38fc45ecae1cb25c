package engine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/inventory"
)

// TestMeta holds what ansible-core 2.19 was seen to do.
func TestMeta(t *testing.T) {
	for _, c := range []struct {
		name, playbook, want string
		kind                 Kind
	}{
		{"end_role ends the innermost role on its host, and a block's always with it", `
- hosts: a,b
  gather_facts: false
  roles: [outer]
  tasks:
    - echo: after
`, "outer : echo a ok: 1|outer : echo b ok: 1|inner : echo a ok: in|inner : echo b ok: in|inner : echo b ok: in after|" +
			"outer : echo a ok: 2|outer : echo b ok: 2|outer : echo b ok: 3|outer : echo b ok: always|echo a ok: after|echo b ok: after", 0},
		{"what is for all asks its condition on the first host", `
- hosts: a,b
  gather_facts: false
  tasks:
    - meta: end_play
      when: inventory_hostname == 'b'
    - echo: 1
    - meta: end_batch
      when: inventory_hostname == 'b'
    - echo: 2
    - meta: end_host
      when: inventory_hostname == 'b'
    - echo: 3
    - meta: end_play
      when: inventory_hostname == 'a'
    - echo: 4
`, "echo a ok: 1|echo b ok: 1|echo a ok: 2|echo b ok: 2|echo a ok: 3", 0},
		{"hosts that were ended in a batch are the play's hosts in the next", `
- hosts: a,b
  gather_facts: false
  serial: 1
  tasks:
    - meta: end_batch
      when: inventory_hostname == 'a'
    - echo: "{{ ansible_play_hosts }} {{ ansible_play_batch }}"
`, "echo b ok: ['a', 'b'] ['b']", 0},
		{"errors that are cleared make no failure of the run, and the host is back in the next play", `
- hosts: a,b
  gather_facts: false
  tasks:
    - fail: {msg: x}
      when: inventory_hostname == 'b'
    - meta: clear_host_errors
    - echo: "{{ ansible_play_hosts }}"
- hosts: a,b
  gather_facts: false
  tasks:
    - echo: next
`, "fail a skipped: Conditional result was False|fail b failed: x|echo a ok: ['a']|echo a ok: next|echo b ok: next", 0},
		{"a failure after that is one", `
- hosts: a,b
  gather_facts: false
  tasks:
    - fail: {msg: x}
      when: inventory_hostname == 'b'
    - meta: clear_host_errors
- hosts: b
  gather_facts: false
  tasks:
    - fail: {msg: y}
`, "fail a skipped: Conditional result was False|fail b failed: x|fail b failed: y", HostFailed},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, "a", "b")
			b.file("roles/inner/tasks/main.yml", "- echo: in\n- meta: end_role\n  when: inventory_hostname == 'a'\n- echo: in after\n")
			b.file("roles/outer/tasks/main.yml", "- echo: 1\n- include_role: {name: inner}\n- block:\n    - echo: 2\n    - meta: end_role\n"+
				"      when: inventory_hostname == 'a'\n    - echo: 3\n  always:\n    - echo: always\n")
			_, err := b.run(c.playbook)
			b.wantKind(err, c.kind)
			if got := told(b); got != c.want {
				t.Errorf("got:\n%s\nwant:\n%s", strings.ReplaceAll(got, "|", "\n"), strings.ReplaceAll(c.want, "|", "\n"))
			}
		})
	}
}

// told is what became of each task on each host, but for includes.
func told(b *bench) string {
	var all []string
	task := ""
	for _, line := range strings.Split(trim(b.rec.text()), "\n") {
		switch name, is := strings.CutPrefix(line, "task "); {
		case is:
			task = name
		case strings.HasPrefix(line, "play ") || strings.Contains(line, "unreachable=") || strings.HasPrefix(task, "include_"):
		default:
			all = append(all, task+" "+line)
		}
	}
	return strings.Join(all, "|")
}

func TestRefreshInventory(t *testing.T) {
	b := newBench(t)
	path := filepath.Join(t.TempDir(), "hosts")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a v=1\n")
	inv, err := inventory.Load([]string{path})
	if err != nil {
		t.Fatal(err)
	}
	b.inv, b.o.Inventory = inv, inv
	b.o.Refresh = func() error {
		write("a v=2\nb v=3\n")
		return inv.Reread()
	}
	_, err = b.run(`
- hosts: a
  gather_facts: false
  tasks:
    - add_host: {name: c, w: 4}
    - meta: refresh_inventory
      when: false
    - echo: "{{ v }} {{ hostvars.b.v }} {{ hostvars.c.w }} {{ groups.all | sort }} {{ ansible_play_hosts }}"
- hosts: all
  gather_facts: false
  tasks:
    - echo: here
`)
	b.wantKind(err, 0)
	want := "add_host a changed|echo a ok: 2 3 4 ['a', 'b', 'c'] ['a']|echo a ok: here|echo b ok: here|echo c ok: here"
	if got := told(b); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

package engine

import (
	"strings"
	"testing"
)

// TestIncludes holds what ansible-core 2.19 was seen to do.
func TestIncludes(t *testing.T) {
	for _, c := range []struct{ name, playbook, want string }{
		{"what an include registers", `
    - include_tasks: {file: t.yml, apply: {vars: {q: 1}}}
      loop: [x, y]
      register: r
    - echo: "{{ r.results | map(attribute='item') | join }} {{ r.results[0].include }} {{ r.results[1].include_args }} {{ r.skipped }}"
    - include_role: {name: dup, public: false}
      register: r
    - echo: "{{ r.include_args.public }} {{ r is changed }} {{ 'include' in r }}"
    - include_tasks: t.yml
      when: false
      register: r
    - echo: "{{ r is skipped }}"
`, "echo a ok: t x|echo a ok: t y|echo a ok: xy t.yml {'apply': {'vars': {'q': 1}}} False|dup : echo a ok: dup 0|echo a ok: False False False|echo a ok: True"},
		{"roles that may not run twice", `
    - include_role: {name: dup}
    - import_role: {name: dup}
    - include_role: {name: dup, allow_duplicates: false}
    - import_role: {name: dup, allow_duplicates: false}
    - include_role: {name: dup, allow_duplicates: false}
      vars: {p: 1}
`, "dup : echo a ok: dup 0|dup : echo a ok: dup 0|dup : echo a ok: dup 1"},
		{"dependencies that may run again do, although the role does not", `
  roles: [parent, parent, again]
`, "dup : echo a ok: dup 0|again : echo a ok: again|parent : echo a ok: parent|again : echo a ok: again|again : echo a ok: again"},
		{"ignore_errors does not hold for a file that is not there, a rescue does", `
    - block:
        - include_tasks: "{{ 'none.yml' }}"
          ignore_errors: true
        - echo: not reached
      rescue:
        - echo: "{{ ansible_failed_task.action }}"
    - include_tasks: "{{ nothing_such }}"
      ignore_errors: true
    - echo: reached
    - include_tasks: none.yml
      ignore_errors: true
      when: inventory_hostname == 'a'
    - echo: nor this
`, "echo a ok: include_tasks|echo a ok: reached"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, "a")
			b.file("t.yml", `- echo: "t {{ item }}"`)
			b.file("roles/dup/tasks/main.yml", `- echo: "dup {{ p | default(0) }}"`)
			b.file("roles/again/tasks/main.yml", "- echo: again")
			b.file("roles/again/meta/main.yml", "allow_duplicates: true")
			b.file("roles/parent/tasks/main.yml", "- echo: parent")
			b.file("roles/parent/meta/main.yml", "dependencies: [dup, again]")
			tasks := "  tasks:" + c.playbook
			if strings.Contains(c.playbook, "roles:") {
				tasks = c.playbook
			}
			_, _ = b.run("- hosts: a\n  gather_facts: false\n" + tasks)
			if got := told(b); got != c.want {
				t.Errorf("got:\n%s\nwant:\n%s", strings.ReplaceAll(got, "|", "\n"), strings.ReplaceAll(c.want, "|", "\n"))
			}
		})
	}
}

// The recap counts what a loop includes, one by one.
func TestIncludesAreCounted(t *testing.T) {
	b := newBench(t, "a")
	b.file("t.yml", `- echo: "t {{ item }}"`)
	b.file("roles/one/tasks/main.yml", "- echo: one")
	_, err := b.run(`
- hosts: a
  gather_facts: false
  tasks:
    - include_tasks: t.yml
      loop: [x, y, none, x]
      when: item != 'none'
    - include_role: {name: one}
      loop: [1, 2]
    - include_tasks: t.yml
      loop: [x, y]
      when: false
    - include_tasks: t.yml
      loop: []
    - include_tasks: "{{ item }}.yml"
      loop: [t, none_such]
`)
	b.wantKind(err, HostFailed)
	// Of the last Ansible counts the file that is there, and the one that is not.
	if want := "a ok=11 changed=0 unreachable=0 failed=1 skipped=2 rescued=0 ignored=0"; !strings.Contains(b.rec.text(), want) {
		t.Errorf("want %s in\n%s", want, b.rec.text())
	}
}

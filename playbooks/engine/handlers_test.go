package engine

import (
	"strings"
	"testing"
)

// TestHandlers holds what ansible-core 2.19 was seen to do; 2.14 does the same where no comment says otherwise.
func TestHandlers(t *testing.T) {
	role := map[string]string{
		"roles/r/tasks/main.yml": "- {name: conf, echo: {msg: \"{{ inst }}\", changed: true}, notify: restart}\n",
		"roles/r/handlers/main.yml": "- {name: restart, echo: \"restart {{ inst }}\"}\n" +
			"- {name: same, listen: web, echo: \"same {{ inst }}\"}\n- {listen: web, echo: \"nameless {{ inst }}\"}\n",
	}
	for _, c := range []struct {
		name, playbook, want string
		force                bool
	}{
		{"one that a later handler notifies runs at the next flush", `
- hosts: a
  gather_facts: false
  handlers:
    - {name: early, echo: early}
    - {name: late, echo: {msg: late, changed: true}, notify: [early, last]}
    - {name: last, echo: last}
  tasks:
    - {echo: {msg: t, changed: true}, notify: late}
    - meta: flush_handlers
    - echo: after flush
`, "task echo|a changed: t|handler late|a changed: late|handler last|a ok: last|task echo|a ok: " +
			"after flush|handler early|a ok: early", false},
		{"one that notifies itself runs in every flush to come", `
- hosts: a
  gather_facts: false
  handlers:
    - {name: self, echo: {msg: self, changed: true}, notify: self}
  tasks:
    - {echo: {msg: t, changed: true}, notify: self}
    - meta: flush_handlers
  post_tasks:
    - echo: post
`, "task echo|a changed: t|handler self|a changed: self|handler self|a changed: self|task echo|a ok: " +
			"post|handler self|a changed: self", false},
		{"the first of a name in one list", `
- hosts: a
  gather_facts: false
  handlers:
    - {name: restart, echo: first}
    - {name: restart, echo: second}
  tasks:
    - {echo: {msg: t, changed: true}, notify: restart}
`, "task echo|a changed: t|handler restart|a ok: first", false},
		{"a role that is used twice has the variables of its last use", `
- hosts: a
  gather_facts: false
  roles:
    - {role: r, inst: one}
    - {role: r, inst: two}
`, "task r : conf|a changed: one|task r : conf|a changed: two|handler r : restart|a ok: restart two", false},
		{"each item of a loop calls for its own, once one has changed", `
- hosts: a
  gather_facts: false
  handlers:
    - {name: h1, echo: h1}
    - {name: h2, echo: h2}
    - {name: h3, echo: h3}
  tasks:
    - echo: {msg: t, changed: "{{ item == 1 }}"}
      loop: [1, 2, 3]
      when: item < 3
      notify: "h{{ item }}"
`, "task echo|a changed item=1: t|a ok item=2: t|a skipped item=3: Conditional result was False|a changed: All items completed|" +
			"handler h1|a ok: h1|handler h2|a ok: h2", false},
		{"of roles, imports, includes and loops the last counts, and topics find each name once", `
- hosts: a
  gather_facts: false
  handlers:
    - {name: own, echo: own}
    - {name: top, listen: web, echo: top}
    - {name: same, listen: web, echo: same of the play}
  roles:
    - {role: r, inst: one}
  tasks:
    - import_role: {name: r}
      vars: {inst: two}
    - include_role: {name: r}
      vars: {inst: "{{ item }}"}
      loop: [x, y]
    - include_role: {name: r}
      vars: {inst: z}
    - {name: o, echo: {msg: o, changed: true}, notify: [own, web, "r : same"]}
`, "task r : conf|a changed: one|task r : conf|a changed: two|task include_role : r|a ok item=x|a ok item=y|a ok: All items completed|" +
			"task r : conf|a changed: x|task r : conf|a changed: y|task include_role : r|a ok|task r : conf|a changed: z|task o|a changed: o|" +
			"handler r : echo|a ok: nameless one|handler own|a ok: own|handler top|a ok: top|" +
			"handler r : echo|a ok: nameless two|handler r : echo|a ok: nameless x|handler r : echo|a ok: nameless y|" +
			"handler r : restart|a ok: restart z|handler r : same|a ok: same z|handler r : echo|a ok: nameless z", false},
		{"a flush heeds its condition, and what fails in it is rescued", `
- hosts: a
  gather_facts: false
  handlers:
    - {name: boom, fail: {msg: boom}}
    - {name: last, echo: last}
  tasks:
    - block:
        - {echo: {msg: t, changed: true}, notify: [boom, last]}
        - meta: flush_handlers
          when: false
        - echo: not flushed
        - meta: flush_handlers
        - echo: not reached
      rescue:
        - echo: rescued
`, "task echo|a changed: t|task echo|a ok: not flushed|handler boom|a rescued: boom|task echo|a ok: " +
			"rescued|handler last|a ok: last", false},
		{"forced, a host that failed runs them once, up to one that fails", `
- hosts: a
  gather_facts: false
  handlers:
    - {name: early, echo: early}
    - {name: late, echo: {msg: late, changed: true}, notify: early}
    - {name: boom, fail: {msg: boom}}
    - {name: last, echo: last}
  pre_tasks:
    - {echo: {msg: t, changed: true}, notify: [late, boom, last]}
    - fail: {msg: down}
  tasks:
    - echo: not reached
`, "task echo|a changed: t|task fail|a failed: down|handler late|a changed: late|handler boom|a failed: boom", true},
		{"what the play says of forcing wins over the command line", `
- hosts: a
  gather_facts: false
  force_handlers: false
  handlers: [{name: h, echo: h}]
  tasks:
    - {echo: {msg: t, changed: true}, notify: h}
    - fail: {msg: down}
`, "task echo|a changed: t|task fail|a failed: down", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, "a")
			b.o.ForceHandlers = c.force
			for name, text := range role {
				b.file(name, text)
			}
			_, _ = b.run(c.playbook)
			lines := strings.Split(trim(b.rec.text()), "\n")
			if got := strings.Join(lines[1:len(lines)-1], "|"); got != c.want {
				t.Errorf("got:\n%s\nwant:\n%s", strings.ReplaceAll(got, "|", "\n"), strings.ReplaceAll(c.want, "|", "\n"))
			}
		})
	}
}

// TestSkippingAlways: with --skip-tags always only a flush that the playbook has runs handlers, in 2.19.
func TestSkippingAlways(t *testing.T) {
	b := newBench(t, "a")
	b.o.SkipTags = []string{"always"}
	_, err := b.run("- hosts: a\n  gather_facts: false\n  handlers: [{name: h, echo: h}, {name: i, echo: i}]\n  tasks:\n" +
		"    - {echo: {msg: t, changed: true}, notify: h}\n    - meta: flush_handlers\n    - {echo: {msg: u, changed: true}, notify: i}\n")
	b.wantKind(err, 0)
	b.want("play a [a]\ntask echo\na changed: t\nhandler h\na ok: h\ntask echo\na changed: u\n" +
		"a ok=3 changed=2 unreachable=0 failed=0 skipped=0 rescued=0 ignored=0")
}

package engine

import (
	"strings"
	"testing"
)

const specOfR = `argument_specs:
  main:
    short_description: what it needs
    options:
      n: {type: int, required: true}
      mode: {choices: [fast, slow], default: fast}
      key: {no_log: true}
  part:
    options: {x: {type: bool, required: true}}
`

// TestRolesArgumentsAreChecked: a role whose meta specifies its arguments begins with a task that checks them, as in ansible-core.
func TestRolesArgumentsAreChecked(t *testing.T) {
	for _, c := range []struct{ name, playbook, want string }{
		{"of variables and of parameters, and no default is applied", `
- hosts: a
  gather_facts: false
  roles:
    - {role: r, n: "5"}
  tasks:
    - include_role: {name: r}
      vars: {n: 7}
`, "task r : check|a ok|task r : echo|a ok: 5 undefined|task include_role : r|a ok|task r : check|a ok|task r : echo|a ok: 7 undefined"},
		{"a failure is one like any other, and tells what is wrong", `
- hosts: a
  gather_facts: false
  tasks:
    - block:
        - include_role: {name: r}
          vars: {mode: never}
      rescue:
        - echo: "{{ ansible_failed_result.argument_errors | length }} {{ ansible_failed_result.validate_args_context.name }}"
`, "task include_role : r|a ok|task r : check|a rescued: the arguments of the role r (entry point main) are not as specified: " +
			`required and not given: n; mode must be one of fast, slow, not "never"|task echo|a ok: 2 r`},
		{"entry points, and roles that are not to be checked", `
- hosts: a
  gather_facts: false
  tasks:
    - import_role: {name: r, tasks_from: part}
      vars: {x: "yes"}
    - import_role: {name: r, tasks_from: part, rolespec_validate: false}
    - include_role: {name: r, tasks_from: part.yml}
`, "task r : check part|a ok|task r : echo|a ok: part|task r : echo|a ok: part|task include_role : r|a ok|task r : echo|a ok: part"},
		{"conditions of the role hold for it, tags do not leave it out", `
- hosts: a
  gather_facts: false
  roles:
    - {role: r, n: 1, when: false, tags: other}
`, "task r : check|a skipped: Conditional result was False"},
		{"the module by itself refuses what is not specified", `
- hosts: a
  gather_facts: false
  tasks:
    - validate_argument_spec:
        argument_spec: {n: {type: int}}
        provided_arguments: {n: 1, m: 2}
      ignore_errors: true
      tags: only
`, "task validate_argument_spec|a ignored: the arguments are not as specified: there is no m; there are n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, "a")
			b.file("roles/r/meta/argument_specs.yml", specOfR)
			b.file("roles/r/tasks/main.yml", `- echo: "{{ n }} {{ mode | default('undefined') }}"`)
			b.file("roles/r/tasks/part.yml", "- echo: part")
			if strings.Contains(c.playbook, "tags: o") {
				b.o.Tags = []string{"only"}
			}
			_, _ = b.run(c.playbook)
			got := strings.ReplaceAll(trim(b.rec.text()), "\n", "|")
			got = strings.ReplaceAll(got, "Validating arguments against arg spec 'main' - what it needs", "check")
			got = strings.ReplaceAll(got, "Validating arguments against arg spec 'part'", "check part")
			got = strings.ReplaceAll(got, ": all arguments are as specified", "")
			if got = strings.TrimPrefix(got, "play a [a]|"); got[:strings.LastIndex(got, "|")] != c.want {
				t.Errorf("got:\n%s\nwant:\n%s", strings.ReplaceAll(got, "|", "\n"), strings.ReplaceAll(c.want, "|", "\n"))
			}
		})
	}
}

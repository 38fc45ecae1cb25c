package engine

import (
	"context"
	"slices"
	"strings"
	"testing"
)

// TestForms holds what ansible-core 2.14 and 2.19 do with ways of writing that are less usual.
func TestForms(t *testing.T) {
	for _, c := range []struct{ name, playbook, want string }{
		{"a module that is not here fails only the host that reaches it", `
- hosts: a,b
  gather_facts: false
  tasks:
    - pacman: {name: x}
      when: inventory_hostname == 'b'
`, `task pacman|a skipped: Conditional result was False|b failed: site.yml:5:7: the module "pacman" is not implemented by polarbook, though Ansible has it`},
		{"tags are rendered with what the play knows", `
- hosts: a
  gather_facts: false
  vars: {stage: "wanted,x", list: [wanted]}
  tasks:
    - {echo: one, tags: ["{{ stage }}"]}
    - {echo: two, tags: "{{ list }}"}
    - {echo: three, tags: "{{ 'un' ~ stage }}"}
`, "task echo|a ok: one|task echo|a ok: two"},
		{"all arguments come from a template, and those beside it win", `
- hosts: a
  gather_facts: false
  vars: {given: {msg: as told}}
  tasks:
    - fail: "{{ given }}"
      ignore_errors: true
    - fail: "{{ given }}"
      args: {msg: beside}
      ignore_errors: true
`, "task fail|a ignored: as told|task fail|a ignored: beside"},
		{"a template names the module, for each host its own", `
- hosts: a,b
  gather_facts: false
  vars: {does: "{{ 'echo' if inventory_hostname == 'a' else 'fail' }}", one: echo}
  tasks:
    - action: "{{ one }} it is {{ one }}"
    - action: {module: "{{ one }}", msg: told}
    - action: "{{ does }}"
      args: {msg: "{{ inventory_hostname }}"}
      register: said
      ignore_errors: true
    - local_action: "{{ one }} {{ said is failed }}"
    - name: of a loop
      action: "{{ item }} msg={{ item }}"
      loop: [echo, set_fact]
      when: inventory_hostname == 'a'
    - echo: "{{ msg | default('none') }}"
`, "task {{ one }}|a ok: it is echo|b ok: it is echo|task {{ one }}|a ok: told|b ok: told|task {{ does }}|a ok: a|b ignored: b|" +
			"task {{ one }}|a ok on=localhost: False|b ok on=localhost: True|" +
			"task of a loop|a ok item=echo: msg=echo|a ok item=set_fact|a ok: All items completed|b skipped item=echo: Conditional result was False|" +
			"b skipped item=set_fact: Conditional result was False|b skipped: All items skipped|task echo|a ok: set_fact|b ok: none"},
		{"a template names what is none", `
- hosts: a
  gather_facts: false
  tasks:
    - {action: "{{ 'ecko' }} hello", ignore_errors: true}
    - {action: "{{ 'meta' }} noop", ignore_errors: true}
    - {action: "{{ 'fail' }} hello", ignore_errors: true}
    - {action: "{{ 'fail' }} mesg=hello", ignore_errors: true}
    - {action: "{{ nobody }}"}
`, `task {{ 'ecko' }}|a ignored: site.yml:5: action: there is no module "ecko" that a template can name|` +
			`task {{ 'meta' }}|a ignored: site.yml:6: action: there is no module "meta" that a template can name|` +
			`task {{ 'fail' }}|a ignored: site.yml:7: fail takes no text without the name of an argument: "hello"|` +
			`task {{ 'fail' }}|a ignored: fail: argument "mesg" is not one that it takes|` +
			`task {{ nobody }}|a failed: site.yml:9: action: "nobody" is undefined, in the template: {{ nobody }}`},
		{"an unsafe value is no template", `
- hosts: a
  gather_facts: false
  vars: {u: !unsafe "{{ no }}", l: !unsafe ["{{ no }}"]}
  tasks:
    - echo: {msg: !unsafe "{{ no }}"}
    - echo: "{{ u }} {{ l[0] }}"
    - echo: {msg: "{{ [u] }}"}
`, "task echo|a ok: {{ no }}|task echo|a ok: {{ no }} {{ no }}|task echo|a ok: ['{{ no }}']"},
		{"old includes carry variables", `
- hosts: a
  gather_facts: false
  tasks:
    - include: part.yml who=me
    - include: part.yml who={{ item }}
      with_items: [x, y]
`, "task echo|a ok: me|task include_tasks|a ok item=x|a ok item=y|a ok: All items completed|task echo|a ok: x|task echo|a ok: y"},
		{"a role includes itself to an end", `
- hosts: a
  gather_facts: false
  roles: [{role: down, n: 2}]
`, "task down : echo|a ok: at 2|task include_role : down|a ok|task down : echo|a ok: at 1|task include_role : down|a ok|" +
			"task down : echo|a ok: at 0|task include_role : down|a skipped: Conditional result was False"},
		{"a role of a collection is labelled by its full name", `
- hosts: a
  gather_facts: false
  roles: [acme.tools.hello]
`, "task acme.tools.hello : echo|a ok: hello acme.tools.hello acme.tools"},
		{"a cacheable fact is a fact too", `
- hosts: a
  gather_facts: false
  tasks:
    - set_fact: {x: 1, cacheable: true}
    - set_fact: {y: 1}
    - echo: "{{ ansible_facts.x }} {{ ansible_facts.y | default('none') }} {{ x }}"
`, "task set_fact|a ok|task set_fact|a ok|task echo|a ok: 1 none 1"},
		{"loops by lookups, with an end before the last item", `
- hosts: a
  gather_facts: false
  vars: {one: 1st, two: 2nd}
  tasks:
    - echo: "{{ item }}"
      with_vars: [one, two]
    - echo: "{{ item }} {{ ansible_loop.allitems is defined }}"
      loop: [1, 2, 3]
      loop_control: {extended: true, extended_allitems: false, break_when: item >= 2}
`, "task echo|a ok item=1st: 1st|a ok item=2nd: 2nd|a ok: All items completed|" +
			"task echo|a ok item=1: 1 False|a ok item=2: 2 False|a ok: All items completed"},
		{"environment is the keyword's, whatever variable is called so", `
- hosts: a
  gather_facts: false
  vars: {environment: production, port: 5}
  tasks:
    - echo: "{{ environment }} {{ port }}"
    - echo: "{{ environment }}"
      environment: {A: "{{ port }}"}
`, "task echo|a ok: [] 5|task echo|a ok: [{'A': 5}]"},
		{"until sees what failed_when made of the result, and a false that is one stays one", `
- hosts: a
  gather_facts: false
  tasks:
    - shell: exit 1
      register: r
      failed_when: false
      until: r is not failed
      retries: 3
      delay: 0
    - echo: x
      when: false
      register: s
    - ansible.builtin.echo: "{{ r.attempts }} {{ s.false_condition is boolean }}"
`, "task shell|a changed: exit status 1, no output|task echo|a skipped: Conditional result was False|task ansible.builtin.echo|a ok: 1 True"},
		{"directories of variables", `
- hosts: a
  gather_facts: false
  vars: {d: {a: 1, n: {x: 1}}}
  tasks:
    - include_vars: {dir: many, ignore_files: ["^x.*", "b.yml", "c.txt"], depth: 1, hash_behaviour: merge}
      register: r
    - echo: "{{ d }} {{ r.ansible_included_var_files | map('basename') | list }} {{ r.ansible_included_var_files[0][:1] }}"
    - include_vars: {dir: many, files_matching: "c.txt"}
      ignore_errors: true
      register: r
    - echo: "{{ r.ansible_facts }} {{ r.ansible_included_var_files }}"
    - include_vars: file=many/x.yml name=short
    - echo: "{{ short }}"
    - include_vars: {dir: many, extensions: [txt], files_matching: "c.*"}
    - echo: "{{ c }}"
  roles: [vars]
`, "task vars : include_vars|a ok|task vars : echo|a ok: of the role|task include_vars|a ok|task echo|" +
			"a ok: {'a': 1, 'n': {'x': 1, 'y': 2}} ['a.yml'] /|task include_vars|a ignored: include_vars: DIR/many/c.txt does not have one of the " +
			"extensions yaml, yml, json; ignore_unknown_extensions passes over it|task echo|a ok: {} []|task include_vars|a ok|task echo|a ok: {'d': {'x': 1}}|" +
			"task include_vars|a ok|task echo|a ok: 3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, "a", "b")
			if strings.HasPrefix(c.name, "tags") {
				b.o.Tags = []string{"wanted"}
			}
			b.file("part.yml", "- echo: \"{{ who }}\"\n")
			b.file("roles/down/tasks/main.yml", "- echo: \"at {{ n }}\"\n- include_role: {name: down, tasks_from: \"{{ 'next' }}\"}\n  when: n | int > 0\n")
			b.file("roles/down/tasks/next.yml", "- echo: \"at {{ n | int - 1 }}\"\n- include_role: {name: down, tasks_from: last}\n  when: n | int > 1\n")
			b.file("roles/down/tasks/last.yml", "- echo: at 0\n- include_role: {name: down, tasks_from: last}\n  when: n | int > 2\n")
			b.file("collections/ansible_collections/acme/tools/roles/hello/tasks/main.yml",
				"- echo: \"{{ role_name }} {{ ansible_role_name }} {{ ansible_collection_name }}\"\n")
			b.file("many/a.yml", "d: {n: {y: 2}}\n")
			b.file("many/b.yml", "d: {b: 1}\n")
			b.file("many/x.yml", "d: {x: 1}\n")
			b.file("many/deep/a.yml", "d: {deep: 1}\n")
			b.file("many/c.txt", "c: 3\n")
			b.file("roles/vars/vars/own/a.yml", "whose: of the role\n")
			b.file("own/a.yml", "whose: of the play\n")
			b.file("roles/vars/tasks/main.yml", "- include_vars: {dir: own}\n- echo: \"{{ whose }}\"\n")
			_, _ = b.run(c.playbook)
			lines := slices.DeleteFunc(strings.Split(trim(b.rec.text()), "\n"), func(line string) bool {
				return strings.HasPrefix(line, "play ") || strings.Contains(line, " unreachable=")
			})
			got := strings.ReplaceAll(strings.Join(lines, "|"), b.dir, "DIR")
			if got != c.want {
				t.Errorf("got:\n%s\nwant:\n%s", strings.ReplaceAll(got, "|", "\n"), strings.ReplaceAll(c.want, "|", "\n"))
			}
		})
	}
}

// TestRoleNames: the names of the play's roles, those that they depend on only among all of them.
func TestRoleNames(t *testing.T) {
	b := newBench(t, "a")
	for _, r := range []string{"own", "included", "imported", "below"} {
		b.file("roles/"+r+"/tasks/main.yml", "- echo: \"{{ role_name }}\"\n")
	}
	b.file("roles/own/meta/main.yml", "dependencies: [below]\n")
	_, err := b.run("- hosts: a\n  gather_facts: false\n  roles: [own]\n  tasks:\n    - include_role: {name: included}\n    - import_role: {name: imported}\n" +
		"    - echo: \"{{ ansible_play_role_names }} {{ ansible_role_names }} {{ ansible_parent_role_names is defined }} {{ ansible_facts }}\"\n")
	b.wantKind(err, 0)
	if want := "a ok: ['own', 'imported', 'included'] ['own', 'imported', 'included', 'below'] False {}\n"; !strings.Contains(b.rec.text(),
		want) {
		t.Error(b.rec.text())
	}
}

// What the user answers is a template unless the question is marked unsafe, as in Ansible.
func TestUnsafeAnswers(t *testing.T) {
	b := newBench(t, "a")
	b.o.Prompt = func(context.Context, Question) (string, error) { return "{{ inventory_hostname }}", nil }
	_, err := b.run("- hosts: a\n  gather_facts: false\n  vars_prompt:\n    - {name: p, private: false, unsafe: true}\n" +
		"    - {name: q, private: false}\n  tasks:\n    - echo: \"{{ p }} {{ q }}\"\n")
	b.wantKind(err, 0)
	if !strings.Contains(b.rec.text(), "a ok: {{ inventory_hostname }} a\n") {
		t.Error(b.rec.text())
	}
}

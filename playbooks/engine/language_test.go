package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/playbooks/engine/event"
	"github.com/polarbook/polarbook/tasks/convert"
)

// TestPrecedence sets x at every level from the lowest up; the highest wins each time.
func TestPrecedence(t *testing.T) {
	levels := []struct{ name, want string }{
		{"role default", "default"}, {"inventory", "inventory"}, {"facts", "fact"}, {"play", "play"}, {"prompt", "prompt"},
		{"vars_files", "file"}, {"role vars", "role"}, {"block", "block"}, {"task", "task"}, {"include_vars", "included"},
		{"set_fact", "set"}, {"role params", "param"}, {"include params", "incparam"}, {"extra vars", "extra"},
	}
	for n := range levels {
		t.Run(levels[n].name, func(t *testing.T) {
			on := func(level int, s string) string {
				if level <= n {
					return s
				}
				return ""
			}
			b := newBench(t)
			vars := map[string]any{"dir": b.dir}
			if n >= 1 {
				vars["x"] = "inventory"
			}
			b.inv.AddHost("a", nil, vars)
			b.file("roles/r/defaults/main.yml", "x: default\ny: y\n")
			b.file("roles/r/vars/main.yml", on(6, "x: role\n")+"z: z\n")
			b.file("roles/r/tasks/main.yml", on(9, "- include_vars: iv.yml\n")+on(10, "- set_fact: {x: set}\n")+
				on(2, "- setup: {x: fact}\n")+
				"- block:\n    - echo: \"{{ x }}\"\n      vars: {t: t"+on(8, ", x: task")+"}\n  vars: {b: b"+on(7, ", x: block")+"}\n")
			b.file("vf.yml", "f: f\n"+on(5, "x: file\n"))
			b.file("iv.yml", "x: included\n")
			b.file("part.yml", "- import_role: {name: r}\n")
			playbook := "- hosts: a\n  gather_facts: false\n  vars: {p: p" + on(3, ", x: play") + "}\n" +
				"  vars_prompt: [{name: \"" + map[bool]string{true: "x", false: "q"}[n >= 4] + "\", private: false}]\n  vars_files: [vf.yml]\n"
			switch {
			case n >= 12:
				playbook += "  tasks:\n    - include_tasks: part.yml\n      vars: {x: incparam}\n"
			case n == 11:
				playbook += "  roles:\n    - {role: r, x: param}\n"
			default:
				playbook += "  roles: [r]\n"
			}
			b.o.Prompt = func(context.Context, Question) (string, error) { return "prompt", nil }
			if n >= 13 {
				b.o.ExtraVars = map[string]any{"x": "extra"}
				b.o.Prompt = func(context.Context, Question) (string, error) {
					return "", errors.New("asked for what was given")
				}
			}
			_, err := b.run(playbook)
			b.wantKind(err, 0)
			want := "a ok: " + levels[n].want + "\n"
			if !strings.Contains(b.rec.text(), want) {
				t.Errorf("want %s in\n%s", want, b.rec.text())
			}
		})
	}
}

func TestRolesAndTheirHandlers(t *testing.T) {
	b := newBench(t, "a")
	b.file("roles/r/tasks/main.yml", "- name: work\n  echo: {msg: \"{{ role_name }} {{ who }} {{ role_path | "+
		"basename }}\", changed: true}\n  notify: restart\n")
	b.file("roles/r/handlers/main.yml", "- name: restart\n  echo: \"{{ role_name }} restarts\"\n")
	b.file("roles/r/defaults/main.yml", "who: nobody\n")
	_, err := b.run(`
- hosts: a
  gather_facts: false
  roles:
    - r
    - r
    - {role: r, who: other}
  tasks:
    - echo: {msg: late, changed: true}
      notify: "r : restart"
    - include_role: {name: "{{ 'r' }}"}
      vars: {who: included}
`)
	b.wantKind(err, 0)
	b.want(`
play a [a]
task r : work
 a changed: r nobody r
task r : work
 a changed: r other r
task echo
 a changed: late
task include_role : r
 a ok
task r : work
 a changed: r included r
handler r : restart
 a ok: r restarts
a ok=6 changed=4 unreachable=0 failed=0 skipped=0 rescued=0 ignored=0`)
}

func TestFreeRunsEachHostAtItsOwnPace(t *testing.T) {
	b := newBench(t, "a", "b", "c")
	b.o.Forks = 0
	_, err := b.run(`
- hosts: all
  gather_facts: false
  strategy: free
  tasks:
    - shell: while ! [ -e {{ dir }}/go ]; do sleep 0.05; done
      when: inventory_hostname == 'a'
      timeout: 30
    - shell: touch {{ dir }}/go
      when: inventory_hostname == 'b'
      notify: h
    - fail:
      when: inventory_hostname == 'c'
    - echo: {msg: "{{ inventory_hostname }}", changed: true}
      throttle: 1
  handlers:
    - name: h
      echo: handled
`)
	// In lock-step host a would wait for ever for what host b does in the second task.
	b.wantKind(err, HostFailed)
	got := b.rec.text()
	for _, want := range []string{
		"a ok=2 changed=2 unreachable=0 failed=0 skipped=2", "b ok=3 changed=2 unreachable=0 failed=0 skipped=2",
		"c ok=0 changed=0 unreachable=0 failed=1 skipped=2",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
}

func TestBuiltinActions(t *testing.T) {
	b := newBench(t, "a", "b")
	b.file("vars/more.yml", "more: \"{{ inventory_hostname }}!\"\n")
	b.file("conf.d/1.yml", "one: {x: 1}\n")
	b.file("conf.d/2.yml", "two: 2\n")
	b.file("conf.d/skip.txt", "not yaml: [\n")
	b.file("d.yml", "from_file: yes\n")
	asked := []Question{}
	b.o.Prompt = func(_ context.Context, q Question) (string, error) {
		asked = append(asked, q)
		return "yes", nil
	}
	_, err := b.run(`
- hosts: a,b
  gather_facts: false
  vars_files:
    - [missing.yml, "{{ 'd' }}.yml"]
  tasks:
    - include_vars: more.yml
    - include_vars: {dir: conf.d, name: conf, ignore_unknown_extensions: true}
    - echo: "{{ more }} {{ conf.one.x }} {{ conf.two }} {{ from_file }}"
    - add_host: {name: new, groups: "fresh,more", flavour: "{{ inventory_hostname }}"}
    - group_by: {key: "on {{ inventory_hostname }}", parents: all_on}
    - pause: {prompt: "go on?"}
      register: p
    - echo: "{{ p.user_input }} {{ group_names }}"
    - meta: end_host
      when: inventory_hostname == 'a'
    - echo: only b
- hosts: fresh
  gather_facts: false
  tasks:
    - echo: "{{ flavour }} {{ groups.more }} {{ hostvars[inventory_hostname].flavour }}"
    - meta: end_play
    - echo: never
- hosts: on-a
  gather_facts: false
  tasks:
    - echo: "{{ groups.all_on | sort }}"
- hosts: on-c
  tasks:
    - echo: nobody was found to be one
`)
	b.wantKind(err, 0)
	b.want(`
play a,b [a b]
task include_vars
 a ok
 b ok
task include_vars
 a ok
 b ok
task echo
 a ok: a! 1 2 True
 b ok: b! 1 2 True
task add_host
 a changed
task group_by
 a changed
 b changed
task pause
 a ok
task echo
 a ok: yes ['all_on', 'on-a']
 b ok: yes ['all_on', 'on-b']
task echo
 b ok: only b
play fresh [new]
task echo
 new ok: a ['new'] a
play on-a [a]
task echo
 a ok: ['a', 'b']
play on-c []
a ok=8 changed=2 unreachable=0 failed=0 skipped=0 rescued=0 ignored=0
b ok=6 changed=1 unreachable=0 failed=0 skipped=0 rescued=0 ignored=0
new ok=1 changed=0 unreachable=0 failed=0 skipped=0 rescued=0 ignored=0`)
	if len(asked) != 1 || asked[0].Text != "go on?" || !asked[0].Pause {
		t.Errorf("asked %+v", asked)
	}
}

func TestFactsAreGatheredOncePerHost(t *testing.T) {
	b := newBench(t, "a", "b")
	_, err := b.run(`
- hosts: a
  tasks:
    - echo: "{{ ansible_distribution }} {{ ansible_facts.distribution }} {{ ansible_facts['distribution'] }}"
- hosts: b,a
  tasks:
    - meta: clear_facts # the condition is asked on the play's first host, as Ansible does
      when: inventory_hostname == 'a'
- hosts: b
  tasks:
    - meta: clear_facts
- hosts: a,b
  tasks:
    - echo: "{{ hostvars['a'].ansible_distribution }}"
`)
	b.wantKind(err, 0)
	b.want(`
play a [a]
task Gathering Facts
 a ok
task echo
 a ok: Debian Debian Debian
play b,a [b a]
task Gathering Facts
 b ok
play b [b]
play a,b [a b]
task Gathering Facts
 b ok
task echo
 a ok: Debian
 b ok: Debian
a ok=3 changed=0 unreachable=0 failed=0 skipped=0 rescued=0 ignored=0
b ok=3 changed=0 unreachable=0 failed=0 skipped=0 rescued=0 ignored=0`)
}

func TestTagsAndStartAt(t *testing.T) {
	const playbook = `
- hosts: a
  tasks:
    - name: one
      echo: one
      tags: t
    - block:
        - name: two
          echo: two
        - name: three
          echo: three
          tags: never
      tags: [t, u]
    - name: four
      echo: four
- hosts: a
  tags: t
  gather_facts: false
  tasks:
    - name: five
      echo: five
      tags: x
`
	for _, c := range []struct {
		name string
		set  func(o *Options)
		want string
	}{
		{"all", func(o *Options) {}, "Gathering Facts,one,two,four,five"},
		{"tag", func(o *Options) { o.Tags = []string{"t"} }, "Gathering Facts,one,two,three,five"},
		{"skip", func(o *Options) { o.SkipTags = []string{"u", "x"} }, "Gathering Facts,one,four"},
		{"untagged", func(o *Options) { o.Tags = []string{"untagged"} }, "Gathering Facts,four"},
		{"start", func(o *Options) { o.StartAtTask = "two" }, "Gathering Facts,two,four,five"},
		{"start in the second play", func(o *Options) { o.StartAtTask = "f?v*" }, "five"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, "a")
			c.set(&b.o)
			_, err := b.run(playbook)
			b.wantKind(err, 0)
			var names []string
			for _, e := range b.rec.events {
				if s, ok := e.(event.TaskStarted); ok {
					names = append(names, s.Name)
				}
			}
			if got := strings.Join(names, ","); got != c.want {
				t.Errorf("ran %s, want %s", got, c.want)
			}
		})
	}
	b := newBench(t, "a")
	b.o.StartAtTask = "nothing of that name"
	_, err := b.run(playbook)
	b.wantKind(err, Internal)
}

func TestLoopsOfEveryKind(t *testing.T) {
	b := newBench(t, "a")
	b.file("files/f1.conf", "")
	b.file("files/f2.conf", "")
	for _, c := range []struct{ with, items, want string }{
		{"", `[1, [2]]`, "[1, [2]]"},
		{"items", `[1, [2, [3]]]`, "[1, 2, [3]]"},
		{"items", `word`, "['word']"},
		{"list", `[[1], 2]`, "[[1], 2]"},
		{"dict", `{b: 2, a: 1}`, "[{'key': 'b', 'value': 2}, {'key': 'a', 'value': 1}]"},
		{"indexed_items", `[x, y]`, "[[0, 'x'], [1, 'y']]"},
		{"together", `[[1, 2], [3]]`, "[[1, 3], [2, None]]"},
		{"dict", `[{b: 2}, "{{ {'a': 1} }}"]`, "[{'key': 'b', 'value': 2}, {'key': 'a', 'value': 1}]"},
		{"nested", `[[1, 2], [3, 4]]`, "[[1, 3], [1, 4], [2, 3], [2, 4]]"},
		{"nested", `[[[1, 2], 3], [[4, [5]]]]`, "[[1, 2, 4, 5], [3, 4, 5]]"},
		{"nested", `[[1, 2], word]`, "[[1, 'word'], [2, 'word']]"},
		{"cartesian", `[[[1, 2], 3], [[4, [5]]]]`, "[[1, 2, 4, [5]], [3, 4, [5]]]"},
		{"random_choice", `[[1, 1]]`, "[[1, 1]]"},
		{"random_choice", `"{{ [4, 4] }}"`, "[4]"},
		{"subelements", `[[{n: 1, k: [a, b]}, {n: 2}], k, {skip_missing: true}]`,
			"[[{'n': 1}, 'a'], [{'n': 1}, 'b']]"},
		{"sequence", `start=1 end=5 stride=2 format=n%02d`, "['n01', 'n03', 'n05']"},
		{"sequence", `count=2`, "['1', '2']"},
		{"sequence", `4-5`, "['4', '5']"},
		{"sequence", `["2-6/2:n%d", "2"]`, "['n2', 'n4', 'n6', '1', '2']"},
		{"fileglob", `"*.conf"`, "['DIR/files/f1.conf', 'DIR/files/f2.conf']"},
		{"first_found", `[none.conf, f2.conf]`, "['DIR/files/f2.conf']"},
		{"first_found", `{files: [none], skip: true}`, "[]"},
	} {
		word := "loop"
		if c.with != "" {
			word = "with_" + c.with
		}
		b.rec.events = nil
		b.o.Inventory = b.inv
		_, err := b.run(fmt.Sprintf("- hosts: a\n  gather_facts: false\n  tasks:\n    - echo: \"\"\n      %s: %s\n", word, c.items))
		b.wantKind(err, 0)
		items := []any{}
		for _, e := range b.rec.events {
			if d, ok := e.(event.HostDone); ok && d.InLoop {
				items = append(items, d.Values.Value("item"))
			}
		}
		if got, want := convert.Repr(items), strings.ReplaceAll(c.want, "DIR", b.dir); got != want {
			t.Errorf("%s: %s gives %s, want %s", word, c.items, got, want)
		}
	}
}

func TestAMistakeFoundLateEndsTheRun(t *testing.T) {
	for _, c := range []struct{ playbook, want string }{
		{"- hosts: a\n  gather_facts: false\n  vars_files: [\"{{ 'none' }}.yml\"]\n  tasks:\n    - echo: x\n", "there is no none.yml"},
		{"- hosts: a\n  gather_facts: false\n  tasks:\n    - echo: {changed: true}\n      notify: \"{{ 'no' }}body\"\n", `notifies "nobody"`},
		{"- hosts: a\n  gather_facts: false\n  serial: \"{{ 'x' }}\"\n  tasks:\n    - echo: x\n", "neither a number nor a percentage"},
		{"- hosts: a\n  gather_facts: false\n  vars_prompt: [{name: x}]\n  tasks:\n    - echo: x\n", "--extra-vars x="},
	} {
		b := newBench(t, "a")
		_, err := b.run(c.playbook)
		b.wantKind(err, Internal)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
}

package playbooks

import (
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/all"
)

// TestLacking: what polarbook lacks stops the load where a task is surely reached, and is noted where only the run decides.
func TestLacking(t *testing.T) {
	for _, c := range []struct{ name, tasks, refused, noted string }{
		{"a module without a condition", "- pacman: {name: x}", `3:5: the module "pacman" is not implemented`, ""},
		{"under facts", "- pacman: {name: x}\n    when: ansible_os_family == 'Archlinux'", "", `3:5: the module "pacman"`},
		{"under what is always true", "- pacman: {name: x}\n    when: true", `3:5: the module "pacman"`, ""},
		{"under what is never true", "- pacman: {name: x}\n    when: false", "", `3:5: the module "pacman"`},
		{"within a block under facts", "- block:\n    - win_feature: {name: x}\n    when: on_windows", "", `the module "win_feature"`},
		{"within a rescue", "- block: [ping: ]\n    rescue:\n    - docker_container: {name: x}", "", `"docker_container"`},
		{"of another database", "- mysql_user: {name: x}\n    when: mysql", "", `"mysql_user" is not implemented`},
		{"of another database, by its full name", "- community.mysql.mysql_db: {name: x}", `no modules of the collection "community.mysql"`, ""},
		{"of a collection of which there are some", "- community.crypto.openssl_pkcs12: {path: x}", `"community.crypto.openssl_pkcs12" is not implemented`, ""},
		{"by its full name", "- community.general.zypper: {name: x}\n    when: suse", "", `"community.general.zypper"`},
		{"of another collection", "- community.docker.docker_container: {name: x}\n    when: docker", "", `the collection "community.docker"`},
		{"as an action", "- action: pacman name=x\n    when: arch", "", `"pacman"`},
		{"as a local action", "- local_action: {module: slack, msg: x}\n    when: tell", "", `"slack"`},
		{"a misspelling", "- cpoy: {dest: /x}\n    when: x is defined", `there is no module or keyword "cpoy"`, ""},
		{"an argument", "- copy: {dest: /x, validate_twice: true}\n    when: x", "", `copy has no argument "validate_twice"`},
		{"an argument of Ansible's", "- copy: {dest: /x, links: true}\n    when: x", "", `the argument "links" of copy is not here`},
		{"an argument of Ansible's that is surely used", "- copy: {dest: /x, links: true}", `the argument "links" of copy is not here`, ""},
		{"a misspelt argument", "- copy: {dst: /x}\n    when: x", `copy has no argument "dst"`, ""},
		{"a filter", "- debug: {msg: '{{ x | json_of_mine }}'}\n    when: x", "", `there is no filter "json_of_mine"`},
		{"a filter that is surely used", "- debug: {msg: '{{ x | json_of_mine }}'}", `there is no filter "json_of_mine"`, ""},
		{"a filter in a variable", "- ping:\n    vars: {v: '{{ x | json_of_mine }}'}", "", `there is no filter "json_of_mine"`},
		{"a lookup", "- debug: {msg: \"{{ lookup('dig', 'X') }}\"}\n    when: x", "", `there is no lookup "dig"`},
		{"a loop", "- debug: {msg: x}\n    with_filetree: x\n    when: x", "", `"with_filetree"`},
		{"a file", "- copy: {src: licence.key, dest: /x}\n    when: licensed", "", `there is no file "licence.key"`},
		{"a file that is surely wanted", "- copy: {src: licence.key, dest: /x}", `there is no file "licence.key"`, ""},
		{"a file whose absence is ignored", "- copy: {src: licence.key, dest: /x}\n    ignore_errors: true", "", `there is no file "licence.key"`},
		{"a file in a block that ignores errors", "- block:\n    - template: {src: a.j2, dest: /x}\n    ignore_errors: '{{ lax }}'", "", `there is no file "a.j2"`},
		{"a file in a block with a rescue", "- block:\n    - block:\n      - script: a.sh\n    rescue: [ping: ]", "", `there is no file "a.sh"`},
		{"a file in the always of such a block", "- block: [ping: ]\n    rescue: [ping: ]\n    always:\n    - script: a.sh", `there is no file "a.sh"`, ""},
		{"a file that a task before can make", "- command: make it\n    delegate_to: localhost\n  - copy: {src: made.tar, dest: /x}", "", ""},
		{"tasks that a task before can make", "- command: make it\n    delegate_to: localhost\n  - include_tasks: made.yml", "", ""},
		{"tasks that nothing makes", "- include_tasks: made.yml", `there is no file "made.yml"`, ""},
		{"tasks that are imported", "- command: make it\n    delegate_to: localhost\n  - import_tasks: made.yml", `there is no file "made.yml"`, ""},
		{"a role", "- include_role: {name: nobody}\n    when: x", "", `there is no role "nobody"`},
		{"an imported role", "- import_role: {name: nobody}\n    when: x", "", `there is no role "nobody"`},
		{"a file of tasks", "- import_tasks: arch.yml\n    when: x", "", `there is no file "arch.yml"`},
		{"a file of tasks without a condition", "- include_tasks: arch.yml", `there is no file "arch.yml"`, ""},
		{"a handler that nothing surely calls for", "- ping:\n    notify: h\n    when: x\n  handlers:\n  - {name: h, pacman: {name: x}}", "", `"pacman"`},
		{"a handler that is surely called for", "- ping:\n    notify: h\n  handlers:\n  - {name: h, pacman: {name: x}}", `"pacman"`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := write(t, map[string]string{"site.yml": "- hosts: all\n  tasks:\n  " + c.tasks + "\n"})
			p, err := Load("site.yml", testOptions(dir))
			switch {
			case c.refused != "" && (err == nil || !strings.Contains(err.Error(), c.refused)):
				t.Fatalf("it says %v", err)
			case c.refused != "":
				return
			case err != nil:
				t.Fatal(err)
			case c.noted == "" && len(p.Unavailable) > 0, c.noted != "" && len(p.Unavailable) != 1:
				t.Fatalf("noted %v", p.Unavailable)
			case c.noted != "" && (!strings.Contains(p.Unavailable[0].Error(), c.noted) || p.Unavailable[0].Pos.Column == 0):
				t.Errorf("noted %v", p.Unavailable[0])
			}
		})
	}
}

// TestCollections: roles and playbooks of collections beside the playbook, by full name and by `collections:`.
func TestCollections(t *testing.T) {
	at := "collections/ansible_collections/acme/tools/"
	dir := write(t, map[string]string{
		"site.yml": "- hosts: all\n  collections: [acme.tools, not.there]\n  roles: [acme.tools.one, {role: two}]\n" +
			"- import_playbook: acme.tools.second\n",
		at + "playbooks/second.yml":        "- hosts: all\n  tasks:\n  - include_role: {name: acme.tools.two}\n",
		at + "roles/one/tasks/main.yml":    "- ping:\n  notify: \"acme.tools.one : h\"\n- include_role: {name: two, tasks_from: more}\n",
		at + "roles/one/handlers/main.yml": "- {name: h, ping: }\n",
		at + "roles/two/tasks/main.yml":    "- ping:\n",
		at + "roles/two/tasks/more.yml":    "- ping:\n",
	})
	p, err := Load("site.yml", testOptions(dir))
	if err != nil {
		t.Fatal(err)
	}
	one, two := p.Plays[0].Roles[0].(*Block), p.Plays[0].Roles[1].(*Block)
	if one.RoleFullName != "acme.tools.one" || one.Role != "one" || two.RoleFullName != "acme.tools.two" || len(p.Plays) != 2 {
		t.Errorf("loaded %+v, %+v and %d plays", one, two, len(p.Plays))
	}
	dir = write(t, map[string]string{"site.yml": "- hosts: all\n  roles: [acme.tools.missing]\n"})
	if _, err := Load("site.yml", testOptions(dir)); err == nil ||
		!strings.Contains(err.Error(), "collections/ansible_collections/acme/tools/roles/missing") {
		t.Errorf("a missing one: %v", err)
	}
}

// TestForms loads what Ansible takes and checks what is said of it.
func TestForms(t *testing.T) {
	for _, c := range []struct{ name, tasks, warning string }{
		{"include, plain", "- include: more.yml\n    when: x", "ansible-core has no include since 2.16; it is taken for import_tasks"},
		{"include, looped", "- include: more.yml a=1\n    with_items: [1]", "it is taken for include_tasks"},
		{"include, by a template", "- include: '{{ x }}.yml'", "it is taken for include_tasks"},
		{"vars as a list", "- ping:\n    vars: [{a: 1}, {b: 2}]", "ansible-core refuses vars as a list since 2.18"},
		{"all arguments from a template", "- copy: '{{ a }}'", "whoever has a say in this template decides what copy does"},
		{"a loop by its full name", "- debug: {msg: x}\n    with_ansible.builtin.items: [1]", ""},
		{"a lookup as a loop", "- debug: {msg: x}\n    with_file: [a]", ""},
		{"templated tags", "- ping:\n    tags: ['{{ t }}', b]", ""},
		{"no debugger", "- ping:\n    debugger: never", ""},
		{"unsafe", "- debug: {msg: !unsafe '{{ x'}\n    vars: {a: !unsafe [\"{% b\"]}", ""},
		{"loop_control", "- ping:\n    loop: [1]\n    loop_control: {extended: true, extended_allitems: false, break_when: item > 1}", ""},
		{"defaults of modules that are not here", "- ping:\n    module_defaults: {uri: {timeout: 1}, community.docker.docker_login: {a: 1}}", ""},
		{"defaults of groups of modules", "- ping:\n    module_defaults: {group/docker: {timeout: 1}, group/community.postgresql.all: {login_user: x}}", ""},
		{"tasks below tasks", "- import_role: {name: self}", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := write(t, map[string]string{
				"site.yml": "- hosts: all\n  tasks:\n  " + c.tasks + "\n", "more.yml": "- ping:\n",
				"roles/self/tasks/main.yml": "- include_tasks: tasks/sub.yml\n- import_tasks: tasks/sub.yml\n- include_role: {name: self, tasks_from: sub}\n",
				"roles/self/tasks/sub.yml":  "- include_role: {name: self, tasks_from: sub}\n  when: depth | int > 0\n",
			})
			p, err := Load("site.yml", testOptions(dir))
			if err != nil {
				t.Fatal(err)
			}
			said := ""
			for _, w := range p.Warnings {
				said += w.Error()
			}
			if c.warning == "" && said != "" || !strings.Contains(said, c.warning) {
				t.Errorf("it says %q", said)
			}
		})
	}
}

// TestMovedModules: Ansible finds a module in the collection that it has moved to also by the name of the one that it has left, and
// by no other.
func TestMovedModules(t *testing.T) {
	options := testOptions("")
	options.Lookup = all.Lookup
	for name, there := range map[string]bool{
		"ansible.builtin.ini_file": true, "ansible.legacy.locale_gen": true, "ansible.builtin.authorized_key": true,
		"community.general.postgresql_db": true, "community.general.authorized_key": false, "community.postgresql.ini_file": false,
	} {
		l, err := newLoader(options)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := l.module(name); ok != there {
			t.Errorf("%s: %v", name, ok)
		}
	}
}

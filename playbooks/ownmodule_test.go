package playbooks

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	ownPython = "#!/usr/bin/python\n# -*- coding: utf-8 -*-\nfrom ansible.module_utils.basic import AnsibleModule\n"
	ownShell  = "#!/bin/sh\n# WANT_JSON\n"
)

// A module of the user's own that cannot be run is named as what it is, beside the playbook and in a role, with the line that shows it.
func TestOwnModuleRefused(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"site.yml:3:5: the module library/mine.py:3 is made of Ansible's own Python": {
			"site.yml": "- hosts: all\n  tasks:\n  - mine: {a: 1}\n", "library/mine.py": ownPython,
		},
		"site.yml:2:12: the module library/mine.ps1:2 is a module for Windows": {
			"site.yml": "- hosts: all\n  tasks: [{mine: {a: 1}}]\n", "library/mine.ps1": "#!powershell\n#Requires -Module Ansible.ModuleUtils.Legacy\n",
		},
		"roles/r/tasks/main.yml:1:3: the module roles/r/library/mine:1 does not say what runs it": {
			"site.yml": "- hosts: all\n  roles: [r]\n", "roles/r/tasks/main.yml": "- mine:\n", "roles/r/library/mine": "WANT_JSON\n",
		},
		`there is no module or keyword "mine"`: {
			"site.yml": "- hosts: all\n  tasks:\n  - mine:\n", "library/other.py": ownShell, "library/mine.md": ownShell,
		},
		`there is no module or keyword "ours"`: { // a role's modules are known from it on, and not before
			"site.yml":               "- hosts: all\n  tasks:\n  - ours:\n- hosts: all\n  roles: [r]\n",
			"roles/r/tasks/main.yml": "- ours:\n", "roles/r/library/ours": ownShell,
		},
		"takes no text without the name of an argument": {
			"site.yml": "- hosts: all\n  tasks:\n  - mine: words alone\n", "library/mine": ownShell,
		},
	} {
		if _, err := Load("site.yml", testOptions(write(t, files))); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got:\n%v\nwant: %s", err, name)
		}
	}
}

// Behind a condition that the run decides it is refused on the host that gets there.
func TestOwnModuleMaybe(t *testing.T) {
	dir := write(t, map[string]string{"site.yml": "- hosts: all\n  tasks:\n  - mine:\n    when: x is defined\n", "library/mine.py": ownPython})
	p, err := Load("site.yml", testOptions(dir))
	if err != nil || len(p.Unavailable) != 1 || p.Plays[0].Tasks[0].(*Task).Unavailable == nil {
		t.Errorf("%v %+v", err, p)
	}
}

// Modules are looked for in the order that Ansible has: beside the playbook, in roles, then where the settings say.
func TestOwnModule(t *testing.T) {
	dir := write(t, map[string]string{
		"site.yml": `
- hosts: all
  module_defaults: {first: {z: 1}}
  roles: [r]
  tasks:
  - first: {a: "{{ x }}"}
  - second: a=1 b='2 3'
  - ansible.legacy.third:
  - action: first a=1
  - ini_file: {path: /a, section: b}
  - copy: {content: a, dest: /b}
  - file: {path: /a}
  - include_role: {name: later}
`,
		"library/first": ownShell, "library/copy": ownShell, "library/ini_file.py": ownShell, "library/file.py": ownPython,
		"roles/r/tasks/main.yml": "- second: {b: 1}\n", "roles/r/library/second.sh": "#!/bin/sh\n", "roles/r/library/first": "#!/bin/bash\n",
		"roles/later/tasks/main.yml": "- fourth:\n- second:\n", "roles/later/library/fourth": ownShell,
		"set/third.rb": ownShell, "set/second": ownShell,
	})
	o := testOptions(dir)
	o.Library = []string{filepath.Join(dir, "set")}
	p, err := Load("site.yml", o)
	if err != nil {
		t.Fatal(err)
	}
	from := func(n Node) string {
		file := strings.TrimPrefix(n.(*Task).Module.Summary, "A module of your own, from ")
		if below, ok := strings.CutPrefix(file, dir+"/"); ok {
			return below
		}
		return file
	}
	list := p.Plays[0].Tasks
	var got []string
	for _, n := range list[:5] {
		got = append(got, from(n))
	}
	if want := []string{"library/first", "roles/r/library/second.sh", "set/third.rb", "library/first",
		"library/ini_file.py"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if v := list[1].(*Task).Args["b"].Raw; v != "2 3" {
		t.Errorf("arguments in a line: %q", v)
	}
	for i, name := range map[int]string{5: "copy", 6: "file"} {
		if m := list[i].(*Task).Module; m.AnyArgs || m.Name != name {
			t.Errorf("%s is the user's", name)
		}
	}
	if text := Errors(p.Warnings).Error(); len(p.Warnings) != 2 ||
		!strings.Contains(text, "copy is done by polarbook's own module, not by library/copy: ") ||
		!strings.Contains(text, "file is done by polarbook's own module, not by library/file.py:3: it is made of Ansible's own Python") {
		t.Errorf("warnings: %v", p.Warnings)
	}
	nodes, err := list[7].(*Include).Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	later := nodes[0].(*Block).Block
	if a, b := from(later[0]), from(later[1]); a != "roles/later/library/fourth" || b != "roles/r/library/second.sh" {
		t.Errorf("in the role that is included: %s, %s", a, b)
	}
}

// The schema of a place knows the modules there.
func TestOwnModulesInSchema(t *testing.T) {
	dir := write(t, map[string]string{
		"library/first": ownShell, "library/never.py": ownPython, "library/copy": ownShell, "roles/r/library/second.sh": "#!/bin/sh\n",
	})
	o := testOptions(dir)
	o.Library = []string{}
	own, err := OwnModules(o)
	if err != nil || !slices.Equal(own, []string{"first", "second"}) {
		t.Fatalf("%q %v", own, err)
	}
	data, err := Schema("tasks", own...)
	if err != nil {
		t.Fatal(err)
	}
	var s struct {
		Defs map[string]struct {
			Properties map[string]any `json:"properties"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal(data, &s); err != nil {
		t.Fatal(err)
	}
	for name, known := range map[string]bool{"first": true, "ansible.legacy.second": true, "never": false} {
		if _, has := s.Defs["task"].Properties[name]; has != known {
			t.Errorf("%s: %v", name, has)
		}
	}
}

package engine

import "testing"

// TestFilesOfLoops: with_first_found passes over what has something undefined and looks in the folder of the task's kind; with_fileglob
// goes on to the next directory where one has no match.
func TestFilesOfLoops(t *testing.T) {
	b := newBench(t, "a")
	b.file("files/one", "")
	b.file("vars/one", "x: 1")
	b.file("two.conf", "")
	b.file("files/x.other", "")
	_, err := b.run(`
- hosts: a
  gather_facts: false
  tasks:
    - include_vars: "{{ item }}"
      with_first_found: ["{{ nothing_such }}", [none, "{{ nothing_such }}.yml"], one]
      register: kind
    - set_fact: {x: "{{ item }}"}
      with_first_found: ["{{ nothing_such }}", [none, "{{ nothing_such }}.yml"], one]
      register: files
    - set_fact: {x: "{{ item }}"}
      with_fileglob: ["*.conf", "none/*", "*.other"]
      register: globs
    - echo: "{{ (kind.results + files.results + globs.results) | map(attribute='item') | map('relpath', playbook_dir) }}"
    - echo: "{{ q('first_found', ['vars/one', 'one']) | map('relpath', playbook_dir) }}"
    - echo: "{{ q('first_found', ['none', 'one']) | map('relpath', playbook_dir) }}"
`)
	b.wantKind(err, 0)
	b.wantDebugged("['vars/one', 'files/one', 'two.conf', 'files/x.other']", "['vars/one']", "['files/one']")
}

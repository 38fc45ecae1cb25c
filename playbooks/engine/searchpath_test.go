package engine

import (
	"os"
	"testing"

	"github.com/polarbook/polarbook/templates"
)

// Lookups and includes of a role look into the role first, then into the role around it, beside the tasks and beside the playbook.
func TestLookupsOfARoleLookInTheRole(t *testing.T) {
	b := newBench(t, "a")
	b.o.Templates = templates.New(templates.Options{Read: os.ReadFile, Directories: []string{t.TempDir()}})
	for name, content := range map[string]string{
		"files/x": "of the play", "files/only": "of the play alone", "templates/part.j2": "part of the play",
		"templates/whole.j2": "{% include 'part.j2' %}", "roles/outer/files/x": "of outer", "roles/outer/files/shared": "of outer alone",
		"roles/inner/files/x": "of inner", "roles/inner/templates/part.j2": "part of inner",
		"roles/outer/tasks/main.yml": "- import_role: {name: inner}\n- echo: {msg: \"{{ lookup('file', 'x') }}\"}\n",
		"roles/inner/tasks/main.yml": "- echo: {msg: \"{{ lookup('file', 'x') }}, {{ lookup('file', 'files/shared') }}, {{ lookup('file', 'only') }}\"}\n" +
			"- echo: {msg: \"{{ lookup('template', 'part.j2') }}, {% include 'whole.j2' %}, {{ lookup('template', 'whole.j2') }}\"}\n",
	} {
		b.file(name, content)
	}
	_, err := b.run("- hosts: a\n  gather_facts: false\n  roles: [outer]\n  tasks:\n" +
		"  - echo: {msg: \"{{ lookup('file', 'x') }} {{ ansible_search_path == [playbook_dir] }}\"}\n")
	b.wantKind(err, 0)
	b.want(`
play a [a]
task inner : echo
 a ok: of inner, of outer alone, of the play alone
task inner : echo
 a ok: part of inner, part of inner, part of the play
task outer : echo
 a ok: of outer
task echo
 a ok: of the play True
a ok=4 changed=0 unreachable=0 failed=0 skipped=0 rescued=0 ignored=0`)
}

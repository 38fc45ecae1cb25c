package playbooks

import (
	"strings"
	"testing"
)

// A module of the user's own, which is not run, is named as what it is, beside the playbook and in a role.
func TestOwnModule(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"site.yml:3:5: library/mine.py is a module of your own": {
			"site.yml": "- hosts: all\n  tasks:\n  - mine: {a: 1}\n", "library/mine.py": "from ansible.module_utils.basic import AnsibleModule\n",
		},
		"roles/r/tasks/main.yml:1:3: library/mine is a module of your own": {
			"site.yml": "- hosts: all\n  roles: [r]\n", "roles/r/tasks/main.yml": "- mine:\n", "roles/r/library/mine": "#!/bin/sh\n",
		},
		`there is no module or keyword "mine"`: {
			"site.yml": "- hosts: all\n  tasks:\n  - mine:\n", "library/other.py": "",
		},
	} {
		if _, err := Load("site.yml", testOptions(write(t, files))); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got:\n%v\nwant: %s", err, name)
		}
	}
}

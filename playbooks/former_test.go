package playbooks

import (
	"strings"
	"testing"
	"testing/fstest"
)

// TestFormerNamesOfModulesLoad loads a playbook that was written for an earlier release, and one that misspells a former name.
func TestFormerNamesOfModulesLoad(t *testing.T) {
	load := func(module string) (*Playbook, error) {
		text := "- hosts: all\n  tasks:\n  - " + module + ":\n      state: spared\n      nodes: []\n    register: turn\n"
		return Load("site.yml", Options{Dir: t.TempDir(), Builtin: fstest.MapFS{"site.yml": {Data: []byte(text)}}})
	}
	if _, err := load("polardb_turn"); err != nil {
		t.Error(err)
	}
	if _, err := load("polardb_trun"); err == nil || !strings.Contains(err.Error(), `did you mean "polardb_turn"?`) {
		t.Error(err)
	}
	if _, err := load("polardb_quorm"); err == nil || !strings.Contains(err.Error(), `did you mean "polardb_quorum"?`) {
		t.Error(err)
	}
}

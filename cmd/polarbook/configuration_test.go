package main

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/polarbook/polarbook/inventory/settings"
)

// What ansible-core 2.19 answers, but for the number of forks.
func TestConfiguration(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	t.Setenv("ANSIBLE_REMOTE_USER", "dba")
	file := filepath.Join(dir, "ansible.cfg")
	text := "[defaults]\nroles_path = roles:/opt/roles\ntimeout = 30\n[privilege_escalation]\nbecome = yes\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ANSIBLE_CONFIG", file)
	place, err := settings.Here()
	if err != nil {
		t.Fatal(err)
	}
	s, err := settings.Load(place)
	if err != nil {
		t.Fatal(err)
	}
	known := configuration(s)
	for name, want := range map[string]any{
		"DEFAULT_ROLES_PATH": []any{filepath.Join(dir, "roles"), "/opt/roles"}, "DEFAULT_TIMEOUT": 30, "DEFAULT_BECOME": true,
		"DEFAULT_REMOTE_USER": "dba", "DEFAULT_REMOTE_PORT": nil, "DEFAULT_BECOME_METHOD": "sudo", "HOST_KEY_CHECKING": true,
		"COLLECTIONS_PATHS": []any{filepath.Join(dir, ".ansible", "collections"), "/usr/share/ansible/collections"},
		"DEFAULT_NO_LOG":    false, "DEFAULT_PRIVATE_KEY_FILE": nil, "ANSIBLE_HOME": filepath.Join(dir, ".ansible"), "TASK_TIMEOUT": 0,
	} {
		if got, ok := known[name]; !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %#v, want %#v", name, got, want)
		}
	}
}

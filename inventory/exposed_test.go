package inventory

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A file that every account may read is named when it holds a secret in plain text, wherever in it and whatever kind of
// file it is.
func TestExposed(t *testing.T) {
	for _, c := range []struct {
		name, file, text string
		mode             os.FileMode
		want             string // a part of the warning; "": none
	}{
		{"a host's", "hosts.yml", "all: {hosts: {a: {ansible_password: hushhush}}}", 0o644, "(ansible_password)"},
		{"a group's", "hosts.yml", "all: {vars: {polardb_superuser_password: hushhush, x: y}, hosts: {a: }}", 0o604,
			"(polardb_superuser_password)"},
		{"in INI", "hosts.ini", "a ansible_become_pass=hushhush\n", 0o664, "(ansible_become_pass)"},
		{"nested", "hosts.yml", "all: {hosts: {a: {users: [{name: u, password: hushhush}]}}}", 0o644, "(users)"},
		{"a number", "hosts.yml", "all: {hosts: {a: {db_pw: 918273}}}", 0o644, "(db_pw)"},
		{"group_vars", "group_vars/all.yml", "db_password: hushhush\n", 0o644, "group_vars/all.yml"},
		{"a directory of group_vars", "group_vars/all/it's.yml", "db_password: hushhush\n", 0o644, `'\''s.yml'`},
		{"host_vars", "host_vars/a", "api_key: hushhush\n", 0o644, "host_vars/a"},
		{"many", "group_vars/all.yml", "a_pw: hush\nb_pw: hush\nc_pw: hush\nd_pw: hush\ne_pw: hush\nf_pw: hush\ng_pw: hush\n", 0o644,
			"and 2 more"},
		{"closed", "group_vars/all.yml", "db_password: hushhush\n", 0o640, ""},
		{"looked up", "group_vars/all.yml", "db_password: \"{{ lookup('env', 'X') }}\"\n", 0o644, ""},
		{"a hash", "group_vars/all.yml", "users: [{name: u, password: $6$salt$abcdefgh}]\n", 0o644, ""},
		{"a path", "group_vars/all.yml", "private_key: /etc/ssl/key.pem\n", 0o644, ""},
		{"nothing yet", "group_vars/all.yml", "db_password:\nother_password: ''\n", 0o644, ""},
		{"no secret", "group_vars/all.yml", "port: 5432\n", 0o644, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			source := filepath.Join(dir, "hosts.yml")
			files := map[string]string{"hosts.yml": "all: {hosts: {a: }}"}
			if strings.HasPrefix(c.file, "hosts.") {
				files, source = map[string]string{}, filepath.Join(dir, c.file)
			}
			files[c.file] = c.text
			for name, text := range files {
				path := filepath.Join(dir, name)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Chmod(filepath.Join(dir, c.file), c.mode); err != nil {
				t.Fatal(err)
			}
			inv, err := Load([]string{source})
			if err != nil {
				t.Fatal(err)
			}
			got := inv.Exposed()
			if c.want == "" {
				if len(got) > 0 {
					t.Errorf("warned: %v", got)
				}
				return
			}
			if len(got) != 1 || !strings.Contains(got[0], c.want) || !strings.Contains(got[0], "chmod o-rwx ") || strings.Contains(got[0], "hush") {
				t.Errorf("got %v, want %q in it", got, c.want)
			}
		})
	}
}

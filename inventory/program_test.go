package inventory

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What a program prints that is no inventory is an error that names it, with the program's own words.
func TestPrograms(t *testing.T) {
	for _, c := range []struct{ name, prints, want string }{
		{"no JSON", "echo '{'", "printed what is no JSON when it was run with --list"},
		{"a list", "echo '[]'", "printed a list and no mapping"},
		{"hosts", `echo '{"g": {"hosts": {"a": 1}}}'`, `hosts of the group "g" that is no list but a mapping`},
		{"a host", `echo '{"g": [1]}'`, `a host of the group "g" that is no text`},
		{"vars", `echo '{"g": {"vars": [1]}}'`, `vars of the group "g" that is no mapping`},
		{"hostvars", `echo '{"_meta": {"hostvars": []}}'`, "_meta.hostvars that is no mapping"},
		{"its own child", `echo '{"g": {"children": ["g"]}}'`, "cannot be its own child"},
		{"a failure", "echo broken >&2; exit 4", "exit status 4 when it was run with --list:\nbroken"},
		{"no text", `printf '{"g": ["\377"]}'`, "no UTF-8 text"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "inv")
			if err := os.WriteFile(file, []byte("#!/bin/sh\n"+c.prints+"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			if _, err := Load([]string{file}); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), file) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

// TestMergedMappings: hash_behaviour = merge over all that a host's variables come from.
func TestMergedMappings(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"inv":                "[g]\nh\n[g:vars]\nd={'g': 1, 'x': {'a': 1}, 'l': [1]}\n[all:vars]\nd={'all': 1, 'x': 1}\n",
		"group_vars/g/1.yml": "d: {one: 1}\n",
		"group_vars/g/2.yml": "d: {two: 2, x: {b: 2}, l: [2]}\n",
		"host_vars/h.yml":    "d: {h: 1}\n",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for merge, want := range map[bool]string{
		false: `{"h":1}`,
		true:  `{"all":1,"x":{"a":1,"b":2},"g":1,"l":[2],"one":1,"two":2,"h":1}`,
	} {
		i, err := LoadWith(Options{MergeMappings: merge}, []string{filepath.Join(dir, "inv")})
		if err != nil {
			t.Fatal(err)
		}
		h, _ := i.Host("h")
		vars, err := i.Vars(h)
		if err != nil {
			t.Fatal(err)
		}
		got, err := vars.Value("d").(interface{ MarshalJSON() ([]byte, error) }).MarshalJSON()
		if err != nil || string(got) != want {
			t.Errorf("merge %v: %s, want %s", merge, got, want)
		}
	}
}

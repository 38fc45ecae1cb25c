package playbooks

import (
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
)

// FuzzLoad: whatever a file holds, loading it ends, without a panic, in a playbook or in problems that can be shown.
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/bad/*.yml", "testdata/good/*.yml", "testdata/*/tasks/*.yml", "*.yml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	f.Add([]byte("- hosts: all\n  vars: &a\n    <<: *a\n"))
	f.Add([]byte("- &a {hosts: x, tasks: [&t {ping: }, *t]}\n- *a\n"))
	f.Add([]byte("- ? [a]\n  : b\n- {<<: [1, {a: b}], <<: c}\n"))
	f.Add([]byte("- hosts: all\n  tasks:\n  - include_tasks: fuzz.yml\n  - import_tasks: fuzz.yml\n    when: x\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		o := testOptions("/")
		o.Builtin = fstest.MapFS{"fuzz.yml": {Data: text}}
		p, err := Load("fuzz.yml", o)
		if err == nil {
			outline(p)
			return
		}
		if err.Error() == "" {
			t.Error("it is not said what is wrong")
		}
	})
}

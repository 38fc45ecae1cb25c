package playbooks

import (
	"io/fs"
	"slices"
	"testing"
)

// TestBuiltin: every playbook in the binary loads with the modules and templates of the binary, and says what it does.
func TestBuiltin(t *testing.T) {
	all, err := List()
	if err != nil {
		t.Fatal(err)
	}
	for _, info := range all {
		t.Run(info.Name, func(t *testing.T) {
			p, err := Load(info.Name, Options{Dir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range p.Warnings {
				t.Error(w)
			}
			if info.Summary == "" {
				t.Error("the comment at its head does not say what it does")
			}
		})
	}
	var names []string
	for _, info := range all {
		names = append(names, info.Name)
	}
	files, err := fs.Glob(Builtin(), "*.yml")
	if err != nil || !slices.Equal(files, names) {
		t.Errorf("List gives %q of the playbooks %q, %v", names, files, err)
	}
}

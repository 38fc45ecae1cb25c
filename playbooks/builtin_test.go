package playbooks

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

var builtins sync.Map // of functions that load, by the playbook's name

// loadBuiltin returns a built-in playbook, which is loaded once for all tests: where no file has its name.
func loadBuiltin(t *testing.T, name string) *Playbook {
	t.Helper()
	dir := t.TempDir()
	load, _ := builtins.LoadOrStore(name, sync.OnceValues(func() (*Playbook, error) { return Load(name, Options{Dir: dir}) }))
	p, err := load.(func() (*Playbook, error))()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestBuiltin: every playbook in the binary loads with the modules and templates of the binary, and says what it does.
func TestBuiltin(t *testing.T) {
	all, err := List()
	if err != nil {
		t.Fatal(err)
	}
	for _, info := range all {
		t.Run(info.Name, func(t *testing.T) {
			p := loadBuiltin(t, info.Name)
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

// TestHeadsAreUnderstood: what the head of a built-in playbook says of variables is understood, each with its own line, and
// its first line is a whole sentence, for it stands alone in the list.
func TestHeadsAreUnderstood(t *testing.T) {
	all, err := List()
	if err != nil {
		t.Fatal(err)
	}
	several := regexp.MustCompile(`^\s+[a-z_]+(?: \([^)]*\))?,.*:`)
	for _, info := range all {
		if first, _, _ := strings.Cut(info.Doc, "\n"); !strings.HasSuffix(first, ".") {
			t.Errorf("%s: the first line of its head is no whole sentence: %s", info.Name, first)
		}
		_, variables, _ := strings.Cut(info.Doc, "\nVariables:\n")
		for line := range strings.SplitSeq(variables, "\n") {
			if several.MatchString(line) {
				t.Errorf("%s: several variables on one line, of which one is understood: %s", info.Name, line)
			}
		}
	}
}

// TestLocksNothing: a run locks its hosts unless its playbook is a built-in one that only reads and says so. A file of the
// user's always locks, whatever its head says.
func TestLocksNothing(t *testing.T) {
	all, err := List()
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, info := range all {
		p := loadBuiltin(t, info.Name)
		if p.LocksNothing {
			found = append(found, info.Name)
		}
		if p.LocksNothing != strings.Contains(p.Doc, "Locks:") {
			t.Errorf("%s: what its head says of locks is not understood", info.Name)
		}
	}
	if want := []string{"backups.yml", "check.yml", "status.yml"}; !slices.Equal(found, want) {
		t.Errorf("%q lock nothing, want %q", found, want)
	}
	text, err := fs.ReadFile(Builtin(), "check.yml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "check.yml"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := Load("check.yml", Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if p.Builtin || p.LocksNothing {
		t.Errorf("a copy of the user's: built-in %t, locks nothing %t", p.Builtin, p.LocksNothing)
	}
}

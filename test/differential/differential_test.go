package differential

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/polarbook/polarbook/test/lab"
)

// books are the playbooks: testdata/NAME/site.yml, run with each list of arguments in turn. Most run twice, for a
// second run has nothing left to change.
var books = []struct {
	name string
	runs [][]string
}{
	{"commands", [][]string{{}}},
	{"files", [][]string{{"-e", "run=1"}, {"-e", "run=2"}}},
	{"edits", [][]string{{}, {}}},
	{"language", [][]string{{}}},
	{"failing", [][]string{{}}},
	{"failing_some", [][]string{{}, {"--limit", "followers"}}},
}

func TestAsAnsible(t *testing.T) {
	lab.Require(t)
	requireAnsible(t)
	// The path is shorter than that of a test's own directory: it holds the sockets of ssh.
	scratch, err := os.MkdirTemp("", "diff-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(scratch) })
	ansible := newDesk(t, scratch, "a", true, runAnsible)
	t.Cleanup(func() {
		if err := ansible.closeSockets(); err != nil {
			t.Error(err)
		}
	})
	ours := newDesk(t, scratch, "p", false, runPolarbook)
	known := newKnown()
	reported := map[string]bool{}
	for _, b := range books {
		t.Run(b.name, func(t *testing.T) {
			ansible.t, ours.t = t, t
			if _, err := os.Stat(filepath.Join("testdata", b.name, "site.yml")); err != nil {
				t.Fatal(err)
			}
			for i, args := range b.runs {
				var want, got *outcome
				var both sync.WaitGroup
				both.Go(func() { want = ansible.run(ansible, b.name, args) })
				both.Go(func() { got = ours.run(ours, b.name, args) })
				both.Wait()
				if want == nil || got == nil {
					return
				}
				t.Logf("run %d: Ansible %s, polarbook %s", i+1, want.took, got.took)
				where := fmt.Sprintf("%s/%d", b.name, i+1)
				differences := compare(ansible, ours, want, got)
				if len(differences) > 0 && os.Getenv("DIFFERENTIAL_KEEP") != "" {
					keep(t, where, want, got)
				}
				for _, d := range differences {
					if !known.has(where + " " + d) {
						t.Errorf("%s %s", where, d)
					}
				}
			}
			files := append(compareFiles(ansible, ours, b.name), compareDesks(ansible, ours, b.name)...)
			for _, d := range files {
				if !reported[d] && !known.has(b.name+" "+d) {
					t.Errorf("%s %s", b.name, d)
				}
				reported[d] = true
			}
		})
	}
	if !t.Failed() && !filtered() {
		for _, reason := range known.unused() {
			t.Errorf("this difference is no more: %s", reason)
		}
	}
}

// keep writes both outputs to the directory that DIFFERENTIAL_KEEP names, to be read when they differ.
func keep(t *testing.T, where string, want, got *outcome) {
	dir := filepath.Join(os.Getenv("DIFFERENTIAL_KEEP"), where)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]*outcome{"ansible.json": want, "polarbook.json": got} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(o.text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// filtered reports whether only some of the playbooks were asked for.
func filtered() bool {
	return slices.ContainsFunc(os.Args, func(a string) bool { return strings.HasPrefix(a, "-test.run") && a != "-test.run=" })
}

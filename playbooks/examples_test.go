package playbooks

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/polarbook/polarbook/tasks/all"
)

// TestExamples: the examples in the modules' documentation are tasks that load. The files that they name are the
// reader's own and need not be there.
func TestExamples(t *testing.T) {
	for _, m := range all.All() {
		if m.Examples == "" {
			continue
		}
		t.Run(m.Name, func(t *testing.T) {
			_, err := Load("examples.yml", Options{Dir: t.TempDir(), Builtin: fstest.MapFS{
				"examples.yml": {Data: []byte("- hosts: all\n  tasks:\n  - include_tasks: tasks.yml\n")},
				"tasks.yml":    {Data: []byte(m.Examples)},
			}})
			var problems Errors
			if err != nil && !errors.As(err, &problems) {
				t.Fatal(err)
			}
			for _, one := range problems {
				if !strings.Contains(one.Msg, "there is no file") && !strings.Contains(one.Msg, "there is no handler") {
					t.Error(one)
				}
			}
		})
	}
}

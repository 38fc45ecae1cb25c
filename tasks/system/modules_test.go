package system

import (
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func init() { taskstest.Knowing(Modules()) }

// Every module has the full name that playbooks call it by.
func TestFullNames(t *testing.T) {
	for _, m := range Modules() {
		if len(m.Collections) == 0 {
			t.Errorf("the module %s is in no collection", m.Name)
		}
	}
}

package all

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/builtin"
	"github.com/polarbook/polarbook/tasks/crypto"
	"github.com/polarbook/polarbook/tasks/polardb"
	"github.com/polarbook/polarbook/tasks/postgresql"
	"github.com/polarbook/polarbook/tasks/preflight"
	"github.com/polarbook/polarbook/tasks/selinux"
	"github.com/polarbook/polarbook/tasks/sources"
	"github.com/polarbook/polarbook/tasks/system"
	"github.com/polarbook/polarbook/tasks/trees"
)

// inFileOf names the file of a module that shares another's.
var inFileOf = map[string]string{
	"dnf": "package", "dnf5": "package", "yum": "package", "service": "systemd", "systemd_service": "systemd", "shell": "command",
}

// Every module is in the file of its name, and that file has its tests beside it: somebody who changes a module finds both.
func TestEveryModuleHasATestFile(t *testing.T) {
	for family, modules := range map[string][]tasks.Module{
		"builtin": builtin.Modules(), "polardb": polardb.Modules(), "preflight": preflight.Modules(), "sources": sources.Modules(),
		"trees": trees.Modules(), "postgresql": postgresql.Modules(), "crypto": crypto.Modules(),
		"selinux": selinux.Modules(), "system": system.Modules(),
	} {
		for _, m := range modules {
			file := strings.TrimPrefix(strings.TrimPrefix(m.Name, "polardb_"), "postgresql_")
			if shared, ok := inFileOf[m.Name]; ok {
				file = shared
			}
			for _, name := range []string{file + ".go", file + "_test.go"} {
				if _, err := os.Stat(filepath.Join("..", family, name)); err != nil {
					t.Errorf("%s: tasks/%s has no %s", m.Name, family, name)
				}
			}
		}
	}
}

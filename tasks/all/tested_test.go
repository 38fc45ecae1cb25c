package all

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/builtin"
	"github.com/polarbook/polarbook/tasks/polardb"
	"github.com/polarbook/polarbook/tasks/preflight"
)

// inFileOf names the file of a module that shares another's.
var inFileOf = map[string]string{
	"apt": "package", "dnf": "package", "yum": "package", "service": "systemd", "systemd_service": "systemd", "shell": "command",
}

// untested are modules whose files have no tests of their own yet. The list may only become shorter.
var untested = strings.Fields(`pam_limits raw selinux template ufw
	polardb_ca polardb_chosen polardb_extension polardb_facts polardb_firewall polardb_locale
	polardb_query polardb_relations polardb_retire polardb_set polardb_status polardb_tls polardb_weight`)

// Every module is in the file of its name, and that file has its tests beside it: somebody who changes a module finds both.
func TestEveryModuleHasATestFile(t *testing.T) {
	for family, modules := range map[string][]tasks.Module{
		"builtin": builtin.Modules(), "polardb": polardb.Modules(), "preflight": preflight.Modules(),
	} {
		for _, m := range modules {
			file := strings.TrimPrefix(m.Name, "polardb_")
			if shared, ok := inFileOf[m.Name]; ok {
				file = shared
			}
			files := []string{file + ".go", file + "_test.go"}
			if slices.Contains(untested, m.Name) {
				files = files[:1]
			}
			for _, name := range files {
				if _, err := os.Stat(filepath.Join("..", family, name)); err != nil {
					t.Errorf("%s: tasks/%s has no %s", m.Name, family, name)
				}
			}
		}
	}
}

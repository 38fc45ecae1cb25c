// Package all is the list of every module: the families, in the order of the documentation.
package all

import (
	"slices"
	"strings"

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

// All lists every module, in the order of the documentation.
func All() []tasks.Module {
	return registry
}

// registry holds the modules of each family. A family lists its own in its modules.go.
var registry = slices.Concat(
	builtin.Modules(), system.Modules(), selinux.Modules(), sources.Modules(), trees.Modules(), postgresql.Modules(), crypto.Modules(),
	preflight.Modules(), polardb.Modules(),
)

// Filters are what a family brings for templates to use, beside Jinja2's filters and Ansible's.
var Filters = polardb.Filters

// Names lists the short names and aliases that Lookup knows, in the order of the documentation.
func Names() []string {
	var names []string
	for _, m := range registry {
		names = append(append(names, m.Name), m.Aliases...)
	}
	return names
}

// Lookup finds a module by its short name, an alias, or one of its collections' names: "copy", "ansible.builtin.copy".
func Lookup(name string) (*tasks.Module, bool) {
	collection, short := "", name
	if i := strings.LastIndex(name, "."); i >= 0 {
		collection, short = name[:i], name[i+1:]
	}
	for i := range registry {
		m := &registry[i]
		if m.Name != short && !slices.Contains(m.Aliases, short) {
			continue
		}
		if collection == "" {
			return m, true
		}
		for _, c := range m.Collections {
			if c == collection {
				return m, true
			}
		}
	}
	return nil, false
}

package tasks

import (
	"slices"
	"strings"
)

// All lists every module, in the order of the documentation.
func All() []Module {
	return registry
}

// registry holds the modules of each family. A family lists its own in its modules.go.
var registry = slices.Concat(builtinModules(), preflightModules(), polardbModules())

// Lookup finds a module by its short name or by one of its collections' names: "copy", "ansible.builtin.copy".
func Lookup(name string) (*Module, bool) {
	collection, short := "", name
	if i := strings.LastIndex(name, "."); i >= 0 {
		collection, short = name[:i], name[i+1:]
	}
	for i := range registry {
		m := &registry[i]
		if m.Name != short {
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

package inventory

import (
	"maps"
	"slices"

	"github.com/polarbook/polarbook/templates/ordered"
)

// variables are the variables of one host or group, in the order in which they were first given a value, with the places of
// the definitions that win.
type variables struct {
	values *ordered.Map
	where  map[string]Position
}

func (v *variables) set(name string, value any, position Position) {
	if v.values == nil {
		v.values = ordered.New(0)
		v.where = map[string]Position{}
	}
	v.values.Set(name, value)
	v.where[name] = position
}

// add lays other variables over these; mappings are merged with those below when merging is on.
func (v *variables) add(other variables, merging bool) {
	for name, value := range other.values.All() {
		if below, ok := v.values.Get(name); ok && merging {
			value = combine(below, value)
		}
		v.set(name, value, other.where[name])
	}
}

// Vars returns the variables of a host at the inventory's levels, merged, in a mapping of the
// caller's own, in the order in which Ansible lays them over one another. The values in it are
// shared and must not be changed. From lowest to highest:
//
//	variables of the group all in the inventory
//	variables of the other groups in the inventory, by depth, ansible_group_priority, name
//	group_vars/all beside the inventory
//	group_vars/all beside the playbook
//	group_vars of the other groups beside the inventory, in the same order of groups
//	group_vars of the other groups beside the playbook
//	variables of the host in the inventory
//	host_vars beside the inventory
//	host_vars beside the playbook
//	inventory_hostname, inventory_hostname_short, group_names, groups, inventory_dir, inventory_file
//
// Templates in values are not rendered. hostvars is not among them: it needs the other levels too.
func (i *Inventory) Vars(h *Host) (*ordered.Map, error) {
	merged, err := i.merged(h)
	if err != nil {
		return nil, err
	}
	return merged.values, nil
}

// Each is told of every variable of every group, host and file of variables, whichever wins, by name within each.
func (i *Inventory) Each(tell func(name string, value any, at Position)) {
	i.mutex.RLock()
	defer i.mutex.RUnlock()
	all := func(v variables) {
		for _, name := range slices.Sorted(maps.Keys(v.where)) {
			tell(name, v.values.Value(name), v.where[name])
		}
	}
	for _, g := range i.groups {
		all(g.vars)
	}
	for _, h := range i.hosts {
		all(h.vars)
	}
	for _, file := range slices.Sorted(maps.Keys(i.varsFiles)) {
		all(i.varsFiles[file].vars)
	}
}

// SourceDirs are the directories that inventories were read from.
func (i *Inventory) SourceDirs() []string { return slices.Clone(i.sourceDirs) }

// Where returns where a host's variable was defined, of several definitions the one that wins. With
// variable "" it returns where the host itself was first named. Magic variables, hosts that are not
// known and what was added at run time have no position.
func (i *Inventory) Where(host, variable string) Position {
	h, ok := i.Host(host)
	if !ok {
		return Position{}
	}
	if variable == "" {
		return h.position
	}
	merged, err := i.merged(h)
	if err != nil {
		return Position{}
	}
	return merged.where[variable]
}

func (i *Inventory) merged(h *Host) (variables, error) {
	i.mutex.Lock()
	defer i.mutex.Unlock()

	var result variables
	groups := h.allGroups()
	all := i.byGroup["all"]
	result.add(all.vars, i.options.MergeMappings)
	names := []string{}
	for _, g := range groups {
		if g != all {
			names = append(names, g.name)
			result.add(g.vars, i.options.MergeMappings)
		}
	}
	steps := []struct {
		dirs  []string
		kind  string
		names []string
	}{
		{i.sourceDirs, "group_vars", []string{"all"}},
		{i.playbookDirs, "group_vars", []string{"all"}},
		{i.sourceDirs, "group_vars", names},
		{i.playbookDirs, "group_vars", names},
	}
	for _, step := range steps {
		if err := i.addFiles(&result, step.dirs, step.kind, step.names); err != nil {
			return variables{}, err
		}
	}
	result.add(h.vars, i.options.MergeMappings)
	for _, dirs := range [][]string{i.sourceDirs, i.playbookDirs} {
		if err := i.addFiles(&result, dirs, "host_vars", []string{h.Name}); err != nil {
			return variables{}, err
		}
	}
	for name, value := range h.magic().All() {
		result.set(name, value, Position{})
	}
	return result, nil
}

func (i *Inventory) addFiles(result *variables, dirs []string, kind string, names []string) error {
	for _, dir := range dirs {
		for _, name := range names {
			vars, err := i.varsFile(dir, kind, name)
			if err != nil {
				return err
			}
			result.add(vars, i.options.MergeMappings)
		}
	}
	return nil
}

// magic are the variables that the inventory itself defines. They cannot be overridden.
func (h *Host) magic() *ordered.Map {
	names := h.inventory.groupNames()
	groups := ordered.New(len(names))
	for _, g := range h.inventory.groups {
		groups.Set(g.name, toList(names[g.name]))
	}
	magic := ordered.Of(
		"inventory_hostname", h.Name,
		"inventory_hostname_short", h.shortName(),
		"group_names", toList(h.groupNames()),
		"groups", groups,
		"inventory_dir", nil,
		"inventory_file", nil,
	)
	if h.file != "" {
		magic.Set("inventory_file", h.file)
	}
	if h.directory != "" {
		magic.Set("inventory_dir", h.directory)
	}
	return magic
}

func toList(names []string) []any {
	list := make([]any, len(names))
	for at, name := range names {
		list[at] = name
	}
	return list
}

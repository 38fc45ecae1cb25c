package inventory

import (
	"maps"
	"slices"

	"github.com/polarbook/polarbook/templates/ordered"
	"github.com/polarbook/polarbook/templates/suggest"
)

// Group is one group as an inventory is shown.
type Group struct {
	Name string
	// Hosts and Children are those that belong to it itself, in the order in which they were named.
	Hosts, Children []string
	// Vars are its own variables, with those of group_vars beside the inventory and, where it is not 1, its priority.
	Vars *ordered.Map
}

// Group returns a group by its name, with the variables that group_vars in more directories have for it.
func (i *Inventory) Group(name string, more ...string) (Group, error) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	g, ok := i.byGroup[name]
	if !ok {
		return Group{}, errorAt(Position{}, "the inventory has no group %q%s", name, suggest.Suffix(name, slices.Collect(maps.Keys(i.byGroup))))
	}
	out := Group{Name: name}
	for _, h := range g.hosts {
		out.Hosts = append(out.Hosts, h.Name)
	}
	for _, c := range g.children {
		out.Children = append(out.Children, c.name)
	}
	var vars variables
	vars.add(g.vars, i.options.MergeMappings)
	if err := i.addFiles(&vars, slices.Concat(i.sourceDirs, more), "group_vars", []string{name}); err != nil {
		return out, err
	}
	if g.priority != 1 {
		vars.set("ansible_group_priority", g.priority, Position{})
	}
	out.Vars = vars.values
	return out, nil
}

// OwnVars returns the variables of a host itself, without its groups': those of the inventory, and of host_vars beside it and in
// more directories.
func (i *Inventory) OwnVars(h *Host, more ...string) (*ordered.Map, error) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	var vars variables
	vars.add(h.vars, i.options.MergeMappings)
	err := i.addFiles(&vars, slices.Concat(i.sourceDirs, more), "host_vars", []string{h.Name})
	return vars.values, err
}

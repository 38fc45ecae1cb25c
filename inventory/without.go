package inventory

import "slices"

// Without takes hosts out of the inventory and of every group, also when it is read anew. Names that it does not have do not matter.
func (i *Inventory) Without(names []string) {
	leave := func() {
		gone := func(h *Host) bool { return slices.Contains(names, h.Name) }
		i.hosts = slices.DeleteFunc(slices.Clone(i.hosts), gone)
		for _, g := range i.groups {
			g.hosts = slices.DeleteFunc(slices.Clone(g.hosts), gone)
		}
		for _, name := range names {
			delete(i.byName, name)
		}
	}
	i.mutex.Lock()
	defer i.mutex.Unlock()
	leave()
	i.added = append(i.added, leave)
}

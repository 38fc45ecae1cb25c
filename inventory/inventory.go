// Package inventory knows which hosts there are, how they are grouped, which variables each of them
// has and which of two definitions wins. It reads Ansible's inventories (YAML, INI, host lists,
// directories of them, host_vars and group_vars) and Ansible's host patterns.
//
// It knows nothing of playbooks, templates or connections: values are returned as written, their
// templates unrendered. It imports no other package of this module but the one for ordered mappings. The shared YAML decoder, the
// precedence of variables at every level (Layers) and the masking of secrets (Secrets) live here
// because every other package that meets a variable needs them.
package inventory

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"
)

// Inventory is the set of hosts and groups of one run. Reading it is safe from many goroutines, also
// while AddHost and AddGroup are called.
type Inventory struct {
	mutex   sync.RWMutex
	hosts   []*Host
	byName  map[string]*Host
	groups  []*group
	byGroup map[string]*group
	// localhost is the host that Ansible makes up when a pattern names localhost and no inventory
	// does. It belongs to no group, not even to all.
	localhost map[string]*Host
	// sourceDirs and playbookDirs hold host_vars and group_vars, in order of increasing precedence.
	sourceDirs   []string
	playbookDirs []string
	varsFiles    map[string]fileVars
	encrypted    map[string]bool // the files that were
	growing      bool
	options      Options
	sources      []string
	// added is what AddHost and AddGroup did, which Reread does again.
	added []func()
}

// Host is one host of the inventory.
type Host struct {
	// Name is the inventory name (inventory_hostname), not the address that is connected to.
	Name string

	inventory *Inventory
	groups    []*group
	vars      variables
	position  Position
	file      string // inventory_file, "" for hosts that came from a list or were added at run time
	directory string // inventory_dir
	implicit  bool
}

// group is one group. Its name is unique; all and ungrouped always exist.
type group struct {
	name     string
	hosts    []*Host
	children []*group
	parents  []*group
	vars     variables
	priority int
	position Position
}

// New returns an inventory without hosts, to which AddHost and AddGroup can add.
func New() *Inventory {
	i := &Inventory{
		byName:    map[string]*Host{},
		byGroup:   map[string]*group{},
		localhost: map[string]*Host{},
		varsFiles: map[string]fileVars{},
		encrypted: map[string]bool{},
	}
	all := i.ensureGroup("all", Position{})
	ungrouped := i.ensureGroup("ungrouped", Position{})
	_ = i.addChild(all, ungrouped)
	return i
}

// Hosts returns every host in inventory order: those of ungrouped first, then group by group in the
// order in which the groups were first named. It is the order of groups['all'].
func (i *Inventory) Hosts() []*Host {
	i.mutex.RLock()
	defer i.mutex.RUnlock()
	return i.byGroup["all"].allHosts()
}

// Names returns the names of the hosts in the order in which they were first named: that of hostvars.
func (i *Inventory) Names() []string {
	i.mutex.RLock()
	defer i.mutex.RUnlock()
	names := make([]string, len(i.hosts))
	for at, h := range i.hosts {
		names[at] = h.Name
	}
	return names
}

// Host returns the host of that inventory name. localhost is found even where no inventory names it,
// as in Ansible, with ansible_connection=local.
func (i *Inventory) Host(name string) (*Host, bool) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	if h, ok := i.byName[name]; ok {
		return h, true
	}
	h := i.implicit(name)
	return h, h != nil
}

// Groups returns the magic variable groups: the names of each group's hosts, its children's included,
// in order. all and ungrouped are among them.
func (i *Inventory) Groups() map[string][]string {
	i.mutex.RLock()
	defer i.mutex.RUnlock()
	return i.groupNames()
}

func (i *Inventory) groupNames() map[string][]string {
	groups := make(map[string][]string, len(i.groups))
	for _, g := range i.groups {
		names := []string{}
		for _, h := range g.allHosts() {
			names = append(names, h.Name)
		}
		groups[g.name] = names
	}
	return groups
}

// Groups returns the magic variable group_names: the groups the host is in, directly or through a
// child group, sorted, without all.
func (h *Host) Groups() []string {
	h.inventory.mutex.RLock()
	defer h.inventory.mutex.RUnlock()
	return h.groupNames()
}

func (h *Host) groupNames() []string {
	names := []string{}
	for _, g := range h.allGroups() {
		if g.name != "all" {
			names = append(names, g.name)
		}
	}
	sort.Strings(names)
	return names
}

// Grow announces that a playbook adds hosts and groups from now on. A pattern may then name one that has not come to be, which
// is nothing to be told of.
func (i *Inventory) Grow() {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	i.growing = true
}

// AddHost adds a host at run time, or adds groups and variables to one that exists. It is what the
// module add_host does. Groups that do not exist yet are made.
func (i *Inventory) AddHost(name string, groups []string, vars map[string]any) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	i.added = append(i.added, func() { i.addHost(name, groups, vars) })
	i.addHost(name, groups, vars)
}

func (i *Inventory) addHost(name string, groups []string, vars map[string]any) {
	h := i.ensureHost(name, Position{}, "", "")
	for _, g := range groups {
		i.ensureGroup(g, Position{}).addHost(h)
	}
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		h.vars.set(name, vars[name], Position{})
	}
	i.reconcile()
}

// AddGroup makes a group at run time, or adds to one that exists: hosts by name (unknown names are
// ignored, as a host may have been dropped from the run) and the parents it belongs to. It is what
// the module group_by does. It fails only where a parent is also a descendant.
func (i *Inventory) AddGroup(name string, hosts []string, parents []string) error {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	i.added = append(i.added, func() { _ = i.addGroup(name, hosts, parents) }) // which it said already
	return i.addGroup(name, hosts, parents)
}

func (i *Inventory) addGroup(name string, hosts []string, parents []string) error {
	g := i.ensureGroup(name, Position{})
	for _, host := range hosts {
		if h, ok := i.byName[host]; ok {
			g.addHost(h)
		}
	}
	for _, parent := range parents {
		if err := i.addChild(i.ensureGroup(parent, Position{}), g); err != nil {
			return err
		}
	}
	i.reconcile()
	return nil
}

// ensureHost returns the named host and makes it where it does not exist yet.
func (i *Inventory) ensureHost(name string, position Position, file, directory string) *Host {
	if h, ok := i.byName[name]; ok {
		return h
	}
	h := &Host{Name: name, inventory: i, position: position, file: file, directory: directory}
	i.hosts = append(i.hosts, h)
	i.byName[name] = h
	return h
}

func (i *Inventory) ensureGroup(name string, position Position) *group {
	if g, ok := i.byGroup[name]; ok {
		return g
	}
	g := &group{name: name, position: position, priority: 1}
	i.groups = append(i.groups, g)
	i.byGroup[name] = g
	return g
}

// addChild makes one group the child of another. A loop is an error.
func (i *Inventory) addChild(parent, child *group) error {
	if parent == child {
		return fmt.Errorf("group %q cannot be its own child", parent.name)
	}
	for _, existing := range parent.children {
		if existing == child {
			return nil
		}
	}
	for _, ancestor := range parent.walk(func(g *group) []*group { return g.parents }) {
		if ancestor == child {
			return fmt.Errorf("group %q cannot be a child of %q: %q is already below %q", child.name, parent.name, parent.name, child.name)
		}
	}
	parent.children = append(parent.children, child)
	child.parents = append(child.parents, parent)
	return nil
}

// reconcile puts groups without parents below all, and hosts without groups into ungrouped.
func (i *Inventory) reconcile() {
	all, ungrouped := i.byGroup["all"], i.byGroup["ungrouped"]
	for _, g := range i.groups {
		if g != all && len(g.parents) == 0 {
			_ = i.addChild(all, g)
		}
	}
	for _, h := range i.hosts {
		grouped := false
		for _, g := range h.groups {
			if g != all && g != ungrouped {
				grouped = true
			}
		}
		if grouped {
			ungrouped.removeHost(h)
		} else {
			ungrouped.addHost(h)
		}
	}
}

// implicit returns the made-up localhost where name is one of its names, nil otherwise. Its
// variables come from all, as in Ansible.
func (i *Inventory) implicit(name string) *Host {
	if name != "localhost" && name != "127.0.0.1" && name != "::1" {
		return nil
	}
	if h, ok := i.localhost[name]; ok {
		return h
	}
	h := &Host{Name: name, inventory: i, implicit: true}
	h.vars.set("ansible_connection", "local", Position{})
	i.localhost[name] = h
	return h
}

// Guest returns a host that the inventory does not have and that something is delegated to all the same, as Ansible makes one: its
// variables come from all, and no pattern and no group finds it.
func (i *Inventory) Guest(name string) *Host { return &Host{Name: name, inventory: i, implicit: true} }

// addHost looks in the host's groups, which are few; a group may have a hundred thousand hosts.
func (g *group) addHost(h *Host) {
	if !slices.Contains(h.groups, g) {
		g.hosts = append(g.hosts, h)
		h.groups = append(h.groups, g)
	}
}

func (g *group) removeHost(h *Host) {
	if at := slices.Index(h.groups, g); at >= 0 {
		h.groups = slices.Delete(slices.Clone(h.groups), at, at+1)
		g.hosts = slices.DeleteFunc(slices.Clone(g.hosts), func(other *Host) bool { return other == h })
	}
}

// walk returns the group and everything reached from it, breadth first, each once.
func (g *group) walk(next func(*group) []*group) []*group {
	ordered := []*group{g}
	seen := map[*group]bool{g: true}
	for at := 0; at < len(ordered); at++ {
		for _, n := range next(ordered[at]) {
			if !seen[n] {
				seen[n] = true
				ordered = append(ordered, n)
			}
		}
	}
	return ordered
}

func (g *group) allHosts() []*Host {
	hosts := []*Host{}
	seen := map[*Host]bool{}
	for _, descendant := range g.walk(func(g *group) []*group { return g.children }) {
		for _, h := range descendant.hosts {
			if !seen[h] {
				seen[h] = true
				hosts = append(hosts, h)
			}
		}
	}
	return hosts
}

// depth is the length of the longest way up to a group without parents; all has 0.
func (g *group) depth() int {
	deepest := 0
	for _, parent := range g.parents {
		deepest = max(deepest, parent.depth()+1)
	}
	return deepest
}

// allGroups returns the groups of the host with their ancestors, in the order in which their
// variables are applied: by depth, then ansible_group_priority, then name; all comes first.
func (h *Host) allGroups() []*group {
	seen := map[*group]bool{}
	groups := []*group{}
	for _, direct := range h.groups {
		for _, g := range direct.walk(func(g *group) []*group { return g.parents }) {
			if !seen[g] {
				seen[g] = true
				groups = append(groups, g)
			}
		}
	}
	if len(groups) == 0 || !seen[h.inventory.byGroup["all"]] {
		groups = append(groups, h.inventory.byGroup["all"])
	}
	depths := map[*group]int{}
	for _, g := range groups {
		depths[g] = g.depth()
	}
	sort.SliceStable(groups, func(a, b int) bool {
		x, y := groups[a], groups[b]
		switch {
		case depths[x] != depths[y]:
			return depths[x] < depths[y]
		case x.priority != y.priority:
			return x.priority < y.priority
		}
		return x.name < y.name
	})
	return groups
}

// shortName is inventory_hostname_short: the name up to its first dot.
func (h *Host) shortName() string {
	short, _, _ := strings.Cut(h.Name, ".")
	return short
}

// AddPlaybookDir names the directory of a playbook, whose group_vars and host_vars win over those
// beside the inventory. Directories named later win over those named earlier. A directory without
// either is fine. It reads the files of the groups and hosts there are now, so that a mistake in
// them is found before any host is contacted.
func (i *Inventory) AddPlaybookDir(dir string) error {
	dir = filepath.Clean(dir)
	i.mutex.Lock()
	for _, known := range i.playbookDirs {
		if known == dir {
			i.mutex.Unlock()
			return nil
		}
	}
	i.playbookDirs = append(i.playbookDirs, dir)
	i.mutex.Unlock()
	return i.checkVarsFiles(dir)
}

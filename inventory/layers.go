package inventory

import "github.com/polarbook/polarbook/templates/ordered"

// Level says where a variable was defined, and so which definition wins: the higher one.
//
// The levels are Ansible's, lowest first. Its numbers 3 to 10 (inventory group vars, group_vars/all
// and group_vars/* beside the inventory and beside the playbook, inventory host vars, host_vars/*
// beside the inventory and beside the playbook) are merged by Inventory.Vars and stand here as one.
type Level int

// The levels, lowest first, with Ansible's numbers.
const (
	CommandLine   Level = iota // 1: values of options such as --user; not variables, lowest
	RoleDefaults               // 2: a role's defaults/main.yml
	InventoryVars              // 3 to 10: the result of Inventory.Vars
	Facts                      // 11: facts of the host, and set_fact with cacheable
	PlayVars                   // 12: vars of the play
	PlayPrompts                // 13: vars_prompt of the play
	PlayVarsFiles              // 14: vars_files of the play
	RoleVars                   // 15: a role's vars/main.yml
	BlockVars                  // 16: vars of a block, for the tasks in it
	TaskVars                   // 17: vars of the task
	IncludeVars                // 18: the module include_vars
	SetFacts                   // 19: set_fact and registered results
	RoleParams                 // 20: parameters of a role, and of include_role
	IncludeParams              // 21: parameters of an include
	ExtraVars                  // 22: --extra-vars
	MagicVars                  // above all: inventory_hostname, groups, hostvars, loop variables
	levels        = int(MagicVars) + 1
)

// Layers holds the variables of one host at one moment, level by level. It is a value: With returns
// a new one and leaves the old as it was, so that a block or a task can lay its own variables on top
// without copying what is below. The mappings handed in are not copied and must not change afterwards.
//
// As in Ansible a variable of a higher level replaces the lower one whole: mappings are not merged.
//
// With Merging it is different: mappings of one name are merged over all levels.
type Layers struct {
	at      [levels][]*ordered.Map
	merging bool
}

// Merging returns the layers with mappings merged (hash_behaviour = merge) or not.
func (l Layers) Merging(on bool) Layers {
	l.merging = on
	return l
}

// With returns the layers with more variables at a level. Among mappings of one level, as with nested
// blocks, the one added last wins.
func (l Layers) With(level Level, vars *ordered.Map) Layers {
	if vars.Len() == 0 {
		return l
	}
	existing := l.at[level]
	l.at[level] = append(existing[:len(existing):len(existing)], vars)
	return l
}

// Replace returns the layers with the variables of one level exchanged for these.
func (l Layers) Replace(level Level, vars *ordered.Map) Layers {
	l.at[level] = nil
	return l.With(level, vars)
}

// Get returns the winning definition of a variable, unrendered.
func (l Layers) Get(name string) (any, bool) {
	value, _, ok := l.Find(name)
	return value, ok
}

// Find is Get that also says at which level the definition is.
func (l Layers) Find(name string) (any, Level, bool) {
	for level := levels - 1; level >= 0; level-- {
		mappings := l.at[level]
		for at := len(mappings) - 1; at >= 0; at-- {
			if value, ok := mappings[at].Get(name); ok {
				if _, mapping := value.(*ordered.Map); mapping && l.merging {
					value = l.merged(name)
				}
				return value, Level(level), true
			}
		}
	}
	return nil, 0, false
}

// merged returns what the definitions of a variable come to together.
func (l Layers) merged(name string) any {
	var value any
	for _, mappings := range l.at {
		for _, vars := range mappings {
			if upper, ok := vars.Get(name); ok {
				value = combine(value, upper)
			}
		}
	}
	return value
}

// Merge returns the winning definition of every variable in one mapping of the caller's own. As in Ansible, a variable has the
// place of its lowest definition: levels go from the lowest to the highest, and each in the order in which it was written.
func (l Layers) Merge() *ordered.Map {
	merged := ordered.New(0)
	for _, mappings := range l.at {
		for _, vars := range mappings {
			if !l.merging {
				merged.Update(vars)
				continue
			}
			for name, value := range vars.All() {
				merged.Set(name, combine(merged.Value(name), value))
			}
		}
	}
	return merged
}

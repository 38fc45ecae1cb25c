package lint

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/inventory"
	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/templates/ordered"
)

// unusedVariables finds those of roles that nothing speaks of: not the role, nor the playbook, nor the inventory.
func (l *linter) unusedVariables(v *follower) {
	roles := slices.Sorted(maps.Keys(v.roles))
	if len(roles) == 0 {
		return
	}
	words := l.x.Spoken(roles...)
	if l.o.Inventory != nil {
		l.o.Inventory.Each(func(_ string, value any, _ inventory.Position) { words.Value(value) })
	}
	l.index()
	for _, s := range l.x.Sources() {
		folder := path.Base(path.Dir(s.Path))
		if folder == "main" {
			folder = path.Base(path.Dir(path.Dir(s.Path)))
		}
		below := slices.ContainsFunc(roles, func(dir string) bool { return strings.HasPrefix(s.Path, dir+"/") })
		if !below || folder != "defaults" && folder != "vars" || s.Root == nil {
			continue
		}
		for _, e := range playbooks.Entries(s.Root) {
			if words.Has(e.Key) || strings.HasPrefix(e.Key, "ansible_") || e.Key == "__ignored" {
				continue
			}
			l.report(unusedVariable, s.At(e.At), nil, "", fmt.Sprintf("nothing reads the variable %q of this role", e.Key))
		}
	}
}

// namesOf are the keys of a mapping.
func namesOf(raw any) []string {
	if m, ok := raw.(*ordered.Map); ok {
		return m.Keys()
	}
	return nil
}

// deepTexts are the texts in a value.
func deepTexts(raw any, depth int) []string {
	if depth > maxDepth {
		return nil
	}
	var list []string
	switch x := raw.(type) {
	case string:
		return []string{x}
	case []any:
		for _, one := range x {
			list = append(list, deepTexts(one, depth+1)...)
		}
	case *ordered.Map:
		for _, one := range x.All() {
			list = append(list, deepTexts(one, depth+1)...)
		}
	}
	return list
}

package ansible

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/templates/jinja"
	"github.com/polarbook/polarbook/templates/suggest"
)

// lookupConfig gives settings by the names that Ansible has for them: DEFAULT_ROLES_PATH.
func lookupConfig(r *jinja.Run, terms []any, options map[string]any) ([]any, error) {
	if err := onlyOptions(options, "on_missing"); err != nil {
		return nil, err
	}
	known := r.Options().Settings
	found := []any{}
	for _, term := range terms {
		name := jinja.Text(term)
		value, ok := known[name]
		if !ok {
			return nil, fmt.Errorf("polarbook has no setting %q%s; it has %s", name, suggest.Suffix(name, slices.Sorted(maps.Keys(known))),
				strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
		found = append(found, value)
	}
	return found, nil
}

package convert

import (
	"fmt"
	"strings"

	"github.com/polarbook/polarbook/templates/ordered"
	"github.com/polarbook/polarbook/templates/pytext"
)

// Repr is a value as Python shows it, which is how Ansible prints lists and dicts.
func Repr(x any) string {
	switch x := x.(type) {
	case nil:
		return "None"
	case bool:
		if x {
			return "True"
		}
		return "False"
	case string:
		return pytext.Quoted(x)
	case Moment:
		return pytext.Quoted(x.ISO())
	case float64:
		return pytext.Float(x)
	case []any:
		parts := make([]string, len(x))
		for i, item := range x {
			parts[i] = Repr(item)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case *ordered.Map:
		parts := make([]string, 0, x.Len())
		for k, item := range x.All() {
			parts = append(parts, Repr(x.KeyOf(k))+": "+Repr(item))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case map[string]any:
		return Repr(ordered.Sorted(x))
	}
	return fmt.Sprint(x)
}

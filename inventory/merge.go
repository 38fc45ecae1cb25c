package inventory

import "github.com/polarbook/polarbook/templates/ordered"

// combine lays a value over another as hash_behaviour = merge has it: of two mappings the result has the keys of both, and so on
// below; whatever else there is, the upper one replaces the lower.
func combine(lower, upper any) any {
	under, ok := lower.(*ordered.Map)
	over, both := upper.(*ordered.Map)
	if !ok || !both {
		return upper
	}
	merged := under.Clone()
	for key, value := range over.All() {
		if below, ok := merged.Get(key); ok {
			value = combine(below, value)
		}
		merged.Set(key, value)
	}
	return merged
}

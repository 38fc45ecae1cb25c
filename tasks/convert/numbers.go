package convert

import (
	"encoding/json"
	"math/big"

	"github.com/polarbook/polarbook/templates/ordered"
)

// Numbers turns the numbers of decoded JSON into those of templates: whole ones of any length, as in Python. Lists and mappings are
// changed in place.
func Numbers(value any) any {
	switch x := value.(type) {
	case json.Number:
		if n, ok := new(big.Int).SetString(string(x), 10); ok {
			if n.IsInt64() {
				return int(n.Int64())
			}
			return n
		}
		f, _ := x.Float64() // what is too large for it is infinite, as in Python
		return f
	case []any:
		for i := range x {
			x[i] = Numbers(x[i])
		}
	case *ordered.Map:
		for name, item := range x.All() {
			x.Set(name, Numbers(item))
		}
	}
	return value
}

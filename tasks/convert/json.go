package convert

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/templates/ordered"
	"github.com/polarbook/polarbook/templates/pytext"
)

// Moment is a date or a time that a template made. Modules get it as text.
type Moment interface{ ISO() string }

// JSON is a value as json.dumps writes it for Ansible's modules: a blank behind commas and colons, and ASCII alone.
func JSON(value any) (string, error) {
	var out strings.Builder
	err := writeJSON(&out, value)
	return out.String(), err
}

func writeJSON(out *strings.Builder, value any) error {
	switch x := value.(type) {
	case nil:
		out.WriteString("null")
	case bool:
		out.WriteString(strconv.FormatBool(x))
	case string:
		pytext.WriteJSON(out, x, true)
	case ordered.Timestamp:
		pytext.WriteJSON(out, string(x), true)
	case Moment:
		pytext.WriteJSON(out, x.ISO(), true)
	case int, int64, *big.Int, json.Number:
		fmt.Fprint(out, x)
	case float64:
		out.WriteString(pytext.JSONFloat(x))
	case []any:
		out.WriteByte('[')
		for i, item := range x {
			if i > 0 {
				out.WriteString(", ")
			}
			if err := writeJSON(out, item); err != nil {
				return err
			}
		}
		out.WriteByte(']')
	case map[string]any:
		return writeJSON(out, ordered.Sorted(x))
	case *ordered.Map:
		out.WriteByte('{')
		first := true
		for name, item := range x.All() {
			if !first {
				out.WriteString(", ")
			}
			first = false
			pytext.WriteJSON(out, name, true)
			out.WriteString(": ")
			if err := writeJSON(out, item); err != nil {
				return err
			}
		}
		out.WriteByte('}')
	default: // such as a template's tuple
		text, err := json.Marshal(x)
		if err != nil {
			return fmt.Errorf("%s cannot be written as JSON", Describe(value))
		}
		out.Write(text)
	}
	return nil
}

package engine

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/templates"
	"github.com/polarbook/polarbook/templates/ordered"
)

// holds reports whether an expression holds. ansible-core 2.19 refuses one that comes to something else than true or false; up to
// 2.18 whatever is not empty holds, and so it is here, with a warning. pos is where it is written.
func (v *variables) holds(expr string, pos playbooks.Position) (bool, error) {
	value, err := v.r.o.Templates.ConditionValue(expr, v)
	if err != nil {
		return false, err
	}
	if yes, ok := value.(bool); ok {
		return yes, nil
	}
	yes, err := templates.Truth(value)
	if err != nil {
		return false, err
	}
	var instead string
	switch x := value.(type) {
	case string:
		instead = fmt.Sprintf("write %s | length > 0 to ask whether it is empty, or %s | bool", expr, expr)
		if no := strings.ToLower(x); no == "no" || no == "false" {
			if yes, err = v.madeBoolean(expr, x); err != nil {
				return false, err
			}
		}
	case nil:
		instead = fmt.Sprintf("write %s is not none", expr)
	case int, *big.Int, float64:
		instead = fmt.Sprintf("write %s != 0", expr)
	default:
		instead = fmt.Sprintf("write %s | length > 0", expr)
	}
	if v.r.o.Warn != nil && (v.origin == nil || !v.origin.Builtin) {
		said := at(pos, fmt.Errorf("the condition %q comes to %s and not to true or false: ansible-core refuses it since 2.19; it is taken for "+
			"%t, as up to 2.18; %s", expr, kindOf(value), yes, instead))
		v.r.o.Warn(v.r.o.Secrets.Mask(said.Error()))
	}
	return yes, nil
}

// madeBoolean reports the truth of a condition that comes to the text no or false. Wherever else it is from it is true, as any text
// that is not empty; of a fact that set_fact was given as such a text ansible-core made false, up to 2.18.
func (v *variables) madeBoolean(expr, value string) (bool, error) {
	if !v.r.wordFacts.Load() {
		return true, nil
	}
	if name := strings.TrimSpace(expr); v.h != nil {
		_, _, _, set := v.h.snapshot()
		if x, ok := set.Get(name); ok && trusted(x) == value {
			return false, nil
		}
	}
	return false, fmt.Errorf("it comes to the text %q, which ansible-core refuses since 2.19; before, it is false where set_fact made it and "+
		"true where a variable holds it: write %s | bool", value, expr)
}

// noteWords remembers that facts were set to texts that are words for false.
func (r *run) noteWords(facts *ordered.Map) {
	for _, x := range facts.All() {
		if s, ok := trusted(x).(string); ok && slices.Contains([]string{"no", "false"}, strings.ToLower(s)) {
			r.wordFacts.Store(true)
		}
	}
}

// kindOf is a value as messages about conditions name it.
func kindOf(value any) string {
	switch x := value.(type) {
	case nil:
		return "nothing"
	case string:
		if len(x) > 40 {
			return "a text"
		}
		return fmt.Sprintf("the text %q", x)
	case int, int64, *big.Int, float64:
		return "the number " + text(x)
	case *ordered.Map:
		return "a mapping"
	case []any:
		return "a list"
	}
	return "a list or mapping"
}

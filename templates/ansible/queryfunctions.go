package ansible

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/templates/jinja"
	"github.com/polarbook/polarbook/templates/ordered"
	"github.com/polarbook/polarbook/templates/suggest"
)

// querySignatures are the functions of JMESPath, with the kinds that their arguments may be of: of one argument there may be several;
// "" is any. A ... at the end stands for more of the last one.
var querySignatures = map[string][]string{
	"abs": {"number"}, "avg": {"array-number"}, "ceil": {"number"}, "contains": {"array|string", ""}, "ends_with": {"string", "string"},
	"floor": {"number"}, "join": {"string", "array-string"}, "keys": {"object"}, "length": {"string|array|object"},
	"map": {"expref", "array"}, "max": {"array-number|array-string"}, "max_by": {"array", "expref"}, "merge": {"object", "..."},
	"min": {"array-number|array-string"}, "min_by": {"array", "expref"}, "not_null": {"", "..."}, "reverse": {"array|string"},
	"sort": {"array-string|array-number"}, "sort_by": {"array", "expref"}, "starts_with": {"string", "string"}, "sum": {"array-number"},
	"to_array": {""}, "to_number": {""}, "to_string": {""}, "type": {""}, "values": {"object"},
}

// kindOf is the type of a value in JMESPath.
func kindOf(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case []any:
		return "array"
	case *ordered.Map:
		return "object"
	case reference:
		return "expref"
	}
	if _, ok := asNumber(value); ok {
		return "number"
	}
	return "unknown"
}

func (q *query) call(name string, arguments []any) (any, error) {
	signature, ok := querySignatures[name]
	if !ok {
		known := []string{}
		for name := range querySignatures {
			known = append(known, name)
		}
		slices.Sort(known)
		return nil, fmt.Errorf("there is no function %s()%s", name, suggest.Suffix(name, known))
	}
	more := signature[len(signature)-1] == "..."
	if more {
		signature = signature[:len(signature)-1]
	}
	if len(arguments) < len(signature) || !more && len(arguments) > len(signature) {
		return nil, fmt.Errorf("%s() takes %d arguments and got %d", name, len(signature), len(arguments))
	}
	for at, kinds := range signature {
		if err := checkKind(name, arguments[at], kinds); err != nil {
			return nil, err
		}
	}
	return q.do(name, arguments)
}

func checkKind(name string, value any, kinds string) error {
	if kinds == "" {
		return nil
	}
	for _, kind := range strings.Split(kinds, "|") {
		outer, inner, _ := strings.Cut(kind, "-")
		if kindOf(value) != outer {
			continue
		}
		fits := true
		if items, isList := value.([]any); isList && inner != "" {
			for _, item := range items {
				fits = fits && kindOf(item) == inner
			}
		}
		if fits {
			return nil
		}
	}
	return fmt.Errorf("%s() takes %s, not %s", name, strings.ReplaceAll(kinds, "|", " or "), jinja.Repr(value))
}

func (q *query) do(name string, arguments []any) (any, error) {
	first := arguments[0]
	switch name {
	case "abs":
		return absolute(first)
	case "ceil", "floor":
		f, _ := asNumber(first)
		if name == "ceil" {
			return int(math.Ceil(f)), nil
		}
		return int(math.Floor(f)), nil
	case "avg", "sum":
		return sumOf(name, first.([]any))
	case "contains":
		if s, ok := first.(string); ok {
			part, isText := arguments[1].(string)
			if !isText {
				return nil, fmt.Errorf("contains() looks for a text in a text, not for %s", jinja.Describe(arguments[1]))
			}
			return strings.Contains(s, part), nil
		}
		return has(first.([]any), arguments[1]), nil
	case "ends_with":
		return strings.HasSuffix(first.(string), arguments[1].(string)), nil
	case "starts_with":
		return strings.HasPrefix(first.(string), arguments[1].(string)), nil
	case "join":
		texts := []string{}
		for _, item := range arguments[1].([]any) {
			texts = append(texts, item.(string))
		}
		return strings.Join(texts, first.(string)), nil
	case "keys":
		keys := []any{}
		for _, key := range first.(*ordered.Map).Keys() {
			keys = append(keys, key)
		}
		return keys, nil
	case "values":
		return first.(*ordered.Map).Values(), nil
	case "length":
		return lengthOf(first)
	case "merge":
		merged := ordered.New(0)
		for _, one := range arguments {
			m, ok := one.(*ordered.Map)
			if !ok {
				return nil, fmt.Errorf("merge() takes mappings, not %s", jinja.Describe(one))
			}
			merged.Update(m)
		}
		return merged, nil
	case "not_null":
		for _, one := range arguments {
			if one != nil {
				return one, nil
			}
		}
		return nil, nil
	case "to_array":
		if items, ok := first.([]any); ok {
			return items, nil
		}
		return []any{first}, nil
	case "to_string":
		if s, ok := first.(string); ok {
			return s, nil
		}
		w := &jsonWriter{ascii: true, comma: ",", colon: ":"}
		err := w.value(first, 0)
		return w.out.String(), err
	case "to_number":
		return numberOf(first), nil
	case "type":
		return kindOf(first), nil
	case "reverse":
		if s, ok := first.(string); ok {
			runes := []rune(s)
			slices.Reverse(runes)
			return string(runes), nil
		}
		items := slices.Clone(first.([]any))
		slices.Reverse(items)
		return items, nil
	case "map":
		return q.overEach(first.(reference), arguments[1].([]any))
	}
	return q.ordered(name, arguments)
}

// overEach is an expression for each item.
func (q *query) overEach(of reference, items []any) ([]any, error) {
	values := make([]any, len(items))
	for at, item := range items {
		var err error
		if values[at], err = q.visit(of.node, item); err != nil {
			return nil, err
		}
	}
	return values, nil
}

func sumOf(name string, items []any) (any, error) {
	whole, total, isWhole := 0, 0.0, true
	for _, item := range items {
		i, f, isInt, _ := jinja.Number(item)
		whole, total, isWhole = whole+i, total+f, isWhole && isInt
	}
	switch {
	case name == "avg" && len(items) == 0:
		return nil, nil
	case name == "avg":
		return total / float64(len(items)), nil
	case isWhole:
		return whole, nil
	}
	return total, nil
}

func numberOf(value any) any {
	if _, ok := asNumber(value); ok {
		return value
	}
	s, ok := value.(string)
	if !ok {
		return nil
	}
	s = strings.TrimSpace(s)
	if i, err := parsePythonInt(s, 10); err == nil {
		return i
	}
	if f, ok := pythonFloat(s); ok {
		return f
	}
	return nil
}

// ordered are the functions that compare: sort, max, min, and the same by an expression.
func (q *query) ordered(name string, arguments []any) (any, error) {
	items := arguments[0].([]any)
	keys := items
	if len(arguments) > 1 {
		var err error
		if keys, err = q.overEach(arguments[1].(reference), items); err != nil {
			return nil, err
		}
		for at, key := range keys {
			if kind := kindOf(key); kind != "number" && kind != "string" || name == "sort_by" && kind != kindOf(keys[0]) {
				return nil, fmt.Errorf("%s() needs numbers or texts to compare, and has %s", name, jinja.Repr(keys[at]))
			}
		}
	}
	if len(items) == 0 {
		if strings.HasPrefix(name, "sort") {
			return items, nil
		}
		return nil, nil
	}
	order := make([]int, len(items))
	for at := range order {
		order[at] = at
	}
	var failed error
	slices.SortStableFunc(order, func(a, b int) int {
		c, err := orderOf(keys[a], keys[b])
		if err != nil {
			failed = err
		}
		if strings.HasPrefix(name, "max") {
			c = -c // so that the first of several that are the same is taken
		}
		return c
	})
	if failed != nil {
		return nil, failed
	}
	if !strings.HasPrefix(name, "sort") {
		return items[order[0]], nil
	}
	sorted := make([]any, len(items))
	for at, from := range order {
		sorted[at] = items[from]
	}
	return sorted, nil
}

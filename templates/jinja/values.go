package jinja

import (
	"fmt"
	"math/big"
	"reflect"
	"sort"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/inventory/vault"
	"github.com/polarbook/polarbook/templates/ordered"
	"github.com/polarbook/polarbook/templates/pytext"
	"github.com/polarbook/polarbook/templates/suggest"
)

// Values within templates are Python's: nil (None), bool, int and *big.Int (int), float64 (float), string, []any (list),
// tuple, *ordered.Map (dict), and the types of scope.go for what is found on demand. Maps of Go come in
// only where callers have no order to tell, and become dictionaries in the order of their keys.

// Tuple is Python's tuple. Outside the engine it is a list.
type Tuple []any

// Undefined is a variable or attribute that is not there. Looking into it gives itself, as Ansible
// has it, so that `a.b.c | default(1)` works whichever of the three is missing.
type Undefined struct {
	name    string // what was asked for, such as a.b
	wanted  string // its last part
	Message string // "" for the usual one
	// candidates are the names there are, asked for only when the error is reported.
	candidates func() []string
	// quiet is the value of an inline if without else: undefined, yet it prints as nothing.
	quiet bool
}

func (u *Undefined) Error() *UndefinedError {
	failed := &UndefinedError{Name: u.name, Message: u.Message}
	if u.candidates != nil {
		failed.Suggestion = suggest.Nearest(u.wanted, u.candidates())
	}
	return failed
}

// Function can be called from a template.
type Function struct {
	name  string
	call  func(r *Run, positional []any, named *ordered.Map) (any, error)
	macro *macro // nil for others
}

// namespace is the result of namespace(), whose attributes can be set from within loops.
type namespace struct{ values *ordered.Map }

// plain turns what callers hand in into the types above: other integers and floats, slices and maps
// of other types.
func plain(value any) any {
	switch v := value.(type) {
	case nil, bool, int, *big.Int, float64, string, []any, *ordered.Map, Tuple, *Undefined, *Function, *namespace,
		*LazyMap, *LazyList, Mapping, Scope, Unsafe, *vault.Value, omitted, *loop, *module, *cycle, Moment, span:
		return v
	case ordered.Timestamp:
		return MomentOf(v)
	case error:
		return v.Error()
	case []byte:
		return string(v)
	}
	if values, ok := value.(map[string]any); ok {
		return ordered.Sorted(values)
	}
	r := reflect.ValueOf(value)
	switch r.Kind() {
	case reflect.Bool:
		return r.Bool()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return int(r.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return Whole(new(big.Int).SetUint64(r.Uint()))
	case reflect.Float32, reflect.Float64:
		return r.Float()
	case reflect.String:
		return r.String()
	case reflect.Pointer, reflect.Interface:
		if r.IsNil() {
			return nil
		}
	case reflect.Slice, reflect.Array:
		items := make([]any, r.Len())
		for at := range items {
			items[at] = plain(r.Index(at).Interface())
		}
		return items
	case reflect.Map:
		if r.Type().Key().Kind() == reflect.String {
			values := make(map[string]any, r.Len())
			for entries := r.MapRange(); entries.Next(); {
				values[entries.Key().String()] = plain(entries.Value().Interface())
			}
			return ordered.Sorted(values)
		}
	}
	return fmt.Sprint(value)
}

// Keys returns the names in a map of Go, sorted.
func Keys(m map[string]any) []string {
	names := make([]string, 0, len(m))
	for key := range m {
		names = append(names, key)
	}
	sort.Strings(names)
	return names
}

// SortedKeys returns a value in which the keys of every dictionary are sorted, as pprint writes them.
func SortedKeys(value any) any {
	switch v := value.(type) {
	case []any:
		items := make([]any, len(v))
		for at, item := range v {
			items[at] = SortedKeys(item)
		}
		return items
	case Tuple:
		return Tuple(SortedKeys([]any(v)).([]any))
	case *ordered.Map:
		values := ordered.New(v.Len())
		for _, key := range WrittenKeys(v, true) {
			values.SetAs(key, v.KeyOf(key), SortedKeys(v.Value(key)))
		}
		return values
	}
	return value
}

// Truth is Python's bool().
func Truth(value any) (bool, error) {
	switch v := value.(type) {
	case nil:
		return false, nil
	case bool:
		return v, nil
	case int:
		return v != 0, nil
	case *big.Int:
		return v.Sign() != 0, nil
	case float64:
		return v != 0, nil
	case string:
		return v != "", nil
	case []any:
		return len(v) > 0, nil
	case Tuple:
		return len(v) > 0, nil
	case *ordered.Map:
		return v.Len() > 0, nil
	case span:
		return v != 0, nil
	case *LazyMap:
		return v.Raw.Len() > 0, nil
	case *LazyList:
		return len(v.Raw) > 0, nil
	case Mapping:
		return len(v.Keys()) > 0, nil
	case *Undefined:
		if v.quiet {
			return false, nil
		}
		return false, v.Error()
	}
	return true, nil
}

// Text is Python's str(), for values that hold nothing on demand any more.
func Text(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case Moment:
		return v.String()
	case ordered.Timestamp:
		return v.Text()
	case span:
		return v.String()
	}
	return Repr(value)
}

// Repr is Python's repr().
func Repr(value any) string {
	switch v := value.(type) {
	case nil:
		return "None"
	case bool:
		if v {
			return "True"
		}
		return "False"
	case int:
		return strconv.Itoa(v)
	case *big.Int:
		return v.String()
	case float64:
		return pytext.Float(v)
	case string:
		return pytext.Quoted(v)
	case []any:
		return "[" + reprItems(v) + "]"
	case Tuple:
		if len(v) == 1 {
			return "(" + Repr(v[0]) + ",)"
		}
		return "(" + reprItems(v) + ")"
	case *ordered.Map:
		parts := make([]string, 0, v.Len())
		for key, item := range v.All() {
			parts = append(parts, Repr(v.KeyOf(key))+": "+Repr(item))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case *namespace:
		return "<Namespace " + Repr(v.values) + ">"
	case *Function:
		return "<function " + v.name + ">"
	case *Undefined:
		return ""
	case Moment:
		return v.repr()
	case ordered.Timestamp:
		return MomentOf(v).repr()
	case span:
		return v.repr()
	case *cycle:
		return "<Cycler>"
	case fmt.Stringer:
		return v.String()
	}
	return fmt.Sprintf("<%s>", TypeName(value))
}

func reprItems(items []any) string {
	parts := make([]string, len(items))
	for at, item := range items {
		parts[at] = Repr(item)
	}
	return strings.Join(parts, ", ")
}

// TypeName is the name of Python's type.
func TypeName(value any) string {
	switch v := value.(type) {
	case nil:
		return "NoneType"
	case bool:
		return "bool"
	case int, *big.Int:
		return "int"
	case float64:
		return "float"
	case string:
		return "str"
	case []any, *LazyList:
		return "list"
	case Tuple:
		return "tuple"
	case *ordered.Map, *LazyMap, Mapping, Scope:
		return "dict"
	case *Undefined:
		return "AnsibleUndefined"
	case *Function:
		return "function"
	case *namespace:
		return "Namespace"
	case *loop:
		return "LoopContext"
	case *cycle:
		return "Cycler"
	case Moment:
		switch v.kind {
		case dateOnly:
			return "date"
		case timeOnly:
			return "time"
		}
		return "datetime"
	case span:
		return "timedelta"
	}
	return "object"
}

// Describe names a value's type in a message in the words of YAML.
func Describe(value any) string {
	switch value.(type) {
	case nil:
		return "None"
	case bool:
		return "a boolean"
	case int, *big.Int:
		return "an integer"
	case float64:
		return "a float"
	case string:
		return "a string"
	case []any, *LazyList:
		return "a list"
	case Tuple:
		return "a tuple"
	case *ordered.Map, *LazyMap, Mapping, Scope:
		return "a mapping"
	case *Function:
		return "a function"
	}
	return "a " + TypeName(value)
}

// WrittenKeys are the keys of a mapping as they are to be written.
func WrittenKeys(m *ordered.Map, sorted bool) []string {
	keys := m.Keys()
	if !sorted {
		return keys
	}
	mixed := false
	inOrder := m.Keys()
	sort.SliceStable(keys, func(a, b int) bool {
		first, err := Less(KeyOf(m, keys[a]), KeyOf(m, keys[b]), "")
		mixed = mixed || err != nil
		return first
	})
	if mixed {
		return inOrder // as PyYAML has it
	}
	return keys
}

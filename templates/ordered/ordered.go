// Package ordered holds the one type of a mapping whose order a user may see: what YAML, an inventory, Jinja, JSON and
// the results of modules call a mapping or dict. It knows nothing of the project, so that every part of it may use it.
package ordered

import (
	"fmt"
	"iter"
	"reflect"
	"slices"
	"sort"
	"strings"
)

// Map is a mapping that keeps its keys in the order in which they were put in, by the rules of Python's dict: a key that
// is there already keeps its place when it gets another value, and one that was deleted and put in again comes last.
//
// Keys are strings. YAML and Jinja allow other plain values as keys (1, true, null); who reads those has them as Python prints
// them ("1", "True", "None") and puts them in with SetAs, which keeps what they are beside that: KeyOf tells. Values are nil,
// bool, int, float64, string, []any, *Map, or what the package that made the mapping puts into it.
//
// The zero value and a nil *Map are empty mappings that can be read; New and the zero value can be written to.
//
// Who made a Map may change it with Set and Delete until it is handed to anyone else. From then on it is shared and never
// changes: change a Clone instead. Nothing here locks, so that many goroutines may read one Map at once as long as none
// writes to it. Clone copies the mapping and not what is in it, and From and Plain copy at every depth.
//
// Equal and Same take no heed of order, as == of Python's dicts. All, Keys and Values go in order, as do MarshalJSON,
// MarshalYAML and String. Get and Set take the same time however many keys there are; Delete takes longer the more follow.
type Map struct {
	entries []entry
	// index holds the place of a key in entries. It is nil while there are so few that looking at each is faster.
	index map[string]int
}

type entry struct {
	key   string
	value any
	as    *any // what the key is, where it is no text
}

// few bounds how many entries are found by looking at each.
const few = 8

// New returns an empty mapping with room for so many keys.
func New(capacity int) *Map {
	m := &Map{}
	if capacity > 0 {
		m.entries = make([]entry, 0, capacity)
	}
	if capacity > few {
		m.index = make(map[string]int, capacity)
	}
	return m
}

// Of returns a mapping of keys and values in turn: Of("a", 1, "b", 2). It panics where that is not what it is given.
func Of(keysAndValues ...any) *Map {
	if len(keysAndValues)%2 != 0 {
		panic("ordered.Of: the last key has no value")
	}
	m := New(len(keysAndValues) / 2)
	for at := 0; at < len(keysAndValues); at += 2 {
		m.Set(keysAndValues[at].(string), keysAndValues[at+1])
	}
	return m
}

// Sorted returns a mapping of what a map of Go holds, which has no order, in the order of the keys. Its values stay what
// they are.
func Sorted[V any](values map[string]V) *Map {
	names := make([]string, 0, len(values))
	for key := range values {
		names = append(names, key)
	}
	sort.Strings(names)
	m := New(len(names))
	for _, key := range names {
		m.add(key, values[key])
	}
	return m
}

// Len returns how many keys there are.
func (m *Map) Len() int {
	if m == nil {
		return 0
	}
	return len(m.entries)
}

// Get returns the value of a key, and whether the key is there.
func (m *Map) Get(key string) (any, bool) {
	if at := m.find(key); at >= 0 {
		return m.entries[at].value, true
	}
	return nil, false
}

// Value returns the value of a key, nil where the key is not there.
func (m *Map) Value(key string) any {
	value, _ := m.Get(key)
	return value
}

// Has reports whether a key is there.
func (m *Map) Has(key string) bool { return m.find(key) >= 0 }

func (m *Map) find(key string) int {
	if m == nil {
		return -1
	}
	if m.index != nil {
		if at, ok := m.index[key]; ok {
			return at
		}
		return -1
	}
	for at := range m.entries {
		if m.entries[at].key == key {
			return at
		}
	}
	return -1
}

// Set gives a key a value: in its place where it is there already, and else at the end.
func (m *Map) Set(key string, value any) {
	if at := m.find(key); at >= 0 {
		m.entries[at].value = value
		return
	}
	m.add(key, value)
}

// SetAs is Set for a key that may be no text: as is what it is, and key how Python prints that. One that is there already stays what
// it is.
func (m *Map) SetAs(key string, as, value any) {
	known := m.Has(key)
	m.Set(key, value)
	if _, isText := as.(string); !isText && !known {
		m.entries[len(m.entries)-1].as = &as
	}
}

// KeyOf returns what a key is: itself, or what SetAs was given.
func (m *Map) KeyOf(key string) any {
	if at := m.find(key); at >= 0 {
		return m.entries[at].is()
	}
	return key
}

// KeyValues returns what the keys are, in a slice that is the caller's.
func (m *Map) KeyValues() []any {
	keys := make([]any, m.Len())
	for at := range keys {
		keys[at] = m.entries[at].is()
	}
	return keys
}

func (e *entry) is() any {
	if e.as != nil {
		return *e.as
	}
	return e.key
}

// add puts in a key that is not there yet.
func (m *Map) add(key string, value any) {
	if m.index == nil && len(m.entries) >= few {
		m.reindex()
	}
	if m.index != nil {
		m.index[key] = len(m.entries)
	}
	m.entries = append(m.entries, entry{key: key, value: value})
}

func (m *Map) reindex() {
	m.index = make(map[string]int, max(2*len(m.entries), cap(m.entries)))
	for at := range m.entries {
		m.index[m.entries[at].key] = at
	}
}

// Update sets every key of another mapping, in its order.
func (m *Map) Update(other *Map) {
	for key, value := range other.All() {
		m.SetAs(key, other.KeyOf(key), value)
	}
}

// Delete removes a key. It is no mistake that it is not there.
func (m *Map) Delete(key string) {
	at := m.find(key)
	if at < 0 {
		return
	}
	m.entries = slices.Delete(m.entries, at, at+1)
	if m.index != nil {
		delete(m.index, key)
		for ; at < len(m.entries); at++ {
			m.index[m.entries[at].key] = at
		}
	}
}

// Clone returns a copy that can be changed. The values are shared.
func (m *Map) Clone() *Map {
	copied := New(m.Len())
	for key, value := range m.All() {
		copied.add(key, value)
		copied.entries[len(copied.entries)-1].as = m.entries[len(copied.entries)-1].as
	}
	return copied
}

// All walks over keys and values. The mapping must not change meanwhile.
func (m *Map) All() iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		if m == nil {
			return
		}
		for at := range m.entries {
			if !yield(m.entries[at].key, m.entries[at].value) {
				return
			}
		}
	}
}

// Keys returns the keys, in a slice that is the caller's.
func (m *Map) Keys() []string {
	keys := make([]string, m.Len())
	for at := range keys {
		keys[at] = m.entries[at].key
	}
	return keys
}

// Values returns the values, in a slice that is the caller's.
func (m *Map) Values() []any {
	values := make([]any, m.Len())
	for at := range values {
		values[at] = m.entries[at].value
	}
	return values
}

// Equal reports whether both have the same keys with the same values, in whatever order.
func (m *Map) Equal(other *Map) bool {
	if m.Len() != other.Len() {
		return false
	}
	for key, value := range m.All() {
		if theirs, ok := other.Get(key); !ok || !Same(value, theirs) || !Same(m.KeyOf(key), other.KeyOf(key)) {
			return false
		}
	}
	return true
}

// Same reports whether two values are equal, where mappings have no order and lists have.
func Same(a, b any) bool {
	switch x := a.(type) {
	case *Map:
		y, ok := b.(*Map)
		return ok && x.Equal(y)
	case []any:
		y, ok := b.([]any)
		return ok && slices.EqualFunc(x, y, Same)
	}
	return reflect.DeepEqual(a, b)
}

// String returns the map as Go prints one, in order.
func (m *Map) String() string {
	var out strings.Builder
	out.WriteString("map[")
	for at, key := range m.Keys() {
		if at > 0 {
			out.WriteByte(' ')
		}
		fmt.Fprintf(&out, "%s:%v", key, m.entries[at].value)
	}
	out.WriteByte(']')
	return out.String()
}

// GoString returns the mapping as it is written in Go.
func (m *Map) GoString() string {
	var out strings.Builder
	out.WriteString("ordered.Of(")
	for at, key := range m.Keys() {
		if at > 0 {
			out.WriteString(", ")
		}
		fmt.Fprintf(&out, "%q, %#v", key, m.entries[at].value)
	}
	out.WriteByte(')')
	return out.String()
}

// From returns a value in which every map[string]any, at every depth of maps and lists, is a Map in the order of its keys.
// What is a Map already keeps its order. A value that holds no map of Go is returned as it is.
func From(value any) any {
	switch v := value.(type) {
	case map[string]any:
		m := Sorted(v)
		for at := range m.entries {
			m.entries[at].value = From(m.entries[at].value)
		}
		return m
	case *Map:
		var changed *Map
		for at := range v.Len() {
			old := v.entries[at].value
			if !holdsGoMap(old) {
				continue
			}
			if changed == nil {
				changed = v.Clone()
			}
			changed.entries[at].value = From(old)
		}
		if changed != nil {
			return changed
		}
	case []any:
		var changed []any
		for at, old := range v {
			if !holdsGoMap(old) {
				continue
			}
			if changed == nil {
				changed = slices.Clone(v)
			}
			changed[at] = From(old)
		}
		if changed != nil {
			return changed
		}
	}
	return value
}

func holdsGoMap(value any) bool {
	switch v := value.(type) {
	case map[string]any:
		return true
	case *Map:
		for _, item := range v.All() {
			if holdsGoMap(item) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, holdsGoMap)
	}
	return false
}

// Plain returns a value in which every Map, at every depth, is a map[string]any: for who sees no order.
func Plain(value any) any {
	switch v := value.(type) {
	case *Map:
		return v.Plain()
	case map[string]any:
		values := make(map[string]any, len(v))
		for key, item := range v {
			values[key] = Plain(item)
		}
		return values
	case []any:
		items := make([]any, len(v))
		for at, item := range v {
			items[at] = Plain(item)
		}
		return items
	case Timestamp:
		return string(v)
	}
	return value
}

// Plain is the function of that name for a mapping.
func (m *Map) Plain() map[string]any {
	values := make(map[string]any, m.Len())
	for key, item := range m.All() {
		values[key] = Plain(item)
	}
	return values
}

// Top returns the keys and values in a map of Go; what is deeper stays ordered.
func (m *Map) Top() map[string]any {
	values := make(map[string]any, m.Len())
	for key, item := range m.All() {
		values[key] = item
	}
	return values
}

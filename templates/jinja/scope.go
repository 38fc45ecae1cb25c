package jinja

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"sort"
	"strings"

	"github.com/polarbook/polarbook/inventory/vault"
	"github.com/polarbook/polarbook/templates/ordered"
)

// Vars are the variables a template may read, by name, as they were written: values may contain
// templates, at any depth. The engine renders those when something reads them, and not before, so
// that a variable nobody reads may be undefined or wrong. A Vars may have the method Names() []string
// as well; it serves "did you mean" only.
type Vars interface {
	Get(name string) (any, bool)
}

// Map is Vars over a map.
type Map map[string]any

// Get returns the variable of that name.
func (m Map) Get(name string) (any, bool) { value, ok := m[name]; return value, ok }

// Names returns the names, sorted.
func (m Map) Names() []string { return Keys(m) }

// Mapping is a dictionary whose values are found when they are asked for: hostvars. Its values are
// rendered with the variables of the template that reads them, unless they are a Scope.
type Mapping interface {
	Get(key string) (any, bool)
	// Keys returns the keys in their order, in a slice that nobody changes.
	Keys() []string
}

// Scope is a dictionary of variables that are rendered among themselves: what hostvars holds for one
// host, and the variable vars.
type Scope struct{ Vars Vars }

// Unsafe is a value that is never rendered, whatever it contains: what a host sent back (facts,
// registered results, output) and what has been rendered already (set_fact). Braces in it are text.
type Unsafe = ordered.Unsafe

// Omit is the value of the variable omit: an argument that has it is taken as not given. The engine
// that runs tasks looks for it after rendering.
var Omit any = omitted{}

type omitted struct{}

func (omitted) String() string { return "omit" }

// session is one call of Render with one set of variables. hostvars open further sessions within it.
type session struct {
	engine *Engine
	vars   Vars
	where  string // the name of the file that is rendered, for include
	root   string // the name of the one that the rendering began with
	// lookedUp is whether that is one of lookup('template').
	lookedUp bool
	options  FileOptions       // its options, which included files have too
	family   *family           // nil: it has no blocks and extends nothing
	values   map[string]any    // rendered variables
	shared   *sharedState      // of all sessions of one call
	others   map[Vars]*session // the sessions of other hosts
}

// sharedState bounds and watches a whole call of Render.
type sharedState struct {
	active  []activeVariable
	depth   int
	steps   int
	unsafe  bool            // something that others have written has been read
	foreign bool            // and what it became may be a part of the text that was printed
	secrets *followed       // nil: there are none
	random  *rand.Rand      // nil until it is asked for
	sealed  map[string]bool // texts that were encrypted, decrypted
	// lookalikes are texts that look like a list or mapping, with the templates that gave them.
	lookalikes map[string]madeText
}

type activeVariable struct {
	session *session
	path    string
}

const (
	// maximumRenders bounds how deeply variables may be defined by others.
	maximumRenders = 100
	// maximumSteps bounds the work of one call: a loop within loops ends with an error, not never.
	maximumSteps = 5_000_000
	// MaximumText bounds the size of one rendered text and list.
	MaximumText = 64 << 20
)

// newSession begins a rendering with a set of variables.
func newSession(engine *Engine, vars Vars) *session {
	if vars == nil {
		vars = Map(nil)
	}
	return &session{engine: engine, vars: vars, values: map[string]any{}, shared: &sharedState{}, others: map[Vars]*session{}}
}

// scope returns the session that renders the variables of a Scope.
func (s *session) scope(of Scope) *session {
	comparable := of.Vars != nil && reflect.ValueOf(of.Vars).Comparable()
	if comparable {
		if of.Vars == s.vars && reflect.ValueOf(s.vars).Comparable() {
			return s
		}
		if known, ok := s.others[of.Vars]; ok {
			return known
		}
	}
	vars := of.Vars
	if vars == nil {
		vars = Map(nil)
	}
	other := &session{engine: s.engine, vars: vars, where: s.where, values: map[string]any{}, shared: s.shared, others: s.others}
	if comparable {
		s.others[of.Vars] = other
	}
	return other
}

// lookup returns a variable, rendered; what it contains may still be on demand.
func (s *session) lookup(name string) (any, bool, error) {
	if value, ok := s.values[name]; ok {
		return value, true, nil
	}
	raw, ok := s.vars.Get(name)
	if !ok {
		if name == "omit" {
			return Omit, true, nil
		}
		return nil, false, nil
	}
	s.recall(name)
	value, err := s.demand(name, raw)
	if err != nil {
		return nil, true, err
	}
	value = s.named(name, false, value)
	s.values[name] = value
	return value, true, nil
}

// demand turns what a variable holds into a value: a text with a template is rendered, a container
// with templates somewhere in it becomes one that renders when it is looked into.
func (s *session) demand(path string, raw any) (any, error) {
	switch v := raw.(type) {
	case Unsafe:
		s.shared.unsafe = true
		return plain(v.Value), nil
	case *vault.Value:
		return s.decrypted(v)
	case string:
		if !isTemplate(v) {
			return s.given(v), nil
		}
		return s.renderVariable(path, v)
	case *ordered.Map:
		if containsTemplate(v, 0) {
			return &LazyMap{session: s, path: path, Raw: v, values: map[string]any{}}, nil
		}
		return v, nil
	case []any:
		if containsTemplate(v, 0) {
			return &LazyList{session: s, path: path, Raw: v, values: map[int]any{}}, nil
		}
		return v, nil
	}
	value := plain(raw)
	switch value.(type) {
	case *ordered.Map, []any, string:
		return s.demand(path, value)
	}
	return value, nil
}

func (s *session) renderVariable(path, source string) (any, error) {
	for at, active := range s.shared.active {
		if active.session == s && active.path == path {
			chain := []string{}
			for _, active := range s.shared.active[at:] {
				chain = append(chain, active.path)
			}
			return nil, &LoopError{append(chain, path)}
		}
	}
	if len(s.shared.active) >= maximumRenders {
		return nil, fmt.Errorf("variables are defined by one another more than %d deep: %s", maximumRenders, path)
	}
	s.shared.active = append(s.shared.active, activeVariable{s, path})
	defer func() { s.shared.active = s.shared.active[:len(s.shared.active)-1] }()
	value, err := s.render(source)
	if err != nil {
		return nil, fmt.Errorf("the variable %s: %w", path, s.unquoted(path, err))
	}
	s.noteLookalike(source, value)
	return value, nil
}

// isTemplate reports whether a text contains anything to render.
func isTemplate(text string) bool {
	return tagBegin(text, 0) >= 0 || strings.HasPrefix(text, headerMark)
}

// containsTemplate reports whether a value contains anything that is not what it seems yet.
func containsTemplate(value any, depth int) bool {
	if depth > MaximumDepth {
		return true
	}
	switch v := value.(type) {
	case string:
		return isTemplate(v)
	case *ordered.Map:
		for key, value := range v.All() {
			if isTemplate(key) || containsTemplate(value, depth+1) {
				return true
			}
		}
		return false
	case []any:
		for _, value := range v {
			if containsTemplate(value, depth+1) {
				return true
			}
		}
		return false
	case nil, bool, int, float64:
		return false
	}
	return true
}

// LazyMap is a dictionary of a variable whose values are rendered when they are asked for.
type LazyMap struct {
	session *session
	path    string
	Raw     *ordered.Map
	values  map[string]any
	secret  bool // by the name of what it is in
}

func (m *LazyMap) get(key string) (any, bool, error) {
	if value, ok := m.values[key]; ok {
		return value, true, nil
	}
	raw, ok := m.Raw.Get(key)
	if !ok {
		return nil, false, nil
	}
	value, err := m.session.demand(m.path+"."+key, raw)
	if err != nil {
		return nil, true, err
	}
	f := m.session.shared.secrets
	m.values[key] = m.session.named(key, m.secret && f != nil && !f.AboutTask(m.Raw.Has, key), value)
	return m.values[key], true, nil
}

// LazyList is a list of a variable whose elements are rendered when they are asked for.
type LazyList struct {
	session *session
	path    string
	Raw     []any
	values  map[int]any
	secret  bool // by the name of what it is in
}

func (l *LazyList) get(at int) (any, error) {
	if value, ok := l.values[at]; ok {
		return value, nil
	}
	value, err := l.session.demand(fmt.Sprintf("%s[%d]", l.path, at), l.Raw[at])
	if err != nil {
		return nil, err
	}
	l.values[at] = l.session.named("", l.secret, value)
	return l.values[at], nil
}

// Names returns what variables there are, for "did you mean".
func (s *session) Names() []string {
	if names, ok := s.vars.(interface{ Names() []string }); ok {
		list := append([]string(nil), names.Names()...)
		sort.Strings(list)
		return list
	}
	return nil
}

package engine

import (
	"errors"
	"fmt"
	"regexp"
	"sync"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/templates/ordered"
)

// ofRun names what set_stats collects of no host.
const ofRun = "RUN"

// stats are what set_stats collects: values by name, of each host and of the run.
type stats struct {
	mu sync.Mutex
	of *ordered.Map // by the host's name, dicts
}

// all returns what was collected, the run's at the end; nil: nothing.
func (s *stats) all() *ordered.Map {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of == nil {
		return nil
	}
	out := ordered.New(s.of.Len())
	for of, values := range s.of.All() {
		if of != ofRun {
			out.Set(of, values)
		}
	}
	if values, ok := s.of.Get(ofRun); ok {
		out.Set(ofRun, values)
	}
	return out
}

// add collects values under a name. Aggregated, a value is added to one of its own type that is there, and one of another is left out,
// as Ansible does.
func (s *stats) add(of string, data *ordered.Map, aggregate bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of == nil {
		s.of = ordered.New(1)
	}
	have := ordered.New(data.Len())
	if x, ok := s.of.Get(of); ok {
		have = x.(*ordered.Map)
	}
	for name, x := range data.All() {
		before, known := have.Get(name)
		if known && aggregate {
			var ok bool
			if x, ok = added(before, x); !ok {
				continue
			}
		}
		have.Set(name, x)
	}
	s.of.Set(of, have)
}

// added adds two values of one type: numbers, texts, lists, and dicts of which the second is laid over the first.
func added(a, b any) (any, bool) {
	switch a := a.(type) {
	case int:
		b, ok := b.(int)
		return a + b, ok
	case float64:
		b, ok := b.(float64)
		return a + b, ok
	case string:
		b, ok := b.(string)
		return a + b, ok
	case []any:
		b, ok := b.([]any)
		return append(a[:len(a):len(a)], b...), ok
	case *ordered.Map:
		b, ok := b.(*ordered.Map)
		if !ok {
			return nil, false
		}
		out := a.Clone()
		for name, x := range b.All() {
			out.Set(name, x)
		}
		return out, true
	}
	return nil, false
}

var variableName = regexp.MustCompile(`^[A-Za-z_]\w*$`)

func (s *taskRun) setStats(v *variables, args map[string]any) *outcome {
	data, ok := ordered.From(args["data"]).(*ordered.Map)
	if !ok {
		return s.failure(v, errors.New("set_stats: data has to be a dict"))
	}
	for name := range data.All() {
		if !variableName.MatchString(name) {
			return s.failure(v, fmt.Errorf("set_stats: %q cannot be a name: letters, digits and underscores, beginning with none of the digits",
				name))
		}
	}
	flag := func(name string, otherwise bool) (bool, error) {
		if args[name] == nil {
			return otherwise, nil
		}
		return truth(args[name])
	}
	perHost, err := flag("per_host", false)
	if err != nil {
		return s.failure(v, fmt.Errorf("set_stats: per_host: %w", err))
	}
	aggregate, err := flag("aggregate", true)
	if err != nil {
		return s.failure(v, fmt.Errorf("set_stats: aggregate: %w", err))
	}
	s.p.r.noteSecrets(data)
	o := s.success(v, target{v.h, v}, tasks.Result{Values: map[string]any{
		"ansible_stats": ordered.Of("data", data, "per_host", perHost, "aggregate", aggregate)}})
	o.learned = append(o.learned, learned{into: func(h *host) {
		of := ofRun
		if perHost {
			of = h.name
		}
		s.p.r.stats.add(of, data, aggregate)
	}})
	return o
}

package jinja

import (
	"fmt"

	"github.com/polarbook/polarbook/templates/ordered"
)

// loop is the variable loop within {% for %}.
type loop struct {
	items   []any
	index0  int
	depth0  int
	changed []any // what loop.changed() was last asked about
	recurse func(items any) (any, error)
}

func (s *forStatement) execute(r *Run) error {
	items, err := r.evaluate(s.items)
	if err != nil {
		return err
	}
	return s.over(r, items, 0)
}

func (s *forStatement) over(r *Run, value any, depth int) error {
	if depth > MaximumDepth {
		return fmt.Errorf("the loop calls itself more than %d deep", MaximumDepth)
	}
	items, err := r.Iterate(value)
	if err != nil {
		return locate(s.items, err)
	}
	if s.condition != nil {
		kept := []any{}
		for _, item := range items {
			inner := r.inner()
			if err := inner.Step(); err != nil {
				return err
			}
			if err := inner.assign(s.target, item); err != nil {
				return locate(s.items, err)
			}
			yes, err := inner.truth(s.condition)
			if err != nil {
				return err
			}
			if yes {
				kept = append(kept, item)
			}
		}
		items = kept
	}
	if len(items) == 0 {
		return r.inner().all(s.otherwise)
	}
	l := &loop{items: items, depth0: depth}
	if s.recursive {
		l.recurse = func(items any) (any, error) {
			inner := &Run{r.session, newFrame(r.frame), &output{}}
			err := s.over(inner, items, depth+1)
			return inner.out.value(), err
		}
	}
	for at, item := range items {
		l.index0 = at
		inner := r.inner()
		if err := inner.Step(); err != nil {
			return err
		}
		if err := inner.assign(s.target, item); err != nil {
			return locate(s.items, err)
		}
		inner.frame.values["loop"] = l
		if err := inner.all(s.body); err != nil {
			return err
		}
	}
	return nil
}

// attribute returns loop.index and its like.
func (l *loop) attribute(name string) (any, bool) {
	length := len(l.items)
	switch name {
	case "index":
		return l.index0 + 1, true
	case "index0":
		return l.index0, true
	case "revindex":
		return length - l.index0, true
	case "revindex0":
		return length - l.index0 - 1, true
	case "first":
		return l.index0 == 0, true
	case "last":
		return l.index0 == length-1, true
	case "length":
		return length, true
	case "depth":
		return l.depth0 + 1, true
	case "depth0":
		return l.depth0, true
	case "previtem":
		if l.index0 == 0 {
			return &Undefined{name: "loop.previtem", Message: "the first item of a loop has no loop.previtem"}, true
		}
		return l.items[l.index0-1], true
	case "nextitem":
		if l.index0 == length-1 {
			return &Undefined{name: "loop.nextitem", Message: "the last item of a loop has no loop.nextitem"}, true
		}
		return l.items[l.index0+1], true
	case "cycle":
		return &Function{name: "loop.cycle", call: func(_ *Run, values []any, _ *ordered.Map) (any, error) {
			if len(values) == 0 {
				return nil, fmt.Errorf("loop.cycle() needs values")
			}
			return values[l.index0%len(values)], nil
		}}, true
	case "changed":
		return &Function{name: "loop.changed", call: func(r *Run, values []any, _ *ordered.Map) (any, error) {
			forced, err := r.session.ForceItems(values, 0)
			if err != nil {
				return nil, err
			}
			same := l.changed != nil && EqualItems(l.changed, forced)
			l.changed = append([]any{}, forced...)
			return !same, nil
		}}, true
	}
	return nil, false
}

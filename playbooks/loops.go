package playbooks

import (
	"slices"
	"strings"

	"github.com/polarbook/polarbook/templates/suggest"
	"gopkg.in/yaml.v3"

	"github.com/polarbook/polarbook/templates/ordered"
)

// loopReader gathers the keywords that make a loop.
type loopReader struct {
	l       *loader
	f       *file
	loop    *Loop
	key     *yaml.Node // of loop or with_
	control *yaml.Node // of loop_control
	into    LoopControl
}

func newLoopReader(l *loader, f *file) *loopReader { return &loopReader{l: l, f: f} }

// read takes loop, with_… and loop_control; it reports whether the key was one of them.
func (r *loopReader) read(e entry) bool {
	l, f := r.l, r.f
	with, isWith := strings.CutPrefix(e.key, "with_")
	with = strings.TrimPrefix(shortName(with), "community.general.")
	width := len([]rune(e.key))
	switch {
	case e.key == "loop_control":
		r.control = e.at
		r.readControl(e)
		return true
	case e.key != "loop" && !isWith:
		return false
	case r.loop != nil:
		l.fail(f.at(e.at), width, "keep one of them", "a task has one loop; this one already has one on line %d", r.key.Line)
		return true
	case isWith && (slices.Contains(loopsWithout, with) || strings.Count(with, ".") == 2):
		_ = l.lack(f.at(e.at), width, "use loop with a filter or a lookup", "%q is not implemented by polarbook, though Ansible has it", e.key)
	case isWith && !slices.Contains(loopsWith, with):
		var names []string
		for _, name := range loopsWith {
			names = append(names, "with_"+name)
		}
		l.fail(f.at(e.at), width, suggest.Hint(e.key, append(names, keywordNames(onTasks)...)), "there is no loop %q", e.key)
	}
	r.key = e.at
	r.loop = &Loop{With: with, Items: l.variable(f, e.value)}
	if !isWith {
		r.loop.With = ""
	}
	r.checkItems(e)
	return true
}

// checkItems checks what can be told of a loop's list before templates are rendered.
func (r *loopReader) checkItems(e entry) {
	raw := r.loop.Items.Raw
	if s, ok := raw.(string); ok && isTemplate(s) {
		return
	}
	bad := ""
	switch r.loop.With {
	case "":
		if _, ok := raw.([]any); !ok {
			bad = "has to be a list or a template of one"
		}
	case "dict":
		each, list := raw.([]any)
		if !list {
			each = []any{raw}
		}
		for _, one := range each {
			s, _ := one.(string)
			if _, ok := one.(*ordered.Map); !ok && !isTemplate(s) {
				bad = "has to be a mapping or a template of one"
			}
		}
	case "together", "nested", "cartesian", "subelements":
		if _, ok := raw.([]any); !ok {
			bad = "has to be a list of lists"
		}
	}
	if bad != "" {
		r.l.fail(r.f.at(e.value), 0, "", "%s %s, not %s", e.key, bad, describe(raw))
	}
}

var controlWords = []string{"loop_var", "index_var", "label", "pause", "extended", "extended_allitems", "break_when"}

func (r *loopReader) readControl(e entry) {
	l, f := r.l, r.f
	if isNull(e.value) {
		return
	}
	if e.value.Kind != yaml.MappingNode {
		l.fail(f.at(e.value), 0, "", "loop_control has to be a mapping")
		return
	}
	for _, c := range entries(e.value) {
		switch c.key {
		case "loop_var", "index_var":
			name := l.word(f, c)
			if name != "" {
				l.variableName(f, c.value, name)
			}
			if c.key == "loop_var" {
				r.into.LoopVar = name
			} else {
				r.into.IndexVar = name
			}
		case "label":
			r.into.Label = l.value(f, c.value)
		case "pause":
			r.into.Pause = l.amount(f, c)
		case "extended":
			v := l.boolean(f, c)
			if s, ok := v.Raw.(string); ok {
				l.fail(f.at(c.value), 0, "", "extended cannot be a template, as %q is", s)
			}
			r.into.Extended, _ = v.Raw.(bool)
		case "extended_allitems":
			v := l.boolean(f, c)
			if s, ok := v.Raw.(string); ok {
				l.fail(f.at(c.value), 0, "", "extended_allitems cannot be a template, as %q is", s)
			}
			r.into.WithoutAll = v.Raw == false
		case "break_when":
			r.into.BreakWhen = l.conditions(f, c)
		default:
			l.fail(f.at(c.at), len([]rune(c.key)), suggest.Hint(c.key, controlWords), "there is no keyword %q in loop_control", c.key)
		}
	}
}

// result is the loop, nil when there is none. LoopVar is "item" unless loop_control says otherwise.
func (r *loopReader) result() *Loop {
	if r.loop == nil {
		if r.control != nil {
			r.l.warn(r.f.at(r.control), len("loop_control"), "", "loop_control without a loop does nothing")
		}
		return nil
	}
	r.loop.Control = r.into
	if r.loop.Control.LoopVar == "" {
		r.loop.Control.LoopVar = "item"
	}
	return r.loop
}

package jinja

import (
	"fmt"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/templates/ordered"
)

// LooksLikeContainer reports whether a text is a list or a mapping as Python or JSON writes it. Where a template gives such a text,
// ansible-core up to 2.18 makes a list or mapping of it; from 2.19 on it stays a text, as here.
func LooksLikeContainer(text string) bool {
	text = strings.TrimSpace(text)
	if len(text) < 2 || text[0] != '[' && text[0] != '{' || text[len(text)-1] != ']' && text[len(text)-1] != '}' {
		return false
	}
	tokens, err := tokenize(text)
	if err != nil {
		return false
	}
	for _, t := range tokens {
		if t.kind == tokenName && !slices.Contains([]string{"True", "False", "None", "true", "false", "null"}, t.text) ||
			t.kind == tokenOperator && !slices.Contains([]string{"[", "]", "{", "}", "(", ")", ",", ":", "-", "+"}, t.text) {
			return false
		}
	}
	p := &parser{engine: &Engine{library: &Library{}}, tokens: tokens}
	if _, err = p.tuple("", false); err == nil {
		err = p.end()
	}
	return err == nil
}

// NotAContainer is the error of taking a text that a template gave for a list or mapping.
func NotAContainer(template, text string) error {
	return fmt.Errorf("the template %s gives the text %s, which is no list or mapping: ansible-core up to 2.18 would make one of it, "+
		"2.19 does not; write it as one expression, such as {{ [a, b] }} or {{ {'key': a} }}, or add | from_yaml where it is used",
		shortened(strings.TrimSpace(template)), shortened(text))
}

// madeText is where a text that looks like a list or mapping is from.
type madeText struct {
	template string
	// passed: the template is one expression that only hands on a text from elsewhere, such as what a command printed.
	passed bool
}

// made are the texts that look like lists or mappings and that variables were set to, by the variables' names.
type made map[string]map[string]madeText

// maximumMade bounds how many an engine remembers.
const maximumMade = 10_000

// NoteMade tells that variables were set to what a value with templates gave (set_fact, register). Where one of them is taken for a
// list or mapping later on, the error names the template.
func (e *Engine) NoteMade(names []string, raw, value any) {
	switch written := raw.(type) {
	case string:
		text, ok := value.(string)
		if !ok || !isTemplate(written) || !LooksLikeContainer(text) {
			return
		}
		origin := madeText{written, e.passesOn(written)}
		e.mutex.Lock()
		defer e.mutex.Unlock()
		if e.made == nil || len(e.made) > maximumMade {
			e.made = made{}
		}
		for _, name := range names {
			if e.made[name] == nil || len(e.made[name]) > maximumMade {
				e.made[name] = map[string]madeText{}
			}
			e.made[name][text] = origin
		}
		e.anyMade.Store(true)
	case []any:
		if items, ok := value.([]any); ok {
			for at := range min(len(items), len(written)) {
				e.NoteMade(names, written[at], items[at])
			}
		}
	case *ordered.Map:
		if m, ok := value.(*ordered.Map); ok {
			for key, item := range written.All() {
				e.NoteMade(names, item, m.Value(key))
			}
		}
	}
}

// passesOn reports whether a template is one expression that makes nothing: a variable, a part of one, a lookup.
func (e *Engine) passesOn(template string) bool {
	p, err := e.parse("", template, playbookOptions)
	return err == nil && p.single != nil && handsOn(p.single)
}

func handsOn(node expression) bool {
	switch n := node.(type) {
	case *name:
		return true
	case *attribute:
		return handsOn(n.of)
	case *item:
		return handsOn(n.of)
	case *filtered:
		return n.of != nil && handsOn(n.of) && slices.Contains([]string{"default", "d", "trim", "string", "mandatory"}, BaseName(n.name))
	case *call:
		function, ok := n.function.(*name)
		return ok && slices.Contains([]string{"lookup", "query", "q"}, function.name)
	}
	return false
}

// recall has the texts known to this rendering that a variable was set to.
func (s *session) recall(name string) {
	e := s.engine
	if !e.anyMade.Load() {
		return
	}
	e.mutex.Lock()
	defer e.mutex.Unlock()
	for text, origin := range e.made[name] {
		s.noteMade(text, origin)
	}
}

func (s *session) noteMade(text string, origin madeText) {
	if s.shared.lookalikes == nil {
		s.shared.lookalikes = map[string]madeText{}
	}
	s.shared.lookalikes[text] = origin
}

// noteLookalike remembers which variable's template gave a text that looks like a list or mapping.
func (s *session) noteLookalike(template string, value any) {
	if text, ok := value.(string); ok && LooksLikeContainer(text) {
		s.noteMade(text, madeText{template, s.engine.passesOn(template)})
	}
}

// Lookalike is the error of taking a value for a list or mapping, where a variable's template gave it as a text that looks like one.
func (r *Run) Lookalike(value any) error {
	text, ok := value.(string)
	if !ok || r.session.shared.lookalikes == nil {
		return nil
	}
	if origin, ok := r.session.shared.lookalikes[text]; ok {
		return NotAContainer(origin.template, text)
	}
	return nil
}

// AskedLookalike is Lookalike for what is asked of texts as well as of lists: what is in it, and how long it is. There a text that was
// only handed on, as what a command printed, is taken for the text that it is.
func (r *Run) AskedLookalike(value any) error {
	if text, ok := value.(string); ok && r.session.shared.lookalikes[text].passed {
		return nil
	}
	return r.Lookalike(value)
}

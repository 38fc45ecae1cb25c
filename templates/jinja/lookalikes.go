package jinja

import (
	"fmt"
	"slices"
	"strings"
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

// noteLookalike remembers which variable's template gave a text that looks like a list or mapping.
func (s *session) noteLookalike(template string, value any) {
	text, ok := value.(string)
	if !ok || !LooksLikeContainer(text) {
		return
	}
	if s.shared.lookalikes == nil {
		s.shared.lookalikes = map[string]string{}
	}
	s.shared.lookalikes[text] = template
}

// Lookalike is the error of taking a value for a list or mapping, where a variable's template gave it as a text that looks like one.
func (r *Run) Lookalike(value any) error {
	if text, ok := value.(string); ok && r.session.shared.lookalikes != nil {
		if template, made := r.session.shared.lookalikes[text]; made {
			return NotAContainer(template, text)
		}
	}
	return nil
}

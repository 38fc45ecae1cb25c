package jinja

import (
	"strings"

	"github.com/polarbook/polarbook/templates/ordered"
)

// answered is what something outside of the engine answered: a command, a server, a file that was made.
type answered struct {
	key    string // all that was asked
	values []any
	err    error
}

// Outside does what must be done once in a rendering: with twins it is not done again. Then the same question has the same answer, and
// one that a secret is part of has an answer of the same shape, whose texts are others.
func (r *Run) Outside(key string, do func() ([]any, error)) ([]any, error) {
	f := r.session.shared.secrets
	if f == nil {
		return do()
	}
	if !f.twin {
		values, err := do()
		f.outside = append(f.outside, answered{key, values, err})
		return values, err
	}
	for _, known := range f.outside {
		if known.key == key {
			return known.values, known.err
		}
	}
	if f.asked >= len(f.outside) {
		return []any{""}, nil
	}
	known := f.outside[f.asked]
	f.asked++
	values := make([]any, len(known.values))
	for at, value := range known.values {
		values[at] = otherText(value)
	}
	return values, known.err
}

// otherText is a value whose texts have other letters and digits.
func otherText(value any) any {
	switch v := value.(type) {
	case string:
		return strings.Map(func(r rune) rune {
			switch {
			case r >= 'a' && r <= 'z':
				return 'a' + (r-'a'+13)%26
			case r >= 'A' && r <= 'Z':
				return 'A' + (r-'A'+13)%26
			case r >= '0' && r <= '9':
				return '0' + (r-'0'+5)%10
			}
			return r
		}, v)
	case []any:
		items := make([]any, len(v))
		for at, item := range v {
			items[at] = otherText(item)
		}
		return items
	case *ordered.Map:
		m := ordered.New(v.Len())
		for key, item := range v.All() {
			m.SetAs(key, v.KeyOf(key), otherText(item))
		}
		return m
	}
	return value
}

// NoteSecret makes a secret of a text that is one wherever it is seen.
func (r *Run) NoteSecret(text string) {
	if f := r.session.shared.secrets; f != nil && text != "" {
		f.Add(text)
		f.touched = true
	}
}

// Base is the directory of the playbook, which relative paths of lookups that write or run something begin at.
func (r *Run) Base() string {
	if value, err := r.Variable("playbook_dir"); err == nil {
		if directory, ok := value.(string); ok && directory != "" {
			return directory
		}
	}
	if len(r.session.engine.Options.Directories) > 0 {
		return r.session.engine.Options.Directories[0]
	}
	return ""
}

package jinja

import (
	crypto "crypto/rand"
	"encoding/json"
	"errors"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/polarbook/polarbook/templates/ordered"
	"github.com/polarbook/polarbook/templates/pytext"
)

// Secrets knows texts that must not be seen. What a template makes of them, whatever it does, is found by rendering it
// once more with a text of the same shape in the place of each: where the outcomes differ, they tell of the secret.
type Secrets interface {
	// Twin returns a text with every secret in it replaced by its twin; a text without secrets as it is.
	Twin(text string) string
	// TwinOf is Twin for a text that is a value by itself, which may be too short to be found in others.
	TwinOf(value string) string
	// Follow is told of a text that was made of secrets and of what became of their twins instead. public are texts that
	// the template read and that are no secrets.
	Follow(outcome, twin string, public []string)
	// SecretName reports whether a variable of that name is a secret, SecretValue whether that value of it is, and Add makes
	// one of it. AboutTask reports whether what a
	// mapping has under a name is none, although the mapping has a secret's name, for it is a task's result.
	SecretName(name string) bool
	SecretValue(name, value string) bool
	AboutTask(has func(name string) bool, name string) bool
	Add(value string)
}

// followed holds what one rendering notes of secrets.
type followed struct {
	Secrets
	twin    bool // this is the rendering with twins
	touched bool // a secret was read
	// at is the time that both renderings see.
	at time.Time
	// key begins the random numbers of both.
	key [32]byte
	// public are texts that were read and hold no secrets; made are the texts that each expression gave.
	public []string
	common map[string]bool // the same
	made   map[expression][]string
	left   int // how many more of both are kept
	// outside are the answers of the real rendering, asked how many of them the one with twins took in their order.
	outside []answered
	asked   int
}

// maximumNoted bounds what a rendering notes.
const maximumNoted = 20_000

// followed renders, and renders with twins what read a secret.
func (e *Engine) followed(vars Vars, render func(s *session) (any, error)) (any, error) {
	s := newSession(e, vars)
	if e.Options.Secrets == nil {
		return render(s)
	}
	real := &followed{Secrets: e.Options.Secrets, left: maximumNoted, made: map[expression][]string{}}
	s.shared.secrets = real
	value, err := render(s)
	if !real.touched {
		return value, err
	}
	other := newSession(e, vars)
	twin := &followed{Secrets: e.Options.Secrets, twin: true, at: real.at, key: real.key, left: maximumNoted, made: map[expression][]string{},
		outside: real.outside}
	other.shared.secrets = twin
	twinValue, failed := render(other)
	if err != nil {
		text := ""
		if failed != nil {
			text = failed.Error()
		}
		real.follow(err.Error(), text)
	} else {
		real.compare(value, twinValue)
	}
	for node, texts := range real.made {
		if others := twin.made[node]; len(others) == len(texts) {
			for i, text := range texts {
				real.follow(text, others[i])
			}
		}
	}
	return value, err
}

func (f *followed) follow(outcome, twin string) { f.Follow(outcome, twin, f.public) }

// compare finds the texts in two outcomes that differ.
func (f *followed) compare(value, twin any) {
	switch v := value.(type) {
	case string:
		other, _ := twin.(string)
		f.follow(v, other)
	case int, *big.Int, float64:
		if !Equal(v, twin) {
			f.follow(Text(v), Text(twin))
		}
	case []any:
		others, _ := twin.([]any)
		if letters := lettersOf(v); letters != "" {
			f.follow(letters, lettersOf(others))
			f.follow(Text(v), Text(others))
			f.follow(InJSON(v), InJSON(others))
			return
		}
		there := map[string]bool{}
		if len(others) != len(v) {
			for _, other := range others {
				if s, ok := other.(string); ok {
					there[s] = true
				}
			}
		}
		for i, item := range v {
			if len(others) == len(v) {
				f.compare(item, others[i])
			} else if s, ok := item.(string); !ok || !there[s] {
				f.compare(item, nil)
			}
		}
	case *ordered.Map:
		others, _ := twin.(*ordered.Map)
		for key, item := range v.All() {
			other, ok := others.Get(key)
			if !ok {
				f.follow(key, "")
			}
			f.compare(item, other)
		}
	}
}

// lettersOf is a list of texts that are too short to be followed as one text; "": it is another list.
func lettersOf(items []any) string {
	if len(items) < 2 {
		return ""
	}
	var all []byte
	for _, item := range items {
		s, ok := item.(string)
		if !ok || len([]rune(s)) > 2 {
			return ""
		}
		all = append(all, s...)
	}
	return string(all)
}

// InJSON writes a value as JSON, to compare it with another.
func InJSON(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	return string(text)
}

// Now is the time, the same in both renderings.
func (s *session) Now() time.Time {
	f := s.shared.secrets
	if f == nil {
		return s.engine.Options.Now()
	}
	if f.at.IsZero() {
		f.at = s.engine.Options.Now()
	}
	return f.at
}

// Random draws random numbers, the same in both renderings.
func (s *session) Random() *rand.Rand {
	if s.shared.random == nil {
		key := [32]byte{}
		if f := s.shared.secrets; f != nil && f.twin {
			key = f.key
		} else {
			_, _ = crypto.Read(key[:]) // which never fails
		}
		if f := s.shared.secrets; f != nil {
			f.key = key
		}
		s.shared.random = rand.New(rand.NewChaCha8(key))
	}
	return s.shared.random
}

// seen is a value of some expression or variable: its twin in the rendering with twins.
func (s *session) seen(value any) any {
	f := s.shared.secrets
	if f == nil {
		return value
	}
	switch v := value.(type) {
	case string:
		other := f.Twin(v)
		if other == v {
			return value
		}
		f.touched = true
		if f.twin {
			return other
		}
	case int, *big.Int:
		// A number that is a secret as a whole; a part of a longer one is none.
		if other, err := ParseWhole(f.number(Repr(v)), 10); err == nil {
			f.touched = true
			if f.twin {
				return other
			}
		}
	case float64:
		if other, err := strconv.ParseFloat(f.number(pytext.Float(v)), 64); err == nil {
			f.touched = true
			if f.twin {
				return other
			}
		}
	}
	return value
}

// number is the twin of a number that is a secret, "" of another.
func (f *followed) number(text string) string {
	other := f.Twin(text)
	if len(other) != len(text) {
		return ""
	}
	for i := range len(text) {
		if text[i] == other[i] && text[i] != '-' {
			return ""
		}
	}
	return other
}

// given is a text as it was written, in a template or as a variable.
func (s *session) given(text string) string {
	f := s.shared.secrets
	if f == nil {
		return text
	}
	seen := s.seen(text).(string)
	if !f.twin && len(text) > 2 && seen == text && f.left > 0 && !f.common[text] && f.Twin(text) == text {
		if f.common == nil {
			f.common = map[string]bool{}
		}
		f.left--
		f.common[text] = true
		f.public = append(f.public, text)
	}
	return seen
}

// noticed is the value of an expression.
func (s *session) noticed(node expression, value any) any {
	f := s.shared.secrets
	if f == nil {
		return value
	}
	switch value.(type) {
	case string, int, *big.Int, float64:
	case []any, Tuple:
		f.making(node, value)
		return value
	default:
		return value
	}
	if c, ok := node.(*constant); ok {
		if text, ok := c.value.(string); ok {
			return s.given(text)
		}
		return value
	}
	value = s.seen(value)
	f.making(node, value)
	return value
}

// making notes what an expression gave: a later one may take apart again what this one put together.
func (f *followed) making(node expression, value any) {
	switch node.(type) {
	case *filtered, *call, *binary, *item:
	default:
		return
	}
	note := func(made string) {
		if len(made) > 2 && f.left > 0 {
			f.left--
			f.made[node] = append(f.made[node], made)
		}
	}
	items, _ := value.([]any)
	if list, ok := value.(Tuple); ok {
		items = list
	}
	if letters := lettersOf(items); letters != "" {
		note(letters)
		return
	}
	for _, item := range items {
		if made, ok := item.(string); ok {
			note(made)
		}
	}
	switch value.(type) {
	case string, int, *big.Int, float64:
		note(Text(value))
	}
}

// named is a value that is a secret by its name, or by that of what it is in: its twin in the rendering with twins, also
// where it is too short to be found in other texts.
func (s *session) named(name string, within bool, value any) any {
	f := s.shared.secrets
	if f == nil {
		return value
	}
	if within && (name == "" || !f.SecretName(name)) {
		name = "secret"
	}
	if name == "" || !f.SecretName(name) {
		return value
	}
	return f.secret(name, value, 0)
}

func (f *followed) secret(name string, value any, depth int) any {
	if depth > MaximumDepth {
		return value
	}
	switch v := value.(type) {
	case *LazyMap:
		v.secret = true
	case *LazyList:
		v.secret = true
	case string:
		if f.SecretValue(name, v) {
			return f.one(v)
		}
	case int, *big.Int:
		if written := Repr(v); f.SecretValue(name, written) {
			if other, err := ParseWhole(f.one(written), 10); err == nil {
				return other
			}
		}
	case float64:
		if written := pytext.Float(v); f.SecretValue(name, written) {
			if other, err := strconv.ParseFloat(f.one(written), 64); err == nil {
				return other
			}
		}
	case []any:
		items := make([]any, len(v))
		for i, item := range v {
			items[i] = f.secret(name, plain(item), depth+1)
		}
		return items
	case *ordered.Map:
		values := ordered.New(v.Len())
		for key, item := range v.All() {
			inner := name
			if f.SecretName(key) {
				inner = key
			} else if f.AboutTask(v.Has, key) {
				values.SetAs(key, v.KeyOf(key), item)
				continue
			}
			values.SetAs(key, v.KeyOf(key), f.secret(inner, plain(item), depth+1))
		}
		return values
	}
	return value
}

// one has a secret known, and is it or its twin.
func (f *followed) one(secret string) string {
	f.touched = true
	if f.twin {
		return f.TwinOf(secret)
	}
	f.Add(secret)
	return secret
}

// unquoted is an error of a variable without what it quotes of it, where that is a secret by its name.
func (s *session) unquoted(path string, err error) error {
	f := s.shared.secrets
	var quoting *Error
	if f == nil || !errors.As(err, &quoting) || quoting.Text == "" {
		return err
	}
	for _, name := range strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' }) {
		if f.SecretName(name) {
			bare := *quoting
			bare.Text = "********"
			return &bare
		}
	}
	return err
}

package jinja

import (
	"math/rand/v2"
	"time"

	"github.com/polarbook/polarbook/templates/ordered"
)

// What filters, tests and lookups may do with the rendering that called them.

// Options returns what the engine may use of its machine.
func (r *Run) Options() Options { return r.session.engine.Options }

// Force renders all that is still on demand in a value.
func (r *Run) Force(value any) (any, error) { return r.session.Force(value) }

// ForceItems does so with each of a list.
func (r *Run) ForceItems(items []any) ([]any, error) { return r.session.ForceItems(items, 0) }

// Now returns the time, by the engine's clock.
func (r *Run) Now() time.Time { return r.session.Now() }

// Random returns where unseeded random numbers come from. A rendering has one, and with twins it draws the same numbers again.
func (r *Run) Random() *rand.Rand { return r.session.Random() }

// CallGlobal calls a global function, such as dict.
func (r *Run) CallGlobal(name string, positional ...any) (any, error) {
	return globals[name].(*Function).call(r, positional, ordered.New(0))
}

// Names returns the names of all variables, in their order.
func (r *Run) Names() []string { return r.session.Names() }

// NoteUnsafe marks what this rendering gives as written by others: it is never taken for a template.
func (r *Run) NoteUnsafe() { r.session.shared.unsafe = true }

// Template renders another template, found by its name as include finds it, with the variables of this rendering and some
// of its own; nil: none. found is false when there is no such template.
func (r *Run) Template(name string, own *ordered.Map, o FileOptions) (text string, found bool, err error) {
	body, path, found, err := r.session.include(name, o)
	if err != nil || !found {
		return "", found, err
	}
	inner := &Run{session: r.session, frame: newFrame(nil), out: &output{}}
	if own != nil {
		inner.frame.values = own.Top()
	}
	root, lookedUp := r.session.root, r.session.lookedUp
	r.session.root, r.session.lookedUp = path, true
	defer func() { r.session.root, r.session.lookedUp = root, lookedUp }()
	if err := inner.included(path, body, func(inner *Run) error { return inner.whole(body) }); err != nil {
		return "", true, err
	}
	text, err = r.session.fileText(body, inner.out)
	return text, true, err
}

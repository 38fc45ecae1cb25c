package site

import "testing"

// Long leaves a test, or a part of one, out of the short form: it takes minutes of processor time and has seldom found what
// the others did not. make test-long has it.
func Long(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("long: make test-long runs it")
	}
}

// Subtest runs f with the failures of the site reported under its name. What follows stands on it: a failure ends the
// test.
func (l *ControlNode) Subtest(t *testing.T, name string, f func(t *testing.T)) {
	t.Helper()
	if !l.Case(t, name, f) {
		t.FailNow()
	}
}

// Case is a subtest that nothing else stands on.
func (l *ControlNode) Case(t *testing.T, name string, f func(t *testing.T)) bool {
	t.Helper()
	before := l.T
	defer func() { l.T = before }()
	return t.Run(name, func(t *testing.T) { l.T = t; f(t) })
}

// Bench is a case that is measured.
func (l *ControlNode) Bench(b *testing.B, name string, f func(b *testing.B)) {
	b.Helper()
	before := l.T
	defer func() { l.T = before }()
	b.Run(name, func(b *testing.B) { l.T = b; f(b) })
}

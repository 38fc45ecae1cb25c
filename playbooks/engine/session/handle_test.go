package session

import (
	"context"
	"errors"
	"testing"

	"github.com/polarbook/polarbook/playbooks/engine/event"
)

func TestKeepHoldsWhatWasMadeUntilTheRunEnds(t *testing.T) {
	ss := NewSessions(Options{Connect: connectLocal, Emit: func(event.Event) {}})
	l := &link{ss: ss, name: "a", turn: make(chan struct{}, 1), kept: map[string]*kept{}}
	h := &Handle{ss: ss, link: l}
	made, closed := 0, 0
	create := func() (any, error) { made++; return closer(func() { closed++ }), nil }
	for range 2 {
		if _, err := h.Cached("db", create); err != nil {
			t.Fatal(err)
		}
	}
	h.Drop("db")
	if _, err := h.Cached("db", create); err != nil {
		t.Fatal(err)
	}
	if _, err := l.get(context.Background()); err != nil {
		t.Fatal(err)
	}
	l.reset()
	if made != 2 || closed != 2 {
		t.Errorf("made %d, closed %d, want 2 and 2", made, closed)
	}
	failing := func() (any, error) { made++; return nil, errors.New("no") }
	for range 2 {
		if _, err := h.Cached("db", failing); err == nil {
			t.Error("a failure was kept as a success")
		}
	}
	if made != 4 {
		t.Errorf("a failure was kept: made %d", made)
	}
}

type closer func()

func (c closer) Close() error { c(); return nil }

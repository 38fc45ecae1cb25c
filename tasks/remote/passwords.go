package remote

import (
	"context"
	"errors"
	"sync"
)

// Passwords know what became of the passwords of a run, over all its connections: one that an account has refused is not
// given to it again, for a few such may lock it (pam_faillock). Its methods may be called from several goroutines.
type Passwords struct {
	mu   sync.Mutex
	uses map[passwordKey]*passwordUse
}

// NewPasswords returns what knows of none.
func NewPasswords() *Passwords { return &Passwords{uses: map[passwordKey]*passwordUse{}} }

// passwordKey is a password as it is given to an account of a host, which may be known under several names.
type passwordKey struct {
	host     string // its address, and the jump hosts before it
	service  string // what asks for it: ssh, sudo or su
	account  string // whose it is
	password string
}

// passwordUse holds what became of it. turn is held by who looks, or is the first to try.
type passwordUse struct {
	turn chan struct{}

	mu    sync.Mutex
	right bool
	wrong error
}

func (u *passwordUse) known() (right bool, wrong error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.right, u.wrong
}

// begin returns why the password was refused before, or else has it tried: settle has then to be told what came of it, nil
// twice if nothing did. The first use of a password is made alone. One that was right is never taken for wrong: what
// refuses it later has another reason (a host that goes down lets nobody in).
func (p *Passwords) begin(ctx context.Context, lost <-chan struct{}, key passwordKey) (
	wrong error, settle func(right bool, wrong error), err error,
) {
	p.mu.Lock()
	u := p.uses[key]
	if u == nil {
		u = &passwordUse{turn: make(chan struct{}, 1)}
		p.uses[key] = u
	}
	p.mu.Unlock()
	select {
	case u.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	case <-lost:
		return nil, nil, errLost
	}
	right, wrong := u.known()
	if right || wrong != nil {
		<-u.turn
		return wrong, func(bool, error) {}, nil
	}
	return nil, func(right bool, wrong error) {
		u.mu.Lock()
		u.right, u.wrong = right, wrong
		u.mu.Unlock()
		<-u.turn
	}, nil
}

// errLost means that the connection went while the turn was waited for.
var errLost = errors.New("the connection is gone")

// way returns how a host is reached, whatever the inventory calls it.
func (t target) way() string {
	way := t.address()
	for _, jump := range t.jumps {
		way += " behind " + jump
	}
	return way
}

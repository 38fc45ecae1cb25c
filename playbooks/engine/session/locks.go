package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/polarbook/polarbook/playbooks/engine/event"
	"github.com/polarbook/polarbook/tasks/remote"
)

// Locking makes a run the only one on its hosts. All that its plays name are locked before the first task, or none;
// a host that it comes to later (a peer, one that was down) is locked when it is first connected to.
type Locking struct {
	// User names who runs it, for those who find the hosts locked: name@machine.
	User string
	// Dead reports whether a run is known to have ended, whatever the host believes; nil: none is. Its lock is taken over.
	Dead func(run string) bool
	// Wait is for how long to wait for others to be done; 0: not at all.
	Wait time.Duration
}

// Locker is a Connection whose host can be locked. A host whose Connection is none is used unlocked.
type Locker interface {
	// Lock locks the host until Release, or until the connection is gone. It does not wait for who holds the lock, which is
	// a *remote.LockedError, but for a host that is still ending the work of a run that is gone, until ctx is cancelled. A
	// *remote.CannotLockError and a *remote.BecomeError are that there is no lock to be had on this host.
	Lock(ctx context.Context, r remote.LockRequest) (Held, error)
}

// Held is a lock on a host, which goes with its connection. Its methods may be called from several goroutines at once.
type Held interface {
	// Lost is closed when the lock is held no more: released, cleared by somebody, or gone with its connection.
	Lost() <-chan struct{}
	// Away reports, once Lost is closed, whether it was lost while this side was away: stopped, or asleep.
	Away() bool
	// Release gives the lock back and waits a moment for the host to have seen it. A second Release does nothing.
	Release()
}

// locks are the run's.
type locks struct {
	holder remote.Holder
	mu     sync.Mutex
	over   chan struct{} // closed when the run no more minds losing what it holds
	hosts  map[string]*hostLock
}

// hostLock is one host's. mu is held while the lock is being taken.
type hostLock struct {
	mu      sync.Mutex
	conn    Connection // that holds it; nil: none ever did
	held    Held
	without bool // there is none to be had
}

const (
	// lockGrace is for how long a run waits for a younger one to give way that was faster at some hosts.
	lockGrace = 3 * time.Second
	lockPause = 200 * time.Millisecond
	lockAgain = time.Second
)

func newLocks(o Options) *locks {
	if o.Lock == nil {
		return nil
	}
	return &locks{
		holder: remote.Holder{User: o.Lock.User, Playbook: o.Playbook, Run: o.Run, Since: time.Now()},
		over:   make(chan struct{}), hosts: map[string]*hostLock{},
	}
}

func (ls *locks) of(name string) *hostLock {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l, ok := ls.hosts[name]
	if !ok {
		l = &hostLock{}
		ls.hosts[name] = l
	}
	return l
}

// LockAll locks all hosts, or none: then the error is a *LockedError. It waits for others as Options.Lock says. A host that
// cannot be locked, or whose connection is lost meanwhile, is left to the first task that comes to it. Without locking it
// does nothing.
func (ss *Sessions) LockAll(ctx context.Context, hosts []*Handle) error {
	if ss.locks == nil {
		return nil
	}
	began := time.Now()
	said := false
	for {
		held := ss.tryLocks(ctx, hosts)
		older := func(e *remote.LockedError) bool { return !e.Holder.Younger(ss.locks.holder) }
		switch {
		case len(held) == 0 || ss.o.Stopped(ctx):
			return nil
		case time.Since(began) < lockGrace && !slices.ContainsFunc(held, older):
			// Two that began at once may each have some: the younger gives way, so that not both go home.
			ss.o.Pause(ctx, lockPause)
			continue
		}
		ss.releaseAll()
		if time.Since(began) >= ss.o.Lock.Wait {
			return &LockedError{held}
		}
		if !said {
			said = true
			for _, e := range held {
				ss.o.Emit(event.HostSaid{Time: time.Now(), Host: e.Host, Line: "waiting for its lock, held by " + e.Holder.String()})
			}
		}
		ss.o.Pause(ctx, min(lockAgain, max(lockPause, ss.o.Lock.Wait-time.Since(began))))
	}
}

// tryLocks locks what is not locked yet, all at once, and returns who holds the rest.
func (ss *Sessions) tryLocks(ctx context.Context, hosts []*Handle) []*remote.LockedError {
	var mu sync.Mutex
	var held []*remote.LockedError
	var all sync.WaitGroup
	for _, h := range hosts {
		c := h.link.standing()
		if c == nil {
			continue // lost meanwhile: its first task says so, and locks it if it comes back
		}
		all.Go(func() {
			var locked *remote.LockedError
			if err := ss.lock(ctx, h, c); errors.As(err, &locked) {
				mu.Lock()
				defer mu.Unlock()
				held = append(held, locked)
			}
		})
	}
	all.Wait()
	sort.Slice(held, func(a, b int) bool { return held[a].Host < held[b].Host })
	return held
}

// lock makes sure that the host behind a connection is locked. An error is a *remote.LockedError, or about the
// connection.
func (ss *Sessions) lock(ctx context.Context, h *Handle, c Connection) error {
	l := ss.locks.of(h.name)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.without || l.conn == c {
		return nil
	}
	if l.conn != nil {
		select {
		case <-l.conn.Done(): // the lock went with it
			select {
			case <-l.held.Lost():
			case <-ctx.Done():
				return ctx.Err()
			}
			if l.held.Away() {
				ss.o.RequestStop(h.name, awayError(h.name))
				return awayError(h.name)
			}
		default:
			return nil // reached in two ways
		}
	}
	locker, ok := c.(Locker)
	if !ok {
		l.without = true
		return nil
	}
	b := remote.Become{}
	if c.User() != "root" {
		b = remote.Become{Method: h.method, User: "root", Password: h.as.Password, Flags: h.as.Flags}
	}
	request := remote.LockRequest{Become: b, Holder: ss.locks.holder, Waits: func(run, what string) {
		ss.sayOf(h, "waits for: %s of run %s, which is gone and must not be cut there", what, run)
	}}
	if l.conn != nil {
		request.Replaces = ss.o.Run
	}
	held, err := locker.Lock(ctx, request)
	var locked *remote.LockedError
	if errors.As(err, &locked) && ss.o.Lock.Dead != nil && ss.o.Lock.Dead(locked.Holder.Run) {
		ss.sayOf(h, "taking over the lock of run %s, which has ended without the host knowing it", locked.Holder.Run)
		request.Replaces = locked.Holder.Run
		held, err = locker.Lock(ctx, request)
	}
	var refused *remote.BecomeError
	var cannot *remote.CannotLockError
	switch {
	case errors.As(err, &locked) && locked.Holder.Run == ss.locks.holder.Run:
		l.without = true // the same machine under another name
		return nil
	case errors.As(err, &refused) && refused.WrongPassword():
		// Said by the host's first task: who gives a password wants to become root there.
		return err
	case errors.As(err, &refused), errors.As(err, &cannot):
		// A run that needs no root is not kept from what it does.
		l.without = true
		ss.sayOf(h, "not locked, somebody else may work here at the same time: %v", err)
		return nil
	case err != nil:
		return err
	}
	l.conn, l.held = c, held
	go ss.guard(h.name, c, held, ss.locks.minding())
	return nil
}

// sayOf reports a line about a host that belongs to no task.
func (ss *Sessions) sayOf(h *Handle, format string, args ...any) {
	ss.o.Emit(event.HostSaid{Time: time.Now(), Host: h.name, Line: fmt.Sprintf(format, args...)})
}

// guard stops the run when a lock is lost while its connection stands: somebody has cleared it.
func (ss *Sessions) guard(name string, c Connection, held Held, over <-chan struct{}) {
	select {
	case <-held.Lost():
	case <-over:
		return
	}
	if held.Away() { // others may have worked there since
		ss.o.RequestStop(name, awayError(name))
		return
	}
	select {
	case <-c.Done(): // it is taken again with the next connection
	case <-over:
	case <-time.After(lockGrace):
		ss.o.RequestStop(name, fmt.Errorf("the lock on %s was cleared or lost while this run was at work: "+
			"it stops, lest two work there at once", name))
	}
}

// wentAway reports whether the lock went with its connection while this side was away.
func (l *hostLock) wentAway() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held == nil {
		return false
	}
	select {
	case <-l.conn.Done():
	default:
		return false
	}
	select {
	case <-l.held.Lost():
		return l.held.Away()
	case <-time.After(lockGrace):
		return false
	}
}

func awayError(name string) error {
	return fmt.Errorf("the lock on %s was cleared or lost while this run was away (stopped, or its machine asleep): "+
		"it stops, lest two work there at once", name)
}

// minding is closed when the locks taken so far may go.
func (ls *locks) minding() <-chan struct{} {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return ls.over
}

// forget no more minds losing what is held, and takes it for never held.
func (ls *locks) forget() map[string]*hostLock {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	hosts := ls.hosts
	close(ls.over)
	ls.hosts, ls.over = map[string]*hostLock{}, make(chan struct{})
	return hosts
}

// releaseAll gives all locks back.
func (ss *Sessions) releaseAll() {
	hosts := ss.locks.forget()
	var all sync.WaitGroup
	for _, l := range hosts {
		if l.held != nil {
			all.Go(l.held.Release)
		}
	}
	all.Wait()
}

// LockedError is that others hold the locks of hosts. It has every host once.
type LockedError struct{ Held []*remote.LockedError }

// Hosts names them.
func (e *LockedError) Hosts() []string {
	all := make([]string, len(e.Held))
	for i, held := range e.Held {
		all[i] = held.Host
	}
	return all
}

// Error names all holders, each once with the hosts that it holds.
func (e *LockedError) Error() string {
	hosts := map[string][]string{}
	var who []string
	for _, held := range e.Held {
		name := held.Holder.String()
		if hosts[name] == nil {
			who = append(who, name)
		}
		hosts[name] = append(hosts[name], held.Host)
	}
	var parts []string
	for _, name := range who {
		are := "are"
		if len(hosts[name]) == 1 {
			are = "is"
		}
		parts = append(parts, fmt.Sprintf("%s %s locked by %s", Enumerate(hosts[name]), are, name))
	}
	return strings.Join(parts, "; ")
}

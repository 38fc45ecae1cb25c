package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Lock is a host that nobody else may lock. A process on the host holds it, on the connection's own terms: it lets go
// when its input ends, which is when the connection does, and when it has not been heard for a while, for a laptop that
// lost its power or its network says no goodbye and sshd may take hours to notice.
type Lock struct {
	host    *Host
	session *session
	lost    chan struct{}
	once    sync.Once

	pulse    pulse // when this side was last known not to be away
	patience time.Duration
	asking   sync.Mutex
	answers  chan struct{} // capacity 1
	ended    chan struct{} // closed when the holder on the host has ended
	cgroup   string        // of what runs there; "": none
	away     atomic.Bool   // lost while this side was away
}

// LockRequest holds who wants a host for himself.
type LockRequest struct {
	// Become says as whom; the lock is root's unless Dir says otherwise.
	Become Become
	// Holder is the one who asks: all but PID and Silent.
	Holder Holder
	// Dir is a directory on the host that only that user may write to; "": /run/polarbook, which a reboot empties.
	Dir string
	// Replaces is a run whose lock is taken over, because it is our own and its connection was lost, or it is known to
	// be dead; "": none.
	Replaces string
	// Waits is told what of a run that is gone the host still waits for, because it must not be cut; nil: nobody is.
	Waits func(run, what string)
}

// CannotLockError means that the host has no means to lock it, or that its directory cannot be written.
type CannotLockError struct{ Host, Reason string }

func (e *CannotLockError) Error() string {
	return fmt.Sprintf("%s: cannot be locked: %s", e.Host, e.Reason)
}

const (
	// lockSilences is after how many KeepAlives of silence the host lets go: more than what it takes this side to give
	// the connection up, so that nobody works on a host that somebody else may have locked.
	lockSilences = 6
	lockPatience = 30 * time.Second
	// maxAway is after how long without a sign of life of its own this side looks at its lock before it sends anything.
	maxAway = 10 * time.Second
)

// Lock locks the host until Release, or until the connection is gone. *LockedError names who was faster;
// *CannotLockError and *BecomeError that there is no lock to be had. It costs one session and one round trip.
//
// A host that is still ending the work of a run that is gone is waited for.
func (h *Host) Lock(ctx context.Context, r LockRequest) (*Lock, error) {
	var said string
	began := time.Now()
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		l, err := h.lock(ctx, r)
		var held *LockedError
		if !errors.As(err, &held) {
			return l, err
		}
		patience := time.Duration(0)
		switch {
		case held.Holder.Ending:
			patience = uncutLimit + lockPatience
		case held.Holder.PID == 0: // it has just put its name away, and is about to go
			patience = 3 * time.Second
		}
		if time.Since(began) >= patience {
			return nil, err
		}
		if w := held.Holder.Waits; w != "" && w != said && r.Waits != nil {
			r.Waits(held.Holder.Run, w)
			said = w
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-h.done:
			return nil, h.Err()
		}
	}
}

func (h *Host) lock(ctx context.Context, r LockRequest) (*Lock, error) {
	s, err := h.openUnmarked(ctx, r.Become.normal())
	if err != nil {
		return nil, err
	}
	s.channel = unfenced(s.channel)
	marker := "polarbook-" + randomHex()
	h.roundTrips.Add(1)
	if err := s.write(ctx, []byte(lockScript(r, marker, h.mark, lockSilences*h.config.KeepAlive))); err != nil && !errors.Is(err, errEOF) {
		s.close()
		return nil, h.blame(err)
	}
	said, verdict, err := s.awaitLock(ctx, r, marker)
	if err != nil {
		s.close()
		return nil, err
	}
	verdict, cgroup, _ := strings.Cut(verdict, " ")
	switch verdict {
	case "taken":
		l := &Lock{host: h, session: s, lost: make(chan struct{}), patience: min(maxAway, 2*h.config.KeepAlive),
			cgroup: cgroup, answers: make(chan struct{}, 1), ended: make(chan struct{})}
		l.pulse.beat()
		h.mu.Lock()
		if h.locks == nil {
			h.locks = map[*Lock]bool{}
		}
		h.locks[l] = true
		shells := slices.Collect(maps.Values(h.shells))
		h.mu.Unlock()
		h.lockedIn.Store(&r.Dir)
		h.fence.Store(l)
		for _, sh := range shells { // opened before the lock was taken
			if pid := sh.number.Load(); pid > 0 {
				h.join(int(pid))
			}
		}
		go l.listen()
		go l.hold(h.config.KeepAlive)
		return l, nil
	case "held":
		s.close()
		holder, _ := ParseHolder(said)
		return nil, &LockedError{Host: h.Name(), Holder: holder}
	case "noflock":
		s.close()
		return nil, &CannotLockError{h.Name(), "flock(1) is missing there: install util-linux"}
	}
	select { // for what was said on stderr
	case <-s.errs.more:
	case <-time.After(100 * time.Millisecond):
	}
	s.close()
	return nil, &CannotLockError{h.Name(), lastLines(s.errs.text())}
}

// Lost is closed when the lock is not held any more, for whatever reason.
func (l *Lock) Lost() <-chan struct{} { return l.lost }

// Away says, once the lock is lost, that it was while this side was away, and that the run has no business there any more.
func (l *Lock) Away() bool { return l.away.Load() }

// Release gives the lock back and waits, for a second at most, until the host has seen it.
func (l *Lock) Release() {
	l.once.Do(func() {
		l.host.fence.CompareAndSwap(l, nil)
		l.host.mu.Lock()
		delete(l.host.locks, l)
		l.host.mu.Unlock()
		// Without this word the host takes the run for dead, and ends what it left there.
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		_ = l.session.write(ctx, []byte("bye\n"))
		cancel()
		l.session.leave(time.Second)
	})
}

// listen takes what the holder on the host says.
func (l *Lock) listen() {
	defer close(l.ended)
	for {
		select {
		case _, more := <-l.session.out:
			if !more {
				return
			}
			select {
			case l.answers <- struct{}{}:
			default:
			}
		case <-l.session.closed:
			return
		case <-l.host.done:
			return
		}
	}
}

// hold lets the host hear from us until the holder there ends.
func (l *Lock) hold(every time.Duration) {
	defer close(l.lost)
	beat := time.NewTicker(every)
	defer beat.Stop()
	alive := time.NewTicker(l.patience / 5)
	defer alive.Stop()
	for {
		select {
		case <-alive.C:
			if l.pulse.age() <= l.patience {
				l.pulse.beat()
			} else if l.ask() != nil {
				return
			}
		case <-beat.C:
			ctx, cancel := context.WithTimeout(context.Background(), every)
			// What cannot be written is no loss yet: the host is patient, and a lost connection is found elsewhere.
			_ = l.session.write(ctx, []byte("\n"))
			cancel()
		case <-l.ended:
			// Whether we were away is asked here too: the end may be seen first.
			if l.pulse.age() > l.patience {
				l.away.Store(true)
				l.host.lose(&LostLockError{l.host.Name()})
			}
			return
		}
	}
}

// awaitLock reads up to the line of the marker, which ends in the verdict.
func (s *session) awaitLock(ctx context.Context, r LockRequest, marker string) (said, verdict string, err error) {
	var out []byte
	waited := false
	late := time.NewTimer(lockPatience)
	defer late.Stop()
	for {
		select {
		case piece, more := <-s.out:
			if !more {
				if err := s.host.blame(nil); err != nil {
					return "", "", err
				}
				return "", "", r.Become.normal().noShell(s, out)
			}
			out = appendNoise(out, piece)
			for {
				before, line, rest, whole := cutAnswer(out, marker)
				if !whole {
					break
				}
				what, waits := strings.CutPrefix(line, "waits ")
				if !waits {
					return before, line, nil
				}
				out = rest
				if !waited { // once: a host could say so for ever
					waited = true
					late.Reset(uncutLimit + lockPatience)
				}
				if r.Waits != nil {
					run, what, _ := strings.Cut(what, " ")
					r.Waits(run, what)
				}
			}
		case <-late.C:
			return "", "", fmt.Errorf("%s: take the lock: no answer for %s", s.host.Name(), lockPatience)
		case <-ctx.Done():
			return "", "", fmt.Errorf("%s: take the lock: %w", s.host.Name(), ctx.Err())
		case <-s.host.done:
			return "", "", s.host.Err()
		}
	}
}

// cutAnswer takes the first whole line that begins with the marker out of what was said: what came before it, what it says
// after the marker, and what follows it.
func cutAnswer(out []byte, marker string) (before, line string, rest []byte, whole bool) {
	head, tail, found := bytes.Cut(out, []byte(marker+" "))
	if !found {
		return "", "", out, false
	}
	text, rest, whole := bytes.Cut(tail, []byte("\n"))
	if !whole {
		return "", "", out, false
	}
	return string(head), string(text), rest, true
}

// lockScript is, after the surroundings, one compound command, so that the shell has read all of it before its input is our
// heartbeat.
func lockScript(r LockRequest, marker, mark string, silence time.Duration) string {
	info := r.Holder.text()
	if mark != "" {
		info += "mark=" + mark + "\n"
	}
	return surroundings + "{\n" + assign("f", lockFile(r.Dir), "dir", lockDir(r.Dir), "marker", marker, "mark", mark,
		"info", info, "replaces", oneLine(r.Replaces),
		"silence", fmt.Sprintf("%g", silence.Seconds()), "limit", fmt.Sprintf("%d", int(uncutLimit.Seconds()))) +
		fenceFunctions + scriptText("cgroup") + scriptText("lock") + "}\n"
}

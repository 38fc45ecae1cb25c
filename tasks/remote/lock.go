package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
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
}

// LockRequest says who wants a host for himself.
type LockRequest struct {
	// Become says as whom; the lock is root's unless Dir says otherwise.
	Become Become
	// Holder is who asks: all but PID and Silent.
	Holder Holder
	// Dir is a directory on the host that only that user may write to; "": /run/polarbook, which a reboot empties.
	Dir string
	// Replaces is a run whose lock is taken over, because it is our own and its connection was lost, or it is known to
	// be dead; "": none.
	Replaces string
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
)

// Lock locks the host until Release, or until the connection is gone. *LockedError says who was faster;
// *CannotLockError and *BecomeError that there is no lock to be had. It costs one session and one round trip.
func (h *Host) Lock(ctx context.Context, r LockRequest) (*Lock, error) {
	s, err := h.openShell(ctx, r.Become.normal())
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	marker := "polarbook-" + randomHex()
	h.roundTrips.Add(1)
	if err := s.write(ctx, []byte(lockScript(r, marker, lockSilences*h.config.KeepAlive))); err != nil && !errors.Is(err, errEOF) {
		s.close()
		return nil, h.blame(err)
	}
	said, verdict, err := s.awaitLock(ctx, r.Become.normal(), marker)
	if err != nil {
		s.close()
		return nil, err
	}
	switch verdict {
	case "taken":
		l := &Lock{host: h, session: s, lost: make(chan struct{})}
		h.mu.Lock()
		if h.locks == nil {
			h.locks = map[*Lock]bool{}
		}
		h.locks[l] = true
		h.mu.Unlock()
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

// Release gives the lock back and waits, for a second at most, until the host has seen it.
func (l *Lock) Release() {
	l.once.Do(func() {
		l.host.mu.Lock()
		delete(l.host.locks, l)
		l.host.mu.Unlock()
		l.session.leave(time.Second)
	})
}

// hold lets the host hear from us until the holder there ends.
func (l *Lock) hold(every time.Duration) {
	defer close(l.lost)
	beat := time.NewTicker(every)
	defer beat.Stop()
	for {
		select {
		case _, more := <-l.session.out:
			if !more {
				return
			}
		case <-beat.C:
			ctx, cancel := context.WithTimeout(context.Background(), every)
			// What cannot be written is no loss yet: the host is patient, and a lost connection is found elsewhere.
			_ = l.session.write(ctx, []byte("\n"))
			cancel()
		case <-l.session.closed:
			return
		case <-l.host.done:
			return
		}
	}
}

// awaitLock reads up to the line of the marker, which ends in the verdict.
func (s *session) awaitLock(ctx context.Context, b Become, marker string) (said, verdict string, err error) {
	var out []byte
	for {
		select {
		case piece, more := <-s.out:
			if !more {
				if err := s.host.blame(nil); err != nil {
					return "", "", err
				}
				return "", "", b.noShell(s, out)
			}
			out = appendNoise(out, piece)
			before, rest, found := bytes.Cut(out, []byte(marker+" "))
			line, _, whole := bytes.Cut(rest, []byte("\n"))
			if found && whole {
				return string(before), string(line), nil
			}
		case <-ctx.Done():
			return "", "", fmt.Errorf("%s: taking the lock: %w", s.host.Name(), ctx.Err())
		case <-s.host.done:
			return "", "", s.host.Err()
		}
	}
}

// lockScript is, after the surroundings, one compound command, so that the shell has read all of it before its input is our heartbeat.
//
// The lock is the kernel's (flock), on descriptor 9, which no child gets but flock itself: it is gone when the shell
// is, however that ended. The text in the file is for people; that the process it names is alive, with the start time
// that it names, is what makes it true.
func lockScript(r LockRequest, marker string, silence time.Duration) string {
	again := ""
	if r.Replaces != "" {
		again = `if [ "$(sed -n 's/^run=//p' "$f")" = ` + quoteAlways(oneLine(r.Replaces)) + ` ]; then
p=$(sed -n 's/^pid=//p' "$f")
{ read -r stat <"/proc/$p/stat"; } 2>/dev/null && set -- ${stat##*) } && [ "${20}" = "$(sed -n 's/^born=//p' "$f")" ] && kill -KILL "$p"
flock -w 5 9 && held= && break
fi
`
	}
	return strings.NewReplacer(
		"FILE", Quote(lockFile(r.Dir)), "DIR", Quote(lockDir(r.Dir)), "MARKER", marker, "AGAIN", again,
		"INFO", quoteAlways(r.Holder.text()), "SILENCE", fmt.Sprintf("%g", silence.Seconds()),
	).Replace(surroundings + "{\n" + `umask 077
f=FILE
command -v flock >/dev/null || { printf 'MARKER noflock\n'; exit 0; }
mkdir -p DIR && (true >>"$f") || { printf 'MARKER broken\n'; exit 0; }
exec 9>>"$f"
held=
flock -n 9 || for pause in 0 0.05 0.1 0.2 0.4; do
held=1
sleep $pause
AGAINflock -n 9 && held= && break
grep -q '^pid=' "$f" && break
done
if [ -n "$held" ]; then
cat "$f"
now=$(date +%s) heard=$(stat -c %Y "$f.beat") && printf 'silent=%s\n' $((now - heard))
printf 'MARKER held\n'
exit 0
fi
read -r stat </proc/$$/stat
set -- ${stat##*) }
born=${20}
printf '%spid=%s\nborn=%s\n' INFO "$$" "$born" >"$f"
true >"$f.beat"
(
trap 'heard=1' USR1
trap 'kill "$s"; exit 0' TERM
while :; do
heard=
sleep SILENCE &
s=$!
wait "$s"
if [ -n "$heard" ]; then
kill "$s"
wait "$s"
continue
fi
read -r stat </proc/$$/stat || exit 0
set -- ${stat##*) }
[ "${20}" != "$born" ] || kill -KILL $$
exit 0
done
) 9>&- </dev/null >/dev/null 2>&1 &
w=$!
printf 'MARKER taken\n'
while read -r line; do
true >"$f.beat"
kill -USR1 "$w"
done
kill -TERM "$w"
wait "$w"
rm -f "$f.beat"
true >"$f"
exit 0
}
`)
}

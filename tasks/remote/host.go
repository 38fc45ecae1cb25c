package remote

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

// Host is one SSH connection. Its methods may be called from several goroutines.
// Once the connection is lost everything returns an *UnreachableError; Connect
// again for another try.
type Host struct {
	config Config
	target target
	client *ssh.Client
	conn   *countingConn
	dialer *dialer
	opens  chan struct{} // a slot for each channel that is being opened

	roundTrips atomic.Int64
	sessions   atomic.Int64

	done   chan struct{}
	mu     sync.Mutex
	lost   error // why, once done is closed
	shells map[Become]*Shell
	locks  map[*Lock]bool

	mute mutes // ways to a shell that gave none

	forwards bool                   // sessions may ask our agent
	mark     string                 // of what runs there for us; "": none
	fence    atomic.Pointer[Lock]   // the lock that has to stand for anything to be sent
	lockedIn atomic.Pointer[string] // the directory of the lock
}

// Stats counts what a connection has cost so far.
type Stats struct {
	Handshakes    int64 // SSH handshakes, jump hosts included
	RoundTrips    int64 // requests whose answer was waited for, after the handshake
	Sessions      int64 // SSH sessions opened
	BytesSent     int64 // on the wire, encrypted, to the host itself
	BytesReceived int64
}

// maxOpensInFlight bounds how many channels are opened at once: sshd was seen to
// refuse some of 6 to 8.
const maxOpensInFlight = 4

func newHost(c Config, t target, client *ssh.Client, conn *countingConn, d *dialer) *Host {
	h := &Host{
		config: c, target: t, client: client, conn: conn, dialer: d,
		opens:  make(chan struct{}, maxOpensInFlight),
		done:   make(chan struct{}),
		shells: map[Become]*Shell{},
		mark:   markOf(c.Run),
	}
	go func() {
		err := client.Wait()
		if err == nil {
			err = errors.New("the host closed the connection")
		}
		h.lose(err)
	}()
	go h.keepAlive()
	if t.forwardAgent && t.agentSocket != "" {
		// What cannot be forwarded is missed by what asks for it there.
		h.forwards = forwardAgent(client, t.agentSocket) == nil
	}
	return h
}

// Name is the inventory's name of the host.
func (h *Host) Name() string { return h.config.Name }

// User is the one who is logged in.
func (h *Host) User() string { return h.target.user }

// Address is the host:port that is connected to.
func (h *Host) Address() string { return h.target.address() }

// Done is closed when the connection is gone, for whatever reason.
func (h *Host) Done() <-chan struct{} { return h.done }

// Err returns why the connection is gone, an *UnreachableError, and nil while it is not.
func (h *Host) Err() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.lost
}

// Close ends the connection and with it every shell, stream, tunnel and lock.
func (h *Host) Close() error {
	h.mu.Lock()
	shells := h.shells
	h.shells = map[Become]*Shell{}
	locks := slices.Collect(maps.Keys(h.locks))
	h.mu.Unlock()
	// The shells are given the end of their input and a moment to remove their
	// private directories; the end of the connection would do it as well, but
	// then a lost answer and a tidy one could not be told apart on the host.
	var wg sync.WaitGroup
	for _, s := range shells {
		wg.Add(1)
		go func() {
			defer wg.Done()
			s.leave()
		}()
	}
	// Who comes right after us must not find a host locked that is free in a moment.
	for _, l := range locks {
		wg.Go(l.Release)
	}
	wg.Wait()
	h.lose(errClosed)
	return nil
}

// Stats counts what was done so far.
func (h *Host) Stats() Stats {
	h.dialer.mu.Lock()
	handshakes := h.dialer.handshakes
	h.dialer.mu.Unlock()
	return Stats{
		Handshakes:    handshakes,
		RoundTrips:    h.roundTrips.Load(),
		Sessions:      h.sessions.Load(),
		BytesSent:     h.conn.sent.Load(),
		BytesReceived: h.conn.received.Load(),
	}
}

// lose marks the connection as gone; the first reason counts.
func (h *Host) lose(why error) {
	h.mu.Lock()
	if h.lost != nil {
		h.mu.Unlock()
		return
	}
	h.lost = &UnreachableError{Host: h.config.Name, Address: h.target.address(), Doing: "the connection is gone", Err: why}
	close(h.done)
	h.mu.Unlock()
	// Not client.Close: it writes, and writing is what may hang.
	h.conn.Close()
	h.dialer.close()
}

// blame returns why the connection is gone if it is, and else err: what an
// operation met is mostly only the consequence.
func (h *Host) blame(err error) error {
	select {
	case <-h.done:
		return h.Err()
	default:
	}
	if err == nil {
		return nil
	}
	// The end of a channel may be seen a moment before that of the connection.
	select {
	case <-h.done:
		return h.Err()
	case <-time.After(250 * time.Millisecond):
		return err
	}
}

// keepAlive asks the host whether it is still there whenever it has been silent,
// and gives the connection up after a few questions without an answer.
func (h *Host) keepAlive() {
	tick := time.NewTicker(h.config.KeepAlive)
	defer tick.Stop()
	var asked chan error // nil: no question is open
	var seen int64
	misses, most := 0, cmp.Or(h.target.aliveCount, defaultAliveCount)
	for {
		select {
		case <-h.done:
			return
		case err := <-asked:
			asked = nil
			if err == nil {
				misses = 0
			}
		case <-tick.C:
			if now := h.conn.received.Load(); now != seen {
				seen, misses = now, 0
				continue
			}
			misses++
			if misses > most {
				h.lose(fmt.Errorf("no answer for %s to %d keepalive requests",
					time.Duration(misses)*h.config.KeepAlive, most))
				return
			}
			if asked == nil {
				asked = make(chan error, 1)
				go func(answer chan<- error) {
					// A refusal is an answer too.
					_, _, err := h.client.SendRequest("keepalive@openssh.com", true, nil)
					answer <- err
				}(asked)
			}
		}
	}
}

// within calls f, which does not know of contexts, and abandons it when ctx ends
// or the connection is lost. f must end by itself when the connection is closed.
func within[T any](ctx context.Context, h *Host, f func() (T, error), abandon func(T)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		v, err := f()
		answers <- answer{v, err}
	}()
	cleanUp := func() {
		if a := <-answers; a.err == nil && abandon != nil {
			abandon(a.value)
		}
	}
	var none T
	select {
	case a := <-answers:
		return a.value, a.err
	case <-ctx.Done():
		go cleanUp()
		return none, ctx.Err()
	case <-h.done:
		go cleanUp()
		return none, h.Err()
	}
}

// countingConn counts the bytes on the wire.
type countingConn struct {
	net.Conn
	sent, received atomic.Int64
}

func (c *countingConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.received.Add(int64(n))
	return n, err
}

func (c *countingConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.sent.Add(int64(n))
	return n, err
}

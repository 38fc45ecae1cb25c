package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// openPatience bounds how long a refused channel is asked for again.
const openPatience = 15 * time.Second

// session is one SSH session channel with a program on it. Its output is read all
// the time, so that a program never blocks on an answer that nobody takes.
type session struct {
	host    *Host
	channel ssh.Channel
	out     chan []byte // pieces of stdout; closed at its end
	errs    *stderrTail
	exited  chan struct{} // closed once the exit status is known or never will be
	status  int           // after exited; -1: unknown
	closing sync.Once
	closed  chan struct{}
	merged  bool // on a terminal: stdout has what is written to stderr, too
}

// startSession opens a channel and makes a request on it, which begins what the session is for. With a terminal there is one on the
// host.
func (h *Host) startSession(ctx context.Context, on *Terminal, request string, payload any) (*session, error) {
	channel, requests, err := h.openChannel(ctx, "session", nil)
	if err != nil {
		return nil, err
	}
	h.sessions.Add(1)
	s := &session{
		host: h, channel: channel, status: -1,
		out:    make(chan []byte),
		errs:   newStderrTail(),
		exited: make(chan struct{}),
		closed: make(chan struct{}),
		merged: on != nil,
	}
	go s.readRequests(requests)
	go s.readOut(s.channel)
	go s.readErr(s.channel.Stderr())
	h.roundTrips.Add(1)
	ok, err := within(ctx, h, func() (bool, error) {
		if on != nil {
			if ok, err := channel.SendRequest("pty-req", true, on.request()); err != nil || !ok {
				return false, errors.Join(err, fmt.Errorf("%s: sshd gives no terminal (PermitTTY in its sshd_config?)", h.Name()))
			}
		}
		if h.forwards && request == "exec" {
			// Asked without waiting: a host that forwards no agents runs the program all the same.
			if _, err := channel.SendRequest("auth-agent-req@openssh.com", false, nil); err != nil {
				return false, err
			}
		}
		return channel.SendRequest(request, true, ssh.Marshal(payload))
	}, nil)
	if err == nil && !ok {
		err = fmt.Errorf("%s: sshd refused the %s request: ForceCommand or a restricted account may be why", h.Name(), request)
	}
	if err != nil {
		s.close()
		return nil, h.blame(err)
	}
	return s, nil
}

// openChannel opens a channel, a few at a time, and asks again for as long as sshd
// refuses one for want of room: it allows MaxSessions (10) at once, and refuses
// even fewer when they are asked for together.
func (h *Host) openChannel(ctx context.Context, kind string, extra []byte) (ssh.Channel, <-chan *ssh.Request, error) {
	type opened struct {
		channel  ssh.Channel
		requests <-chan *ssh.Request
	}
	deadline := time.Now().Add(openPatience)
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		select {
		case h.opens <- struct{}{}:
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		case <-h.done:
			return nil, nil, h.Err()
		}
		h.roundTrips.Add(1)
		o, err := within(ctx, h, func() (opened, error) {
			defer func() { <-h.opens }()
			if err := h.look(); err != nil {
				return opened{}, err
			}
			c, r, err := h.client.OpenChannel(kind, extra)
			return opened{fencedChannel{&orderedChannel{Channel: c}, h}, r}, err
		}, func(o opened) {
			go ssh.DiscardRequests(o.requests)
			o.channel.Close()
		})
		if err == nil {
			return o.channel, o.requests, nil
		}
		if !forWantOfRoom(kind, err) || time.Now().Add(wait).After(deadline) {
			if forWantOfRoom(kind, err) {
				err = fmt.Errorf("%s: sshd refused another %s for %s (MaxSessions in its sshd_config?): %w", h.Name(), kind, openPatience, err)
			}
			return nil, nil, h.blame(err)
		}
		// Spread the retries, or those refused together come back together.
		pause := time.NewTimer(wait/2 + rand.N(wait))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return nil, nil, ctx.Err()
		case <-h.done:
			pause.Stop()
			return nil, nil, h.Err()
		}
	}
}

// forWantOfRoom tells a refusal that may be over in a moment from one that will
// not. sshd refuses a session too many as ConnectionFailed, which for a tunnel
// means that nobody answered at its far end.
func forWantOfRoom(kind string, err error) bool {
	var refused *ssh.OpenChannelError
	if !errors.As(err, &refused) {
		return false
	}
	return refused.Reason == ssh.ResourceShortage || kind == "session" && refused.Reason != ssh.UnknownChannelType
}

func (s *session) readRequests(requests <-chan *ssh.Request) {
	defer close(s.exited)
	for r := range requests {
		switch r.Type {
		case "exit-status":
			var status struct{ Status uint32 }
			if ssh.Unmarshal(r.Payload, &status) == nil {
				s.status = int(status.Status)
			}
		case "exit-signal":
			s.status = 255
		}
		if r.WantReply {
			_ = r.Reply(false, nil) // a lost connection shows elsewhere
		}
	}
}

func (s *session) readOut(channel ssh.Channel) {
	defer close(s.out)
	for {
		b := make([]byte, 32<<10)
		n, err := channel.Read(b)
		if n > 0 {
			select {
			case s.out <- b[:n]:
			case <-s.closed:
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (s *session) readErr(stderr io.Reader) {
	defer s.errs.end()
	b := make([]byte, 32<<10)
	for {
		n, err := stderr.Read(b)
		if n > 0 {
			s.errs.write(b[:n])
		}
		if err != nil {
			return
		}
	}
}

// write sends to the program's input. It blocks while the program does not read.
func (s *session) write(ctx context.Context, b []byte) error {
	_, err := within(ctx, s.host, func() (int, error) { return s.channel.Write(b) }, nil)
	return err
}

// close ends the channel; the program gets the end of its input and, when it
// writes, SIGPIPE.
func (s *session) close() {
	s.closing.Do(func() {
		close(s.closed)
		// Writing to a dead connection may hang until that is found out.
		go s.channel.Close()
	})
}

// leave gives the program the end of its input and a moment to go by itself.
func (s *session) leave(patience time.Duration) {
	go func() { _ = s.channel.CloseWrite() }()
	t := time.NewTimer(patience)
	defer t.Stop()
	for {
		select {
		case _, more := <-s.out:
			if more {
				continue
			}
			select {
			case <-s.exited:
			case <-t.C:
			case <-s.host.done:
			}
		case <-t.C:
		case <-s.host.done:
		}
		break
	}
	s.close()
}

// ended describes why a program is gone, for an error.
func (s *session) ended() string {
	select {
	case <-s.exited:
	case <-time.After(time.Second):
	}
	select {
	case <-s.errs.done:
	case <-time.After(100 * time.Millisecond):
	}
	var what string
	select {
	case <-s.exited:
		what = fmt.Sprintf("it ended with status %d", s.status)
	default:
		what = "it ended"
	}
	if text := strings.TrimSpace(s.errs.text()); text != "" {
		what += ": " + text
	}
	return what
}

// stderrTail keeps the last of what a program wrote to stderr, passes it on where
// somebody listens, and tells waiters that there is more.
type stderrTail struct {
	mu     sync.Mutex
	last   []byte
	listen func([]byte)
	both   bool          // it is kept although somebody listens
	more   chan struct{} // capacity 1
	done   chan struct{}
}

const stderrTailSize = 8 << 10

func newStderrTail() *stderrTail {
	return &stderrTail{more: make(chan struct{}, 1), done: make(chan struct{})}
}

func (t *stderrTail) write(b []byte) {
	t.mu.Lock()
	if t.listen != nil {
		// Under the lock, so that once another listener is set nobody calls the
		// old one.
		t.listen(b)
	}
	if t.listen == nil || t.both {
		t.last = append(t.last, b...)
		if n := len(t.last); n > stderrTailSize {
			t.last = bytes.Clone(t.last[n-stderrTailSize:])
		}
	}
	t.mu.Unlock()
	select {
	case t.more <- struct{}{}:
	default:
	}
}

// to passes everything kept so far, and from now on, to listen. When it returns
// the listener before is not called any more.
func (t *stderrTail) to(listen func([]byte)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.last) > 0 {
		listen(t.last)
		t.last = nil
	}
	t.listen = listen
}

// alsoTo passes all that comes from now on to listen, and keeps its end until forget.
func (t *stderrTail) alsoTo(listen func([]byte)) {
	t.to(listen)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.both = true
}

func (t *stderrTail) end() { close(t.done) }

func (t *stderrTail) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.last)
}

// forget drops what was kept, so that an old message is not blamed for a new fault.
func (t *stderrTail) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last, t.both = nil, false
}

package session

import (
	"context"
	"io"
	"net"
	"sync"
	"time"

	"github.com/polarbook/polarbook/playbooks/engine/event"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
)

// Connection is a host that has been reached. Its methods may be called from several goroutines at once. When the host is
// lost, Done is closed, and what is under way and all that is called afterwards returns a *remote.UnreachableError: a new
// Connection is the only way on. Any other error leaves the Connection usable.
type Connection interface {
	// Address returns what was connected to, for people.
	Address() string
	// User returns the name of the user who is logged in.
	User() string
	// Shell returns a shell of the user that b names; the zero Become: of the one who is logged in. Asking again for the
	// same user costs nothing. A *remote.BecomeError is that the host does not let this user be become.
	Shell(ctx context.Context, b remote.Become) (tasks.Shell, error)
	// DialContext connects from the host: "tcp" and an address as the host sees it, or "unix" and a path there. ctx is
	// for the dialling alone. A port that nobody listens on is a syscall.ECONNREFUSED.
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
	// Stats returns what the connection cost so far. It may be asked for after Close.
	Stats() remote.Stats
	// Done is closed when the connection is gone, for whatever reason, Close included.
	Done() <-chan struct{}
	// Close ends the connection with its shells, what was dialled through it, and the lock on the host. A second Close
	// does nothing.
	Close() error
}

// SSH connects to a host as remote.Connect does, whose errors it returns.
func SSH(ctx context.Context, c remote.Config) (Connection, error) {
	h, err := remote.Connect(ctx, c)
	if err != nil {
		return nil, err
	}
	return sshConnection{h}, nil
}

type sshConnection struct{ *remote.Host }

func (c sshConnection) Lock(ctx context.Context, r remote.LockRequest) (Held, error) {
	l, err := c.Host.Lock(ctx, r)
	if err != nil {
		return nil, err
	}
	return l, nil
}

func (c sshConnection) Shell(ctx context.Context, b remote.Become) (tasks.Shell, error) {
	s, err := c.Host.Shell(ctx, b)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// link is the way to one host as one user: at most one connection at a time, and what is kept on it.
type link struct {
	ss     *Sessions
	name   string
	local  bool
	config remote.Config

	turn chan struct{} // holds a token while nobody connects
	mu   sync.Mutex
	conn Connection
	past remote.Stats // of connections that were lost
	kept map[string]*kept
	// failed and until keep many tasks from each waiting for a host that has just not answered.
	failed error
	until  time.Time
}

// refusal is for how long a host that could not be reached is not tried again for the sake of other hosts.
const refusal = 15 * time.Second

// secondTry is for how long a host that could not be reached may take to answer at all when it is tried again: one that is
// back answers at once, and a run with a dead host tries it many times.
const secondTry = 3 * time.Second

type kept struct {
	once  sync.Once
	value any
	err   error
}

// get returns the connection, made when there is none or the last one was lost.
func (l *link) get(ctx context.Context) (Connection, error) {
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if c := l.standing(); c != nil {
		return c, nil
	}
	connect := l.ss.o.Connect
	if l.local {
		connect = connectLocal
	}
	l.mu.Lock()
	config := l.config
	if l.failed != nil {
		config.DialTimeout = secondTry
	}
	l.mu.Unlock()
	c, err := connect(ctx, config)
	l.mu.Lock()
	l.failed, l.until = err, time.Now().Add(refusal)
	if err == nil {
		l.conn, l.failed = c, nil
	}
	l.mu.Unlock()
	if err != nil {
		return nil, err
	}
	l.ss.o.Emit(event.HostConnected{Time: time.Now(), Host: l.name, Address: c.Address()})
	return c, nil
}

// standing returns the connection if it still stands, and clears away one that does not.
func (l *link) standing() Connection {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn == nil {
		return nil
	}
	select {
	case <-l.conn.Done():
		l.drop()
		return nil
	default:
		return l.conn
	}
}

// drop forgets the connection and what was kept on it. l.mu is held.
func (l *link) drop() {
	if l.conn == nil {
		return
	}
	for _, k := range l.kept {
		if c, ok := k.value.(io.Closer); ok {
			_ = c.Close()
		}
	}
	l.kept = map[string]*kept{}
	_ = l.conn.Close()
	l.past = sum(l.past, l.conn.Stats())
	l.conn = nil
}

// hurry bounds how long one try to connect may take.
func (l *link) hurry(limit time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.config.ConnectTimeout == 0 || l.config.ConnectTimeout > limit {
		l.config.ConnectTimeout = limit
	}
}

func (l *link) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drop()
}

// refused returns why the host could not be reached a moment ago, nil when it may be tried.
func (l *link) refused() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed != nil && time.Now().Before(l.until) {
		return l.failed
	}
	return nil
}

func sum(a, b remote.Stats) remote.Stats {
	return remote.Stats{
		Handshakes: a.Handshakes + b.Handshakes, RoundTrips: a.RoundTrips + b.RoundTrips, Sessions: a.Sessions + b.Sessions,
		BytesSent: a.BytesSent + b.BytesSent, BytesReceived: a.BytesReceived + b.BytesReceived,
	}
}

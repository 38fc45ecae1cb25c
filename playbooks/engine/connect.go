package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"sync"
	"time"

	"github.com/polarbook/polarbook/playbooks/engine/event"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
)

// Connection is a host that has been reached. Its methods may be called from several goroutines. When the host is lost,
// Done is closed and what is under way returns a *remote.UnreachableError.
type Connection interface {
	// Address is what was connected to, for people.
	Address() string
	// User is the one who is logged in.
	User() string
	Shell(ctx context.Context, b remote.Become) (tasks.Shell, error)
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
	Stats() remote.Stats
	Done() <-chan struct{}
	Close() error
}

// SSH connects with tasks/remote.
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
	r      *run
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

// refusal is how long a host that could not be reached is not tried again for the sake of other hosts.
const refusal = 15 * time.Second

// secondTry is how long a host that could not be reached may take to answer at all when it is tried again: one that is
// back answers at once, and a run with a dead host tries it many times.
const secondTry = 3 * time.Second

type kept struct {
	once  sync.Once
	value any
	err   error
}

// link finds the way to a host from its connection variables.
func (r *run) link(v *variables) (*link, error) {
	c, local, err := r.config(v)
	if err != nil {
		return nil, err
	}
	key := fmt.Sprintf("%s\x00%v\x00%s\x00%d\x00%s\x00%s", v.h.name, local, c.Address, c.Port, c.User, c.ProxyJump)
	r.mu.Lock()
	defer r.mu.Unlock()
	l, ok := r.links[key]
	if !ok {
		l = &link{r: r, name: v.h.name, local: local, config: c, turn: make(chan struct{}, 1), kept: map[string]*kept{}}
		r.links[key] = l
	}
	return l, nil
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
	connect := l.r.o.Connect
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
	l.r.events.Emit(event.HostConnected{Time: time.Now(), Host: l.name, Address: c.Address()})
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

// refused is why the host could not be reached a moment ago, nil when it may be tried.
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

// closeAll ends every connection, at once, and puts what they cost into the recaps.
func (r *run) closeAll() {
	r.mu.Lock()
	links := make([]*link, 0, len(r.links))
	for _, l := range r.links {
		links = append(links, l)
	}
	r.mu.Unlock()
	var all sync.WaitGroup
	for _, l := range links {
		all.Go(l.reset)
	}
	all.Wait()
	for _, l := range links {
		h, ok := r.host(l.name)
		if !ok {
			continue
		}
		h.mu.Lock()
		h.recap.Handshakes += l.past.Handshakes
		h.recap.RoundTrips += l.past.RoundTrips
		h.recap.Sessions += l.past.Sessions
		h.recap.BytesSent += l.past.BytesSent
		h.recap.BytesReceived += l.past.BytesReceived
		h.mu.Unlock()
	}
}

// connectAll opens the connections of a play's hosts before its first task, so that all that is wrong with reaching
// them is said at once, and unknown host keys are asked about once.
func (p *playRun) connectAll(ctx context.Context, hosts []*host) {
	if p.r.stopped(ctx) {
		return
	}
	early := map[*host]error{}
	var wanted []reach
	for _, h := range hosts {
		if err := h.takeEarly(); err != nil {
			early[h] = err
			continue
		}
		wanted = append(wanted, reach{p, h})
	}
	failures := p.r.reachAll(ctx, wanted)
	for h, err := range failures {
		h.keepEarly(err) // for its first task, where that comes all the same
	}
	maps.Copy(failures, early)
	for _, h := range hosts {
		if err := failures[h]; err != nil {
			p.lost(ctx, h, err)
		}
	}
}

// reach is a host as a play reaches it.
type reach struct {
	p *playRun
	h *host
}

// reachAll connects to hosts, asks once about all unknown keys, and returns why it could not be, by host.
func (r *run) reachAll(ctx context.Context, wanted []reach) map[*host]error {
	failures := r.tryAll(ctx, wanted)
	var unknown []*remote.UnknownHostKeyError
	var again []reach
	for _, w := range wanted {
		var u *remote.UnknownHostKeyError
		if errors.As(failures[w.h], &u) {
			unknown, again = append(unknown, u), append(again, w)
		}
	}
	if len(unknown) == 0 || r.o.UnknownKeys == nil {
		return failures
	}
	r.prompts.Lock()
	err := r.o.UnknownKeys(ctx, unknown)
	r.prompts.Unlock()
	if err != nil {
		for _, w := range again {
			failures[w.h] = &remote.UnreachableError{Host: w.h.name, Doing: "verifying its host key", Err: err}
		}
		return failures
	}
	for _, w := range again {
		delete(failures, w.h)
	}
	maps.Copy(failures, r.tryAll(ctx, again))
	return failures
}

// tryAll connects to all at once and returns why it could not be, by host.
func (r *run) tryAll(ctx context.Context, wanted []reach) map[*host]error {
	var mu sync.Mutex
	failures := map[*host]error{}
	var all sync.WaitGroup
	for _, w := range wanted {
		r.forks <- struct{}{}
		all.Go(func() {
			defer func() { <-r.forks }()
			err := w.p.reach(ctx, w.h)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failures[w.h] = err
			}
		})
	}
	all.Wait()
	return failures
}

func (p *playRun) reach(ctx context.Context, h *host) error {
	v, err := p.vars(h, p.scope, nil)
	if err != nil {
		return err
	}
	l, err := p.r.link(v)
	if err != nil {
		return err
	}
	_, err = l.get(ctx)
	return err
}

// lost says that a host could not be reached before the play's first task.
func (p *playRun) lost(ctx context.Context, h *host, err error) {
	if p.r.stopped(ctx) {
		h.wait("Connecting")
		return
	}
	status := event.Unreachable
	if v, verr := p.vars(h, p.scope, nil); verr == nil {
		if ignore, ierr := v.boolean(p.scope.keyword(ignoreUnreachable), false); ierr == nil && ignore {
			status = event.Ignored
		}
	}
	var u *remote.UnreachableError
	var k *remote.UnknownHostKeyError
	var c *remote.ChangedHostKeyError
	if !errors.As(err, &u) && !errors.As(err, &k) && !errors.As(err, &c) && status == event.Unreachable {
		status = event.Failed // a mistake in its variables
	}
	h.count(status, false)
	p.r.events.Emit(event.HostDone{Time: time.Now(), Host: h.name, Status: status, Msg: err.Error(), Values: map[string]any{
		"unreachable": status != event.Failed, "failed": status == event.Failed, "changed": false, "msg": err.Error()}})
	switch status {
	case event.Unreachable:
		h.become(unreachable)
	case event.Failed:
		h.become(failed)
	}
}

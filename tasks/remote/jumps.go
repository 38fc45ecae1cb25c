package remote

import (
	"context"
	"errors"
	"net"
	"sync"

	"golang.org/x/crypto/ssh"
)

// Jumps are the connections to jump hosts that the hosts of a run share: one to each, however many hosts are behind it. A
// jump host with one connection a host would refuse most of them (MaxStartups) and ask each of them for a login. Its
// methods may be called from several goroutines.
type Jumps struct {
	mu   sync.Mutex
	open map[string]*jump
}

// jump is one connection, or the attempt to make it.
type jump struct {
	made   chan struct{} // closed once client or err is set
	client *ssh.Client
	end    func() // closes it, and gives up what leads to it
	err    error
	users  int
}

// NewJumps returns an empty set.
func NewJumps() *Jumps { return &Jumps{open: map[string]*jump{}} }

// lostJumpError is a connection to a jump host that had ended when it was used, as one does that others made and that is
// not known to be lost yet.
type lostJumpError struct{ error }

func (e *lostJumpError) Unwrap() error { return e.error }

// to returns what dials from a jump host, over a connection that it makes by connect unless there is one by that way. Whoever
// comes while it is being made waits for it, and shares its failure. The connection is closed when all who got it have called
// leave; one that was lost is made anew for the next who asks, and one that could not be made too, unless the jump host said no
// to who logs in: it is not asked again. Dialling over one that was lost is a *lostJumpError, and the next who asks gets
// another. A nil Jumps shares nothing. connect also returns what ends the connection; nothing of it is left when it fails.
func (j *Jumps) to(ctx context.Context, way string, connect func() (*ssh.Client, func(), error)) (
	dial dialFunc, leave func(), err error,
) {
	if j == nil {
		client, end, err := connect()
		if err != nil {
			return nil, nil, err
		}
		return client.DialContext, end, nil
	}
	for {
		j.mu.Lock()
		k := j.open[way]
		if k == nil {
			k = &jump{made: make(chan struct{}), users: 1}
			j.open[way] = k
			j.mu.Unlock()
			k.client, k.end, k.err = connect()
			var refused *refusedError
			switch {
			case errors.As(k.err, &refused): // it would refuse each of the hosts behind it, and count that
			case k.err != nil:
				j.forget(way, k)
			default:
				go func() {
					_ = k.client.Wait()
					j.forget(way, k)
				}()
			}
			close(k.made)
			return j.over(way, k), func() { j.leave(way, k) }, k.err
		}
		k.users++
		j.mu.Unlock()
		select {
		case <-k.made:
		case <-ctx.Done():
			j.leave(way, k)
			return nil, nil, ctx.Err()
		}
		if k.err == nil {
			return j.over(way, k), func() { j.leave(way, k) }, nil
		}
		if !errors.Is(k.err, context.Canceled) || ctx.Err() != nil {
			return nil, nil, k.err
		}
		// Whoever tried was told to stop. That is no answer for others.
	}
}

// over dials from the jump host over one connection to it.
func (j *Jumps) over(way string, k *jump) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := k.client.DialContext(ctx, network, address)
		var answer *ssh.OpenChannelError
		if err == nil || ctx.Err() != nil || errors.As(err, &answer) {
			return conn, err
		}
		j.forget(way, k)
		return nil, &lostJumpError{err}
	}
}

// forget has the next who asks for that way connect anew.
func (j *Jumps) forget(way string, k *jump) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.open[way] == k {
		delete(j.open, way)
	}
}

// leave gives up a share, and closes what nobody uses any more.
func (j *Jumps) leave(way string, k *jump) {
	j.mu.Lock()
	k.users--
	last := k.users == 0
	if last && j.open[way] == k {
		delete(j.open, way)
	}
	j.mu.Unlock()
	if !last {
		return
	}
	end := func() {
		<-k.made
		if k.err == nil {
			k.end()
		}
	}
	select {
	case <-k.made:
		end()
	default: // it is still being made, and closed when it has been
		go end()
	}
}

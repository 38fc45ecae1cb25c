package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Delay puts rtt, there and back, between whoever uses [Host.ProxyAddress] and the host. Bytes keep their order
// and their rate: a long way, not a narrow one. Opening a connection takes its round trip too. Calling it again
// changes rtt for what is sent from then on.
func (h *Host) Delay(rtt time.Duration) error {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if h.proxy == nil {
		proxy, err := newDelayProxy(net.JoinHostPort(h.Address, "22"))
		if err != nil {
			return fmt.Errorf("delay the way to %s: %w", h.Name, err)
		}
		h.proxy = proxy
		if err := h.addKnownAddress(proxy.listener.Addr().(*net.TCPAddr)); err != nil {
			return fmt.Errorf("delay the way to %s: %w", h.Name, err)
		}
	}
	h.proxy.rtt.Store(int64(rtt))
	return nil
}

// ProxyAddress returns the address and port at which the host's sshd is reached: its own, or, once Delay was
// called, that of the longer way. Both are in [Lab.KnownHosts].
func (h *Host) ProxyAddress() string {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if h.proxy == nil {
		return net.JoinHostPort(h.Address, "22")
	}
	return h.proxy.listener.Addr().String()
}

func (h *Host) addKnownAddress(address *net.TCPAddr) error {
	file, err := os.OpenFile(h.lab.KnownHosts(), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(file, "[%s]:%d%s\n", address.IP, address.Port, h.HostKey[len(h.Address):])
	return errors.Join(err, file.Close())
}

func (h *Host) closeProxy() {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if h.proxy != nil {
		h.proxy.close()
		h.proxy = nil
	}
}

// delayProxy passes TCP connections on to one address, all bytes rtt/2 late in each direction.
type delayProxy struct {
	listener net.Listener
	target   string
	rtt      atomic.Int64 // nanoseconds
	context  context.Context
	cancel   context.CancelFunc
	running  sync.WaitGroup
}

func newDelayProxy(target string) (*delayProxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &delayProxy{listener: listener, target: target}
	p.context, p.cancel = context.WithCancel(context.Background())
	p.running.Go(p.accept)
	return p, nil
}

func (p *delayProxy) close() {
	p.cancel()
	_ = p.listener.Close()
	p.running.Wait()
}

func (p *delayProxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() { p.serve(client.(*net.TCPConn)) })
	}
}

func (p *delayProxy) serve(client *net.TCPConn) {
	defer func() { _ = client.Close() }()
	// The far end knows of a connection when the third packet of the handshake reaches it, one and a half
	// round trips after the first was sent.
	rtt := time.Duration(p.rtt.Load())
	if !p.sleep(rtt + rtt/2) {
		return
	}
	dialer := net.Dialer{Timeout: 30 * time.Second}
	connection, err := dialer.DialContext(p.context, "tcp", p.target)
	if err != nil {
		_ = client.SetLinger(0)
		return
	}
	server := connection.(*net.TCPConn)
	defer func() { _ = server.Close() }()
	// Blocked reads and writes end when the sockets are closed under them.
	stop := context.AfterFunc(p.context, func() { _, _ = client.Close(), server.Close() })
	defer stop()
	var both sync.WaitGroup
	both.Go(func() { p.pass(server, client) })
	both.Go(func() { p.pass(client, server) })
	both.Wait()
}

// pass moves bytes one way until either end is done. What is under way is bounded by the queue: 1,024 pieces
// of at most 32 KiB, more than 300 MB/s need at a round trip of 100 ms.
func (p *delayProxy) pass(to, from *net.TCPConn) {
	type piece struct {
		bytes []byte
		due   time.Time
	}
	queue := make(chan piece, 1024)
	gone := make(chan struct{}) // closed when nobody takes from the queue any more
	var reader sync.WaitGroup
	reader.Go(func() {
		defer close(queue)
		for {
			buffer := make([]byte, 32<<10)
			n, err := from.Read(buffer)
			next := piece{buffer[:n], time.Now().Add(time.Duration(p.rtt.Load()) / 2)}
			if errors.Is(err, io.EOF) {
				next.bytes = nil // stands for the end, which takes as long as the bytes before it
			} else if err != nil {
				return
			}
			select {
			case queue <- next:
			case <-gone:
				return
			}
			if err != nil {
				return
			}
		}
	})
	defer reader.Wait()
	defer close(gone)
	for next := range queue {
		if !p.sleep(time.Until(next.due)) {
			return
		}
		if next.bytes == nil {
			_ = to.CloseWrite()
			return
		}
		if _, err := to.Write(next.bytes); err != nil {
			_ = from.Close()
			return
		}
	}
	// The connection broke: so does the other half, at once, as with a packet that says so.
	_ = to.SetLinger(0)
	_ = to.Close()
}

func (p *delayProxy) sleep(d time.Duration) bool {
	if d <= 0 {
		return p.context.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-p.context.Done():
		return false
	}
}

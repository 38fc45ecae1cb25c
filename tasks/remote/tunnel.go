package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/crypto/ssh"
)

// ErrNoForwarding means that the host's sshd forwards no connections of that kind.
var ErrNoForwarding = errors.New("sshd does not forward")

// DialContext connects from the host to an address: network "tcp" to host:port as
// the host sees it, "unix" to the path of a socket there, with the rights of the
// one who is logged in. Deadlines of the connection work, which those of a bare SSH
// channel do not. A port nobody listens on is a syscall.ECONNREFUSED, an sshd that forbids
// forwarding an ErrNoForwarding.
func (h *Host) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	kind, extra, remote, err := tunnelRequest(network, address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", h.Name(), err)
	}
	channel, requests, err := h.openChannel(ctx, kind, extra)
	if err != nil {
		return nil, h.tunnelError(network, address, err)
	}
	go ssh.DiscardRequests(requests)
	go func() { _, _ = io.Copy(io.Discard, channel.Stderr()) }()
	ours, theirs := net.Pipe()
	t := &tunnel{Conn: ours, host: h, remote: remote}
	go t.forward(channel, theirs)
	return t, nil
}

func tunnelRequest(network, address string) (kind string, extra []byte, remote net.Addr, err error) {
	switch network {
	case "tcp", "tcp4", "tcp6":
		host, p, err := net.SplitHostPort(address)
		if err != nil {
			return "", nil, nil, err
		}
		port, err := strconv.ParseUint(p, 10, 16)
		if err != nil {
			return "", nil, nil, fmt.Errorf("%q is not a port number", p)
		}
		// RFC 4254, 7.2
		return "direct-tcpip", ssh.Marshal(struct {
			Host       string
			Port       uint32
			OriginHost string
			OriginPort uint32
		}{host, uint32(port), "127.0.0.1", 0}), tunnelAddress{network, address}, nil
	case "unix":
		// PROTOCOL of OpenSSH, 2.4
		return "direct-streamlocal@openssh.com", ssh.Marshal(struct {
			Path     string
			Reserved string
			Zero     uint32
		}{address, "", 0}), tunnelAddress{network, address}, nil
	}
	return "", nil, nil, fmt.Errorf("a tunnel of network %q is not possible, only tcp and unix", network)
}

func (h *Host) tunnelError(network, address string, err error) error {
	var refused *ssh.OpenChannelError
	if !errors.As(err, &refused) {
		return err
	}
	switch {
	case refused.Reason == ssh.Prohibited:
		return fmt.Errorf("%s: %w to %s %s: set AllowTcpForwarding and AllowStreamLocalForwarding to yes in its sshd_config: %w",
			h.Name(), ErrNoForwarding, network, address, err)
	case refused.Reason == ssh.ConnectionFailed && network == "unix":
		// sshd does not tell which it is.
		return fmt.Errorf("%s: no answer on the socket %s: it is not there, nobody listens on it, or %s may not use it: %w (%s)",
			h.Name(), address, h.User(), syscall.ECONNREFUSED, refused.Message)
	case refused.Reason == ssh.ConnectionFailed && portRefused(refused):
		return fmt.Errorf("%s: connect from the host to %s: %w", h.Name(), address, syscall.ECONNREFUSED)
	}
	return fmt.Errorf("%s: forward to %s %s: %w", h.Name(), network, address, err)
}

// tunnel is a connection through the host. net.Pipe brings deadlines that
// interrupt; two goroutines carry the bytes between it and the channel.
type tunnel struct {
	net.Conn
	host   *Host
	remote net.Addr
	mu     sync.Mutex
	closed bool
}

func (t *tunnel) forward(channel ssh.Channel, theirs net.Conn) {
	go func() {
		_, _ = io.Copy(channel, theirs)
		channel.Close()
	}()
	_, _ = io.Copy(theirs, channel)
	theirs.Close()
}

func (t *tunnel) Read(b []byte) (int, error) {
	n, err := t.Conn.Read(b)
	return n, t.blame(err)
}

func (t *tunnel) Write(b []byte) (int, error) {
	n, err := t.Conn.Write(b)
	return n, t.blame(err)
}

// blame returns the loss of the host where a tunnel ended because of that.
func (t *tunnel) blame(err error) error {
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrClosedPipe) {
		return err
	}
	t.mu.Lock()
	closed := t.closed
	t.mu.Unlock()
	if closed {
		return net.ErrClosed
	}
	if lost := t.host.Err(); lost != nil {
		return lost
	}
	return err
}

func (t *tunnel) Close() error {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	return t.Conn.Close()
}

func (t *tunnel) LocalAddr() net.Addr  { return tunnelAddress{t.remote.Network(), t.host.Name()} }
func (t *tunnel) RemoteAddr() net.Addr { return t.remote }

type tunnelAddress struct{ network, address string }

func (a tunnelAddress) Network() string { return a.network }
func (a tunnelAddress) String() string  { return a.address }

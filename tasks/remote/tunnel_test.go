package remote

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// echo serves a listener by sending back what comes.
func echo(t testing.TB, network, address string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.Copy(c, c)
			}()
		}
	}()
	return l
}

func TestTunnel(t *testing.T) {
	t.Parallel()
	h := startSSHD(t).connect(t)
	socket := filepath.Join(t.TempDir(), "s")
	tcp := echo(t, "tcp", "127.0.0.1:0")
	echo(t, "unix", socket)
	for _, c := range []struct{ network, address string }{{"tcp", tcp.Addr().String()}, {"unix", socket}} {
		conn, err := h.DialContext(testContext(t), c.network, c.address)
		if err != nil {
			t.Fatal(err)
		}
		if conn.RemoteAddr().Network() != c.network || conn.RemoteAddr().String() != c.address {
			t.Errorf("remote address %v", conn.RemoteAddr())
		}
		want := bytes.Repeat([]byte("0123456789"), 500_000)
		go conn.Write(want)
		got := make([]byte, len(want))
		if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %v", c.network, err)
		}

		// A deadline interrupts a read that waits, and can be taken back.
		go func() {
			time.Sleep(20 * time.Millisecond)
			conn.SetDeadline(time.Now())
		}()
		_, err = conn.Read(got)
		var timeout net.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: read past the deadline: %v", c.network, err)
		}
		conn.SetDeadline(time.Time{})
		if _, err := conn.Write([]byte("x")); err != nil {
			t.Errorf("%s: write after the deadline was taken back: %v", c.network, err)
		}
		if n, err := conn.Read(got); n != 1 || err != nil {
			t.Errorf("%s: read after the deadline was taken back: %d %v", c.network, n, err)
		}
		conn.Close()
		if _, err := conn.Read(got); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: read after close: %v", c.network, err)
		}
	}
}

func TestTunnelWritesBeforeCloseArrive(t *testing.T) {
	t.Parallel()
	h := startSSHD(t).connect(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := h.DialContext(testContext(t), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	conn.Write([]byte("goodbye"))
	conn.Close()
	got, err := io.ReadAll(c)
	if string(got) != "goodbye" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestTunnelErrors(t *testing.T) {
	t.Parallel()
	h := startSSHD(t, "AllowStreamLocalForwarding no").connect(t)
	if _, err := h.DialContext(testContext(t), "tcp", "127.0.0.1:1"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("closed port: %v", err)
	}
	if _, err := startSSHD(t).connect(t).DialContext(testContext(t), "unix", "/nonexistent"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("no socket: %v", err)
	}
	started := time.Now()
	for _, c := range []struct{ network, address string }{{"udp", "x:1"}, {"tcp", "nope"}, {"tcp", "x:99999"}, {"unix", "/nonexistent"}} {
		if _, err := h.DialContext(testContext(t), c.network, c.address); err == nil {
			t.Errorf("%v was dialled", c)
		}
	}
	if took := time.Since(started); took > openPatience/2 {
		t.Errorf("refused tunnels were asked for again, for %s", took)
	}
}

func TestTunnelEndsWithTheHost(t *testing.T) {
	t.Parallel()
	h := startSSHD(t).connect(t)
	l := echo(t, "tcp", "127.0.0.1:0")
	conn, err := h.DialContext(testContext(t), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	h.conn.Close()
	_, err = conn.Read(make([]byte, 1))
	var lost *UnreachableError
	if !errors.As(err, &lost) {
		// The channel may be seen to end before the connection.
		<-h.Done()
		if _, err = conn.Read(make([]byte, 1)); !errors.As(err, &lost) {
			t.Errorf("got error %v", err)
		}
	}
}

package lab

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// A connection through the proxy takes its round trips, keeps every byte in its place, passes the end of one
// direction on while the other still flows, and is not slowed down: ten times what is in one round trip's
// worth of pieces takes nowhere near ten round trips.
func TestDelayProxy(t *testing.T) {
	target := echoServer(t)
	proxy, err := newDelayProxy(target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.close)
	const rtt = 200 * time.Millisecond
	proxy.rtt.Store(int64(rtt))

	started := time.Now()
	connection := dial(t, proxy)
	sent := make([]byte, 8<<20)
	_, _ = rand.Read(sent)
	go func() {
		_, _ = connection.Write(sent)
		_ = connection.CloseWrite()
	}()
	received := make([]byte, 1)
	if _, err := io.ReadFull(connection, received); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(started); took < 2*rtt {
		t.Errorf("the first byte came back after %s; opening takes one round trip of %s and the byte another", took, rtt)
	}
	rest, err := io.ReadAll(connection)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(append(received, rest...), sent) {
		t.Error("what came back is not what was sent")
	}
}

func TestDelayProxyRefusesWhatTheTargetRefuses(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	target := closed.Addr().String()
	_ = closed.Close()
	proxy, err := newDelayProxy(target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.close)
	connection, err := net.DialTimeout("tcp", proxy.listener.Addr().String(), 10*time.Second)
	if err != nil {
		return // broken before this end was done opening it
	}
	defer func() { _ = connection.Close() }()
	_ = connection.SetDeadline(time.Now().Add(30 * time.Second))
	_, err = connection.Read(make([]byte, 1))
	var timeout net.Error
	if err == nil || err == io.EOF || errors.As(err, &timeout) && timeout.Timeout() {
		t.Errorf("reading ends with %v; want a broken connection", err)
	}
}

// Closing the proxy ends what runs through it, or a test that fails half-way would hang in its clean-up.
func TestDelayProxyCloses(t *testing.T) {
	proxy, err := newDelayProxy(echoServer(t))
	if err != nil {
		t.Fatal(err)
	}
	connection := dial(t, proxy)
	if _, err := connection.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(connection, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	proxy.close()
	if _, err := connection.Read(make([]byte, 1)); err == nil {
		t.Error("read from a connection whose proxy was closed")
	}
}

func dial(t *testing.T, proxy *delayProxy) *net.TCPConn {
	t.Helper()
	connection, err := net.DialTimeout("tcp", proxy.listener.Addr().String(), 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	_ = connection.SetDeadline(time.Now().Add(30 * time.Second))
	return connection.(*net.TCPConn)
}

func echoServer(t *testing.T) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(connection, connection)
				_ = connection.Close()
			}()
		}
	}()
	return listener.Addr().String()
}

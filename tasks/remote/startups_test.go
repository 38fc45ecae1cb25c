package remote

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

func TestADroppedConnectionIsTriedAgain(t *testing.T) {
	t.Parallel()
	server := (&fakeServer{}).start(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	relay := startRelay(t, server.port)
	tries := 0
	go func() { // as MaxStartups drops: the first two get nothing
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if tries++; tries <= 2 {
				c.Close()
				continue
			}
			to, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(relay.port)))
			if err != nil {
				return
			}
			go relay.carry(c, to)
			go relay.carry(to, c)
		}
	}()
	c := server.config()
	c.Port = l.Addr().(*net.TCPAddr).Port
	c.Keys = HostKeyCheck{Mode: ModeOff}
	connect(t, c)
	if tries != 3 {
		t.Errorf("%d tries", tries)
	}
}

// A host that is not up yet is called again as often as the configuration says, and no more.
func TestAHostThatDoesNotAnswerIsCalledAgain(t *testing.T) {
	t.Parallel()
	server := (&fakeServer{}).start(t)
	relay := startRelay(t, server.port)
	c := server.config()
	c.Keys = HostKeyCheck{Mode: ModeOff}
	// A port without a listener refuses; one comes up at it when the host was called twice.
	c.Port = freePort(t)
	var refused *UnreachableError
	if _, err := Connect(testContext(t), c); !errors.As(err, &refused) {
		t.Fatalf("got %v", err)
	}
	up := make(chan net.Listener, 1)
	time.AfterFunc(300*time.Millisecond, func() {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(c.Port)))
		if err != nil {
			t.Error(err)
		}
		up <- l
		for err == nil {
			var from, to net.Conn
			if from, err = l.Accept(); err != nil {
				return
			}
			if to, err = net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(relay.port))); err != nil {
				return
			}
			go relay.carry(from, to)
			go relay.carry(to, from)
		}
	})
	c.Retries = 5
	connect(t, c)
	(<-up).Close()
}

func TestAFingerprintOfAnyTypeIsFound(t *testing.T) {
	t.Parallel()
	one, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, two, _ := ed25519.GenerateKey(rand.Reader)
	var keys []ssh.Signer
	for _, k := range []crypto.Signer{one, two} {
		s, err := ssh.NewSignerFromSigner(k)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, s)
	}
	server := (&fakeServer{hostKeys: keys}).start(t)
	for _, k := range keys {
		c := server.config()
		c.Keys = HostKeyCheck{Pinned: []string{ssh.FingerprintSHA256(k.PublicKey())}, SystemFiles: []string{}}
		connect(t, c)
	}
	c := server.config()
	c.Keys = HostKeyCheck{Pinned: []string{"SHA256:AAAA"}, SystemFiles: []string{}}
	if _, err := Connect(testContext(t), c); err == nil {
		t.Error("a wrong pin is believed")
	}
}

func TestAWrongBecomePasswordIsUsedOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	bin := fakeProgram(t, "sudo", strings.Replace(fakeSudo, "\n", "\necho x >>"+dir+"/out\n", 1))
	h := connect(t, (&fakeServer{bin: bin}).start(t).config())
	for range 3 {
		if _, err := h.Shell(testContext(t), Become{Method: "sudo", Password: "wrong"}); err == nil {
			t.Fatal("become")
		}
	}
	if n := size(dir); n != 2 {
		t.Errorf("sudo was run %d times", n/2)
	}
}

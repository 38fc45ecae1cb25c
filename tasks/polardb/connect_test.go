package polardb

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/tasks/script"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

// trap is a server that asks for a proof and keeps everything that it is told.
type trap struct {
	listener net.Listener
	ask      pgproto3.BackendMessage
	mu       sync.Mutex
	heard    bytes.Buffer
}

func newTrap(t *testing.T, network, address string, ask pgproto3.BackendMessage) *trap {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	p := &trap{listener: l, ask: ask}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(conn)
		}
	}()
	return p
}

func (p *trap) serve(conn net.Conn) {
	defer conn.Close()
	b := pgproto3.NewBackend(conn, conn)
	if _, err := b.ReceiveStartupMessage(); err != nil {
		return
	}
	b.Send(p.ask)
	if b.Flush() != nil {
		return
	}
	buffer := make([]byte, 4096)
	for {
		n, err := conn.Read(buffer)
		p.mu.Lock()
		p.heard.Write(buffer[:n])
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// dialHost counts the connections made from it. Others on this machine may try the port that a trap got from the system.
type dialHost struct {
	*taskstest.LocalHost
	dials map[string]int // by network
}

func (h dialHost) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	h.dials[network]++
	return h.LocalHost.Dial(ctx, network, address)
}

func (p *trap) told() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.heard.String()
}

func (p *trap) port() int { return p.listener.Addr().(*net.TCPAddr).Port }

func me(t *testing.T) string {
	t.Helper()
	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	return u.Username
}

var requests = map[string]pgproto3.BackendMessage{
	"password": &pgproto3.AuthenticationCleartextPassword{}, dma.MD5: &pgproto3.AuthenticationMD5Password{Salt: [4]byte{1, 2, 3, 4}},
	dma.Nothing: &pgproto3.AuthenticationOk{},
}

// Somebody else's listener is not even connected to.
func TestAForeignListenerIsToldNothing(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		for asks, request := range requests {
			p := newTrap(t, "tcp4", "127.0.0.1:0", request)
			host := dialHost{h, map[string]int{}}
			c := &ClusterArgs{LoginUser: "polardb", LoginPassword: "canary", LoginDB: "postgres"}
			for _, account := range []string{"daemon", "no-such-account"} {
				_, err := c.connect(t.Context(), host, WantedNode{Name: "node1", Address: dma.Address{Host: "10.0.0.1", Port: p.port()},
					User: account, Pgdata: dir, Socket: dir})
				var failure *tasks.Failure
				if !errors.As(err, &failure) || !strings.Contains(err.Error(), "nothing was sent to it") {
					t.Errorf("%s, account %s: %v", asks, account, err)
				}
			}
			if heard := p.told(); host.dials["tcp"] != 0 || heard != "" {
				t.Errorf("%s: connections %v, told %q", asks, host.dials, heard)
			}
		}
	})
}

// A listener of the engine's account is told nothing that it may not ask for: in clear never, and by md5 or not at all only
// as its pg_hba.conf says.
func TestAServerIsToldOnlyWhatItMayAskFor(t *testing.T) {
	h, dir := &taskstest.LocalHost{Words: taskstest.Shells()[0]}, t.TempDir()
	for _, c := range []struct {
		asks, hba string
		told      bool
	}{
		{"password", "host all all 127.0.0.1/32 password\n", false},
		{dma.MD5, "host all all 127.0.0.1/32 scram-sha-256\nhost all all all md5\n", false},
		{dma.MD5, "", false},
		{dma.MD5, "local all all md5\nhost all other 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 md5\n", true},
		{dma.Nothing, "host all all 127.0.0.1/32 scram-sha-256\n", false},
	} {
		if err := os.WriteFile(filepath.Join(dir, "pg_hba.conf"), []byte(c.hba), 0o600); err != nil {
			t.Fatal(err)
		}
		p := newTrap(t, "tcp4", "127.0.0.1:0", requests[c.asks])
		ctx, cancel := context.WithCancel(t.Context())
		args := &ClusterArgs{LoginUser: "polardb", LoginPassword: "canary", LoginDB: "postgres"}
		done := make(chan error)
		go func() {
			_, err := args.connect(ctx, h, WantedNode{Name: "node1", Address: dma.Address{Host: "10.0.0.1", Port: p.port()}, User: me(t),
				Pgdata: dir})
			done <- err
		}()
		if c.told {
			for {
				if heard := p.told(); heard != "" {
					break
				}
				time.Sleep(time.Millisecond)
			}
			cancel()
		}
		err := <-done
		cancel()
		if heard := p.told(); (heard != "") != c.told || strings.Contains(heard, "canary") || err == nil {
			t.Errorf("asked for %s with %q: told %q, %v", c.asks, c.hba, heard, err)
		}
	}
}

// The socket comes first, and it too has to ask for SCRAM.
func TestTheSocketComesFirst(t *testing.T) {
	h, dir := dialHost{&taskstest.LocalHost{Words: taskstest.Shells()[0]}, map[string]int{}}, t.TempDir()
	tcp := newTrap(t, "tcp4", "127.0.0.1:0", requests[dma.MD5])
	socket := newTrap(t, "unix", dma.SocketName(dir, tcp.port()), requests["password"])
	args := &ClusterArgs{LoginUser: "polardb", LoginPassword: "canary", LoginDB: "postgres"}
	_, err := args.connect(t.Context(), h, WantedNode{Name: "node1", Address: dma.Address{Host: "10.0.0.1", Port: tcp.port()},
		User: me(t), Pgdata: dir, Socket: dir})
	if err == nil || !strings.Contains(err.Error(), "the password in clear") {
		t.Errorf("%v", err)
	}
	if heard := socket.told(); h.dials["unix"] != 1 || len(h.dials) != 1 || heard != "" {
		t.Errorf("connections %v; the socket was told %q", h.dials, heard)
	}
}

func TestNobodyListening(t *testing.T) {
	h := &taskstest.LocalHost{Words: taskstest.Shells()[0]}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	args := &ClusterArgs{LoginUser: "polardb", LoginDB: "postgres"}
	for _, account := range []string{me(t), "no-such-account"} {
		_, err := args.connect(t.Context(), h, WantedNode{Name: "node1", Address: dma.Address{Host: "10.0.0.1", Port: port}, User: account})
		if !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%s: %v", account, err)
		}
	}
}

func TestForeignListener(t *testing.T) {
	at := netip.MustParseAddrPort("127.0.0.1:5432")
	for name, c := range map[string]struct {
		list    []script.OwnedConnection
		foreign bool
	}{
		"the engine's": {[]script.OwnedConnection{{Connection: script.Connection{Local: "0.0.0.0",
			Remote: "0.0.0.0", Port: 5432, State: "LISTEN"}, UID: 101},
			{Connection: script.Connection{Local: "::", Remote: "::", Port: 5432, State: "LISTEN"}, UID: 101},
			{Connection: script.Connection{Local: "127.0.0.1", Remote: "127.0.0.1", Port: 5432, State: "ESTABLISHED"}, UID: 101}}, false},
		"not accepted yet": {[]script.OwnedConnection{{Connection: script.Connection{Local: "0.0.0.0",
			Remote: "0.0.0.0", Port: 5432, State: "LISTEN"}, UID: 101},
			{Connection: script.Connection{Local: "127.0.0.1", Remote: "127.0.0.1", Port: 5432, State: "ESTABLISHED"}, UID: 0}}, false},
		"over by now": {[]script.OwnedConnection{{Connection: script.Connection{Local: "0.0.0.0",
			Remote: "0.0.0.0", Port: 5432, State: "LISTEN"}, UID: 101},
			{Connection: script.Connection{Local: "127.0.0.1", Remote: "127.0.0.1", Port: 5432, State: "TIME_WAIT"}, UID: 0}}, false},
		"another port and address": {[]script.OwnedConnection{{Connection: script.Connection{Local: "127.0.0.1",
			Remote: "0.0.0.0", Port: 5433, State: "LISTEN"}, UID: 65534},
			{Connection: script.Connection{Local: "10.0.0.1", Remote: "0.0.0.0", Port: 5432, State: "LISTEN"}, UID: 65534}}, false},
		"a client's end": {[]script.OwnedConnection{{Connection: script.Connection{Local: "127.0.0.1",
			Remote: "127.0.0.1", Port: 40000, State: "ESTABLISHED"}, UID: 65534}}, false},
		"another's": {[]script.OwnedConnection{{Connection: script.Connection{Local: "127.0.0.1",
			Remote: "0.0.0.0", Port: 5432, State: "LISTEN"}, UID: 65534}}, true},
		"root's": {[]script.OwnedConnection{{Connection: script.Connection{Local: "127.0.0.1",
			Remote: "0.0.0.0", Port: 5432, State: "LISTEN"}, UID: 0}}, true},
		"another's beside the engine's": {[]script.OwnedConnection{{Connection: script.Connection{Local: "::", Remote: "::",
			Port: 5432, State: "LISTEN"}, UID: 101}, {Connection: script.Connection{Local: "0.0.0.0", Remote: "0.0.0.0", Port: 5432,
			State: "LISTEN"}, UID: 65534}}, true},
		"accepted by another, now closed": {[]script.OwnedConnection{{Connection: script.Connection{Local: "0.0.0.0",
			Remote: "0.0.0.0", Port: 5432, State: "LISTEN"}, UID: 101},
			{Connection: script.Connection{Local: "127.0.0.1", Remote: "127.0.0.1", Port: 5432, State: "ESTABLISHED"}, UID: 65534}}, true},
	} {
		if _, foreign := foreignListener(c.list, at, 101); foreign != c.foreign {
			t.Errorf("%s: %t", name, foreign)
		}
	}
}

func TestHBAMethod(t *testing.T) {
	text := `# TYPE DATABASE USER ADDRESS METHOD
local all "polardb" scram-sha-256
local all all peer # the account itself
hostssl all all 127.0.0.1/32 cert
host replication all 127.0.0.1/32 md5
host "postgres",x polardb 127.0.0.0 255.0.0.0 md5
host all all 10.0.0.0/8 trust
host all all samehost password
`
	for _, c := range []struct {
		local      bool
		user, db   string
		wantMethod string
	}{
		{true, "polardb", "postgres", "scram-sha-256"}, {true, "app", "postgres", "peer"}, {false, "polardb", "postgres", "md5"},
		{false, "app", "postgres", "password"},
		{false, "polardb", "other", "password"},
	} {
		if got := hbaMethod(text, c.local, c.user, c.db); got != c.wantMethod {
			t.Errorf("%+v: %q", c, got)
		}
	}
	if got := hbaMethod("local all all md5\nhost all bob 127.0.0.1/32 md5\n", false, "polardb", "postgres"); got != "" {
		t.Errorf("no line fits, and the method is %q", got)
	}
	quoted := "local \"all\" all trust\nlocal \"my db\", postgres \"a#b\" md5\nlocal all all peer # \"\n"
	for user, want := range map[string]string{"a#b": "md5", "polardb": "peer"} {
		if got := hbaMethod(quoted, true, user, "postgres"); got != want {
			t.Errorf("%s in a file with quotes: %q", user, got)
		}
	}
}

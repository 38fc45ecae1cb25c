package server

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/polarbook/polarbook/test/polarsim/sql"
)

// session is one client connection.
type session struct {
	server      *Server
	conn        net.Conn
	backend     *pgproto3.Backend
	pid         int
	secret      uint32
	user        string
	database    string
	application string
	replication bool
	address     netip.Addr
	port        int
	started     time.Time
	types       *pgtype.Map
	settings    map[string]string
	waits       map[string]bool // what a reading of the files has marked as waiting for a restart, or not, in this session

	ctx    context.Context // ends with the session
	cancel context.CancelFunc

	mu         sync.Mutex
	stop       context.CancelFunc // ends the statement in hand
	cancelled  bool
	active     bool
	query      string
	queryStart time.Time
	stream     *stream // of a walsender

	transaction *transaction
	functions   map[string]sql.Function
	prepared    map[string]*prepared
	portals     map[string]*portal
}

// transaction is an open BEGIN: its own copy of the state and what is to be replicated at COMMIT.
type transaction struct {
	state   *sql.State
	changes []recorded
	failed  bool
	now     int64
}

// listenAll opens the client port on every listen address and the Unix sockets.
func (s *Server) accept(listener net.Listener) {
	defer s.wait.Done()
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		s.wait.Add(1)
		go func() {
			defer s.wait.Done()
			s.serve(conn)
		}()
	}
}

func (s *Server) serve(conn net.Conn) {
	defer conn.Close()
	c := &session{server: s, conn: conn, backend: pgproto3.NewBackend(conn, conn), started: time.Now(), types: pgtype.NewMap(),
		settings: map[string]string{},
		prepared: map[string]*prepared{}, portals: map[string]*portal{}}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	defer c.cancel()
	if conn.RemoteAddr().Network() == "tcp" {
		host, port := splitAddress(conn.RemoteAddr())
		c.address, _ = netip.ParseAddr(host)
		c.port = port
	}
	_ = conn.SetReadDeadline(time.Now().Add(time.Duration(s.settings.number("authentication_timeout")) * time.Second))
	startup, err := c.startup()
	if err != nil || startup == nil {
		return
	}
	if problem := s.admit(); problem != nil {
		c.fail(problem)
		return
	}
	if problem := c.login(startup); problem != nil {
		c.fail(problem)
		return
	}
	_ = conn.SetReadDeadline(time.Time{})
	if problem := s.register(c); problem != nil {
		c.fail(problem)
		return
	}
	defer s.unregister(c)
	c.greet()
	if err := c.loop(); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) && c.ctx.Err() == nil {
		s.log.printf("LOG", "session of %s: %v", c.user, err)
	}
}

// startup reads the startup packet; nil when the connection was for a cancel or is over.
func (c *session) startup() (*pgproto3.StartupMessage, error) {
	for {
		m, err := c.backend.ReceiveStartupMessage()
		if err != nil {
			return nil, err
		}
		switch m := m.(type) {
		case *pgproto3.SSLRequest:
			config := c.server.tls.Load()
			if config == nil || !c.address.IsValid() || c.secure() {
				if _, err := c.conn.Write([]byte{'N'}); err != nil {
					return nil, err
				}
				continue
			}
			if _, err := c.conn.Write([]byte{'S'}); err != nil {
				return nil, err
			}
			secure := tls.Server(c.conn, config)
			if err := secure.Handshake(); err != nil {
				c.server.log.printf("LOG", "could not accept SSL connection: %v", err)
				return nil, err
			}
			c.conn, c.backend = secure, pgproto3.NewBackend(secure, secure)
		case *pgproto3.GSSEncRequest:
			if _, err := c.conn.Write([]byte{'N'}); err != nil {
				return nil, err
			}
		case *pgproto3.CancelRequest:
			c.server.cancelRequest(int(m.ProcessID), binary.BigEndian.Uint32(padded(m.SecretKey)))
			return nil, nil
		case *pgproto3.StartupMessage:
			return m, nil
		default:
			return nil, fmt.Errorf("unexpected %T", m)
		}
	}
}

// secure reports whether the connection is encrypted.
func (c *session) secure() bool {
	_, yes := c.conn.(*tls.Conn)
	return yes
}

func padded(b []byte) []byte {
	if len(b) >= 4 {
		return b
	}
	return append(make([]byte, 4-len(b)), b...)
}

// admit returns why no connection is taken at the moment.
func (s *Server) admit() *sql.Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := ""
	switch s.phase {
	case startingUp:
		text = "the database system is starting up"
	case inRecovery:
		text = "the database system is in recovery mode"
	case shuttingDown:
		text = "the database system is shutting down"
	default:
		return nil
	}
	return &sql.Error{Severity: "FATAL", Code: "57P03", Message: text}
}

// register gives the session its number, unless there are too many or the phase has changed meanwhile.
func (s *Server) register(c *session) *sql.Error {
	var b [4]byte
	if _, err := rand.Read(b[:]); err != nil {
		return fatal("XX000", "could not generate random cancel key")
	}
	c.secret = binary.BigEndian.Uint32(b[:])
	limit := s.settings.number("max_connections")
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase != accepting {
		return fatal("57P03", "the database system is starting up")
	}
	if int64(len(s.sessions)) >= limit+s.settings.number("max_wal_senders") {
		return fatal("53300", "sorry, too many clients already")
	}
	if role := s.state.Load().Roles[c.user]; role != nil && !role.Super && role.ConnectionLimit >= 0 &&
		s.sessionsOf(c.user) >= role.ConnectionLimit {
		return fatal("53300", "too many connections for role \"%s\"", c.user)
	}
	s.nextPID++
	c.pid = s.nextPID
	s.sessions[c.pid] = c
	return nil
}

// sessionsOf counts a role's. The caller holds the lock.
func (s *Server) sessionsOf(role string) int64 {
	var n int64
	for _, c := range s.sessions {
		if c.user == role {
			n++
		}
	}
	return n
}

func (s *Server) unregister(c *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, c.pid)
}

func (s *Server) cancelRequest(pid int, secret uint32) {
	s.mu.Lock()
	c := s.sessions[pid]
	s.mu.Unlock()
	if c != nil && c.secret == secret {
		c.interrupt()
	}
}

func (c *session) interrupt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stop != nil {
		c.cancelled = true
		c.stop()
	}
}

// killSessions sends everybody a last message and closes their connections.
func (s *Server) killSessions(last *sql.Error) {
	s.mu.Lock()
	all := make([]*session, 0, len(s.sessions))
	for _, c := range s.sessions {
		all = append(all, c)
	}
	s.mu.Unlock()
	for _, c := range all {
		c.kill(last)
	}
}

// kill writes past the session's own goroutine, which may be busy: the connection is closed after it anyway.
func (c *session) kill(last *sql.Error) {
	if last != nil {
		_ = c.conn.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
		var b []byte
		var err error
		if last.Severity == "WARNING" {
			b, err = (*pgproto3.NoticeResponse)(response(last)).Encode(nil)
		} else {
			b, err = response(last).Encode(nil)
		}
		if err == nil {
			_, _ = c.conn.Write(b)
		}
	}
	c.cancel()
	_ = c.conn.Close()
}

func response(e *sql.Error) *pgproto3.ErrorResponse {
	severity := e.Severity
	if severity == "" {
		severity = "ERROR"
	}
	return &pgproto3.ErrorResponse{Severity: severity, SeverityUnlocalized: severity, Code: e.Code, Message: e.Message,
		Detail: e.Detail, Hint: e.Hint, Position: int32(e.Position), Routine: e.Routine}
}

func (c *session) fail(e *sql.Error) {
	_ = c.conn.SetWriteDeadline(time.Now().Add(5 * time.Second))
	if e.Severity == "FATAL" {
		c.server.log.printf("FATAL", "%s", e.Message)
	}
	c.backend.Send(response(e))
	_ = c.backend.Flush()
}

func (c *session) ready() {
	status := byte('I')
	if c.transaction != nil {
		status = 'T'
		if c.transaction.failed {
			status = 'E'
		}
	}
	c.backend.Send(&pgproto3.ReadyForQuery{TxStatus: status})
	_ = c.backend.Flush()
}

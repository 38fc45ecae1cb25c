package client

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/polarbook/polarbook/test/polarsim/scram"
)

// Target says where to connect and as whom. A Host that begins with a slash is a socket directory.
type Target struct {
	Host        string
	Port        int
	User        string
	Password    string
	Database    string
	Application string
	Replication bool
	SSLMode     string // empty: PGSSLMODE, or prefer
	SSLRootCert string
}

// Conn is one connection.
type Conn struct {
	conn     net.Conn
	frontend *pgproto3.Frontend
	SCRAM    bool                           // it logged in by SCRAM-SHA-256
	Notice   func(*pgproto3.NoticeResponse) // nil drops notices
}

// ServerError is an error or notice of the server's.
type ServerError struct{ Response *pgproto3.ErrorResponse }

func (e *ServerError) Error() string { return e.Response.Severity + ":  " + e.Response.Message }

// Connect connects and logs in.
func Connect(ctx context.Context, t Target) (*Conn, error) {
	conn, err := dial(ctx, t)
	if err != nil {
		return nil, err
	}
	secure, err := secured(conn, t)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	conn = secure
	c := &Conn{conn: conn, frontend: pgproto3.NewFrontend(conn, conn)}
	if err := c.login(t); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return c, nil
}

func dial(ctx context.Context, t Target) (net.Conn, error) {
	network, address := "tcp", net.JoinHostPort(t.Host, strconv.Itoa(t.Port))
	if strings.HasPrefix(t.Host, "/") {
		network, address = "unix", filepath.Join(t.Host, fmt.Sprintf(".s.PGSQL.%d", t.Port))
	}
	dialer := net.Dialer{Timeout: 30 * time.Second}
	conn, err := dialer.DialContext(ctx, network, address)
	if err == nil {
		return conn, nil
	}
	reason := err.Error()
	for errno, text := range map[syscall.Errno]string{
		syscall.ECONNREFUSED: "Connection refused", syscall.ENOENT: "No such file or directory", syscall.EHOSTUNREACH: "No route to host",
		syscall.ETIMEDOUT: "Connection timed out", syscall.EACCES: "Permission denied",
	} {
		if errors.Is(err, errno) {
			reason = text
		}
	}
	if network == "unix" {
		return nil, fmt.Errorf("could not connect to server: %s\n\tIs the server running locally and accepting\n"+
			"\tconnections on Unix domain socket \"%s\"?", reason, address)
	}
	return nil, fmt.Errorf("could not connect to server: %s\n\tIs the server running on host \"%s\" and accepting\n"+
		"\tTCP/IP connections on port %d?", reason, t.Host, t.Port)
}

func (c *Conn) login(t Target) error {
	parameters := map[string]string{"user": t.User, "database": t.Database, "client_encoding": "UTF8"}
	if t.Application != "" {
		parameters["application_name"] = t.Application
	}
	if t.Replication {
		parameters["replication"] = "true"
	}
	c.frontend.Send(&pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion30, Parameters: parameters})
	if err := c.frontend.Flush(); err != nil {
		return err
	}
	var exchange *scram.Client
	for {
		message, err := c.frontend.Receive()
		if err != nil {
			return fmt.Errorf("could not connect to server: server closed the connection unexpectedly")
		}
		var answer pgproto3.FrontendMessage
		switch m := message.(type) {
		case *pgproto3.AuthenticationMD5Password:
			answer = &pgproto3.PasswordMessage{Password: hash(t.Password, t.User, m.Salt)}
		case *pgproto3.AuthenticationCleartextPassword:
			answer = &pgproto3.PasswordMessage{Password: t.Password} // libpq 11 says it to whoever asks
		case *pgproto3.AuthenticationSASL:
			exchange = scram.NewClient(t.Password)
			answer = &pgproto3.SASLInitialResponse{AuthMechanism: scram.Mechanism, Data: exchange.First()}
		case *pgproto3.AuthenticationSASLContinue:
			if exchange == nil {
				return errors.New("server sent an invalid SASL authentication request")
			}
			final, err := exchange.Final(m.Data)
			if err != nil {
				return err
			}
			answer = &pgproto3.SASLResponse{Data: final}
		case *pgproto3.AuthenticationSASLFinal:
			if exchange == nil {
				return errors.New("server sent an invalid SASL authentication request")
			}
			if err := exchange.Check(m.Data); err != nil {
				return err
			}
			c.SCRAM = true
		case *pgproto3.ErrorResponse:
			return &ServerError{m}
		case *pgproto3.ReadyForQuery:
			return nil
		}
		if answer == nil {
			continue
		}
		if t.Password == "" {
			return errors.New("fe_sendauth: no password supplied")
		}
		c.frontend.Send(answer)
		if err := c.frontend.Flush(); err != nil {
			return err
		}
	}
}

func hash(password, user string, salt [4]byte) string {
	inner := md5.Sum([]byte(password + user))
	outer := md5.Sum(append([]byte(hex.EncodeToString(inner[:])), salt[:]...))
	return "md5" + hex.EncodeToString(outer[:])
}

// Close ends the connection politely.
func (c *Conn) Close() {
	_ = c.conn.SetWriteDeadline(time.Now().Add(time.Second))
	c.frontend.Send(&pgproto3.Terminate{})
	_ = c.frontend.Flush()
	_ = c.conn.Close()
}

// Send sends one message at once.
func (c *Conn) Send(m pgproto3.FrontendMessage) error {
	c.frontend.Send(m)
	return c.frontend.Flush()
}

// Receive returns the next message; notices go to Notice, a broken connection is an error in psql's words.
func (c *Conn) Receive() (pgproto3.BackendMessage, error) {
	for {
		m, err := c.frontend.Receive()
		if err != nil {
			return nil, errors.New("server closed the connection unexpectedly\n\tThis probably means the server terminated abnormally\n" +
				"\tbefore or while processing the request.")
		}
		if notice, ok := m.(*pgproto3.NoticeResponse); ok {
			if c.Notice != nil {
				c.Notice(notice)
			}
			continue
		}
		if _, ok := m.(*pgproto3.ParameterStatus); ok {
			continue
		}
		return m, nil
	}
}

// StartReplication begins streaming; only status updates and keepalives flow.
func (c *Conn) StartReplication(ctx context.Context, lsn uint64) error {
	if err := c.Send(&pgproto3.Query{String: fmt.Sprintf("START_REPLICATION %X/%X TIMELINE 1", lsn>>32, lsn&0xffffffff)}); err != nil {
		return err
	}
	for {
		m, err := c.Receive()
		if err != nil {
			return err
		}
		switch m := m.(type) {
		case *pgproto3.CopyBothResponse:
			return nil
		case *pgproto3.ErrorResponse:
			return &ServerError{m}
		}
	}
}

// Drain reads until the connection ends, and calls record at each piece of write-ahead log.
func (c *Conn) Drain(record func()) error {
	for {
		m, err := c.Receive()
		if err != nil {
			return err
		}
		if e, ok := m.(*pgproto3.ErrorResponse); ok {
			return &ServerError{e}
		}
		if d, ok := m.(*pgproto3.CopyData); ok && len(d.Data) > 0 && d.Data[0] == 'w' {
			record()
		}
	}
}

// Password finds a password the way libpq does: PGPASSWORD, then the password file.
func Password(t Target) string {
	if password := os.Getenv("PGPASSWORD"); password != "" {
		return password
	}
	name := os.Getenv("PGPASSFILE")
	if name == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return ""
		}
		name = filepath.Join(home, ".pgpass")
	}
	info, err := os.Stat(name)
	if err != nil || !info.Mode().IsRegular() {
		return ""
	}
	if info.Mode().Perm()&0o077 != 0 {
		fmt.Fprintf(os.Stderr, "WARNING: password file \"%s\" has group or world access; permissions should be u=rw (0600) or less\n", name)
		return ""
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return ""
	}
	database := t.Database
	if t.Replication {
		database = "replication"
	}
	for _, line := range passLines(string(b)) {
		fields := passFields(line)
		if len(fields) < 5 {
			continue
		}
		host := t.Host
		if strings.HasPrefix(host, "/") {
			host = "localhost"
		}
		if fits(fields[0], host) && fits(fields[1], strconv.Itoa(t.Port)) && fits(fields[2], database) && fits(fields[3], t.User) {
			return fields[4]
		}
	}
	return ""
}

// passLines returns the lines as libpq 11 reads them: into a buffer of 320 bytes, what is longer becomes lines of its own.
func passLines(text string) []string {
	var out []string
	for _, line := range strings.Split(text, "\n") {
		for len(line) > 319 {
			out, line = append(out, line[:319]), line[319:]
		}
		out = append(out, line)
	}
	return out
}

func fits(pattern, value string) bool { return pattern == "*" || pattern == value }

func passFields(line string) []string {
	var fields []string
	var b strings.Builder
	for i := 0; i < len(line); i++ {
		switch {
		case line[i] == '\\' && i+1 < len(line):
			i++
			b.WriteByte(line[i])
		case line[i] == ':' && len(fields) < 4:
			fields = append(fields, b.String())
			b.Reset()
		default:
			b.WriteByte(line[i])
		}
	}
	return append(fields, b.String())
}

package dma

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Login holds how to reach one node's server.
type Login struct {
	Address  Address
	Socket   string // the directory of the server's socket; "": TCP
	Database string // default postgres
	User     string
	Password string
	// Accept is the one proof that the server may ask for: SCRAM, which it cannot do without knowing the password itself;
	// MD5, or Nothing. "" is SCRAM. A password is never sent in clear.
	Accept string
	// Session is the application_name; "": polarbook.
	Session string
	// Options are settings for the session as the server's command line has them (-c name=value); "": none.
	Options string
	// Dial connects to the server; nil dials from this machine.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Timeout bounds connecting and authenticating; 0 is 10 s.
	Timeout time.Duration
}

// Connect opens a connection that is fit for the engine: extended protocol's bind parameters are no use to ALTER
// SYSTEM DMA, and initdb under LANG=C gives SQL_ASCII, with which simple queries need client_encoding set.
func Connect(ctx context.Context, l Login) (*pgx.Conn, error) {
	database := l.Database
	if database == "" {
		database = "postgres"
	}
	cfg, err := pgx.ParseConfig("sslmode=disable")
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", l.Address, err)
	}
	cfg.Host, cfg.Port = l.Address.Host, uint16(l.Address.Port)
	if l.Socket != "" {
		cfg.Host = l.Socket
	}
	cfg.User, cfg.Password, cfg.Database = l.User, l.Password, database
	if cfg.RequireAuth = l.Accept; l.Accept == "" || l.Accept == SCRAM {
		cfg.RequireAuth = SCRAM
		// What the engine makes of it: pgx's own way differs from that for some letters.
		cfg.Password = SASLprep(l.Password)
	}
	first := &firstAnswer{}
	cfg.AfterNetConnect = func(_ context.Context, _ *pgconn.Config, conn net.Conn) (net.Conn, error) {
		first.Conn = conn
		return first, nil
	}
	cfg.Fallbacks, cfg.ValidateConnect = nil, nil
	cfg.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	cfg.RuntimeParams = map[string]string{"client_encoding": "UTF8", "application_name": cmp.Or(l.Session, "polarbook")}
	if l.Options != "" {
		cfg.RuntimeParams["options"] = l.Options
	}
	cfg.ConnectTimeout = l.Timeout
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = 10 * time.Second
	}
	var unreached error // why the server was not even reached, in the words of whoever dials
	if l.Dial != nil {
		cfg.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := l.Dial(ctx, network, address)
			unreached = err
			return conn, err
		}
		// The name is resolved where the connection comes out, not here.
		cfg.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.ConnectTimeout)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil && unreached != nil {
		return nil, unreached
	}
	if err != nil {
		// pgx says again for whom and where, once per address that it tried; there is only one.
		var refused *pgconn.ConnectError
		if errors.As(err, &refused) && refused.Unwrap() != nil {
			err = refused.Unwrap()
		}
		if asked := first.asked(); asked != "" && asked != cfg.RequireAuth {
			err = &ProofError{Asked: asked}
		}
		where := l.Address.String()
		if l.Socket != "" {
			where = SocketName(l.Socket, l.Address.Port)
		}
		return nil, fmt.Errorf("connect to %s as %s: %w", where, l.User, err)
	}
	return conn, nil
}

// Command runs one ALTER SYSTEM DMA statement. It is bounded by ctx only on this side: the engine honours a cancel
// when the command has ended anyway, so after a deadline the effect has to be looked for.
func Command(ctx context.Context, conn *pgx.Conn, statement string) error {
	if _, err := conn.PgConn().Exec(ctx, statement).ReadAll(); err != nil {
		return commandError(statement, err)
	}
	return nil
}

// Nothing is the proof that a server asks for which lets everybody in.
const Nothing = "none"

// ProofError is a server that asked for another proof than the one it may ask for. It was told nothing but the names of
// the role and the database.
type ProofError struct{ Asked string } // MD5, SCRAM, Nothing, password, or what else there is

// Wants returns what the server asked for.
func (e *ProofError) Wants() string {
	switch e.Asked {
	case Nothing:
		return "no password"
	case "password":
		return "the password in clear"
	case "":
		return "something unknown"
	}
	return "the password by " + e.Asked
}

func (e *ProofError) Error() string { return "the server asks for " + e.Wants() }

// firstAnswer keeps the first bytes that a server sends.
type firstAnswer struct {
	net.Conn
	seen []byte
}

func (f *firstAnswer) Read(b []byte) (int, error) {
	n, err := f.Conn.Read(b)
	if missing := len(authenticationRequest) + 8 - len(f.seen); missing > 0 {
		f.seen = append(f.seen, b[:min(max(n, 0), missing)]...)
	}
	return n, err
}

// authenticationRequest begins every Authentication message; its length follows, then which it is.
const authenticationRequest = "R"

// asked returns the proof that the server asked for; "" when it did not get so far.
func (f *firstAnswer) asked() string {
	if len(f.seen) < 9 || f.seen[0] != authenticationRequest[0] {
		return ""
	}
	switch kind := binary.BigEndian.Uint32(f.seen[5:9]); kind {
	case 0:
		return Nothing
	case 3:
		return "password"
	case 5:
		return MD5
	case 10:
		return SCRAM
	default:
		return fmt.Sprintf("method %d", kind)
	}
}

// SocketNameLimit is the longest name of a socket that the kernel takes, in bytes.
const SocketNameLimit = 107

// SocketName returns the name of a server's socket in a directory.
func SocketName(directory string, port int) string {
	return fmt.Sprintf("%s/.s.PGSQL.%d", directory, port)
}

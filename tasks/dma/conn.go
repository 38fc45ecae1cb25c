package dma

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Login is how to reach one node's server.
type Login struct {
	Address  Address
	Database string // default postgres
	User     string
	Password string
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
	cfg.User, cfg.Password, cfg.Database = l.User, l.Password, database
	cfg.Fallbacks, cfg.ValidateConnect = nil, nil
	cfg.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	cfg.RuntimeParams = map[string]string{"client_encoding": "UTF8", "application_name": "polarbook"}
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
		return nil, fmt.Errorf("connect to %s as %s: %w", l.Address, l.User, err)
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

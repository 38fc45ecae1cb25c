package contract_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

func (n *node) connect(ctx context.Context, user, secret string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(fmt.Sprintf("host=%s port=%d user=%s dbname=postgres sslmode=disable connect_timeout=5",
		n.host, n.port, user))
	if err != nil {
		return nil, err
	}
	config.Password = secret
	return pgx.ConnectConfig(ctx, config)
}

// session opens a connection that lives until the test ends.
func (n *node) session() *pgx.Conn {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, err := n.connect(ctx, "polardb", password)
	if err != nil {
		n.t.Fatalf("node %d: %v", n.number, err)
	}
	n.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = conn.Close(ctx)
	})
	return conn
}

// try runs one statement on a connection of its own.
func (n *node) try(statement string, arguments ...any) error {
	return n.tryFor(n.within(30*time.Second), statement, arguments...)
}

func (n *node) tryFor(limit time.Duration, statement string, arguments ...any) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	conn, err := n.connect(ctx, "polardb", password)
	if err != nil {
		return err
	}
	defer conn.Close(context.Background())
	_, err = conn.Exec(ctx, statement, arguments...)
	return err
}

func (n *node) exec(statement string, arguments ...any) {
	n.t.Helper()
	if err := n.try(statement, arguments...); err != nil {
		n.t.Fatalf("node %d: %s: %v", n.number, statement, err)
	}
}

// value reads one value.
func value[T any](n *node, query string, arguments ...any) (T, error) {
	var out T
	ctx, cancel := context.WithTimeout(context.Background(), n.within(10*time.Second))
	defer cancel()
	conn, err := n.connect(ctx, "polardb", password)
	if err != nil {
		return out, err
	}
	defer conn.Close(context.Background())
	err = conn.QueryRow(ctx, query, arguments...).Scan(&out)
	return out, err
}

// must reads one value or fails the test.
func must[T any](n *node, query string, arguments ...any) T {
	n.t.Helper()
	out, err := value[T](n, query, arguments...)
	if err != nil {
		n.t.Fatalf("node %d: %s: %v", n.number, query, err)
	}
	return out
}

// eventually waits for a condition and says what it waited for.
func eventually(t *testing.T, limit time.Duration, what string, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for !done() {
		if time.Now().After(deadline) {
			t.Fatalf("after %v still not: %s", limit, what)
		}
		time.Sleep(30 * time.Millisecond)
	}
}

// writable waits until the node leads and takes writes.
func (n *node) writable() {
	n.t.Helper()
	eventually(n.t, n.within(20*time.Second), fmt.Sprintf("node %d out of recovery", n.number), func() bool {
		recovering, err := value[bool](n, "select pg_is_in_recovery()")
		return err == nil && !recovering
	})
}

func (n *node) role() int32 {
	role, err := value[int32](n, "select paxos_role from polar_dma_member_status")
	if err != nil {
		return -1
	}
	return role
}

func (n *node) becomes(role int32) {
	n.t.Helper()
	eventually(n.t, n.within(20*time.Second), fmt.Sprintf("node %d has role %d (now %d)", n.number, role, n.role()), func() bool {
		return n.role() == role
	})
}

// state returns the SQLSTATE of an error, or its message when it has none.
func state(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	if err == nil {
		return ""
	}
	return err.Error()
}

func message(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Message
	}
	if err == nil {
		return ""
	}
	return err.Error()
}

package rolling

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// load writes one row after the other, as an application does that knows all the hosts and connects to the one that
// takes writes. A row counts when the server acknowledged it.
type load struct {
	s            *site
	stop, done   chan struct{}
	mu           sync.Mutex
	acknowledged []int
	longest      time.Duration // without an acknowledgement
	refusal      error         // the last
}

func (s *site) connect(ctx context.Context, name string) (*pgx.Conn, error) {
	c, err := pgx.ParseConfig(fmt.Sprintf("host=%s port=5432 user=polardb dbname=postgres sslmode=disable connect_timeout=2", s.lab.Host(name).Address))
	if err != nil {
		return nil, err
	}
	c.Password = s.password
	c.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	return pgx.ConnectConfig(ctx, c)
}

// writable connects to the node that takes writes.
func (s *site) writable(ctx context.Context) (*pgx.Conn, error) {
	var last error
	for name := range s.hosts {
		conn, err := s.connect(ctx, name)
		if err != nil {
			last = fmt.Errorf("%s: %w", name, err)
			continue
		}
		reading := true
		if err := conn.QueryRow(ctx, "select pg_is_in_recovery()").Scan(&reading); err == nil && !reading {
			return conn, nil
		}
		_ = conn.Close(ctx)
	}
	return nil, fmt.Errorf("no node takes writes: %w", last)
}

// query asks one value of a node.
func (s *site) query(t testing.TB, name, text string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	conn, err := s.connect(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	var value string
	if err := conn.QueryRow(ctx, text).Scan(&value); err != nil {
		t.Fatalf("%s on %s: %v", text, name, err)
	}
	return value
}

func (s *site) load(t testing.TB) *load {
	t.Helper()
	l := &load{s: s, stop: make(chan struct{}), done: make(chan struct{})}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := s.writable(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	for _, statement := range []string{"drop table if exists load", "create table load (n int primary key)"} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			t.Fatal(err)
		}
	}
	go l.write()
	return l
}

func (l *load) write() {
	defer close(l.done)
	var conn *pgx.Conn
	last := time.Now()
	for n := 1; ; n++ {
		select {
		case <-l.stop:
			if conn != nil {
				_ = conn.Close(context.Background())
			}
			return
		case <-time.After(5 * time.Millisecond):
		}
		// A write can hang on a leader that has just lost the others.
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		var err error
		if conn == nil || conn.IsClosed() {
			conn, err = l.s.writable(ctx)
		}
		if err == nil {
			_, err = conn.Exec(ctx, fmt.Sprintf("insert into load values (%d)", n))
		}
		l.mu.Lock()
		if err == nil {
			l.acknowledged = append(l.acknowledged, n)
			l.longest, last = max(l.longest, time.Since(last)), time.Now()
		} else {
			l.refusal = err
			if conn != nil {
				_ = conn.Close(ctx)
			}
			conn = nil
		}
		l.mu.Unlock()
		cancel()
	}
}

// end stops the writing and wants every acknowledged row on every node that is named.
func (l *load) end(t testing.TB, what string, nodes ...string) {
	t.Helper()
	close(l.stop)
	<-l.done
	t.Logf("%s: %d rows acknowledged, longest pause of writes %s (last refusal: %v)", what, len(l.acknowledged), l.longest.Round(10*time.Millisecond), l.refusal)
	if len(l.acknowledged) < 20 {
		t.Fatalf("only %d rows were written: the load proves nothing; %v", len(l.acknowledged), l.refusal)
	}
	for _, name := range nodes {
		if lost := l.missing(t, name); len(lost) > 0 {
			t.Errorf("%s: %s lacks %d acknowledged rows: %v", what, name, len(lost), lost[:min(20, len(lost))])
		}
	}
}

// missing asks a node for the rows, for as long as a follower may take to apply the last of them.
func (l *load) missing(t testing.TB, name string) []int {
	deadline := time.Now().Add(20 * time.Second)
	for {
		has, err := l.rows(name)
		var lost []int
		for _, n := range l.acknowledged {
			if !has[n] {
				lost = append(lost, n)
			}
		}
		if err == nil && len(lost) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			if err != nil {
				t.Fatal(err)
			}
			return lost
		}
		time.Sleep(200 * time.Millisecond)
	}
}

func (l *load) rows(name string) (map[int]bool, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, err := l.s.connect(ctx, name)
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, "select n from load")
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[int])
	has := map[int]bool{}
	for _, n := range list {
		has[n] = true
	}
	return has, err
}

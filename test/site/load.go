package site

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// Load writes one row after the other, as an application does that knows all the hosts and connects to the one that
// takes writes. A row counts when the server acknowledged it.
type Load struct {
	s            *Site
	connect      func(context.Context) (*pgx.Conn, error)
	stop, done   chan struct{}
	stopping     sync.Once
	acknowledged []int
	longest      time.Duration // without an acknowledgement
	refusal      error         // the last
}

// Written is what came of a load.
type Written struct {
	Rows  int           // acknowledged
	Lost  int           // of those, how many the node that has the fewest lacks
	Pause time.Duration // the longest without an acknowledgement
}

// Load begins to write from outside of the cluster, to a table of its own that it makes anew; see FromOutside. It ends
// with the test, if nobody ends it before.
func (s *Site) Load() *Load {
	s.T.Helper()
	return s.LoadBy(s.Writable)
}

// LoadBy is Load for an application that connects in this way.
func (s *Site) LoadBy(connect func(context.Context) (*pgx.Conn, error)) *Load {
	s.T.Helper()
	l := &Load{s: s, connect: connect, stop: make(chan struct{}), done: make(chan struct{})}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := s.Writable(ctx)
	if err != nil {
		s.T.Fatal(err)
	}
	defer conn.Close(ctx)
	for _, statement := range []string{"drop table if exists load", "create table load (n int primary key)"} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			s.T.Fatal(err)
		}
	}
	go l.write()
	s.T.Cleanup(l.halt)
	return l
}

// End stops the writing, and wants every acknowledged row on every node that is named.
func (l *Load) End(what string, nodes ...string) Written {
	l.s.T.Helper()
	l.halt()
	l.s.T.Logf("%s: %d rows acknowledged, longest pause of writes %s (last refusal: %v)",
		what, len(l.acknowledged), l.longest.Round(10*time.Millisecond), l.refusal)
	if len(l.acknowledged) < 20 {
		l.s.T.Fatalf("only %d rows were written: the load proves nothing; %v", len(l.acknowledged), l.refusal)
	}
	w := Written{Rows: len(l.acknowledged), Pause: l.longest}
	for _, name := range nodes {
		if lost := l.missing(name); len(lost) > 0 {
			l.s.T.Errorf("%s: %s lacks %d acknowledged rows: %v", what, name, len(lost), lost[:min(20, len(lost))])
			w.Lost = max(w.Lost, len(lost))
		}
	}
	return w
}

func (l *Load) halt() {
	l.stopping.Do(func() { close(l.stop) })
	<-l.done
}

func (l *Load) write() {
	defer close(l.done)
	var conn *pgx.Conn
	last := time.Now()
	for n := 1; ; n++ {
		select {
		case <-l.stop:
			// Writes that have not come back yet are a pause too.
			l.longest = max(l.longest, time.Since(last))
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
			conn, err = l.connect(ctx)
		}
		if err == nil {
			_, err = conn.Exec(ctx, fmt.Sprintf("insert into load values (%d)", n))
		}
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
		cancel()
	}
}

// missing asks a node for the rows, for as long as a follower may take to apply the last of them.
func (l *Load) missing(name string) []int {
	l.s.T.Helper()
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
				l.s.T.Fatal(err)
			}
			return lost
		}
		time.Sleep(200 * time.Millisecond)
	}
}

func (l *Load) rows(name string) (map[int]bool, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, err := l.s.Connect(ctx, name)
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

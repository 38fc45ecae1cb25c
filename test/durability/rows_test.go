package durability

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/polarbook/polarbook/test/site"
)

// writers is the number of applications that write at once. Each counts its own rows: (1, 1), (1, 2), ...
const writers = 4

// rows records what was sent to the cluster and what was acknowledged.
//
// A write that failed may have been done all the same. It is never sent again, so a duplicate row is the cluster's fault.
// The next comparison that finds the cluster healthy settles whether it was done.
type rows struct {
	s       *site.Site
	stop    context.CancelFunc
	running sync.WaitGroup
	writing sync.RWMutex // held for reading during each write; locking it stops the writers

	mutex   sync.Mutex
	sent    map[row]bool     // since the last look; true when it was acknowledged
	seen    map[row]sighting // since the last look, by a reader
	settled [writers + 1]sum
	last    [writers + 1]int // sent by each writer
	total   int              // acknowledged
	pause   time.Duration    // the longest without an acknowledgement, of all writers together
	acked   time.Time
	wrong   []error // what a reader saw that cannot be
}

type row struct{ writer, n int }

// sighting is where and when a row was read.
type sighting struct {
	node string
	at   time.Time
}

// sum stands for the rows of one writer up to a number, which are known to be on every member.
type sum struct {
	upTo         int
	count, total int64
}

// begin creates the table, and starts the writers and readers.
func begin(s *site.Site) *rows {
	s.T.Helper()
	ctx, stop := context.WithCancel(context.Background())
	r := &rows{s: s, stop: stop, sent: map[row]bool{}, seen: map[row]sighting{}, acked: time.Now()}
	conn, err := s.Writable(ctx)
	if err != nil {
		s.T.Fatal(err)
	}
	defer conn.Close(ctx)
	// There is no unique key, because it would hide duplicates.
	for _, statement := range []string{"create table durable (w int, n int)", "create index on durable (w, n)"} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			s.T.Fatal(err)
		}
	}
	s.T.Cleanup(func() { stop(); r.running.Wait() })
	for w := 1; w <= writers; w++ {
		r.running.Go(func() { r.write(ctx, w) })
	}
	for _, name := range s.Names() {
		r.running.Go(func() { r.read(ctx, name) })
	}
	return r
}

// end stops writers and readers, and returns a summary.
func (r *rows) end() string {
	r.stop()
	r.running.Wait()
	return fmt.Sprintf("%d rows acknowledged, longest pause of all writers %s", r.total, r.pause.Round(10*time.Millisecond))
}

// write inserts one row after the other on the node that takes writes, like an application that knows all hosts.
func (r *rows) write(ctx context.Context, w int) {
	var conn *pgx.Conn
	for n := 1; ; {
		select {
		case <-ctx.Done():
			if conn != nil {
				_ = conn.Close(context.Background())
			}
			return
		case <-time.After(time.Duration(5+rand.IntN(20)) * time.Millisecond):
		}
		r.writing.RLock()
		// A write can hang on a leader that has just lost the others.
		attempt, cancel := context.WithTimeout(ctx, 3*time.Second)
		if conn == nil || conn.IsClosed() {
			conn, _ = r.s.Writable(attempt)
		}
		if conn != nil {
			r.sends(row{w, n})
			if _, err := conn.Exec(attempt, fmt.Sprintf("insert into durable values (%d, %d)", w, n)); err == nil {
				r.acknowledged(row{w, n})
			} else {
				_ = conn.Close(attempt)
				conn = nil
			}
			n++
		}
		cancel()
		r.writing.RUnlock()
	}
}

func (r *rows) sends(x row) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.sent[x], r.last[x.writer] = false, x.n
}

func (r *rows) acknowledged(x row) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.sent[x], r.total = true, r.total+1
	r.pause, r.acked = max(r.pause, time.Since(r.acked)), time.Now()
}

// read asks one node again and again for the newest row of a writer. A row that it saw must not disappear in the same
// session, nor from any node at the end. A new session may see fewer rows for a moment: a follower that was killed accepts
// readers before it has replayed all of its log.
func (r *rows) read(ctx context.Context, node string) {
	var conn *pgx.Conn
	var newest [writers + 1]int
	for {
		select {
		case <-ctx.Done():
			if conn != nil {
				_ = conn.Close(context.Background())
			}
			return
		case <-time.After(100 * time.Millisecond):
		}
		w := 1 + rand.IntN(writers)
		n := 0
		attempt, cancel := context.WithTimeout(ctx, 3*time.Second)
		var err error
		if conn == nil || conn.IsClosed() {
			conn, err = r.s.Connect(attempt, node)
			clear(newest[:])
		}
		if err == nil {
			err = conn.QueryRow(attempt, fmt.Sprintf("select coalesce(max(n), 0) from durable where w = %d", w)).Scan(&n)
		}
		cancel()
		if err != nil {
			if conn != nil {
				_ = conn.Close(context.Background())
			}
			conn = nil
			continue
		}
		r.mutex.Lock()
		if n < newest[w] {
			r.wrong = append(r.wrong, fmt.Errorf("%s had row (%d, %d) and then no newer one than (%d, %d)", node, w, newest[w], w, n))
		}
		if newest[w] = n; n > r.settled[w].upTo {
			r.seen[row{w, n}] = sighting{node, time.Now()}
		}
		r.mutex.Unlock()
	}
}

// verify stops the writers for a moment and checks that every member has the same rows, each once: all that were
// acknowledged or seen, and none that was not sent.
func (r *rows) verify() {
	r.s.T.Helper()
	r.writing.Lock()
	defer r.writing.Unlock()
	deadline := time.Now().Add(30 * time.Second)
	for {
		err := r.compare()
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			r.s.T.Fatal(err)
		}
		time.Sleep(200 * time.Millisecond)
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if err := errors.Join(r.wrong...); err != nil {
		r.s.T.Fatal(err)
	}
	r.s.T.Logf("%d rows acknowledged so far are on %v", r.total, r.s.Names())
	// The time in which the writers were stopped is not a pause.
	r.acked = time.Now()
}

// compare compares the members once. When all is well, the rows sent so far are settled.
func (r *rows) compare() error {
	r.mutex.Lock()
	settled, sent, seen, last := r.settled, maps.Clone(r.sent), maps.Clone(r.seen), r.last
	r.mutex.Unlock()
	var first map[row]int
	for i, node := range r.s.Names() {
		have, err := r.rowsOf(node, settled)
		if err != nil {
			return fmt.Errorf("%s: %w", node, err)
		}
		if i == 0 {
			first = have
		} else if d := difference(first, have); len(d) > 0 {
			return fmt.Errorf("%s and %s differ in %d rows: %v", r.s.Names()[0], node, len(d), d[:min(20, len(d))])
		}
		var wrong []string
		for x, acknowledged := range sent {
			if acknowledged && have[x] == 0 {
				wrong = append(wrong, fmt.Sprintf("%v was acknowledged and is lost", x))
			}
		}
		for x, who := range seen {
			if have[x] == 0 {
				wrong = append(wrong, fmt.Sprintf("%v was seen on %s at %s and is lost", x, who.node, who.at.Format(time.StampMilli)))
			}
		}
		for x, times := range have {
			if _, known := sent[x]; !known {
				wrong = append(wrong, fmt.Sprintf("nobody sent %v", x))
			} else if times > 1 {
				wrong = append(wrong, fmt.Sprintf("%v is there %d times", x, times))
			}
		}
		if len(wrong) > 0 {
			return fmt.Errorf("%s: %d rows are wrong: %v", node, len(wrong), wrong[:min(20, len(wrong))])
		}
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for x := range first {
		r.settled[x.writer].count++
		r.settled[x.writer].total += int64(x.n)
	}
	for w := range last {
		r.settled[w].upTo = last[w]
	}
	clear(r.sent)
	clear(r.seen)
	return nil
}

// rowsOf returns the rows of a node that are not settled, with their number of copies. It fails when settled rows have
// changed.
func (r *rows) rowsOf(node string, settled [writers + 1]sum) (map[row]int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := r.s.Connect(ctx, node)
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	have := map[row]int{}
	for w := 1; w <= writers; w++ {
		was := settled[w]
		now := sum{upTo: was.upTo}
		if err := conn.QueryRow(ctx, fmt.Sprintf("select count(*), coalesce(sum(n), 0) from durable where w = %d and n <= %d",
			w, was.upTo)).Scan(&now.count, &now.total); err != nil {
			return nil, err
		}
		if now != was {
			return nil, fmt.Errorf("the rows of writer %d up to %d were changed after all members had them: "+
				"%d of the sum %d are now %d of the sum %d", w, was.upTo, was.count, was.total, now.count, now.total)
		}
		answer, err := conn.Query(ctx, fmt.Sprintf("select n from durable where w = %d and n > %d", w, was.upTo))
		if err != nil {
			return nil, err
		}
		list, err := pgx.CollectRows(answer, pgx.RowTo[int])
		if err != nil {
			return nil, err
		}
		for _, n := range list {
			have[row{w, n}]++
		}
	}
	return have, nil
}

func difference(a, b map[row]int) []row {
	var d []row
	for x, n := range a {
		if b[x] != n {
			d = append(d, x)
		}
	}
	for x := range b {
		if _, both := a[x]; !both {
			d = append(d, x)
		}
	}
	slices.SortFunc(d, func(x, y row) int { return (x.writer-y.writer)*1_000_000_000 + x.n - y.n })
	return d
}

package polardb

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/tasks/remote"
)

// Without any server, or with only one whose founding was cut off, there is no election to wait for. With one, or with a node that
// was not reached, there may be.
func TestNoLeaderIsWaitedForWhereNobodyCanLead(t *testing.T) {
	refused := fmt.Errorf("connect to 10.0.0.1:5432 as polardb: %w", syscall.ECONNREFUSED)
	for _, c := range []struct {
		name   string
		survey dma.Survey
		want   bool
	}{
		{"all refuse", dma.Survey{{Err: refused}, {Err: refused}}, true},
		{"one is starting", dma.Survey{{Err: refused}, {Err: errors.New("FATAL: the database system is starting up (SQLSTATE 57P03)")}}, false},
		{"one was begun", dma.Survey{{Err: refused}, {NoViews: true}}, true},
		{"one was begun, another is silent", dma.Survey{{NoViews: true}, {Err: context.DeadlineExceeded}}, false},
		{"one answers", dma.Survey{{Err: refused}, {}}, false},
		{"one is silent", dma.Survey{{Err: refused}, {Err: context.DeadlineExceeded}}, false},
		{"nobody was asked", nil, false},
	} {
		if got := nobodyWillLead(c.survey); got != c.want {
			t.Errorf("%s: %t, want %t", c.name, got, c.want)
		}
	}
}

// lostHost is a host whose SSH connection was lost: the next who needs it closes what was kept on it, as the engine does.
type lostHost struct {
	tasks.Host
	kept *session
}

func (h lostHost) Peer(context.Context, string) (tasks.Host, error) { return h, nil }
func (h lostHost) Cached(string, func() (any, error)) (any, error)  { return h.kept, nil }
func (h lostHost) Shell() tasks.Shell                               { return lostShell{h: h} }
func (h lostHost) Dial(context.Context, string, string) (net.Conn, error) {
	return nil, errors.Join(h.kept.Close(), errors.New("the host is gone"))
}

type lostShell struct {
	tasks.Shell
	h lostHost
}

func (s lostShell) Run(context.Context, remote.Command) (remote.Result, error) {
	return remote.Result{}, errors.Join(s.h.kept.Close(), errors.New("the host is gone"))
}

func TestConnectingOverALostConnectionEnds(t *testing.T) {
	done := make(chan error)
	go func() {
		c := &ClusterArgs{LoginUser: "polardb", LoginPassword: "x", LoginDB: "postgres"}
		n := WantedNode{Name: "node1", Address: dma.Address{Host: "10.0.0.1", Port: 5432}}
		done <- c.use(context.Background(), lostHost{kept: &session{}}, n, false, func(*pgx.Conn) error { return nil })
	}()
	select {
	case err := <-done:
		if err == nil {
			t.Error("a host that is gone was connected to")
		}
	case <-time.After(30 * time.Second):
		t.Fatal("connecting waits for itself")
	}
}

type quietHost struct{ tasks.Host }

func (quietHost) Say(string) {}

// A server that was just started says so until it lets somebody in. That is waited for; anything else is not.
func TestAServerThatIsStartingUpIsWaitedFor(t *testing.T) {
	starting := &pgconn.PgError{Code: "57P03", Message: "the database system is starting up"}
	refused := fmt.Errorf("connect: %w", syscall.ECONNREFUSED)
	wrong := &pgconn.PgError{Code: "28P01", Message: "password authentication failed"}
	n := WantedNode{Name: "node1"}
	for _, c := range []struct {
		name     string
		answers  []error // the last one for ever
		patience time.Duration
		want     error
		tries    int
	}{
		{"it lets in", []error{starting, starting, nil}, time.Minute, nil, 3},
		{"it starts over in between", []error{starting, refused, starting, nil}, time.Minute, nil, 4},
		{"it was never there", []error{refused}, time.Minute, syscall.ECONNREFUSED, 1},
		{"another error", []error{starting, wrong}, time.Minute, wrong, 2},
		{"nobody is to wait", []error{starting}, 0, starting, 1},
		{"for ever", []error{starting}, time.Millisecond, starting, 2},
	} {
		tries := 0
		err := awaitStart(context.Background(), quietHost{}, n, c.patience, func() error {
			tries++
			return c.answers[min(tries, len(c.answers))-1]
		})
		if !errors.Is(err, c.want) || tries != c.tries {
			t.Errorf("%s: %v after %d tries, want %v after %d", c.name, err, tries, c.want, c.tries)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if err := awaitStart(ctx, quietHost{}, n, time.Minute, func() error { return starting }); !errors.Is(err, starting) {
		t.Errorf("when the time is up the error is %v, want the server's own", err)
	}
}

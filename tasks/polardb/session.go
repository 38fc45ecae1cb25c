package polardb

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
)

// use calls f with the run's connection to the node's server, which goes through the SSH connection of the node's own host.
// Several goroutines may call it at once; they get the connection one after the other. The connection may have broken since
// its last use: a change of leader ends all sessions of the old leader. With sure, use checks it first, which costs a round
// trip, and waits for a server that is starting up, within startPatience and ctx; f is called at most once.
func (c *ClusterArgs) use(ctx context.Context, h tasks.Host, n WantedNode, sure bool, f func(*pgx.Conn) error) error {
	host, err := h.Peer(ctx, n.Name)
	if err != nil {
		return err
	}
	key := fmt.Sprintf("sql %s@%d/%s", c.LoginUser, n.Address.Port, c.LoginDB)
	kept, err := host.Cached(key, func() (any, error) { return &session{}, nil })
	if err != nil {
		return err
	}
	s := kept.(*session)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil && s.conn.IsClosed() {
		s.conn = nil
	}
	if sure && s.conn != nil && s.conn.Ping(ctx) != nil {
		s.conn = nil
	}
	if s.conn == nil {
		patience := time.Duration(0)
		if sure {
			patience = startPatience
		}
		err := awaitStart(ctx, host, n, patience, func() (err error) {
			s.conn, err = c.connect(ctx, host, n)
			return err
		})
		if err != nil {
			return err
		}
	}
	return f(s.conn)
}

// startPatience bounds the wait for a server that reports that it is starting up. It is longer than a recovery after a crash
// takes on a busy host. A node that was never added reports that for ever.
const startPatience = 30 * time.Second

// awaitStart connects, and tries again while the server reports that it is starting up, shutting down or recovering. Once the
// server has answered so, a refused connection counts as the same: it starts over. The error is the last one, with the time
// that was waited.
func awaitStart(ctx context.Context, h tasks.Host, n WantedNode, patience time.Duration, connect func() error) error {
	began := time.Now()
	heard, said := false, ""
	for {
		err := connect()
		heard = heard || dma.StartingUp(err)
		if again := heard && (dma.StartingUp(err) || errors.Is(err, syscall.ECONNREFUSED)); !again || patience == 0 {
			return err
		}
		if said == "" {
			said = fmt.Sprintf("waiting for the server of %s: %v", n.Name, err)
			h.Say(said)
		}
		if time.Since(began) >= patience || tasks.Sleep(ctx, startPause) != nil {
			return fmt.Errorf("wait for the server of %s (%s): %w", n.Name, time.Since(began).Round(time.Second), err)
		}
	}
}

// startPause is the pause between two attempts of awaitStart.
const startPause = 500 * time.Millisecond

// own opens a session with a node's server that nobody else uses. The caller has to close it.
func (c *ClusterArgs) own(ctx context.Context, h tasks.Host, node string) (*pgx.Conn, error) {
	return c.ownAs(ctx, h, node, "")
}

// Lead finds the node that leads and opens a session in one of its databases that nobody else uses. The caller has to close it.
func (c *ClusterArgs) Lead(ctx context.Context, h tasks.Host, database string) (*pgx.Conn, error) {
	list, err := c.Listed()
	if err != nil {
		return nil, err
	}
	leader, _, err := c.leader(ctx, h, list, electionPatience)
	if err != nil {
		return nil, err
	}
	in := *c // whom it is asked who leads is a matter of the database that polar_monitor is in
	in.LoginDB = database
	return in.own(ctx, h, leader.Node)
}

func (c *ClusterArgs) ownAs(ctx context.Context, h tasks.Host, node, session string) (*pgx.Conn, error) {
	list, err := c.Listed()
	if err != nil {
		return nil, err
	}
	n, err := NodeNamed(list, node)
	if err != nil {
		return nil, err
	}
	host, err := h.Peer(ctx, node)
	if err != nil {
		return nil, err
	}
	return c.connectAs(ctx, host, n, session)
}

// session is a connection that is kept for the run and used by one caller at a time.
type session struct {
	mu   sync.Mutex
	conn *pgx.Conn
}

// Close does not touch a connection that is in use. The caller may be its user: reconnecting to a host whose SSH connection
// was lost closes everything that was kept on the old one, and a session through it ends anyway.
func (s *session) Close() error {
	if !s.mu.TryLock() {
		return nil
	}
	defer s.mu.Unlock()
	if s.conn == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	return s.conn.Close(ctx)
}

// passwordRefused returns an error when nodes answer but all of them refuse the password, so that waiting does not help.
func passwordRefused(survey dma.Survey, user string) error {
	var refusing []string
	what := ""
	for _, v := range survey {
		switch code := dma.Code(v.Err); {
		case code == "28P01" || code == "28000":
			if refusing = append(refusing, v.Node); code == "28000" {
				what = v.Err.Error()
			}
		case v.Err == nil || code != "":
			return nil // this node may still answer
		}
	}
	if len(refusing) == 0 {
		return nil
	}
	if what == "" {
		return otherPassword(user, superuserPassword, "password authentication failed on "+strings.Join(refusing, ", "))
	}
	return &tasks.Failure{Msg: fmt.Sprintf("%s refuse the password of the database user %s: %s", strings.Join(refusing, ", "), user, what)}
}

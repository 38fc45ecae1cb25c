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

// use lends f the run's connection to the node's server, which goes through the SSH connection of the node's own host.
// One caller has it at a time. It may have broken since it was last used (a change of leader ends all of the old
// leader's): with sure, that is found out first, at the price of a round trip, for an f that must not be called twice.
// With sure, too, a server that is starting up is waited for, within startPatience and ctx: who is sure needs the answer.
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

// startPatience bounds the wait for a server that says that it is starting up: longer than a recovery after a crash
// takes on a busy host. A node that was never added says so for ever.
const startPatience = 30 * time.Second

// awaitStart connects, and connects again for as long as the server says that it is starting up, shutting down or
// recovering. A port that refuses counts as the same once the server was heard: it starts over. The error is the last
// one, and says how long was waited for it.
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
			return fmt.Errorf("%s has not let anybody in for %s: %w", n.Name, time.Since(began).Round(time.Second), err)
		}
	}
}

// startPause is between two tries of awaitStart.
const startPause = 500 * time.Millisecond

// own opens a session with a node's server that nobody else uses. Whoever asks for it closes it.
func (c *ClusterArgs) own(ctx context.Context, h tasks.Host, node string) (*pgx.Conn, error) {
	return c.ownAs(ctx, h, node, "")
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

// session is a connection kept for the run, used by one at a time.
type session struct {
	mu   sync.Mutex
	conn *pgx.Conn
}

// Close leaves a connection that is in use to its user. The one who closes may be that user: connecting to a host whose
// SSH connection was lost closes all that was kept on the old one, and what goes through that ends with it anyway.
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

// passwordRefused says that nodes answer and none of them takes the password: no wait will help.
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
			return nil // somebody may yet say more
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

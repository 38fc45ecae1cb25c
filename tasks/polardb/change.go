package polardb

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
)

// A change of the members cannot be cut: the engine goes on with an ALTER SYSTEM DMA whose client is gone, for up to
// polar_dma_config_change_timeout, and with those that wait for it. So whoever acts on what the nodes say looks first
// whether one of them runs such a statement that is not this run's, and waits until it has ended: a survey that was taken
// before would tell of another cluster than the one that is acted on.

const (
	// changePatience is how long such a statement is waited for: the engine's default timeout, twice, and then some.
	changePatience = 3 * time.Minute
	// dispatchPatience is how long a session of another run is waited for that has not sent its statement yet.
	dispatchPatience = 5 * time.Second
	changePause      = 500 * time.Millisecond
)

// changes are the sessions by which this run changes the members by way of one node.
type changes struct {
	mu  sync.Mutex
	own map[string]bool
}

// changesBy is what this run has in hand on a node. It goes with the connection to the host, as the sessions do.
func changesBy(ctx context.Context, h tasks.Host, node string) (*changes, error) {
	host, err := h.Peer(ctx, node)
	if err != nil {
		return nil, err
	}
	kept, err := host.Cached("changes of the members", func() (any, error) { return &changes{own: map[string]bool{}}, nil })
	if err != nil {
		return nil, err
	}
	return kept.(*changes), nil
}

// changing lends f a session of its own for ALTER SYSTEM DMA, because a statement may hang for as long as the engine likes.
// One that f has given up is waited for as another's is.
func (c *ClusterArgs) changing(ctx context.Context, h tasks.Host, on dma.View, f func(*pgx.Conn) error) error {
	ours, err := changesBy(ctx, h, on.Node)
	if err != nil {
		return err
	}
	name := dma.NewChangeSession()
	ours.mu.Lock()
	ours.own[name] = true
	ours.mu.Unlock()
	defer func() {
		ours.mu.Lock()
		defer ours.mu.Unlock()
		delete(ours.own, name)
	}()
	conn, err := c.ownAs(ctx, h, on.Node, name)
	if err != nil {
		return err
	}
	defer (&session{conn: conn}).Close()
	return f(conn)
}

// command runs one membership statement.
func (c *ClusterArgs) command(ctx context.Context, h tasks.Host, on dma.View, statement string, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return c.changing(ctx, h, on, func(conn *pgx.Conn) error {
		h.Say("on " + on.Node + ": " + statement)
		return dma.Command(ctx, conn, statement)
	})
}

// foreign drops from a survey's changes those that this run has in hand itself.
func foreign(ctx context.Context, h tasks.Host, survey dma.Survey) {
	for i, v := range survey {
		if len(v.Changes) == 0 {
			continue
		}
		ours, err := changesBy(ctx, h, v.Node)
		if err != nil {
			continue
		}
		var others []dma.Change
		ours.mu.Lock()
		for _, c := range v.Changes {
			if !ours.own[c.Session] {
				others = append(others, c)
			}
		}
		ours.mu.Unlock()
		survey[i].Changes = others
	}
}

// inHand says which statements change the members, and whether one of them was sent yet; "": none.
func inHand(survey dma.Survey) (text string, sent bool) {
	var all []string
	for _, v := range survey {
		for _, c := range v.Changes {
			all = append(all, fmt.Sprintf("%s: %s", v.Node, c))
			sent = sent || c.Statement != ""
		}
	}
	return strings.Join(all, "; "), sent
}

// changingError is a change of the members that does not end.
type changingError struct{ text string }

func (e *changingError) Error() string {
	return fmt.Sprintf("a change of the members that this run has not begun is still at work after %s (%s): the engine ends it by itself, after polar_dma_config_change_timeout; run again when polarbook status shows it no more", changePatience, e.text)
}

// survey asks all nodes at once, once none of them changes the members for somebody else.
func (c *ClusterArgs) survey(ctx context.Context, h tasks.Host, list []WantedNode) (dma.Survey, error) {
	began, said := time.Now(), ""
	for {
		survey := c.glance(ctx, h, list)
		foreign(ctx, h, survey)
		text, sent := inHand(survey)
		waited := time.Since(began)
		switch {
		case text == "", !sent && waited > dispatchPatience:
			return survey, nil
		case waited > changePatience:
			return survey, &changingError{text}
		case text != said && sent:
			said = text
			h.Say("waits for a change of the members that nobody can cut, " + text)
		}
		if err := tasks.Sleep(ctx, changePause); err != nil {
			return survey, err
		}
	}
}

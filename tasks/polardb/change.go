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

// A change of the members cannot be interrupted: when its client is gone, the engine goes on with an ALTER SYSTEM DMA for up
// to polar_dma_config_change_timeout, and then with those that wait for it. So every survey first checks whether a node runs
// such a statement that this run did not send, and waits until it has ended. A survey taken earlier would describe another
// cluster than the one that is then changed.

const (
	// changePatience limits the wait for such a statement: twice the engine's default timeout, and then some.
	changePatience = 3 * time.Minute
	// dispatchPatience limits the wait for a session of another run that has not sent its statement yet.
	dispatchPatience = 5 * time.Second
	changePause      = 500 * time.Millisecond
)

// changes holds the names of the sessions through which this run changes the members on one node. Its methods' callers lock mu.
type changes struct {
	mu  sync.Mutex
	own map[string]bool
}

// changesBy returns this run's changes on a node. They end with the connection to the host, as the sessions do.
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

// changing runs f with a session of its own for ALTER SYSTEM DMA, because a statement may hang for as long as the engine
// likes. Later surveys wait for a statement that f has given up, as they do for another run's.
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

// command runs one membership statement, for at most limit.
func (c *ClusterArgs) command(ctx context.Context, h tasks.Host, on dma.View, statement string, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return c.changing(ctx, h, on, func(conn *pgx.Conn) error {
		h.Say("on " + on.Node + ": " + statement)
		return dma.Command(ctx, conn, statement)
	})
}

// foreign removes this run's own changes from a survey.
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

// inHand lists the statements that change the members, "" for none, and reports whether one of them has been sent.
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
	return fmt.Sprintf("a change of the members that this run did not begin has not ended after %s (%s): "+
		"the engine ends it by itself after polar_dma_config_change_timeout; run again when polarbook status no longer shows it",
		changePatience, e.text)
}

// survey asks all nodes at once, after waiting until none of them changes the members for somebody else. The error is a
// *changingError, or ctx's.
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
			h.Say("waiting for a change of the members, which cannot be interrupted: " + text)
		}
		if err := tasks.Sleep(ctx, changePause); err != nil {
			return survey, err
		}
	}
}

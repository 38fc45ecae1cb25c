package polardb

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/polarbook/polarbook/tasks"
)

// sqlTarget is the argument of modules that run a statement on one node.
type sqlTarget struct {
	On string `arg:"on" default:"leader" choices:"leader self" doc:"leader: on the node that leads, by the nodes' answers; self: on the host"`
}

// at returns the node for a statement. Before the consensus views exist (on a first leader without polar_monitor) the only
// node that accepts writes counts as the leader.
func (t sqlTarget) at(ctx context.Context, c *ClusterArgs, h tasks.Host, list []WantedNode) (WantedNode, error) {
	if t.On == "self" {
		return NodeNamed(list, h.Name())
	}
	leader, _, err := c.leader(ctx, h, list, electionPatience)
	if err != nil {
		return WantedNode{}, err
	}
	return NodeNamed(list, leader.Node)
}

// sqlFound is the answer of a query on the chosen node. Err is kept here, so that check mode can go on before there is a server.
type sqlFound struct {
	Node WantedNode
	Row  []string // nil: no row
	Err  error
}

// ask runs a query that returns one row of texts on the chosen node.
func (t sqlTarget) ask(ctx context.Context, c *ClusterArgs, h tasks.Host, list []WantedNode, query string) sqlFound {
	found := sqlFound{}
	found.Node, found.Err = t.at(ctx, c, h, list)
	if found.Err == nil {
		found.Err = c.use(ctx, h, found.Node, true, func(conn *pgx.Conn) error {
			ctx, cancel := context.WithTimeout(ctx, lookLimit)
			defer cancel()
			results, err := conn.PgConn().Exec(ctx, query).ReadAll()
			if err != nil {
				return err
			}
			if len(results) > 0 && len(results[0].Rows) > 0 {
				for _, v := range results[0].Rows[0] {
					found.Row = append(found.Row, string(v))
				}
			}
			return nil
		})
	}
	return found
}

// run executes a statement on the node that ask chose.
func (t sqlTarget) run(ctx context.Context, c *ClusterArgs, h tasks.Host, f sqlFound, statement string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return c.use(ctx, h, f.Node, true, func(conn *pgx.Conn) error {
		_, err := conn.PgConn().Exec(ctx, statement).ReadAll()
		return err
	})
}

// sqlChange is a statement and the node that it runs on.
type sqlChange struct {
	found     sqlFound
	statement string
	password  string // the role's rolpassword after the statement; "": unchanged
}

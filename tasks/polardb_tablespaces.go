package tasks

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/polarbook/polarbook/tasks/dma"
)

var polardbTablespacesModule = Define(Module{
	Name:    "polardb_tablespaces",
	Summary: "See that the leader can be copied: it has no tablespaces",
	Notes: []string{
		"The engine's base backup leaves the files of tablespaces out, without an error (observed on 11.9): the copy would lack the tables in them, and its server end when they are written. polardb_basebackup and polardb_backup ask the same before they begin; this module asks before anything else is changed.",
		"Where nobody leads there is nothing to ask, and nothing is refused.",
	},
	Examples: `- polardb_tablespaces:
    nodes: "{{ polardb_nodes }}"
    login_password: "{{ polardb_password }}"
  run_once: yes
`,
}, func(a *clusterArgs, _ Local) (Action, error) {
	list, err := a.nodes()
	return &tablespacesAction{args: a, list: list}, err
})

type tablespacesAction struct {
	args *clusterArgs
	list []wantedNode
}

func (t *tablespacesAction) Probe() string { return "" }

func (t *tablespacesAction) Ask(ctx context.Context, h Host, f Found) (Found, error) {
	var err error
	f.Value, err = t.args.askTablespaces(ctx, h, t.list)
	return f, err
}

func (t *tablespacesAction) Plan(f Found) (Plan, error) {
	spaces, ok := f.Value.([]tablespace)
	if !ok {
		return Plan{}, errors.New("the leader was not asked")
	}
	return Plan{Msg: "no tablespaces"}, refuseTablespaces(spaces)
}

// tablespace is one that somebody made.
type tablespace struct {
	name, location string
	databases      []string // that keep something in it
}

// askTablespaces asks whoever leads, once; nobody does: none.
func (c *clusterArgs) askTablespaces(ctx context.Context, h Host, list []wantedNode) ([]tablespace, error) {
	survey, err := c.survey(ctx, h, list)
	if err != nil {
		return nil, err
	}
	leader, err := survey.Leader()
	if err != nil {
		return []tablespace{}, nil //nolint:nilerr // whoever needs a leader waits for one, and says so
	}
	return c.tablespaces(ctx, h, list, leader)
}

// copyable refuses a leader whose tablespaces a copy would lack. It is asked before a copy and after it: one that was made
// meanwhile is as bad.
func (c *clusterArgs) copyable(ctx context.Context, h Host, list []wantedNode, leader dma.View) error {
	spaces, err := c.tablespaces(ctx, h, list, leader)
	if err != nil {
		return err
	}
	return refuseTablespaces(spaces)
}

// tablespaces lists those of the cluster, with the databases that use them.
func (c *clusterArgs) tablespaces(ctx context.Context, h Host, list []wantedNode, leader dma.View) ([]tablespace, error) {
	on, err := nodeNamed(list, leader.Node)
	if err != nil {
		return nil, err
	}
	spaces := []tablespace{}
	err = c.use(ctx, h, on, true, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, "select oid::int8, spcname::text, pg_tablespace_location(oid) from pg_tablespace where spcname not in ('pg_default', 'pg_global') order by spcname")
		if err != nil {
			return err
		}
		var oids []int64
		for rows.Next() {
			var s tablespace
			var oid int64
			if err := rows.Scan(&oid, &s.name, &s.location); err != nil {
				return err
			}
			spaces, oids = append(spaces, s), append(oids, oid)
		}
		if err := rows.Err(); err != nil {
			return err
		}
		for i, oid := range oids {
			names, err := conn.Query(ctx, fmt.Sprintf("select datname::text from pg_database where oid in (select x from pg_tablespace_databases(%d) x) order by datname", oid))
			if err != nil {
				return err
			}
			if spaces[i].databases, err = pgx.CollectRows(names, pgx.RowTo[string]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, &Failure{Msg: "the tablespaces of " + leader.Node + " cannot be asked for, and nothing is copied without", Err: err}
	}
	return spaces, nil
}

// refuseTablespaces says why a cluster with tablespaces is not copied; nil: it has none.
func refuseTablespaces(spaces []tablespace) error {
	if len(spaces) == 0 {
		return nil
	}
	var shown, drops []string
	for _, s := range spaces {
		used := "nothing in it"
		if len(s.databases) > 0 {
			used = "used by " + strings.Join(s.databases, ", ")
		}
		shown = append(shown, fmt.Sprintf("%s in %s (%s)", s.name, s.location, used))
		drops = append(drops, s.name)
	}
	return &Failure{Msg: "the cluster has tablespaces, and a base backup of this engine leaves their files out: " + strings.Join(shown, "; "),
		Hint: "nothing was changed. In each of these databases move what is in them (ALTER TABLE ALL IN TABLESPACE " + drops[0] + " SET TABLESPACE pg_default, the same with INDEX and MATERIALIZED VIEW; " +
			"ALTER DATABASE … SET TABLESPACE pg_default for a database of its own), then DROP TABLESPACE " + strings.Join(drops, ", DROP TABLESPACE ")}
}

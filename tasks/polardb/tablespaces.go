package polardb

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
)

type tablespacesArgs struct {
	NodeArgs
	ClusterArgs
}

var tablespacesModule = tasks.Define(tasks.Module{
	Name:    "polardb_tablespaces",
	Summary: "Check that the leader can be copied to a node with its tablespaces",
	Notes: []string{
		"A tablespace is copied to the same place on the node, which is created when it is missing. " +
			"An existing place must be empty, or hold what an earlier copy of this node left, and belong to root or the engine's account; " +
			"nobody else may be able to replace it.",
		"Refuses places that are not so, and tablespaces that a base backup cannot copy (inside PGDATA or POLARDATA, " +
			"or with a path of 100 bytes or more), with the list and before anything is changed. " +
			"polardb_basebackup and polardb_backup check the same before they begin.",
		"Without a leader there is nothing to check, and nothing is refused.",
	},
	Returns: []tasks.Return{{Name: "tablespaces", Type: "list", Doc: "the tablespaces' directories"}},
	Examples: `- polardb_tablespaces:
    pgdata: /var/lib/polardb/pgdata
    polardata: /var/lib/polardb/polardata
    nodes: "{{ polardb_nodes }}"
    login_password: "{{ polardb_password }}"
`,
}, func(a *tablespacesArgs, _ tasks.Local) (tasks.Action, error) {
	if err := a.Check(); err != nil {
		return nil, err
	}
	list, err := a.Listed()
	return tasks.Ask(&tablespacesAction{args: a, list: list}), err
})

type tablespacesAction struct {
	args *tablespacesArgs
	list []WantedNode
}

// tablespacesFound holds the cluster's tablespaces, and why they cannot be copied.
type tablespacesFound struct {
	spaces []tablespace
	doubts []string
}

func (t *tablespacesAction) Ask(ctx context.Context, h tasks.Host, _ tasks.Found) (tablespacesFound, error) {
	spaces, err := t.args.askTablespaces(ctx, h, t.list)
	if err != nil {
		return tablespacesFound{}, err
	}
	found := tablespacesFound{spaces: spaces, doubts: unfitSpaces(spaces, t.list)}
	if len(found.doubts) == 0 {
		found.doubts, err = t.args.spaceDoubts(ctx, h, spaces)
	}
	return found, err
}

func (t *tablespacesAction) Plan(found tablespacesFound) (tasks.Plan, error) {
	places := []any{}
	var shown []string
	for _, s := range found.spaces {
		places = append(places, s.location)
		shown = append(shown, s.String())
	}
	msg := "no tablespaces"
	if len(shown) > 0 {
		msg = "tablespaces: " + strings.Join(shown, "; ")
	}
	return tasks.Plan{Msg: msg, Values: map[string]any{"tablespaces": places}}, refuseSpaces(found.doubts)
}

// tablespace is a tablespace that the engine did not create itself.
type tablespace struct {
	oid            int64
	name, location string
	databases      []string // that use it
}

// askTablespaces asks the leader once for the tablespaces; without a leader it returns none.
func (c *ClusterArgs) askTablespaces(ctx context.Context, h tasks.Host, list []WantedNode) ([]tablespace, error) {
	survey, err := c.survey(ctx, h, list)
	if err != nil {
		return nil, err
	}
	leader, err := survey.Leader()
	if err != nil {
		return []tablespace{}, nil //nolint:nilerr // a module that needs a leader waits for one and reports that there is none
	}
	return c.tablespaces(ctx, h, list, leader)
}

// copyable returns the tablespaces that a copy of the leader has to include; an error names those that cannot be copied.
func (c *ClusterArgs) copyable(ctx context.Context, h tasks.Host, list []WantedNode, leader dma.View) ([]tablespace, error) {
	spaces, err := c.tablespaces(ctx, h, list, leader)
	if err != nil {
		return nil, err
	}
	return spaces, refuseSpaces(unfitSpaces(spaces, list))
}

// tablespaces returns the cluster's tablespaces by name, with the databases that use them.
func (c *ClusterArgs) tablespaces(ctx context.Context, h tasks.Host, list []WantedNode, leader dma.View) ([]tablespace, error) {
	on, err := NodeNamed(list, leader.Node)
	if err != nil {
		return nil, err
	}
	spaces := []tablespace{}
	err = c.use(ctx, h, on, true, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, "select oid::int8, spcname::text, pg_tablespace_location(oid) from pg_tablespace"+
			" where spcname not in ('pg_default', 'pg_global') order by spcname")
		if err != nil {
			return err
		}
		for rows.Next() {
			var s tablespace
			if err := rows.Scan(&s.oid, &s.name, &s.location); err != nil {
				return err
			}
			spaces = append(spaces, s)
		}
		if err := rows.Err(); err != nil {
			return err
		}
		for i, s := range spaces {
			names, err := conn.Query(ctx, fmt.Sprintf("select datname::text from pg_database "+
				"where oid in (select x from pg_tablespace_databases(%d) x) order by datname", s.oid))
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
		return nil, &tasks.Failure{
			Msg: "the tablespaces of " + leader.Node + " are not known, and nothing is copied without them",
			Err: err,
		}
	}
	return spaces, nil
}

func (t tablespace) String() string {
	used := "nothing in it"
	if len(t.databases) > 0 {
		used = "used by " + strings.Join(t.databases, ", ")
	}
	return fmt.Sprintf("%s in %s (%s)", t.name, t.location, used)
}

// linkLimit is the most bytes that the target of a link may have in a base backup.
const linkLimit = 99

// unfitSpaces returns the tablespaces that a base backup cannot copy, each with the reason.
func unfitSpaces(spaces []tablespace, list []WantedNode) []string {
	var doubts []string
	for _, t := range spaces {
		doubt := ""
		switch {
		case !path.IsAbs(t.location):
			doubt = "is not a directory of its own"
		case strings.ContainsFunc(t.location, func(r rune) bool { return r < 0x20 || r == 0x7f }):
			doubt = "has control characters in its path"
		case len(t.location) > linkLimit:
			doubt = fmt.Sprintf("has a path of %d bytes, more than the %d of a base backup", len(t.location), linkLimit)
		}
		for _, n := range list {
			for _, dir := range []string{n.Pgdata, n.Polardata} {
				if dir != "" && doubt == "" && (under(t.location, dir) || under(dir, t.location)) {
					doubt = fmt.Sprintf("and %s of %s are inside one another", dir, n.Name)
				}
			}
		}
		if doubt != "" {
			doubts = append(doubts, fmt.Sprintf("%s %s", t, doubt))
		}
	}
	return doubts
}

// under reports whether p is dir, or lies under it.
func under(p, dir string) bool {
	return strings.HasPrefix(path.Clean(p)+"/", path.Clean(dir)+"/")
}

// refuseSpaces returns the error for tablespaces that cannot be copied; nil without any.
func refuseSpaces(doubts []string) error {
	if len(doubts) == 0 {
		return nil
	}
	return &tasks.Failure{
		Msg: "the cluster has tablespaces that cannot be copied: " + strings.Join(doubts, "; "),
		Hint: "nothing was changed. Make room for them on that host, or move what is in them (ALTER TABLE ALL IN TABLESPACE … " +
			"SET TABLESPACE …, the same with INDEX and MATERIALIZED VIEW) and drop them",
	}
}

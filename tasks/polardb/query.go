package polardb

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/templates/ordered"
)

type queryArgs struct {
	ClusterArgs
	sqlTarget
	Query   string `arg:"query,required" doc:"one SQL statement; pass values in args, not in the text"`
	Args    []any  `arg:"args" alias:"positional_args" doc:"values for $1, $2, …"`
	Timeout int    `arg:"timeout" default:"60" doc:"seconds; a write on a leader that has lost its majority would hang for ever"`
}

var queryModule = tasks.Define(tasks.Module{
	Name:    "polardb_query",
	Summary: "Run one SQL statement on the leader or on the host itself",
	Notes: []string{
		"A statement that begins with SELECT, SHOW, VALUES or TABLE is taken to change nothing and also runs in check mode; " +
			"any other reports changed.",
	},
	Returns: []tasks.Return{
		{Name: "query_result", Type: "list", Doc: "the rows, each a dict by column"},
		{Name: "rowcount", Type: "int", Doc: "rows returned or affected"},
		{Name: "statusmessage", Type: "str", Doc: "the server's command tag"},
		{Name: "node", Type: "str", Doc: "where it ran"},
	},
	Examples: `- polardb_query:
    query: select count(*) as n from pg_stat_activity
    nodes: "{{ polardb_nodes }}"
    login_password: "{{ polardb_password }}"
  register: sessions
`,
}, func(a *queryArgs, _ tasks.Local) (tasks.Action, error) {
	list, err := a.Listed()
	return tasks.Ask(&queryAction{args: a, list: list}), err
})

type queryAction struct {
	args *queryArgs
	list []WantedNode
}

func (q *queryAction) reads() bool {
	words := strings.Fields(strings.ToLower(q.args.Query))
	return len(words) > 0 && (words[0] == "select" || words[0] == "show" || words[0] == "values" || words[0] == "table")
}

// Ask runs a query that only reads and returns its values. It returns nil for any other, which must run only once.
func (q *queryAction) Ask(ctx context.Context, h tasks.Host, _ tasks.Found) (map[string]any, error) {
	if !q.reads() {
		return nil, nil
	}
	r, err := q.execute(ctx, h)
	return r.Values, err
}

func (q *queryAction) Plan(said map[string]any) (tasks.Plan, error) {
	if said != nil {
		return tasks.Plan{Values: said}, nil
	}
	return tasks.Plan{Change: true, Event: true, Msg: q.args.Query}, nil
}

func (q *queryAction) Apply(ctx context.Context, h tasks.Host, _ tasks.Plan) (tasks.Result, error) {
	r, err := q.execute(ctx, h)
	r.Changed = true
	return r, err
}

func (q *queryAction) execute(ctx context.Context, h tasks.Host) (tasks.Result, error) {
	node, err := q.args.at(ctx, &q.args.ClusterArgs, h, q.list)
	if err != nil {
		return tasks.Result{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(q.args.Timeout)*time.Second)
	defer cancel()
	values := map[string]any{"node": node.Name}
	err = q.args.use(ctx, h, node, true, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, q.args.Query, q.args.Args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		list := []any{}
		for rows.Next() {
			columns, err := rows.Values()
			if err != nil {
				return err
			}
			row := ordered.New(len(columns))
			for i, d := range rows.FieldDescriptions() {
				row.Set(d.Name, plain(columns[i]))
			}
			list = append(list, row)
		}
		tag := rows.CommandTag()
		values["query_result"], values["rowcount"], values["statusmessage"] = list, int(tag.RowsAffected()), tag.String()
		return rows.Err()
	})
	if err != nil {
		return tasks.Result{}, &tasks.Failure{Msg: "on " + node.Name, Err: err, Values: values}
	}
	return tasks.Result{Values: values}, nil
}

// plain converts a column's value into one that a variable can hold.
func plain(v any) any {
	switch v := v.(type) {
	case nil, string, bool, int, float64:
		return v
	case int16:
		return int(v)
	case int32:
		return int(v)
	case int64:
		return int(v)
	case float32:
		return float64(v)
	case time.Time:
		return v.Format(time.RFC3339Nano)
	}
	return fmt.Sprint(v)
}

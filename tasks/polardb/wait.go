package polardb

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
)

type waitArgs struct {
	ClusterArgs
	For     string `arg:"for" default:"leader" choices:"leader writable answering" doc:"leader: the cluster has one that a majority agrees with; writable: this node accepts writes; answering: it accepts connections"`
	Timeout int    `arg:"timeout" default:"90" doc:"seconds to wait at most"`
}

var waitModule = tasks.Define(tasks.Module{
	Name:    "polardb_wait",
	Summary: "Wait until a node accepts writes, or the cluster has a leader",
	Notes: []string{
		"A started node is read-only at first; a first leader accepts writes a little after the election timeout (5 s by default). " +
			"The wait changes nothing. When the time is over it reports what it saw last.",
	},
	Returns: []tasks.Return{{Name: "leader", Type: "str", Doc: "the node that leads, when that was waited for"}},
	Examples: `- polardb_wait:
    for: writable
    nodes: "{{ polardb_nodes }}"
    login_password: "{{ polardb_password }}"
`,
}, func(a *waitArgs, l tasks.Local) (tasks.Action, error) {
	list, err := a.Listed()
	return tasks.Ask(&waitAction{args: a, list: list, check: l.Check()}), err
})

type waitAction struct {
	args  *waitArgs
	list  []WantedNode
	check bool
}

// waitFound holds the last sight in Saw, which is empty when the wait is over.
type waitFound struct {
	Saw, Leader string
	Warnings    []string
}

func (w *waitAction) Ask(ctx context.Context, h tasks.Host, _ tasks.Found) (waitFound, error) {
	return w.look(ctx, h)
}

func (w *waitAction) look(ctx context.Context, h tasks.Host) (waitFound, error) {
	if w.args.For == "leader" {
		survey, err := w.args.survey(ctx, h, w.list)
		if err != nil {
			return waitFound{}, err
		}
		leader, err := leads(survey)
		if refused := passwordRefused(survey, w.args.LoginUser); err != nil && refused != nil {
			return waitFound{}, refused // no wait will help
		}
		if err != nil {
			return waitFound{Saw: err.Error()}, nil
		}
		return waitFound{Leader: leader.Node, Warnings: delayWarnings(survey)}, nil
	}
	self, err := NodeNamed(w.list, h.Name())
	if err != nil {
		return waitFound{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	recovering := false
	err = w.args.use(ctx, h, self, true, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, "select pg_is_in_recovery()").Scan(&recovering)
	})
	switch {
	case dma.Code(err) == "28P01" || dma.Code(err) == "28000":
		return waitFound{}, err // no wait will help
	case err != nil:
		return waitFound{Saw: err.Error()}, nil
	case recovering && w.args.For == "writable":
		return waitFound{Saw: h.Name() + " answers, but is read-only"}, nil
	}
	return waitFound{}, nil
}

func (w *waitAction) Plan(found waitFound) (tasks.Plan, error) {
	values := map[string]any{"leader": found.Leader}
	if found.Saw == "" {
		return tasks.Plan{Values: values, Warnings: found.Warnings}, nil
	}
	if w.check {
		return tasks.Plan{Msg: "would wait: " + found.Saw, Values: values}, nil
	}
	return tasks.Plan{Change: true, Msg: "wait", Values: values}, nil
}

func (w *waitAction) Apply(ctx context.Context, h tasks.Host, _ tasks.Plan) (tasks.Result, error) {
	start := time.Now()
	limit := time.Duration(w.args.Timeout) * time.Second
	for {
		found, err := w.look(ctx, h)
		if err != nil {
			return tasks.Result{}, err
		}
		if found.Saw == "" {
			return tasks.Result{Values: map[string]any{"leader": found.Leader}, Warnings: found.Warnings}, nil
		}
		h.Say(found.Saw)
		if time.Since(start) > limit {
			return tasks.Result{}, &tasks.Failure{
				Msg: fmt.Sprintf("waited %s for %s; saw last: %s", limit, map[string]string{
					"leader":    "a leader",
					"writable":  "the node to take writes",
					"answering": "the node to take connections",
				}[w.args.For], found.Saw),
				Hint: "see the server log on the host (pg_log in PGDATA)",
			}
		}
		if err := tasks.Sleep(ctx, 300*time.Millisecond); err != nil {
			return tasks.Result{}, err
		}
	}
}

package polardb

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
)

type proofArgs struct {
	ClusterArgs
	Timeout int `arg:"timeout" default:"60" doc:"seconds until everything must be as wanted"`
}

var proofModule = tasks.Define(tasks.Module{
	Name:    "polardb_proof",
	Summary: "Prove that the cluster is as wanted, with a row that is written on the leader and read on the others",
	Notes: []string{
		"Compares members, roles and weights as every node sees them, and checks that every member streams.",
		"The row goes into the table polarbook.proof of the login database, which holds only this row; it has the time of the proof.",
		"A member that is not in the inventory is a failure: this module does not remove it.",
	},
	Returns: []tasks.Return{
		{Name: "leader", Type: "str", Doc: "the node that leads"},
		{Name: "members", Type: "list", Doc: "what was seen of each member"},
		{Name: "table", Type: "str", Doc: "the same, to be read"},
	},
	Examples: `- polardb_proof:
    nodes: "{{ polardb_nodes }}"
    login_password: "{{ polardb_password }}"
  run_once: yes
`,
}, func(a *proofArgs, l tasks.Local) (tasks.Action, error) {
	list, err := a.Listed()
	return tasks.Ask(&proofAction{args: a, list: list, check: l.Check()}), err
})

type proofAction struct {
	args  *proofArgs
	list  []WantedNode
	check bool
}

// Ask surveys the cluster in check mode only; otherwise Apply does, until the cluster is as wanted.
func (p *proofAction) Ask(ctx context.Context, h tasks.Host, _ tasks.Found) (dma.Survey, error) {
	if !p.check {
		return nil, nil
	}
	return p.args.survey(ctx, h, p.list)
}

// Plan in check mode reports what the proof would find wrong now. The proof is not a change: a run that finds everything as
// wanted reports none.
func (p *proofAction) Plan(survey dma.Survey) (tasks.Plan, error) {
	if survey == nil {
		return tasks.Plan{Change: true, Event: true, Msg: "prove the cluster"}, nil
	}
	leader, err := leads(survey)
	if err != nil {
		return tasks.Plan{Msg: "the proof would fail now: " + err.Error()}, nil
	}
	if wrong := doubts(survey, leader, p.list); len(wrong) > 0 {
		return tasks.Plan{Msg: "the proof would fail now: " + strings.Join(wrong, "; ")}, nil
	}
	return tasks.Plan{Msg: memberTable(clusterMembers(survey, leader, p.list)), Warnings: delayWarnings(survey)}, nil
}

func (p *proofAction) Apply(ctx context.Context, h tasks.Host, _ tasks.Plan) (tasks.Result, error) {
	limit := time.Duration(p.args.Timeout) * time.Second
	deadline := time.Now().Add(limit)
	leader, survey, saw, err := p.args.await(ctx, h, p.list, max(limit, electionPatience), func(survey dma.Survey, leader dma.View) string {
		return strings.Join(doubts(survey, leader, p.list), "; ")
	})
	switch {
	case err != nil:
		return tasks.Result{}, err
	case saw != "":
		return tasks.Result{}, &tasks.Failure{
			Msg:  fmt.Sprintf("the cluster is not as wanted (limit %d s): %s", p.args.Timeout, saw),
			Hint: "polarbook status shows what each node reports; polarbook run start.yml starts the servers that do not run",
		}
	}
	if err := p.row(ctx, h, leader, deadline); err != nil {
		return tasks.Result{}, err
	}
	members := clusterMembers(survey, leader, p.list)
	return tasks.Result{
		Msg:      memberTable(members),
		Warnings: delayWarnings(survey),
		Values:   map[string]any{"leader": leader.Node, "members": members, "table": memberTable(members)},
	}, nil
}

// doubts lists all differences between the cluster and the inventory.
func doubts(survey dma.Survey, leader dma.View, list []WantedNode) []string {
	var all []string
	for _, n := range list {
		if v, _ := survey.Of(n.Name); v.Address != n.Address && v.Err == nil {
			all = append(all, fmt.Sprintf("%s is %s in the cluster and %s in the inventory", n.Name, v.Address, n.Address))
			continue
		}
		if d := disagreement(survey, leader, n); d != "" {
			all = append(all, d)
			continue
		}
		row, _ := leader.Member(n.Address)
		if n.Weight >= 0 && n.Voter() && row.Weight != n.Weight {
			all = append(all, fmt.Sprintf("%s has the weight %d, wanted %d", n.Name, row.Weight, n.Weight))
		}
	}
	for _, row := range leader.Cluster {
		if _, known := survey.At(row.IPPort); !known {
			all = append(all, fmt.Sprintf("%s is a member (%s) and not in the inventory", row.IPPort, row.Role))
		}
	}
	return all
}

const proofTable = `create schema if not exists polarbook;
create table if not exists polarbook.proof (id int primary key, mark text);`

// row writes a mark on the leader and waits until every other member that holds data shows it.
func (p *proofAction) row(ctx context.Context, h tasks.Host, leader dma.View, deadline time.Time) error {
	ctx, cancel := context.WithDeadline(ctx, deadline.Add(10*time.Second))
	defer cancel()
	on, err := NodeNamed(p.list, leader.Node)
	if err != nil {
		return err
	}
	mark := time.Now().UTC().Format(time.RFC3339Nano)
	write := func(conn *pgx.Conn) error {
		update := "insert into polarbook.proof values (1, " + dma.Literal(mark) + ") on conflict (id) do update set mark = excluded.mark"
		_, err := conn.PgConn().Exec(ctx, update).ReadAll()
		if code := dma.Code(err); code == "42P01" || code == "3F000" {
			if _, err := conn.PgConn().Exec(ctx, proofTable).ReadAll(); err != nil {
				return err
			}
			_, err = conn.PgConn().Exec(ctx, update).ReadAll()
		}
		return err
	}
	if err := p.args.use(ctx, h, on, true, write); err != nil {
		return &tasks.Failure{Msg: "cannot write a row on the leader " + leader.Node, Err: err}
	}
	for _, n := range p.list {
		if n.Name == leader.Node || n.Role == roleLogger {
			continue
		}
		if err := p.read(ctx, h, n, mark, deadline); err != nil {
			return err
		}
	}
	return nil
}

func (p *proofAction) read(ctx context.Context, h tasks.Host, n WantedNode, mark string, deadline time.Time) error {
	for {
		saw := ""
		err := p.args.use(ctx, h, n, false, func(conn *pgx.Conn) error {
			err := conn.QueryRow(ctx, "select mark from polarbook.proof where id = 1").Scan(&saw)
			if errors.Is(err, pgx.ErrNoRows) || dma.Code(err) == "42P01" || dma.Code(err) == "3F000" {
				return nil
			}
			return err
		})
		switch {
		case err == nil && saw == mark:
			return nil
		case time.Now().After(deadline) && err != nil:
			return &tasks.Failure{Msg: "cannot read the row written on the leader on " + n.Name, Err: err}
		case time.Now().After(deadline):
			return &tasks.Failure{
				Msg: fmt.Sprintf("the row written on the leader did not reach %s in %d s; it shows %q, written was %q",
					n.Name, p.args.Timeout, saw, mark),
			}
		}
		if err := tasks.Sleep(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

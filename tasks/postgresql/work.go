package postgresql

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/polarbook/polarbook/tasks"
)

// work is a module's task.
type work struct {
	module   string
	login    *Login
	database string
	check    bool
	// questions only read; decide is pure.
	questions []question
	more      func(found []answer) []question // what to ask by the answers; nil: nothing
	decide    func(found []answer) (change, error)
	// named is for people, such as "database acme".
	named string
}

// change is what there is to do.
type change struct {
	statements []statement
	apart      bool // no transaction may hold them
	// settled: a second look cannot tell whether the change took effect, such as where nothing of it can be read.
	settled bool
	// told is where the result has the statements, "" for queries; untold: not in check mode, as with Ansible's module.
	told   string
	untold bool
	// failed, where it is not nil, is the result in place of a failure when the server refuses the change.
	failed   map[string]any
	msg      string
	values   map[string]any
	warnings []string
}

// statement is one that changes something.
type statement struct {
	sql   string
	shown string // in queries, where it holds what is secret; "": as it is
}

func (s statement) text() string {
	if s.shown != "" {
		return s.shown
	}
	return s.sql
}

func (c *change) add(sql string) { c.statements = append(c.statements, statement{sql: sql}) }

func (c change) queries() []any {
	list := []any{}
	for _, s := range c.statements {
		list = append(list, s.text())
	}
	return list
}

// found are the answers, or why there are none.
type found struct {
	answers []answer
	err     error
}

func asks(statements ...string) []question {
	var list []question
	for _, s := range statements {
		list = append(list, question{sql: s})
	}
	return list
}

func (w *work) Ask(ctx context.Context, h tasks.Host, _ tasks.Found) (found, error) {
	answers, err := w.login.run(ctx, h, w.database, w.questions...)
	var not *unreached
	if errors.As(err, &not) && ctx.Err() == nil {
		return found{err: err}, nil
	}
	if err == nil && w.more != nil {
		if list := w.more(answers); len(list) > 0 {
			var others []answer
			others, err = w.login.run(ctx, h, w.database, list...)
			answers = append(answers, others...)
		}
	}
	if err != nil {
		return found{}, fmt.Errorf("ask for %s: %w", w.named, err)
	}
	return found{answers: answers}, nil
}

func (w *work) Plan(f found) (tasks.Plan, change, error) {
	if f.err != nil && w.check {
		return tasks.Plan{Change: true, Unknown: f.err.Error(), Msg: w.named}, change{}, nil
	}
	if f.err != nil {
		return tasks.Plan{}, change{}, &tasks.Failure{Err: f.err}
	}
	c, err := w.decide(f.answers)
	if err != nil {
		return tasks.Plan{}, c, err
	}
	p := tasks.Plan{Change: len(c.statements) > 0, Msg: c.msg, Values: c.values, Warnings: c.warnings}
	if p.Values == nil {
		p.Values = map[string]any{}
	}
	told := cmp.Or(c.told, "queries")
	if _, given := p.Values[told]; !given {
		p.Values[told] = c.queries()
	}
	if c.untold && w.check {
		p.Values[told] = []any{}
	}
	return p, c, nil
}

func (w *work) Apply(ctx context.Context, h tasks.Host, p tasks.Plan, c change) (tasks.Result, error) {
	if p.Unknown != "" {
		return tasks.Result{}, &tasks.Failure{Msg: p.Unknown}
	}
	if err := c.carryOut(ctx, h, w.login, w.database); err != nil {
		var refused *tasks.Failure
		if c.failed != nil && errors.As(err, &refused) {
			return tasks.Result{Values: c.failed, Msg: err.Error()}, nil
		}
		return tasks.Result{}, err
	}
	if c.settled {
		return tasks.Result{Changed: true}, nil
	}
	after, err := w.Ask(ctx, h, tasks.Found{})
	if err != nil {
		return tasks.Result{}, err
	}
	again, _, err := w.Plan(after)
	if err != nil {
		return tasks.Result{}, err
	}
	if again.Change && again.Unknown == "" {
		return tasks.Result{}, &tasks.Failure{Msg: w.named + " is not as wanted after the change: " + again.Msg}
	}
	return tasks.Result{Changed: true}, nil
}

// carryOut makes a change: all of it or nothing, where a transaction can hold it.
func (c change) carryOut(ctx context.Context, h tasks.Host, l *Login, database string) error {
	var list []question
	if !c.apart {
		list = append(list, question{sql: "begin"})
	}
	first := len(list)
	for _, s := range c.statements {
		list = append(list, question{sql: s.sql})
	}
	if !c.apart {
		list = append(list, question{sql: "commit"})
	}
	answers, err := l.run(ctx, h, database, list...)
	if err == nil {
		return nil
	}
	if at := len(answers) - first; at >= 0 && at < len(c.statements) {
		return &tasks.Failure{Msg: c.statements[at].text(), Err: err}
	}
	return err
}

package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/playbooks/engine"
	"github.com/polarbook/polarbook/playbooks/engine/event"
	"github.com/polarbook/polarbook/playbooks/engine/session"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/templates/ordered"
)

type statusCmd struct {
	hostOptions
	Watch    bool   `short:"w" help:"Refresh until interrupted."`
	Interval int    `default:"2" help:"Refresh every so many seconds (with --watch)."`
	Output   string `short:"o" enum:"text,json" default:"text" help:"Choose the output: text, or json (one object a refresh)."`
}

func (c *statusCmd) Run(t *terminal, run runContext) error {
	w, err := c.prepare(t)
	if err != nil {
		return err
	}
	p, err := w.load("status.yml")
	if err != nil {
		return err
	}
	if err := w.warnOfUnread([]*playbooks.Playbook{p}); err != nil {
		return err
	}
	o, err := w.engineOptions(run)
	if err != nil {
		return err
	}
	o.Playbooks = []*playbooks.Playbook{p}
	pool := &pool{connect: session.SSH, open: map[string]session.Connection{}}
	defer pool.close()
	o.Connect = pool.get
	for {
		l := &statusListener{}
		o.Listeners = []event.Listener{l}
		_, err := engine.Run(run, o)
		if l.values == nil {
			if err == nil {
				err = fmt.Errorf("no host of the group polardb answered")
			}
			if l.failure != "" {
				err = &exit{code: max(codeOf(err), exitFailed), err: fmt.Errorf("%s", l.failure)}
			}
			if !c.Watch {
				return err
			}
		}
		c.show(t, l, err)
		if !c.Watch {
			return statusVerdict(l)
		}
		select {
		case <-time.After(seconds(max(1, c.Interval))):
		case <-run.stop:
			return nil
		case <-run.Done():
			return nil
		}
	}
}

// statusVerdict makes a script see that something is wrong.
func statusVerdict(l *statusListener) error {
	if text(l.values.Value("problem")) != "" {
		return &exit{code: exitFailed}
	}
	for _, key := range []string{"disagrees", "unfinished"} {
		if list, _ := l.values.Value(key).([]any); len(list) > 0 {
			return &exit{code: exitFailed}
		}
	}
	return nil
}

func (c *statusCmd) show(t *terminal, l *statusListener, err error) {
	if c.Output == "json" {
		out := map[string]any{"time": time.Now().Format(time.RFC3339), "error": ""}
		for _, key := range []string{"leader", "problem", "members", "disagrees", "remarks", "unfinished", "endpoint"} {
			out[key] = l.values.Value(key)
		}
		if l.values == nil {
			out["error"] = err.Error()
		}
		out["warnings"] = append([]string{}, l.warnings...)
		_ = jsonLine(t, out)
		return
	}
	var b strings.Builder
	if c.Watch && t.tty {
		b.WriteString(ours + "[H" + ours + "[2J")
	}
	if c.Watch {
		b.WriteString(t.faint(time.Now().Format("15:04:05")) + "\n")
	}
	if l.values == nil {
		fmt.Fprintf(&b, "%s %s\n", t.red("no answer:"), indentAfter(err.Error(), "  "))
		fmt.Fprint(t.out, b.String())
		return
	}
	lines := strings.Split(text(l.values.Value("table")), "\n")
	b.WriteString(t.bold(lines[0]) + "\n")
	members, _ := l.values.Value("members").([]any)
	for i, line := range lines[1:] {
		if i < len(members) {
			switch {
			case field(members[i], "answers") == false:
				line = t.red(line)
			case field(members[i], "role") == "leader":
				line = t.green(line)
			}
		}
		b.WriteString(line + "\n")
	}
	if details := text(l.values.Value("details")); details != "" {
		head, rest, _ := strings.Cut(details, "\n")
		b.WriteString("\n" + t.bold(head) + "\n" + rest + "\n")
	}
	if says := text(field(l.values.Value("endpoint"), "says")); says != "" {
		for line := range strings.Lines(says) {
			b.WriteString("\n" + t.bold("endpoint") + " " + strings.TrimSpace(line))
		}
		b.WriteString("\n")
	}
	if problem := text(l.values.Value("problem")); problem != "" {
		b.WriteString("\n" + t.red("no leader: ") + indentAfter(problem, "  ") + "\n")
	}
	if list, _ := l.values.Value("disagrees").([]any); len(list) > 0 {
		b.WriteString("\n" + t.yellow("not as the inventory wants it:") + "\n")
		for _, d := range list {
			fmt.Fprintf(&b, "  %s\n", indentAfter(fmt.Sprint(d), "    "))
		}
	}
	for _, w := range l.warnings {
		b.WriteString("\n" + t.yellow("warning:") + " " + indentAfter(w, "  ") + "\n")
	}
	if list, _ := l.values.Value("unfinished").([]any); len(list) > 0 {
		b.WriteString("\n" + t.yellow("begun and not finished:") + "\n")
		for _, d := range list {
			fmt.Fprintf(&b, "  recover-majority.yml, with %s to go on; to finish it: %s\n", text(field(d, "survivor")), text(field(d, "command")))
		}
	}
	fmt.Fprint(t.out, b.String())
}

// field returns a key of a dict in a result, nil where it has no such key.
func field(dict any, key string) any {
	switch d := dict.(type) {
	case *ordered.Map:
		return d.Value(key)
	case map[string]any:
		return d[key]
	}
	return nil
}

// listOf is a list in a result, empty where it is none.
func listOf(v any) []any {
	list, _ := v.([]any)
	return list
}

// statusListener keeps what the first task of status.yml registered, and what all of them warn of.
type statusListener struct {
	values   *ordered.Map
	failure  string
	warnings []string
}

func (l *statusListener) Event(e event.Event) {
	d, ok := e.(event.HostDone)
	if !ok {
		return
	}
	l.warnings = append(l.warnings, d.Warnings...)
	if d.Status == event.OK && d.Values.Value("table") != nil {
		l.values = d.Values
	}
	if d.Status == event.Failed || d.Status == event.Unreachable {
		l.failure = whatFailed(d)
	}
}

// pool keeps connections over the questions of --watch, and forgets the lost ones.
type pool struct {
	connect func(context.Context, remote.Config) (session.Connection, error)
	mu      sync.Mutex
	open    map[string]session.Connection
}

func (p *pool) get(ctx context.Context, c remote.Config) (session.Connection, error) {
	p.mu.Lock()
	old := p.open[c.Name]
	p.mu.Unlock()
	if old != nil {
		select {
		case <-old.Done():
		default:
			return kept{old}, nil
		}
	}
	conn, err := p.connect(ctx, c)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open[c.Name] = conn
	return kept{conn}, nil
}

func (p *pool) close() {
	for _, c := range p.open {
		_ = c.Close()
	}
}

// kept is a connection that a run may not close.
type kept struct{ session.Connection }

func (kept) Close() error { return nil }

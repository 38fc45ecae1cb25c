package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"

	"golang.org/x/term"

	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/playbooks/engine"
	"github.com/polarbook/polarbook/playbooks/engine/event"
	"github.com/polarbook/polarbook/playbooks/engine/session"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
)

type psqlCmd struct {
	Node string `arg:"" optional:"" complete:"node" default:"leader" help:"Open psql on this node, or on the leader, or on a follower (the one that is least behind). What stands after -- goes to psql."`
	hostOptions
}

// Run opens the host's own psql through the SSH connection and ends with its exit code.
func (c *psqlCmd) Run(t *terminal, run runContext) error {
	w, err := c.prepare(t)
	if err == nil {
		err = w.oneCluster()
	}
	if err != nil {
		return err
	}
	connections := &pool{connect: session.SSH, open: map[string]session.Connection{}}
	defer connections.close()
	node, err := c.node(w, run, connections)
	if err != nil {
		return err
	}
	w.vars["polarbook_node"] = node
	p, err := w.loadInternal("psql.yml")
	if err != nil {
		return err
	}
	o, err := w.engineOptions(run)
	if err != nil {
		return err
	}
	kept := &borrowed{}
	l := &lastListener{}
	o.Playbooks, o.Listeners, o.Limit = []*playbooks.Playbook{p}, []event.Listener{l}, ""
	o.Connect = func(ctx context.Context, config remote.Config) (session.Connection, error) {
		conn, err := connections.get(ctx, config)
		if err != nil {
			return nil, err
		}
		return lender{conn, kept}, nil
	}
	if _, err := engine.Run(run, o); err != nil {
		if l.failure != "" {
			hint := "; is there a node of this cluster, and does its server run? See polarbook status"
			if codeOf(err) != exitFailed {
				hint = ""
			}
			err = &exit{code: codeOf(err), err: errors.New(l.failure + hint)}
		}
		return err
	}
	shell, ok := kept.shell.(attacher)
	if !ok {
		return fmt.Errorf("%s is not reached by ssh, and psql is opened through that", node)
	}
	return attachPsql(t, run, shell, kept.env)
}

// node is the node that is meant. Who leads is asked of the nodes.
func (c *psqlCmd) node(w *workplace, run runContext, connections *pool) (string, error) {
	if c.Node != "leader" && c.Node != "follower" {
		if hosts, err := w.inv.Select("polardb"); err == nil {
			var names []string
			for _, h := range hosts {
				names = append(names, h.Name)
			}
			if !slices.Contains(names, c.Node) {
				return "", fmt.Errorf("there is no node %q in the group polardb: name one of them, leader or follower; "+
					"what is for psql stands after --", c.Node)
			}
		}
		return c.Node, nil
	}
	now, err := w.askStatusOver(run, connections)
	if err != nil {
		return "", err
	}
	if c.Node == "leader" {
		if leader := text(now.values.Value("leader")); leader != "" {
			return leader, nil
		}
		return "", &exit{code: exitFailed, err: fmt.Errorf("no leader: %s", text(now.values.Value("problem")))}
	}
	best, least := "", 0
	for _, m := range listOf(now.values.Value("members")) {
		lag, known := field(m, "lag").(int)
		if field(m, "answers") == true && text(field(m, "role")) == "follower" && known && (best == "" || lag < least) {
			best, least = text(field(m, "node")), lag
		}
	}
	if best == "" {
		return "", &exit{code: exitFailed, err: errors.New("no follower answers; see polarbook status")}
	}
	return best, nil
}

// attacher is a shell on a host that a person can be attached to.
type attacher interface {
	Attach(ctx context.Context, a remote.Attachment) (int, error)
}

// attachPsql connects the user's streams with psql: on a terminal of the host's where both input and output are one here.
func attachPsql(t *terminal, run runContext, shell attacher, env map[string]string) error {
	errs := &byLines{to: t.err}
	a := remote.Attachment{Words: append([]string{"psql"}, t.rest...), Env: env, Stdin: t.in, Stdout: t.raw(), Stderr: errs}
	restore := func() {}
	ctx, cancel := context.WithCancel(run)
	defer cancel()
	if t.asks() && t.tty {
		fd := int(t.in.Fd())
		before, err := term.MakeRaw(fd)
		if err != nil {
			return fmt.Errorf("set up the terminal: %w", err)
		}
		restore = func() { _ = term.Restore(fd, before) }
		var stop func()
		a.Terminal, stop = terminalOf(fd)
		defer stop()
		a.Stdout = os.Stdout
		go func() { // not Ctrl-C, which is psql's here
			select {
			case <-run.stop:
				cancel()
			case <-ctx.Done():
			}
		}()
	} else {
		interrupt := make(chan struct{}, 1)
		go func() {
			select {
			case <-run.stop:
				interrupt <- struct{}{}
			case <-ctx.Done():
			}
		}()
		a.Interrupt = interrupt
	}
	code, err := shell.Attach(ctx, a)
	restore()
	if err != nil {
		return err
	}
	out, _ := a.Stdout.(*byLines)
	if err := errors.Join(out.flush(), errs.flush()); err != nil {
		return err
	}
	if code != 0 {
		return &exit{code: code}
	}
	return nil
}

// terminalOf describes the user's terminal and tells when it is resized.
func terminalOf(fd int) (*remote.Terminal, func()) {
	columns, rows, err := term.GetSize(fd)
	if err != nil {
		columns, rows = 80, 24
	}
	resized := make(chan [2]int)
	perhaps, end := resizes()
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-perhaps:
			case <-done:
				return
			}
			if columns, rows, err := term.GetSize(fd); err == nil {
				select {
				case resized <- [2]int{columns, rows}:
				case <-done:
					return
				}
			}
		}
	}()
	kind := os.Getenv("TERM")
	if kind == "" {
		kind = namelessTerminal
	}
	return &remote.Terminal{Kind: kind, Columns: columns, Rows: rows, Resized: resized}, func() { end(); close(done) }
}

// raw is standard output for bytes that are to pass unchanged. A terminal gets whole lines in which nothing is obeyed.
func (t *terminal) raw() io.Writer {
	l, ok := t.out.(*legible)
	if !ok {
		return t.out
	}
	if t.tty {
		return &byLines{to: l}
	}
	return l.w
}

// byLines passes on whole lines, so that no character is cut in two.
type byLines struct {
	to   io.Writer
	held []byte
}

func (w *byLines) Write(b []byte) (int, error) {
	w.held = append(w.held, b...)
	at := bytes.LastIndexByte(w.held, '\n') + 1
	if at == 0 {
		return len(b), nil
	}
	_, err := w.to.Write(w.held[:at])
	w.held = append([]byte(nil), w.held[at:]...)
	return len(b), err
}

func (w *byLines) flush() error {
	if w == nil || len(w.held) == 0 {
		return nil
	}
	_, err := w.to.Write(w.held)
	w.held = nil
	return err
}

// borrowed is the shell that a play's task ran in, and the task's environment.
type borrowed struct {
	mu    sync.Mutex
	shell tasks.Shell
	env   map[string]string
}

// lender is a connection whose shells are remembered when something runs in them with an environment.
type lender struct {
	session.Connection
	to *borrowed
}

func (l lender) Shell(ctx context.Context, b remote.Become) (tasks.Shell, error) {
	s, err := l.Connection.Shell(ctx, b)
	if err != nil {
		return nil, err
	}
	return lentShell{s, l.to}, nil
}

type lentShell struct {
	tasks.Shell
	to *borrowed
}

func (s lentShell) Run(ctx context.Context, c remote.Command) (remote.Result, error) {
	if c.Env["PGHOST"] != "" {
		s.to.mu.Lock()
		s.to.shell, s.to.env = s.Shell, c.Env
		s.to.mu.Unlock()
	}
	return s.Shell.Run(ctx, c)
}

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"time"

	"github.com/polarbook/polarbook/inventory/settings"
	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/playbooks/engine"
	"github.com/polarbook/polarbook/playbooks/engine/event"
	"github.com/polarbook/polarbook/playbooks/engine/session"
)

type runCmd struct {
	Playbook []string `arg:"" complete:"playbook" help:"Run these playbooks: files, or names of built-in ones."`
	hostOptions
	Check            bool     `short:"C" help:"Show what would be changed, and change nothing."`
	Diff             bool     `short:"D" help:"Show differences."`
	Tags             []string `short:"t" help:"Run only tasks with one of these tags."`
	SkipTags         []string `name:"skip-tags" help:"Skip tasks with one of these tags."`
	StartAtTask      string   `name:"start-at-task" placeholder:"NAME" help:"Begin with the task of this name."`
	Step             bool     `help:"Ask before each task whether to run it."`
	ForceHandlers    bool     `name:"force-handlers" help:"Run the handlers of hosts that failed too, where plays do not say whether."`
	FlushCache       bool     `name:"flush-cache" hidden:"" help:"Accepted: polarbook keeps no facts from one run to the next."`
	ModulePath       []string `short:"M" name:"module-path" hidden:"" sep:"none"`
	ListTags         bool     `name:"list-tags" help:"List the tags and run nothing."`
	ListTasks        bool     `name:"list-tasks" help:"List the tasks and run nothing."`
	ListHosts        bool     `name:"list-hosts" help:"List the hosts and run nothing."`
	SyntaxCheck      bool     `name:"syntax-check" help:"Check the playbooks and run nothing."`
	Output           string   `short:"o" enum:"auto,plain,json" default:"auto" help:"Choose the output: auto (live on a terminal, else plain), plain, or json (one event a line)."`
	Verbose          int      `short:"v" type:"counter" help:"Show more; twice: results too."`
	Yes              bool     `short:"y" help:"Do not ask before something is destroyed."`
	LockWait         int      `name:"lock-wait" placeholder:"SECONDS" help:"Wait this many seconds for others who are at work on the hosts."`
	DetailedExitcode bool     `name:"detailed-exitcode" help:"Exit with 3 when changes are pending (with --check)."`
}

func (c *runCmd) Run(t *terminal, run runContext) error {
	if c.DetailedExitcode && !c.Check {
		return errors.New("--detailed-exitcode goes with --check")
	}
	if len(c.ModulePath) > 0 {
		return errors.New("--module-path is not implemented by polarbook: its modules are in the program, polarbook doc lists them")
	}
	w, err := c.prepareWithout(t)
	if err != nil {
		return err
	}
	if err := c.readSettings(w.settings); err != nil {
		return err
	}
	var books []*playbooks.Playbook
	for _, name := range c.Playbook {
		p, err := w.load(name)
		if err != nil {
			return err
		}
		for _, warning := range p.Warnings {
			fmt.Fprintln(t.err, "warning:", indentAfter(t.masked(fmt.Sprint(warning)), "  "))
		}
		books = append(books, p)
	}
	if w.noInventory && !c.SyntaxCheck && needInventory(books) {
		return errNoInventory
	}
	if err := w.warnOfUnread(books); err != nil {
		return err
	}
	if err := w.checkClients(books); err != nil {
		return err
	}
	if err := w.checkLimit(c.Limit); err != nil {
		return err
	}
	switch {
	case c.SyntaxCheck:
		for _, p := range books {
			for _, e := range p.Unavailable {
				fmt.Fprintln(t.out, t.masked(fmt.Sprintf("%s: not available here: %s", e.Pos, oneLine(e.Msg))))
			}
			fmt.Fprintf(t.out, "%s: %s, no problems\n", p.Path, plural(len(p.Plays), "play"))
		}
		return nil
	case c.ListTasks || c.ListHosts || c.ListTags:
		return c.list(t, w, books)
	}
	if err := w.checkPatterns(books); err != nil {
		return err
	}
	o, err := w.engineOptions(run)
	if err != nil {
		return err
	}
	force, _ := w.settings.Bool(settings.ForceHandlers)
	o.ForceHandlers = c.ForceHandlers || force
	if c.Step {
		if !t.asks() {
			return errors.New("--step: there is no terminal to ask on")
		}
		o.Step = (&stepper{t: t}).ask
	}
	o.Playbooks, o.Tags, o.SkipTags, o.StartAtTask, o.Check, o.Diff = books, c.Tags, c.SkipTags, c.StartAtTask, c.Check, c.Diff
	journal, err := newJournal()
	if err != nil {
		return err
	}
	defer journal.Close()
	o.RunID = journal.ID
	o.Yes = c.Yes
	o.PendingHandlers = session.PendingHandlerFiles{}
	o.Lock = &session.Locking{User: operator(), Wait: seconds(c.LockWait), Dead: journal.Dead}
	display := c.display(t)
	if l, ok := display.(*live); ok {
		l.standBack(&o)
	}
	o.Listeners = []event.Listener{&keptJournal{Journal: journal.Journal, t: t}, display}
	report, err := engine.Run(run, o)
	if err != nil {
		if c.Output != "json" {
			fmt.Fprintln(t.err, "journal:", journal.Path)
		}
		return err
	}
	if journal.Err() != nil {
		return &exit{code: exitUnwritten} // it has been said
	}
	if c.DetailedExitcode && report.Changed > 0 {
		return &exit{code: exitChanges}
	}
	return nil
}

// keptJournal says at once that a journal cannot be written any more, and not only when the run is over.
type keptJournal struct {
	*event.Journal
	t    *terminal
	told bool
}

func (j *keptJournal) Event(e event.Event) {
	j.Journal.Event(e)
	if err := j.Err(); err != nil && !j.told {
		j.told = true
		fmt.Fprintf(j.t.err, "polarbook: the journal %s cannot be written, from here on the run is not recorded: %v\n", j.Path(), err)
	}
}

// operator is who runs polarbook, as others are told: name@control-node.
func operator() string {
	name := os.Getenv("USER")
	if me, err := user.Current(); err == nil {
		name = me.Username
	}
	if behind := os.Getenv("SUDO_USER"); name == "root" && behind != "" {
		name = behind
	}
	host, err := os.Hostname()
	if err != nil {
		return name
	}
	return name + "@" + host
}

func (c *runCmd) display(t *terminal) event.Listener {
	switch {
	case c.Output == "json":
		return event.NewJSON(t.out)
	case c.Output == "plain" || !t.tty:
		t.tty = false
		return newPlain(newNarrator(t, c.Diff, c.Verbose))
	}
	return newLive(newNarrator(t, c.Diff, c.Verbose))
}

// stepper asks before each task, until the user wants the rest without being asked.
type stepper struct {
	t  *terminal
	on bool // without being asked
}

func (s *stepper) ask(ctx context.Context, task string) (bool, error) {
	if s.on {
		return true, nil
	}
	answer, err := s.t.ask(ctx, "Perform task: "+oneLine(task)+" (N)o/(y)es/(c)ontinue: ")
	if err != nil {
		return false, err
	}
	switch strings.ToLower(answer) {
	case "c", "continue":
		s.on = true
		return true, nil
	case "y", "yes":
		return true, nil
	}
	return false, nil
}

// runJournal is a run's journal and where it is.
type runJournal struct {
	*event.Journal
	ID, Path string
	alive    *os.File // locked for as long as the run lives, however it ends
}

// Dead reports whether a run was begun with the journals of this control node and is over: its journal is locked no more.
func (j *runJournal) Dead(id string) bool {
	f, err := os.Open(filepath.Join(filepath.Dir(j.Path), filepath.Base(id)+".jsonl"))
	if err != nil {
		return false
	}
	defer f.Close()
	return lockFile(f, false) == nil
}

// Close ends the journal and lets go of its lock.
func (j *runJournal) Close() error { return errors.Join(j.Journal.Close(), j.alive.Close()) }

// newJournal opens the journal of a run in the user's state directory.
func newJournal() (*runJournal, error) {
	dir, err := stateDir()
	if err != nil {
		return nil, err
	}
	id := time.Now().UTC().Format("20060102T150405Z") + "-" + strings.ToLower(rand.Text()[:6])
	j, err := event.NewJournal(filepath.Join(dir, "runs"), id)
	if err != nil {
		return nil, fmt.Errorf("open the run's journal: %w", err)
	}
	alive, err := os.Open(j.Path())
	if err == nil {
		err = lockFile(alive, true)
	}
	if err != nil {
		return nil, fmt.Errorf("lock the run's journal: %w", errors.Join(err, j.Close()))
	}
	return &runJournal{j, id, j.Path(), alive}, nil
}

// stateDir is where the XDG base directory specification wants what a program keeps.
func stateDir() (string, error) {
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "polarbook"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find the state directory: %w; set XDG_STATE_HOME", err)
	}
	return filepath.Join(home, ".local", "state", "polarbook"), nil
}

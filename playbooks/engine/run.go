// Package engine runs loaded playbooks: which task on which host when, with which variables, what comes of it, and what
// that means for the tasks that follow. Everything that happens leaves it as a typed event (package event); the display,
// the journal and the report are listeners.
//
// It knows playbooks, inventories, templates and modules through their contracts, and hosts through package session. It must
// not know what any single module does, and it never prints, prompts or exits.
package engine

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"github.com/polarbook/polarbook/inventory"
	"github.com/polarbook/polarbook/inventory/vault"
	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/playbooks/engine/event"
	"github.com/polarbook/polarbook/playbooks/engine/session"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/templates/ordered"
)

// DefaultForks bounds the hosts worked on at once when Options does not.
const DefaultForks = 50

// Options say what to run, on what, and who is told of it. Playbooks, Inventory, Templates and Secrets are required.
type Options struct {
	Playbooks []*playbooks.Playbook
	Inventory *inventory.Inventory
	// Limit is a host pattern; empty: all hosts of the plays.
	Limit string
	// Tags and SkipTags as in Ansible; StartAtTask is a task's name or a glob of it.
	Tags, SkipTags []string
	StartAtTask    string
	ExtraVars      map[string]any
	// Check asks what would be changed and changes nothing; Diff asks modules to show differences.
	Check, Diff bool
	// ForceHandlers has hosts that failed run their handlers in plays that do not say whether they do.
	ForceHandlers bool
	// Forks bounds the hosts worked on at once; 0: DefaultForks.
	Forks int

	// SSH holds what applies to all hosts: ssh_config, keys, known_hosts, passphrases. The inventory's connection
	// variables (ansible_host, ansible_user, ...) win over it.
	SSH remote.Config
	// Connect opens a connection; nil: SSH.
	Connect func(ctx context.Context, c remote.Config) (session.Connection, error)
	// UnknownKeys is asked once a play for all hosts whose key nobody vouches for. It accepts them (nil) or returns why
	// not. When it is nil such hosts are unreachable.
	UnknownKeys func(ctx context.Context, unknown []*remote.UnknownHostKeyError) error
	// BecomePassword is used for hosts whose variables have none.
	BecomePassword string
	// Defaults hold where playbooks and variables say nothing.
	Defaults Defaults

	Templates Templates
	Secrets   Secrets
	// Vault opens what is encrypted with Ansible Vault; nil: there are no passwords.
	Vault *vault.Keyring
	// Warn is told what the user should know of files on this machine, the same maybe often; nil: nobody is told.
	Warn      func(text string)
	Listeners []event.Listener
	// Lookup finds modules; nil: tasks.Lookup.
	Lookup func(name string) (*tasks.Module, bool)
	// Step is asked before each task of plays in step (not free), and returns whether the task is
	// run. nil: all are.
	// It is called once at a time.
	Step func(ctx context.Context, task string) (bool, error)
	// Refresh reads the inventory anew into Inventory, for meta: refresh_inventory; nil: it stays as it is.
	Refresh func() error
	// Prompt asks the user; nil: there is nobody to ask.
	Prompt func(ctx context.Context, q Question) (string, error)
	// PendingHandlers remembers handlers across runs; nil: they are forgotten.
	PendingHandlers session.PendingHandlers
	// Lock keeps others off the hosts; nil, in check mode, and when all playbooks lock nothing: nobody is.
	Lock *session.Locking
	// Yes answers what modules ask before they destroy something.
	Yes bool
	// Stop, when closed, lets steps in hand finish and begins no other.
	Stop <-chan struct{}
	// RunID names the run; empty: a random one.
	RunID string
}

// Defaults are what Ansible lets its configuration and the command line say for all plays: it loses against keywords, and those
// against variables.
type Defaults struct {
	// Keywords say how hosts are reached and who is become there.
	Keywords map[session.Keyword]string
	// SSHArgs, SSHCommonArgs and SSHExtraArgs are ssh's arguments for hosts whose variables do not have them.
	SSHArgs, SSHCommonArgs, SSHExtraArgs string
	// MergeMappings merges mappings of one name instead of replacing them (hash_behaviour).
	MergeMappings bool
	// GatherExplicitly leaves facts to plays that say gather_facts: true.
	GatherExplicitly bool
	// GatherSubset is that of plays without one.
	GatherSubset []string
	// AnyErrorsFatal and NoLog are those keywords.
	AnyErrorsFatal, NoLog bool
	// Timeout is the keyword, in seconds; 0: none.
	Timeout int
	// Managed is what ansible_managed is made of: "" as Ansible has it.
	Managed string
	// Strategy is "linear", "free", or "": linear.
	Strategy string
	// File is the ansible.cfg that all this is from; empty: there is none.
	File string
}

// Question is asked of the user by vars_prompt and pause.
type Question struct {
	Text    string
	Default string
	// Private answers are not echoed; Confirm asks twice; Pause wants only the return key.
	Private, Confirm, Pause bool
}

// Secrets collects values that must never be shown; *inventory.Secrets is one. Its methods are called from several
// goroutines at once.
type Secrets interface {
	// Add has a value masked from now on. What is too short to be told from other text may be left.
	Add(value string)
	// Mask returns a text with every value that was added before, and what is derived from it, replaced.
	Mask(text string) string
}

// Report holds what a run came to.
type Report struct {
	ID      string
	Elapsed time.Duration
	Hosts   map[string]event.Recap
	// Failed and Unreachable name hosts, sorted. Changed counts tasks over all hosts.
	Failed, Unreachable []string
	Changed             int
	Aborted             bool
	// Pending is the first task not run on each host of an aborted run.
	Pending map[string]string
}

// Kind is why a run did not succeed: each has its exit code.
type Kind int

// The kinds of failure, for exit codes.
const (
	Internal        Kind = iota + 1 // a mistake in the playbook found late, or in polarbook
	HostFailed                      // a task failed
	HostUnreachable                 // a host could not be reached, and none failed
	Aborted                         // the user stopped the run
	Locked                          // somebody else is at work on a host
)

// Error is a run that did not succeed.
type Error struct {
	Kind Kind
	// Hosts are those concerned, sorted.
	Hosts []string
	Err   error
}

func (e *Error) Error() string {
	switch e.Kind {
	case HostFailed:
		return fmt.Sprintf("failed on %s", session.Enumerate(e.Hosts))
	case HostUnreachable:
		return fmt.Sprintf("could not reach %s", session.Enumerate(e.Hosts))
	case Aborted:
		if e.Err == nil || errors.Is(e.Err, context.Canceled) {
			return "stopped before the end"
		}
	}
	return e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// run is one run's state.
type run struct {
	o       Options
	began   time.Time
	events  *event.Emitter
	forks   chan struct{}
	sums    *sums
	nextID  atomic.Int64
	changes atomic.Int64 // of the inventory: add_host and group_by
	// wordFacts: set_fact was given a text that is a word for false.
	wordFacts atomic.Bool
	// extraVars are those of the options, by name.
	extraVars *ordered.Map
	stats     stats

	mu    sync.Mutex
	hosts map[string]*host
	// guests are hosts that are delegated to and that the inventory lacks.
	guests map[string]*host
	order  []*host

	sessions    *session.Sessions
	jobs        *jobs
	prompts     sync.Mutex // one question at a time
	stopRequest stopRequest
	start       *startAt
	halted      bool // a play said that nothing may follow
}

// Run runs the playbooks one after the other. The error is an *Error unless the options make no sense, and unless they do
// not the report is there even when the error is not nil.
//
// Closing Options.Stop lets the steps in hand finish; cancelling ctx stops them on their hosts. Either way Run returns when
// nothing runs any more, all locks are given back and all connections are closed, with an *Error of kind Aborted, and the
// report names what each host would have gone on with.
func Run(ctx context.Context, o Options) (*Report, error) {
	if o.Inventory == nil || o.Templates == nil || o.Secrets == nil {
		return nil, fmt.Errorf("engine: Inventory, Templates and Secrets are required")
	}
	if o.Forks <= 0 {
		o.Forks = DefaultForks
	}
	if o.RunID == "" {
		o.RunID = newID()
	}
	r := &run{
		o: o, extraVars: ordered.Sorted(o.ExtraVars), began: time.Now(), forks: make(chan struct{}, o.Forks), sums: newSums(),
		hosts: map[string]*host{}, guests: map[string]*host{}, start: newStartAt(o.StartAtTask),
		events: event.NewEmitter(o.Listeners, o.Secrets),
	}
	r.stopRequest.now = make(chan struct{})
	r.jobs = newJobs(ctx)
	r.sessions = r.newSessions()
	if o.BecomePassword != "" {
		o.Secrets.Add(o.BecomePassword)
	}
	r.noteSecrets(r.extraVars)
	names := make([]string, len(o.Playbooks))
	for i, b := range o.Playbooks {
		names[i] = b.Name
	}
	r.events.Emit(event.RunStarted{Time: time.Now(), ID: o.RunID, Playbooks: names, Hosts: r.everyHost(), Check: o.Check})
	err := r.checkMethods()
	if err == nil {
		err = r.lockAll(ctx)
	}
	if err == nil {
		err = r.playbooks(ctx)
	}
	if err == nil && !r.start.reached() && !r.stopped(ctx) {
		err = fmt.Errorf("no task is named %q: nothing was run", o.StartAtTask)
	}
	r.jobs.wait(func(line string) { r.events.Emit(event.HostSaid{Time: time.Now(), Line: line}) })
	r.closeAll()
	return r.end(ctx, err)
}

func (r *run) playbooks(ctx context.Context) error {
	for _, book := range r.o.Playbooks {
		for _, play := range book.Plays {
			if r.stopped(ctx) {
				r.waitFor(play)
				continue
			}
			if err := r.play(ctx, book, play); err != nil {
				return err
			}
			if r.halted {
				return nil
			}
		}
	}
	return nil
}

// waitFor notes that a stopped run did not begin a play.
func (r *run) waitFor(play *playbooks.Play) {
	selected, err := r.selectHosts(play, nil)
	if err != nil {
		return // which hosts it has is not known any more
	}
	for _, inv := range selected {
		h, ok := r.host(inv.Name)
		if !ok || h.state() == failed || h.state() == unreachable {
			continue
		}
		r.enlist(h)
		name := text(play.Name.Raw)
		if name == "" {
			name = text(play.Hosts.Raw)
		}
		h.wait("play " + name)
	}
}

// end makes the report, tells listeners, and turns it into the run's error.
func (r *run) end(ctx context.Context, err error) (*Report, error) {
	rep := &Report{ID: r.o.RunID, Elapsed: time.Since(r.began), Hosts: map[string]event.Recap{}, Pending: map[string]string{}}
	for _, h := range r.order {
		recap := h.summary()
		rep.Hosts[h.name] = recap
		rep.Changed += recap.Changed
		if recap.Failed > h.forgiven || h.isDropped() {
			rep.Failed = append(rep.Failed, h.name)
		}
		if h.state() == unreachable {
			rep.Unreachable = append(rep.Unreachable, h.name)
		}
		if h.pending != "" {
			rep.Pending[h.name] = h.pending
		}
	}
	sort.Strings(rep.Failed)
	sort.Strings(rep.Unreachable)
	reason := r.stopRequest.reason()
	rep.Aborted = ctx.Err() != nil || len(rep.Pending) > 0 || reason != nil
	r.events.Emit(event.RunEnded{Time: time.Now(), Elapsed: rep.Elapsed, Hosts: rep.Hosts, Aborted: rep.Aborted, Pending: rep.Pending,
		Stats: r.stats.all()})
	var own *Error
	switch {
	case reason != nil:
		return rep, reason
	case errors.As(err, &own):
		return rep, own
	case rep.Aborted:
		return rep, &Error{Kind: Aborted, Hosts: keys(rep.Pending), Err: ctx.Err()}
	case err != nil:
		return rep, &Error{Kind: Internal, Err: err}
	case len(rep.Failed) > 0:
		return rep, &Error{Kind: HostFailed, Hosts: rep.Failed}
	case len(rep.Unreachable) > 0:
		return rep, &Error{Kind: HostUnreachable, Hosts: rep.Unreachable}
	}
	return rep, nil
}

// stopped reports whether no further step may begin.
func (r *run) stopped(ctx context.Context) bool {
	select {
	case <-r.o.Stop:
		return true
	case <-ctx.Done():
		return true
	case <-r.stopRequest.now:
		return true
	default:
		return false
	}
}

// pause waits, and reports false when the run is stopped meanwhile.
func (r *run) pause(ctx context.Context, d time.Duration) bool {
	if r.stopped(ctx) {
		return false
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
	case <-r.o.Stop:
	case <-r.stopRequest.now:
	}
	return false
}

// stopRequest holds why no further step may begin, other than that the user said so.
type stopRequest struct {
	now chan struct{} // closed when there is a reason
	mu  sync.Mutex
	err *Error
}

func (h *stopRequest) reason() *Error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.err
}

// requestStop lets steps in hand finish and begins no other. The first reason counts.
func (r *run) requestStop(kind Kind, hosts []string, err error) {
	r.stopRequest.mu.Lock()
	defer r.stopRequest.mu.Unlock()
	if r.stopRequest.err == nil {
		r.stopRequest.err = &Error{Kind: kind, Hosts: hosts, Err: err}
		close(r.stopRequest.now)
	}
}

// everyHost names the hosts of all plays as far as their patterns can be told before the first one.
func (r *run) everyHost() []string {
	seen := map[string]bool{}
	var names []string
	for _, book := range r.o.Playbooks {
		for _, play := range book.Plays {
			hosts, err := r.selectHosts(play, nil)
			if err != nil {
				continue // reported when the play begins
			}
			for _, h := range hosts {
				if !seen[h.Name] {
					seen[h.Name] = true
					names = append(names, h.Name)
				}
			}
		}
	}
	return names
}

func newID() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails, says its documentation
	return time.Now().UTC().Format("20060102-150405-") + hex.EncodeToString(b[:])
}

func keys[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

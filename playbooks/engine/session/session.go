// Package session connects one run to its hosts. Sessions hold a connection for each way to a host, made when it is
// first needed, and the lock that goes with it; a Handle is the host as one task sees it while it works there.
//
// How a host is reached comes in as Variables, values that somebody else has rendered, and what happens goes out through
// the functions of Options. The package knows the contracts of modules and hosts, and the events that it emits. It must not
// know playbooks, inventories, templates or the run.
package session

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/polarbook/polarbook/playbooks/engine/event"
	"github.com/polarbook/polarbook/tasks/remote"
)

// Options say how one run reaches its hosts. Secret, Emit, Stopped, Pause and RequestStop are required; they may be called
// from several goroutines at once.
type Options struct {
	// SSH holds what applies to all hosts. Their variables win over it.
	SSH remote.Config
	// Run names the run, to the hosts and in their locks; Playbook names what is run, for those who find them locked.
	Run, Playbook string
	// Connect opens a connection; nil: SSH.
	Connect func(ctx context.Context, c remote.Config) (Connection, error)
	// UnknownKeys accepts keys that nobody vouches for (nil) or returns why not. When it is nil such hosts are
	// unreachable. It is called once at a time.
	UnknownKeys func(ctx context.Context, unknown []*remote.UnknownHostKeyError) error
	// BecomePassword is used for hosts whose variables have none.
	BecomePassword string
	// SSHArgs, SSHCommonArgs and SSHExtraArgs are arguments of ssh for hosts whose variables of these names say nothing.
	SSHArgs, SSHCommonArgs, SSHExtraArgs string
	// Keywords hold where neither a play nor what is in it has them.
	Keywords map[Keyword]string
	// Lock keeps others off the hosts; nil: nobody is.
	Lock *Locking

	// Secret has a value masked from now on.
	Secret func(value string)
	// Emit tells the run's listeners.
	Emit func(e event.Event)
	// Stopped reports whether no further step may begin; Pause waits and returns false when that comes true meanwhile.
	Stopped func(ctx context.Context) bool
	Pause   func(ctx context.Context, d time.Duration) bool
	// RequestStop has the run begin no further step, because somebody else is at work on a host, or may have been.
	RequestStop func(host string, err error)
}

// Variables say how a host is reached: its variables, and the keywords of the play or task that it is reached
// for. Values are rendered when they are asked for, and only those that are; an error is about the value and names its
// place, where it has one. One Variables is asked by one goroutine at a time.
type Variables interface {
	// HostName is the inventory's.
	HostName() string
	// Text returns a variable as text. ok is false when it is not set, or null.
	Text(name string) (text string, ok bool, err error)
	// Keyword returns a keyword as text. ok is false when nobody gave it.
	Keyword(k Keyword) (text string, ok bool, err error)
}

// Keyword is one of the keywords that say how a host is reached.
type Keyword string

// The keywords, by their names in playbooks.
const (
	RemoteUser   Keyword = "remote_user"
	Port         Keyword = "port"
	Become       Keyword = "become"
	BecomeUser   Keyword = "become_user"
	BecomeMethod Keyword = "become_method"
	BecomeFlags  Keyword = "become_flags"
	ConnectBy    Keyword = "connection"
)

// Sessions are the ways of one run to its hosts: connections, each made when it is first needed and shared by all tasks
// that reach the host in the same way, the locks that go with them, and what is known of hosts that did not answer.
// Any goroutine may use them.
type Sessions struct {
	o     Options
	locks *locks // nil: nothing is locked

	mu    sync.Mutex
	links map[string]*link
	early map[string]refused // by host

	args sync.Map // remote.SSHOptions by the arguments that say them
}

// refused holds why a host could not be reached, and when.
type refused struct {
	err error
	at  time.Time
}

// NewSessions connects to nothing yet.
func NewSessions(o Options) *Sessions {
	if o.Connect == nil {
		o.Connect = SSH
	}
	if o.SSH.Passwords == nil {
		o.SSH.Passwords = remote.NewPasswords()
	}
	return &Sessions{o: o, locks: newLocks(o), links: map[string]*link{}, early: map[string]refused{}}
}

// Connect connects to a host, unless there is a connection that stands. It asks nobody about an unknown key: the error
// is then a *remote.UnknownHostKeyError.
func (ss *Sessions) Connect(ctx context.Context, v Variables) error {
	l, err := ss.link(v)
	if err != nil {
		return err
	}
	_, err = l.get(ctx)
	return err
}

// Reset closes a host's connection, if there is one. The next task connects anew.
func (ss *Sessions) Reset(v Variables) error {
	l, err := ss.link(v)
	if err == nil {
		l.reset()
	}
	return err
}

// KeepRefusal keeps why a host could not be reached for the next that would try.
func (ss *Sessions) KeepRefusal(host string, err error) {
	var u *remote.UnreachableError
	if errors.As(err, &u) {
		ss.mu.Lock()
		defer ss.mu.Unlock()
		ss.early[host] = refused{err, time.Now()}
	}
}

// TakeRefusal returns, once, why a host could not be reached a moment ago, so that nobody waits for it twice.
func (ss *Sessions) TakeRefusal(host string) error {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	r := ss.early[host]
	delete(ss.early, host)
	if time.Since(r.at) > refusal {
		return nil
	}
	return r.err
}

// Close gives all locks back and ends all connections, at once. It returns what they cost, by host. A lock that went
// while this side was away halts the run even now.
func (ss *Sessions) Close() map[string]remote.Stats {
	if ss.locks != nil {
		for name, l := range ss.locks.forget() {
			if l.wentAway() { // its last task may have seen it before the guard did
				ss.o.RequestStop(name, awayError(name))
			}
		}
	}
	ss.mu.Lock()
	links := make([]*link, 0, len(ss.links))
	for _, l := range ss.links {
		links = append(links, l)
	}
	ss.mu.Unlock()
	var all sync.WaitGroup
	for _, l := range links {
		all.Go(l.reset)
	}
	all.Wait()
	costs := map[string]remote.Stats{}
	for _, l := range links {
		costs[l.name] = sum(costs[l.name], l.past)
	}
	return costs
}

// link finds the way to a host from its connection variables.
func (ss *Sessions) link(v Variables) (*link, error) {
	c, local, err := ss.config(v)
	if err != nil {
		return nil, err
	}
	key := fmt.Sprintf("%s\x00%v\x00%s\x00%d\x00%s\x00%v\x00%v\x00%v\x00%v",
		v.HostName(), local, c.Address, c.Port, c.User, c.KeyFiles, c.Keys.Mode, c.SSHArgs, c.SSHExtraArgs)
	ss.mu.Lock()
	defer ss.mu.Unlock()
	l, ok := ss.links[key]
	if !ok {
		l = &link{ss: ss, name: v.HostName(), local: local, config: c, turn: make(chan struct{}, 1), kept: map[string]*kept{}}
		ss.links[key] = l
	}
	return l, nil
}

// Enumerate joins names for people: a, b and c.
func Enumerate(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

// Truth reads a text as Ansible reads booleans.
func Truth(s string) (bool, error) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "yes", "on", "1", "true", "t", "y":
		return true, nil
	case "no", "off", "0", "false", "f", "n", "":
		return false, nil
	}
	return false, fmt.Errorf("%q is not a boolean", s)
}

package engine

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/playbooks/engine/event"
	"github.com/polarbook/polarbook/playbooks/engine/session"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/templates/ordered"
)

// lockAll connects to all hosts that the plays name and locks them. Those that cannot be reached are left to their play.
func (r *run) lockAll(ctx context.Context) error {
	if !r.locking() {
		return nil
	}
	err := r.sessions.LockAll(ctx, r.reachEarly(ctx))
	var locked *session.LockedError
	if errors.As(err, &locked) {
		return &Error{Kind: Locked, Hosts: locked.Hosts(), Err: locked}
	}
	return err
}

// locking reports whether the run keeps others off its hosts: unless it only asks, or none of its playbooks locks anything.
func (r *run) locking() bool {
	locks := func(p *playbooks.Playbook) bool { return !p.LocksNothing }
	return r.o.Lock != nil && !r.o.Check && slices.ContainsFunc(r.o.Playbooks, locks)
}

// eachHost goes over the hosts of all plays before the first begins, each host once for each play that names it.
func (r *run) eachHost(f func(*playRun, *host)) {
	for _, book := range r.o.Playbooks {
		for _, play := range book.Plays {
			selected, err := r.selectHosts(play, nil)
			if err != nil {
				continue // said when the play begins
			}
			p := &playRun{r: r, book: book, play: play, scope: playScope(play)}
			for _, inv := range selected {
				if h, ok := r.host(inv.Name); ok {
					f(p, h)
				}
			}
		}
	}
}

// reachEarly connects to the hosts of all plays and returns the ways to those that were reached.
func (r *run) reachEarly(ctx context.Context) []*session.Handle {
	var wanted []reach
	seen := map[string]bool{}
	r.eachHost(func(p *playRun, h *host) {
		if !seen[h.name] && !p.staysHere() {
			seen[h.name] = true
			wanted = append(wanted, reach{p, h})
		}
	})
	failures := r.reachAll(ctx, wanted)
	var hosts []*session.Handle
	for _, w := range wanted {
		if err := failures[w.h]; err != nil {
			if !w.p.connectsLate() {
				r.sessions.KeepRefusal(w.h.name, err)
			}
			continue
		}
		if on, err := w.p.playHandle(nil, w.h); err == nil {
			hosts = append(hosts, on)
		}
	}
	return hosts
}

// connectAll opens the connections of a play's hosts before its first task, so that all that is wrong with reaching
// them is said at once, and unknown host keys are asked about once.
func (p *playRun) connectAll(ctx context.Context, hosts []*host) {
	if p.r.stopped(ctx) {
		return
	}
	early := map[*host]error{}
	var wanted []reach
	for _, h := range hosts {
		if err := p.r.sessions.TakeRefusal(h.name); err != nil {
			early[h] = err
			continue
		}
		wanted = append(wanted, reach{p, h})
	}
	failures := p.r.reachAll(ctx, wanted)
	for h, err := range failures {
		p.r.sessions.KeepRefusal(h.name, err) // for its first task, where that comes all the same
	}
	maps.Copy(failures, early)
	for _, h := range hosts {
		if err := failures[h]; err != nil {
			p.lost(ctx, h, err)
		}
	}
}

// reach is a host as a play reaches it.
type reach struct {
	p *playRun
	h *host
}

// reachAll connects to hosts, asks once about all unknown keys, and returns why it could not be, by host.
func (r *run) reachAll(ctx context.Context, wanted []reach) map[*host]error {
	failures := r.tryAll(ctx, wanted)
	var unknown []*remote.UnknownHostKeyError
	var again []reach
	for _, w := range wanted {
		var u *remote.UnknownHostKeyError
		if errors.As(failures[w.h], &u) {
			unknown, again = append(unknown, u), append(again, w)
		}
	}
	if len(unknown) == 0 || r.o.UnknownKeys == nil {
		return failures
	}
	if err := r.unknownKeys(ctx, unknown); err != nil {
		for _, w := range again {
			failures[w.h] = &remote.UnreachableError{Host: w.h.name, Doing: "verify its host key", Err: err}
		}
		return failures
	}
	for _, w := range again {
		delete(failures, w.h)
	}
	maps.Copy(failures, r.tryAll(ctx, again))
	return failures
}

// tryAll connects to all at once and returns why it could not be, by host.
func (r *run) tryAll(ctx context.Context, wanted []reach) map[*host]error {
	var mu sync.Mutex
	failures := map[*host]error{}
	var all sync.WaitGroup
	for _, w := range wanted {
		r.forks <- struct{}{}
		all.Go(func() {
			defer func() { <-r.forks }()
			err := w.p.reach(ctx, w.h)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failures[w.h] = err
			}
		})
	}
	all.Wait()
	return failures
}

func (p *playRun) reach(ctx context.Context, h *host) error {
	v, err := p.vars(h, p.scope, nil)
	if err != nil {
		return err
	}
	return p.r.sessions.Connect(ctx, target{h, v})
}

// unknownKeys asks about keys that nobody vouches for, while nobody else asks anything.
func (r *run) unknownKeys(ctx context.Context, unknown []*remote.UnknownHostKeyError) error {
	r.prompts.Lock()
	defer r.prompts.Unlock()
	return r.o.UnknownKeys(ctx, unknown)
}

// lost records that a host could not be reached before the play's first task.
func (p *playRun) lost(ctx context.Context, h *host, err error) {
	if p.r.stopped(ctx) {
		h.wait("Connecting")
		return
	}
	status := event.Unreachable
	if v, verr := p.vars(h, p.scope, nil); verr == nil {
		if ignore, ierr := v.boolean(p.scope.keyword(ignoreUnreachable), false); ierr == nil && ignore {
			status = event.Ignored
		}
	}
	var u *remote.UnreachableError
	var k *remote.UnknownHostKeyError
	var c *remote.ChangedHostKeyError
	if !errors.As(err, &u) && !errors.As(err, &k) && !errors.As(err, &c) && status == event.Unreachable {
		status = event.Failed // a mistake in its variables
	}
	h.count(status, false)
	p.r.events.Emit(event.HostDone{Time: time.Now(), Host: h.name, Status: status, Msg: err.Error(), Values: ordered.Of(
		"unreachable", status != event.Failed, "failed", status == event.Failed, "changed", false, "msg", err.Error())})
	switch status {
	case event.Unreachable:
		h.become(unreachable)
	case event.Failed:
		h.become(failed)
	}
}

// newSessions prepares the ways to the run's hosts.
func (r *run) newSessions() *session.Sessions {
	var names []string
	for _, b := range r.o.Playbooks {
		names = append(names, b.Name)
	}
	o := session.Options{
		SSH: r.o.SSH, Run: r.o.RunID, Playbook: strings.Join(names, ", "), Connect: r.o.Connect, BecomePassword: r.o.BecomePassword,
		SSHArgs: r.o.Defaults.SSHArgs, SSHCommonArgs: r.o.Defaults.SSHCommonArgs, SSHExtraArgs: r.o.Defaults.SSHExtraArgs,
		Keywords: r.o.Defaults.Keywords,
		Secret:   func(value string) { r.secret("", value) }, Emit: r.events.Emit, Stopped: r.stopped, Pause: r.pause,
		RequestStop: func(host string, err error) { r.requestStop(Locked, []string{host}, err) },
	}
	if r.o.UnknownKeys != nil {
		o.UnknownKeys = r.unknownKeys
	}
	if r.locking() {
		o.Lock = r.o.Lock
	}
	return session.NewSessions(o)
}

// closeAll ends every session and puts what they cost into the recaps.
func (r *run) closeAll() {
	for name, cost := range r.sessions.Close() {
		h, ok := r.host(name)
		if !ok {
			continue
		}
		h.mu.Lock()
		h.recap.Handshakes += cost.Handshakes
		h.recap.RoundTrips += cost.RoundTrips
		h.recap.Sessions += cost.Sessions
		h.recap.BytesSent += cost.BytesSent
		h.recap.BytesReceived += cost.BytesReceived
		h.mu.Unlock()
	}
}

package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/playbooks/engine/event"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
)

// Owed remembers on a host which handlers a playbook owes it, so that a run that was killed between a change and the
// restart which the change needs is made good by the next one.
type Owed interface {
	// Load returns what Save kept, nil when nothing is owed.
	Load(ctx context.Context, h tasks.Host, playbook string) ([]string, error)
	// Save replaces what is kept; with nothing owed nothing is left behind.
	Save(ctx context.Context, h tasks.Host, playbook string, owed []string) error
}

// OwedFiles keeps what is owed in files on the host, one a playbook, readable by all and written by root.
type OwedFiles struct {
	// Dir is a directory on the host; empty: /var/lib/polarbook/owed.
	Dir string
}

func (o OwedFiles) path(playbook string) string {
	dir := o.Dir
	if dir == "" {
		dir = "/var/lib/polarbook/owed"
	}
	sum := sha256.Sum256([]byte(playbook))
	return dir + "/" + hex.EncodeToString(sum[:8])
}

// owedLimit bounds what is read of such a file.
const owedLimit = 1 << 19

// notBelievedError is about a file that another account could have written.
type notBelievedError struct{ file, why string }

func (e *notBelievedError) Error() string { return e.file + " is not believed: " + e.why }

// Load reads with the shell of the task's user: the file is not secret. It is believed only when nobody else than root and
// that user could have written it.
func (o OwedFiles) Load(ctx context.Context, h tasks.Host, playbook string) ([]string, error) {
	file := o.path(playbook)
	r, err := h.Shell().Run(ctx, remote.Command{Script: tasks.Trusted(file, owedLimit)})
	switch {
	case err != nil:
		return nil, err
	case r.Status == tasks.TrustedAbsent:
		return nil, nil
	case r.Status == tasks.TrustedFault:
		return nil, &notBelievedError{file, trimmed(r.Stderr)}
	case r.Status != 0:
		return nil, fmt.Errorf("reading %s: %s", file, scriptFailed(r.Status, trimmed(r.Stderr), ""))
	}
	var owed []string
	for line := range strings.Lines(string(r.Stdout)) {
		if line = strings.TrimRight(line, "\n"); line != "" {
			owed = append(owed, line)
		}
	}
	return owed, nil
}

// Save writes with root's shell: a temporary name, then a rename.
func (o OwedFiles) Save(ctx context.Context, h tasks.Host, playbook string, owed []string) error {
	shell, err := h.As(ctx, "")
	if err != nil {
		return err
	}
	file := o.path(playbook)
	script := "rm -f " + remote.Quote(file)
	if len(owed) > 0 {
		temporary := remote.Quote(file + ".new")
		dir := remote.Quote(file[:strings.LastIndex(file, "/")])
		script = "set -e\numask 022\nmkdir -p " + dir + "\n" + tasks.OnlyTrusted(dir) + "rm -f " + temporary + "\ncat > " + temporary + "\nsync " + temporary + " 2>/dev/null || sync\nmv -f " + temporary + " " + remote.Quote(file)
	}
	result, err := shell.Run(ctx, remote.Command{Script: script, Stdin: []byte(strings.Join(owed, "\n") + "\n")})
	if err != nil {
		return err
	}
	if result.Status != 0 {
		return fmt.Errorf("writing %s: %s", file, scriptFailed(result.Status, trimmed(result.Stderr), ""))
	}
	return nil
}

// entry is one handler as it is remembered: with the play, for the same name may mean another handler in the next.
func (p *playRun) entry(handler string) string {
	return strings.ReplaceAll(text(p.play.Name.Raw), "\n", " ") + "\t" + strings.ReplaceAll(handler, "\n", " ")
}

// owe remembers, before a change is made, the handlers that it will call for.
func (hs *handlers) owe(ctx context.Context, s *step, h *host, on *lent) error {
	if hs.p.r.o.Owed == nil {
		return nil
	}
	names, err := hs.names(s, h)
	if err != nil || len(names) == 0 {
		return err
	}
	h.mu.Lock()
	owed := slices.Clone(h.owed[hs.p.book.Name])
	h.mu.Unlock()
	before := len(owed)
	for _, name := range names {
		if e := hs.p.entry(name); !slices.Contains(owed, e) {
			owed = append(owed, e)
		}
	}
	if len(owed) == before {
		return nil
	}
	return hs.p.remember(ctx, s, h, on, owed)
}

// remember writes what a host owes. That it cannot be written (a host without root) is said and stops nothing.
func (p *playRun) remember(ctx context.Context, s *step, h *host, on *lent, owed []string) error {
	if on == nil || on.on.h != h {
		own, err := p.lendTo(s, h)
		if err != nil {
			return err
		}
		on = own
	}
	if err := p.r.o.Owed.Save(ctx, on, p.book.Name, owed); err != nil {
		var lost *remote.UnreachableError
		if errors.As(err, &lost) || ctx.Err() != nil {
			return err
		}
		on.Say(fmt.Sprintf("could not write down which handlers are owed, should this run be interrupted: %v", err))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.owed == nil {
		h.owed = map[string][]string{}
	}
	h.owed[p.book.Name] = owed
	return nil
}

// lendTo lends a host outside any task, with the play's own keywords.
func (p *playRun) lendTo(s *step, h *host) (*lent, error) {
	v, err := p.vars(h, p.scope, nil)
	if err != nil {
		return nil, err
	}
	if s == nil {
		s = &step{p: p, t: &playbooks.Task{Origin: p.play.Origin}, sc: p.scope}
	}
	return p.lendPlace(s, place{h, v}, h, nil)
}

// loadOwed asks each host once a playbook what earlier runs left, and calls for those handlers of this play.
func (p *playRun) loadOwed(ctx context.Context, hosts []*host) {
	if p.r.o.Owed == nil {
		return
	}
	var all sync.WaitGroup
	for _, h := range standing(hosts) {
		if h.knowsOwed(p.book.Name) {
			continue
		}
		p.r.forks <- struct{}{}
		all.Go(func() {
			defer func() { <-p.r.forks }()
			on, err := p.lendTo(nil, h)
			var owed []string
			if err == nil {
				owed, err = p.r.o.Owed.Load(ctx, on, p.book.Name)
			}
			var refused *notBelievedError
			if errors.As(err, &refused) {
				p.r.events.Emit(event.HostSaid{Time: time.Now(), Host: h.name, Line: "the note of which handlers an interrupted run left: " + refused.Error() + "; none of it is run. Look at who wrote it, and give it back to root or remove it"})
				err = nil
			}
			if err != nil {
				return // the first task meets the same trouble, and says so
			}
			h.mu.Lock()
			defer h.mu.Unlock()
			if h.owed == nil {
				h.owed = map[string][]string{}
			}
			h.owed[p.book.Name] = owed
		})
	}
	all.Wait()
	for _, h := range standing(hosts) {
		h.mu.Lock()
		owed := h.owed[p.book.Name]
		h.mu.Unlock()
		for _, e := range owed {
			if name, ok := strings.CutPrefix(e, p.entry("")); ok && p.handlers.mark(name, h) {
				p.r.events.Emit(event.HostSaid{Time: time.Now(), Host: h.name, Line: fmt.Sprintf("an earlier run was interrupted before the handler %q: it will run", name)})
			}
		}
	}
}

func (h *host) knowsOwed(book string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, known := h.owed[book]
	return known
}

// saveOwed brings what is remembered in line with what is owed now that the play is over.
func (p *playRun) saveOwed(ctx context.Context, hosts []*host) {
	if p.r.o.Owed == nil || p.r.o.Check {
		return
	}
	// Being asked to stop must not lose what is owed; a run that is cancelled has written it down before each change.
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var all sync.WaitGroup
	for _, h := range hosts {
		h.mu.Lock()
		before := h.owed[p.book.Name]
		h.mu.Unlock()
		var owed []string
		for _, e := range before {
			if !strings.HasPrefix(e, p.entry("")) {
				owed = append(owed, e)
			}
		}
		for _, name := range p.handlers.pending(h) {
			owed = append(owed, p.entry(name))
		}
		if h.state() == unreachable || slices.Equal(owed, before) {
			continue
		}
		p.r.forks <- struct{}{}
		all.Go(func() {
			defer func() { <-p.r.forks }()
			_ = p.remember(ctx, nil, h, nil, owed) // an unreachable host keeps the older, longer list
		})
	}
	all.Wait()
}

package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/playbooks/engine/event"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
)

// place is where a task runs: its own host or the one it is delegated to, with the variables that say how to reach it.
type place struct {
	h *host
	v *variables
}

// target says where the task runs.
func (s *step) target(v *variables) (place, error) {
	name, err := v.text(s.sc.keyword(delegateTo), "")
	if err != nil {
		return place{}, fmt.Errorf("delegate_to: %w", err)
	}
	if name == "" || name == v.h.name {
		return place{v.h, v}, nil
	}
	return s.p.peer(name, s.sc, &s.t.Origin)
}

// peer is another host of the inventory with its own variables.
func (p *playRun) peer(name string, sc *scope, origin *playbooks.Origin) (place, error) {
	h, ok := p.r.host(name)
	if !ok {
		return place{}, fmt.Errorf("the inventory has no host %q", name)
	}
	v, err := p.vars(h, sc, origin)
	if err != nil {
		return place{}, err
	}
	return place{h, v}, nil
}

// lent is what an Action is given of a host: tasks.Host.
type lent struct {
	s      *step
	on     place
	told   *host // for whom progress is reported
	link   *link
	as     remote.Become
	method string // of becoming another user
	env    map[string]string
	peer   bool
	quiet  bool // no_log
}

// lend makes the host of a task, without connecting to it yet.
func (p *playRun) lend(d *drive) (*lent, error) {
	env, err := environment(d.v, d.s.sc)
	if err != nil {
		return nil, err
	}
	h, err := p.lendPlace(d.s, d.target, d.v.h, env)
	if err == nil {
		h.quiet = d.s.hidden(d.v)
	}
	return h, err
}

func (p *playRun) lendPlace(s *step, on place, told *host, env map[string]string) (*lent, error) {
	l, err := p.r.link(on.v)
	if err != nil {
		return nil, err
	}
	b, method, err := p.r.becoming(on.v)
	if err != nil {
		return nil, err
	}
	return &lent{s: s, on: on, told: told, link: l, as: b, method: method, env: env}, nil
}

// becoming says as whom a task runs, and how other users are become on that host.
func (r *run) becoming(v *variables) (b remote.Become, method string, err error) {
	variable := func(otherwise string, names ...string) string {
		for _, name := range names {
			if x, ok := v.Get(name); ok && x != nil && err == nil {
				out, e := v.render(x)
				if e != nil {
					err = fmt.Errorf("%s: the variable %s: %w", v.h.name, name, e)
					return ""
				}
				return text(trusted(out))
			}
		}
		return otherwise
	}
	keyword := func(get func(*playbooks.Common) playbooks.Value, otherwise string) string {
		s, e := v.text(v.sc.keyword(get), otherwise)
		if e != nil && err == nil {
			err = e
		}
		return s
	}
	wanted := variable(keyword(becomeOf, "false"), "ansible_become")
	method = variable(keyword(becomeMethod, "sudo"), "ansible_become_method")
	method = lastPart(method)
	user := variable(keyword(becomeUser, "root"), "ansible_become_user")
	flags := variable(keyword(becomeFlags, ""), "ansible_become_flags", "ansible_sudo_flags")
	password := variable("", "ansible_become_password", "ansible_become_pass", "ansible_sudo_pass", "ansible_su_pass")
	if err != nil {
		return b, "", err
	}
	if password == "" {
		password = r.o.BecomePassword
	}
	r.secret("", password)
	b = remote.Become{User: user, Flags: flags, Password: password}
	yes, err := truth(wanted)
	if err != nil {
		return b, "", fmt.Errorf("%s: become: %w", v.h.name, err)
	}
	if yes {
		b.Method = method
	}
	return b, method, nil
}

func lastPart(name string) string {
	_, short, ok := cutLast(name, ".")
	if ok {
		return short
	}
	return name
}

func environment(v *variables, sc *scope) (map[string]string, error) {
	var env map[string]string
	for _, x := range sc.environment() {
		out, _, err := v.value(x)
		if err != nil {
			return nil, fmt.Errorf("environment: %w", err)
		}
		dict, ok := out.(map[string]any)
		if !ok {
			if s := text(out); s == "" {
				continue
			}
			return nil, at(x.Pos, fmt.Errorf("environment has to be a dict, not %q", text(out)))
		}
		for name, value := range dict {
			if env == nil {
				env = map[string]string{}
			}
			env[name] = text(value)
		}
	}
	return env, nil
}

func (h *lent) Name() string { return h.on.h.name }

// connection connects when that has not been done. A peer that has just not answered is not waited for again.
func (h *lent) connection(ctx context.Context) (Connection, error) {
	recent := h.on.h.takeEarly
	if h.peer {
		recent = h.link.refused
	}
	if h.link.standing() == nil {
		if err := recent(); err != nil {
			return nil, err
		}
	}
	c, err := h.connect(ctx)
	if err != nil || h.link.r.locks == nil {
		return c, err
	}
	// All hosts of the plays are locked by now, but for those that were down, lost their connection, or are in no play.
	err = h.link.r.lock(ctx, h, c)
	var locked *remote.LockedError
	if errors.As(err, &locked) {
		h.link.r.halt(Locked, []string{h.on.h.name}, locked)
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (h *lent) connect(ctx context.Context) (Connection, error) {
	c, err := h.link.get(ctx)
	var unknown *remote.UnknownHostKeyError
	if r := h.link.r; errors.As(err, &unknown) && r.o.UnknownKeys != nil {
		// A host that no play began with: a peer, or one that a task is delegated to.
		r.prompts.Lock()
		refused := r.o.UnknownKeys(ctx, []*remote.UnknownHostKeyError{unknown})
		r.prompts.Unlock()
		if refused != nil {
			return nil, &remote.UnreachableError{Host: h.on.h.name, Doing: "verifying its host key", Err: refused}
		}
		return h.link.get(ctx)
	}
	return c, err
}

func (h *lent) shell(ctx context.Context) (tasks.Shell, error) {
	c, err := h.connection(ctx)
	if err != nil {
		return nil, err
	}
	return h.open(ctx, c, h.as)
}

// open becomes a user, unless that is who is logged in.
func (h *lent) open(ctx context.Context, c Connection, b remote.Become) (tasks.Shell, error) {
	user := b.User
	if user == "" {
		user = "root"
	}
	if b.Method == "" || user == c.User() {
		b = remote.Become{}
	}
	s, err := c.Shell(ctx, b)
	if err != nil {
		return nil, err
	}
	return surrounded{Shell: s, env: h.env}, nil
}

// Shell is the shell of the task's user, opened at its first use.
func (h *lent) Shell() tasks.Shell { return lateShell{h} }

// As is a shell of another user.
func (h *lent) As(ctx context.Context, user string) (tasks.Shell, error) {
	c, err := h.connection(ctx)
	if err != nil {
		return nil, err
	}
	if user == "" {
		user = "root"
	}
	return h.open(ctx, c, remote.Become{Method: h.method, User: user, Password: h.as.Password, Flags: h.as.Flags})
}

// Dial connects from the host.
func (h *lent) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := h.connection(ctx)
	if err != nil {
		return nil, err
	}
	return c.DialContext(ctx, network, address)
}

// Peer is another host of the inventory, whether or not the limit names it.
func (h *lent) Peer(ctx context.Context, name string) (tasks.Host, error) {
	if name == h.on.h.name {
		return h, nil
	}
	on, err := h.s.p.peer(name, h.s.sc, &h.s.t.Origin)
	if err != nil {
		return nil, err
	}
	other, err := h.s.p.lendPlace(h.s, on, h.told, h.env)
	if err != nil {
		return nil, err
	}
	other.peer, other.quiet = true, h.quiet
	if _, err := other.connection(ctx); err != nil {
		return nil, err
	}
	return other, nil
}

// Keep holds what make returns for as long as the connection stands. What make could not make is not kept.
func (h *lent) Keep(key string, make func() (any, error)) (any, error) {
	h.link.mu.Lock()
	k, ok := h.link.kept[key]
	if !ok {
		k = &kept{}
		h.link.kept[key] = k
	}
	h.link.mu.Unlock()
	k.once.Do(func() {
		value, err := make()
		h.link.mu.Lock()
		defer h.link.mu.Unlock()
		k.value, k.err = value, err
		if err != nil && h.link.kept[key] == k {
			delete(h.link.kept, key)
		}
	})
	return k.value, k.err
}

// Forget closes and drops what is kept under key.
func (h *lent) Forget(key string) {
	h.link.mu.Lock()
	k := h.link.kept[key]
	delete(h.link.kept, key)
	var value any
	if k != nil {
		value = k.value
	}
	h.link.mu.Unlock()
	if c, ok := value.(io.Closer); ok {
		_ = c.Close()
	}
}

func (h *lent) Progress(what string, done, total int64) {
	h.s.p.r.events.Emit(event.HostProgress{Time: time.Now(), TaskID: h.s.id, Host: h.told.name, What: what, Done: done, Total: total})
}

func (h *lent) Say(line string) {
	if h.quiet {
		return
	}
	h.s.p.r.events.Emit(event.HostSaid{Time: time.Now(), TaskID: h.s.id, Host: h.told.name, Line: line})
}

// surrounded is a shell whose scripts have the task's environment.
type surrounded struct {
	tasks.Shell
	env map[string]string
}

func (s surrounded) with(c remote.Command) remote.Command {
	if len(s.env) == 0 {
		return c
	}
	env := make(map[string]string, len(s.env)+len(c.Env))
	for k, v := range s.env {
		env[k] = v
	}
	for k, v := range c.Env {
		env[k] = v
	}
	c.Env = env
	return c
}

func (s surrounded) Run(ctx context.Context, c remote.Command) (remote.Result, error) {
	return s.Shell.Run(ctx, s.with(c))
}

func (s surrounded) Stream(ctx context.Context, c remote.Command, stdin io.Reader, stdout, stderr func(line []byte)) (remote.Result, error) {
	return s.Shell.Stream(ctx, s.with(c), stdin, stdout, stderr)
}

// lateShell connects and becomes the user when it is first used, because Host.Shell cannot fail.
type lateShell struct{ h *lent }

func (s lateShell) Run(ctx context.Context, c remote.Command) (remote.Result, error) {
	shell, err := s.h.shell(ctx)
	if err != nil {
		return remote.Result{}, err
	}
	return shell.Run(ctx, c)
}

func (s lateShell) Stream(ctx context.Context, c remote.Command, stdin io.Reader, stdout, stderr func(line []byte)) (remote.Result, error) {
	shell, err := s.h.shell(ctx)
	if err != nil {
		return remote.Result{}, err
	}
	return shell.Stream(ctx, c, stdin, stdout, stderr)
}

func (s lateShell) Upload(ctx context.Context, u remote.Upload) error {
	shell, err := s.h.shell(ctx)
	if err != nil {
		return err
	}
	return shell.Upload(ctx, u)
}

func (s lateShell) ReadFile(ctx context.Context, path string, limit int64) ([]byte, error) {
	shell, err := s.h.shell(ctx)
	if err != nil {
		return nil, err
	}
	return shell.ReadFile(ctx, path, limit)
}

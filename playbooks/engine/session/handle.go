package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path"
	"strings"
	"time"

	"github.com/polarbook/polarbook/playbooks/engine/event"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
)

// Work describes what a host is reached for: a task, or what comes before the first of a play.
type Work struct {
	// ID is the task's in events; 0: none.
	ID int
	// Host is the one for which progress is reported, which is not always the one that is worked on.
	Host string
	// Env are environment variables for all scripts.
	Env map[string]string
	// Quiet keeps what is said of the work from the listeners (no_log).
	Quiet bool
	// Peer finds another host of the inventory, for tasks that ask for one.
	Peer func(name string) (Variables, error)
}

// Handle is one host as an Action works on it: it implements tasks.Host. Its methods may be called from several goroutines.
type Handle struct {
	ss     *Sessions
	name   string
	work   Work
	link   *link
	as     remote.Become
	method string // of becoming another user
	peer   bool
	// lasting: a lost connection does not end the work; nil: it does.
	lasting *span
}

// Handle returns a host for some work, without connecting to it yet.
func (ss *Sessions) Handle(v Variables, w Work) (*Handle, error) {
	l, err := ss.link(v)
	if err != nil {
		return nil, err
	}
	b, method, err := ss.becoming(v)
	if err != nil {
		return nil, err
	}
	return &Handle{ss: ss, name: v.HostName(), work: w, link: l, as: b, method: method}, nil
}

// becoming returns as whom a task runs, and by which method another user is become on that host.
func (ss *Sessions) becoming(v Variables) (b remote.Become, method string, err error) {
	variable := func(otherwise string, names ...string) string {
		for _, name := range names {
			if err != nil {
				break
			}
			text, ok, e := v.Text(name)
			if e != nil {
				err = fmt.Errorf("%s: the variable %s: %w", v.HostName(), name, e)
				return ""
			}
			if ok {
				return text
			}
		}
		return otherwise
	}
	keyword := func(k Keyword, otherwise string) string {
		text, ok, e := ss.keyword(v, k)
		if e != nil && err == nil {
			err = e
		}
		if !ok {
			return otherwise
		}
		return text
	}
	wanted := variable(keyword(Become, "false"), "ansible_become")
	method = variable(keyword(BecomeMethod, "sudo"), "ansible_become_method")
	method = method[strings.LastIndex(method, ".")+1:]
	own := "ansible_" + method + "_" // the method's own variables win over those of all methods
	user := variable(keyword(BecomeUser, "root"), own+"user", "ansible_become_user")
	flags := variable(keyword(BecomeFlags, ""), own+"flags", "ansible_become_flags")
	password := variable("", own+"pass", "ansible_become_pass", "ansible_become_password", "ansible_sudo_pass", "ansible_su_pass")
	if err != nil {
		return b, "", err
	}
	if password == "" {
		password = ss.o.BecomePassword
	}
	ss.secret(password)
	b = remote.Become{User: user, Flags: flags, Password: password}
	yes, err := Truth(wanted)
	if err != nil {
		return b, "", fmt.Errorf("%s: become: %w", v.HostName(), err)
	}
	if !yes {
		return b, method, nil
	}
	b.Method = method
	for _, name := range []string{own + "exe", "ansible_become_exe"} {
		if program := variable("", name); program != "" && path.Base(program) != method {
			return b, "", fmt.Errorf("%s: the variable %s is %q: polarbook calls the %s that the host has on its PATH", v.HostName(), name,
				program, method)
		}
	}
	if dir := variable("", "ansible_sudo_chdir"); dir != "" && method == "sudo" {
		return b, "", fmt.Errorf("%s: the variable ansible_sudo_chdir is %q: give the tasks that need it their argument chdir", v.HostName(), dir)
	}
	return b, method, err
}

// secret has a value masked, unless there is none.
func (ss *Sessions) secret(value string) {
	if value != "" {
		ss.o.Secret(value)
	}
}

// Name returns the host's name in the inventory.
func (h *Handle) Name() string { return h.name }

// connection connects when that has not been done. A peer that has just not answered is not waited for again.
func (h *Handle) connection(ctx context.Context) (Connection, error) {
	recent := func() error { return h.ss.TakeRefusal(h.name) }
	if h.peer {
		recent = h.link.refused
	}
	if h.link.standing() == nil {
		if err := recent(); err != nil {
			return nil, err
		}
	}
	c, err := h.connect(ctx)
	if err != nil || h.ss.locks == nil {
		return c, err
	}
	// All hosts of the plays are locked by now, but for those that were down, lost their connection, or are in no play.
	err = h.ss.lock(ctx, h, c)
	var locked *remote.LockedError
	if errors.As(err, &locked) {
		h.ss.o.RequestStop(h.name, locked)
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (h *Handle) connect(ctx context.Context) (Connection, error) {
	c, err := h.link.get(ctx)
	var unknown *remote.UnknownHostKeyError
	if errors.As(err, &unknown) && h.ss.o.UnknownKeys != nil {
		// A host that no play began with: a peer, or one that a task is delegated to.
		if refused := h.ss.o.UnknownKeys(ctx, []*remote.UnknownHostKeyError{unknown}); refused != nil {
			return nil, &remote.UnreachableError{Host: h.name, Doing: "verify its host key", Err: refused}
		}
		return h.link.get(ctx)
	}
	return c, err
}

// Connect connects, and becomes the task's user, when that has not been done.
func (h *Handle) Connect(ctx context.Context) error {
	_, err := h.shell(ctx)
	return err
}

// Here implements tasks.Here.
func (h *Handle) Here(ctx context.Context) (bool, error) {
	c, err := h.connection(ctx)
	_, here := c.(*local)
	return here, err
}

func (h *Handle) shell(ctx context.Context) (tasks.Shell, error) { return h.become(ctx, h.as) }

// become returns a shell of a user, on a connection that stands.
func (h *Handle) become(ctx context.Context, b remote.Become) (shell tasks.Shell, err error) {
	open := func(ctx context.Context) (tasks.Shell, error) {
		c, err := h.connection(ctx)
		if err != nil {
			return nil, err
		}
		return h.open(ctx, c, b)
	}
	if h.lasting == nil {
		return open(ctx)
	}
	err = Persist(ctx, h.lasting.until, func() (err error) {
		shell, err = open(ctx)
		return err
	})
	return lastingShell{Shell: shell, span: *h.lasting, open: open}, err
}

// open becomes a user, unless that is who is logged in.
func (h *Handle) open(ctx context.Context, c Connection, b remote.Become) (tasks.Shell, error) {
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
	return envShell{Shell: s, env: h.work.Env}, nil
}

// Shell returns the shell of the task's user, opened at its first use.
func (h *Handle) Shell() tasks.Shell { return lateShell{h} }

// As returns a shell of another user.
func (h *Handle) As(ctx context.Context, user string) (tasks.Shell, error) {
	if user == "" {
		user = "root"
	}
	return h.become(ctx, remote.Become{Method: h.method, User: user, Password: h.as.Password, Flags: h.as.Flags})
}

// Dial connects from the host.
func (h *Handle) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := h.connection(ctx)
	if err != nil {
		return nil, err
	}
	return c.DialContext(ctx, network, address)
}

// Peer returns another host of the inventory, whether or not the limit names it.
func (h *Handle) Peer(ctx context.Context, name string) (tasks.Host, error) {
	if name == h.name {
		return h, nil
	}
	v, err := h.work.Peer(name)
	if err != nil {
		return nil, err
	}
	other, err := h.ss.Handle(v, h.work)
	if err != nil {
		return nil, err
	}
	other.peer = true
	if _, err := other.connection(ctx); err != nil {
		return nil, err
	}
	return other, nil
}

// Hurry bounds how long one try to connect to the host may take from now on.
func (h *Handle) Hurry(limit time.Duration) { h.link.hurry(limit) }

// Reset closes the host's connection. The next use connects anew.
func (h *Handle) Reset() { h.link.reset() }

// Cached returns what create returned the first time, for as long as the connection stands. An error is not kept.
func (h *Handle) Cached(key string, create func() (any, error)) (any, error) {
	h.link.mu.Lock()
	k, ok := h.link.kept[key]
	if !ok {
		k = &kept{}
		h.link.kept[key] = k
	}
	h.link.mu.Unlock()
	k.once.Do(func() {
		value, err := create()
		h.link.mu.Lock()
		defer h.link.mu.Unlock()
		k.value, k.err = value, err
		if err != nil && h.link.kept[key] == k {
			delete(h.link.kept, key)
		}
	})
	return k.value, k.err
}

// Drop closes and forgets what Cached holds under key.
func (h *Handle) Drop(key string) {
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

// Progress reports work in hand, in bytes; a total of 0 means unknown.
func (h *Handle) Progress(what string, done, total int64) {
	if h.lasting != nil {
		return
	}
	h.ss.o.Emit(event.HostProgress{Time: time.Now(), TaskID: h.work.ID, Host: h.work.Host, What: what, Done: done, Total: total})
}

// Say reports one line of what goes on, unless the work is quiet.
func (h *Handle) Say(line string) {
	if h.work.Quiet {
		return
	}
	h.ss.o.Emit(event.HostSaid{Time: time.Now(), TaskID: h.work.ID, Host: h.work.Host, Line: line})
}

// envShell is a shell whose scripts have the task's environment.
type envShell struct {
	tasks.Shell
	env map[string]string
}

func (s envShell) withEnv(c remote.Command) remote.Command {
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

func (s envShell) Run(ctx context.Context, c remote.Command) (remote.Result, error) {
	return s.Shell.Run(ctx, s.withEnv(c))
}

func (s envShell) Stream(ctx context.Context, c remote.Command, stdin io.Reader, stdout, stderr func(line []byte)) (remote.Result, error) {
	return s.Shell.Stream(ctx, s.withEnv(c), stdin, stdout, stderr)
}

// lateShell connects and becomes the user when it is first used, because Host.Shell cannot fail.
type lateShell struct{ h *Handle }

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

var _ tasks.Host = (*Handle)(nil)

package session

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
)

// local is the machine that polarbook runs on (ansible_connection: local). Each script has a /bin/sh of its own.
type local struct {
	name  string
	user  *user.User
	done  chan struct{}
	close sync.Once
	trips atomic.Int64
}

// Local returns a connection to the machine that polarbook runs on.
func Local(name string) (Connection, error) {
	me, err := user.Current()
	if err != nil {
		return nil, fmt.Errorf("%s: find who runs polarbook: %w", name, err)
	}
	return &local{name: name, user: me, done: make(chan struct{})}, nil
}

func connectLocal(_ context.Context, c remote.Config) (Connection, error) { return Local(c.Name) }

func (l *local) Address() string       { return "this machine" }
func (l *local) User() string          { return l.user.Username }
func (l *local) Done() <-chan struct{} { return l.done }
func (l *local) Stats() remote.Stats   { return remote.Stats{RoundTrips: l.trips.Load()} }
func (l *local) Close() error {
	l.close.Do(func() { close(l.done) })
	return nil
}

func (l *local) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, network, address)
}

// Shell is of the user that polarbook runs as, or when that is root of any user.
func (l *local) Shell(_ context.Context, b remote.Become) (tasks.Shell, error) {
	if err := posix(l.name); err != nil {
		return nil, err
	}
	s := &localShell{on: l, user: l.user}
	if b.Method == "" || b.User == l.user.Username || (b.User == "" && l.user.Uid == "0") {
		return s, nil
	}
	name := b.User
	if name == "" {
		name = "root"
	}
	refuse := func(err error) error {
		return &remote.BecomeError{Host: l.name, Method: b.Method, User: name, Err: err}
	}
	if l.user.Uid != "0" {
		return nil, refuse(errors.New("on a local connection only root can become another user: run polarbook as root"))
	}
	other, err := user.Lookup(name)
	if err != nil {
		return nil, refuse(err)
	}
	uid, err1 := strconv.ParseUint(other.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(other.Gid, 10, 32)
	if err := errors.Join(err1, err2); err != nil {
		return nil, refuse(err)
	}
	var groups []uint32
	if ids, err := other.GroupIds(); err == nil {
		for _, id := range ids {
			if n, err := strconv.ParseUint(id, 10, 32); err == nil {
				groups = append(groups, uint32(n))
			}
		}
	}
	s.user, s.as = other, &credential{Uid: uint32(uid), Gid: uint32(gid), Groups: groups}
	return s, nil
}

type localShell struct {
	on   *local
	user *user.User
	as   *credential // nil: as polarbook itself
}

func (s *localShell) Run(ctx context.Context, c remote.Command) (remote.Result, error) {
	r, err := s.Stream(ctx, c, nil, nil, nil)
	if err == nil && !c.Cut && (r.StdoutCut != 0 || r.StderrCut != 0) {
		err = fmt.Errorf("%s: a script wrote more than the %d bytes that its answer may have", s.on.name, keep(c))
	}
	return r, err
}

// Stream runs a script. It is handed to sh as a file that only its user can read, because stdin is the script's own.
func (s *localShell) Stream(
	ctx context.Context, c remote.Command, stdin io.Reader, stdout, stderr func(line []byte),
) (remote.Result, error) {
	s.on.trips.Add(1)
	script, err := s.script(c.Script)
	if err != nil {
		return remote.Result{}, fmt.Errorf("%s: %w", s.on.name, err)
	}
	defer script.Close()
	cmd := exec.CommandContext(ctx, "/bin/sh", "/dev/fd/3")
	cmd.ExtraFiles = []*os.File{script}
	cmd.Dir = c.Dir
	if cmd.Dir == "" {
		cmd.Dir = s.dir()
	}
	cmd.Env = append(os.Environ(), "HOME="+s.user.HomeDir, "USER="+s.user.Username, "LOGNAME="+s.user.Username)
	for name, value := range c.Env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	if stdin == nil {
		stdin = bytes.NewReader(c.Stdin)
	}
	cmd.Stdin = stdin
	out, outDone := collect(stdout, keep(c))
	errs, errsDone := collect(stderr, keep(c))
	cmd.Stdout, cmd.Stderr = out, errs
	group(cmd, s.as)
	cmd.WaitDelay = 5 * time.Second
	err = cmd.Run()
	var result remote.Result
	result.Stdout, result.StdoutCut = outDone()
	result.Stderr, result.StderrCut = errsDone()
	if ctx.Err() != nil {
		return result, fmt.Errorf("%s: the script was stopped: %w", s.on.name, ctx.Err())
	}
	var exit *exec.ExitError
	switch {
	case err == nil:
	case errors.As(err, &exit):
		if result.Status = exit.ExitCode(); result.Status < 0 {
			result.Status = 128 + signalOf(exit)
		}
	default:
		return result, fmt.Errorf("%s: run a script: %w", s.on.name, err)
	}
	return result, nil
}

// dir returns where scripts begin: where polarbook was called, so that a relative path means what it says, and at home for
// another user, who may not be allowed to look into that directory.
func (s *localShell) dir() string {
	if here, err := os.Getwd(); err == nil && s.as == nil {
		return here
	}
	if info, err := os.Stat(s.user.HomeDir); err == nil && info.IsDir() {
		return s.user.HomeDir
	}
	return "/"
}

// script is a file without a name. Closing it removes it.
func (s *localShell) script(text string) (*os.File, error) {
	f, err := os.CreateTemp("", "polarbook-*")
	if err != nil {
		return nil, err
	}
	_ = os.Remove(f.Name())
	_, err = f.WriteString(text + "\n")
	if err == nil && s.as != nil {
		err = f.Chown(int(s.as.Uid), int(s.as.Gid))
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// collect returns a writer that calls line for each line, or gathers everything when line is nil; the function ends it.
func collect(line func([]byte), most int64) (io.Writer, func() ([]byte, int64)) {
	if line == nil {
		b := &beginning{most: most}
		return b, func() ([]byte, int64) { return b.out.Bytes(), b.cut }
	}
	r, w := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		in := bufio.NewReader(r)
		for {
			text, err := in.ReadBytes('\n')
			if len(text) > 0 {
				line(bytes.TrimRight(text, "\r\n"))
			}
			if err != nil {
				return
			}
		}
	}()
	return w, func() ([]byte, int64) {
		w.Close()
		<-done
		return nil, 0
	}
}

// keep returns how much is kept of each stream of a script.
func keep(c remote.Command) int64 {
	if c.Keep > 0 {
		return c.Keep
	}
	return remote.MaxOutput
}

// beginning keeps the beginning of what is written, and counts the rest.
type beginning struct {
	out       bytes.Buffer
	most, cut int64
}

func (k *beginning) Write(b []byte) (int, error) {
	n := min(int64(len(b)), max(0, k.most-int64(k.out.Len())))
	k.cut += int64(len(b)) - n
	_, _ = k.out.Write(b[:n]) // never fails, says its documentation
	return len(b), nil
}

// Upload puts the file in place by a temporary name and a rename.
func (s *localShell) Upload(ctx context.Context, u remote.Upload) error {
	s.on.trips.Add(1)
	if s.as != nil {
		return fmt.Errorf("%s: files can be put in place as %s only, not as %s", s.on.name, s.on.user.Username, s.user.Username)
	}
	failed := func(err error) error { return fmt.Errorf("%s: write %s: %w", s.on.name, u.Path, err) }
	f, err := os.CreateTemp(filepath.Dir(u.Path), ".polarbook-*")
	if err != nil {
		return failed(err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	mode := u.Mode
	if mode == 0 {
		mode = 0o600
	}
	source := &followed{ctx: ctx, in: io.NewSectionReader(u.Source, 0, u.Size), total: u.Size, told: u.Progress}
	if _, err := io.Copy(f, source); err != nil {
		return failed(err)
	}
	if err := f.Chmod(mode); err != nil {
		return failed(err)
	}
	if err := chown(f, u.Owner, u.Group); err != nil {
		return failed(err)
	}
	if err := f.Sync(); err != nil {
		return failed(err)
	}
	if err := os.Rename(f.Name(), u.Path); err != nil {
		return failed(err)
	}
	return nil
}

// followed tells how much was read, and ends with its context.
type followed struct {
	ctx         context.Context
	in          io.Reader
	done, total int64
	told        func(done, total int64)
}

func (f *followed) Read(b []byte) (int, error) {
	if err := f.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := f.in.Read(b)
	f.done += int64(n)
	if f.told != nil && n > 0 {
		f.told(f.done, f.total)
	}
	return n, err
}

func chown(f *os.File, owner, group string) error {
	uid, gid := -1, -1
	if owner != "" {
		u, err := user.Lookup(owner)
		if err != nil {
			if u, err = user.LookupId(owner); err != nil {
				return err
			}
		}
		uid, _ = strconv.Atoi(u.Uid)
	}
	if group != "" {
		g, err := user.LookupGroup(group)
		if err != nil {
			if g, err = user.LookupGroupId(group); err != nil {
				return err
			}
		}
		gid, _ = strconv.Atoi(g.Gid)
	}
	if uid < 0 && gid < 0 {
		return nil
	}
	return f.Chown(uid, gid)
}

// ReadFile reads a file as the shell's user would.
func (s *localShell) ReadFile(ctx context.Context, path string, limit int64) ([]byte, error) {
	if s.as != nil {
		r, err := s.Run(ctx, remote.Command{Script: "[ -e " + remote.Quote(path) + " ] || exit 66\ncat < " + remote.Quote(path), Keep: limit + 1})
		switch {
		case err != nil:
			return nil, err
		case r.Status == 66:
			return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
		case r.Status != 0:
			return nil, fmt.Errorf("%s: read %s: %s", s.on.name, path, strings.TrimSpace(string(r.Stderr)))
		case int64(len(r.Stdout)) > limit:
			return nil, fmt.Errorf("%s: %s is larger than %d bytes", s.on.name, path, limit)
		}
		return r.Stdout, nil
	}
	s.on.trips.Add(1)
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s: %s is larger than %d bytes", s.on.name, path, limit)
	}
	return data, err
}

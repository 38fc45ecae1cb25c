package remote

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"sync/atomic"
	"time"
)

// Shell runs scripts on a host as one user. It keeps one POSIX sh for Run, opened
// anew should it be lost, and opens a session for each Stream. Its methods may be
// called from several goroutines; Runs then go one after the other.
type Shell struct {
	host   *Host
	become Become
	bash   atomic.Bool   // its /bin/sh is bash
	number atomic.Int64  // its process; 0: none is open
	turn   chan struct{} // holds one token while nobody uses what is below

	session *session // nil: none is open
	pid     int
	dir     string // private directory on the host for output
	runs    int    // how many this sh has run

	sftpTurn chan struct{} // holds a token while somebody uses what is below
	sftp     *sftpLink     // nil: none is open
	noSFTP   bool
}

// Command is a script with its surroundings. All of it travels on the shell's
// input: nothing is ever on an argv.
type Command struct {
	// Script is POSIX sh of any length, without NUL bytes. It runs in a subshell:
	// exit, set -e, cd, exec and syntax errors end or change only that.
	Script string
	// Stdin is read by the script; nil: nothing (/dev/null). Any bytes; meant
	// for up to some 100 KB.
	Stdin []byte
	// Env is exported to the script.
	Env map[string]string
	// Uncut, when not empty, is what the script does that nobody may end half-way, such as "initialise the data directory":
	// whoever locks the host after a run that is gone waits for it. "": it may be ended.
	// For a Run only.
	Uncut string
	// Job: the script starts something that is to outlive the connection, and has put the run's mark into POLARBOOK_JOB (or free).
	Job bool
	// Dir is the directory in which it runs; "": where the login left us, or / if the user may not
	// be there.
	Dir string
	// Keep is how many bytes of each of stdout and stderr are kept; 0: MaxOutput.
	Keep int64
	// Cut: the script may write more than is kept, because it is somebody
	// else's: the rest is counted and dropped, by Run on the host already. Without it
	// more is an error of Run, lest half an answer be taken for a whole one. It costs
	// the host some processes.
	Cut bool
}

// MaxOutput is how much is kept of stdout and of stderr, unless a Command says
// otherwise.
const MaxOutput = 16 << 20

func (c Command) keep() int64 {
	if c.Keep > 0 {
		return c.Keep
	}
	return MaxOutput
}

// Result holds what a script left behind. A status other than 0 is no error here.
type Result struct {
	Stdout, Stderr []byte
	// StdoutCut and StderrCut are how many bytes at least were written beyond what was
	// kept; CutUncounted: some. 0 is exact.
	StdoutCut, StderrCut int64
	Status               int
}

// CutUncounted means that output was cut and nobody knows by how much, because a
// background process goes on writing.
const CutUncounted = -1

// Shell returns the shell of that user, which it opens when asked for the first
// time. *BecomeError: the host does not let that user be become.
func (h *Host) Shell(ctx context.Context, b Become) (*Shell, error) {
	b = b.normal()
	h.mu.Lock()
	if h.lost != nil {
		defer h.mu.Unlock()
		return nil, h.lost
	}
	s := h.shells[b]
	if s == nil {
		s = &Shell{host: h, become: b, turn: make(chan struct{}, 1), sftpTurn: make(chan struct{}, 1)}
		s.turn <- struct{}{}
		h.shells[b] = s
	}
	h.mu.Unlock()
	if err := s.take(ctx); err != nil {
		return nil, err
	}
	defer s.give()
	if err := s.open(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// Host is the host that the shell is on.
func (s *Shell) Host() *Host { return s.host }

// User is whom the scripts run as.
func (s *Shell) User() string {
	if s.become.Method == "" {
		return s.host.User()
	}
	return s.become.User
}

// Run runs a script and returns what it wrote and its status: one write, one
// framed answer, one round trip. The answer is whole whatever the output is, and
// does not wait for background processes that keep the output open.
//
// A cancelled ctx stops the script on the host, see the package comment; Run then
// returns what ctx says, after at most some seconds, and the shell stays usable.
func (s *Shell) Run(ctx context.Context, c Command) (Result, error) {
	if err := c.check(s.host); err != nil {
		return Result{}, err
	}
	if err := s.take(ctx); err != nil {
		return Result{}, err
	}
	defer s.give()
	if err := s.open(ctx); err != nil {
		return Result{}, err
	}
	marker := randomHex()
	s.runs++
	f := newFrame(marker, c.keep())
	s.host.roundTrips.Add(1)
	sent := make(chan error, 1)
	request := runRequest(c.uncut(s.host), marker, s.dir, s.runs)
	if s.bash.Load() {
		request = inOnePiece(request)
	}
	go func(session *session) {
		_, err := session.channel.Write(request)
		sent <- err
	}(s.session)

	var stopped chan struct{} // closed when the order to stop was carried out
	var late <-chan time.Time
	cancelled := ctx.Done()
	for {
		select {
		case piece, more := <-s.session.out:
			if !more {
				err := fmt.Errorf("%s: the shell of %s ended while it ran a command: %s", s.host.Name(), s.User(), s.session.ended())
				s.discard()
				if ctx.Err() != nil {
					err = s.cancelled(ctx)
				}
				return Result{}, s.host.blame(err)
			}
			if !f.write(piece) {
				continue
			}
			if err := <-sent; err != nil { // the answer is there, so it was all read
				s.discard()
			}
			if c.Job {
				s.host.letJobsOut()
			}
			if stopped != nil {
				<-stopped
				return f.result, s.cancelled(ctx)
			}
			return s.answer(c, f)
		case <-cancelled:
			cancelled = nil
			stopped = make(chan struct{})
			go func(pid int) {
				defer close(stopped)
				_ = s.host.stopBelow(s.become, pid)
			}(s.pid)
			late = time.After(stopPatience)
		case <-late:
			s.discard()
			return Result{}, s.cancelled(ctx)
		case <-s.host.done:
			return Result{}, s.host.Err()
		}
	}
}

// answer turns what the shell said about how it went into an error where it has to.
func (s *Shell) answer(c Command, f *frame) (Result, error) {
	switch f.kind {
	case frameOK:
		if r := f.result; !c.Cut && (r.StdoutCut != 0 || r.StderrCut != 0) {
			return r, fmt.Errorf("%s: a command wrote more than the %d bytes that its answer may have", s.host.Name(), c.keep())
		}
		return f.result, nil
	case frameNoDir:
		return f.result, &fs.PathError{Op: s.host.Name() + ": changing directory to", Path: c.Dir, Err: fs.ErrNotExist}
	case frameFull:
		return f.result, fmt.Errorf("%s: no space left in %s for the output of a command, so it may be cut short; free space there",
			s.host.Name(), s.dir)
	}
	return f.result, fmt.Errorf("%s: the output of a command could not be kept in or read from %s: %s",
		s.host.Name(), s.dir, lastLines(s.session.errs.text()))
}

func (s *Shell) cancelled(ctx context.Context) error {
	return fmt.Errorf("%s: the command was stopped: %w", s.host.Name(), ctx.Err())
}

func (s *Shell) take(ctx context.Context) error {
	select {
	case <-s.host.done:
		return s.host.Err()
	default:
	}
	select {
	case <-s.turn:
		if err := ctx.Err(); err != nil {
			s.give()
			return err
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-s.host.done:
		return s.host.Err()
	}
}

func (s *Shell) give() { s.turn <- struct{}{} }

// open makes sure that an sh is there. The turn is ours.
func (s *Shell) open(ctx context.Context) error {
	if s.session != nil {
		select {
		case <-s.session.exited: // sudo or sh was killed in between
			s.discard()
		default:
			return nil
		}
	}
	session, err := s.host.openShell(ctx, s.become)
	if err != nil {
		return err
	}
	marker := randomHex()
	s.host.roundTrips.Add(1)
	if err := session.write(ctx, []byte(s.host.joining()+setupRequest(marker, s.dir))); err != nil && !errors.Is(err, errEOF) {
		session.close()
		return s.host.blame(err)
	}
	hello, err := session.awaitHello(ctx, s.become, marker)
	if err != nil {
		session.close()
		return err
	}
	if hello.dir == "" {
		session.close()
		return fmt.Errorf("%s: %s can keep the output of commands in none of /dev/shm, /tmp, /var/tmp and its home: "+
			"they are full or not writable", s.host.Name(), s.User())
	}
	s.session, s.pid, s.dir, s.runs = session, hello.pid, hello.dir, 0
	s.bash.Store(hello.bash)
	s.number.Store(int64(hello.pid))
	s.host.join(hello.pid)
	return nil
}

// discard gives the sh up. The next Run opens another.
func (s *Shell) discard() {
	if s.session != nil {
		s.session.close()
		s.session = nil
	}
}

// leave ends the sh in good order when the host is closed.
func (s *Shell) leave() {
	const patience = time.Second
	select {
	case <-s.turn:
	case <-time.After(patience):
		return // in use: the end of the connection ends it
	case <-s.host.done:
		return
	}
	if s.session != nil {
		s.session.leave(patience)
		s.session = nil
	}
	s.give()
}

type hello struct {
	pid  int
	bash bool
	dir  string
}

// awaitHello skips whatever a login wrote before the shell was ours.
func (s *session) awaitHello(ctx context.Context, b Become, marker string) (hello, error) {
	start := "polarbook-" + marker + "-up "
	patience := time.NewTimer(becomePatience)
	defer patience.Stop()
	var out []byte
	for {
		select {
		case piece, more := <-s.out:
			if !more {
				if err := s.host.blame(nil); err != nil {
					return hello{}, err
				}
				return hello{}, b.noShell(s, out)
			}
			out = appendNoise(out, piece)
			_, rest, found := strings.Cut(string(out), start)
			line, _, whole := strings.Cut(rest, "\n")
			if !found || !whole {
				continue
			}
			var h hello
			if _, err := fmt.Sscanf(line, "%d", &h.pid); err != nil {
				return h, fmt.Errorf("%s: /bin/sh said %q where its process number should be", s.host.Name(), line)
			}
			_, line, _ = strings.Cut(line, " ")
			var kind string
			kind, h.dir, _ = strings.Cut(line, " ")
			h.bash = kind == "bash"
			s.errs.forget()
			return h, nil
		case <-patience.C:
			return hello{}, fmt.Errorf("%s: /bin/sh did not start within %s; the login wrote: %q %q",
				s.host.Name(), becomePatience, lastLines(string(out)), lastLines(s.errs.text()))
		case <-ctx.Done():
			return hello{}, ctx.Err()
		case <-s.host.done:
			return hello{}, s.host.Err()
		}
	}
}

// appendNoise adds to what was said before the shell is ours, and forgets the beginning
// of what is too long: a login may say anything, and without end.
func appendNoise(out, piece []byte) []byte {
	const most = 256 << 10
	if out = append(out, piece...); len(out) > most {
		out = append(out[:0], out[len(out)-most/4:]...)
	}
	return out
}

// noShell returns why a shell that was there ended before it did anything.
func (b Become) noShell(s *session, out []byte) error {
	return b.ended(s, s.ended(), "", out, 0)
}

var namePattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// check refuses what no shell could be given.
func (c Command) check(h *Host) error {
	for name, value := range c.Env {
		if !namePattern.MatchString(name) {
			return fmt.Errorf("%s: %q is not the name of an environment variable", h.Name(), name)
		}
		if strings.IndexByte(value, 0) >= 0 {
			return fmt.Errorf("%s: the environment variable %s has a NUL byte in its value", h.Name(), name)
		}
	}
	if strings.IndexByte(c.Script, 0) >= 0 || strings.IndexByte(c.Dir, 0) >= 0 {
		return fmt.Errorf("%s: a script cannot have a NUL byte in it", h.Name())
	}
	return nil
}

package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"time"
)

// Stream runs a script in a session of its own, so that its output can be seen as
// it comes and it may take hours while Runs go on. stdin nil: c.Stdin, or nothing.
// stdout and stderr are called for every line, without its end, from one goroutine
// each; a carriage return ends a line too, as progress displays write it. What has
// no callback is collected in the Result, as much of it as the Command keeps.
//
// A cancelled ctx stops the script on the host; so does, for a script without
// input, the loss of the connection. See the package comment.
func (s *Shell) Stream(ctx context.Context, c Command, stdin io.Reader, stdout, stderr func(line []byte)) (Result, error) {
	if err := c.check(s.host); err != nil {
		return Result{}, err
	}
	if stdin == nil && len(c.Stdin) > 0 {
		stdin = bytes.NewReader(c.Stdin)
	}
	session, err := s.host.openShell(ctx, s.become)
	if err != nil {
		return Result{}, err
	}
	defer session.close()
	r := &streamRun{shell: s, session: session, marker: randomHex(), input: stdin}
	return r.run(ctx, c, stdout, stderr)
}

type streamRun struct {
	shell   *Shell
	session *session
	marker  string
	input   io.Reader
}

func (r *streamRun) run(ctx context.Context, c Command, stdout, stderr func([]byte)) (Result, error) {
	h := r.shell.host
	h.roundTrips.Add(1)
	request := streamRequest(c, r.marker, r.input != nil)
	if r.shell.bash.Load() {
		request = inOnePiece(request)
	}
	outLines := newLineSplitter("polarbook-"+r.marker+"-end ", stdout)
	errLines := newLineSplitter("polarbook-"+r.marker+"-end\n", stderr)
	errLines.skipTo = "polarbook-" + r.marker + "-up\n"
	outLines.keep, errLines.keep = c.keep(), c.keep()
	// From the beginning, for a script may write much before its shell is known to be there.
	errDone := make(chan struct{})
	var once sync.Once
	r.session.errs.alsoTo(func(b []byte) {
		if errLines.write(b) {
			once.Do(func() { close(errDone) })
		}
	})
	if ctx.Err() != nil {
		return Result{}, r.shell.cancelled(ctx)
	}
	// What was sent may run before its shell is heard of, and must be stopped then too when the context ends.
	later, cancel := outliving(ctx, stopPatience)
	defer cancel()
	if err := r.session.write(later, append([]byte(h.joining()+surroundings), request...)); err != nil && !errors.Is(err, errEOF) {
		return Result{}, h.blame(err)
	}
	hello, err := r.session.awaitStreamHello(later, r.shell.become, r.marker)
	if err != nil && ctx.Err() != nil {
		return Result{}, r.shell.cancelled(ctx)
	}
	if err != nil {
		return Result{}, err
	}
	r.session.errs.forget()
	h.join(hello.pid)
	fed := make(chan error, 1)
	if r.input != nil {
		go func() { fed <- r.feed(ctx) }()
	}

	outLines.write(hello.rest)
	var late <-chan time.Time
	cancelled := ctx.Done()
	for !outLines.done || !outLines.haveRest() {
		select {
		case piece, more := <-r.session.out:
			if !more {
				outLines.flush()
				if ctx.Err() != nil {
					return r.result(outLines, errLines), r.shell.cancelled(ctx)
				}
				err := fmt.Errorf("%s: the shell of %s ended while it ran a command: %s", h.Name(), r.shell.User(), r.session.ended())
				return r.result(outLines, errLines), h.blame(err)
			}
			outLines.write(piece)
		case err := <-fed:
			fed = nil
			if err != nil { // the source failed: without its input the script is worth nothing
				_ = h.stopBelow(r.shell.become, hello.pid)
				return r.result(outLines, errLines), fmt.Errorf("%s: read the input to send: %w", h.Name(), err)
			}
		case <-cancelled:
			cancelled = nil
			go func() { _ = h.stopBelow(r.shell.become, hello.pid) }()
			late = time.After(stopPatience)
		case <-late:
			return r.result(outLines, errLines), r.shell.cancelled(ctx)
		case <-h.done:
			outLines.flush()
			return r.result(outLines, errLines), h.Err()
		}
	}
	// Both streams end with a marker; stderr's may come a moment later.
	select {
	case <-errDone:
	case <-r.session.errs.done:
	case <-h.done:
		return r.result(outLines, errLines), h.Err()
	case <-time.After(stopPatience):
	}
	res := r.result(outLines, errLines)
	if ctx.Err() != nil && late != nil {
		return res, r.shell.cancelled(ctx)
	}
	kind, status := outLines.trailer()
	res.Status = status
	switch kind {
	case frameOK:
		return res, nil
	case frameNoDir:
		return res, &fs.PathError{Op: h.Name() + ": changing directory to", Path: c.Dir, Err: fs.ErrNotExist}
	}
	return res, fmt.Errorf("%s: the shell of %s gave an answer that makes no sense: %q", h.Name(), r.shell.User(), outLines.rest)
}

// outliving returns a context that ends that long after ctx.
func outliving(ctx context.Context, by time.Duration) (context.Context, func()) {
	later, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		late := time.NewTimer(by)
		defer late.Stop()
		select {
		case <-late.C:
			cancel()
		case <-later.Done():
		}
	})
	return later, func() { stop(); cancel() }
}

// feed copies the input to the script. That the script does not want it all is no
// error. Only at the true end of the input is the script told of an end: one that
// was cut off must be stopped, not believe that it had everything.
func (r *streamRun) feed(ctx context.Context) error {
	b := make([]byte, 128<<10)
	for ctx.Err() == nil {
		n, err := r.input.Read(b)
		if n > 0 {
			if _, err := r.session.channel.Write(b[:n]); err != nil {
				return nil
			}
		}
		if errors.Is(err, io.EOF) {
			_ = r.session.channel.CloseWrite()
			return nil
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

func (r *streamRun) result(out, errs *lineSplitter) Result {
	r.session.errs.to(func([]byte) {}) // nobody is called any more from here on
	errs.flush()
	return Result{Stdout: out.collected, Stderr: errs.collected, StdoutCut: out.cut, StderrCut: errs.cut, Status: -1}
}

type streamHello struct {
	pid  int
	rest []byte // the beginning of the output
}

func (s *session) awaitStreamHello(ctx context.Context, b Become, marker string) (streamHello, error) {
	start := []byte("polarbook-" + marker + "-up ")
	patience := time.NewTimer(becomePatience)
	defer patience.Stop()
	var out []byte
	for {
		select {
		case piece, more := <-s.out:
			if !more {
				ended := errors.New("the program ended")
				if err := s.host.blame(ended); !errors.Is(err, ended) {
					return streamHello{}, err
				}
				return streamHello{}, b.noShell(s, out)
			}
			out = appendNoise(out, piece)
			_, rest, found := bytes.Cut(out, start)
			line, rest, whole := bytes.Cut(rest, []byte("\n"))
			if !found || !whole {
				continue
			}
			h := streamHello{rest: rest}
			if _, err := fmt.Sscanf(string(line), "%d", &h.pid); err != nil {
				return h, fmt.Errorf("%s: /bin/sh said %q where its process number should be", s.host.Name(), line)
			}
			return h, nil
		case <-patience.C:
			return streamHello{}, fmt.Errorf("%s: /bin/sh did not start within %s; the login wrote: %q %q",
				s.host.Name(), becomePatience, lastLines(string(out)), lastLines(s.errs.text()))
		case <-ctx.Done():
			return streamHello{}, ctx.Err()
		case <-s.host.done:
			return streamHello{}, s.host.Err()
		}
	}
}

// streamRequest is, after the surroundings, one compound command, so that the shell has
// read all of it before it runs any of it and what follows on its input is the script's.
//
// A script without input gets a watcher: the input of the shell ends when the
// connection does, and the watcher then stops the script. The two are a pipeline,
// because its beginning gets the shell's input without any redirection, see
// inOnePiece; what goes through it is the watcher's process number. The shell's own
// word that the watcher was killed goes nowhere.
func streamRequest(c Command, marker string, input bool) []byte {
	var b bytes.Buffer
	b.WriteString("{\n")
	fmt.Fprintf(&b, "printf 'polarbook-%s-up\\n' >&2\nprintf 'polarbook-%s-up %%s\\n' \"$$\"\n", marker, marker)
	b.WriteString("__polarbook_k=ok __polarbook_s=1\n")
	if c.Dir != "" {
		fmt.Fprintf(&b, "if [ -d %s ]; then\n", Quote(c.Dir))
	}
	if !input {
		b.WriteString("{\n(\nread -r self s </proc/self/stat || exit\nprintf '%s\\n' \"$self\"\n" + stopFunction +
			"while read -r s; do :; done\npolarbook_stop $$ \"$self\"\n) 3>&- | (\nread -r __polarbook_w\n")
	}
	b.WriteString("(\n")
	writeScript(&b, c)
	if input {
		b.WriteString(")\n")
	} else {
		b.WriteString(") </dev/null 2>&3 3>&-\n__polarbook_s=$?\nkill -KILL \"$__polarbook_w\"\nexit $__polarbook_s\n)\n} 3>&2 2>/dev/null\n")
	}
	b.WriteString("__polarbook_s=$?\n")
	if c.Dir != "" {
		b.WriteString("else\n__polarbook_k=nodir\nfi\n")
	}
	fmt.Fprintf(&b, "printf 'polarbook-%s-end\\n' >&2\n", marker)
	fmt.Fprintf(&b, "printf 'polarbook-%s-end %%s %%s\\n' \"$__polarbook_k\" \"$__polarbook_s\"\nexit 0\n}\n", marker)
	return b.Bytes()
}

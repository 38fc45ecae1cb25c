package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"golang.org/x/crypto/ssh"
)

// Terminal is what the host is told of the user's terminal.
type Terminal struct {
	Kind          string // as TERM
	Columns, Rows int
	Resized       <-chan [2]int // columns and rows, when they change; nil: they do not
}

// request asks for a terminal that changes nothing of what goes through it: the program is told to set it as it likes when it begins,
// and until then a password would be echoed and a long line cut.
func (t *Terminal) request() []byte {
	var modes []byte
	for _, m := range []struct {
		code  byte
		value uint32
	}{
		{ssh.ISIG, 0}, {ssh.ICANON, 0}, {ssh.ECHO, 0}, {ssh.IEXTEN, 0}, {ssh.ICRNL, 0}, {ssh.IXON, 0}, {ssh.OPOST, 0},
		{ssh.TTY_OP_ISPEED, 38400}, {ssh.TTY_OP_OSPEED, 38400},
	} {
		modes = append(modes, ssh.Marshal(struct {
			Code  byte
			Value uint32
		}{m.code, m.value})...)
	}
	return ssh.Marshal(struct {
		Kind                         string
		Columns, Rows, Width, Height uint32
		Modes                        string
	}{t.Kind, uint32(t.Columns), uint32(t.Rows), 0, 0, string(append(modes, 0))}) //nolint:gosec // sizes of a terminal
}

// Attachment is a program with a person, or a script, at its other end.
type Attachment struct {
	Words    []string          // the program, looked for in PATH, and its arguments
	Env      map[string]string // as Command's
	Terminal *Terminal         // nil: the program has none, and its stderr is apart
	Stdin    io.Reader
	Stdout   io.Writer
	Stderr   io.Writer // not used with a terminal
	// Interrupt has the program interrupted (SIGINT) for each value; with a terminal the key that is typed does that.
	Interrupt <-chan struct{}
}

// Attach runs a program as the shell's user in a session of its own and returns its exit status. What it reads and writes passes
// unchanged. A cancelled ctx ends it.
func (s *Shell) Attach(ctx context.Context, a Attachment) (int, error) {
	if err := (Command{Env: a.Env}).check(s.host); err != nil {
		return 0, err
	}
	shell := markedShell(s.host.mark)
	if a.Terminal != nil {
		// A shell whose input, output and errors are a terminal takes itself for a person's.
		shell += " 3>&1 >/dev/null 2>&1"
	}
	session, err := s.host.openOn(ctx, a.Terminal, s.become, shell)
	if err != nil {
		return 0, err
	}
	defer session.close()
	marker := randomHex()
	if err := session.write(ctx, append([]byte(surroundings), a.request(marker)...)); err != nil && !errors.Is(err, errEOF) {
		return 0, s.host.blame(err)
	}
	hello, err := session.awaitStreamHello(ctx, s.become, marker)
	if err != nil {
		return 0, err
	}
	if a.Stderr != nil && a.Terminal == nil {
		session.errs.to(func(b []byte) { _, _ = a.Stderr.Write(b) })
	}
	go session.feed(a.Stdin)
	return s.attend(ctx, session, hello, a)
}

// request is one compound command, so that the shell has read all of it before it runs any of it and what follows on its input is the
// program's.
func (a Attachment) request(marker string) []byte {
	to := ""
	if a.Terminal != nil {
		to = " >&3"
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "{\nprintf 'polarbook-%s-up %%s\\n' \"$$\"%s\nLANG=${__polarbook_l:-C}\nunset __polarbook_l\n", marker, to)
	if a.Terminal != nil {
		fmt.Fprintf(&b, "stty sane 2>/dev/null\nexport TERM=%s\n", quoteAlways(a.Terminal.Kind))
	}
	for _, name := range slices.Sorted(maps.Keys(a.Env)) {
		fmt.Fprintf(&b, "export %s=%s\n", name, quoteAlways(a.Env[name]))
	}
	b.WriteString("exec")
	for _, w := range a.Words {
		b.WriteString(" " + quoteAlways(w))
	}
	if a.Terminal != nil {
		b.WriteString(" >&3 2>&3 3>&-")
	}
	b.WriteString("\n}\n")
	return b.Bytes()
}

// feed copies the input to the program, and its end.
func (s *session) feed(from io.Reader) {
	if from != nil {
		b := make([]byte, 32<<10)
		for {
			n, err := from.Read(b)
			if n > 0 {
				if _, err := s.channel.Write(b[:n]); err != nil {
					return
				}
			}
			if err != nil {
				break
			}
		}
	}
	_ = s.channel.CloseWrite()
}

// attend passes on what the program writes until it ends.
func (s *Shell) attend(ctx context.Context, session *session, hello streamHello, a Attachment) (int, error) {
	var resized <-chan [2]int
	if a.Terminal != nil {
		resized = a.Terminal.Resized
	}
	if _, err := a.Stdout.Write(hello.rest); err != nil {
		return 0, err
	}
	for {
		select {
		case piece, more := <-session.out:
			if !more {
				return s.parted(ctx, session)
			}
			if _, err := a.Stdout.Write(piece); err != nil {
				return 0, err
			}
		case size := <-resized:
			_, _ = session.channel.SendRequest("window-change", false, ssh.Marshal(struct{ Columns, Rows, Width, Height uint32 }{
				uint32(size[0]), uint32(size[1]), 0, 0})) //nolint:gosec // sizes of a terminal
		case <-a.Interrupt:
			go s.interrupt(ctx, hello.pid)
		case <-ctx.Done():
			// The program is what the shell was, so it is no child of anybody's: it is told itself.
			later, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience)
			defer cancel()
			_, _ = s.Run(later, Command{Script: fmt.Sprintf("kill -TERM %d", hello.pid)})
			return 0, s.cancelled(ctx)
		case <-s.host.done:
			return 0, s.host.Err()
		}
	}
}

// parted returns the exit status of a program that writes no more.
func (s *Shell) parted(ctx context.Context, session *session) (int, error) {
	select {
	case <-session.exited:
	case <-ctx.Done():
		return 0, s.cancelled(ctx)
	case <-s.host.done:
		return 0, s.host.Err()
	}
	select {
	case <-session.errs.done:
	case <-time.After(time.Second):
	}
	if session.status < 0 {
		return 0, s.host.blame(fmt.Errorf("%s: the program of %s ended without an exit status", s.host.Name(), s.User()))
	}
	return session.status, nil
}

// interrupt signals the program, which is the process that its shell was.
func (s *Shell) interrupt(ctx context.Context, pid int) {
	_, _ = s.Run(ctx, Command{Script: fmt.Sprintf("kill -INT %d", pid)})
}

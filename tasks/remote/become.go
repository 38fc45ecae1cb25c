package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Become is the user as whom a shell runs, and the way to become that user.
type Become struct {
	// Method "": as the one who is logged in; "sudo"; "su".
	Method string
	// User to become; "": root.
	User string
	// Password for sudo (the caller's own) or su (the target's). "": none, and
	// sudo is told not to ask.
	Password string
	// Flags for sudo or su in place of the default ("-H" for sudo). Words
	// separated by blanks; -S and -n are decided here.
	Flags string
}

// BecomeMethods are the methods that there are.
var BecomeMethods = []string{"sudo", "su"}

// Causes of a BecomeError that another password would cure.
var (
	ErrWrongPassword = errors.New("the password is wrong")
	ErrNoPassword    = errors.New("a password is required and none was given")
)

// BecomeError means that the host was reached but that becoming another user did not work. It wraps the cause, which is
// ErrWrongPassword, ErrNoPassword or an error of no special type.
type BecomeError struct {
	Host   string
	Method string // of BecomeMethods
	User   string // the one to become
	Err    error
	Output string // what sudo or su wrote
}

func (e *BecomeError) Error() string {
	s := fmt.Sprintf("%s: become %s with %s: %v", e.Host, e.User, e.Method, e.Err)
	if e.Output != "" && e.Output != e.Err.Error() {
		s += fmt.Sprintf(" (%s said: %s)", e.Method, e.Output)
	}
	return s
}

func (e *BecomeError) Unwrap() error { return e.Err }

// AboutPassword reports whether another password would help: the one given is wrong, or none was.
func (e *BecomeError) AboutPassword() bool {
	return errors.Is(e.Err, ErrWrongPassword) || errors.Is(e.Err, ErrNoPassword)
}

// WrongPassword reports whether the password that was given is wrong.
func (e *BecomeError) WrongPassword() bool { return errors.Is(e.Err, ErrWrongPassword) }

// becomePatience bounds how long sudo or su may take, directory servers and the
// delay after a wrong password included.
var becomePatience = 30 * time.Second // a variable for its test

var (
	userPattern = regexp.MustCompile(`^[A-Za-z0-9_.][A-Za-z0-9_.@+\\-]*\$?$`)
	flagPattern = regexp.MustCompile(`^[A-Za-z0-9_./=:@,+ -]*$`)
)

func (b Become) normal() Become {
	if b.Method == "" {
		return Become{}
	}
	if b.User == "" {
		b.User = "root"
	}
	return b
}

// openShell starts a /bin/sh as the wanted user. It is returned as soon as what is
// written to it will be read by that shell and by nobody before it.
func (h *Host) openShell(ctx context.Context, b Become) (*session, error) {
	return h.openMarked(ctx, b, h.mark)
}

// openUnmarked opens a shell that is not of the work that the lock fences.
func (h *Host) openUnmarked(ctx context.Context, b Become) (*session, error) {
	return h.openMarked(ctx, b, "")
}

func (h *Host) openMarked(ctx context.Context, b Become, mark string) (*session, error) {
	if b.Password == "" {
		return h.openOnce(ctx, b, mark)
	}
	key := passwordKey{host: h.target.way(), service: b.Method, account: b.User, password: b.Password}
	if b.Method == "sudo" { // which wants the caller's own
		key.account = h.User()
	}
	wrong, settle, err := h.config.Passwords.begin(ctx, h.done, key)
	switch {
	case errors.Is(err, errLost):
		return nil, h.Err()
	case err != nil:
		return nil, err
	case wrong != nil:
		var refused *BecomeError
		if errors.As(wrong, &refused) { // by this host under another name, maybe, and for another user
			own := *refused
			own.Host, own.User = h.Name(), b.User
			return nil, &own
		}
		return nil, wrong
	}
	s, err := h.openOnce(ctx, b, mark)
	var refused *BecomeError
	if errors.As(err, &refused) && refused.WrongPassword() {
		settle(false, refused)
	} else {
		settle(err == nil, nil)
	}
	return s, err
}

func (h *Host) openOnce(ctx context.Context, b Become, mark string) (*session, error) {
	return h.openOn(ctx, nil, b, markedShell(mark))
}

// openOn starts a shell, on a terminal of the host's where one is given.
func (h *Host) openOn(ctx context.Context, on *Terminal, b Become, shell string) (*session, error) {
	if err := h.mute.recent(b); err != nil {
		return nil, err
	}
	marker := "polarbook-" + randomHex()
	command, err := b.command(marker, shell)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", h.Name(), err)
	}
	s, err := h.startSession(ctx, on, "exec", struct{ Command string }{command})
	if err != nil {
		return nil, err
	}
	if err := b.handshake(ctx, s, marker); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// mutes are the ways to a shell that did not answer for as long as they were waited for. They are not waited for again a
// moment later: a task, its lock and what it looks at would each do so.
type mutes struct {
	mu   sync.Mutex
	last map[Become]muteError
}

type muteError struct {
	err   error
	until time.Time
}

func (m *mutes) note(b Become, err error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.last == nil {
		m.last = map[Become]muteError{}
	}
	m.last[b] = muteError{err, time.Now().Add(becomePatience)}
	return err
}

func (m *mutes) recent(b Become) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e, ok := m.last[b]; ok && time.Now().Before(e.until) {
		return e.err
	}
	return nil
}

// command returns what sshd has the login shell run, be that csh or fish: plain words
// and one pair of double quotes. The wanted shell says that it is there before anything
// is written: a start-up file, a menu or a sudo before it may read its input, and would
// take a script for answers.
func (b Become) command(marker, shell string) (string, error) {
	ready := fmt.Sprintf(`"echo %s-ready; %s"`, marker, shell)
	if b.Method == "" {
		return "exec /bin/sh -c " + ready, nil
	}
	if !userPattern.MatchString(b.User) {
		return "", fmt.Errorf("become user %q is not a user name", b.User)
	}
	if !flagPattern.MatchString(b.Flags) {
		return "", fmt.Errorf("become flags %q: only letters, digits and _./=:@,+- are allowed", b.Flags)
	}
	flags := []string{}
	for _, f := range strings.Fields(b.Flags) {
		if f != "-S" && f != "-n" {
			flags = append(flags, f)
		}
	}
	user := "'" + b.User + "'"
	switch b.Method {
	case "sudo":
		if b.Flags == "" {
			flags = []string{"-H"}
		}
		words := append([]string{"exec", "sudo"}, flags...)
		if b.Password == "" {
			words = append(words, "-n")
		} else {
			words = append(words, "-S", "-p", marker+"-password")
		}
		words = append(words, "-u", user, "--", "/bin/sh", "-c", ready)
		return strings.Join(words, " "), nil
	case "su":
		words := append([]string{"exec", "su"}, flags...)
		words = append(words, "-s", "/bin/sh", "-c", ready, user)
		return strings.Join(words, " "), nil
	}
	return "", fmt.Errorf("become method %q is not one of %s", b.Method, strings.Join(BecomeMethods, ", "))
}

// suPrompt matches what an su that wants a password leaves on stderr: a line that ends
// in a colon and not in a newline. PAM translates the words.
var suPrompt = regexp.MustCompile(`[^\n]*(:|：)[ \t]*$`)

// handshake waits, answering sudo or su, until the shell says that it is there. The
// password is written only after it was asked for, and once.
func (b Become) handshake(ctx context.Context, s *session, marker string) error {
	ready, prompt := []byte(marker+"-ready\n"), marker+"-password"
	patience := time.NewTimer(becomePatience)
	defer patience.Stop()
	if b.Method == "su" || b.Password != "" { // else it is there as soon as sshd's own answer is
		s.host.roundTrips.Add(1)
	}
	asked := 0
	var out []byte
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.host.done:
			return s.host.Err()
		case <-patience.C:
			return s.host.mute.note(b, b.late(s, prompt, out))
		case piece, more := <-s.out:
			if !more {
				ended := s.ended() // waits for the rest of stderr
				if err := s.host.blame(nil); err != nil {
					return err
				}
				return b.ended(s, ended, prompt, out, asked)
			}
			if s.merged {
				s.errs.write(piece)
			}
			if out = appendNoise(out, piece); bytes.Contains(out, ready) {
				s.errs.forget()
				return nil
			}
		case <-s.errs.more:
			text := s.errs.text()
			n := strings.Count(text, prompt)
			if b.Method == "su" {
				n = 0
				if suPrompt.MatchString(text) {
					n = 1
				}
			}
			switch {
			case n > asked && asked > 0:
				return b.failed(s, prompt, ErrWrongPassword, nil)
			case n > asked && b.Password == "":
				return b.failed(s, prompt, ErrNoPassword, nil)
			case n > asked:
				asked = n
				s.host.roundTrips.Add(1)
				if err := s.write(ctx, []byte(b.Password+"\n")); err != nil && !errors.Is(err, errEOF) {
					return s.host.blame(err)
				}
			}
		}
	}
}

// ended returns why what was to become a shell ended: with sudo -n that is how a refusal
// looks, without become a login shell like nologin.
func (b Become) ended(s *session, ended, prompt string, out []byte, asked int) error {
	if b.Method != "" {
		return b.failed(s, prompt, b.cause(s, asked), out)
	}
	if text := lastLines(string(out)); text != "" {
		ended += ": " + text
	}
	return fmt.Errorf("%s: the login shell of %s started no /bin/sh: %s", s.host.Name(), s.host.User(), ended)
}

// late describes what was seen of a shell that did not come.
func (b Become) late(s *session, prompt string, out []byte) error {
	if b.Method != "" {
		return b.failed(s, prompt, fmt.Errorf("no shell after %s", becomePatience), out)
	}
	said := lastLines(s.errs.text() + "\n" + string(out))
	if said == "" {
		said = "nothing"
	}
	return fmt.Errorf("%s: the login shell of %s started no /bin/sh within %s: "+
		"a menu, a restricted shell or a start-up file that waits for input may be why; it wrote: %s",
		s.host.Name(), s.host.User(), becomePatience, said)
}

// failed is about what sudo or su wrote or, where it wrote nothing, what the login did before.
func (b Become) failed(s *session, prompt string, cause error, out []byte) error {
	text := s.errs.text()
	if prompt != "" {
		text = strings.ReplaceAll(text, prompt, "")
	}
	if strings.TrimSpace(text) == "" {
		text = string(out)
	}
	return &BecomeError{Host: s.host.Name(), Method: b.Method, User: b.User, Err: cause, Output: lastLines(text)}
}

func (b Become) cause(s *session, asked int) error {
	if err := becomeCause(s.errs.text()); err != nil {
		return err
	}
	switch {
	case s.status == 127:
		return errNoCommand
	case asked > 0:
		return errors.New("it ended after the password was given")
	}
	return fmt.Errorf("it ended with exit status %d before the shell started", s.status)
}

// lastLines shortens what sudo said to what fits in a message.
func lastLines(text string) string {
	var lines []string
	for _, l := range strings.Split(text, "\n") {
		if l = strings.TrimSpace(l); l != "" {
			lines = append(lines, l)
		}
	}
	if len(lines) > 3 {
		lines = lines[len(lines)-3:]
	}
	return strings.Join(lines, "; ")
}

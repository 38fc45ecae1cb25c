package remote

import (
	"errors"
	"io/fs"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/crypto/ssh"
)

// What sshd, sudo, the tools of a host and the SSH library tell only in words is read in this file and nowhere else: it
// becomes an error that errors.Is or errors.As knows. Everything else in this package decides by those.

// loginRefused reports whether the host let nobody in with what it was given. The library has no type for that
// (x/crypto/ssh: clientAuthenticate), nor for what sshd says when it hangs up after MaxAuthTries.
func loginRefused(err error) bool {
	text := err.Error()
	return strings.Contains(text, "unable to authenticate") || strings.Contains(strings.ToLower(text), "too many authentication failures")
}

// noCommonKey reports whether the host has no key of the types it was asked for.
func noCommonKey(err error) bool {
	var negotiation *ssh.AlgorithmNegotiationError
	return errors.As(err, &negotiation) && negotiation.What == "host key"
}

// portRefused reports whether nobody listens on a port that sshd was to connect to. Its code is the same for all failures
// to connect; the text is that of strerror.
func portRefused(err *ssh.OpenChannelError) bool {
	return err.Reason == ssh.ConnectionFailed && strings.Contains(err.Message, "refused")
}

var badLinePattern = regexp.MustCompile(`^knownhosts: (.*):(\d+): (.*)$`)

// badLine returns which line of a known_hosts file cannot be read, counted from 1, and why; "" when the error is another.
func badLine(err error) (file string, line int, problem string) {
	m := badLinePattern.FindStringSubmatch(err.Error())
	if m == nil {
		return "", 0, ""
	}
	line, _ = strconv.Atoi(m[2])
	return m[1], line, m[3]
}

// fileErrors are known by what tools write about a file in the C locale, in lower case; the first that fits counts.
var fileErrors = []struct {
	text string
	err  error
}{
	{"no such file", fs.ErrNotExist},
	{"nonexistent", fs.ErrNotExist}, // dash and busybox, about directories
	{"permission denied", fs.ErrPermission},
	{"not permitted", fs.ErrPermission},
	{"no space left", syscall.ENOSPC},
	{"quota exceeded", syscall.EDQUOT},
}

// fileError returns the error that a tool's text is about, nil when it is none of those.
func fileError(text string) error {
	text = strings.ToLower(text)
	for _, f := range fileErrors {
		if strings.Contains(text, f.text) {
			return f.err
		}
	}
	return nil
}

var (
	errNoCommand   = errors.New("command not found on the host")
	errDenied      = errors.New("permission denied")
	errNotAllowed  = errors.New("this user may not run sudo on this host")
	errNoSuchUser  = errors.New("there is no such user on the host")
	errWantsTTY    = errors.New("sudo wants a terminal: remove requiretty from the sudoers file for this user")
	errNotSudoer   = errors.New("this user is not in the sudoers file")
	errNotAsThat   = errors.New("the sudoers file does not let this user run /bin/sh as that user")
	errUserLocked  = errors.New("the account is locked")
	errUserExpired = errors.New("the account has expired")
)

// becomeErrors are known by what sudo and su write, in lower case; the first that fits counts.
var becomeErrors = []struct {
	text string
	err  error
}{
	{"must have a tty", errWantsTTY},
	{"not in the sudoers file", errNotSudoer},
	{"is not allowed to run sudo", errNotAllowed},
	{"is not allowed to execute", errNotAsThat},
	{"may not run sudo", errNotAllowed},
	{"incorrect password attempt", ErrWrongPassword},
	{"a password is required", ErrNoPassword},
	{"no password was provided", ErrWrongPassword},
	{"try again", ErrWrongPassword},
	{"authentication failure", ErrWrongPassword},
	{"incorrect password", ErrWrongPassword},
	{"permission denied", errDenied},
	{"unknown user", errNoSuchUser},
	{"does not exist", errNoSuchUser},
	{"no passwd entry", errNoSuchUser},
	{"account is locked", errUserLocked},
	{"account has expired", errUserExpired},
	{"not found", errNoCommand},
}

// becomeCause returns why sudo or su did not become the user, nil when what it wrote does not tell.
func becomeCause(text string) error {
	text = strings.ToLower(text)
	for _, b := range becomeErrors {
		if strings.Contains(text, b.text) {
			return b.err
		}
	}
	return nil
}

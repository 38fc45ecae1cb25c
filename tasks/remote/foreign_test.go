package remote

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/crypto/ssh"
)

// What others tell in words becomes errors with a type, and only theirs.
func TestForeignTexts(t *testing.T) {
	for text, want := range map[string]error{
		"head: cannot open 'x' for reading: No such file or directory": fs.ErrNotExist,
		"sh: can't open /x/y: nonexistent directory":                   fs.ErrNotExist,
		"mv: cannot move: Operation not permitted":                     fs.ErrPermission,
		"cat: write error: No space left on device":                    syscall.ENOSPC,
		"cat: write error: Disk quota exceeded":                        syscall.EDQUOT,
		"is a directory":                                               nil,
	} {
		if got := fileError(text); !errors.Is(got, want) {
			t.Errorf("%q is %v, want %v", text, got, want)
		}
	}
	for text, want := range map[string]error{
		"sudo: 3 incorrect password attempts":        ErrWrongPassword,
		"su: Authentication failure":                 ErrWrongPassword,
		"sudo: a password is required":               ErrNoPassword,
		"su: user x does not exist":                  errNoSuchUser,
		"sh: sudo: not found":                        errNoCommand,
		"su: Permission denied":                      errDenied,
		"sudo: sorry, you must have a tty to run it": errWantsTTY,
		"good morning":                               nil,
	} {
		if got := becomeCause(text); !errors.Is(got, want) {
			t.Errorf("%q is %v, want %v", text, got, want)
		}
	}
	if !portRefused(&ssh.OpenChannelError{Reason: ssh.ConnectionFailed, Message: "Connection refused"}) ||
		portRefused(&ssh.OpenChannelError{Reason: ssh.Prohibited, Message: "Connection refused"}) {
		t.Error("a refused port is not told from forbidden forwarding")
	}
	if !noCommonKey(fmt.Errorf("ssh: handshake failed: %w", &ssh.AlgorithmNegotiationError{What: "host key"})) ||
		noCommonKey(&ssh.AlgorithmNegotiationError{What: "client to server cipher"}) {
		t.Error("the host's key types are not told from its ciphers")
	}
}

// Another password is asked for because of an error's type. What sudo printed, or a user's name, may have the same words.
func TestTheCauseOfABecomeErrorIsNotItsText(t *testing.T) {
	e := &BecomeError{Host: "h", Method: "sudo", User: "the password is wrong",
		Err: errors.New("a password is required, says the message of the day")}
	if e.AboutPassword() || e.WrongPassword() {
		t.Errorf("%v is taken for a matter of the password", e)
	}
	e.Err = ErrWrongPassword
	if !e.AboutPassword() || !e.WrongPassword() || !errors.Is(e, ErrWrongPassword) || !strings.Contains(e.Error(), "the password is wrong") {
		t.Errorf("%v is not taken for a wrong password", e)
	}
}

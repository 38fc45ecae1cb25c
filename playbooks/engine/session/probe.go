package session

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
)

// Probe asks a read-only question of a module's as the task's user. It is the one door through which such questions go to
// a host, in one round trip each.
func (h *Handle) Probe(ctx context.Context, script string) (remote.Result, error) {
	shell, err := h.shell(ctx)
	if err != nil {
		return remote.Result{}, err
	}
	if lasting, ok := shell.(lastingShell); ok {
		return lasting.ask(ctx, remote.Command{Script: script})
	}
	return shell.Run(ctx, remote.Command{Script: script})
}

// Change runs a command as the task's user and, when it succeeds, a probe after it, in one round trip. Neither can see or
// spoil the other's answer. An empty probe is not run.
func (h *Handle) Change(ctx context.Context, c remote.Command, probe string) (made, proof remote.Result, err error) {
	shell, err := h.shell(ctx)
	if err != nil {
		return made, proof, err
	}
	return changeAndProbe(ctx, shell, c, probe)
}

func changeAndProbe(ctx context.Context, shell tasks.Shell, c remote.Command, probe string) (made, proof remote.Result, err error) {
	if probe == "" {
		made, err = shell.Run(ctx, c)
		return made, proof, err
	}
	mark := newMark()
	c.Script = framed(c.Script, probe, mark)
	all, err := shell.Run(ctx, c)
	if err != nil {
		return made, proof, err
	}
	out, rest, ok := bytes.Cut(all.Stdout, []byte("\n"+mark+" "))
	if !ok {
		return made, proof, fmt.Errorf("the shell ended with status %d in the middle of a change: %s", all.Status, lastLine(string(all.Stderr)))
	}
	status, found, _ := bytes.Cut(rest, []byte("\n"))
	made.Status, err = strconv.Atoi(strings.TrimSpace(string(status)))
	if err != nil {
		return made, proof, fmt.Errorf("the shell gave %q for an exit status", status)
	}
	errs, errsAfter, _ := bytes.Cut(all.Stderr, []byte("\n"+mark+"\n"))
	made.Stdout, made.Stderr = out, errs
	proof = remote.Result{Stdout: found, Stderr: errsAfter, Status: all.Status}
	return made, proof, nil
}

// framed is one script made of two. eval keeps a syntax error of one from being an error of the whole, and a subshell
// keeps its exit, cd and variables to itself; nothing goes through an argv.
func framed(script, probe, mark string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "( eval %s )\n", remote.Quote(script))
	b.WriteString("polarbook_status=$?\n")
	fmt.Fprintf(&b, "printf '\\n%s %%s\\n' \"$polarbook_status\"\n", mark)
	fmt.Fprintf(&b, "printf '\\n%s\\n' >&2\n", mark)
	b.WriteString("[ \"$polarbook_status\" -eq 0 ] || exit 0\n")
	fmt.Fprintf(&b, "( eval %s ) </dev/null\n", remote.Quote(probe))
	return b.String()
}

func newMark() string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails, says its documentation
	return "polarbook-" + hex.EncodeToString(b[:])
}

// ScriptFailed returns why a script failed: the last line that it wrote, and its exit status.
func ScriptFailed(status int, stderr, stdout string) string {
	said := lastLine(stderr)
	if said == "" {
		said = lastLine(stdout)
	}
	if said == "" {
		return fmt.Sprintf("exit status %d, no output", status)
	}
	return fmt.Sprintf("%s (exit status %d)", said, status)
}

// lastLine returns the last line of a text that is not blank.
func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return strings.TrimSpace(s[strings.LastIndex(s, "\n")+1:])
}

// Trimmed returns output as register shows it: without the newlines at its end.
func Trimmed(b []byte) string { return strings.TrimRight(string(b), "\r\n") }

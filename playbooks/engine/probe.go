package engine

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
)

// prober is the one door through which the read-only questions of modules go to a host. An answer that was had ahead
// of time is kept here until it is asked for, once, or until anything on the host changes.
type prober struct {
	mu    sync.Mutex
	ahead map[question]remote.Result
}

// question is a script and the user it runs as: the answer depends on both.
type question struct{ user, script string }

// ask returns the answer to a probe: the one kept, or a new one for one round trip.
func (p *prober) ask(ctx context.Context, shell tasks.Shell, user, script string) (remote.Result, error) {
	q := question{user, script}
	p.mu.Lock()
	answer, kept := p.ahead[q]
	delete(p.ahead, q)
	p.mu.Unlock()
	if kept {
		return answer, nil
	}
	return shell.Run(ctx, remote.Command{Script: script})
}

// keep stores an answer that was had before its task came.
func (p *prober) keep(user, script string, answer remote.Result) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ahead == nil {
		p.ahead = map[question]remote.Result{}
	}
	p.ahead[question{user, script}] = answer
}

// changed throws away every answer: they are about the host as it was.
func (p *prober) changed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.ahead)
}

// changeAndProbe runs a command and, when it succeeds, a probe after it, in one round trip. Neither can see or spoil the
// other's answer. An empty probe is not run.
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

package site

import (
	"bytes"
	"context"
	"os/exec"
	"strings"
)

// Typed runs polarbook on a terminal on which these keys are typed, and returns what was to be seen there and the exit code.
func (l *ControlNode) Typed(keys string, args ...string) (screen string, code int) {
	l.T.Helper()
	program, err := exec.LookPath("script")
	if err != nil {
		l.T.Skip("needs script (Debian package bsdutils)")
	}
	var words []string
	for _, w := range append([]string{l.program}, l.given(args)...) {
		words = append(words, "'"+strings.ReplaceAll(w, "'", `'\''`)+"'")
	}
	ctx, cancel := context.WithTimeout(context.Background(), l.Limit)
	defer cancel()
	var out bytes.Buffer
	c := exec.CommandContext(ctx, program, "-qec", "stty cols 90 rows 30; "+strings.Join(words, " "), "/dev/null") //nolint:gosec // a test's
	c.Dir, c.Env, c.Stdout, c.Stderr = l.Dir, append(l.environment(), "TERM=vt100", "SHELL=/bin/sh"), &out, &out
	c.Stdin = strings.NewReader(keys)
	err = c.Run()
	if c.ProcessState == nil || ctx.Err() != nil {
		l.T.Fatalf("run polarbook on a terminal: %v, %v\n%s", err, ctx.Err(), out.String())
	}
	return out.String(), c.ProcessState.ExitCode()
}

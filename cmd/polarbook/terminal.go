package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

func standardTerminal() *terminal {
	fd := int(os.Stdout.Fd())
	tty := term.IsTerminal(fd) && os.Getenv("TERM") != "dumb" && obeysEscapes(os.Stdout, os.Stderr)
	t := &terminal{in: os.Stdin, tty: tty, closed: make(chan struct{}), wide: func() int {
		w, _, err := term.GetSize(fd)
		if err != nil || w < 40 {
			return 100
		}
		return w
	}}
	lost := t.lostOutput()
	t.out, t.err = &legible{w: os.Stdout, name: standardOutput, lost: lost}, &legible{w: os.Stderr, name: "standard error", lost: lost}
	return t
}

const standardOutput = "standard output"

// asks reports whether there is a person to ask.
func (t *terminal) asks() bool { return term.IsTerminal(int(t.in.Fd())) }

var errNobody = errors.New("no terminal to prompt on")

// secret asks for something that is not echoed.
func (t *terminal) secret(prompt string) (string, error) {
	if !t.asks() {
		return "", errNobody
	}
	fmt.Fprint(t.err, prompt)
	text, err := term.ReadPassword(int(t.in.Fd()))
	fmt.Fprintln(t.err)
	return string(text), err
}

// ask asks for a line.
func (t *terminal) ask(ctx context.Context, prompt string) (string, error) {
	if !t.asks() {
		return "", errNobody
	}
	fmt.Fprint(t.err, prompt)
	type answer struct {
		text string
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		text, err := bufio.NewReader(t.in).ReadString('\n')
		if errors.Is(err, io.EOF) && text != "" {
			err = nil
		}
		answers <- answer{strings.TrimRight(text, "\r\n"), err}
	}()
	select {
	case a := <-answers:
		return a.text, a.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// The colours, when the output is a terminal and NO_COLOR is not set.
func (t *terminal) paint(code, text string) string {
	if !t.tty || os.Getenv("NO_COLOR") != "" {
		return text
	}
	return ours + "[" + code + "m" + text + ours + "[0m"
}

func (t *terminal) green(s string) string  { return t.paint("32", s) }
func (t *terminal) yellow(s string) string { return t.paint("33", s) }
func (t *terminal) red(s string) string    { return t.paint("31", s) }
func (t *terminal) bold(s string) string   { return t.paint("1", s) }
func (t *terminal) faint(s string) string  { return t.paint("2", s) }

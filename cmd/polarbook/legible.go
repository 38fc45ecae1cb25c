package main

import (
	"crypto/rand"
	"fmt"
	"io"
	"strings"
	"sync"
	"unicode/utf8"
)

// ours begins an escape sequence that polarbook itself wrote. Nobody else can write one: the word behind the escape
// character is another in every run.
var ours = "\x1b" + rand.Text()

// legible is the one way to the terminal. What hosts, playbooks and inventories say passes through it, and whatever a
// terminal would obey rather than show is written out (\x1b, \u202e), but for the colours and cursor moves that
// polarbook itself makes. In JSON what is written out so is the same character, escaped.
type legible struct {
	mu   sync.Mutex
	w    io.Writer
	name string
	err  error                        // the first failure
	lost func(name string, err error) // told of it
}

func (l *legible) Write(data []byte) (int, error) {
	l.mu.Lock()
	before := l.err
	_, err := io.WriteString(l.w, written(string(data)))
	if err != nil && l.err == nil {
		l.err = err
	}
	l.mu.Unlock()
	if err != nil {
		if before == nil && l.lost != nil {
			l.lost(l.name, err)
		}
		return 0, err
	}
	return len(data), nil
}

// failure is the first error of writing.
func (l *legible) failure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// written is text as it goes to the terminal: foreign text made visible, polarbook's own sequences made effective.
func written(s string) string {
	if !strings.Contains(s, ours) {
		return visible(s)
	}
	var b strings.Builder
	for i, part := range strings.Split(s, ours) {
		if i > 0 {
			b.WriteString("\x1b")
		}
		b.WriteString(visible(part))
	}
	return b.String()
}

// visible writes out what a terminal would not show: control characters but newline and tab, among them those that
// UTF-8 encodes in two bytes, marks and overrides of the writing direction, separators of lines and paragraphs, tags,
// and bytes that are no UTF-8.
func visible(s string) string {
	at := 0
	for at < len(s) && (s[at] >= ' ' && s[at] < 0x7f || s[at] == '\n' || s[at] == '\t') {
		at++
	}
	if at == len(s) {
		return s
	}
	var b strings.Builder
	b.WriteString(s[:at])
	for at < len(s) {
		r, size := utf8.DecodeRuneInString(s[at:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[at])
		case r == '\n' || r == '\t':
			b.WriteRune(r)
		case r < ' ':
			fmt.Fprintf(&b, `\x%02x`, r)
		case r >= 0x7f && r <= 0x9f, obeyed(r):
			if r > 0xffff { // as JSON has it
				r -= 0x10000
				fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
			} else {
				fmt.Fprintf(&b, `\u%04x`, r)
			}
		default:
			b.WriteString(s[at : at+size])
		}
		at += size
	}
	return b.String()
}

// obeyed are the characters of Unicode that move what stands around them, or are seen by programs alone.
func obeyed(r rune) bool {
	switch {
	case r == 0x061c, r == 0x180e, r >= 0x200e && r <= 0x200f, r >= 0x2028 && r <= 0x202e, r >= 0x2060 && r <= 0x206f:
		return true
	case r == 0xfeff, r >= 0xfff9 && r <= 0xfffb, r >= 0xe0000 && r <= 0xe007f:
		return true
	}
	return false
}

// oneLine is a text that stands within a line, a name or a cell: it is never more than that line.
func oneLine(s string) string {
	s = visible(s)
	if !strings.ContainsAny(s, "\n\t") {
		return s
	}
	return strings.NewReplacer("\n", `\n`, "\t", " ").Replace(s)
}

// lostOutput makes what tells of output that cannot be written. A pipe that nobody reads ends the command as Ctrl-C does
// once; anything else is said on standard error, and the command goes on.
func (t *terminal) lostOutput() func(string, error) {
	var once sync.Once
	return func(name string, err error) {
		if nobodyReads(err) {
			once.Do(func() { close(t.closed) })
			return
		}
		if name == standardOutput {
			fmt.Fprintf(t.err, "polarbook: %s cannot be written, what is shown there is not whole: %v\n", name, err)
		}
	}
}

// written reports whether everything that was to be printed could be.
func (t *terminal) written() error {
	if out, ok := t.out.(*legible); ok && out.failure() != nil {
		return fmt.Errorf("%s could not be written: %w", standardOutput, out.failure())
	}
	return nil
}

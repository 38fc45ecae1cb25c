package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"
)

// screen is what a program has written so far.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func (s *screen) await(t *testing.T, text string) {
	t.Helper()
	for until := time.Now().Add(time.Minute); !strings.Contains(s.String(), text); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("the program has written %q, and not %q", s.String(), text)
		}
	}
}

// A program without a terminal reads and writes what it likes, in three streams, and its exit status comes back.
func TestAttach(t *testing.T) {
	t.Parallel()
	t.Run("OpenSSH", func(t *testing.T) { testAttach(t, startSSHD(t).shell(t)) })
	withEachShell(t, testAttach)
}

func testAttach(t *testing.T, s *Shell) {
	var out, errs bytes.Buffer
	all := make([]byte, 0, 3<<16)
	for i := range 3 << 16 {
		all = append(all, byte(i))
	}
	status, err := s.Attach(testContext(t), Attachment{
		Words:  []string{"sh", "-c", `printf '%s\n' "$A" "$1" >&2; cat; exit 7`, "sh", "it's $HOME\nand `more`"},
		Env:    map[string]string{"A": "b 'c' \"d\""},
		Stdin:  bytes.NewReader(all),
		Stdout: &out, Stderr: &errs,
	})
	if err != nil || status != 7 || !bytes.Equal(out.Bytes(), all) || errs.String() != "b 'c' \"d\"\nit's $HOME\nand `more`\n" {
		t.Errorf("status %d, %v, %d bytes of %d, stderr %q", status, err, out.Len(), len(all), errs.String())
	}
	status, err = s.Attach(testContext(t), Attachment{Words: []string{"no-such-program"}, Stdout: io.Discard, Stderr: &errs})
	if err != nil || status != 127 {
		t.Errorf("a program that is not there: status %d, %v", status, err)
	}
}

func TestAttachInterrupted(t *testing.T) {
	t.Parallel()
	s := startSSHD(t).shell(t)
	interrupt := make(chan struct{}, 1)
	var out screen
	go func() {
		for !strings.Contains(out.String(), "ready") {
			time.Sleep(20 * time.Millisecond)
		}
		interrupt <- struct{}{}
	}()
	in, hold := io.Pipe()
	defer hold.Close()
	status, err := s.Attach(testContext(t), Attachment{
		Words: []string{"sh", "-c", `trap 'echo interrupted; exit 9' INT; echo ready; while :; do sleep 0.1; done`},
		Stdin: in, Stdout: &out, Interrupt: interrupt,
	})
	if err != nil || status != 9 || !strings.Contains(out.String(), "interrupted") {
		t.Errorf("status %d, %v, %q", status, err, out.String())
	}
	ctx, cancel := context.WithCancel(testContext(t))
	var second screen
	go func() {
		for !strings.Contains(second.String(), "ready") {
			time.Sleep(20 * time.Millisecond)
		}
		cancel()
	}()
	_, err = s.Attach(ctx, Attachment{Words: []string{"sh", "-c", "echo ready; exec sleep 86399"}, Stdin: in, Stdout: &second})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled, it returned %v", err)
	}
	if r, err := s.Run(testContext(t), Command{Script: "ps -eo args | grep -c '[s]leep 86399'"}); err != nil || string(r.Stdout) != "0\n" {
		t.Errorf("%q still run, %v", r.Stdout, err)
	}
}

// On a terminal the program has its size and its keys, nothing of what went before is echoed, and long lines are whole.
func TestAttachTerminal(t *testing.T) {
	t.Parallel()
	s := startSSHD(t).shell(t)
	keys, typed := io.Pipe()
	resized := make(chan [2]int)
	var out screen
	done := make(chan int, 1)
	long := strings.Repeat("x", 9000)
	go func() {
		status, err := s.Attach(testContext(t), Attachment{
			Words: []string{"sh", "-c", `trap 'echo " caught"' INT; test -t 0 && test -t 1 && test -t 2 && echo all
stty size; echo "$TERM ${#LONG}"; while read -r line; do echo "<$line>"; stty size; done; exit 3`},
			Env:   map[string]string{"LONG": long},
			Stdin: keys, Stdout: &out, Terminal: &Terminal{Kind: "vt100", Columns: 81, Rows: 23, Resized: resized},
		})
		if err != nil {
			t.Error(err)
		}
		done <- status
	}()
	out.await(t, "all\r\n23 81\r\nvt100 9000\r\n")
	resized <- [2]int{132, 50}
	// What is typed may overtake the new size.
	for n := 1; !strings.Contains(out.String(), "50 132\r\n") && n < 100; n++ {
		_, _ = typed.Write(fmt.Appendf(nil, "hello %d\r", n))
		out.await(t, fmt.Sprintf("<hello %d>\r\n", n))
	}
	out.await(t, "50 132\r\n")
	_, _ = typed.Write([]byte{3})
	out.await(t, " caught\r\n")
	_, _ = typed.Write([]byte{4})
	if status := <-done; status != 3 {
		t.Errorf("status %d, want 3", status)
	}
	if text := out.String(); strings.Contains(text, "xxxx") || strings.Contains(text, "polarbook-") || strings.Contains(text, "trap") {
		t.Errorf("what it was started with is on the screen: %q", text)
	}
}

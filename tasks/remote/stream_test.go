package remote

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"
	"time"
)

// lines collects the lines of one stream.
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) add(line []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, string(line))
}

func (l *lines) got() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.all...)
}

func TestStream(t *testing.T) {
	t.Parallel()
	t.Run("OpenSSH", func(t *testing.T) { testStream(t, startSSHD(t).shell(t)) })
	withEachShell(t, testStream)
}

func testStream(t *testing.T, s *Shell) {
	var out, errs lines
	r, err := s.Stream(testContext(t), Command{
		Script: "echo one; printf 'two\\r'; printf '\\r\\nx\\r\\n' ; echo oops >&2; cat; printf last; exit 4",
		Env:    map[string]string{"A": "b"},
	}, strings.NewReader("fed 1\nfed 2\n"), out.add, errs.add)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := out.got(), []string{"one", "two", "", "x", "fed 1", "fed 2", "last"}; !reflect.DeepEqual(got, want) {
		t.Errorf("stdout lines %q, want %q", got, want)
	}
	if got, want := errs.got(), []string{"oops"}; !reflect.DeepEqual(got, want) {
		t.Errorf("stderr lines %q, want %q", got, want)
	}
	if r.Status != 4 {
		t.Errorf("status %d, want 4", r.Status)
	}

	r, err = s.Stream(testContext(t), Command{Script: "cat; pwd; echo e >&2", Dir: "/usr"}, nil, nil, nil)
	if err != nil || string(r.Stdout) != "/usr\n" || string(r.Stderr) != "e\n" || r.Status != 0 {
		t.Errorf("without input: %q %q %d %v", r.Stdout, r.Stderr, r.Status, err)
	}

	lines := 1 << 19
	if testing.Short() {
		lines = 1 << 17
	}
	big := bytes.Repeat([]byte("0123456789abcde\n"), lines)
	r, err = s.Stream(testContext(t), Command{Script: "cat; echo e >&2"}, bytes.NewReader(big), nil, nil)
	if err != nil || !bytes.Equal(r.Stdout, big) || string(r.Stderr) != "e\n" {
		t.Errorf("big input: %d bytes, %q, %v", len(r.Stdout), r.Stderr, err)
	}

	r, err = s.Stream(testContext(t), Command{Script: "head -c 3; exit 2"}, bytes.NewReader(big), nil, nil)
	if err != nil || string(r.Stdout) != "012" || r.Status != 2 {
		t.Errorf("input that nobody wants: %q, %d, %v", r.Stdout, r.Status, err)
	}

	r, err = s.Stream(testContext(t), Command{Script: "cat", Stdin: []byte("small")}, nil, nil, nil)
	if err != nil || string(r.Stdout) != "small" {
		t.Errorf("small input: %q, %v", r.Stdout, err)
	}

	_, err = s.Stream(testContext(t), Command{Script: "echo x", Dir: "/nonexistent"}, nil, nil, nil)
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory that is not there: %v", err)
	}

	_, err = s.Stream(testContext(t), Command{Script: "cat >/dev/null; sleep 60"}, iotest.ErrReader(io.ErrNoProgress), nil, nil)
	if !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("a source that fails: %v", err)
	}

	// A background process keeps the output open.
	started := time.Now()
	r, err = s.Stream(testContext(t), Command{Script: "sleep 30 & echo $!"}, nil, nil, nil)
	if err != nil || time.Since(started) > 20*time.Second {
		t.Errorf("with a daemon: %v after %s", err, time.Since(started))
	}
	run(t, s, "kill "+string(r.Stdout))
}

func TestStreamLinesComeAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	s := startSSHD(t).shell(t)
	dir := t.TempDir()
	got := make(chan string, 1)
	finished := make(chan error, 1)
	go func() {
		_, err := s.Stream(testContext(t), Command{Script: "echo first; while [ ! -e " + dir + "/go ]; do sleep 0.05; done"}, nil,
			func(l []byte) { got <- string(l) }, nil)
		finished <- err
	}()
	select {
	case l := <-got:
		if l != "first" {
			t.Errorf("got %q", l)
		}
	case err := <-finished:
		t.Fatalf("ended before its first line was seen: %v", err)
	case <-time.After(30 * time.Second):
		t.Fatal("the first line does not come while the script runs")
	}
	writeFile(t, dir+"/go", "")
	if err := <-finished; err != nil {
		t.Error(err)
	}
}

func TestCancelledStreamIsStoppedOnTheHost(t *testing.T) {
	t.Parallel()
	withEachShell(t, func(t *testing.T, s *Shell) {
		for _, input := range []io.Reader{nil, strings.NewReader("x\n")} {
			dir := t.TempDir()
			ctx, cancel := context.WithCancel(testContext(t))
			go func() {
				waitForFile(t, dir+"/started")
				cancel()
			}()
			_, err := s.Stream(ctx,
				Command{Script: padded("sleep 1001 & echo $! >"+dir+"/pids; echo x; sh -c 'echo $$ >>"+dir+"/pids; : >"+dir+
					"/started; sleep 1002; true'", 2*readWhole)}, input, nil, nil)
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got error %v", err)
			}
			for _, pid := range pidsIn(t, dir+"/pids") {
				waitUntil(t, "the script has ended", func() bool { return !alive(pid) })
			}
		}
	})
}

// A script may run before this side has heard of its shell. What is cancelled just then is stopped all the same.
func TestAStreamThatIsCancelledBeforeItIsHeardOfIsStopped(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	held := filepath.Join(fakeProgram(t, "sh",
		"#!/bin/bash\n/bin/sh \"$@\" | while IFS= read -r line; do case $line in *-up\\ [0-9]*) while [ -e "+dir+
			"/hold ]; do sleep 0.05; done ;; esac; printf '%s\\n' \"$line\"; done\n"), "sh")
	for name, input := range map[string]io.Reader{"without input": nil, "with input": strings.NewReader("x\n")} {
		h := connect(t, (&fakeServer{shell: held}).start(t).config())
		s := openTestShell(t, h, Become{})
		ctx, cancel := context.WithCancel(testContext(t))
		go func() {
			waitForFile(t, dir+"/started")
			cancel()
			time.Sleep(100 * time.Millisecond)
			os.Remove(dir + "/hold")
		}()
		writeFile(t, dir+"/hold", "")
		_, err := s.Stream(ctx, Command{Script: "sh -c 'echo $$ >" + dir + "/pids; : >" + dir + "/started; sleep 1002; true'"}, input, nil, nil)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
		for _, pid := range pidsIn(t, dir+"/pids") {
			waitUntil(t, "the script has ended", func() bool { return !alive(pid) })
			syscall.Kill(pid, syscall.SIGKILL) // or the server waits for it
		}
		for _, f := range []string{"started", "pids"} {
			os.Remove(dir + "/" + f)
		}
	}
}

// A script must not take input that was cut off for all of it.
func TestCancelledStreamDoesNotEndItsInput(t *testing.T) {
	t.Parallel()
	s := startSSHD(t).shell(t)
	dir := t.TempDir()
	for name, source := range map[string]func(cancel func()) io.Reader{
		"cancelled": func(cancel func()) io.Reader {
			return io.MultiReader(strings.NewReader("half"), readerFunc(func([]byte) (int, error) {
				waitForFile(t, dir+"/started")
				cancel()
				return 0, context.Canceled
			}))
		},
		"failed": func(func()) io.Reader {
			return io.MultiReader(strings.NewReader("half"), readerFunc(func([]byte) (int, error) {
				waitForFile(t, dir+"/started")
				return 0, io.ErrNoProgress
			}))
		},
	} {
		ctx, cancel := context.WithCancel(testContext(t))
		_, err := s.Stream(ctx, Command{Script: "cd " + dir + "; : >started; cat >whole; : >complete"}, source(cancel), nil, nil)
		cancel()
		if err == nil {
			t.Errorf("%s: no error", name)
		}
		if names, _ := filepath.Glob(dir + "/complete"); len(names) > 0 {
			t.Errorf("%s: the script believed that it had everything", name)
		}
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

func TestStreamIsStoppedWhenTheConnectionIsLost(t *testing.T) {
	t.Parallel()
	t.Run("OpenSSH", func(t *testing.T) { testLostStream(t, startSSHD(t).shell(t)) })
	withEachShell(t, testLostStream)
}

func testLostStream(t *testing.T, s *Shell) {
	dir := t.TempDir()
	go func() {
		waitForFile(t, dir+"/started")
		s.host.conn.Close()
	}()
	_, err := s.Stream(testContext(t),
		Command{Script: padded("echo $$; sh -c 'echo $$ >"+dir+"/pids; : >"+dir+"/started; sleep 1002; true'", 2*readWhole)}, nil, nil, nil)
	var lost *UnreachableError
	if !errors.As(err, &lost) {
		t.Errorf("got error %v", err)
	}
	for _, pid := range pidsIn(t, dir+"/pids") {
		waitUntil(t, "the script has ended", func() bool { return !alive(pid) })
	}
}

func TestLineSplitter(t *testing.T) {
	t.Parallel()
	const end = "MARK "
	for _, c := range []struct {
		stream string
		lines  []string
	}{
		{"MARK ok 0\n", nil},
		{"a\nMARK ok 0\n", []string{"a"}},
		{"aMARK ok 0\n", []string{"a"}},
		{"a\r\nb\rc\n\nMARMARK ok 0\n", []string{"a", "b", "c", "", "MAR"}},
	} {
		for size := 1; size <= len(c.stream); size++ { // pieces of every size
			var got []string
			l := newLineSplitter(end, func(b []byte) { got = append(got, string(b)) })
			for rest := c.stream; rest != ""; {
				n := min(size, len(rest))
				l.write([]byte(rest[:n]))
				rest = rest[n:]
			}
			kind, status := l.trailer()
			if !reflect.DeepEqual(got, c.lines) || !l.done || !l.haveRest() || kind != "ok" || status != 0 {
				t.Errorf("%q in pieces of %d: %q, %s %d", c.stream, size, got, kind, status)
			}
		}
	}
}

package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestOutputIsBounded has commands write more than is kept, and wants the beginning, the number of bytes that were
// dropped, the status that the command had by itself, and little of it on the host.
func TestOutputIsBounded(t *testing.T) {
	t.Parallel()
	withEachShell(t, func(t *testing.T, s *Shell) {
		const keep = 100 << 10
		long := bytes.Repeat([]byte("0123456789abcde\n"), 1<<16)
		file := filepath.Join(t.TempDir(), "long")
		writeFile(t, file, string(long))
		for _, c := range []struct {
			name, script    string
			out, errs       []byte
			outCut, errsCut int64
			status          int
			keep            int64
		}{
			{name: "nothing", script: ":"},
			{name: "little", script: "echo out; echo err >&2; exit 4", out: []byte("out\n"), errs: []byte("err\n"), status: 4},
			{name: "as much as is kept", script: "head -c 102400 " + file, out: long[:keep]},
			{name: "a byte more", script: "head -c 102401 " + file, out: long[:keep], outCut: 1},
			{name: "much", script: "cat " + file + " && exit 3", out: long[:keep], outCut: int64(len(long)) - keep, status: 3},
			{name: "much of both", script: "cat " + file + " >&2; cat " + file, out: long[:keep], errs: long[:keep],
				outCut: int64(len(long)) - keep, errsCut: int64(len(long)) - keep},
			{name: "NUL bytes", script: "head -c 30000000 /dev/zero", out: make([]byte, keep), outCut: 30000000 - keep},
			{name: "in pieces", script: "for i in 1 2 3; do cat " + file + "; done; cat " + file + " | tail -n 1 >&2", out: long[:keep],
				outCut: 3*int64(len(long)) - keep, errs: long[len(long)-16:]},
			{name: "from the background", script: "{ cat " + file + "; : >" + file + ".1; sleep 20; } & while [ ! -e " + file +
				".1 ]; do sleep 0.01; done", out: long[:keep], outCut: CutUncounted},
			{name: "little, and the pipe is held", script: "echo x; sleep 20 & exit 5", out: []byte("x\n"), status: 5},
			{name: "afterwards", script: "echo x", out: []byte("x\n")},
		} {
			began := time.Now()
			r, err := s.Run(testContext(t), Command{Script: c.script, Cut: true, Keep: keep})
			for want, got := range map[*int64]int64{&c.outCut: r.StdoutCut, &c.errsCut: r.StderrCut} {
				if got > 0 && got <= *want && got >= *want-128<<10 { // what it did not count of its last piece
					*want = got
				}
			}
			if err != nil || !bytes.Equal(r.Stdout, c.out) || !bytes.Equal(r.Stderr, c.errs) || r.StdoutCut != c.outCut ||
				r.StderrCut != c.errsCut || r.Status != c.status {
				t.Errorf("%s: %d and %d bytes (%.100q), %d and %d cut, status %d, %v", c.name, len(r.Stdout), len(r.Stderr), r.Stderr,
					r.StdoutCut, r.StderrCut, r.Status, err)
			}
			if took := time.Since(began); took > 15*time.Second {
				t.Errorf("%s took %s", c.name, took)
			}
			var lies int64
			filepath.WalkDir(s.dir, func(path string, e fs.DirEntry, err error) error {
				if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
					lies += info.Size()
				}
				return nil
			})
			if lies > 2*keep+100 {
				t.Errorf("%s: %d bytes lie on the host", c.name, lies)
			}
		}
		_, err := s.Run(testContext(t), Command{Script: "cat " + file, Keep: keep})
		if err == nil || !strings.Contains(err.Error(), "more than the 102400 bytes") {
			t.Errorf("half an answer was taken for a whole one: %v", err)
		}
		r, err := s.Stream(testContext(t), Command{Script: "cat " + file + "; cat " + file + " >&2", Keep: keep}, nil, nil, nil)
		if err != nil || !bytes.Equal(r.Stdout, long[:keep]) || !bytes.Equal(r.Stderr, long[:keep]) ||
			r.StdoutCut != int64(len(long))-keep || r.StderrCut != int64(len(long))-keep {
			t.Errorf("stream: %d and %d bytes, %d and %d cut, %v", len(r.Stdout), len(r.Stderr), r.StdoutCut, r.StderrCut, err)
		}
	})
}

// A process that a command leaves in the background, and that goes on writing, must neither die of it nor take memory.
func TestBackgroundProcessesWriteOn(t *testing.T) {
	t.Parallel()
	withEachShell(t, func(t *testing.T, s *Shell) {
		dir := t.TempDir()
		const script = `( i=0; while [ $i -lt 400 ] && [ ! -e DIR/stop ]; do head -c 100000 /dev/zero || exit; head -c 1000 /dev/zero >&2; i=$((i+1)); done; echo $i >DIR/end; sleep 0.2 ) & echo $! >DIR/pid`
		if _, err := s.Run(testContext(t), Command{Script: strings.ReplaceAll(script, "DIR", dir), Cut: true, Keep: 1000}); err != nil {
			t.Fatal(err)
		}
		for i := range 5 {
			r, err := s.Run(testContext(t), Command{Script: "sleep 0.1; echo mine", Cut: true})
			if err != nil || string(r.Stdout) != "mine\n" || len(r.Stderr) > 0 {
				t.Fatalf("run %d: %.100q %.100q %v", i, r.Stdout, r.Stderr, err)
			}
		}
		s.host.Close() // and with it the shell
		waitForFile(t, dir+"/end")
		if n := pidsIn(t, dir+"/end")[0]; n != 400 {
			t.Errorf("it ended after %d", n)
		}
	})
}

// What writes for ever goes on until somebody stops it.
func TestEndlessOutput(t *testing.T) {
	t.Parallel()
	withEachShell(t, func(t *testing.T, s *Shell) {
		for _, script := range []string{"yes", "cat /dev/zero", "yes >&2"} {
			ctx, cancel := context.WithTimeout(testContext(t), 200*time.Millisecond)
			_, err := s.Run(ctx, Command{Script: script, Cut: true})
			cancel()
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v", script, err)
			}
		}
		if r, err := s.Run(testContext(t), Command{Script: "echo x", Cut: true}); err != nil || string(r.Stdout) != "x\n" {
			t.Errorf("afterwards %q %v", r.Stdout, err)
		}
	})
}

// A host that keeps to no bound costs no memory here either.
func TestAHostThatSendsTooMuch(t *testing.T) {
	if testing.Short() {
		t.Skip("600 MB in short mode")
	}
	s := startSSHD(t).shell(t)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r, err := s.Stream(testContext(t), Command{Script: "head -c 300000000 /dev/zero; head -c 30000000 /dev/zero >&2"}, nil, nil, nil)
	if err != nil || r.StdoutCut != 300000000-MaxOutput || r.StderrCut != 30000000-MaxOutput {
		t.Errorf("%d and %d cut, %v", r.StdoutCut, r.StderrCut, err)
	}
	_, err = s.Run(testContext(t), Command{Script: "head -c 300000000 /dev/zero"})
	if err == nil {
		t.Error("half an answer was taken for a whole one")
	}
	runtime.ReadMemStats(&after)
	if got := after.Sys - before.Sys; got > 150<<20 {
		t.Errorf("%d MB were taken", got>>20)
	}
	f := newFrame("m", 10)
	for range 100 {
		f.write(bytes.Repeat([]byte("x"), 32<<10))
	}
	if !f.write([]byte("polarbook-m-out\nerr polarbook-m-end ok 3 7 " + strconv.Itoa(CutUncounted) + "\n")) {
		t.Fatal("the frame has no end")
	}
	want := Result{Stdout: []byte("xxxxxxxxxx"), Stderr: []byte("err "), StdoutCut: 100*32<<10 - 10 + 7, StderrCut: CutUncounted, Status: 3}
	if fmt.Sprint(f.result) != fmt.Sprint(want) || cap(f.buf) > 256<<10 {
		t.Errorf("%+v, with a buffer of %d", f.result, cap(f.buf))
	}
	if !newFrame("m", 10).write([]byte("polarbook-m-out\npolarbook-m-end " + strings.Repeat("x", 1000))) {
		t.Error("a line without end")
	}
	if _, err := os.Stat(s.dir); err != nil {
		t.Error(err)
	}
}

package remote

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// worker connects as a run that works in dir and writes a line to dir/out every moment, as the script says.
func worker(t *testing.T, c Config, who Holder, dir, script string) (*Host, *Lock) {
	t.Helper()
	c.Run = who.Run
	h := connect(t, c)
	l := lock(t, h, who, dir)
	s := openTestShell(t, h, Become{})
	go func() {
		_, _ = s.Run(context.Background(),
			Command{Script: "w() { while :; do echo x >>" + Quote(dir+"/out") + "; sleep 0.05; done; }\n" + script})
	}()
	for size(dir) == 0 {
		time.Sleep(10 * time.Millisecond)
	}
	return h, l
}

func size(dir string) int {
	b, _ := os.ReadFile(dir + "/out")
	return len(b)
}

// wantWork fails unless the work still goes on after a while, however slowly this machine takes it up again.
func wantWork(t *testing.T, dir string) {
	t.Helper()
	time.Sleep(300 * time.Millisecond)
	before := size(dir)
	for end := time.Now().Add(20 * time.Second); size(dir) == before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the work was ended")
		}
	}
}

func wantStill(t *testing.T, dir string) {
	t.Helper()
	before := size(dir)
	time.Sleep(300 * time.Millisecond)
	if after := size(dir); after != before {
		t.Errorf("the work goes on: %d, then %d", before, after)
	}
}

var waysToWork = map[string]string{
	"in front":        "w",
	"in the back":     "w & sleep 100",
	"nohup":           "nohup sh -c 'trap \"\" HUP; while :; do echo x >>%[1]s; sleep 0.05; done' >/dev/null 2>&1 &\nsleep 0.2",
	"setsid":          "setsid sh -c '(while :; do echo x >>%[1]s; sleep 0.05; done) & ' >/dev/null 2>&1 &\nsleep 0.2",
	"without its own": "setsid env -i /bin/sh -c 'while :; do echo x >>%[1]s; /bin/sleep 0.05; done' >/dev/null 2>&1 &\nsleep 100",
	"deaf":            "trap '' TERM INT HUP; w",
}

func TestTheWorkEndsBeforeTheLockIsAnothers(t *testing.T) {
	t.Parallel()
	for name, path := range shells(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for way, script := range waysToWork {
				t.Run(way, func(t *testing.T) {
					t.Parallel()
					server := (&fakeServer{shell: path}).start(t)
					dir := t.TempDir()
					if strings.Contains(script, "%") {
						script = fmt.Sprintf(script, dir+"/out")
					}
					one, _ := worker(t, server.config(), anna(t), dir, script)
					two := connect(t, server.config())
					one.conn.Close() // no goodbye
					time.Sleep(50 * time.Millisecond)
					l := eventually(t, two, dir)
					wantStill(t, dir)
					l.Release()
				})
			}
		})
	}
}

func TestAKilledHoldersWorkIsEndedByTheNext(t *testing.T) {
	t.Parallel()
	withEachLockShell(t, func(t *testing.T, one, two *Host, _ string) {
		dir := t.TempDir()
		worker(t, one.config, anna(t), dir, waysToWork["in the back"])
		if err := syscall.Kill(wantLocked(t, two, dir).PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		eventually(t, two, dir)
		wantStill(t, dir)
	})
}

func TestUnlockEndsTheWork(t *testing.T) {
	t.Parallel()
	withEachLockShell(t, func(t *testing.T, one, two *Host, _ string) {
		dir := t.TempDir()
		worker(t, one.config, anna(t), dir, "setsid sh -c '(while :; do echo x >>"+dir+"/out; sleep 0.05; done) &'; sleep 100")
		if r := run(t, openTestShell(t, two, Become{}), ReleaseScript(dir, anna(t).Run)); r.Status != 0 || len(r.Stdout) > 0 {
			t.Fatalf("%+v", r)
		}
		wantStill(t, dir)
		if text, _ := os.ReadFile(dir + "/lock"); len(text) > 0 {
			t.Errorf("left: %s", text)
		}
	})
}

func TestWhatARunLeftOnPurposeStays(t *testing.T) {
	t.Parallel()
	withEachLockShell(t, func(t *testing.T, one, two *Host, _ string) {
		dir := t.TempDir()
		h, l := worker(t, one.config, anna(t), dir, "(w) >/dev/null 2>&1 & echo $! >"+dir+"/pid")
		l.Release()
		h.Close()
		lock(t, two, bert(t), dir).Release()
		wantWork(t, dir)
		os.RemoveAll(dir + "/out")
		pid := 0
		text, _ := os.ReadFile(dir + "/pid")
		fmt.Sscan(string(text), &pid)
		if pid > 1 {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	})
}

func TestWhatMustNotBeCutIsWaitedFor(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"the connection is lost", "the holder is killed"} {
		t.Run(way, func(t *testing.T) {
			withEachLockShell(t, func(t *testing.T, one, two *Host, _ string) {
				dir := t.TempDir()
				c := one.config
				c.Run = anna(t).Run
				h := connect(t, c)
				lock(t, h, anna(t), dir)
				s := openTestShell(t, h, Become{})
				go func() {
					_, _ = s.Run(context.Background(),
						Command{Uncut: "initdb",
							Script: "touch " + dir + "/began; i=0; until [ -e " + dir + "/waited ] || [ $i = 600 ]; do i=$((i+1)); " +
								"sleep 0.05; done; touch " + dir + "/done"})
				}()
				for _, err := os.Stat(dir + "/began"); err != nil; _, err = os.Stat(dir + "/began") {
					time.Sleep(5 * time.Millisecond)
				}
				pid := wantLocked(t, two, dir).PID
				if way == "the holder is killed" {
					_ = syscall.Kill(pid, syscall.SIGKILL)
				}
				h.conn.Close()
				var waited []string
				var l *Lock
				waitUntil(t, "the holder is seen to be gone", func() bool {
					var err error
					l, err = two.Lock(testContext(t), LockRequest{Holder: bert(t), Dir: dir, Waits: func(run, what string) {
						waited = append(waited, run+" "+what)
						writeFile(t, dir+"/waited", "")
					}})
					var locked *LockedError
					if err != nil && !errors.As(err, &locked) {
						t.Fatal(err)
					}
					return err == nil
				})
				if l == nil {
					return
				}
				if _, err := os.Stat(dir + "/done"); err != nil {
					t.Error("it was cut")
				}
				if len(waited) != 1 || waited[0] != anna(t).Run+" initdb" {
					t.Errorf("said: %q", waited)
				}
				l.Release()
				var left []string
				waitUntil(t, "nothing is left beside the lock", func() bool { // which is released within a second, or sees it later
					left, _ = filepath.Glob(dir + "/lock.*")
					return len(left) == 0
				})
				if t.Failed() {
					t.Logf("left: %q", left)
				}
			})
		})
	}
}

func TestAnUncutScriptIsAsAnyOther(t *testing.T) {
	t.Parallel()
	withEachLockShell(t, func(t *testing.T, one, _ *Host, _ string) {
		c := one.config
		c.Run = anna(t).Run
		h, dir := connect(t, c), t.TempDir()
		lock(t, h, anna(t), dir)
		r, err := openTestShell(t, h, Become{}).Run(testContext(t),
			Command{Uncut: "it's", Script: "set -e\ncat\nfalse\necho no", Stdin: []byte("in")})
		if err != nil || string(r.Stdout) != "in" || r.Status != 1 || len(r.Stderr) > 0 {
			t.Errorf("%v %q %q %d", err, r.Stdout, r.Stderr, r.Status)
		}
		if left, _ := filepath.Glob(dir + "/lock.uncut*"); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	})
}

func TestWhoWasAwayLooksAtItsLockFirst(t *testing.T) {
	t.Parallel()
	server := (&fakeServer{}).start(t)
	dir := t.TempDir()
	c := server.config()
	c.Run = anna(t).Run
	h := connect(t, c)
	l := lock(t, h, anna(t), dir)
	s := openTestShell(t, h, Become{})
	away := func() {
		then := time.Now().Add(-time.Hour)
		l.pulse.at.Store(&then)
	}
	away()
	run(t, s, "true") // the lock stands
	pid := wantLocked(t, connect(t, server.config()), dir).PID
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	away()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Run(testContext(t), Command{Script: "echo x >>" + dir + "/out"}); err == nil || size(dir) > 0 {
		t.Errorf("it was sent all the same: %v", err)
	}
	wantLost(t, l)
	if !l.Away() {
		t.Error("nobody is told that it was away")
	}
	if err := h.Err(); err == nil || !strings.Contains(err.Error(), "was away") {
		t.Errorf("%v", err)
	}
}

// overLostConnection has a run start a job that writes to dir/out and does what the words say again and again, lose its connection, and lock
// the host with the next, which it returns.
func overLostConnection(t *testing.T, c Config, dir, words string) *Host {
	t.Helper()
	c.Run = anna(t).Run
	h := connect(t, c)
	lock(t, h, anna(t), dir)
	r, err := openTestShell(t, h, Become{}).Run(testContext(t), Command{Job: true, Script: "(POLARBOOK_JOB=$POLARBOOK_RUN\n" +
		"export POLARBOOK_JOB; unset POLARBOOK_RUN\n" +
		"setsid sh -c 'while [ -d " + dir + " ]; do echo x >>" + dir + "/out; " + words + "; done' >/dev/null 2>&1 &)"})
	if err != nil || r.Status != 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	for size(dir) == 0 || !exists(dir+"/lock.jobs") {
		time.Sleep(10 * time.Millisecond)
	}
	h.conn.Close() // no goodbye
	c.Run = anna(t).Run
	again := connect(t, c)
	if _, err := again.Lock(testContext(t), LockRequest{Holder: anna(t), Dir: dir, Replaces: anna(t).Run}); err != nil {
		t.Fatal(err)
	}
	return again
}

// A job has its mark in another variable: the end of the connection is not its end, nor is the next connection of its run. Nor where it
// starts others all the time, whatever they have for an environment: one that was left in the run's control group would be ended with the
// connection, and the job with it, for they are one session.
func TestAJobOutlivesTheConnectionAndNotTheRun(t *testing.T) {
	t.Parallel()
	withEachLockShell(t, func(t *testing.T, one, two *Host, _ string) {
		for _, words := range []string{"sleep 0.05", "sleep 1 & sleep 0.01", "env -i PATH=\"$PATH\" sleep 1 & sleep 0.01"} {
			dir := t.TempDir()
			again := overLostConnection(t, one.config, dir, words)
			wantWork(t, dir)
			again.conn.Close()
			eventually(t, two, dir)
			wantStill(t, dir)
			if exists(dir + "/lock.jobs") {
				t.Errorf("%s: it is still noted that there are jobs", words)
			}
		}
	})
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

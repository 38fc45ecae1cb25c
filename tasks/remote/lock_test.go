package remote

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// anna and bert hold locks. Their runs are of one test in one process: the work of a run is found, and ended, on the whole
// machine, and tests run beside each other, in other containers with the same process numbers too.
func anna(t testing.TB) Holder {
	return Holder{User: "anna@laptop", Playbook: "switchover.yml", Run: runOf(t, "20260102T030405Z"),
		Since: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
}

func bert(t testing.TB) Holder {
	return Holder{User: "bert@desk", Playbook: "drop-node.yml", Run: runOf(t, "20260102T030406Z"),
		Since: time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC)}
}

var thisProcess = rand.Text()

func runOf(t testing.TB, since string) string {
	sum := sha256.Sum256([]byte(thisProcess + t.Name()))
	return since + "-" + hex.EncodeToString(sum[:8])
}

// withEachLockShell gives a test a server with each shell, two connections to it and a directory for the lock.
func withEachLockShell(t *testing.T, test func(t *testing.T, one, two *Host, dir string)) {
	for name, path := range shells(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := (&fakeServer{shell: path}).start(t)
			test(t, connect(t, server.config()), connect(t, server.config()), filepath.Join(t.TempDir(), "with a blank", "polarbook"))
		})
	}
}

func lock(t *testing.T, h *Host, who Holder, dir string) *Lock {
	t.Helper()
	l, err := h.Lock(testContext(t), LockRequest{Holder: who, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func wantLocked(t *testing.T, h *Host, dir string) Holder {
	t.Helper()
	_, err := h.Lock(testContext(t), LockRequest{Holder: bert(t), Dir: dir})
	var locked *LockedError
	if !errors.As(err, &locked) {
		t.Fatalf("not locked: %v", err)
	}
	return locked.Holder
}

// eventually takes the lock, within a limit, after its holder was ended.
func eventually(t *testing.T, h *Host, dir string) *Lock {
	t.Helper()
	for limit := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		l, err := h.Lock(testContext(t), LockRequest{Holder: bert(t), Dir: dir})
		if err == nil {
			return l
		}
		if time.Now().After(limit) {
			t.Fatalf("the lock does not get free: %v", err)
		}
	}
}

func wantLost(t *testing.T, l *Lock) {
	t.Helper()
	select {
	case <-l.Lost():
	case <-time.After(20 * time.Second):
		t.Fatal("nobody noticed that the lock is lost")
	}
}

func TestOneLocksAndTheOtherIsToldWho(t *testing.T) {
	t.Parallel()
	withEachLockShell(t, func(t *testing.T, one, two *Host, dir string) {
		l := lock(t, one, anna(t), dir)
		holder := wantLocked(t, two, dir)
		if holder.PID == 0 {
			t.Error("no process is named")
		}
		if holder.Silent > 10*time.Second {
			t.Errorf("not heard of for %s", holder.Silent)
		}
		if holder.PID, holder.Silent = 0, 0; holder != anna(t) {
			t.Errorf("held by %+v", holder)
		}
		l.Release()
		again := lock(t, two, bert(t), dir)
		text := (&LockedError{"node1", wantLocked(t, one, dir)}).Error()
		if !strings.HasPrefix(text, "node1: locked by bert@desk, who runs drop-node.yml since ") {
			t.Error(text)
		}
		again.Release()
	})
}

func TestTheLockCostsOneSessionAndOneRoundTrip(t *testing.T) {
	t.Parallel()
	server := (&fakeServer{}).start(t)
	h := connect(t, server.config())
	before := h.Stats()
	lock(t, h, anna(t), t.TempDir())
	after := h.Stats()
	if after.Sessions-before.Sessions != 1 || after.RoundTrips-before.RoundTrips != 3 { // two of them open the session
		t.Errorf("%+v, then %+v", before, after)
	}
}

func TestTheLockGoesWithItsConnection(t *testing.T) {
	t.Parallel()
	withEachLockShell(t, func(t *testing.T, one, two *Host, dir string) {
		l := lock(t, one, anna(t), dir)
		one.conn.Close() // no goodbye to any shell
		eventually(t, two, dir)
		wantLost(t, l)
	})
}

func TestTheLockGoesWithCloseAtOnce(t *testing.T) {
	t.Parallel()
	withEachLockShell(t, func(t *testing.T, one, two *Host, dir string) {
		lock(t, one, anna(t), dir)
		one.Close()
		lock(t, two, bert(t), dir)
	})
}

func TestTheLockOfASilentLaptopGoes(t *testing.T) {
	for name, path := range shells(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := (&fakeServer{shell: path}).start(t)
			between := startRelay(t, server.port)
			c := server.config()
			c.Port, c.KeepAlive = between.port, 100*time.Millisecond
			c.Keys = HostKeyCheck{Mode: ModeOff}
			one, two := connect(t, c), connect(t, server.config())
			dir := t.TempDir()
			l := lock(t, one, anna(t), dir)
			select { // heartbeats keep it
			case <-l.Lost():
				t.Fatal("lost while the connection stood")
			case <-time.After(3 * lockSilences * c.KeepAlive):
			}
			wantLocked(t, two, dir)
			between.silence(true) // the server never learns that the laptop is gone
			wantLost(t, l)
			eventually(t, two, dir)
		})
	}
}

// TestAHeartbeatBeforeTheWatch has the process that watches for silence come late on a busy host: a heartbeat that is there before
// it listens must not end it, for then nobody lets go of the lock of a laptop that is gone.
func TestAHeartbeatBeforeTheWatch(t *testing.T) {
	t.Parallel()
	const listens = "trap 'heard=1' USR1\n"
	text := lockScript(LockRequest{Holder: anna(t), Dir: t.TempDir()}, "m", "", 300*time.Millisecond)
	if strings.Count(text, listens) != 1 {
		t.Fatalf("where does it listen?\n%s", text)
	}
	for name, path := range shells(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			script := strings.ReplaceAll(lockScript(LockRequest{Holder: anna(t), Dir: t.TempDir()}, "m", "", 300*time.Millisecond),
				listens, "sleep 0.5\n"+listens)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			holder := exec.CommandContext(ctx, path, "-c", script)
			in, err := holder.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			if err := holder.Start(); err != nil {
				t.Fatal(err)
			}
			if _, err := in.Write([]byte("\n")); err != nil {
				t.Fatal(err)
			}
			if err := holder.Wait(); ctx.Err() != nil {
				t.Errorf("silence does not end it: %v", err)
			}
		})
	}
}

func TestAKilledHolderIsNoticedAndLeavesNoLock(t *testing.T) {
	t.Parallel()
	withEachLockShell(t, func(t *testing.T, one, two *Host, dir string) {
		l := lock(t, one, anna(t), dir)
		if err := syscall.Kill(wantLocked(t, two, dir).PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		wantLost(t, l)
		select {
		case <-one.Done():
			t.Error("the connection has nothing to do with it")
		default:
		}
		lock(t, two, bert(t), dir)
	})
}

func TestOnlyTheLockOfTheRunThatIsNamedIsReplaced(t *testing.T) {
	t.Parallel()
	withEachLockShell(t, func(t *testing.T, one, two *Host, dir string) {
		l := lock(t, one, anna(t), dir)
		if _, err := two.Lock(testContext(t), LockRequest{Holder: bert(t), Dir: dir, Replaces: bert(t).Run}); err == nil {
			t.Fatal("somebody else's was replaced")
		}
		if _, err := two.Lock(testContext(t), LockRequest{Holder: bert(t), Dir: dir, Replaces: anna(t).Run}); err != nil {
			t.Fatal(err)
		}
		wantLost(t, l)
		if got := wantLocked(t, one, dir); got.Run != bert(t).Run {
			t.Errorf("held by %+v", got)
		}
	})
}

// A holder that lets go while somebody comes has emptied its file and not ended yet.
func TestAHolderThatIsAboutToGoIsWaitedFor(t *testing.T) {
	t.Parallel()
	withEachLockShell(t, func(t *testing.T, one, two *Host, dir string) {
		for range 5 {
			l := lock(t, one, anna(t), dir)
			if err := os.Truncate(filepath.Join(dir, "lock"), 0); err != nil {
				t.Fatal(err)
			}
			go func() {
				time.Sleep(50 * time.Millisecond)
				l.Release()
			}()
			got, err := two.Lock(testContext(t), LockRequest{Holder: bert(t), Dir: dir, Replaces: anna(t).Run})
			if err != nil {
				t.Fatal(err)
			}
			got.Release()
		}
	})
}

func TestWhoHoldsIsShownAndCanBeEnded(t *testing.T) {
	t.Parallel()
	withEachLockShell(t, func(t *testing.T, one, two *Host, dir string) {
		s := openTestShell(t, two, Become{})
		if r := run(t, s, HolderScript(dir)); r.Status != 0 || len(r.Stdout)+len(r.Stderr) > 0 {
			t.Fatalf("nobody has ever held it: %+v", r)
		}
		l := lock(t, one, anna(t), dir)
		old := time.Now().Add(-time.Hour)
		if err := os.Chtimes(filepath.Join(dir, "lock.beat"), old, old); err != nil {
			t.Fatal(err)
		}
		holder, held := ParseHolder(string(run(t, s, HolderScript(dir)).Stdout))
		if !held || holder.Run != anna(t).Run || holder.Silent < time.Hour || holder.Silent > time.Hour+time.Minute {
			t.Fatalf("%v %+v", held, holder)
		}
		if r := run(t, s, ReleaseScript(dir, bert(t).Run)); r.Status != 0 {
			t.Fatalf("%s", r.Stderr)
		}
		wantLocked(t, two, dir) // that run does not hold it
		if r := run(t, s, ReleaseScript(dir, anna(t).Run)); r.Status != 0 {
			t.Fatalf("%s", r.Stderr)
		}
		wantLost(t, l)
		if r := run(t, s, HolderScript(dir)); len(r.Stdout) > 0 {
			t.Errorf("still held: %s", r.Stdout)
		}
		// The number of a process that is gone may be another's by now.
		stale := anna(t).text() + "pid=1\nborn=1\n"
		writeFile(t, filepath.Join(dir, "lock"), stale)
		if r := run(t, s, HolderScript(dir)); len(r.Stdout) > 0 {
			t.Errorf("a stale file is believed: %s", r.Stdout)
		}
	})
}

// A lock that is released while its watch has only begun ends nothing but the watch: not the process whose number is in a variable.
func TestAWatchThatEndsEarlyEndsNoOtherProcess(t *testing.T) {
	t.Parallel()
	for name, path := range shells(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			other := exec.Command("sleep", "60")
			if err := other.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() {
				_ = other.Process.Kill()
				_ = other.Wait()
			}()
			dir := t.TempDir()
			const begins = `sleep "$silence" &`
			text := lockScript(LockRequest{Holder: anna(t), Dir: dir}, "marker", "", time.Minute)
			if !strings.Contains(text, begins) {
				t.Fatalf("the watch does not begin with %s", begins)
			}
			c := exec.Command(path, "-c", strings.Replace(text, begins, "sh -c 'kill -TERM $PPID; : >"+dir+"/early'; "+begins, 1))
			c.Env = append(os.Environ(), fmt.Sprintf("s=%d", other.Process.Pid))
			var out bytes.Buffer
			c.Stdout, c.Stderr = &out, &out
			in, err := c.StdinPipe()
			if err == nil {
				err = c.Start()
			}
			if err != nil {
				t.Fatal(err)
			}
			waitUntil(t, "the watch is ended", func() bool { _, err := os.Stat(dir + "/early"); return err == nil })
			_, err = in.Write([]byte("bye\n"))
			if err := errors.Join(err, c.Wait()); err != nil || !strings.Contains(out.String(), "marker taken") {
				t.Fatalf("%v: %s", err, out.String())
			}
			if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", other.Process.Pid)); err != nil || !strings.Contains(string(stat), ") S ") {
				t.Errorf("it was ended: %s", stat)
			}
		})
	}
}

func TestALockThatCannotBeHadIsNoLockedError(t *testing.T) {
	t.Parallel()
	server := (&fakeServer{}).start(t)
	h := connect(t, server.config())
	file := filepath.Join(t.TempDir(), "file")
	writeFile(t, file, "")
	_, err := h.Lock(testContext(t), LockRequest{Holder: anna(t), Dir: file})
	var cannot *CannotLockError
	if !errors.As(err, &cannot) || !strings.Contains(cannot.Reason, "mkdir") {
		t.Errorf("%v", err)
	}
}

func TestTheLockIsRootsWithAPassword(t *testing.T) {
	t.Parallel()
	bin := fakeProgram(t, "sudo", fakeSudo)
	h := connect(t, (&fakeServer{bin: bin}).start(t).config())
	dir := t.TempDir()
	l, err := h.Lock(testContext(t), LockRequest{Become: Become{Method: "sudo", Password: "right pass"}, Holder: anna(t), Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	wantLocked(t, h, dir)
	l.Release()
	lock(t, h, bert(t), dir)
}

// Whatever a login says before the lock's own lines, they are found, one after the other, however they are cut up.
func FuzzLockAnswers(f *testing.F) {
	const marker = "polarbook-0123456789abcdef"
	f.Add("Welcome!\n", "run1 initdb", "user=anna(t)\n", 3)
	f.Add("", "", "", 0)
	f.Add("polarbook-0123456789abcdef", "\r", "polarbook-", 60)
	f.Fuzz(func(t *testing.T, noise, what, said string, at int) {
		for _, text := range []string{noise, what, said} {
			if strings.Contains(text, marker+" ") || strings.ContainsRune(what, '\n') || strings.HasSuffix(marker+" ", text) && text != "" {
				t.Skip("nobody can know the marker")
			}
		}
		all := []byte(noise + "\n" + marker + " waits " + what + "\n" + said + "\n" + marker + " taken\nmore")
		at = max(0, min(at, len(all)))
		var lines []string
		var out []byte
		for _, piece := range [][]byte{all[:at], all[at:]} {
			out = append(out, piece...)
			for {
				_, line, rest, whole := cutAnswer(out, marker)
				if !whole {
					break
				}
				lines, out = append(lines, line), rest
			}
		}
		if !slices.Equal(lines, []string{"waits " + what, "taken"}) {
			t.Errorf("%q, cut at %d, says %q", all, at, lines)
		}
	})
}

func FuzzHolder(f *testing.F) {
	f.Add(anna(f).User, "a\nrun=other", "x")
	f.Fuzz(func(t *testing.T, user, playbook, run string) {
		in := Holder{User: user, Playbook: playbook, Run: run, Since: anna(t).Since}
		out, held := ParseHolder(in.text() + "pid=7\n")
		if !held || out.PID != 7 || out.User != oneLine(user) || out.Playbook != oneLine(playbook) || out.Run != oneLine(run) ||
			!out.Since.Equal(in.Since) {
			t.Errorf("%+v became %+v", in, out)
		}
	})
}

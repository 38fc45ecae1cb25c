package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestRunOnOpenSSH(t *testing.T) {
	t.Parallel()
	testRun(t, startSSHD(t).shell(t))
}
func TestRunWithEachShell(t *testing.T) {
	t.Parallel()
	withEachShell(t, testRun)
}

func testRun(t *testing.T, s *Shell) {
	binary := make([]byte, 70000)
	for i := range binary {
		binary[i] = byte(i * 7)
	}
	everyByte := filepath.Join(t.TempDir(), "bytes")
	huge := filepath.Join(t.TempDir(), "huge")
	writeFile(t, everyByte, string(binary))
	hugeLines := (MaxOutput + 4<<20) / 16 // more than is kept without being asked for
	if testing.Short() {
		hugeLines = 1 << 17
	}
	writeFile(t, huge, strings.Repeat("0123456789abcde\n", hugeLines))
	for _, c := range []struct {
		name        string
		command     Command
		out, errout string
		status      int
		anyError    bool // whatever is on stderr
	}{
		{name: "nothing"},
		{name: "only a comment", command: Command{Script: "# x"}},
		{name: "streams apart", command: Command{Script: "echo out; echo err >&2; exit 3"}, out: "out\n", errout: "err\n", status: 3},
		{name: "no newline", command: Command{Script: "printf a; printf b >&2"}, out: "a", errout: "b"},
		{name: "set -e ends the script", command: Command{Script: "set -e\nfalse\necho no"}, status: 1},
		{name: "set -u", command: Command{Script: "set -u\necho $unset_variable\necho no"}, status: -1, anyError: true},
		{name: "syntax error", command: Command{Script: "if true; then\necho x"}, status: -1, anyError: true},
		{name: "stray brace", command: Command{Script: ")\n}\n"}, status: -1, anyError: true},
		{name: "open quote", command: Command{Script: "echo 'x"}, status: -1, anyError: true},
		{name: "open here-document", command: Command{Script: "cat <<E\nx\n"}, out: "x\n", anyError: true},
		{name: "unreadable dot file", command: Command{Script: ". /nonexistent; echo no"}, status: -1, anyError: true},
		{name: "exec", command: Command{Script: "exec echo x"}, out: "x\n"},
		{name: "exec redirection", command: Command{Script: "exec >/dev/null 2>&1; echo x"}},
		{name: "return", command: Command{Script: "return 5"}, status: -2, anyError: true},
		{name: "break", command: Command{Script: "break; echo x"}, status: -2, anyError: true, out: "x\n"},
		{name: "trap", command: Command{Script: "trap 'echo bye' 0; exit 7"}, out: "bye\n", status: 7},
		{name: "cd and umask stay inside", command: Command{Script: "cd /tmp; umask 0; A=1; pwd"}, out: "/tmp\n"},
		{name: "nothing was left", command: Command{Script: "[ $(pwd) != /tmp ]; echo $? ${A-unset}; umask"},
			out: fmt.Sprintf("0 unset\n%04o\n", ownUmask)},
		{name: "here-document", command: Command{Script: "cat <<'E'\n$x 'y'\nE\n"}, out: "$x 'y'\n"},
		{name: "own names are hidden", command: Command{Script: "set | grep '^__polarbook'; echo $#"}, out: "0\n"},
		{name: "no input by default", command: Command{Script: "cat; echo end"}, out: "end\n"},
		{name: "text input", command: Command{Script: "cat", Stdin: []byte("it's\n\ttext %s \\n")}, out: "it's\n\ttext %s \\n"},
		{name: "binary input", command: Command{Script: "cat", Stdin: binary}, out: string(binary)},
		{name: "unread input", command: Command{Script: "echo x", Stdin: binary}, out: "x\n"},
		{name: "binary output", command: Command{Script: "cat " + everyByte}, out: string(binary)},
		{name: "environment", command: Command{Script: `printf %s "$A"; sh -c 'printf %s "$B"'`,
			Env: map[string]string{"A": "a 'b'\n$c", "B": "b"}}, out: "a 'b'\n$cb"},
		{name: "directory", command: Command{Script: "pwd", Dir: "/usr"}, out: "/usr\n"},
		{name: "huge output", command: Command{Script: "cat " + huge + "; tail -c 100000 " + huge + " >&2", Keep: 64 << 20},
			out: strings.Repeat("0123456789abcde\n", hugeLines), errout: strings.Repeat("0123456789abcde\n", 6250)},
		{name: "status of a signal", command: Command{Script: "sh -c 'kill -9 $$'; exit $?"}, status: 137, anyError: true},
		{name: "killed itself", command: Command{Script: "sh -c 'kill -9 $PPID'; echo x"}, status: 137, anyError: true},
		{name: "Unicode", command: Command{Script: "echo 数据库 £ é 'ü'"}, out: "数据库 £ é ü\n"},
		{name: "marker-like text", command: Command{Script: "echo polarbook-0123-out; echo polarbook-0123-end ok 0; printf polarbook-"},
			out: "polarbook-0123-out\npolarbook-0123-end ok 0\npolarbook-"},
		{name: "long script", command: Command{Script: strings.Repeat("x='0123456789'\n", 20000) + "echo $x"}, out: "0123456789\n"},
		{name: "sbin", command: Command{Script: `case ":$PATH:" in *:/usr/sbin:*) echo yes ;; esac`}, out: "yes\n"},
		{name: "after all that", command: Command{Script: "echo fine"}, out: "fine\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := runCommand(t, s, c.command)
			switch {
			case c.status == -1 && r.Status == 0:
				t.Errorf("status 0, want another")
			case c.status >= 0 && r.Status != c.status:
				t.Errorf("status %d, want %d; stderr %.200q", r.Status, c.status, r.Stderr)
			}
			if c.status != -2 && !bytes.Equal(r.Stdout, []byte(c.out)) {
				t.Errorf("%d bytes of stdout %.200q, want %d %.200q; stderr %.200q", len(r.Stdout), r.Stdout, len(c.out), c.out, r.Stderr)
			}
			if !c.anyError && string(r.Stderr) != c.errout {
				t.Errorf("stderr %.200q, want %.200q", r.Stderr, c.errout)
			}
		})
	}
}

func TestRunRefusesWhatNoShellTakes(t *testing.T) {
	t.Parallel()
	s := startSSHD(t).shell(t)
	for _, c := range []Command{
		{Script: "a\x00b"},
		{Script: "x", Env: map[string]string{"A=1;": "x"}},
		{Script: "x", Env: map[string]string{"A": "\x00"}},
		{Script: "x", Dir: "a\x00b"},
	} {
		if _, err := s.Run(testContext(t), c); err == nil {
			t.Errorf("%+v was run", c)
		}
	}
	_, err := s.Run(testContext(t), Command{Script: "echo x", Dir: "/nonexistent"})
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory that is not there: %v", err)
	}
}

func TestRunsAreOneRoundTripEach(t *testing.T) {
	t.Parallel()
	s := startSSHD(t).shell(t)
	before := s.host.Stats()
	const runs = 40
	for range runs {
		run(t, s, "echo x")
	}
	after := s.host.Stats()
	if got := after.RoundTrips - before.RoundTrips; got != runs {
		t.Errorf("%d runs took %d round trips", runs, got)
	}
	if after.Sessions != before.Sessions || after.Handshakes != 1 {
		t.Errorf("sessions grew from %d to %d, handshakes are %d", before.Sessions, after.Sessions, after.Handshakes)
	}
	if after.BytesSent <= before.BytesSent || after.BytesReceived <= before.BytesReceived {
		t.Errorf("no bytes were counted: %+v, %+v", before, after)
	}
}

func TestShellsAreCachedPerUser(t *testing.T) {
	t.Parallel()
	h := startSSHD(t).connect(t)
	a, b := openTestShell(t, h, Become{}), openTestShell(t, h, Become{Flags: "ignored without a method"})
	if a != b {
		t.Error("two shells for one user")
	}
	if got := h.Stats().Sessions; got != 1 {
		t.Errorf("%d sessions, want 1", got)
	}
}

func TestRunsFromManyGoroutines(t *testing.T) {
	t.Parallel()
	s := startSSHD(t).shell(t)
	ctx := testContext(t)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			r, err := s.Run(ctx, Command{Script: fmt.Sprintf("echo %d", i)})
			if err != nil || string(r.Stdout) != fmt.Sprintf("%d\n", i) {
				t.Errorf("run %d: %q %v", i, r.Stdout, err)
			}
		}()
	}
	wg.Wait()
}

// A daemon keeps the output of the script that started it open. The answer must
// not wait for it, and what it writes later must not get into another answer.
func TestRunDoesNotWaitForDaemons(t *testing.T) {
	t.Parallel()
	withEachShell(t, func(t *testing.T, s *Shell) {
		dir := t.TempDir()
		r := run(t, s, "(i=0; while [ $i -lt 100 ] && [ ! -e "+dir+"/stop ]; do echo noise; echo noise >&2; sleep 0.1; "+
			"i=$((i+1)); done) &\necho $!")
		pid, err := strconv.Atoi(strings.TrimSpace(strings.ReplaceAll(string(r.Stdout), "noise\n", "")))
		if err != nil {
			t.Fatal(err)
		}
		defer os.WriteFile(dir+"/stop", nil, 0o600)
		for range 5 {
			r := run(t, s, "sleep 0.15; echo mine; kill -0 "+strconv.Itoa(pid))
			if string(r.Stdout) != "mine\n" || r.Status != 0 || len(r.Stderr) > 0 {
				t.Fatalf("got %q %q, status %d", r.Stdout, r.Stderr, r.Status)
			}
		}
	})
}

func TestCancelledRunIsStoppedOnTheHost(t *testing.T) {
	t.Parallel()
	withEachShell(t, func(t *testing.T, s *Shell) {
		dir := t.TempDir()
		before := s.session
		ctx, cancel := context.WithCancel(testContext(t))
		go func() {
			waitForFile(t, dir+"/started")
			cancel()
		}()
		// A child, a grandchild, one that ignores SIGTERM, and a daemon that made
		// a session of its own.
		started := time.Now()
		_, err := s.Run(ctx, Command{Script: padded(`
echo $$ >/dev/null
sleep 1001 & echo $! >>`+dir+`/pids
sh -c 'sleep 1002 & echo $! >>`+dir+`/pids; wait' & echo $! >>`+dir+`/pids
sh -c 'trap "" 15; sleep 1003 & echo $! >>`+dir+`/pids; while :; do sleep 0.1; done' & echo $! >>`+dir+`/pids
setsid sleep 300 & sleep 0.3; echo $! >`+dir+`/daemon
: >`+dir+`/started
wait`, 2*readWhole)})
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("got error %v", err)
		}
		if took := time.Since(started); took > stopPatience+5*time.Second {
			t.Errorf("took %s", took)
		}
		for _, pid := range pidsIn(t, dir+"/pids") {
			if alive(pid) {
				t.Errorf("process %d still runs", pid)
			}
		}
		if daemon := pidsIn(t, dir+"/daemon")[0]; !alive(daemon) {
			t.Errorf("the daemon was stopped too")
		} else {
			syscall.Kill(daemon, syscall.SIGKILL)
		}
		if r := run(t, s, "echo fine"); string(r.Stdout) != "fine\n" {
			t.Errorf("afterwards: %q", r.Stdout)
		}
		if s.session != before {
			t.Errorf("the shell was not kept")
		}
	})
}

func TestRunAfterTheShellWasKilled(t *testing.T) {
	t.Parallel()
	s := startSSHD(t).shell(t)
	_, err := s.Run(testContext(t), Command{Script: "kill -9 $$; sleep 6"})
	if err == nil || !strings.Contains(err.Error(), "ended while it ran a command") {
		t.Fatalf("got error %v", err)
	}
	if r := run(t, s, "echo fine"); string(r.Stdout) != "fine\n" {
		t.Errorf("afterwards: %q", r.Stdout)
	}
}

func TestRunAfterTheShellWasKilledTidiesUp(t *testing.T) {
	t.Parallel()
	s := startSSHD(t).shell(t)
	dir := s.dir
	s.Run(testContext(t), Command{Script: "kill -9 $$"})
	run(t, s, "")
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s was left behind: %v", dir, err)
	}
}

func TestCancelledWaitForTheTurn(t *testing.T) {
	t.Parallel()
	s := startSSHD(t).shell(t)
	all := testContext(t)
	busy := make(chan error)
	go func() {
		_, err := s.Run(all, Command{Script: "sleep 1"})
		busy <- err
	}()
	for len(s.turn) > 0 {
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(all, 50*time.Millisecond)
	defer cancel()
	if _, err := s.Run(ctx, Command{Script: "echo x"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got error %v", err)
	}
	if err := <-busy; err != nil {
		t.Errorf("the run in hand: %v", err)
	}
}

func TestFullDiskIsSaid(t *testing.T) {
	t.Parallel()
	withEachShell(t, func(t *testing.T, s *Shell) {
		full := func() {
			for _, name := range []string{"x", fmt.Sprintf("o%d", s.runs+1)} {
				os.Remove(s.dir + "/" + name)
				if err := os.Symlink("/dev/full", s.dir+"/"+name); err != nil {
					t.Fatal(err)
				}
			}
		}
		full()
		_, err := s.Run(testContext(t), Command{Script: "echo lost; true"})
		if err == nil || !strings.Contains(err.Error(), "no space left") {
			t.Errorf("got error %v", err)
		}
		os.Remove(s.dir + "/x")
		if r := run(t, s, "echo fine"); string(r.Stdout) != "fine\n" {
			t.Errorf("afterwards: %q", r.Stdout)
		}
	})
}

func TestPrivateDirectory(t *testing.T) {
	t.Parallel()
	withEachShell(t, func(t *testing.T, s *Shell) {
		dir := s.dir
		info, err := os.Stat(dir)
		if err != nil || info.Mode().Perm() != 0o700 {
			t.Fatalf("%v, %v", info, err)
		}
		// Somebody cleans up /tmp.
		os.RemoveAll(dir)
		if r := run(t, s, "echo fine"); string(r.Stdout) != "fine\n" {
			t.Errorf("without its directory: %q", r.Stdout)
		}
		for range 2 * removeEvery {
			run(t, s, "echo x; echo y >&2")
		}
		if names, _ := os.ReadDir(dir); len(names) > 3*removeEvery {
			t.Errorf("%d files pile up", len(names))
		}
		s.host.Close()
		waitUntil(t, "the private directory is removed", func() bool {
			_, err := os.Stat(dir)
			return errors.Is(err, fs.ErrNotExist)
		})
	})
}

func TestPrivateDirectoryGoesWithTheConnection(t *testing.T) {
	t.Parallel()
	withEachShell(t, func(t *testing.T, s *Shell) {
		dir := s.dir
		s.host.conn.Close()
		<-s.host.Done()
		waitUntil(t, "the private directory is removed", func() bool {
			_, err := os.Stat(dir)
			return errors.Is(err, fs.ErrNotExist)
		})
	})
}

func TestNoisyLogin(t *testing.T) {
	t.Parallel()
	noise := "Welcome!\npolarbook-\n$ \x1b[0m" + strings.Repeat("motd\n", 5000)
	s := (&fakeServer{noise: noise}).start(t)
	sh := openTestShell(t, connect(t, s.config()), Become{})
	r := run(t, sh, "echo x; echo y >&2")
	if string(r.Stdout) != "x\n" || string(r.Stderr) != "y\n" {
		t.Errorf("run: %q %q", r.Stdout, r.Stderr)
	}
	r, err := sh.Stream(testContext(t), Command{Script: "echo x; echo y >&2"}, nil, nil, nil)
	if err != nil || string(r.Stdout) != "x\n" || string(r.Stderr) != "y\n" {
		t.Errorf("stream: %q %q %v", r.Stdout, r.Stderr, err)
	}
}

func TestLoginWithoutAShell(t *testing.T) {
	t.Parallel()
	s := (&fakeServer{shell: "/bin/echo This account is not available.; exit 1;"}).start(t)
	_, err := connect(t, s.config()).Shell(testContext(t), Become{})
	if err == nil || !strings.Contains(err.Error(), "This account is not available") {
		t.Errorf("got error %v", err)
	}
}

func waitForFile(t testing.TB, path string) {
	waitUntil(t, path+" is there", func() bool { _, err := os.Stat(path); return err == nil })
}

func waitUntil(t testing.TB, what string, is func() bool) {
	t.Helper()
	for range 12000 { // two minutes, of a machine that does much else
		if is() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("waited in vain until %s", what)
}

func pidsIn(t testing.TB, path string) []int {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, f := range strings.Fields(string(b)) {
		pid, err := strconv.Atoi(f)
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

// alive is false for what has ended, reaped by its parent or not.
func alive(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return !strings.HasPrefix(rest, "Z")
}

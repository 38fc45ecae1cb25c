package remote

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Whatever shell an account has, a command gets its /bin/sh, with and without another user in between.
func TestEachLoginShell(t *testing.T) {
	t.Parallel()
	sudo := fakeProgram(t, "sudo", strings.Replace(fakeSudo, `{ echo "sudo: a password is required" >&2; exit 1; }`, `exec "$@"`, 1))
	for _, name := range []string{"bash", "dash", "busybox", "tcsh", "csh", "fish", "zsh", "ksh"} {
		t.Run(name, func(t *testing.T) {
			path, err := exec.LookPath(name)
			if err != nil {
				t.Skipf("NOT TESTED: no %s here (Debian packages tcsh, fish, zsh, ksh)", name)
			}
			if name == "busybox" {
				path = filepath.Join(t.TempDir(), "ash")
				if err := os.Symlink("/bin/busybox", path); err != nil {
					t.Fatal(err)
				}
			}
			t.Parallel()
			s := (&fakeServer{login: path, bin: sudo, env: []string{"HOME=" + t.TempDir()}}).start(t) // its start-up files are not ours
			c := s.config()
			c.Run = "20261127T000000Z-abcdef"
			h := connect(t, c)
			for _, b := range []Become{{}, {Method: "sudo"}, {Method: "sudo", Password: "right pass"}} {
				sh := openTestShell(t, h, b)
				if r := runCommand(t, sh, Command{Script: `printf '%s\n' "$A" "it's $((1+1))!" && cat`, Stdin: []byte("in\n"),
					Env: map[string]string{"A": "a $b 'c' \"d\" !e"}}); string(r.Stdout) != "a $b 'c' \"d\" !e\nit's 2!\nin\n" || len(r.Stderr) > 0 {
					t.Errorf("run %+v: %q %q", b.Method, r.Stdout, r.Stderr)
				}
				r, err := sh.Stream(testContext(t), Command{Script: "cat; exit 3"}, strings.NewReader("fed"), nil, nil)
				if err != nil || string(r.Stdout) != "fed" || r.Status != 3 {
					t.Errorf("stream %+v: %q %d %v", b.Method, r.Stdout, r.Status, err)
				}
			}
		})
	}
}

// A login shell that gives no sh is quoted, within a bound, and gets nothing of what was meant for sh: it may take a line
// of a script for an answer.
func TestLoginShellsThatRefuse(t *testing.T) {
	normal := becomePatience
	t.Cleanup(func() { becomePatience = normal })
	log := filepath.Join(t.TempDir(), "read")
	program := func(text string) string {
		return filepath.Join(fakeProgram(t, "shell", "#!/bin/sh\nlog="+log+"\n"+text+"\n"), "shell")
	}
	reads := `while IFS= read -r line; do printf '%s\n' "$line" >>"$log"; done`
	for _, c := range []struct{ name, shell, want string }{
		{"nologin", "/usr/sbin/nologin", "This account is currently not available"},
		{"false", "/bin/false", "status 1"},
		{"git-shell", "/usr/bin/git-shell", "unrecognized command"},
		{"restricted bash", "/bin/rbash", "restricted"},
		{"a menu", program("echo 'Welcome to NETMON'; printf '1) reboot  2) shut down  9) leave > '\n" + reads), "1) reboot"},
		{"a menu on stderr", program("echo 'choose: ' >&2\n" + reads), "choose:"},
		{"silent", program(reads), "it wrote: nothing"},
		{"one that talks on", program("while echo 'to continue press a key'; do sleep 0.01; done"), "press a key"},
		{"one that ends", program("echo 'Your password has expired, call 4711'; exit 3"), "Your password has expired"},
		{"one that echoes the command", program(`echo "unknown command: $*"` + "\n" + reads), "unknown command"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := os.Stat(c.shell); err != nil {
				t.Skipf("NOT TESTED: no %s here", c.shell)
			}
			os.Remove(log)
			h := connect(t, (&fakeServer{login: c.shell}).start(t).config())
			began := time.Now()
			for _, b := range []Become{{}, {Method: "sudo"}, {Method: "sudo", Password: "secret"}, {Method: "su", Password: "secret"}} {
				want := c.want
				if b.Method != "" && strings.HasPrefix(want, "it wrote") {
					want = "no shell after"
				}
				// A machine that is busy takes longer to start a program than its words are waited for.
				var err error
				for becomePatience = 300 * time.Millisecond; becomePatience < 10*time.Second; becomePatience *= 3 {
					if _, err = h.Shell(testContext(t), b); err == nil || strings.Contains(err.Error(), want) {
						break
					}
				}
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%s: %v", b.Method, err)
				}
				var become *BecomeError
				if errors.As(err, &become) != (b.Method != "") {
					t.Errorf("%s: %T", b.Method, err)
				}
				if _, err := h.Lock(testContext(t), LockRequest{Become: b}); err == nil {
					t.Errorf("%s: it was locked", b.Method)
				}
			}
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("it took %s", took)
			}
			if got, err := os.ReadFile(log); err == nil {
				t.Errorf("the login shell was told %q", got)
			}
		})
	}
}

// What gave no shell within the time is not waited for by each who comes right after.
func TestASilentLoginShellIsWaitedForOnce(t *testing.T) {
	normal := becomePatience
	becomePatience = 2 * time.Second
	t.Cleanup(func() { becomePatience = normal })
	h := connect(t, (&fakeServer{login: filepath.Join(fakeProgram(t, "shell", "#!/bin/sh\nexec cat\n"), "shell")}).start(t).config())
	began := time.Now()
	_, first := h.Shell(testContext(t), Become{})
	waited := h.Stats().Sessions
	for range 10 {
		if _, err := h.Shell(testContext(t), Become{}); err == nil || err.Error() != first.Error() {
			t.Errorf("%v, then %v", first, err)
		}
	}
	// Its time is over in a busy machine, perhaps; then it is waited for again.
	if h.Stats().Sessions != waited && time.Since(began) < 2*becomePatience {
		t.Errorf("%d sessions were opened for it", h.Stats().Sessions)
	}
}

package remote

import (
	"errors"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestSudoToAnotherUser(t *testing.T) {
	t.Parallel()
	needsRootAnd(t, "sudo")
	h := startSSHD(t).connect(t)
	s := openTestShell(t, h, Become{Method: "sudo", User: "nobody"})
	testBecameNobody(t, s)
	if again := openTestShell(t, h, Become{Method: "sudo", User: "nobody"}); again != s {
		t.Error("the shell was not kept")
	}
	// With a password at hand, which this sudo does not ask root for.
	testBecameNobody(t, openTestShell(t, h, Become{Method: "sudo", User: "nobody", Password: "unneeded"}))
	if r := run(t, openTestShell(t, h, Become{Method: "sudo"}), "id -un"); string(r.Stdout) != "root\n" {
		t.Errorf("without a user: %q", r.Stdout)
	}
}

func TestSuToAnotherUser(t *testing.T) {
	t.Parallel()
	needsRootAnd(t, "su")
	testBecameNobody(t, openTestShell(t, startSSHD(t).connect(t), Become{Method: "su", User: "nobody"}))
}

func testBecameNobody(t *testing.T, s *Shell) {
	t.Helper()
	if r := run(t, s, "id -un; pwd; cat; [ -O /proc/self/fd/0 ] || true"); string(r.Stdout) != "nobody\n/\n" || len(r.Stderr) > 0 {
		t.Errorf("run: %q %q", r.Stdout, r.Stderr)
	}
	r, err := s.Stream(testContext(t), Command{Script: "id -un; pwd; cat"}, strings.NewReader("fed\n"), nil, nil)
	if err != nil || string(r.Stdout) != "nobody\n/\nfed\n" {
		t.Errorf("stream: %q %q %v", r.Stdout, r.Stderr, err)
	}
	if s.User() != "nobody" {
		t.Errorf("user is %q", s.User())
	}
}

func needsRootAnd(t *testing.T, program string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skipf("needs root, to become another user with %s", program)
	}
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("needs %s", program)
	}
	if _, err := user.Lookup("nobody"); err != nil {
		t.Skip("needs a user nobody")
	}
}

// fakeSudo behaves as sudo does towards its caller, as far as the prompt goes, and
// knows one password.
const fakeSudo = `#!/bin/sh
prompt= stdin= noninteractive=
while [ $# -gt 0 ]; do
case $1 in
-S) stdin=1 ;;
-n) noninteractive=1 ;;
-p) prompt=$2; shift ;;
-u) shift ;;
-H) ;;
--) shift; break ;;
esac
shift
done
[ -z "$noninteractive" ] || { echo "sudo: a password is required" >&2; exit 1; }
echo "We trust you have received the usual lecture:" >&2
for try in 1 2 3; do
printf '%s' "$prompt" >&2
# Reads a byte at a time as sudo does: what follows is the shell's.
IFS= read -r password || { echo >&2; echo "sudo: no password was provided" >&2; exit 1; }
echo "$password" >>"$0.asked"
if [ "$password" = 'right pass' ]; then exec "$@"; fi
echo "Sorry, try again." >&2
done
echo "sudo: 3 incorrect password attempts" >&2
exit 1
`

func TestSudoPassword(t *testing.T) {
	t.Parallel()
	bin := fakeProgram(t, "sudo", fakeSudo)
	s := (&fakeServer{bin: bin}).start(t)
	h := connect(t, s.config())
	sh := openTestShell(t, h, Become{Method: "sudo", Password: "right pass"})
	if r := run(t, sh, "echo x; cat"); string(r.Stdout) != "x\n" {
		t.Errorf("got %q", r.Stdout)
	}
	r, err := sh.Stream(testContext(t), Command{Script: "cat"}, strings.NewReader("fed"), nil, nil)
	if err != nil || string(r.Stdout) != "fed" {
		t.Errorf("stream: %q %v", r.Stdout, err)
	}

	os.Remove(bin + "/sudo.asked")
	_, err = h.Shell(testContext(t), Become{Method: "sudo", Password: "wrong"})
	var become *BecomeError
	if !errors.As(err, &become) || !errors.Is(err, ErrWrongPassword) {
		t.Errorf("wrong password: %v", err)
	}
	if strings.Contains(err.Error(), "wrong\n") || strings.Contains(become.Output, "polarbook-") {
		t.Errorf("the error shows too much: %v", err)
	}
	if asked, _ := os.ReadFile(bin + "/sudo.asked"); string(asked) != "wrong\n" {
		t.Errorf("sudo was told %q, want the password once", asked)
	}
}

func TestBecomeFailures(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, program, text string
		become              Become
		reason              string
	}{
		{"password wanted", "sudo", "echo 'sudo: a password is required' >&2; exit 1", Become{Method: "sudo"}, "a password is required"},
		{"terminal wanted", "sudo", "echo 'sudo: sorry, you must have a tty to run sudo' >&2; exit 1", Become{Method: "sudo"}, "requiretty"},
		{"not in sudoers", "sudo", "echo 'tester is not in the sudoers file.  This incident will be reported.' >&2; exit 1",
			Become{Method: "sudo"}, "not in the sudoers file"},
		{"not this user", "sudo", "echo \"Sorry, user tester is not allowed to execute '/bin/sh' as root on node1.\" >&2; exit 1",
			Become{Method: "sudo"}, "does not let this user"},
		{"not on this host", "sudo", "echo 'Sorry, user tester may not run sudo on node1.' >&2; exit 1",
			Become{Method: "sudo", Password: "x"}, "may not run sudo"},
		{"no such user", "sudo", "echo 'sudo: unknown user zoe' >&2; exit 1", Become{Method: "sudo", User: "zoe"}, "no such user"},
		{"one try only", "sudo", "while [ \"$1\" != -p ]; do shift; done; printf %s \"$2\" >&2; read x; echo 'sudo: " +
			"1 incorrect password attempt' >&2; exit 1", Become{Method: "sudo", Password: "x"}, "the password is wrong"},
		{"not in sudoers, after the password", "sudo", "while [ \"$1\" != -p ]; do shift; done; printf %s \"$2\" >&2; read x; " +
			"echo 'tester is not in the sudoers file.' >&2; exit 1", Become{Method: "sudo", Password: "x"}, "not in the sudoers file"},
		{"says something else", "sudo", "echo 'sudo: /etc/sudo.conf is owned by uid 7' >&2; exit 1", Become{Method: "sudo"},
			"it ended with exit status 1 before the shell started (sudo said: sudo: /etc/sudo.conf is owned by uid 7)"},
		{"missing", "other", "", Become{Method: "sudo"}, "command not found"},
		{"su, wrong password", "su", "printf 'Password: ' >&2; read x; echo >&2; echo 'su: Authentication failure' >&2; exit 1",
			Become{Method: "su", Password: "x"}, "the password is wrong"},
		{"su, password wanted", "su", "printf 'Password: ' >&2; read x; exit 1", Become{Method: "su"}, "a password is required"},
		{"su, no such user", "su",
			"echo 'su: user zoe does not exist or the user entry does not contain all the required fields' >&2; exit 1",
			Become{Method: "su", User: "zoe"}, "no such user"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := &fakeServer{bin: fakeProgram(t, c.program, "#!/bin/sh\n"+c.text+"\n")}
			if c.name == "missing" {
				s.env = []string{"PATH=/nowhere"}
			}
			s.start(t)
			_, err := connect(t, s.config()).Shell(testContext(t), c.become)
			var become *BecomeError
			if !errors.As(err, &become) || !strings.Contains(err.Error(), c.reason) {
				t.Fatalf("got error %v, want %q", err, c.reason)
			}
			if become.Host != "node1" || become.Method != c.become.Method {
				t.Errorf("got %+v", become)
			}
		})
	}
}

func TestSuPassword(t *testing.T) {
	t.Parallel()
	// su reads as much as there is: nothing but the password may be there.
	bin := fakeProgram(t, "su", `#!/bin/sh
printf '密码：' >&2
password=$(dd bs=512 count=1 2>/dev/null)
[ "$password" = right ] || { echo 'su: Authentication failure' >&2; exit 1; }
while [ "$1" != -c ]; do shift; done
exec /bin/sh -c "$2"
`)
	s := (&fakeServer{bin: bin}).start(t)
	sh := openTestShell(t, connect(t, s.config()), Become{Method: "su", Password: "right"})
	if r := run(t, sh, "echo x"); string(r.Stdout) != "x\n" {
		t.Errorf("got %q", r.Stdout)
	}
}

func TestBecomeRefusesWhatIsNotAUser(t *testing.T) {
	t.Parallel()
	h := startSSHD(t).connect(t)
	for _, b := range []Become{
		{Method: "sudo", User: "x; id"}, {Method: "sudo", User: "-s"}, {Method: "sudo", User: "a'b"},
		{Method: "sudo", Flags: "-H; id"}, {Method: "sudo", Flags: "$(id)"}, {Method: "doas"},
	} {
		if _, err := h.Shell(testContext(t), b); err == nil {
			t.Errorf("%+v was accepted", b)
		}
	}
}

// A shell as another user that was killed must not be mistaken for a working one.
func TestBecomeAgainAfterTheShellWasKilled(t *testing.T) {
	t.Parallel()
	needsRootAnd(t, "sudo")
	s := openTestShell(t, startSSHD(t).connect(t), Become{Method: "sudo", User: "nobody"})
	if _, err := s.Run(testContext(t), Command{Script: "kill -9 $$"}); err == nil {
		t.Fatal("no error")
	}
	testBecameNobody(t, s)
}

func fakeProgram(t *testing.T, name, text string) string {
	t.Helper()
	dir := t.TempDir()
	syscall.ForkLock.RLock() // a child that another test starts meanwhile would hold the file open, and it could not be run
	err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755)
	syscall.ForkLock.RUnlock()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

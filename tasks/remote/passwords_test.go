package remote

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"
)

// A password that an account has refused is given to it once in a run, however often, and under however many names, the
// host is connected to.
func TestAWrongPasswordIsGivenOnce(t *testing.T) {
	t.Parallel()
	for name, keyboard := range map[string]bool{"password": false, "keyboard-interactive": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var given atomic.Int32
			check := func(password string) error {
				if password == "right" {
					return nil
				}
				given.Add(1)
				return errors.New("no")
			}
			auth := ssh.ServerConfig{PasswordCallback: func(_ ssh.ConnMetadata, p []byte) (*ssh.Permissions, error) { return nil, check(string(p)) }}
			if keyboard {
				auth = ssh.ServerConfig{KeyboardInteractiveCallback: func(_ ssh.ConnMetadata,
					ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
					for range 3 { // PAM asks again by itself
						answers, err := ask("", "", []string{"Password: "}, []bool{false})
						if err != nil {
							return nil, err
						}
						if check(answers[0]) == nil {
							return nil, nil
						}
					}
					return nil, errors.New("no")
				}}
			}
			s := (&fakeServer{auth: auth}).start(t)
			passwords := NewPasswords()
			try := func(name, password string) error {
				c := s.config()
				c.Name, c.Password, c.Passwords = name, password, passwords
				h, err := Connect(testContext(t), c)
				if err == nil {
					h.Close()
				}
				return err
			}
			var all sync.WaitGroup
			for i := range 6 {
				all.Go(func() {
					name := fmt.Sprintf("node%d", i)
					if err := try(name, "wrong"); err == nil || !strings.Contains(err.Error(), name+": unreachable: log in as tester") {
						t.Errorf("%s: %v", name, err)
					}
				})
			}
			all.Wait()
			err := try("again", "wrong")
			if given.Load() != 1 {
				t.Errorf("the wrong password was given %d times", given.Load())
			}
			if err == nil || !strings.Contains(err.Error(), "which this host has refused before in this run") {
				t.Errorf("the reason is not told: %v", err)
			}
			if err := try("node1", "right"); err != nil {
				t.Errorf("another password: %v", err)
			}
		})
	}
}

// The same for the password of sudo, over connections that were lost in between.
func TestAWrongPasswordForSudoIsGivenOnce(t *testing.T) {
	t.Parallel()
	bin := fakeProgram(t, "sudo", fakeSudo)
	s := (&fakeServer{bin: bin}).start(t)
	passwords := NewPasswords()
	for i := range 4 {
		c := s.config()
		c.Name, c.Passwords = fmt.Sprintf("node%d", i), passwords
		h := connect(t, c)
		for _, user := range []string{"root", "other"} {
			_, err := h.Shell(testContext(t), Become{Method: "sudo", User: user, Password: "wrong"})
			var become *BecomeError
			if !errors.As(err, &become) || !become.WrongPassword() || become.Host != c.Name || become.User != user {
				t.Errorf("%s: %v", c.Name, err)
			}
		}
		openTestShell(t, h, Become{Method: "sudo", Password: "right pass"})
		h.Close()
	}
	asked, err := os.ReadFile(bin + "/sudo.asked")
	if n := strings.Count(string(asked), "wrong\n"); err != nil || n != 1 {
		t.Errorf("sudo was told the wrong password %d times, %v", n, err)
	}
}

// A jump host that lets nobody in is asked once, not once for each host behind it, and never gets a host's password.
func TestAJumpHostThatRefusesIsAskedOnce(t *testing.T) {
	t.Parallel()
	var asked, given atomic.Int32
	jump := (&fakeServer{auth: ssh.ServerConfig{
		PasswordCallback: func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) { given.Add(1); return nil, errors.New("no") },
		AuthLogCallback: func(_ ssh.ConnMetadata, method string, _ error) {
			if method == "none" {
				asked.Add(1)
			}
		},
	}}).start(t)
	config := t.TempDir() + "/config"
	writeFile(t, config, fmt.Sprintf("Host jump\n HostName 127.0.0.1\n Port %d\n UserKnownHostsFile %s\n"+
		"Host inner*\n ProxyJump jump\n", jump.port, jump.knownHosts))
	jumps, passwords := NewJumps(), NewPasswords()
	for i := range 40 {
		name := fmt.Sprintf("inner%d", i)
		_, err := Connect(testContext(t), Config{Name: name, ConfigFile: config, Password: "secret", Jumps: jumps, Passwords: passwords,
			Keys: HostKeyCheck{SystemFiles: []string{}}})
		if err == nil || !strings.Contains(err.Error(), name+": jump host jump") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if asked.Load() != 1 || given.Load() != 0 {
		t.Errorf("the jump host was asked %d times, and got %d passwords", asked.Load(), given.Load())
	}
}

// As with ssh, nobody gets the password who shows another key than the one that is known, though keys are not verified.
func TestAPasswordIsWithheldFromAChangedKey(t *testing.T) {
	t.Parallel()
	var given atomic.Int32
	s := (&fakeServer{auth: ssh.ServerConfig{PasswordCallback: func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) {
		given.Add(1)
		return nil, nil
	}}}).start(t)
	other, _ := writeKey(t, filepath.Join(t.TempDir(), "other"), "")
	changed := filepath.Join(t.TempDir(), "known_hosts")
	writeFile(t, changed, knownhosts.Line([]string{fmt.Sprintf("127.0.0.1:%d", s.port)}, other.PublicKey())+"\n")
	none := filepath.Join(t.TempDir(), "none")
	for _, try := range []struct {
		keys HostKeyCheck
		want string
	}{
		{HostKeyCheck{Mode: ModeOff, Files: []string{changed}, SystemFiles: []string{}}, "not the password, though host keys are not verified: the host key of"},
		{HostKeyCheck{Mode: ModeOff, Pinned: []string{ssh.FingerprintSHA256(other.PublicKey())}}, "has changed"},
		{HostKeyCheck{Mode: ModeOff, Files: []string{none}, SystemFiles: []string{}}, ""},
		{HostKeyCheck{Mode: ModeOff, Files: []string{s.knownHosts}, SystemFiles: []string{}}, ""},
	} {
		given.Store(0)
		c := s.config()
		c.Password, c.Keys = "secret", try.keys
		h, err := Connect(testContext(t), c)
		if err == nil {
			h.Close()
		}
		switch {
		case try.want == "" && (err != nil || given.Load() != 1):
			t.Errorf("%+v: %v, given %d times", try.keys, err, given.Load())
		case try.want != "" && (err == nil || !strings.Contains(err.Error(), try.want) || given.Load() != 0):
			t.Errorf("%+v: %v, given %d times", try.keys, err, given.Load())
		}
	}
}

package remote

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

func TestLogin(t *testing.T) {
	dir := t.TempDir()
	_, rightPublic := writeKey(t, filepath.Join(dir, "right"), "")
	writeKey(t, filepath.Join(dir, "wrong"), "")
	_, lockedPublic := writeKey(t, filepath.Join(dir, "locked"), "open sesame")
	writeFile(t, filepath.Join(dir, "garbage"), "x")
	text, err := os.ReadFile(filepath.Join(dir, "right"))
	if err != nil || os.WriteFile(filepath.Join(dir, "open"), text, 0o600) != nil || os.Chmod(filepath.Join(dir, "open"), 0o640) != nil {
		t.Fatal(err)
	}
	accepts := func(keys ...ssh.PublicKey) ssh.ServerConfig {
		return ssh.ServerConfig{MaxAuthTries: 6, PublicKeyCallback: func(_ ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) {
			for _, want := range keys {
				if bytes.Equal(k.Marshal(), want.Marshal()) {
					return nil, nil
				}
			}
			return nil, errors.New("no")
		}}
	}
	password := ssh.ServerConfig{PasswordCallback: func(_ ssh.ConnMetadata, p []byte) (*ssh.Permissions, error) {
		if string(p) == "secret" {
			return nil, nil
		}
		return nil, errors.New("no")
	}}
	keyboard := ssh.ServerConfig{KeyboardInteractiveCallback: func(_ ssh.ConnMetadata,
		ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
		answers, err := ask("", "", []string{"Password: "}, []bool{false})
		if err == nil && answers[0] == "secret" {
			return nil, nil
		}
		return nil, errors.New("no")
	}}
	code := ssh.ServerConfig{KeyboardInteractiveCallback: func(_ ssh.ConnMetadata,
		ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
		_, err := ask("", "", []string{"Verification code: "}, []bool{true})
		return nil, err
	}}
	socket, agentPublic := startAgent(t)
	passphrase := func(p string) func(context.Context, string) ([]byte, error) {
		return func(_ context.Context, file string) ([]byte, error) {
			if !strings.HasSuffix(file, "/locked") {
				t.Errorf("asked for the passphrase of %s", file)
			}
			return []byte(p), nil
		}
	}
	never := func(_ context.Context, file string) ([]byte, error) {
		t.Errorf("asked for the passphrase of %s without need", file)
		return nil, errors.New("no")
	}
	for _, c := range []struct {
		name   string
		server ssh.ServerConfig
		config Config
		agent  string
		want   []string // parts of the error; nil: it works
	}{
		{name: "key file", server: accepts(rightPublic), config: Config{KeyFiles: []string{dir + "/wrong", dir + "/right"}}},
		{name: "agent", server: accepts(agentPublic), agent: socket},
		{name: "agent before key files", server: accepts(agentPublic, lockedPublic), agent: socket,
			config: Config{KeyFiles: []string{dir + "/locked"}, Passphrase: never}},
		{name: "locked key that is not wanted", server: accepts(rightPublic),
			config: Config{KeyFiles: []string{dir + "/locked", dir + "/right"}, Passphrase: never}},
		{name: "locked key", server: accepts(lockedPublic), config: Config{KeyFiles: []string{dir + "/locked"},
			Passphrase: passphrase("open sesame")}},
		{name: "wrong passphrase", server: accepts(lockedPublic), config: Config{KeyFiles: []string{dir + "/locked"},
			Passphrase: passphrase("x")}, want: []string{"passphrase of locked is wrong"}},
		{name: "locked key and nobody to ask", server: accepts(lockedPublic), config: Config{KeyFiles: []string{dir + "/locked"}},
			want: []string{"locked: skipped, it is encrypted", "log in as tester"}},
		{name: "password", server: password, config: Config{Password: "secret"}},
		{name: "wrong password", server: password, config: Config{Password: "other"}, want: []string{"tried: password"}},
		{name: "keyboard-interactive", server: keyboard, config: Config{Password: "secret"}},
		{name: "keyboard-interactive, wrong", server: keyboard, config: Config{Password: "other"},
			want: []string{"keyboard-interactive with the password"}},
		{name: "another question", server: code, config: Config{Password: "secret"}, want: []string{"Verification code"}},
		{name: "nothing fits", server: accepts(rightPublic),
			config: Config{KeyFiles: []string{dir + "/wrong", dir + "/missing", dir + "/garbage"}},
			want:   []string{"key file " + dir + "/wrong", dir + "/missing: ", "no such file", dir + "/garbage: "}},
		{name: "a key that others may read", server: accepts(rightPublic), config: Config{KeyFiles: []string{dir + "/open"}},
			want: []string{"open: not used, other accounts of this machine may read it (mode 0640): run chmod 600 " + dir + "/open"}},
		{name: "nothing at all", server: accepts(rightPublic), want: []string{"no agent, no key file, no password"}},
		{name: "no agent there", server: accepts(rightPublic), agent: dir + "/nosuch", want: []string{"agent: dial unix"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.agent == "" {
				t.Parallel()
			} else {
				t.Setenv("SSH_AUTH_SOCK", c.agent)
			}
			s := (&fakeServer{auth: c.server}).start(t)
			config := s.config()
			config.KeyFiles, config.Password, config.Passphrase = c.config.KeyFiles, c.config.Password, c.config.Passphrase
			h, err := Connect(testContext(t), config)
			if err == nil {
				h.Close()
			}
			if (err == nil) != (c.want == nil) {
				t.Fatalf("got error %v", err)
			}
			for _, part := range c.want {
				var unreachable *UnreachableError
				if !errors.As(err, &unreachable) || !strings.Contains(err.Error(), part) {
					t.Errorf("got error %v, want %q in it", err, part)
				}
			}
			if err != nil && config.Password != "" && strings.Contains(err.Error(), config.Password) {
				t.Errorf("the error shows the password: %v", err)
			}
		})
	}
}

// The time a human takes to type a passphrase is not the host's.
func TestSlowPassphrase(t *testing.T) {
	if testing.Short() {
		t.Skip("large: make test-long runs it")
	}
	t.Parallel()
	dir := t.TempDir()
	_, public := writeKey(t, filepath.Join(dir, "locked"), "p")
	s := (&fakeServer{auth: ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) {
		if bytes.Equal(k.Marshal(), public.Marshal()) {
			return nil, nil
		}
		return nil, errors.New("no")
	}}}).start(t)
	c := s.config()
	c.KeyFiles, c.ConnectTimeout = []string{filepath.Join(dir, "locked")}, 8*time.Second
	c.Passphrase = func(context.Context, string) ([]byte, error) {
		time.Sleep(8500 * time.Millisecond)
		return []byte("p"), nil
	}
	connect(t, c)
}

func TestPasswordIsNotSentToAnUnknownHost(t *testing.T) {
	t.Parallel()
	var asked atomic.Bool
	s := (&fakeServer{auth: ssh.ServerConfig{PasswordCallback: func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) {
		asked.Store(true)
		return nil, nil
	}}}).start(t)
	c := s.config()
	c.Password = "secret"
	c.Keys.Files = []string{filepath.Join(t.TempDir(), "none")}
	_, err := Connect(testContext(t), c)
	var unknown *UnknownHostKeyError
	if !errors.As(err, &unknown) || asked.Load() {
		t.Errorf("error %v, password sent: %v", err, asked.Load())
	}
}

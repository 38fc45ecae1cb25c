package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	xknownhosts "golang.org/x/crypto/ssh/knownhosts"
)

func TestUnreachable(t *testing.T) {
	t.Setenv("SSH_AUTH_SOCK", "")
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for _, c := range []struct {
		name string
		port int
		want string
	}{
		{"closed port", freePort(t), "connection refused"},
		{"no SSH server", silent.Addr().(*net.TCPAddr).Port, "did not end within 300ms"},
	} {
		_, err := Connect(testContext(t), Config{Name: "node1", Address: "127.0.0.1", Port: c.port, User: "u", ConfigFile: "none",
			ConnectTimeout: 300 * time.Millisecond, Keys: HostKeyCheck{Mode: ModeOff}})
		var unreachable *UnreachableError
		if !errors.As(err, &unreachable) || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "node1: unreachable") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	ctx, cancel := context.WithTimeout(testContext(t), 50*time.Millisecond)
	defer cancel()
	_, err = Connect(ctx, Config{Address: "127.0.0.1", Port: silent.Addr().(*net.TCPAddr).Port, ConfigFile: "none"})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestHostKeys(t *testing.T) {
	s := startSSHD(t)
	_, other := writeKey(t, filepath.Join(t.TempDir(), "k"), "")
	dir := t.TempDir()
	address := fmt.Sprintf("[127.0.0.1]:%d", s.port)
	file := func(name, text string) string {
		writeFile(t, filepath.Join(dir, name), text)
		return filepath.Join(dir, name)
	}
	public := func(k ssh.PublicKey) string { return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(k))) }
	changed := file("changed", "# a comment\n"+address+" "+public(other)+"\n")
	good := file("good", address+" "+public(s.hostKey)+"\n")
	for _, c := range []struct {
		name  string
		check HostKeyCheck
		want  string // "": accepted
	}{
		{"known", HostKeyCheck{Files: []string{good}}, ""},
		{"known to the system", HostKeyCheck{Files: []string{filepath.Join(dir, "none")}, SystemFiles: []string{good}}, ""},
		{"hashed", HostKeyCheck{Files: []string{file("hashed", xknownhosts.HashHostname(address)+" "+public(s.hostKey)+"\n")}}, ""},
		{"wildcard", HostKeyCheck{Files: []string{file("wild", "127.* "+public(s.hostKey)+"\n")}}, ""},
		{"pinned key", HostKeyCheck{Pinned: []string{public(s.hostKey)}}, ""},
		{"pinned fingerprint", HostKeyCheck{Pinned: []string{ssh.FingerprintSHA256(other), ssh.FingerprintSHA256(s.hostKey)}}, ""},
		{"not verified", HostKeyCheck{Mode: ModeOff}, ""},
		{"unknown", HostKeyCheck{Files: []string{filepath.Join(dir, "none")}}, "is unknown: ssh-ed25519 " + ssh.FingerprintSHA256(s.hostKey)},
		{"changed", HostKeyCheck{Files: []string{changed}}, changed + ":2 has ssh-ed25519 " + ssh.FingerprintSHA256(other)},
		{"pinned otherwise", HostKeyCheck{Pinned: []string{public(other)}, Files: []string{good}}, "the inventory has ssh-ed25519"},
		{"revoked", HostKeyCheck{Files: []string{file("revoked", "@revoked * "+public(s.hostKey)+"\n"), good}}, "is revoked"},
		{"bad pin", HostKeyCheck{Pinned: []string{"nonsense"}}, `pinned host key "nonsense"`},
		{"bad known_hosts", HostKeyCheck{Files: []string{file("bad", "x\n")}}, filepath.Join(dir, "bad") + ":1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := s.config()
			config.Keys = c.check
			if config.Keys.SystemFiles == nil {
				config.Keys.SystemFiles = []string{}
			}
			h, err := Connect(testContext(t), config)
			if err == nil {
				h.Close()
			}
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got error %v, want %q", err, c.want)
			}
			var unknown *UnknownHostKeyError
			var wrong *ChangedHostKeyError
			var unreachable *UnreachableError
			switch c.name {
			case "unknown":
				if !errors.As(err, &unknown) || !errors.As(err, &unreachable) || unknown.Host != "node1" {
					t.Errorf("got %#v", err)
				}
			case "changed", "pinned otherwise", "revoked":
				if !errors.As(err, &wrong) || !errors.As(err, &unreachable) || wrong.Fingerprint() != ssh.FingerprintSHA256(s.hostKey) {
					t.Errorf("got %#v", err)
				}
			}
		})
	}
}

func TestAcceptHostKeys(t *testing.T) {
	s := startSSHD(t)
	dir := t.TempDir()
	config := s.config()
	file := filepath.Join(dir, "ssh", "known_hosts") // in a directory to be made
	config.Keys.Files = []string{file}
	_, err := Connect(testContext(t), config)
	var unknown *UnknownHostKeyError
	if !errors.As(err, &unknown) {
		t.Fatal(err)
	}
	if err := Accept(unknown, unknown); err != nil {
		t.Fatal(err)
	}
	connect(t, config)
	text, _ := os.ReadFile(file)
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 || strings.Count(string(text), "\n") != 1 {
		t.Errorf("%v %v %q", info, err, text)
	}

	// A link stays a link, and what was there stays, even without its newline.
	link := filepath.Join(dir, "link")
	writeFile(t, filepath.Join(dir, "real"), "# mine")
	if err := os.Symlink("real", link); err != nil {
		t.Fatal(err)
	}
	unknown.File = link
	if err := Accept(unknown); err != nil {
		t.Fatal(err)
	}
	real, _ := os.ReadFile(filepath.Join(dir, "real"))
	if info, _ := os.Lstat(link); info.Mode()&os.ModeSymlink == 0 || !strings.HasPrefix(string(real), "# mine\n[127.0.0.1]:") {
		t.Errorf("link %v, text %q", info, real)
	}
	if names, _ := os.ReadDir(dir); len(names) != 3 {
		t.Errorf("left behind: %v", names)
	}
}

// Go prefers ECDSA to ed25519: a server with both must be asked for the key that
// known_hosts has.
func TestHostKeyAlgorithmsFollowKnownHosts(t *testing.T) {
	ed, _ := writeKey(t, filepath.Join(t.TempDir(), "k"), "")
	all := []ssh.Signer{ed, ecdsaSigner(t), rsaSigner(t)}
	for i, known := range all {
		s := (&fakeServer{hostKeys: append([]ssh.Signer{known}, slices.Delete(slices.Clone(all), i, i+1)...)}).start(t)
		connect(t, s.config())
		pinned := s.config()
		pinned.Keys.Pinned = []string{string(ssh.MarshalAuthorizedKey(known.PublicKey()))}
		connect(t, pinned)
	}
}

func TestLogin(t *testing.T) {
	dir := t.TempDir()
	_, rightPublic := writeKey(t, filepath.Join(dir, "right"), "")
	writeKey(t, filepath.Join(dir, "wrong"), "")
	_, lockedPublic := writeKey(t, filepath.Join(dir, "locked"), "open sesame")
	writeFile(t, filepath.Join(dir, "garbage"), "x")
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
	keyboard := ssh.ServerConfig{KeyboardInteractiveCallback: func(_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
		answers, err := ask("", "", []string{"Password: "}, []bool{false})
		if err == nil && answers[0] == "secret" {
			return nil, nil
		}
		return nil, errors.New("no")
	}}
	code := ssh.ServerConfig{KeyboardInteractiveCallback: func(_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
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
		{name: "agent before key files", server: accepts(agentPublic, lockedPublic), agent: socket, config: Config{KeyFiles: []string{dir + "/locked"}, Passphrase: never}},
		{name: "locked key that is not wanted", server: accepts(rightPublic), config: Config{KeyFiles: []string{dir + "/locked", dir + "/right"}, Passphrase: never}},
		{name: "locked key", server: accepts(lockedPublic), config: Config{KeyFiles: []string{dir + "/locked"}, Passphrase: passphrase("open sesame")}},
		{name: "wrong passphrase", server: accepts(lockedPublic), config: Config{KeyFiles: []string{dir + "/locked"}, Passphrase: passphrase("x")}, want: []string{"passphrase of locked is wrong"}},
		{name: "locked key and nobody to ask", server: accepts(lockedPublic), config: Config{KeyFiles: []string{dir + "/locked"}}, want: []string{"locked: skipped, it is encrypted", "logging in as tester"}},
		{name: "password", server: password, config: Config{Password: "secret"}},
		{name: "wrong password", server: password, config: Config{Password: "other"}, want: []string{"tried: password"}},
		{name: "keyboard-interactive", server: keyboard, config: Config{Password: "secret"}},
		{name: "keyboard-interactive, wrong", server: keyboard, config: Config{Password: "other"}, want: []string{"keyboard-interactive with the password"}},
		{name: "another question", server: code, config: Config{Password: "secret"}, want: []string{"Verification code"}},
		{name: "nothing fits", server: accepts(rightPublic), config: Config{KeyFiles: []string{dir + "/wrong", dir + "/missing", dir + "/garbage"}},
			want: []string{"key file " + dir + "/wrong", dir + "/missing: ", "no such file", dir + "/garbage: "}},
		{name: "nothing at all", server: accepts(rightPublic), want: []string{"no agent, no key file, no password"}},
		{name: "no agent there", server: accepts(rightPublic), agent: dir + "/nosuch", want: []string{"agent: dial unix"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("HOME", dir) // no keys of our own
			t.Setenv("SSH_AUTH_SOCK", c.agent)
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
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	_, public := writeKey(t, filepath.Join(dir, "locked"), "p")
	s := (&fakeServer{auth: ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) {
		if bytes.Equal(k.Marshal(), public.Marshal()) {
			return nil, nil
		}
		return nil, errors.New("no")
	}}}).start(t)
	c := s.config()
	c.KeyFiles, c.ConnectTimeout = []string{filepath.Join(dir, "locked")}, 2*time.Second
	c.Passphrase = func(context.Context, string) ([]byte, error) {
		time.Sleep(2500 * time.Millisecond)
		return []byte("p"), nil
	}
	connect(t, c)
}

func TestPasswordIsNotSentToAnUnknownHost(t *testing.T) {
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

func TestKeepAliveGivesUp(t *testing.T) {
	s := startSSHD(t)
	r := startRelay(t, s.port)
	c := s.config()
	c.Port = r.port
	c.Keys = HostKeyCheck{Mode: ModeOff}
	c.KeepAlive = 50 * time.Millisecond
	h := connect(t, c)
	sh := openTestShell(t, h, Become{})
	time.Sleep(500 * time.Millisecond)
	select {
	case <-h.Done():
		t.Fatalf("given up while the host answers: %v", h.Err())
	default:
	}
	go func() {
		time.Sleep(100 * time.Millisecond)
		r.silence(true)
	}()
	_, err := sh.Run(testContext(t), Command{Script: "sleep 60"})
	var lost *UnreachableError
	if !errors.As(err, &lost) || !strings.Contains(err.Error(), "keepalive") {
		t.Errorf("got error %v", err)
	}
	for name, use := range map[string]func() error{
		"run":    func() error { _, err := sh.Run(testContext(t), Command{}); return err },
		"stream": func() error { _, err := sh.Stream(testContext(t), Command{}, nil, nil, nil); return err },
		"shell":  func() error { _, err := h.Shell(testContext(t), Become{}); return err },
		"dial":   func() error { _, err := h.DialContext(testContext(t), "tcp", "127.0.0.1:1"); return err },
		"upload": func() error {
			return sh.Upload(testContext(t), Upload{Source: strings.NewReader("x"), Size: 1, Path: "/tmp/x"})
		},
		"read": func() error { _, err := sh.ReadFile(testContext(t), "/etc/passwd", 1); return err },
	} {
		if err := use(); !errors.As(err, &lost) {
			t.Errorf("%s afterwards: %v", name, err)
		}
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
}

func TestConnectionLostInTheMiddleOfAnAnswer(t *testing.T) {
	s := startSSHD(t)
	r := startRelay(t, s.port)
	c := s.config()
	c.Port = r.port
	c.Keys = HostKeyCheck{Mode: ModeOff}
	h := connect(t, c)
	sh := openTestShell(t, h, Become{})
	go func() {
		for h.Stats().BytesReceived < 5<<20 {
			time.Sleep(time.Millisecond)
		}
		r.cut()
	}()
	_, err := sh.Run(testContext(t), Command{Script: "head -c 200000000 /dev/zero"})
	var lost *UnreachableError
	if !errors.As(err, &lost) {
		t.Errorf("got error %v", err)
	}
	select {
	case <-h.Done():
	case <-time.After(10 * time.Second):
		t.Error("the host is not done")
	}
}

func TestSessionsAreAskedForAgain(t *testing.T) {
	h := startSSHD(t, "MaxSessions 3").connect(t)
	s := openTestShell(t, h, Become{})
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			r, err := s.Stream(testContext(t), Command{Script: fmt.Sprintf("sleep 0.1; echo %d", i)}, nil, nil, nil)
			if err != nil || string(r.Stdout) != fmt.Sprintf("%d\n", i) {
				t.Errorf("stream %d: %q %v", i, r.Stdout, err)
			}
		}()
	}
	wg.Wait()
}

func TestNoLeaks(t *testing.T) {
	s := startSSHD(t)
	once := func() {
		h, err := Connect(testContext(t), s.config())
		if err != nil {
			t.Fatal(err)
		}
		sh := openTestShell(t, h, Become{})
		run(t, sh, "echo x")
		sh.Stream(testContext(t), Command{Script: "echo x"}, strings.NewReader("x"), nil, nil)
		if err := sh.Upload(testContext(t), Upload{Source: bytes.NewReader(content(1 << 20)), Size: 1 << 20, Path: filepath.Join(t.TempDir(), "f")}); err != nil {
			t.Error(err)
		}
		h.Close()
	}
	once()
	before := runtime.NumGoroutine()
	for range 3 {
		once()
	}
	waitUntil(t, "no more goroutines run than before", func() bool { return runtime.NumGoroutine() <= before })
}

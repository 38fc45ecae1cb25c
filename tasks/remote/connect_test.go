package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	xknownhosts "golang.org/x/crypto/ssh/knownhosts"
)

func TestUnreachable(t *testing.T) {
	t.Parallel()
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
		{"no SSH server", silent.Addr().(*net.TCPAddr).Port, "did not end within 3s"},
	} {
		_, err := Connect(testContext(t), Config{Name: "node1", Address: "127.0.0.1", Port: c.port, User: "u", ConfigFile: "none",
			ConnectTimeout: 3 * time.Second, Keys: HostKeyCheck{Mode: ModeOff}})
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
	t.Parallel()
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
		{"bad lines of known_hosts",
			HostKeyCheck{Files: []string{file("bad", "x\n"+address+" ssh-ed25519 AAAA\n"+address+" "+public(s.hostKey)+"\n")}}, ""},
		{"a bad line before a changed key", HostKeyCheck{Files: []string{file("badchanged", "x\n"+address+" "+public(other)+"\n")}},
			filepath.Join(dir, "badchanged") + ":2 has ssh-ed25519"},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := s.config()
			config.Keys = c.check
			var warned []string
			config.Warn = func(text string) { warned = append(warned, text) }
			defer func() {
				var want []string
				switch c.name {
				case "bad lines of known_hosts":
					want = []string{filepath.Join(dir, "bad") + ":1 ", filepath.Join(dir, "bad") + ":2 "}
				case "a bad line before a changed key":
					want = []string{filepath.Join(dir, "badchanged") + ":1 "}
				}
				if !slices.EqualFunc(warned, want, strings.HasPrefix) {
					t.Errorf("warned of %q, want %q", warned, want)
				}
			}()
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
			case "changed", "pinned otherwise", "revoked", "a bad line before a changed key":
				if !errors.As(err, &wrong) || !errors.As(err, &unreachable) || wrong.Fingerprint() != ssh.FingerprintSHA256(s.hostKey) {
					t.Errorf("got %#v", err)
				}
			}
		})
	}
}

// A host has a key of each type and shows one. Whichever of them is pinned or known is the right one; what is shown to a
// person first is the one that OpenSSH shows.
func TestHostsWithKeysOfManyTypes(t *testing.T) {
	t.Parallel()
	var keys []ssh.Signer
	for _, kind := range [][]string{{"rsa", "-b", "1024"}, {"ecdsa"}, {"ed25519"}} { // a longer one takes half a second to be made
		file := filepath.Join(t.TempDir(), kind[0])
		if out, err := exec.Command("ssh-keygen", append([]string{"-q", "-N", "", "-f", file, "-t"}, kind...)...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		key, err := ssh.ParsePrivateKey(text)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
	s := (&fakeServer{hostKeys: keys}).start(t)
	_, other := writeKey(t, filepath.Join(t.TempDir(), "k"), "")
	connect := func(check HostKeyCheck) error {
		config := s.config()
		config.Keys = check
		config.Keys.SystemFiles = []string{}
		h, err := Connect(testContext(t), config)
		if err == nil {
			h.Close()
		}
		return err
	}
	for _, k := range keys {
		public := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(k.PublicKey())))
		known := filepath.Join(t.TempDir(), "known_hosts")
		writeFile(t, known, fmt.Sprintf("[127.0.0.1]:%d %s\n", s.port, public))
		for name, check := range map[string]HostKeyCheck{
			"fingerprint": {Pinned: []string{ssh.FingerprintSHA256(k.PublicKey())}},
			"key":         {Pinned: []string{public}},
			"one of two":  {Pinned: []string{ssh.FingerprintSHA256(other), ssh.FingerprintSHA256(k.PublicKey())}},
			"known":       {Files: []string{known}},
		} {
			if err := connect(check); err != nil {
				t.Errorf("%s, %s: %v", k.PublicKey().Type(), name, err)
			}
		}
	}
	var changed *ChangedHostKeyError
	if err := connect(HostKeyCheck{Pinned: []string{ssh.FingerprintSHA256(other)}}); !errors.As(err, &changed) {
		t.Errorf("a pin that no key has: %v", err)
	}
	var unknown *UnknownHostKeyError
	if err := connect(HostKeyCheck{Files: []string{filepath.Join(t.TempDir(), "none")}}); !errors.As(err, &unknown) ||
		unknown.Key.Type() != ssh.KeyAlgoED25519 || unknown.OwnFile() != "/etc/ssh/ssh_host_ed25519_key.pub" {
		t.Errorf("an unknown host: %v", err)
	}
}

func TestAcceptHostKeys(t *testing.T) {
	t.Parallel()
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
	t.Parallel()
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
	t.Parallel()
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
	t.Parallel()
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
		if err := sh.Upload(testContext(t), Upload{Source: bytes.NewReader(content(1 << 20)), Size: 1 << 20,
			Path: filepath.Join(t.TempDir(), "f")}); err != nil {
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

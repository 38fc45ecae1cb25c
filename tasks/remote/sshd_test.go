package remote

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"
)

// testServer is a real OpenSSH server on a port of its own.
type testServer struct {
	dir        string
	port       int
	user       string
	key        string // private key that may log in
	hostKey    ssh.PublicKey
	knownHosts string
	process    *os.Process
}

// startSSHD starts sshd with the extra lines in its configuration and ends it with
// the test. userShell "": the user's own.
func startSSHD(t testing.TB, extra ...string) *testServer {
	t.Helper()
	path, err := exec.LookPath("sshd")
	if err != nil {
		path = "/usr/sbin/sshd"
		if _, err := os.Stat(path); err != nil {
			t.Skip("needs sshd (Debian package openssh-server)")
		}
	}
	if os.Getuid() == 0 {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Skipf("needs /run/sshd: %v", err)
		}
	}
	dir, err := os.MkdirTemp("", "sshd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &testServer{dir: dir, user: localUser(), key: filepath.Join(dir, "key"), knownHosts: filepath.Join(dir, "known_hosts")}
	_, public := writeKey(t, s.key, "")
	if err := os.Mkdir(filepath.Join(dir, "home"), 0o777); err != nil { // the account's own start-up files may take their time
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "authorized_keys"), string(ssh.MarshalAuthorizedKey(public)))
	_, s.hostKey = writeKey(t, filepath.Join(dir, "host_key"), "")
	config := fmt.Sprintf(`HostKey %[1]s/host_key
AuthorizedKeysFile %[1]s/authorized_keys
PidFile none
StrictModes no
UsePAM no
SetEnv HOME=%[1]s/home
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
LogLevel ERROR
Subsystem sftp internal-sftp
%[2]s
`, dir, strings.Join(extra, "\n"))
	writeFile(t, filepath.Join(dir, "config"), config)
	for try := 0; ; try++ {
		s.port = freePort(t)
		var log bytes.Buffer
		cmd := exec.Command(path, "-D", "-e", "-f", filepath.Join(dir, "config"), "-p", fmt.Sprint(s.port), "-o", "ListenAddress=127.0.0.1")
		cmd.Stderr = &log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		exited := make(chan struct{})
		go func() { cmd.Wait(); close(exited) }()
		if listens(s.port, exited) {
			s.process = cmd.Process
			t.Cleanup(func() {
				cmd.Process.Signal(syscall.SIGTERM)
				<-exited
			})
			break
		}
		cmd.Process.Kill()
		<-exited
		if try == 5 {
			t.Fatalf("sshd does not listen: %s", log.String())
		}
	}
	writeFile(t, s.knownHosts, knownhosts.Line([]string{fmt.Sprintf("127.0.0.1:%d", s.port)}, s.hostKey)+"\n")
	return s
}

func listens(port int, exited chan struct{}) bool {
	for range 200 {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			c.Close()
			return true
		}
		select {
		case <-exited:
			return false
		case <-time.After(25 * time.Millisecond):
		}
	}
	return false
}

var lastPort atomic.Uint32

// freePort returns a port that nobody listens on and that no other test here is given: it is below those from which the
// system takes one for whoever asks for any.
func freePort(t testing.TB) int {
	t.Helper()
	for range 1000 {
		port := 20000 + (os.Getpid()*100+int(lastPort.Add(1)))%10000
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return 0
}

// config reaches the server and nothing of the machine's own SSH settings.
func (s *testServer) config() Config {
	return Config{
		Name: "node1", Address: "127.0.0.1", Port: s.port, User: s.user,
		KeyFiles: []string{s.key}, ConfigFile: "none",
		Keys: HostKeyCheck{Files: []string{s.knownHosts}, SystemFiles: []string{}},
	}
}

func (s *testServer) connect(t testing.TB) *Host {
	t.Helper()
	return connect(t, s.config())
}

func connect(t testing.TB, c Config) *Host {
	t.Helper()
	h, err := Connect(testContext(t), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

func (s *testServer) shell(t testing.TB) *Shell {
	t.Helper()
	return openTestShell(t, s.connect(t), Become{})
}

func openTestShell(t testing.TB, h *Host, b Become) *Shell {
	t.Helper()
	sh, err := h.Shell(testContext(t), b)
	if err != nil {
		t.Fatal(err)
	}
	return sh
}

// testContext bounds every wait of a test.
func testContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func writeFile(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// writeKey makes an ed25519 key, encrypted if there is a passphrase: with one round of bcrypt, where there is an ssh-keygen,
// for the sixteen of the library take seconds under the race detector.
func writeKey(t testing.TB, path, passphrase string) (ssh.Signer, ssh.PublicKey) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var block *pem.Block
	keygen, noKeygen := exec.LookPath("ssh-keygen")
	if passphrase == "" || noKeygen == nil {
		block, err = ssh.MarshalPrivateKey(private, "test")
	} else {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(private, "test", []byte(passphrase))
	}
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, string(pem.EncodeToMemory(block)))
	if passphrase != "" && noKeygen == nil {
		if out, err := exec.Command(keygen, "-q", "-p", "-a", "1", "-P", "", "-N", passphrase, "-f", path).CombinedOutput(); err != nil {
			t.Fatalf("ssh-keygen: %v\n%s", err, out)
		}
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer, signer.PublicKey()
}

func run(t testing.TB, s *Shell, script string) Result {
	t.Helper()
	return runCommand(t, s, Command{Script: script})
}

func runCommand(t testing.TB, s *Shell, c Command) Result {
	t.Helper()
	r, err := s.Run(testContext(t), c)
	if err != nil {
		t.Fatalf("running %q: %v", c.Script, err)
	}
	return r
}

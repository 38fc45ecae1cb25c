package remote

import (
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"
)

// fakeServer is an SSH server inside the test, for what OpenSSH cannot be talked
// into: another /bin/sh, a made-up sudo, odd logins, refusals, sudden ends.
type fakeServer struct {
	port       int
	knownHosts string
	hostKeys   []ssh.Signer

	auth   ssh.ServerConfig               // who may log in; zero: everybody
	shell  string                         // stands in for /bin/sh; "": /bin/sh
	login  string                         // the account's shell; "": bash without its start-up files
	bin    string                         // directory before all others in PATH
	env    []string                       // what a login exports besides
	noise  string                         // what a login writes before it runs anything
	refuse func(channelType string) error // nil: nothing is refused

	mu          sync.Mutex
	connections []net.Conn
	wg          sync.WaitGroup
}

func (s *fakeServer) start(t testing.TB) *fakeServer {
	t.Helper()
	dir := t.TempDir()
	if len(s.hostKeys) == 0 {
		key, _ := writeKey(t, filepath.Join(dir, "host_key"), "")
		s.hostKeys = []ssh.Signer{key}
	}
	config := s.auth
	if config.PasswordCallback == nil && config.PublicKeyCallback == nil && config.KeyboardInteractiveCallback == nil {
		config.NoClientAuth = true
	}
	for _, k := range s.hostKeys {
		config.AddHostKey(k)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.port = l.Addr().(*net.TCPAddr).Port
	s.knownHosts = filepath.Join(dir, "known_hosts")
	writeFile(t, s.knownHosts, knownhosts.Line([]string{l.Addr().String()}, s.hostKeys[0].PublicKey())+"\n")
	s.wg.Add(1)
	go func() {
		defer s.wg.Done()
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.connections = append(s.connections, c)
			s.mu.Unlock()
			s.wg.Add(1)
			go func() {
				defer s.wg.Done()
				s.serve(c, &config)
			}()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		s.cut()
		s.wg.Wait()
	})
	return s
}

// cut ends all connections the hard way.
func (s *fakeServer) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.connections {
		c.Close()
	}
}

func (s *fakeServer) config() Config {
	return Config{Name: "node1", Address: "127.0.0.1", Port: s.port, User: "tester", ConfigFile: "none",
		Keys: HostKeyCheck{Files: []string{s.knownHosts}, SystemFiles: []string{}}}
}

func (s *fakeServer) serve(c net.Conn, config *ssh.ServerConfig) {
	defer c.Close()
	conn, channels, requests, err := ssh.NewServerConn(c, config)
	if err != nil {
		return
	}
	defer conn.Close()
	go ssh.DiscardRequests(requests)
	for n := range channels {
		if s.refuse != nil {
			if err := s.refuse(n.ChannelType()); err != nil {
				n.Reject(ssh.ConnectionFailed, err.Error())
				continue
			}
		}
		if n.ChannelType() != "session" {
			n.Reject(ssh.Prohibited, "no")
			continue
		}
		channel, requests, err := n.Accept()
		if err != nil {
			return
		}
		s.wg.Add(1)
		go func() {
			defer s.wg.Done()
			s.session(channel, requests)
		}()
	}
}

func (s *fakeServer) session(channel ssh.Channel, requests <-chan *ssh.Request) {
	defer channel.Close()
	var kill func()
	for r := range requests {
		if r.Type != "exec" || kill != nil {
			r.Reply(false, nil)
			continue
		}
		var payload struct{ Command string }
		ssh.Unmarshal(r.Payload, &payload)
		r.Reply(true, nil)
		kill = s.run(channel, payload.Command)
	}
	if kill != nil { // the client has closed the channel
		kill()
	}
}

// run starts a command as sshd does: in a session of its own, with the exit status
// sent as soon as it is known. The function returned takes its streams away.
func (s *fakeServer) run(channel ssh.Channel, command string) func() {
	if s.shell != "" {
		command = strings.ReplaceAll(command, "/bin/sh", s.shell)
	}
	io.WriteString(channel, s.noise)
	io.WriteString(channel.Stderr(), s.noise)
	inR, inW, _ := os.Pipe()
	outR, outW, _ := os.Pipe()
	errR, errW, _ := os.Pipe()
	cmd := exec.Command("/bin/bash", "--norc", "-c", command)
	if s.login != "" {
		cmd = exec.Command(s.login, "-c", command)
		cmd.Args[0] = filepath.Base(s.login) // as sshd calls it
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = inR, outW, errW
	cmd.Env = append(append(os.Environ(), "PATH="+s.bin+":"+os.Getenv("PATH")), s.env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err := cmd.Start()
	inR.Close()
	outW.Close()
	errW.Close()
	if err != nil {
		panic(err)
	}
	s.wg.Add(2)
	go func() {
		defer s.wg.Done()
		io.Copy(inW, channel)
		inW.Close()
	}()
	var copies sync.WaitGroup
	copies.Add(2)
	go func() { defer copies.Done(); io.Copy(channel, outR) }()
	go func() { defer copies.Done(); io.Copy(channel.Stderr(), errR) }()
	go func() {
		defer s.wg.Done()
		cmd.Wait()
		status := cmd.ProcessState.ExitCode()
		channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(status)}))
		copies.Wait()
		channel.Close()
	}()
	return func() {
		inW.Close()
		outR.Close()
		errR.Close()
	}
}

// shells are the POSIX shells that polarbook meets as /bin/sh: dash on Debian,
// bash on RHEL and its like, busybox on small systems. Other versions of them are
// tried by way of POLARBOOK_SHELLS: programs, or directories of such, with colons in
// between. With -short there is one of them, which the test's name chooses: a test that failed fails again, and each shell
// has its share of the tests.
func shells(t testing.TB) map[string]string {
	t.Helper()
	found := map[string]string{}
	add := func(name, path string) {
		link := filepath.Join(t.TempDir(), "sh") // the name makes bash POSIX and busybox a shell
		if err := os.Symlink(path, link); err != nil {
			t.Fatal(err)
		}
		found[name] = link
	}
	for _, name := range []string{"dash", "bash", "busybox"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Logf("no %s here, not tested with it", name)
			continue
		}
		add(name, path)
		if name == "bash" {
			found["bash by its own name"] = path
		}
	}
	for _, path := range filepath.SplitList(os.Getenv("POLARBOOK_SHELLS")) {
		if entries, err := os.ReadDir(path); err == nil {
			for _, e := range entries {
				if e.Type().IsRegular() {
					add(e.Name(), filepath.Join(path, e.Name()))
				}
			}
		} else if _, err := os.Stat(path); err != nil {
			t.Fatal(err)
		} else {
			add(strings.ReplaceAll(strings.Trim(path, "/"), "/", "-"), path)
		}
	}
	if names := slices.Sorted(maps.Keys(found)); testing.Short() && len(names) > 0 {
		sum := fnv.New32a()
		_, _ = sum.Write([]byte(t.Name()))
		chosen := names[sum.Sum32()%uint32(len(names))]
		return map[string]string{chosen: found[chosen]}
	}
	return found
}

// isBash reports whether a shell is bash, whatever its name.
func isBash(t testing.TB, path string) bool {
	t.Helper()
	out, err := exec.Command(path, "-c", `echo "$BASH_VERSION"`).Output()
	if err != nil {
		t.Fatal(err)
	}
	return len(out) > 1
}

// withEachShell runs a test with every shell, against a server in the test.
func withEachShell(t *testing.T, test func(t *testing.T, s *Shell)) {
	for name, path := range shells(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := (&fakeServer{shell: path}).start(t)
			test(t, openTestShell(t, connect(t, server.config()), Become{}))
		})
	}
}

// relay is a TCP connection in between that can fall silent or break.
type relay struct {
	port int
	mu   sync.Mutex
	cond *sync.Cond
	mute bool
	both []net.Conn
}

func startRelay(t testing.TB, to int) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{port: l.Addr().(*net.TCPAddr).Port}
	r.cond = sync.NewCond(&r.mu)
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		for {
			a, err := l.Accept()
			if err != nil {
				return
			}
			b, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", to))
			if err != nil {
				a.Close()
				continue
			}
			r.mu.Lock()
			r.both = append(r.both, a, b)
			r.mu.Unlock()
			wg.Add(2)
			go func() { defer wg.Done(); r.carry(a, b) }()
			go func() { defer wg.Done(); r.carry(b, a) }()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		r.silence(false)
		r.cut()
		wg.Wait()
	})
	return r
}

func (r *relay) carry(from, to net.Conn) {
	defer to.Close()
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		r.mu.Lock()
		for r.mute {
			r.cond.Wait()
		}
		r.mu.Unlock()
		if n > 0 {
			if _, err := to.Write(b[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// silence holds everything back, as a pulled cable does.
func (r *relay) silence(on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mute = on
	r.cond.Broadcast()
}

func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.both {
		c.Close()
	}
}

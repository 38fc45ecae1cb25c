package attacks

import (
	"bytes"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// TestOutputOfEveryForm checks that 300 MB of output need little memory on the control node and on the host, for each kind
// of command, over a jump host, on this machine and delegated to another.
func TestOutputOfEveryForm(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to become another account")
	}
	const enough = 100 << 20
	l := newControlNode(t)
	server := startServer(t, l)
	l.write("inventory.yml", fmt.Sprintf(`all:
  hosts:
    far: {ansible_host: 127.0.0.1, ansible_port: %[1]d, ansible_user: root, ansible_ssh_private_key_file: %[2]s/key}
    behind: {ansible_host: 127.0.0.1, ansible_port: %[1]d, ansible_user: root, ansible_ssh_private_key_file: %[2]s/key, ansible_ssh_common_args: -J root@127.0.0.1:%[1]d}
    here: {ansible_connection: local}
`, server.port, l.dir))
	large, err := os.Create(filepath.Join(l.dir, "large"))
	if err == nil {
		err = large.Truncate(300_000_000)
	}
	if err != nil {
		t.Fatal(err)
	}
	_ = large.Close()
	l.write("site.yml", strings.ReplaceAll(`
- hosts: far
  gather_facts: false
  tasks:
  - {shell: MUCH, register: r}
  - {debug: {var: r}}
  - {command: MUCH}
  - {shell: "MUCH >&2; exit 3", ignore_errors: true}
  - {shell: "MUCH & MUCH >&2; wait"}
  - {raw: MUCH}
  - {shell: "cat; MUCH", args: {stdin: hello}}
  - {shell: MUCH, register: r, until: r.rc == 5, retries: 1, delay: 0, ignore_errors: true}
  - {shell: MUCH, loop: [1, 2], register: r}
  - {shell: MUCH, become: true, become_user: nobody}
  - {shell: MUCH, environment: {A: b}, args: {chdir: /}}
  - {slurp: {src: "{{ playbook_dir }}/large"}, ignore_errors: true}
  - {lineinfile: {path: "{{ playbook_dir }}/large", line: x}, ignore_errors: true}
  - {copy: {dest: "{{ playbook_dir }}/large", content: x}, check_mode: true}
- hosts: behind
  gather_facts: false
  tasks:
  - {shell: MUCH}
  - {raw: "MUCH >&2"}
- hosts: here
  gather_facts: false
  tasks:
  - {shell: "cat; MUCH", args: {stdin: hello}}
  - {shell: "MUCH & wait"}
  - {slurp: {src: "{{ playbook_dir }}/large"}, ignore_errors: true}
  - {shell: MUCH, delegate_to: far}
`, "MUCH", "head -c 300000000 /dev/zero"))
	watched := server.watch(t)
	out := l.run("run", "site.yml", "--diff", "--forks", "3")
	memory, lying := watched()
	if out.code != 0 {
		t.Errorf("exit code %d\n%.3000s%s", out.code, out.stdout, out.stderr)
	}
	if n := strings.Count(out.stdout, "not whole"); n < 17 {
		t.Errorf("of %d outputs is said that they are not whole:\n%.3000s", n, out.stdout)
	}
	if out.memory > enough {
		t.Errorf("it took %d MB of memory here", out.memory>>20)
	}
	if memory > enough {
		t.Errorf("one process took %d MB of memory on the host", memory>>20)
	}
	if lying == 0 || lying > enough {
		t.Errorf("%d MB lay on the host", lying>>20)
	}
}

// server is an sshd on a port of its own.
type server struct{ port, pid int }

// startServer starts sshd. It accepts the key in the control node's directory, and its host key is in known_hosts.
func startServer(t *testing.T, l *controlNode) server {
	t.Helper()
	program, err := exec.LookPath("sshd")
	if err != nil {
		program = "/usr/sbin/sshd"
	}
	if _, err := os.Stat(program); err != nil {
		t.Skip("needs sshd (Debian package openssh-server)")
	}
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"key", "host_key"} {
		out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(l.dir, name)).CombinedOutput()
		if err != nil {
			t.Fatalf("ssh-keygen: %v %s", err, out)
		}
	}
	l.write("sshd_config", fmt.Sprintf("HostKey %[1]s/host_key\nAuthorizedKeysFile %[1]s/key.pub\nPidFile none\nStrictModes no\n"+
		"UsePAM no\nPermitRootLogin yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nSubsystem sftp internal-sftp\n", l.dir))
	for range 5 {
		free, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := free.Addr().(*net.TCPAddr).Port
		_ = free.Close()
		var said bytes.Buffer
		c := exec.Command(program, "-D", "-e", "-f", filepath.Join(l.dir, "sshd_config"), "-p", strconv.Itoa(port),
			"-o", "ListenAddress=127.0.0.1")
		c.Stderr = &said
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() { _ = c.Wait(); close(ended) }()
		t.Cleanup(func() {
			_ = c.Process.Signal(syscall.SIGTERM)
			<-ended
		})
		for up := true; up; {
			if conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
				_ = conn.Close()
				if err := os.MkdirAll(filepath.Join(l.dir, ".ssh"), 0o700); err != nil {
					t.Fatal(err)
				}
				l.write(".ssh/known_hosts", fmt.Sprintf("[127.0.0.1]:%d %s", port, l.read("host_key.pub")))
				return server{port, c.Process.Pid}
			}
			select {
			case <-ended: // somebody else has the port
				up = false
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	t.Fatal("sshd does not listen")
	return server{}
}

// watch measures the server's processes and what polarbook puts on the host, until the returned function is called. That
// function returns the most memory that one process held and the most disk that was used, in bytes.
func (s server) watch(t *testing.T) func() (memory, lying int64) {
	var memory, lying atomic.Int64
	kept := map[string]bool{}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			for _, pid := range below(s.pid) {
				memory.Store(max(memory.Load(), held(pid)))
			}
			for _, pid := range below(os.Getpid()) {
				keptBy(pid, kept)
			}
			lying.Store(max(lying.Load(), laid(kept)))
			select {
			case <-stop:
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	}()
	end := func() (int64, int64) {
		select {
		case <-stop:
		default:
			close(stop)
		}
		<-stopped
		return memory.Load(), lying.Load()
	}
	t.Cleanup(func() { end() })
	return end
}

// below returns the processes that pid started, and those that they started.
func below(pid int) []int {
	children := map[int][]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range stats {
		data, _ := os.ReadFile(file)
		if at := bytes.LastIndexByte(data, ')'); at > 0 {
			if fields := bytes.Fields(data[at+1:]); len(fields) > 1 {
				parent, _ := strconv.Atoi(string(fields[1]))
				child, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
				children[parent] = append(children[parent], child)
			}
		}
	}
	all := append([]int(nil), children[pid]...)
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all
}

// held returns the most memory that a process ever held, in bytes.
func held(pid int) int64 {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kilobytes, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return kilobytes << 10
		}
	}
	return 0
}

// keptBy adds the directories to kept in which polarbook keeps what a process writes. Others may run beside this test.
func keptBy(pid int, kept map[string]bool) {
	open, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	for _, one := range open {
		file, _ := os.Readlink(one)
		if dir := filepath.Dir(file); strings.HasPrefix(filepath.Base(dir), ".polarbook-") {
			kept[dir] = true
		}
	}
}

// laid returns the size of what lies in directories, in bytes.
func laid(dirs map[string]bool) (size int64) {
	for one := range dirs {
		_ = filepath.WalkDir(one, func(_ string, e fs.DirEntry, err error) error {
			if err == nil {
				if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
					size += info.Size()
				}
			}
			return nil
		})
	}
	return size
}

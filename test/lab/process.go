package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// Wait returns when root can log in to the host by SSH; by then the other accounts can, too. It gives up
// after two minutes.
func (h *Host) Wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, bootLimit)
	defer cancel()
	for {
		err := h.login(ctx)
		if err == nil {
			return nil
		}
		if !h.Running() {
			return fmt.Errorf("wait for %s to answer: it has ended; the end of its console:\n%s", h.Name, h.ConsoleEnd())
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s to answer: %w; the end of its console:\n%s", h.Name, err, h.ConsoleEnd())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (h *Host) login(ctx context.Context) error {
	private, err := os.ReadFile(h.KeyFile)
	if err != nil {
		return err
	}
	signer, err := ssh.ParsePrivateKey(private)
	if err != nil {
		return err
	}
	_, _, hostKey, _, _, err := ssh.ParseKnownHosts([]byte(h.HostKey))
	if err != nil {
		return err
	}
	dialer := net.Dialer{Timeout: time.Second}
	connection, err := dialer.DialContext(ctx, "tcp", h.Address+":22")
	if err != nil {
		return err
	}
	defer func() { _ = connection.Close() }()
	_ = connection.SetDeadline(time.Now().Add(10 * time.Second))
	client, _, _, err := ssh.NewClientConn(connection, h.Address+":22", &ssh.ClientConfig{
		User:            "root",
		Auth:            []ssh.AuthMethod{ssh.PublicKeys(signer)},
		HostKeyCallback: ssh.FixedHostKey(hostKey),
	})
	if err != nil {
		return err
	}
	return client.Close()
}

// ConsoleEnd returns the last of what the host wrote to its console, at most 2000 bytes.
func (h *Host) ConsoleEnd() string {
	console := h.Console()
	return console[max(0, len(console)-2000):]
}

// start runs host.sh for this host, in a cgroup that nothing is in.
func (h *Host) start() error {
	cgroup, err := h.cgroup()
	if err != nil {
		return fmt.Errorf("boot %s: %w", h.Name, err)
	}
	// What a host that ended left in there, its own systemd's cgroups, would confuse the next.
	if err := removeCgroup(cgroup); err != nil {
		return fmt.Errorf("boot %s: %w", h.Name, err)
	}
	if err := os.MkdirAll(cgroup, 0o755); err != nil {
		return fmt.Errorf("boot %s: %w", h.Name, err)
	}
	console, err := os.OpenFile(filepath.Join(h.dir(), "console.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("boot %s: %w", h.Name, err)
	}
	defer func() { _ = console.Close() }()
	command := exec.Command("sh", filepath.Join(stateDir(h.lab.record.Name), "run", "host.sh"), h.dir())
	command.Dir = "/"
	command.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"}
	command.Stdout, command.Stderr = console, console
	detach(command)
	if err := command.Start(); err != nil {
		return fmt.Errorf("boot %s: %w", h.Name, err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = command.Wait()
	}()
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.process, h.ended = command, ended
	// The script moves itself into the cgroup, and until it has, the host would look dead.
	for !h.Running() {
		select {
		case <-ended:
			return fmt.Errorf("boot %s: it ended at once; the end of its console:\n%s", h.Name, h.ConsoleEnd())
		case <-time.After(time.Millisecond):
		}
	}
	return nil
}

// reap waits for this process's own child, if the host is one, once all in its cgroup was killed.
func (h *Host) reap() {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if h.ended != nil {
		<-h.ended
		h.process, h.ended = nil, nil
	}
}

func (h *Host) waitEnded(ctx context.Context, cgroup string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for h.Running() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the processes in %s to end: %w", cgroup, ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
	h.reap()
	return nil
}

// initPID returns the process that is number 1 inside the host.
func (h *Host) initPID() (int, error) {
	cgroup, err := h.cgroup()
	if err != nil {
		return 0, err
	}
	found := 0
	err = eachProcess(cgroup, func(pid string) bool {
		if isInit(pid) {
			found, _ = strconv.Atoi(pid)
		}
		return found == 0
	})
	if err != nil {
		return 0, err
	}
	if found == 0 {
		return 0, errors.New("it is not running")
	}
	return found, nil
}

// Process is one of a host's, with the numbers that it has on this machine.
type Process struct {
	PID, Parent int
	Name        string
	Args        []string
}

// Processes returns those that the host runs at this moment, seen from outside: nothing is run in it. Those that ended
// meanwhile are left out.
func (h *Host) Processes() ([]Process, error) {
	cgroup, err := h.cgroup()
	if err != nil {
		return nil, err
	}
	var list []Process
	err = eachProcess(cgroup, func(pid string) bool {
		status, err := os.ReadFile(filepath.Join("/proc", pid, "status"))
		if err != nil {
			return true
		}
		args, _ := os.ReadFile(filepath.Join("/proc", pid, "cmdline"))
		p := Process{Name: statusLine(status, "Name"), Args: strings.Split(strings.TrimRight(string(args), "\x00"), "\x00")}
		p.PID, _ = strconv.Atoi(pid)
		p.Parent, _ = strconv.Atoi(statusLine(status, "PPid"))
		list = append(list, p)
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("list the processes of %s: %w", h.Name, err)
	}
	return list, nil
}

// eachProcess calls f for every process of a cgroup and those below, until it returns false. Cgroups and processes come
// and go meanwhile.
func eachProcess(cgroup string, f func(pid string) bool) error {
	return filepath.WalkDir(cgroup, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Name() != "cgroup.procs" {
			return nil
		}
		processes, _ := os.ReadFile(path)
		for pid := range strings.FieldsSeq(string(processes)) {
			if !f(pid) {
				return fs.SkipAll
			}
		}
		return nil
	})
}

// isInit reports whether a process is number 1 of a name space below the machine's.
func isInit(pid string) bool {
	status, _ := os.ReadFile(filepath.Join("/proc", pid, "status"))
	fields := strings.Fields(statusLine(status, "NSpid"))
	return len(fields) > 1 && fields[len(fields)-1] == "1"
}

// statusLine returns what /proc/PID/status says under a name.
func statusLine(status []byte, name string) string {
	_, value, _ := strings.Cut("\n"+string(status), "\n"+name+":")
	value, _, _ = strings.Cut(value, "\n")
	return strings.TrimSpace(value)
}

func removeCgroup(path string) error {
	entries, err := os.ReadDir(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.IsDir() {
			if err := removeCgroup(filepath.Join(path, entry.Name())); err != nil {
				return err
			}
		}
	}
	return os.Remove(path)
}

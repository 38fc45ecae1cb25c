package lab

import (
	"bytes"
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
	"sync"
	"time"
)

// Host is one host of a lab. Its accounts: root; admin, whose sudo asks for nothing; dba, whose sudo asks for
// [Lab.Password]. The lab's key opens all three; dba may also log in with the password.
type Host struct {
	Name    string
	Address string // IPv4, sshd on port 22
	HostKey string // the host's line in known_hosts
	KeyFile string // the client's private key
	Release string // of Debian
	Flavour string // debian, rhel or busybox

	lab *Lab

	mutex   sync.Mutex
	process *exec.Cmd     // runs host.sh, when this process started it
	ended   chan struct{} // closed when process has ended
	proxy   *delayProxy
}

func newHost(l *Lab, r hostRecord) *Host {
	return &Host{Name: r.Name, Address: r.Address, HostKey: r.HostKey, KeyFile: l.KeyFile(), Release: r.Release, Flavour: r.Flavour, lab: l}
}

// scriptLimit ends a script that hangs. It is no measure: some start dnf or firewall-cmd again and again, and on a machine that runs a
// dozen tests at once that takes minutes.
const scriptLimit = 10 * time.Minute

// Exec runs a shell script as root inside the host, without SSH: for a test to look, and to break things,
// behind the back of what it tests. Its standard input is empty. The error holds what it wrote to stderr. A
// script that is not done after ten minutes is ended. It has the tools of coreutils and the like on every flavour, though
// the shell is the host's own.
func (h *Host) Exec(ctx context.Context, script string) (stdout string, err error) {
	ctx, cancel := context.WithTimeout(ctx, scriptLimit)
	defer cancel()
	pid, err := h.initPID()
	if err != nil {
		return "", fmt.Errorf("run %q on %s: %w", script, h.Name, err)
	}
	command := exec.CommandContext(ctx, "nsenter", "--target", strconv.Itoa(pid),
		"--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup",
		"sh", "-c", `script=$(cat); exec </dev/null; eval "$script"`)
	command.Env = []string{"PATH=/usr/local/lib/lab/gnu:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=/root", "LANG=C.UTF-8"}
	command.Stdin = strings.NewReader(script)
	// A script may leave something running in the background that keeps its output open.
	command.WaitDelay = time.Second
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr = &out, &errs
	err = command.Start()
	if err == nil {
		ended := make(chan struct{})
		go watch(command.Process, pid, cancel, ended)
		err = command.Wait()
		close(ended)
	}
	switch {
	case ctx.Err() != nil:
		return out.String(), fmt.Errorf("run %q on %s: %w; so far it wrote %q and %q", script, h.Name, ctx.Err(), out.String(), errs.String())
	case err != nil && !errors.Is(err, exec.ErrWaitDelay):
		return out.String(), fmt.Errorf("run %q on %s: %w: %s", script, h.Name, err, strings.TrimSpace(errs.String()))
	}
	return out.String(), nil
}

// watch keeps a script from hanging, and its host with it, when the host goes down under it. A host that shuts down
// stops all of its processes for a moment before it ends them; nsenter takes part in its child's stop, and nobody lets
// it go on to collect the child, without which the host's first process cannot end. And what began in a host that is
// gone may never end: it is given up.
func watch(nsenter *os.Process, first int, giveUp func(), ended <-chan struct{}) {
	ticker := time.NewTicker(hostGone / 10)
	defer ticker.Stop()
	for gone := time.Duration(0); gone <= hostGone; {
		select {
		case <-ended:
			return
		case <-ticker.C:
		}
		resume(nsenter)
		if _, err := os.Stat(fmt.Sprintf("/proc/%d", first)); err != nil {
			gone += hostGone / 10
		}
	}
	giveUp()
}

// hostGone is how long a script may take to end after its host has.
const hostGone = 2 * time.Second

// Unplug takes the host off the network. It notices nothing but silence, as when a switch dies; so do others.
func (h *Host) Unplug() error {
	// The mark is for the link that a reboot makes anew.
	if err := os.WriteFile(h.unplugged(), nil, 0o600); err != nil {
		return fmt.Errorf("unplug %s: %w", h.Name, err)
	}
	if err := run(context.Background(), "ip", "-n", h.lab.netns(), "link", "set", h.link(), "nomaster"); err != nil {
		return fmt.Errorf("unplug %s: %w", h.Name, err)
	}
	return nil
}

// Plug puts the host back on the network.
func (h *Host) Plug() error {
	if err := os.Remove(h.unplugged()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("plug in %s: %w", h.Name, err)
	}
	if err := run(context.Background(), "ip", "-n", h.lab.netns(), "link", "set", h.link(), "master", "lab"); err != nil {
		return fmt.Errorf("plug in %s: %w", h.Name, err)
	}
	// Whoever looked for it in vain would say "no route to host" for up to three seconds more. A host that is down has
	// nothing to forget.
	for _, other := range h.lab.hosts {
		_ = run(context.Background(), "ip", "-n", other.netns(), "neigh", "flush", "all")
	}
	if err := run(context.Background(), "ip", "neigh", "flush", "to", h.Address); err != nil {
		return fmt.Errorf("plug in %s: %w", h.Name, err)
	}
	return nil
}

// Kill ends all processes of the host at once, with no chance to say goodbye. Its disk stays for [Host.Boot].
func (h *Host) Kill(ctx context.Context) error {
	cgroup, err := h.cgroup()
	if err != nil {
		return fmt.Errorf("kill %s: %w", h.Name, err)
	}
	if err := os.WriteFile(filepath.Join(cgroup, "cgroup.kill"), []byte("1"), 0); err != nil {
		return fmt.Errorf("kill %s: %w", h.Name, err)
	}
	if err := h.waitEnded(ctx, cgroup); err != nil {
		return fmt.Errorf("kill %s: %w", h.Name, err)
	}
	return nil
}

// Boot starts a host that was killed or has powered itself off, and waits until it answers.
func (h *Host) Boot(ctx context.Context) error {
	if h.Running() {
		return fmt.Errorf("boot %s: it is running", h.Name)
	}
	h.reap()
	if err := h.start(); err != nil {
		return err
	}
	return h.Wait(ctx)
}

// Running reports whether any process of the host is alive.
func (h *Host) Running() bool {
	cgroup, err := h.cgroup()
	if err != nil {
		return false
	}
	events, err := os.ReadFile(filepath.Join(cgroup, "cgroup.events"))
	return err == nil && strings.Contains(string(events), "populated 1")
}

// Console returns what the host wrote to its console since the lab started.
func (h *Host) Console() string {
	text, _ := os.ReadFile(filepath.Join(h.dir(), "console.log"))
	return string(text)
}

func (h *Host) dir() string         { return filepath.Join(stateDir(h.lab.record.Name), "hosts", h.Name) }
func (h *Host) hostKeyFile() string { return filepath.Join(h.dir(), "ssh_host_ed25519_key") }
func (h *Host) unplugged() string   { return filepath.Join(h.dir(), "unplugged") }
func (h *Host) netns() string       { return h.lab.netns() + "-" + h.Name }

// link returns the lab's end of the host's cable, numbered as its address is.
func (h *Host) link() string { return "host" + strconv.Itoa(int(net.ParseIP(h.Address).To4()[3])) }

func (h *Host) cgroup() (string, error) {
	parent, err := h.lab.cgroup()
	return filepath.Join(parent, h.Name), err
}

// prepare writes what the host's scripts need and what its disk begins with.
func (h *Host) prepare(ctx context.Context, spec Spec, tree string, number int) error {
	cgroup, err := h.cgroup()
	if err != nil {
		return err
	}
	if spec.TmpfsPath != "" {
		disk := filepath.Join(h.dir(), "disk")
		if err := os.Mkdir(disk, 0o755); err != nil {
			return err
		}
		if err := run(ctx, "mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%dm,mode=755", spec.DiskMB), "polarbook-lab", disk); err != nil {
			return err
		}
	}
	seed, err := h.seed()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(h.dir(), "seed.sh"), []byte(seed), 0o600); err != nil {
		return err
	}
	return writeSettings(filepath.Join(h.dir(), "settings"), [][2]string{
		{"name", h.Name},
		{"tree", tree},
		{"cgroup", cgroup},
		{"lab_netns", h.lab.netns()},
		{"host_netns", h.netns()},
		{"veth", h.link()},
		// The same after every reboot, or the others would talk to the old one for a while.
		{"mac", fmt.Sprintf("02:77:00:00:%02x:%02x", h.lab.record.Subnet, 11+number)},
		{"address", h.Address},
		{"gateway", h.lab.gateway()},
		{"disk", spec.TmpfsPath},
	})
}

// seed returns a script that makes the common tree this host's: run once, inside it, before its first boot.
func (h *Host) seed() (string, error) {
	hostKey, err := os.ReadFile(h.hostKeyFile())
	if err != nil {
		return "", err
	}
	hostKeyPublic, err := os.ReadFile(h.hostKeyFile() + ".pub")
	if err != nil {
		return "", err
	}
	clientKey, err := os.ReadFile(h.KeyFile + ".pub")
	if err != nil {
		return "", err
	}
	var script strings.Builder
	_, _ = fmt.Fprintf(&script, "set -eu\numask 077\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\n")
	_, _ = fmt.Fprintf(&script, "printf %%s %s >/etc/ssh/ssh_host_ed25519_key\n", quote(string(hostKey)))
	_, _ = fmt.Fprintf(&script, "chpasswd <<'END'\ndba:%s\nEND\n", h.lab.record.Password)
	_, _ = fmt.Fprintf(&script, "for user in root admin dba; do\n\thome=$(getent passwd $user | cut -d: -f6)\n")
	_, _ = fmt.Fprintf(&script, "\tmkdir -p $home/.ssh\n\tprintf %%s %s >$home/.ssh/authorized_keys\n", quote(string(clientKey)))
	_, _ = fmt.Fprintf(&script, "\tchown -R $user: $home/.ssh\ndone\n")
	_, _ = fmt.Fprintf(&script, "umask 022\nprintf %%s %s >/etc/ssh/ssh_host_ed25519_key.pub\n", quote(string(hostKeyPublic)))
	_, _ = fmt.Fprintf(&script, "echo %s >/etc/hostname\n", h.Name)
	_, _ = fmt.Fprintf(&script, "printf '127.0.0.1\\tlocalhost\\n127.0.1.1\\t%s\\n' >/etc/hosts\n", h.Name)
	return script.String(), nil
}

package lab

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

//go:embed run
var runFiles embed.FS

// bootLimit bounds the wait for a host to answer. A host boots in two seconds; twelve at once, on a machine
// that is busy with other tests, in thirty.
const bootLimit = 2 * time.Minute

// Options say what lab to make.
type Options struct {
	// Name names the lab; "" makes one up. Small letters, digits and hyphens, 30 at most.
	Name string
	// Hosts are the hosts to boot, all at once. At most 200.
	Hosts []Spec
	// Keep leaves the lab up when this process ends, until somebody calls Down.
	Keep bool
	// Log is told what takes long. nil: nobody is.
	Log io.Writer
}

// Spec says what one host is to be.
type Spec struct {
	// Name is the host's name, such as node1.
	Name string
	// Flavour is what the host looks like to who logs in: debian (when it is ""); rhel, a Rocky Linux 9 as far as
	// Debian's packages go: bash as sh, rpm, dnf with small packages to install, firewalld, no python to be found;
	// busybox, whose sh and everyday tools are busybox's.
	Flavour string
	// Release is the Debian it runs: bookworm (when it is ""), bullseye or trixie. The other flavours are made of it too.
	Release string
	// Python puts python3 on the host, but for rhel. Hosts have none otherwise.
	Python bool
	// Packages are more Debian packages to have. Every set of them is a tree of its own, built once.
	Packages []string
	// TmpfsPath is where a file system of DiskMB megabytes is mounted, so that it can be filled. It keeps
	// what is on it while the lab is up, over reboots too. "": none.
	TmpfsPath string
	DiskMB    int
}

// Lab is a set of hosts on one network, which this machine is on as well.
type Lab struct {
	record   *record
	hosts    []*Host
	watchdog *watchdog // nil for a lab that is kept
}

var validName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?$`)

// New boots a lab for a test and removes it when the test ends. It skips the test as [Require] does.
func New(t testing.TB, o Options) *Lab {
	t.Helper()
	Require(t)
	if o.Log == nil {
		o.Log = testLog{t}
	}
	l, err := Start(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Down(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return l
}

// Start boots a lab and returns when all its hosts answer SSH. When it fails nothing is left of it, and
// the error ends with what the host in question had on its console.
func Start(ctx context.Context, o Options) (*Lab, error) {
	if missing := Missing(); missing != "" {
		return nil, fmt.Errorf("start a lab: %s", missing)
	}
	if o.Log == nil {
		o.Log = io.Discard
	}
	if err := Sweep(ctx); err != nil {
		return nil, err
	}
	trees, err := treesFor(ctx, o)
	if err != nil {
		return nil, err
	}
	l, err := reserve(o)
	if err != nil {
		return nil, err
	}
	if err := l.boot(ctx, o, trees); err != nil {
		return nil, errors.Join(fmt.Errorf("start lab %s: %w", l.record.Name, err), l.Down(context.WithoutCancel(ctx)))
	}
	return l, nil
}

// Open finds a lab that some process started and kept. Delays are not part of it: they end with the process
// that asked for them.
func Open(name string) (*Lab, error) {
	r, err := load(name)
	if err != nil {
		return nil, err
	}
	return newLab(r), nil
}

// Name returns the lab's name, for Open and Down.
func (l *Lab) Name() string { return l.record.Name }

// Hosts returns the lab's hosts in the order they were asked for.
func (l *Lab) Hosts() []*Host { return l.hosts }

// Host returns the host of that name, or nil.
func (l *Lab) Host(name string) *Host {
	for _, h := range l.hosts {
		if h.Name == name {
			return h
		}
	}
	return nil
}

// KnownHosts returns a known_hosts file with the keys of all hosts, under the addresses they are reached by.
func (l *Lab) KnownHosts() string { return filepath.Join(stateDir(l.record.Name), "known_hosts") }

// KeyFile returns the private key that opens the accounts root, admin and dba on all hosts.
func (l *Lab) KeyFile() string { return filepath.Join(stateDir(l.record.Name), "id_ed25519") }

// Password is dba's on all hosts, at login and for sudo. The other accounts have none.
func (l *Lab) Password() string { return l.record.Password }

// Delay makes [Host.ProxyAddress] of all hosts a way that takes rtt there and back.
func (l *Lab) Delay(rtt time.Duration) error {
	for _, h := range l.hosts {
		if err := h.Delay(rtt); err != nil {
			return err
		}
	}
	return nil
}

// Down ends the hosts and removes all that the lab put on the machine. A lab that is gone already is no error.
func (l *Lab) Down(ctx context.Context) error {
	for _, h := range l.hosts {
		h.closeProxy()
	}
	err := Down(ctx, l.record.Name)
	for _, h := range l.hosts {
		h.reap()
	}
	if l.watchdog != nil {
		err = errors.Join(err, l.watchdog.stop())
		l.watchdog = nil
	}
	return err
}

// Down removes the lab of that name, whoever started it.
func Down(ctx context.Context, name string) error {
	if !validName.MatchString(name) {
		return fmt.Errorf("remove lab %q: no lab is named so", name)
	}
	script := filepath.Join(stateDir(name), "run", "down.sh")
	if _, err := os.Stat(script); os.IsNotExist(err) {
		return nil
	}
	if err := run(ctx, "sh", script, stateDir(name)); err != nil {
		return fmt.Errorf("remove lab %s: %w", name, err)
	}
	return nil
}

// List names the labs on this machine.
func List() ([]string, error) {
	unlock, err := lockState()
	if err != nil {
		return nil, err
	}
	defer unlock()
	all, err := records()
	var names []string
	for _, r := range all {
		names = append(names, r.Name)
	}
	return names, err
}

// Sweep removes the labs whose processes are gone: killed in a way that even their watchdog did not
// survive, or ended with the machine.
func Sweep(ctx context.Context) error {
	unlock, err := lockState()
	if err != nil {
		return err
	}
	defer unlock()
	all, err := records()
	if err != nil {
		return err
	}
	for _, r := range all {
		if !r.Owner.alive() {
			err = errors.Join(err, Down(ctx, r.Name))
		}
	}
	return err
}

func lockState() (unlock func(), err error) { return lock(filepath.Join(stateRoot, "lock")) }

func newLab(r *record) *Lab {
	l := &Lab{record: r}
	for i := range r.Hosts {
		l.hosts = append(l.hosts, newHost(l, r.Hosts[i]))
	}
	return l
}

// treesFor returns each host's tree. Trees are there before anything of the lab is, for they take longest.
func treesFor(ctx context.Context, o Options) ([]string, error) {
	var trees []string
	for _, spec := range o.Hosts {
		extra := spec.Packages
		if spec.Python {
			extra = append([]string{"python3"}, extra...)
		}
		path, err := tree(ctx, spec.flavour(), spec.release(), extra, o.Log)
		if err != nil {
			return nil, err
		}
		trees = append(trees, path)
	}
	return trees, nil
}

func (s Spec) flavour() string {
	if s.Flavour == "" {
		return firstFlavour
	}
	return s.Flavour
}

func (s Spec) release() string {
	if s.Release == "" {
		return firstRelease
	}
	return s.Release
}

func (l *Lab) boot(ctx context.Context, o Options, trees []string) error {
	if !o.Keep {
		watchdog, err := startWatchdog(stateDir(l.record.Name))
		if err != nil {
			return err
		}
		l.watchdog = watchdog
	}
	if err := run(ctx, "sh", filepath.Join(stateDir(l.record.Name), "run", "up.sh"), stateDir(l.record.Name)); err != nil {
		return fmt.Errorf("make its network: %w", err)
	}
	for i, h := range l.hosts {
		if err := h.prepare(ctx, o.Hosts[i], trees[i], i); err != nil {
			return fmt.Errorf("prepare host %s: %w", h.Name, err)
		}
		if err := h.start(); err != nil {
			return err
		}
	}
	for _, h := range l.hosts {
		if err := h.Wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

// watchdog is a shell that removes the lab when this process is gone, however it went.
type watchdog struct {
	command *exec.Cmd
	held    io.WriteCloser // the shell waits for this to be closed, which the kernel does when nobody else can
}

func startWatchdog(state string) (*watchdog, error) {
	script := `cat >/dev/null; [ ! -e "$1" ] || exec sh "$1/run/down.sh" "$1"`
	command := exec.Command("sh", "-c", script, "polarbook-lab-watchdog", state)
	command.Dir = "/"
	detach(command)
	held, err := command.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start a watchdog: %w", err)
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start a watchdog: %w", err)
	}
	return &watchdog{command: command, held: held}, nil
}

func (w *watchdog) stop() error {
	_ = w.held.Close()
	if err := w.command.Wait(); err != nil {
		return fmt.Errorf("end the watchdog: %w", err)
	}
	return nil
}

// testLog passes what a lab says on to the test's log.
type testLog struct{ t testing.TB }

func (l testLog) Write(text []byte) (int, error) {
	l.t.Log(strings.TrimSuffix(string(text), "\n"))
	return len(text), nil
}

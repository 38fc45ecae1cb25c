package remote

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

// The lock fences the work. Whatever runs on a host for a run has a mark in the environment that it was started with,
// which every child inherits, whether it leaves its session or its parent. What loses its environment on the way (sudo,
// su -) is found as a child of what has it, in the session of what has it, and, where the holder of the lock can make
// one, in the run's control group. Services that systemd or another daemon starts on request have none of these.
//
// Whoever holds the lock on the host ends that work when the run went without a word: before it lets go, or when
// somebody comes to a lock whose holder is gone, before he gets it. A run that ends in good order says so, and what it
// left in the background on purpose stays.
//
// A job outlives the connection on purpose: it has its mark in POLARBOOK_JOB, and its run takes it up again with the next
// connection. When another run locks the host, its own is gone, and the job is ended as other work is. One whose mark is free is
// nobody's.

// markVariable names the mark: of the run and, after a hyphen, of the connection.
const markVariable = "POLARBOOK_RUN"

// answerPatience bounds how long a host may take to confirm that our lock stands.
const answerPatience = 15 * time.Second

// uncutLimit is for how long a host waits for what must not be cut of a run that is gone.
const uncutLimit = 10 * time.Minute

// markOf is the mark of a run's connection.
func markOf(run string) string {
	if run == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(run))
	return hex.EncodeToString(sum[:8]) + "-" + randomHex()[:12]
}

// markedShell is the command that turns a process into the wanted sh, marked.
func markedShell(mark string) string {
	if mark == "" {
		return "exec /bin/sh"
	}
	return "exec env " + markVariable + "=" + mark + " /bin/sh"
}

// uncut has the host know, while the script runs, that it must not be cut and what it is.
func (c Command) uncut(h *Host) Command {
	dir := h.lockedIn.Load()
	if c.Uncut == "" || dir == nil || h.mark == "" {
		return c
	}
	file := Quote(lockFile(*dir)) + ".uncut.$$"
	c.Script = fmt.Sprintf("printf '%%s %%s\\n' %s %s 2>/dev/null >%s\n(\neval %s\n)\nset -- $?\nrm -f %s\nexit $1\n",
		h.mark, quoteAlways(oneLine(c.Uncut)), file, quoteAlways(c.Script), file)
	return c
}

// fenceFunctions defines polarbook_fence SECONDS.
var fenceFunctions = scriptText("fence")

// LostLockError means that this side was away (stopped, or its machine asleep) and that the host has let go of its lock
// in the meantime, or does not say that it has not.
type LostLockError struct{ Host string }

func (e *LostLockError) Error() string {
	return e.Host + ": this run was away, and its lock is gone or the host does not answer for it"
}

// pulse is a moment, and how long ago it was by any of our clocks: the one stands still while a laptop sleeps, the other
// may be set.
type pulse struct{ at atomic.Pointer[time.Time] }

func (p *pulse) beat() {
	now := time.Now()
	p.at.Store(&now)
}

func (p *pulse) age() time.Duration {
	now, then := time.Now(), *p.at.Load()
	return max(now.Sub(then), now.Round(0).Sub(then.Round(0)))
}

// look sees to it that nothing is sent to a host after this side was away before the lock was looked at. It costs nothing
// as long as it was not.
func (h *Host) look() error {
	if l := h.fence.Load(); l != nil && l.pulse.age() > l.patience {
		return l.ask()
	}
	return nil
}

// ask has the holder on the host confirm that it holds the lock.
func (l *Lock) ask() error {
	l.asking.Lock()
	defer l.asking.Unlock()
	if l.pulse.age() <= l.patience {
		return nil
	}
	if l.away.Load() {
		return &LostLockError{l.host.Name()}
	}
	select {
	case <-l.answers: // an old one
	default:
	}
	late := time.NewTimer(answerPatience)
	defer late.Stop()
	go func() { _, _ = l.session.channel.Write([]byte("?\n")) }()
	select {
	case <-l.answers:
		l.pulse.beat()
		return nil
	case <-l.session.closed: // released by ourselves
		return nil
	case <-l.ended:
	case <-l.host.done:
	case <-late.C:
	}
	l.away.Store(true)
	err := &LostLockError{l.host.Name()}
	l.host.lose(err)
	return err
}

// fencedChannel sends nothing before the lock was looked at.
type fencedChannel struct {
	ssh.Channel
	host *Host
}

func (c fencedChannel) Write(b []byte) (int, error) {
	if err := c.host.look(); err != nil {
		return 0, err
	}
	return c.Channel.Write(b)
}

// orderedChannel lets one at a time write to it or end its input, which the library's own does not. Its input may be ended
// while somebody else still writes: what is written afterwards is refused.
type orderedChannel struct {
	ssh.Channel
	input sync.Mutex
}

func (c *orderedChannel) Write(b []byte) (int, error) {
	c.input.Lock()
	defer c.input.Unlock()
	return c.Channel.Write(b)
}

func (c *orderedChannel) CloseWrite() error {
	c.input.Lock()
	defer c.input.Unlock()
	return c.Channel.CloseWrite()
}

// unfenced is the channel that asks.
func unfenced(c ssh.Channel) ssh.Channel {
	if f, ok := c.(fencedChannel); ok {
		return f.Channel
	}
	return c
}

// join has the holder of the lock take a shell into the run's control group.
func (h *Host) join(pid int) {
	if l := h.fence.Load(); l != nil {
		go func() { _, _ = fmt.Fprintf(l.session.channel, "join %d\n", pid) }()
	}
}

// letJobsOut has the holder of the lock note that there are jobs, and take them out of the run's control group, which those of other
// users than root cannot leave by themselves.
func (h *Host) letJobsOut() {
	if l := h.fence.Load(); l != nil {
		go func() { _, _ = l.session.channel.Write([]byte("jobs\n")) }()
	}
}

// joining returns the beginning of a shell's script that may join the run's control group by itself, as root's may: before it starts
// anything, and at no cost.
func (h *Host) joining() string {
	l := h.fence.Load()
	if l == nil || l.cgroup == "" {
		return ""
	}
	return "{ echo $$ >" + Quote(l.cgroup+"/cgroup.procs") + "; } 2>/dev/null\n"
}

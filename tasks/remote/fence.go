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

// markVariable names the mark: of the run and, after a hyphen, of the connection.
const markVariable = "POLARBOOK_RUN"

// answerPatience is for how long a host that has to say that our lock stands may take.
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

// fenceFunctions defines polarbook_fence SECONDS, which ends the work whose mark begins with $old. It wants the lock's
// file in $f, the run's control group, if any, in $cg, and what to print before news in $say; "" is for silence. What
// must not be cut gets SECONDS to end by itself. 1: it has not ended.
//
// GNU grep looks at all environments in one process; other greps see an environment only up to its first NUL, but the
// shells that come with them read over those.
const fenceFunctions = `polarbook_work() {
t=' '
case $(grep --version 2>/dev/null) in
*GNU*)
for p in $(grep -l "POLARBOOK_RUN=$old" /proc/[0-9]*/environ 2>/dev/null); do
p=${p#/proc/}
t="$t${p%/environ} "
done
;;
*)
for p in /proc/[0-9]*; do
while read -r e || [ -n "$e" ]; do
case $e in *"POLARBOOK_RUN=$old"*) t="$t${p#/proc/} "; break ;; esac
done <"$p/environ"
done 2>/dev/null
;;
esac
if [ -n "$cg" ] && [ -r "$cg/cgroup.procs" ]; then
while read -r p; do t="$t$p "; done <"$cg/cgroup.procs"
fi
l= sids=' '
for e in /proc/[0-9]*/stat; do
{ read -r s <"$e"; } 2>/dev/null || continue
p=${s%% *}
s=${s##*) }
set -- $s
[ "$1" != Z ] && [ "$p" != 1 ] && [ "$4" != "$sid" ] && l="$l $p:$2:$4"
done
again=1
while [ $again = 1 ]; do
again=0
for e in $l; do
p=${e%%:*} e=${e#*:}
s=${e#*:}
case $t in
*" $p "*) ;;
*)
case $t in *" ${e%:*} "*) t="$t$p "; again=1 ;; *)
case $sids in *" $s "*) t="$t$p "; again=1 ;; *) continue ;; esac
esac
;;
esac
case $sids in *" $s "*) ;; *) sids="$sids$s " again=1 ;; esac
done
done
u=' ' what=
for e in "$f".uncut.*; do
{ read -r m s <"$e"; } 2>/dev/null || continue
case $m in "$old"*) ;; *) continue ;; esac
p=${e##*.}
case $l in
*" $p:"*)
u="$u$p " what=$s
;;
*) rm -f "$e" ;;
esac
done
again=1
[ "$u" != ' ' ] || again=0
while [ $again = 1 ]; do
again=0
for e in $l; do
p=${e%%:*} e=${e#*:}
case $u in *" $p "*) continue ;; esac
case $u in *" ${e%:*} "*) u="$u$p "; again=1 ;; esac
done
done
alive=
for e in $l; do
p=${e%%:*}
case $t in *" $p "*) ;; *) continue ;; esac
case $u in *" $p "*) continue ;; esac
alive="$alive $p"
done
}
polarbook_fence() {
{ read -r s </proc/$$/stat; } 2>/dev/null
set -- "$1" ${s##*) }
sid=$5 told=' ' said= n=0 began=$(date +%s)
printf 'ending=1\n' >"$f.waits"
while :; do
polarbook_work
[ -n "$alive$what" ] || break
if [ -n "$alive" ]; then
n=$((n + 1))
pause=0.$n
if [ $n -gt 6 ]; then
kill -KILL $alive
[ $n -lt 40 ] || break
pause=0.3
else
for p in $alive; do
case $told in *" $p "*) continue ;; esac
told="$told$p "
kill -TERM $p
done
fi 2>/dev/null
sleep $pause
continue
fi
if [ "$what" != "$said" ]; then
said=$what
printf 'ending=1\nwaits=%s\n' "$what" >"$f.waits"
[ -z "$say" ] || printf '%s %s\n' "$say" "$what"
fi
if [ $(($(date +%s) - began)) -ge $1 ]; then
[ $1 != 0 ] || return 1
rm -f "$f".uncut.*
continue
fi
sleep 0.5
done
rm -f "$f.waits"
}
`

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

// ask has the holder on the host say that it holds the lock.
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

// joining is what a shell begins with that may join the run's control group by itself, as root's may: before it starts
// anything, and at no cost.
func (h *Host) joining() string {
	l := h.fence.Load()
	if l == nil || l.cgroup == "" {
		return ""
	}
	return "{ echo $$ >" + Quote(l.cgroup+"/cgroup.procs") + "; } 2>/dev/null\n"
}

// cgroupScript makes the run's control group below our own where that can be done, and leaves it in $cg: the unified
// hierarchy, or the freezer, which systemd leaves alone. A group below that of the login keeps the login's session.
const cgroupScript = `cg=
own=$(sed -n 's/^0:://p' /proc/self/cgroup 2>/dev/null)
if [ -f /sys/fs/cgroup/cgroup.procs ]; then
cg=/sys/fs/cgroup${own%/}/polarbook-$mark
elif [ -f /sys/fs/cgroup/freezer/cgroup.procs ]; then
cg=/sys/fs/cgroup/freezer/polarbook-$mark
fi
[ -z "$cg" ] || mkdir "$cg" 2>/dev/null || cg=
`

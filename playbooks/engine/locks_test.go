package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/playbooks/engine/event"
	"github.com/polarbook/polarbook/playbooks/engine/session"
	"github.com/polarbook/polarbook/tasks/remote"
)

// lockTable stands in for the hosts' locks; all benches of a test share it.
type lockTable struct {
	mu     sync.Mutex
	held   map[string]*fakeLock
	tries  int
	refuse error
	as     []remote.Become
}

type fakeLock struct {
	away   bool
	table  *lockTable
	host   string
	holder remote.Holder
	lost   chan struct{}
	once   sync.Once
}

func (l *fakeLock) Lost() <-chan struct{} { return l.lost }

func (l *fakeLock) Away() bool { return l.away }

func (l *fakeLock) Release() {
	l.once.Do(func() {
		l.table.mu.Lock()
		defer l.table.mu.Unlock()
		if l.table.held[l.host] == l {
			delete(l.table.held, l.host)
		}
		close(l.lost)
	})
}

func (t *lockTable) lock(host string, r remote.LockRequest) (session.Held, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tries++
	t.as = append(t.as, r.Become)
	if t.refuse != nil {
		return nil, t.refuse
	}
	if l := t.held[host]; l != nil && l.holder.Run != r.Replaces {
		return nil, &remote.LockedError{Host: host, Holder: l.holder}
	}
	l := &fakeLock{table: t, host: host, holder: r.Holder, lost: make(chan struct{})}
	t.held[host] = l
	return l, nil
}

func (t *lockTable) of(host string) *fakeLock {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.held[host]
}

func (t *lockTable) hosts() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return fmt.Sprint(slices.Sorted(maps.Keys(t.held)))
}

// lockableConn is a connection whose lock goes with it.
type lockableConn struct {
	*fakeConn
	table *lockTable
	mine  []session.Held
}

func (c *lockableConn) Lock(_ context.Context, r remote.LockRequest) (session.Held, error) {
	l, err := c.table.lock(c.name, r)
	if err == nil {
		c.mine = append(c.mine, l)
	}
	return l, err
}

func (c *lockableConn) Close() error {
	err := c.fakeConn.Close()
	for _, l := range c.mine {
		l.Release()
	}
	return err
}

func newLockTable() *lockTable { return &lockTable{held: map[string]*fakeLock{}} }

// lockBench is a bench whose runs lock.
func lockBench(t *testing.T, table *lockTable, hosts ...string) *bench {
	b := newBench(t, hosts...)
	b.o.Forks, b.o.Lock = 5, &session.Locking{User: "anna@laptop"}
	b.o.Connect = func(ctx context.Context, c remote.Config) (session.Connection, error) {
		conn, err := b.connect(ctx, c)
		if err != nil {
			return nil, err
		}
		return &lockableConn{fakeConn: conn.(*fakeConn), table: table}, nil
	}
	return b
}

// by puts somebody else's lock on a host.
func (t *lockTable) by(host, run string, since time.Time) *fakeLock {
	l, err := t.lock(host, remote.LockRequest{Holder: remote.Holder{User: "bert@desk", Playbook: "drop-node.yml", Run: run, Since: since}})
	if err != nil {
		panic(err)
	}
	return l.(*fakeLock)
}

const twoPlays = `
- hosts: a
  gather_facts: false
  tasks:
    - echo: "{{ 1 + 1 }}"
- hosts: all
  gather_facts: false
  tasks:
    - echo: two
`

func TestAllHostsAreLockedBeforeTheFirstTaskAndFreeAfterTheLast(t *testing.T) {
	table := newLockTable()
	b := lockBench(t, table, "a", "b", "c")
	seen := ""
	b.o.Listeners = append(b.o.Listeners, listenerFunc(func(e event.Event) {
		if _, ok := e.(event.TaskStarted); ok && seen == "" {
			seen = table.hosts()
		}
	}))
	_, err := b.run(twoPlays)
	b.wantKind(err, 0)
	if seen != "[a b c]" {
		t.Errorf("at the first task %s were locked", seen)
	}
	if table.hosts() != "[]" {
		t.Errorf("%s are left locked", table.hosts())
	}
	if table.tries != 3 || table.as[0].Method != "sudo" || table.as[0].User != "root" {
		t.Errorf("%d tries, as %+v", table.tries, table.as)
	}
}

func TestCheckModeLocksNothing(t *testing.T) {
	table := newLockTable()
	table.by("a", "other", time.Now())
	b := lockBench(t, table, "a", "b")
	b.o.Check = true
	_, err := b.run(twoPlays)
	b.wantKind(err, 0)
	if table.tries != 1 {
		t.Errorf("%d tries", table.tries)
	}
}

func TestOneLockedHostStopsTheRunAndFreesTheRest(t *testing.T) {
	table := newLockTable()
	since := time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local)
	table.by("b", "r7", since)
	table.by("c", "r7", since)
	b := lockBench(t, table, "a", "b", "c")
	_, err := b.run(twoPlays)
	b.wantKind(err, Locked)
	want := "b and c are locked by bert@desk, who runs drop-node.yml since 2026-01-02 03:04:05 (run r7)"
	if err == nil || err.Error() != want {
		t.Errorf("%v, not %s", err, want)
	}
	if table.hosts() != "[b c]" {
		t.Errorf("%s are locked", table.hosts())
	}
	if strings.Contains(b.rec.text(), "task") {
		t.Errorf("tasks were run:\n%s", b.rec.text())
	}
}

func TestWaitingForALock(t *testing.T) {
	table := newLockTable()
	other := table.by("b", "r7", time.Now().Add(-time.Hour))
	b := lockBench(t, table, "a", "b")
	b.o.Lock.Wait = 40 * time.Second
	b.o.Listeners = append(b.o.Listeners, listenerFunc(func(e event.Event) {
		if said, ok := e.(event.HostSaid); ok && strings.Contains(said.Line, "waiting") {
			if table.hosts() != "[b]" {
				t.Errorf("it waits and holds %s", table.hosts())
			}
			other.Release()
		}
	}))
	_, err := b.run(twoPlays)
	b.wantKind(err, 0)
}

func TestTheElderOfTwoThatBeginAtOnceGoesOn(t *testing.T) {
	table := newLockTable()
	younger := table.by("b", "r7", time.Now().Add(time.Hour))
	time.AfterFunc(500*time.Millisecond, younger.Release)
	b := lockBench(t, table, "a", "b")
	_, err := b.run(twoPlays)
	b.wantKind(err, 0)
}

func TestAYoungerThatStaysKeepsTheElderOut(t *testing.T) {
	table := newLockTable()
	table.by("b", "r7", time.Now().Add(time.Hour)) // its clock is wrong, or we were slow
	b := lockBench(t, table, "a", "b")
	_, err := b.run(twoPlays)
	b.wantKind(err, Locked)
	if table.hosts() != "[b]" {
		t.Errorf("%s are locked", table.hosts())
	}
}

func TestALockThatIsClearedStopsTheRun(t *testing.T) {
	table := newLockTable()
	b := lockBench(t, table, "a", "b")
	b.o.Listeners = append(b.o.Listeners, listenerFunc(func(e event.Event) {
		if d, ok := e.(event.HostDone); ok && d.Host == "a" && d.Status == event.OK && table.of("a") != nil {
			table.of("a").Release()
		}
	}))
	report, err := b.run(`
- hosts: all
  gather_facts: false
  tasks:
    - echo: one
    - pause: {seconds: 50}
    - echo: never
`)
	b.wantKind(err, Locked)
	if err == nil || !strings.Contains(err.Error(), "the lock on a was cleared or lost") {
		t.Error(err)
	}
	if report.Elapsed > 30*time.Second || strings.Contains(b.rec.text(), "never") {
		t.Errorf("it went on for %s:\n%s", report.Elapsed, b.rec.text())
	}
}

func TestTheLockIsTakenAgainWithANewConnection(t *testing.T) {
	playbook := `
- hosts: a
  gather_facts: false
  tasks:
    - shell: ": LOSE"
      ignore_unreachable: true
    - shell: "true"
    - echo: on
`
	table := newLockTable()
	b := lockBench(t, table, "a")
	again := ""
	b.o.Listeners = append(b.o.Listeners, listenerFunc(func(e event.Event) {
		if d, ok := e.(event.HostDone); ok && d.Status == event.Changed {
			again = table.hosts()
		}
	}))
	_, err := b.run(playbook)
	b.wantKind(err, 0)
	if again != "[a]" || table.tries != 2 {
		t.Errorf("%s are locked after %d tries", again, table.tries)
	}

	// Somebody was faster.
	table = newLockTable()
	b = lockBench(t, table, "a")
	b.o.Listeners = append(b.o.Listeners, listenerFunc(func(e event.Event) {
		if d, ok := e.(event.HostDone); ok && d.Status == event.Ignored {
			table.of("a").Release()
			table.by("a", "r7", time.Now())
		}
	}))
	_, err = b.run(playbook)
	b.wantKind(err, Locked)
	if strings.Contains(b.rec.text(), "on\n") {
		t.Errorf("it went on:\n%s", b.rec.text())
	}
}

func TestHostsThatCannotBeLockedOrReached(t *testing.T) {
	table := newLockTable()
	table.refuse = &remote.BecomeError{Host: "a", Method: "sudo", User: "root", Err: remote.ErrNoPassword}
	b := lockBench(t, table, "a", "b")
	tries := 0
	connect := b.o.Connect
	b.o.Connect = func(ctx context.Context, c remote.Config) (session.Connection, error) {
		if c.Name == "b" {
			tries++
			return nil, &remote.UnreachableError{Host: "b", Doing: "connect", Err: errors.New("refused")}
		}
		return connect(ctx, c)
	}
	said := 0
	b.o.Listeners = append(b.o.Listeners, listenerFunc(func(e event.Event) {
		if s, ok := e.(event.HostSaid); ok && strings.Contains(s.Line, "not locked") {
			said++
		}
	}))
	_, err := b.run(twoPlays)
	b.wantKind(err, HostUnreachable)
	if said != 1 || table.tries != 1 || tries != 1 {
		t.Errorf("said %d times after %d tries; b was tried %d times", said, table.tries, tries)
	}
	if got := b.rec.text(); strings.Count(got, "b unreachable:") != 1 || !strings.Contains(got, "a ok: two") {
		t.Error(got)
	}
}

func TestTheLockOfADeadRunIsTakenOver(t *testing.T) {
	table := newLockTable()
	table.by("a", "dead", time.Now())
	table.by("b", "alive", time.Now().Add(-time.Hour))
	b := lockBench(t, table, "a", "b")
	b.o.Lock.Dead = func(run string) bool { return run == "dead" }
	_, err := b.run(twoPlays)
	b.wantKind(err, Locked)
	if table.hosts() != "[b]" {
		t.Errorf("%s are locked", table.hosts())
	}
	table.of("b").Release()
	table.by("a", "dead", time.Now())
	_, err = b.run(twoPlays)
	b.wantKind(err, 0)
}

func TestOneMachineUnderTwoNamesIsLockedOnce(t *testing.T) {
	table := newLockTable()
	b := lockBench(t, table, "a", "b")
	connect := b.o.Connect
	b.o.Connect = func(ctx context.Context, c remote.Config) (session.Connection, error) {
		conn, err := connect(ctx, c)
		if err == nil {
			conn.(*lockableConn).name = "the machine"
		}
		return conn, err
	}
	_, err := b.run(twoPlays)
	b.wantKind(err, 0)
	if table.hosts() != "[]" {
		t.Errorf("%s are left locked", table.hosts())
	}
}

// TestWhatAPlaybookLocks holds that a run of playbooks that lock nothing goes on beside others, and that one among them that
// locks has the hosts of all locked.
func TestWhatAPlaybookLocks(t *testing.T) {
	const reads = "# Looks.\n#\n# Locks: nothing.\n- hosts: all\n  gather_facts: false\n  tasks:\n    - echo: looked\n"
	for name, c := range map[string]struct {
		books []string
		kind  Kind
		tries int
	}{
		"reads":          {[]string{"reads.yml"}, 0, 0},
		"writes":         {[]string{"writes.yml"}, Locked, 1},
		"one after both": {[]string{"reads.yml", "writes.yml"}, Locked, 1},
	} {
		t.Run(name, func(t *testing.T) {
			table := newLockTable()
			table.by("a", "other", time.Now().Add(-time.Hour))
			table.tries = 0
			b := lockBench(t, table, "a")
			b.load.Builtin = fstest.MapFS{"reads.yml": {Data: []byte(reads)},
				"writes.yml": {Data: []byte(strings.Replace(reads, "# Locks: nothing.\n", "", 1))}}
			for _, name := range c.books {
				book, err := playbooks.Load(name, b.load)
				if err != nil {
					t.Fatal(err)
				}
				b.o.Playbooks = append(b.o.Playbooks, book)
			}
			_, err := Run(t.Context(), b.o)
			b.wantKind(err, c.kind)
			if table.tries != c.tries {
				t.Errorf("%d tries to lock, want %d", table.tries, c.tries)
			}
		})
	}
}

type listenerFunc func(event.Event)

func (f listenerFunc) Event(e event.Event) { f(e) }

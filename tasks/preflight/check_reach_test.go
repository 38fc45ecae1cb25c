package preflight

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/tasks/polardb"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

// TestClassify: what sshd says of a connection that did not come about. The words after "connect failed" are those of
// strerror(3), which channels.c of OpenSSH sends.
func TestClassify(t *testing.T) {
	channel := func(reason ssh.RejectionReason, words string) error {
		return fmt.Errorf("node1: forwarding to tcp 10.0.0.2:5432: %w", &ssh.OpenChannelError{Reason: reason, Message: words})
	}
	for _, c := range []struct {
		err  error
		want outcome
	}{
		{fmt.Errorf("node1: connecting from the host to 10.0.0.2:5432: %w", syscall.ECONNREFUSED), refused},
		{channel(ssh.ConnectionFailed, "Connection refused"), refused},
		{channel(ssh.ConnectionFailed, "Connection timed out"), timedOut},
		{channel(ssh.ConnectionFailed, "No route to host"), noRoute},
		{channel(ssh.ConnectionFailed, "Network is unreachable"), noRoute},
		{channel(ssh.ConnectionFailed, "open failed"), failedFast}, // OpenSSH 9.2 where the route is "unreachable"
		{channel(ssh.ConnectionFailed, ""), failedSome},
		{channel(ssh.Prohibited, "open failed"), prohibited},
		{channel(ssh.Prohibited, "Connection refused"), prohibited},
		{fmt.Errorf("dial: %w", context.DeadlineExceeded), timedOut},
		{&net.OpError{Op: "dial", Err: syscall.EHOSTUNREACH}, noRoute},
		{&net.OpError{Op: "dial", Err: syscall.ENETUNREACH}, noRoute},
		{&net.OpError{Op: "dial", Err: syscall.ETIMEDOUT}, timedOut},
		{errors.New("ssh: disconnect"), failedSome},
	} {
		if got := classify(c.err); got != c.want {
			t.Errorf("%v: %s, want %s", c.err, got, c.want)
		}
	}
}

func TestJudge(t *testing.T) {
	node := func(client, voting outcome) reach {
		return reach{
			Name:    "node2",
			Address: dma.Address{Host: "10.0.0.2", Port: 5432},
			Client:  attemptedDial{client, "what sshd said"},
			Voting:  attemptedDial{voting, "what sshd said"},
		}
	}
	for _, c := range []struct {
		client, voting outcome
		want           checkStatus
		found, fix     string
	}{
		{connected, connected, statusPass, "10.0.0.2:5432 connected; 10.0.0.2:15432 connected", ""},
		{connected, refused, statusPass, "15432 refused", ""},
		{connected, timedOut, statusFail, "15432 no answer", "Open 5432 and 15432"},
		{noRoute, refused, statusFail, "5432 unreachable", "Open 5432 and 15432"},
		{failedSome, refused, statusWarn, "what sshd said", "nc -vz 10.0.0.2 5432"},
		{failedSome, timedOut, statusFail, "no answer", "Open 5432 and 15432"},
		{failedFast, failedFast, statusFail, "failed at once", "ip route get 10.0.0.2"},
		{prohibited, refused, statusFail, "sshd does not forward", "PermitOpen"},
	} {
		got := judge(node(c.client, c.voting), true, false)
		if got.Status != c.want || !strings.Contains(got.Found, c.found) || !strings.Contains(got.Fix, c.fix) ||
			(c.want == statusPass) != (got.Fix == "") {
			t.Errorf("%s, %s: %+v", c.client, c.voting, got)
		}
	}
}

// TestJudgeOwnAddress: two nodes of one host, the other of which does not run yet.
func TestJudgeOwnAddress(t *testing.T) {
	p := reach{
		Name:    "node2",
		Address: dma.Address{Host: "10.0.0.2", Port: 5433},
		Client:  attemptedDial{Outcome: failedFast},
		Voting:  attemptedDial{Outcome: failedFast},
	}
	if got := judge(p, true, true); got.Status != statusPass {
		t.Errorf("%+v", got)
	}
}

// TestReachWithoutForwarding: when sshd forwards nothing, that is the one thing to be told.
func TestReachWithoutForwarding(t *testing.T) {
	asked := demoAsked()
	asked.Forward.Client.Outcome = prohibited
	for i := range asked.Peers {
		asked.Peers[i].Client.Outcome, asked.Peers[i].Voting.Outcome = prohibited, prohibited
	}
	var r checkRows
	r.reachability(asked, nil)
	failed := r.with(statusFail)
	if len(failed) != 1 || !strings.Contains(failed[0].Fix, "AllowTcpForwarding") || len(r) != 3 {
		t.Errorf("got %+v", r)
	}
}

// dialing is a host that records what is dialed.
type dialing struct {
	taskstest.LocalHost
	mu            sync.Mutex
	dialed        []string
	now, most     atomic.Int32
	busy          chan struct{} // closed when as many are dialing as there may be
	answer        func(address string) error
	closeBusyOnce sync.Once
}

func (d *dialing) Dial(ctx context.Context, _, address string) (net.Conn, error) {
	n := d.now.Add(1)
	defer d.now.Add(-1)
	for {
		m := d.most.Load()
		if n <= m || d.most.CompareAndSwap(m, n) {
			break
		}
	}
	if n == dialsAtOnce {
		d.closeBusyOnce.Do(func() { close(d.busy) })
	}
	select {
	case <-d.busy:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	d.mu.Lock()
	d.dialed = append(d.dialed, address)
	d.mu.Unlock()
	if err := d.answer(address); err != nil {
		return nil, err
	}
	ours, theirs := net.Pipe()
	theirs.Close()
	return ours, nil
}

// TestTryPeers: every other member is tried at both ports, four at a time, and sshd with a port that is listened on.
func TestTryPeers(t *testing.T) {
	var nodes []polardb.WantedNode
	for i, name := range []string{"here", "b", "c", "d", "e"} {
		nodes = append(nodes, polardb.WantedNode{Name: name, Address: dma.Address{Host: fmt.Sprintf("10.0.0.%d", i+1), Port: 5432}})
	}
	h := &dialing{busy: make(chan struct{}), answer: func(address string) error {
		if strings.HasPrefix(address, "10.0.0.3") {
			return syscall.ECONNREFUSED
		}
		return nil
	}}
	forward, peers := tryPeers(t.Context(), h, 5432, []int{8080, 22}, nodes)
	if forward.Client.Outcome != connected || forward.Address.Port != 22 {
		t.Errorf("sshd was tried with %+v", forward)
	}
	if len(h.dialed) != 9 || h.most.Load() != dialsAtOnce {
		t.Errorf("%d at once, dialed %v", h.most.Load(), h.dialed)
	}
	for _, p := range peers {
		want := connected
		if p.Name == "c" {
			want = refused
		}
		if p.Name == "here" || p.Client.Outcome != want || p.Voting.Outcome != want {
			t.Errorf("%+v, want %s", p, want)
		}
	}
	for listening, port := range map[[2]int]int{{0, 0}: 5432, {5432, 22}: 5432, {8080, 9090}: 8080} {
		quick := &dialing{busy: make(chan struct{}), answer: func(string) error { return nil }}
		close(quick.busy)
		quick.closeBusyOnce.Do(func() {})
		if forward, _ := tryPeers(t.Context(), quick, 5432, listening[:], nil); forward.Address.Port != port && listening[0] != 0 {
			t.Errorf("of %v, %d was tried", listening, forward.Address.Port)
		}
	}
}

func TestOffset(t *testing.T) {
	before := time.Unix(1700000000, 0)
	for _, c := range []struct {
		answer       string
		trip         time.Duration
		ahead, error time.Duration
	}{
		{"1700000000.000000000", 0, 0, 0},
		{"1700000000.050000000", 100 * time.Millisecond, 0, 50 * time.Millisecond},
		{"1700000003.050000000", 100 * time.Millisecond, 3 * time.Second, 50 * time.Millisecond},
		{"1699999990.000000001", 0, -10*time.Second + 1, 0},
		{"1700000000.%N", 0, 500 * time.Millisecond, 500 * time.Millisecond},
		{"1700000000", 2 * time.Second, -500 * time.Millisecond, 1500 * time.Millisecond},
	} {
		got, err := offset(c.answer, before, c.trip)
		if err != nil || !got.Asked || got.Offset != c.ahead || got.Error != c.error {
			t.Errorf("%s in %s: %+v, %v", c.answer, c.trip, got, err)
		}
	}
	for _, answer := range []string{"", "date: invalid", "12x.5"} {
		if _, err := offset(answer, before, 0); err == nil {
			t.Errorf("%q is taken for a time", answer)
		}
	}
}

// lagging is a shell whose clock is ahead, and whose answers take ever longer.
type lagging struct {
	taskstest.LocalHost
	ahead time.Duration
	asked int
}

func (l *lagging) Run(_ context.Context, c remote.Command) (remote.Result, error) {
	now := time.Now().Add(l.ahead)
	time.Sleep(time.Duration(l.asked) * 20 * time.Millisecond)
	l.asked++
	return remote.Result{Stdout: fmt.Appendf(nil, "%d.%09d\n", now.Unix(), now.Nanosecond())}, nil
}

// TestMeasureClock: the truth lies within the error that is given.
func TestMeasureClock(t *testing.T) {
	for _, ahead := range []time.Duration{0, time.Minute, -time.Minute} {
		got, err := measureClock(t.Context(), &lagging{ahead: ahead})
		if err != nil {
			t.Fatal(err)
		}
		if wrong := (got.Offset - ahead).Abs(); wrong > got.Error {
			t.Errorf("%s ahead was measured as %s", ahead, got)
		}
	}
}

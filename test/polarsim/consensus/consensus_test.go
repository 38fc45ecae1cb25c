package consensus

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"testing"
	"time"
)

// member is one node of a test cluster with what it applied.
type member struct {
	t         *testing.T
	address   string
	directory string
	mu        sync.Mutex
	node      *Node
	applied   []string
	timeout   time.Duration // of an election, when not the usual one
}

const timeout = 400 * time.Millisecond

var given sync.Map // the ports of all members

// freeAddress returns an address that is free, and stays so while the member at it is stopped: its port is below those of which the
// kernel gives one to each connection, the other members' among them.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		port := fmt.Sprint(16000 + rand.IntN(16000))
		if _, twice := given.LoadOrStore(port, true); twice {
			continue
		}
		if l, err := net.Listen("tcp", ":"+port); err == nil {
			_ = l.Close()
			return "127.0.0.1:" + port
		}
	}
	t.Fatal("no port is free")
	return ""
}

func newMembers(t *testing.T, count int) []*member {
	t.Helper()
	var out []*member
	list := ""
	for i := range count {
		out = append(out, &member{t: t, address: freeAddress(t), directory: t.TempDir()})
		if i > 0 {
			list += ";"
		}
		list += out[i].address
	}
	for i, m := range out {
		if _, err := InitMembers(m.directory, fmt.Sprintf("%s@%d", list, i+1), 0, false); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(m.stop)
	}
	return out
}

// start forgets what was applied: the log brings it back.
func (m *member) start() {
	m.t.Helper()
	m.mu.Lock()
	m.applied = nil
	m.mu.Unlock()
	node, err := Start(Config{
		Directory: m.directory, ElectionTimeout: cmp.Or(m.timeout, timeout), ChangeTimeout: func() time.Duration {
			return 2 * time.Second
		}, ElectionDelay: func() time.Duration { return 0 },
		Apply: func(e Entry) {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.applied = append(m.applied, string(e.Data))
		},
		CanReceive: func() bool { return true }, Logf: func(string, ...any) {},
	})
	if err != nil {
		m.t.Fatal(err)
	}
	m.node = node
}

func (m *member) stop() {
	if m.node != nil {
		m.node.Stop()
		m.node = nil
	}
}

func (m *member) data() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.applied...)
}

func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func leaderOf(members []*member) *member {
	var found *member
	var term int64
	for _, m := range members {
		if m.node == nil {
			continue
		}
		if s := m.node.Status(); s.LeaderReady && s.Term > term {
			found, term = m, s.Term
		}
	}
	return found
}

// weightOf returns the weight of other as m knows it.
func (m *member) weightOf(other *member) int {
	meta := m.node.Status().Meta
	return meta.weight(other.address)
}

func awaitLeader(t *testing.T, members []*member) *member {
	t.Helper()
	var found *member
	await(t, "a leader", func() bool { found = leaderOf(members); return found != nil })
	return found
}

func (m *member) propose(text string, limit time.Duration) error {
	data, err := json.Marshal(text)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	index, err := m.node.Propose(ctx, data)
	if err != nil {
		return err
	}
	want := string(data)
	for ctx.Err() == nil {
		if s := m.node.Status(); s.Applied >= index {
			for _, got := range m.data() {
				if got == want {
					return nil
				}
			}
			return errors.New("another entry took its place")
		}
		time.Sleep(2 * time.Millisecond)
	}
	return ctx.Err()
}

// Whatever dies in whatever order, what was acknowledged stays, in the same order everywhere, and no term has two
// leaders.
func TestAcknowledgedSurvives(t *testing.T) {
	members := newMembers(t, 3)
	for _, m := range members {
		m.start()
	}
	random := rand.New(rand.NewPCG(1, 2))
	leaders := map[int64]string{}
	var acknowledged []string
	for round := range 12 {
		leader := awaitLeader(t, members)
		if s := leader.node.Status(); s.LeaderReady {
			if other := leaders[s.Term]; other != "" && other != leader.address {
				t.Fatalf("term %d has two leaders", s.Term)
			}
			leaders[s.Term] = leader.address
		}
		for i := range 5 {
			text := fmt.Sprintf("%d-%d", round, i)
			if leader.propose(text, 2*time.Second) == nil {
				acknowledged = append(acknowledged, text)
			}
		}
		victim := members[random.IntN(3)]
		if random.IntN(2) == 0 {
			victim = leader
		}
		victim.stop()
		rest := awaitLeader(t, members)
		if rest.propose(fmt.Sprintf("%d-after", round), 2*time.Second) == nil {
			acknowledged = append(acknowledged, fmt.Sprintf("%d-after", round))
		}
		victim.start()
	}
	if len(acknowledged) < 30 {
		t.Fatalf("only %d acknowledged", len(acknowledged))
	}
	leader := awaitLeader(t, members)
	if err := leader.propose("last", 5*time.Second); err != nil {
		t.Fatal(err)
	}
	for _, m := range members {
		await(t, "everything applied on "+m.address, func() bool {
			data := m.data()
			return len(data) > 0 && data[len(data)-1] == `"last"`
		})
		at := 0
		for _, text := range m.data() {
			if at < len(acknowledged) && text == `"`+acknowledged[at]+`"` {
				at++
			}
		}
		if at != len(acknowledged) {
			t.Errorf("%s lacks %q or has it out of order", m.address, acknowledged[at])
		}
	}
}

func TestNoMajorityNoCommit(t *testing.T) {
	members := newMembers(t, 3)
	for _, m := range members {
		m.start()
	}
	leader := awaitLeader(t, members)
	for _, m := range members {
		if m != leader {
			m.stop()
		}
	}
	if err := leader.propose("lost", 5*timeout); err == nil {
		t.Error("committed without a majority")
	}
	await(t, "the leader steps down and its term climbs", func() bool { s := leader.node.Status(); return s.Role == Candidate && s.Term > 2 })
	if err := leader.node.AddLearner("127.0.0.1:1"); !errors.Is(err, ErrTimeout) {
		t.Errorf("a change of membership: %v", err)
	}
	if err := leader.node.Singleton(); err != nil {
		t.Fatal(err)
	}
	await(t, "it leads alone", func() bool { return leader.node.Status().LeaderReady })
}

func TestWeights(t *testing.T) {
	members := newMembers(t, 3)
	for _, m := range members {
		m.start()
	}
	leader := awaitLeader(t, members)
	heavy := members[0]
	if heavy == leader {
		heavy = members[1]
	}
	if err := leader.node.SetWeight(heavy.address, 9); err != nil {
		t.Fatal(err)
	}
	if err := leader.node.SetWeight(leader.address, 1); err != nil {
		t.Fatal(err)
	}
	// A leader that has just committed is not ready until it has applied that: a moment without one is no move.
	await(t, "a weight moves no leader", func() bool { return leaderOf(members) == leader })
	if err := leader.propose("x", time.Second); err != nil {
		t.Fatal(err)
	}
	await(t, "everybody knows the weights", func() bool {
		for _, m := range members {
			if m.weightOf(heavy) != 9 || m.weightOf(leader) != 1 {
				return false
			}
		}
		return true
	})
	leader.stop()
	await(t, "the heaviest leads", func() bool { return leaderOf(members) == heavy })
	// Weight 0 never stands, even when asked.
	if err := heavy.node.SetWeight(leader.address, 0); err != nil {
		t.Fatal(err)
	}
	leader.start()
	await(t, "the weightless member caught up", func() bool { return leader.weightOf(leader) == 0 })
	if err := heavy.node.ChangeLeader(leader.address); err != nil {
		t.Fatal(err)
	}
	noElectionFor(t, members, leader, 3*timeout)
	if leaderOf(members) != heavy {
		t.Error("a member of weight 0 was given the lead")
	}
}

// noElectionFor wants a member not to be elected for that long, which only waiting shows.
func noElectionFor(t *testing.T, members []*member, never *member, d time.Duration) {
	t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(d / 20) {
		if leaderOf(members) == never {
			t.Fatalf("%s leads", never.address)
		}
	}
}

func TestLogKeepsWhatItHas(t *testing.T) {
	directory := t.TempDir()
	l, err := OpenLog(directory)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if _, err := l.Append(Entry{Term: 1, Data: json.RawMessage(fmt.Sprint(i))}); err != nil {
			t.Fatal(err)
		}
	}
	// A later leader's entries replace what was never committed.
	if err := l.Store([]Entry{{Term: 2, Index: 4, LSN: 9}}); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	// A copy taken in the middle of a write ends in half a line.
	f, err := os.OpenFile(l.path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"Term":2,"Ind`); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	if l, err = OpenLog(directory); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if index, term, _ := l.Last(); index != 4 || term != 2 {
		t.Errorf("last is %d of term %d", index, term)
	}
	if _, err := l.Append(Entry{Term: 2}); err != nil {
		t.Fatal(err)
	}
	if err := l.Store([]Entry{{Term: 3, Index: 9}}); err == nil {
		t.Error("a gap was taken")
	}
}

func TestShift(t *testing.T) {
	for _, c := range []struct{ address, want, text string }{
		{"127.0.0.1:5432", "127.0.0.1:15432", ""},
		{"node1:55535", "node1:65535", ""},
		{"nohost", "", "invalid server address string specified in server address: nohost"},
		{"", "", "invalid server address string specified in server address: "},
		{"h:", "", "invalid port number specified in server address: 0, plus the client port obtained by adding 10000 to the consensus port."},
		{"h:60000", "", "invalid port number specified in server address: " +
			"70000, plus the client port obtained by adding 10000 to the consensus port."},
	} {
		got, err := Shift(c.address, 10000)
		if got != c.want || (err != nil) != (c.text != "") || err != nil && err.Error() != c.text {
			t.Errorf("%q: %q %v", c.address, got, err)
		}
	}
}

// TestWritesWaitForATransfer: a leader that took writes while it hands over would have more log than its successor,
// nobody would vote for that one, and there would be no leader for an election timeout.
func TestWritesWaitForATransfer(t *testing.T) {
	if testing.Short() {
		t.Skip("large: make test-long runs it")
	}
	members := newMembers(t, 3)
	for _, m := range members {
		m.timeout = 5 * time.Second // nobody stands of its own accord because the machine is busy
		m.start()
	}
	for range 10 {
		old := awaitLeader(t, members)
		term := old.node.Status().Term
		to := members[0]
		if to == old {
			to = members[1]
		}
		ctx, cancel := context.WithCancel(t.Context())
		var writing sync.WaitGroup
		for range 4 {
			writing.Go(func() {
				for ctx.Err() == nil {
					_, _ = old.node.Propose(ctx, json.RawMessage(`"row"`))
				}
			})
		}
		time.Sleep(20 * time.Millisecond)
		if err := old.node.ChangeLeader(to.address); err != nil {
			t.Fatal(err)
		}
		await(t, "another leader", func() bool {
			leader := leaderOf(members)
			return leader != nil && leader.node.Status().Term > term
		})
		cancel()
		writing.Wait()
		if leader := awaitLeader(t, members); leader != to || leader.node.Status().Term != term+1 {
			t.Errorf("%s leads in term %d, want %s in term %d", leader.address, leader.node.Status().Term, to.address, term+1)
		}
	}
}

// TestWhoWasToldToStandMindsNoOldLeader: what the old leader sent before it knew of the election does not end it. A node
// that stands of its own accord gives way.
func TestWhoWasToldToStandMindsNoOldLeader(t *testing.T) {
	for _, forced := range []bool{true, false} {
		members := newMembers(t, 3)
		for _, m := range members {
			m.start()
		}
		leader := awaitLeader(t, members)
		var follower *member
		for _, m := range members {
			if m != leader {
				follower = m
			}
		}
		await(t, "the follower follows", func() bool { return follower.node.Status().LeaderAddress == leader.address })
		late := &message{Kind: "append", Term: leader.node.Status().Term, From: leader.address, FromID: 1}
		for _, m := range members {
			if m != follower {
				m.stop()
			}
		}
		n := follower.node
		n.mu.Lock()
		late.ClusterID = n.meta.ClusterID
		n.standLocked(forced)
		stands := n.meta.Term
		n.mu.Unlock()
		if _, err := n.handle(late); err != nil {
			t.Fatal(err)
		}
		if s := n.Status(); (s.Role == Candidate && s.Term >= stands) != forced {
			t.Errorf("forced %v: role %v in term %d after it stood in term %d", forced, s.Role, s.Term, stands)
		}
	}
}

package consensus

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// Config is what a node is told by its server.
type Config struct {
	Directory       string               // <POLARDATA>/polar_dma
	ElectionTimeout time.Duration        // every other delay derives from it
	ChangeTimeout   func() time.Duration // polar_dma_config_change_timeout, asked anew for each command
	ElectionDelay   func() time.Duration // how long a follower waits after a leader that it heard is gone; 0 for not at all
	Applied         int64                // the data already holds the effects of the log up to here
	Apply           func(Entry)          // called once per entry, in order, never concurrently
	CanReceive      func() bool          // false: write-ahead log does not arrive, so entries with data are not accepted
	Changed         func()               // something about role, leader or membership changed; must not block
	Logf            func(format string, arguments ...any)
}

// Node is one running consensus process.
type Node struct {
	config Config
	ctx    context.Context
	cancel context.CancelFunc
	wait   sync.WaitGroup
	listen net.Listener
	log    *Log

	commands sync.Mutex // membership commands queue here, and cannot be interrupted

	mu           sync.Mutex
	meta         Meta
	role         Role
	weighing     bool // leader in the weight phase: shows role 4, is not writable
	leader       string
	leaderID     int64
	commit       int64
	applied      int64
	deadline     time.Time
	waits        bool // a leader was heard, or voted for: the election delay counts
	leaderHeard  time.Time
	leaderTicks  int       // ticks in office since a majority was last heard
	transferring time.Time // until then the lead is being handed over, and nothing new is taken into the log
	pendingAdd   string
	dropped      bool  // by its own command
	number       int64 // the last number a WEIGHT or MATCH INDEX left behind; PURGE uses it
	votes        map[string]bool
	campaign     int
	peers        map[string]*peer
	joined       bool // became a voter in this life of the process
	forced       bool // the candidate was told to stand, and does not give way to a leader of an earlier term
	stopped      bool
	changed      chan struct{}
}

type peer struct {
	address string
	link    *link
	cancel  context.CancelFunc
	wake    chan struct{}
	next    int64
	match   int64
	heard   int // value of Node.leaderTicks' clock when it last answered
	acked   bool
	voted   bool
	applied int64
}

// Start reads the meta and the log, listens on the own consensus port on all addresses and begins to take part.
func Start(config Config) (*Node, error) {
	meta, err := ReadMeta(config.Directory)
	if err != nil {
		return nil, err
	}
	if !meta.LearnerOnly() && meta.SelfIndex > len(meta.Members) {
		return nil, fmt.Errorf("member index %d is outside the list %s", meta.SelfIndex, meta.MemberInfo())
	}
	_, port, err := net.SplitHostPort(meta.Self)
	if err != nil {
		return nil, err
	}
	log, err := OpenLog(config.Directory)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", ":"+port)
	if err != nil {
		_ = log.Close()
		return nil, fmt.Errorf("Fail to start libeasy service, error(-1). %w", err)
	}
	n := &Node{config: config, meta: *meta, log: log, listen: listener, peers: map[string]*peer{}, changed: make(chan struct{})}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	n.applied = config.Applied
	n.commit = max(meta.CommitIndex, config.Applied)
	if meta.LearnerOnly() {
		n.role = Learner
	}
	if meta.Fresh {
		// What an older life of this data directory changed about its members is not to be repeated.
		n.meta.Fresh = false
		n.meta.ScanIndex, _, _ = log.Last()
		n.saveLocked()
	}
	n.restartTimerLocked(false)
	n.wait.Add(3)
	go n.serve(listener)
	go n.tick()
	go n.apply()
	return n, nil
}

// Stop leaves the cluster without a word, as a stopping process does.
func (n *Node) Stop() {
	n.mu.Lock()
	if n.stopped {
		n.mu.Unlock()
		return
	}
	n.stopped = true
	n.dropPeersLocked()
	n.saveLocked()
	n.notifyLocked()
	n.mu.Unlock()
	n.cancel()
	_ = n.listen.Close()
	n.wait.Wait()
	_ = n.log.Close()
}

func (n *Node) logf(format string, arguments ...any) { n.config.Logf(format, arguments...) }

func (n *Node) idLocked() int64 {
	if n.meta.SelfIndex > 0 {
		return int64(n.meta.SelfIndex)
	}
	return FirstLearnerID
}

func (n *Node) saveLocked() {
	n.meta.CommitIndex = n.commit
	if err := WriteMeta(n.config.Directory, &n.meta); err != nil {
		n.logf("could not write consensus meta: %v", err)
	}
}

// notifyLocked wakes everybody who waits for any change.
func (n *Node) notifyLocked() {
	close(n.changed)
	n.changed = make(chan struct{})
	if n.config.Changed != nil {
		n.config.Changed()
	}
}

// restartTimerLocked is called whenever something gives reason not to stand. The election delay counts only when that was
// a live leader or a vote granted: a server that was just started, or stood or led itself, does not wait longer.
func (n *Node) restartTimerLocked(waits bool) {
	n.waits = waits
	t := n.config.ElectionTimeout
	n.deadline = time.Now().Add(t + time.Duration(rand.Int64N(int64(t)/2+1)))
}

func (n *Node) heartbeat() time.Duration {
	return max(n.config.ElectionTimeout/6, 20*time.Millisecond)
}

const ticksPerTimeout = 20

func (n *Node) tick() {
	defer n.wait.Done()
	interval := max(n.config.ElectionTimeout/ticksPerTimeout, 5*time.Millisecond)
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for before := time.Now(); ; {
		select {
		case <-n.ctx.Done():
			return
		case <-ticker.C:
		}
		n.mu.Lock()
		// While this process was not run it heard nobody; that says nothing about the leader.
		now := time.Now()
		if missed := now.Sub(before) - 2*interval; missed > 0 {
			n.deadline = n.deadline.Add(missed)
		}
		before = now
		switch {
		case n.stopped, n.role == Learner:
		case n.role == Leader:
			n.leaderTicks++
			if n.lostMajorityLocked() {
				n.logf("Server %d : leader step down: no majority answers in term %d", n.idLocked(), n.meta.Term)
				n.newTermLocked(n.meta.Term + 1)
				n.restartTimerLocked(false)
				n.notifyLocked()
			}
		case time.Now().After(n.deadline) && !(n.waits && time.Since(n.deadline) < n.config.ElectionDelay()):
			n.standLocked(false)
		}
		n.mu.Unlock()
	}
}

// lostMajorityLocked counts in ticks and not in time, so that a process that was stopped and continued still
// takes itself for the leader for a while, as the engine does.
func (n *Node) lostMajorityLocked() bool {
	voters := n.meta.voters()
	heard := 0
	for _, address := range voters {
		if address == n.meta.Self {
			heard++
			continue
		}
		if p := n.peers[address]; p != nil && n.leaderTicks-p.heard <= ticksPerTimeout*5/4 {
			heard++
		}
	}
	return heard*2 <= len(voters)
}

// newTermLocked enters a term as a follower without a leader.
func (n *Node) newTermLocked(term int64) {
	n.meta.Term = term
	n.meta.VotedFor = 0
	n.leader, n.leaderID = "", 0
	n.weighing, n.forced = false, false
	n.transferring = time.Time{}
	if n.role != Learner {
		n.role = Follower
	}
	n.dropPeersLocked()
	n.saveLocked()
}

func (n *Node) apply() {
	defer n.wait.Done()
	for {
		n.mu.Lock()
		changed, applied, commit := n.changed, n.applied, n.commit
		n.mu.Unlock()
		if n.ctx.Err() != nil {
			return
		}
		entry, found := n.log.Entry(applied + 1)
		if applied >= commit || !found {
			select {
			case <-changed:
			case <-n.ctx.Done():
				return
			}
			continue
		}
		if entry.Data != nil {
			n.config.Apply(entry)
		}
		n.mu.Lock()
		n.applied = entry.Index
		n.mu.Unlock()
	}
}

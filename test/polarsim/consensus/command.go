package consensus

import (
	"time"
)

// The commands below are ALTER SYSTEM DMA's. Addresses are host:consensusport. Each waits for the one before it
// and none can be interrupted; that is the engine's way.

// changeTo replicates one membership change and waits until it is committed.
func (n *Node) changeTo(operation, address string, weight int, deadline time.Time) error {
	n.mu.Lock()
	if n.role != Leader || n.weighing {
		hangs := n.role != Learner && n.leader == "" && n.meta.LastLeaderTerm > 0
		n.mu.Unlock()
		if hangs {
			if n.awaitChange(time.Until(deadline), func() bool { return n.role == Leader }) {
				return n.changeTo(operation, address, weight, deadline)
			}
			return ErrTimeout
		}
		return ErrReplicate
	}
	members, learners := n.meta.after(operation, address)
	entry, err := n.log.Append(Entry{Term: n.meta.Term, Change: &Change{Operation: operation, Address: address, Weight: weight,
		Members: members, Learners: learners}})
	term := n.meta.Term
	n.advanceLocked()
	n.wakePeersLocked()
	n.mu.Unlock()
	if err != nil {
		return ErrDefault
	}
	committed := false
	n.awaitChange(time.Until(deadline), func() bool {
		committed = n.commit >= entry.Index && n.log.Term(entry.Index) == term
		return committed
	})
	if !committed {
		return ErrTimeout
	}
	return nil
}

func (n *Node) until() time.Time { return time.Now().Add(n.config.ChangeTimeout()) }

func (n *Node) begin() (Meta, Role, func()) {
	n.commands.Lock()
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.meta.clone(), n.role, n.commands.Unlock
}

// known reports whether an address is in this node's own list; a learner's list holds itself.
func (m *Meta) known(address string) bool {
	return m.serverID(address) != 0 || address == m.Self
}

// AddLearner is ADD LEARNER.
func (n *Node) AddLearner(address string) error {
	meta, _, end := n.begin()
	defer end()
	if meta.known(address) {
		return ErrExists
	}
	return n.changeTo("add learner", address, 0, n.until())
}

// AddFollower is ADD FOLLOWER: a learner first, a voter once it is close behind. On a timeout the learner stays.
func (n *Node) AddFollower(address string) error {
	meta, _, end := n.begin()
	defer end()
	n.mu.Lock()
	pending := n.pendingAdd != ""
	n.mu.Unlock()
	if pending {
		return ErrDefault
	}
	if meta.known(address) {
		return ErrExists
	}
	deadline := n.until()
	if err := n.changeTo("add learner", address, 0, deadline); err != nil {
		return err
	}
	n.mu.Lock()
	n.pendingAdd = address
	n.mu.Unlock()
	const near = 50
	if !n.awaitChange(time.Until(deadline), func() bool { return n.behindLocked(address) <= near }) {
		return ErrTimeout
	}
	if err := n.changeTo("promote", address, 0, deadline); err != nil {
		return err
	}
	return nil
}

// behindLocked returns how many entries a peer lacks; very many when it never answered.
func (n *Node) behindLocked(address string) int64 {
	last, _, _ := n.log.Last()
	if p := n.peers[address]; p != nil && p.match > 0 {
		return last - p.match
	}
	return last + 1<<40
}

// LearnerToFollower is CHANGE LEARNER TO FOLLOWER.
func (n *Node) LearnerToFollower(address string) error {
	meta, _, end := n.begin()
	defer end()
	if !meta.known(address) {
		return ErrNotExists
	}
	if meta.learnerIndex(address) == 0 && !(meta.LearnerOnly() && address == meta.Self) {
		return ErrExists
	}
	n.mu.Lock()
	behind := int64(0)
	if p := n.peers[address]; p != nil {
		last, _, _ := n.log.Last()
		behind = last - p.match
	}
	n.mu.Unlock()
	const far = 100
	if behind > far {
		return ErrDelay
	}
	return n.changeTo("promote", address, 0, n.until())
}

// FollowerToLearner is CHANGE FOLLOWER TO LEARNER.
func (n *Node) FollowerToLearner(address string) error {
	meta, role, end := n.begin()
	defer end()
	switch {
	case !meta.known(address):
		return ErrNotExists
	case meta.memberIndex(address) == 0:
		return ErrIsLearner
	case role == Leader && address == meta.Self:
		return ErrDowngrade
	}
	return n.changeTo("demote", address, 0, n.until())
}

// DropFollower is DROP FOLLOWER. The dropped node is not told.
func (n *Node) DropFollower(address string) error {
	meta, _, end := n.begin()
	defer end()
	if meta.memberIndex(address) == 0 {
		return ErrNotExists
	}
	return n.changeTo("drop follower", address, 0, n.until())
}

// DropLearner is DROP LEARNER; it also clears up after an ADD FOLLOWER that timed out.
func (n *Node) DropLearner(address string) error {
	meta, _, end := n.begin()
	defer end()
	if meta.learnerIndex(address) == 0 && !(meta.LearnerOnly() && address == meta.Self) {
		return ErrNotExists
	}
	return n.changeTo("drop learner", address, 0, n.until())
}

// SetWeight is CHANGE NODE ... WEIGHT TO.
func (n *Node) SetWeight(address string, weight int) error {
	meta, _, end := n.begin()
	defer end()
	switch {
	case !meta.known(address):
		return ErrNotExists
	case weight < 0 || weight > 9:
		return ErrInvalid
	case meta.memberIndex(address) == 0:
		return ErrWeightLearner
	}
	n.mu.Lock()
	n.number = int64(weight)
	n.mu.Unlock()
	return n.changeTo("weight", address, weight, n.until())
}

// SetMatchIndex is CHANGE NODE ... MATCH INDEX TO: it never fails, and leaves its number behind for PURGE.
func (n *Node) SetMatchIndex(address string, index int64) {
	_, _, end := n.begin()
	defer end()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.number = index
	if p := n.peers[address]; p != nil && n.role == Leader {
		p.next = max(1, index+1)
	}
}

// ChangeLeader is CHANGE LEADER TO: success means that it was asked for, no more.
func (n *Node) ChangeLeader(address string) error {
	meta, role, end := n.begin()
	defer end()
	switch {
	case role != Leader:
		return ErrNotLeader
	case !meta.known(address):
		return ErrNotExists
	case address == meta.Self:
		return nil
	case meta.memberIndex(address) == 0:
		return ErrToLearner
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.weighing || time.Now().Before(n.transferring) {
		return ErrConcurrent
	}
	n.transferring = time.Now().Add(n.config.ElectionTimeout)
	n.wait.Add(1)
	go func(term int64) {
		defer n.wait.Done()
		n.handOver(address, term, n.config.ElectionTimeout)
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.meta.Term == term {
			n.transferring = time.Time{}
			n.notifyLocked()
		}
	}(n.meta.Term)
	return nil
}

// ForceChangeLeader makes a follower stand at once; on anybody else it does nothing, silently.
func (n *Node) ForceChangeLeader() {
	_, _, end := n.begin()
	defer end()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.role == Follower || n.role == Candidate {
		n.standLocked(true)
	}
}

// Singleton is CHANGE TO SINGLETON MODE: this node forgets all other voters and leads alone.
func (n *Node) Singleton() error {
	_, _, end := n.begin()
	defer end()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.meta.LearnerOnly() {
		return ErrDefault
	}
	if n.joined {
		// It has counted itself twice when it joined, and an assertion about that ends the process.
		n.newTermLocked(n.meta.Term)
		n.notifyLocked()
		return ErrAborted
	}
	n.meta.Members = []Member{{Address: n.meta.Self, Weight: n.meta.weight(n.meta.Self)}}
	n.meta.SelfIndex = 1
	n.meta.Plain = false
	n.saveLocked()
	n.standLocked(true)
	return nil
}

// Purge is PURGE LOGS, leader only. Whatever BEFORE said, the engine uses the number WEIGHT or MATCH INDEX left
// behind; 0 means everything committed. told is used instead when the dialect is one that listens.
func (n *Node) Purge(force bool, keep int64, told *int64) error {
	_, role, end := n.begin()
	defer end()
	if role != Leader && !force {
		return ErrDefault
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.log.Size() < keep {
		return nil
	}
	number := n.number
	if told != nil {
		number = *told
	}
	if number <= 0 || number > n.commit {
		number = n.commit
	}
	if number > n.meta.PurgeIndex {
		n.meta.PurgeIndex = number
		n.saveLocked()
	}
	return nil
}

// ChangeCluster sets the cluster id of this node alone, to the stale number: it thereby leaves its cluster.
func (n *Node) ChangeCluster() {
	_, _, end := n.begin()
	defer end()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.meta.ClusterID = n.number
	n.saveLocked()
}

package consensus

import (
	"context"
	"encoding/json"
	"slices"
	"time"
)

const entriesPerMessage = 200

// syncPeersLocked gives the leader one sender per voter and learner, and takes away those of dropped nodes.
func (n *Node) syncPeersLocked() {
	wanted := map[string]bool{}
	for _, address := range append(n.meta.voters(), n.meta.Learners...) {
		if address != "" && address != n.meta.Self {
			wanted[address] = true
		}
	}
	for address, p := range n.peers {
		if !wanted[address] {
			p.cancel()
			delete(n.peers, address)
		}
	}
	last, _, _ := n.log.Last()
	for address := range wanted {
		if n.peers[address] != nil {
			continue
		}
		ctx, cancel := context.WithCancel(n.ctx)
		p := &peer{address: address, link: &link{address: address}, cancel: cancel, wake: make(chan struct{}, 1),
			next: last, heard: n.leaderTicks}
		n.peers[address] = p
		n.wait.Add(1)
		go n.send(ctx, p, n.meta.Term)
	}
}

func (n *Node) dropPeersLocked() {
	for address, p := range n.peers {
		p.cancel()
		delete(n.peers, address)
	}
}

func (n *Node) wakePeersLocked() {
	for _, p := range n.peers {
		select {
		case p.wake <- struct{}{}:
		default:
		}
	}
}

// send keeps one peer up to date for as long as this node leads in term.
func (n *Node) send(ctx context.Context, p *peer, term int64) {
	defer n.wait.Done()
	defer p.link.close()
	for ctx.Err() == nil {
		n.mu.Lock()
		if n.role != Leader || n.meta.Term != term || n.peers[p.address] != p {
			n.mu.Unlock()
			return
		}
		p.next = max(p.next, 1)
		m := &message{Kind: "append", ClusterID: n.meta.ClusterID, Term: term, From: n.meta.Self, FromID: n.idLocked(),
			PrevIndex: p.next - 1, Commit: n.commit}
		n.mu.Unlock()
		m.PrevTerm = n.log.Term(m.PrevIndex)
		m.Entries = n.log.From(m.PrevIndex+1, entriesPerMessage)

		a, err := p.link.call(ctx, m, n.config.ElectionTimeout)
		again := false
		n.mu.Lock()
		if err == nil && n.role == Leader && n.meta.Term == term && n.peers[p.address] == p {
			again = n.onAnswerLocked(p, m, a)
		}
		n.mu.Unlock()
		if again {
			continue
		}
		select {
		case <-ctx.Done():
		case <-p.wake:
		case <-time.After(n.heartbeat()):
		}
	}
}

// onAnswerLocked returns whether there is more to send at once. An answer from a higher term counts as silence:
// the engine's leader steps down only when it hears no majority.
func (n *Node) onAnswerLocked(p *peer, m *message, a *answer) bool {
	if a.Term > n.meta.Term {
		return false
	}
	first := !p.acked
	p.heard, p.acked, p.applied = n.leaderTicks, true, a.Applied
	if first {
		n.notifyLocked()
	}
	if !a.OK {
		p.next = max(1, min(m.PrevIndex, a.LastIndex+1))
		return true
	}
	stored := min(a.LastIndex, m.PrevIndex+int64(len(m.Entries)))
	progressed := stored > p.match
	p.match = max(p.match, stored)
	p.next = p.match + 1
	if progressed {
		n.advanceLocked()
		n.notifyLocked()
	}
	last, _, _ := n.log.Last()
	return progressed && p.match < last
}

// advanceLocked commits what a majority of the voters has, provided it is of this term.
func (n *Node) advanceLocked() {
	if n.role != Leader {
		return
	}
	last, _, _ := n.log.Last()
	var have []int64
	for _, address := range n.meta.voters() {
		switch p := n.peers[address]; {
		case address == n.meta.Self:
			have = append(have, last)
		case p != nil:
			have = append(have, p.match)
		default:
			have = append(have, 0)
		}
	}
	if len(have) == 0 {
		return
	}
	slices.Sort(have)
	majority := have[(len(have)-1)/2]
	if majority <= n.commit || n.log.Term(majority) != n.meta.Term {
		return
	}
	onlyData := true
	for index := n.commit + 1; index <= majority; index++ {
		if entry, ok := n.log.Entry(index); ok && entry.Change != nil && n.meta.ScanIndex < index {
			onlyData = false
			n.meta.ScanIndex = index
			n.changeLocked(entry.Change)
		}
	}
	n.commit = majority
	if n.role == Leader {
		n.syncPeersLocked()
	}
	if onlyData {
		// Members learn of a change of membership with the next heartbeat, and of data at once.
		n.wakePeersLocked()
	} else {
		n.saveLocked()
	}
	n.notifyLocked()
}

func (n *Node) onAppend(m *message) *answer {
	last, lastTerm, _ := n.log.Last()
	if n.role != Learner && n.meta.memberIndex(m.From) == 0 {
		// A member knows its leader; this one was made a cluster of its own behind the other's back.
		return &answer{Term: max(n.meta.Term, m.Term+1)}
	}
	switch {
	case m.Term > n.meta.Term:
		if n.role == Leader {
			return &answer{Term: max(n.meta.Term, m.Term+1)}
		}
		n.newTermLocked(m.Term)
	case m.Term < n.meta.Term:
		if n.role != Learner && (n.role != Candidate || n.forced || m.Term < lastTerm) {
			return &answer{Term: n.meta.Term}
		}
		n.logf("Server %d : Downgrade term from %d to %d when onAppendLog", n.idLocked(), n.meta.Term, m.Term)
		n.newTermLocked(m.Term)
	case n.role == Candidate:
		n.newTermLocked(m.Term)
		n.meta.VotedFor = n.idLocked()
	case n.role == Leader:
		return &answer{Term: m.Term + 1}
	}
	if n.leader != m.From {
		n.leader, n.leaderID = m.From, m.FromID
		n.notifyLocked()
	}
	n.leaderHeard = time.Now()
	n.restartTimerLocked(true)
	if m.PrevIndex > last || n.log.Term(m.PrevIndex) != m.PrevTerm {
		return &answer{Term: n.meta.Term, LastIndex: min(last, m.PrevIndex-1), Applied: n.applied}
	}
	entries := m.Entries
	if !n.config.CanReceive() {
		for i, entry := range entries {
			if entry.Data != nil {
				entries = entries[:i]
				break
			}
		}
	}
	if err := n.log.Store(entries); err != nil {
		n.logf("could not store entries: %v", err)
		return &answer{Term: n.meta.Term, LastIndex: m.PrevIndex, Applied: n.applied}
	}
	verified := m.PrevIndex + int64(len(entries))
	n.learnCommitLocked(min(m.Commit, verified))
	return &answer{Term: n.meta.Term, OK: true, LastIndex: verified, Applied: n.applied}
}

func (n *Node) learnCommitLocked(commit int64) {
	if commit <= n.commit {
		return
	}
	changed := false
	for index := n.meta.ScanIndex + 1; index <= commit; index++ {
		if entry, ok := n.log.Entry(index); ok && entry.Change != nil {
			n.changeLocked(entry.Change)
			changed = true
		}
	}
	n.meta.ScanIndex = max(n.meta.ScanIndex, commit)
	n.commit = commit
	if changed {
		n.saveLocked()
	}
	n.notifyLocked()
}

// Propose appends data to the log and returns its index. A server that is writable and has lost its majority
// waits here until it has one again or ctx ends: the engine's writes hang in the same way. So do those of a leader
// that hands over, whose successor needs all of the log.
func (n *Node) Propose(ctx context.Context, data json.RawMessage) (int64, error) {
	for {
		n.mu.Lock()
		changed := n.changed
		if n.stopped {
			n.mu.Unlock()
			return 0, ErrStopped
		}
		if n.role == Leader && !n.weighing && time.Now().After(n.transferring) {
			entry, err := n.log.Append(Entry{Term: n.meta.Term, Data: data})
			if err == nil {
				n.advanceLocked()
				n.wakePeersLocked()
			}
			n.mu.Unlock()
			return entry.Index, err
		}
		n.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-n.ctx.Done():
			return 0, ErrStopped
		}
	}
}

package consensus

import (
	"time"
)

// standLocked begins an election. Weight 0 never stands, and neither does a node whose own member list is
// corrupt: nobody would know the id it stands under.
func (n *Node) standLocked(force bool) {
	n.restartTimerLocked(false)
	if n.role == Learner || n.meta.weight(n.meta.Self) == 0 {
		return
	}
	n.newTermLocked(max(n.meta.Term, n.meta.HighestVoted) + 1)
	n.role, n.forced = Candidate, force
	n.meta.VotedFor = n.idLocked()
	n.meta.HighestVoted = n.meta.Term
	n.saveLocked()
	n.votes = map[string]bool{n.meta.Self: true}
	n.campaign++
	n.logf("Server %d : Start new requestVote: new term(%d)", n.idLocked(), n.meta.Term)
	if n.meta.Corrupt() {
		n.notifyLocked()
		return
	}
	index, term, _ := n.log.Last()
	m := &message{Kind: "vote", ClusterID: n.meta.ClusterID, Term: n.meta.Term, From: n.meta.Self, FromID: n.idLocked(),
		LastIndex: index, LastTerm: term, Force: force}
	for _, address := range n.meta.voters() {
		if address != n.meta.Self {
			n.wait.Add(1)
			go n.askVote(address, m, n.campaign)
		}
	}
	n.countVotesLocked()
	n.notifyLocked()
}

func (n *Node) askVote(address string, m *message, campaign int) {
	defer n.wait.Done()
	k := &link{address: address}
	defer k.close()
	a, err := k.call(n.ctx, m, n.config.ElectionTimeout)
	if err != nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stopped || n.role != Candidate || n.campaign != campaign {
		return
	}
	switch {
	case a.OK && a.Term == n.meta.Term:
		n.votes[address] = true
		n.countVotesLocked()
	case a.Term > n.meta.Term:
		n.newTermLocked(a.Term)
		n.notifyLocked()
	case a.Force && a.Term < n.meta.Term:
		if _, lastTerm, _ := n.log.Last(); a.Term >= lastTerm {
			n.logf("Server %d : Downgrade term from %d to %d when onRequestVoteResponce, because there are leaderStickiness leader exist!!",
				n.idLocked(), n.meta.Term, a.Term)
			n.newTermLocked(a.Term)
			n.notifyLocked()
		}
	}
}

func (n *Node) countVotesLocked() {
	if n.role != Candidate || len(n.votes)*2 <= len(n.meta.voters()) {
		return
	}
	n.role = Leader
	n.leader, n.leaderID = n.meta.Self, n.idLocked()
	n.leaderTicks = 0
	n.logf("Server %d : become leader, term(%d)", n.idLocked(), n.meta.Term)
	for _, member := range n.meta.Members {
		if member.Address != "" && member.Weight > n.meta.weight(n.meta.Self) {
			n.weighing = true
		}
	}
	if _, err := n.log.Append(Entry{Term: n.meta.Term}); err != nil {
		n.logf("could not append: %v", err)
	}
	index, _, _ := n.log.Last()
	n.meta.LastLeaderTerm, n.meta.LastLeaderIndex = n.meta.Term, index
	n.syncPeersLocked()
	for address := range n.votes {
		if p := n.peers[address]; p != nil {
			p.voted = true
		}
	}
	n.advanceLocked()
	if n.weighing {
		n.wait.Add(1)
		go n.weigh(n.meta.Term)
	}
	n.notifyLocked()
}

// weigh ends the weight phase: the heaviest member that answers gets the lead.
func (n *Node) weigh(term int64) {
	defer n.wait.Done()
	select {
	case <-time.After(n.config.ElectionTimeout):
	case <-n.ctx.Done():
		return
	}
	n.mu.Lock()
	best, weight := "", n.meta.weight(n.meta.Self)
	for address, p := range n.peers {
		if p.acked && n.leaderTicks-p.heard <= ticksPerTimeout && n.meta.memberIndex(address) > 0 && n.meta.weight(address) > weight {
			best, weight = address, n.meta.weight(address)
		}
	}
	office := n.role == Leader && n.meta.Term == term
	n.mu.Unlock()
	if office && best != "" {
		n.handOver(best, term, n.config.ElectionTimeout)
	}
	n.mu.Lock()
	if n.meta.Term == term {
		n.weighing = false
	}
	n.notifyLocked()
	n.mu.Unlock()
}

// handOver waits until the target has everything and tells it to stand. Nothing tells whether it will.
func (n *Node) handOver(address string, term int64, limit time.Duration) {
	deadline := time.Now().Add(limit)
	for time.Now().Before(deadline) && n.ctx.Err() == nil {
		n.mu.Lock()
		index, _, _ := n.log.Last()
		p := n.peers[address]
		ready := p != nil && p.match >= index && n.commit >= index
		office := n.role == Leader && n.meta.Term == term
		m := &message{Kind: "lead", ClusterID: n.meta.ClusterID, Term: term, From: n.meta.Self, FromID: n.idLocked()}
		n.mu.Unlock()
		if !office {
			return
		}
		if ready {
			k := &link{address: address}
			_, err := k.call(n.ctx, m, limit/4)
			k.close()
			if err == nil && n.awaitChange(limit/5, func() bool { return n.role != Leader || n.meta.Term != term }) {
				return
			}
		}
		select {
		case <-n.ctx.Done():
			return
		case <-time.After(limit / 10):
		}
	}
}

// onLead is the old leader's request to stand at once.
func (n *Node) onLead(m *message) *answer {
	if m.Term == n.meta.Term && n.role == Follower {
		n.standLocked(true)
	}
	return &answer{Term: n.meta.Term, OK: true}
}

func (n *Node) onVote(m *message) *answer {
	if n.role == Learner {
		return &answer{Term: m.Term}
	}
	if i := int(m.FromID); n.meta.Corrupt() || i < 1 || i > len(n.meta.Members) || n.meta.Members[i-1].Address != m.From {
		n.logf("Server %d : reject RequestVote because this server is not in the current configure, server(id:%d, addr:%s).",
			n.idLocked(), m.FromID, m.From)
		return &answer{Term: n.meta.Term}
	}
	if m.Term < n.meta.Term {
		return &answer{Term: n.meta.Term}
	}
	fresh := n.role == Follower && n.leader != "" && time.Since(n.leaderHeard) < n.config.ElectionTimeout
	if !m.Force && (n.role == Leader || fresh) {
		n.logf("Server %d : reject RequestVote because of leaderStickiness, msg(candidateid: %d, term: %d).", n.idLocked(), m.FromID, m.Term)
		return &answer{Term: n.meta.Term, Force: n.role == Leader}
	}
	stood := n.role == Leader
	if m.Term > n.meta.Term {
		n.newTermLocked(m.Term)
	}
	index, term, _ := n.log.Last()
	current := m.LastTerm > term || m.LastTerm == term && m.LastIndex >= index
	granted := current && n.role == Follower && n.meta.VotedFor == 0 && m.Term > n.meta.HighestVoted
	if granted {
		n.meta.VotedFor = m.FromID
		n.meta.HighestVoted = m.Term
		n.saveLocked()
	}
	if granted || stood {
		n.restartTimerLocked(granted)
	}
	n.logf("Server %d : isVote: %v, msg(candidateid: %d, term: %d)", n.idLocked(), granted, m.FromID, m.Term)
	n.notifyLocked()
	return &answer{Term: n.meta.Term, OK: granted}
}

// awaitChange waits until done, looking again at every change. done is called with the lock held.
func (n *Node) awaitChange(limit time.Duration, done func() bool) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		n.mu.Lock()
		finished, changed := done(), n.changed
		n.mu.Unlock()
		if finished {
			return true
		}
		select {
		case <-changed:
		case <-timer.C:
			return false
		case <-n.ctx.Done():
			return false
		}
	}
}

package consensus

// Status is this node's own view of itself.
type Status struct {
	ServerID      int64
	Term          int64
	Leader        int64
	LeaderAddress string
	Commit        int64
	Applied       int64
	LastTerm      int64
	LastIndex     int64
	LastLSN       uint64
	CommitLSN     uint64
	PurgeLSN      uint64
	Role          Role
	VotedFor      int64
	LogBytes      int64
	Meta          Meta
	LeaderReady   bool // leads, past the weight phase, and everything of earlier terms is applied
	Dropped       bool // it dropped itself, and leads no more
}

// Status takes a snapshot.
func (n *Node) Status() Status {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := Status{
		ServerID: n.idLocked(), Term: n.meta.Term, Leader: n.leaderID, LeaderAddress: n.leader,
		Commit: n.commit, Applied: n.applied, Role: n.role, VotedFor: n.meta.VotedFor, Meta: n.meta.clone(), LogBytes: n.log.Size(),
	}
	s.Dropped = n.dropped && n.role != Leader
	s.LastIndex, s.LastTerm, s.LastLSN = n.log.Last()
	s.CommitLSN = firstLSN
	if e, ok := n.log.Entry(n.commit); ok {
		s.CommitLSN = e.LSN
	}
	if e, ok := n.log.Entry(n.meta.PurgeIndex); ok {
		s.PurgeLSN = e.LSN
	}
	if n.role == Leader {
		s.LeaderReady = !n.weighing && n.log.Term(n.commit) == n.meta.Term && n.applied >= n.commit
		if n.weighing {
			s.Role = NoRole
		}
	}
	return s
}

// MemberStatus is one row of polar_dma_cluster_status.
type MemberStatus struct {
	ServerID   int64
	Address    string
	Match      int64
	Next       int64
	Role       Role
	Voted      bool
	Weight     int
	Pipelining bool
	Applied    int64
	Answering  bool
	MatchLSN   uint64
	AppliedLSN uint64
}

// Members lists the members as this node sees them; only a leader sees right. Anywhere else the own row says
// leader and the others follower, which is libconsensus' LocalServer::fillInfo.
func (n *Node) Members() []MemberStatus {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []MemberStatus
	last, _, _ := n.log.Last()
	row := func(id int64, address string, weight int, role Role) {
		s := MemberStatus{ServerID: id, Address: address, Next: 1, Role: role, Weight: weight, MatchLSN: firstLSN, AppliedLSN: firstLSN}
		if address == n.meta.Self && (n.meta.SelfIndex == 0 || int64(n.meta.SelfIndex) == id) {
			s.Role, s.Voted, s.Match, s.Next = Leader, true, 1, 0
			if n.role == Leader {
				s.Match = last
			}
		} else if p := n.peers[address]; p != nil && n.role == Leader {
			s.Match, s.Next, s.Voted = p.match, p.next, p.voted
			s.Answering = p.acked && n.leaderTicks-p.heard <= ticksPerTimeout
			s.Pipelining = role == Follower && s.Answering
			s.Applied = p.applied
			if e, ok := n.log.Entry(p.match); ok {
				s.MatchLSN = e.LSN
			}
			if e, ok := n.log.Entry(p.applied); ok {
				s.AppliedLSN = e.LSN
			}
		}
		out = append(out, s)
	}
	if n.meta.LearnerOnly() {
		row(FirstLearnerID, n.meta.Self, DefaultWeight, Learner)
		return out
	}
	for i, member := range n.meta.Members {
		if member.Address != "" {
			row(int64(i+1), member.Address, member.Weight, Follower)
		}
	}
	for i, address := range n.meta.Learners {
		if address != "" {
			row(int64(FirstLearnerID+i), address, DefaultWeight, Learner)
		}
	}
	return out
}

// LSN returns where an entry ends in the write-ahead log.
func (n *Node) LSN(index int64) uint64 {
	if e, ok := n.log.Entry(index); ok {
		return e.LSN
	}
	return firstLSN
}

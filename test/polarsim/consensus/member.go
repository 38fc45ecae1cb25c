package consensus

import (
	"fmt"
	"strings"
)

// Role is paxos_role as the engine numbers it.
type Role int

// The engine's role numbers.
const (
	Follower  Role = 0
	Candidate Role = 1
	Leader    Role = 2
	Learner   Role = 3
	NoRole    Role = 4
)

func (r Role) String() string {
	switch r {
	case Follower:
		return "follower"
	case Candidate:
		return "candidate"
	case Leader:
		return "leader"
	case Learner:
		return "learner"
	}
	return "no role"
}

// DefaultWeight is the election weight of a member nobody weighted.
const DefaultWeight = 5

// FirstLearnerID is the server_id of the first learner.
const FirstLearnerID = 100

// Member is a voter. An empty address is the hole a dropped member left: later members keep their numbers.
type Member struct {
	Address string
	Weight  int
}

// Meta is what survives a restart: the file consensus_meta.
type Meta struct {
	Term            int64
	VotedFor        int64
	HighestVoted    int64 // the highest term in which this node ever voted; terms may go down, votes may not repeat
	LastLeaderTerm  int64
	LastLeaderIndex int64
	ScanIndex       int64
	ClusterID       int64
	CommitIndex     int64
	PurgeIndex      int64
	Self            string // own host:consensusport, as told to the meta init
	SelfIndex       int    // 1-based place in Members; 0 on a learner
	Members         []Member
	Learners        []string // an empty string is a hole
	Fresh           bool     // no server has run on this meta yet
	Plain           bool     // as the meta init wrote it, without weights, until the first change
}

// LearnerOnly reports whether this node is no voter in its own eyes.
func (m *Meta) LearnerOnly() bool { return m.SelfIndex == 0 }

// MemberInfo renders member_info_str: host:port#<weight>N;...@<own index>; holes are 0.
func (m *Meta) MemberInfo() string {
	if m.LearnerOnly() {
		if m.Fresh {
			return ""
		}
		return fmt.Sprintf("%s#%dN", m.Self, DefaultWeight)
	}
	parts := make([]string, len(m.Members))
	for i, member := range m.Members {
		if member.Address == "" {
			parts[i] = "0"
			continue
		}
		parts[i] = fmt.Sprintf("%s#%dN", member.Address, member.Weight)
		if m.Plain {
			parts[i] = member.Address
		}
	}
	return fmt.Sprintf("%s@%d", strings.Join(parts, ";"), m.SelfIndex)
}

// LearnerInfo renders learner_info_str, empty when there are none.
func (m *Meta) LearnerInfo() string {
	if m.LearnerOnly() {
		switch {
		case m.Fresh:
			return m.Self
		case m.Plain:
			return ""
		}
		return m.Self + "$00"
	}
	var parts []string
	for _, address := range m.Learners {
		if address == "" {
			parts = append(parts, "0")
			continue
		}
		parts = append(parts, address+"$00")
	}
	return strings.Join(parts, ";")
}

// Corrupt reports whether the node's own address stands in its list more than once, which is what re-adding a
// dropped follower without a new learner meta init leads to. Such a node replicates and cannot vote.
func (m *Meta) Corrupt() bool {
	seen := 0
	for _, member := range m.Members {
		if member.Address == m.Self {
			seen++
		}
	}
	return seen > 1
}

func (m *Meta) memberIndex(address string) int {
	for i, member := range m.Members {
		if member.Address != "" && member.Address == address {
			return i + 1
		}
	}
	return 0
}

func (m *Meta) learnerIndex(address string) int {
	for i, learner := range m.Learners {
		if learner != "" && learner == address {
			return i + 1
		}
	}
	return 0
}

// serverID returns the id this node knows an address by, or 0.
func (m *Meta) serverID(address string) int64 {
	if i := m.memberIndex(address); i > 0 {
		return int64(i)
	}
	if i := m.learnerIndex(address); i > 0 {
		return int64(FirstLearnerID + i - 1)
	}
	return 0
}

func (m *Meta) voters() []string {
	var out []string
	for _, member := range m.Members {
		if member.Address != "" {
			out = append(out, member.Address)
		}
	}
	return out
}

func (m *Meta) weight(address string) int {
	if i := m.memberIndex(address); i > 0 {
		return m.Members[i-1].Weight
	}
	return DefaultWeight
}

func (m *Meta) clone() Meta {
	c := *m
	c.Members = append([]Member(nil), m.Members...)
	c.Learners = append([]string(nil), m.Learners...)
	return c
}

func placeMember(list []Member, member Member) ([]Member, int) {
	for i := range list {
		if list[i].Address == "" {
			list[i] = member
			return list, i + 1
		}
	}
	return append(list, member), len(list) + 1
}

func placeLearner(list []string, address string) []string {
	for i := range list {
		if list[i] == "" {
			list[i] = address
			return list
		}
	}
	return append(list, address)
}

func removeLearner(list []string, address string) []string {
	for i := range list {
		if list[i] == address {
			list[i] = ""
		}
	}
	for len(list) > 0 && list[len(list)-1] == "" {
		list = list[:len(list)-1]
	}
	return list
}

package dma

import (
	"fmt"
	"strconv"
	"strings"
)

// Role is paxos_role of polar_dma_member_status and role of polar_dma_cluster_status (engine: paxos.h:131).
type Role int

// The roles. A logger shows itself as Follower. NoRole is a leader just elected while weights are being weighed: for
// one election timeout it is still read-only.
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
	case NoRole:
		return "elected, weighing"
	}
	return fmt.Sprintf("role %d", int(r))
}

// Entry is one voter of a node's own member list.
type Entry struct {
	Index     int    // 1-based place in the list, the voter's server_id
	IPPort    string // host:consensusport
	Weight    int
	ForceSync bool
}

// MemberList is member_info_str: the voters that a node knows, holes left out, and which of them it is itself.
// A learner's list holds only itself.
type MemberList struct {
	Entries []Entry
	Self    int // its own 1-based index; 0 when the text does not say
}

// ParseMembers reads member_info_str: `host:cport#<weight><N|S>;…@<own index>`, dropped members standing as `0`.
func ParseMembers(text string) (MemberList, error) {
	var list MemberList
	body, self, found := strings.Cut(text, "@")
	if found {
		n, err := strconv.Atoi(strings.TrimSpace(self))
		if err != nil {
			return list, fmt.Errorf("member list %q: own index %q is not a number", text, self)
		}
		list.Self = n
	}
	for i, item := range strings.Split(body, ";") {
		item = strings.TrimSpace(item)
		if item == "" || item == "0" {
			continue
		}
		ipPort, rest, _ := strings.Cut(item, "#")
		e := Entry{Index: i + 1, IPPort: ipPort, Weight: 5}
		if rest != "" {
			e.ForceSync = strings.HasSuffix(rest, "S")
			w, err := strconv.Atoi(strings.TrimRight(rest, "NS"))
			if err != nil {
				return list, fmt.Errorf("member list %q: weight %q is not a number", text, rest)
			}
			e.Weight = w
		}
		list.Entries = append(list.Entries, e)
	}
	return list, nil
}

// At returns the voter with that server_id.
func (l MemberList) At(index int64) (Entry, bool) {
	for _, e := range l.Entries {
		if int64(e.Index) == index {
			return e, true
		}
	}
	return Entry{}, false
}

// Count returns how often an address stands in the list: more than once is the mark of a follower that was dropped and
// added again without learner meta init. It replicates, looks healthy, and cannot vote.
func (l MemberList) Count(ipPort string) int {
	n := 0
	for _, e := range l.Entries {
		if e.IPPort == ipPort {
			n++
		}
	}
	return n
}

// Same reports whether two lists name the same voters with the same weights, whoever's they are.
func (l MemberList) Same(other MemberList) bool {
	if len(l.Entries) != len(other.Entries) {
		return false
	}
	for i, e := range l.Entries {
		if e != other.Entries[i] {
			return false
		}
	}
	return true
}

func (l MemberList) String() string {
	var parts []string
	for _, e := range l.Entries {
		parts = append(parts, fmt.Sprintf("%s (weight %d)", e.IPPort, e.Weight))
	}
	return strings.Join(parts, ", ")
}

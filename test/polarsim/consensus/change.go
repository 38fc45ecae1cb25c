package consensus

import (
	"slices"
	"time"
)

// changeLocked brings a committed membership change into this node's own list. A learner's list holds only
// itself until it is promoted; a member applies the difference, as the engine does, which is why a member that
// was dropped behind its back and added again ends with a wrong list.
func (n *Node) changeLocked(c *Change) {
	n.logf("Server %d : configure change: %s %s", n.idLocked(), c.Operation, c.Address)
	own := c.Address == n.meta.Self
	if n.meta.LearnerOnly() {
		n.meta.Plain = n.meta.Plain && !own
		if own && c.Operation == "promote" {
			n.meta.Members = append([]Member(nil), c.Members...)
			n.meta.Learners = append([]string(nil), c.Learners...)
			n.meta.SelfIndex = n.meta.memberIndex(n.meta.Self)
			n.role, n.joined = Follower, true
			n.restartTimerLocked(true)
		}
		n.notifyLocked()
		return
	}
	m := &n.meta
	m.Plain = false
	switch c.Operation {
	case "add learner":
		if own {
			n.corruptLocked()
		} else {
			m.Learners = placeLearner(m.Learners, c.Address)
		}
	case "promote":
		m.Learners = removeLearner(m.Learners, c.Address)
		if m.memberIndex(c.Address) == 0 {
			m.Members, _ = placeMember(m.Members, Member{Address: c.Address, Weight: DefaultWeight})
		}
	case "drop follower":
		if own && n.role != Leader {
			break // replayed by a node that was added again as it was: it keeps itself
		}
		n.dropMemberLocked(c.Address)
		if own {
			n.dropped = true
			n.wait.Add(1)
			go n.leave(m.Term)
		}
	case "drop learner":
		m.Learners = removeLearner(m.Learners, c.Address)
		if n.pendingAdd == c.Address {
			n.pendingAdd = ""
		}
	case "demote":
		n.dropMemberLocked(c.Address)
		if own {
			m.SelfIndex, m.Members, m.Learners = 0, nil, nil
			n.role = Learner
			break
		}
		m.Learners = placeLearner(m.Learners, c.Address)
	case "weight":
		if i := m.memberIndex(c.Address); i > 0 {
			m.Members[i-1].Weight = c.Weight
		}
	}
	if n.pendingAdd != "" && m.learnerIndex(n.pendingAdd) == 0 {
		n.pendingAdd = ""
	}
	n.notifyLocked()
}

// leave ends the office of a leader that dropped itself, once the others had a chance to hear that it is committed.
func (n *Node) leave(term int64) {
	defer n.wait.Done()
	for range 3 {
		n.mu.Lock()
		n.wakePeersLocked()
		n.mu.Unlock()
		select {
		case <-time.After(n.heartbeat()):
		case <-n.ctx.Done():
			return
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.role == Leader && n.meta.Term == term {
		n.logf("Server %d : I am dropped, step down", n.idLocked())
		n.newTermLocked(term + 1)
		n.restartTimerLocked(false)
		n.notifyLocked()
	}
}

// corruptLocked is what the engine's own list looks like after a dropped follower was added again without the
// learner meta init: the part up to itself twice, and itself under a third number.
func (n *Node) corruptLocked() {
	m := &n.meta
	own := m.SelfIndex - 1
	list := append([]Member(nil), m.Members[:own+1]...)
	for i := range list {
		list[i].Weight = 0
	}
	self := Member{Address: m.Self, Weight: DefaultWeight}
	list = append(list, self, self)
	m.Members = append(list, m.Members[own+1:]...)
	m.SelfIndex = own + 3
}

func (n *Node) dropMemberLocked(address string) {
	m := &n.meta
	if address == m.Self {
		// The leader that dropped itself keeps its list but is no longer counted by anybody else.
		return
	}
	if i := m.memberIndex(address); i > 0 {
		m.Members[i-1] = Member{}
	}
	for len(m.Members) > 0 && m.Members[len(m.Members)-1].Address == "" {
		m.Members = m.Members[:len(m.Members)-1]
	}
}

// after returns the lists as they will be once a change is made; it is sent along for the node it concerns.
func (m *Meta) after(operation, address string) ([]Member, []string) {
	members, learners := slices.Clone(m.Members), slices.Clone(m.Learners)
	if operation == "promote" {
		learners = removeLearner(learners, address)
		members, _ = placeMember(members, Member{Address: address, Weight: DefaultWeight})
	}
	return members, learners
}

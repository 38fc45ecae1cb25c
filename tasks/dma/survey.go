package dma

import (
	"fmt"
	"regexp"
	"strings"
)

// Survey is the views of all nodes of a cluster, taken at about the same time.
type Survey []View

// NoLeaderError means that no node may be believed to lead, with what each node answered.
type NoLeaderError struct {
	Reason string
	Survey Survey
}

func (e *NoLeaderError) Error() string {
	return fmt.Sprintf("no leader can be believed: %s; %s", e.Reason, e.Survey)
}

// Leader returns the node that leads: it says so itself, takes writes, and a majority of the voters agrees with it in the same
// term. A voter that cannot be asked for its view but streams from the claimant (a logger has no views) agrees by that.
// Of several claimants the one in the highest term is looked at: an old leader that was cut off says role 2 for a while.
func (s Survey) Leader() (View, error) {
	claimant, claims := View{}, 0
	for _, v := range s {
		if v.Err != nil || v.Status.Role != Leader {
			continue
		}
		claims++
		if claims == 1 || v.Status.Term > claimant.Status.Term {
			claimant = v
		}
	}
	switch {
	case claims == 0:
		return View{}, &NoLeaderError{"none of the nodes says that it leads", s}
	case !claimant.Writable():
		return View{}, &NoLeaderError{claimant.Node + " was elected and does not take writes yet", s}
	}
	voters, agree := s.support(claimant)
	if voters == 0 {
		return View{}, &NoLeaderError{claimant.Node + " says that it leads and lists no voters", s}
	}
	if agree < Majority(voters) {
		return View{}, &NoLeaderError{fmt.Sprintf("%s says that it leads in term %d, and %d of its %d voters agree; %d are needed",
			claimant.Node, claimant.Status.Term, agree, voters, Majority(voters)), s}
	}
	for _, v := range s {
		if !v.Writable() || v.Node == claimant.Node {
			continue
		}
		if v.Status.Term == claimant.Status.Term {
			reason := fmt.Sprintf("%s and %s both claim to lead in term %d: split brain", claimant.Node, v.Node, v.Status.Term)
			return View{}, &NoLeaderError{reason, s}
		}
		// Two member lists, each with a majority of its own: members that were given up came back.
		if theirs, with := s.support(v); with >= Majority(theirs) {
			return View{}, &NoLeaderError{fmt.Sprintf("%s leads in term %d and %s in term %d, "+
				"each with a majority of its own members (%s; %s): split brain",
				claimant.Node, claimant.Status.Term, v.Node, v.Status.Term, claimant.Members, v.Members), s}
		}
	}
	return claimant, nil
}

// Majority returns how many of so many voters have to agree.
func Majority(voters int) int { return voters/2 + 1 }

// support counts the voters that a claimant lists, and those of them that agree with it.
func (s Survey) support(claimant View) (voters, agree int) {
	all, live := s.Voters(claimant)
	return len(all), len(live)
}

func (s Survey) agrees(m Member, claimant View) bool {
	if m.IPPort == claimant.Address.Consensus() {
		return true
	}
	v, asked := s.At(m.IPPort)
	if asked && v.Err == nil && !v.NoViews {
		return v.Status.Term == claimant.Status.Term && v.Leads() == claimant.Address.Consensus()
	}
	_, streams := claimant.ReplicaOf(m.IPPort)
	return streams
}

// At returns the view of the node whose consensus address that is.
func (s Survey) At(ipPort string) (View, bool) {
	for _, v := range s {
		if v.Address.Consensus() == ipPort {
			return v, true
		}
	}
	return View{}, false
}

// Of returns the view of the node of that name.
func (s Survey) Of(node string) (View, bool) {
	for _, v := range s {
		if v.Node == node {
			return v, true
		}
	}
	return View{}, false
}

// Member returns the leader's row for a node.
func (v View) Member(a Address) (Member, bool) {
	for _, m := range v.Cluster {
		if m.IPPort == a.Consensus() {
			return m, true
		}
	}
	return Member{}, false
}

// ReplicaOf returns the leader's pg_stat_replication row for a member, found by the application name made from its address,
// or as the only one of another name that connects from that address.
func (v View) ReplicaOf(ipPort string) (Replica, bool) {
	a, err := FromConsensus(ipPort)
	if err != nil {
		return Replica{}, false
	}
	name, _ := a.AppName()
	for _, r := range v.Replicas {
		if r.State == "streaming" && r.AppName == name {
			return r, true
		}
	}
	// A node that polarbook did not set up has whatever name its polar_dma.conf gives it.
	var one Replica
	n := 0
	for _, r := range v.Replicas {
		if r.State == "streaming" && r.ClientAddr == a.Host && !ourName.MatchString(r.AppName) && !toolName.MatchString(r.AppName) {
			one, n = r, n+1
		}
	}
	return one, n == 1
}

// ourName matches the names that AppName makes, and toolName those of programs that copy the log for themselves.
var (
	ourName  = regexp.MustCompile(`^standby_[0-9]+_[0-9]+$`)
	toolName = regexp.MustCompile(`basebackup|receivewal|recvlogical`)
)

// Voters returns the leader's rows that have a vote; Live those of them that answer or stream.
func (s Survey) Voters(leader View) (voters, live []Member) {
	for _, m := range leader.Cluster {
		if m.Role == Learner {
			continue
		}
		voters = append(voters, m)
		if s.agrees(m, leader) {
			live = append(live, m)
		}
	}
	return voters, live
}

// String says in one line what each node answered.
func (s Survey) String() string {
	var parts []string
	for _, v := range s {
		parts = append(parts, v.String())
	}
	return strings.Join(parts, "; ")
}

// String says in a few words what the node answered.
func (v View) String() string {
	switch {
	case v.Err != nil:
		return fmt.Sprintf("%s: no answer (%v)", v.Node, v.Err)
	case v.NoViews:
		return fmt.Sprintf("%s: answers, without polar_dma views", v.Node)
	}
	leader := v.Leads()
	if leader == "" {
		leader = "nobody"
	}
	access := "read-only"
	if !v.InRecovery {
		access = "takes writes"
	}
	return fmt.Sprintf("%s: %s in term %d, %s, follows %s", v.Node, v.Status.Role, v.Status.Term, access, leader)
}

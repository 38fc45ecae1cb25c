package polardb

import (
	"context"
	"fmt"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
)

// agreement describes how the first of these nodes that disagrees with the leader does so; empty: all agree in their roles,
// numbers and member lists, and stream.
func agreement(survey dma.Survey, leader dma.View, nodes []WantedNode) string {
	for _, n := range nodes {
		if d := disagreement(survey, leader, n); d != "" {
			return d
		}
	}
	return ""
}

// proveRow writes a row on the leader and reads it on the other nodes that hold data.
func (c *ClusterArgs) proveRow(ctx context.Context, h tasks.Host, leader dma.View, nodes []WantedNode, limit time.Duration) error {
	p := &proofAction{args: &proofArgs{ClusterArgs: *c, Timeout: int(limit / time.Second)}, list: nodes}
	return p.row(ctx, h, leader, time.Now().Add(limit))
}

// disagreement describes how the node's own view differs from the leader's; empty: it does not. A logger has no views of its
// own, so only the leader can be asked about it.
func disagreement(survey dma.Survey, leader dma.View, n WantedNode) string {
	row, member := leader.Member(n.Address)
	self, asked := survey.Of(n.Name)
	want := dma.Learner
	if n.Voter() {
		want = dma.Follower
		if leader.Node == n.Name {
			want = dma.Leader
		}
	}
	switch {
	case !member:
		return fmt.Sprintf("%s does not list %s", leader.Node, n.Name)
	case row.Role != want:
		return fmt.Sprintf("%s lists %s as %s, wanted %s", leader.Node, n.Name, row.Role, want)
	case !asked || self.Err != nil:
		return self.String()
	}
	if leader.Node != n.Name {
		if _, streams := leader.ReplicaOf(n.Address.Consensus()); !streams {
			return notStreaming(self, leader)
		}
	}
	if self.NoViews && n.Role == roleLogger {
		return ""
	}
	switch {
	case self.NoViews:
		return n.Name + " has no polar_dma views: extension polar_monitor is missing"
	case self.Status.Role != want:
		return fmt.Sprintf("%s says that it is %s, wanted %s", n.Name, self.Status.Role, want)
	case want != dma.Learner && self.Status.ServerID != row.ServerID: // every learner shows number 100 (observed on 11.9)
		return fmt.Sprintf("%s says that it is number %d, %s says %d", n.Name, self.Status.ServerID, leader.Node, row.ServerID)
	case want != dma.Learner && self.Members.Count(n.Address.Consensus()) != 1:
		return fmt.Sprintf("%s's own member list holds it %d times: %s", n.Name, self.Members.Count(n.Address.Consensus()), self.Members)
	case want != dma.Learner && !self.Members.Same(leader.Members):
		return fmt.Sprintf("%s's member list (%s) is not %s's (%s)", n.Name, self.Members, leader.Node, leader.Members)
	case self.SystemID != leader.SystemID:
		return fmt.Sprintf("%s has the system identifier %s, %s has %s", n.Name, self.SystemID, leader.Node, leader.SystemID)
	}
	return ""
}

// notStreaming describes why a node does not stream: it is late, or went with another leader, from which it does not come back
// by itself.
func notStreaming(self, leader dma.View) string {
	text := fmt.Sprintf("%s does not stream from %s", self.Node, leader.Node)
	rebuild := "rebuild it with polarbook run rebuild-node.yml -e node=" + self.Node
	follows := self.Leads()
	switch {
	case self.SystemID != leader.SystemID && self.SystemID != "" && leader.SystemID != "":
		text += fmt.Sprintf(": it holds another cluster's data (system identifier %s, %s has %s)", self.SystemID, leader.Node, leader.SystemID)
	case self.Status.Term > leader.Status.Term:
		text += fmt.Sprintf(": it is in term %d, %s leads in term %d", self.Status.Term, leader.Node, leader.Status.Term)
	case follows != "" && follows != leader.Address.Consensus():
		text += ": it follows " + follows
	default:
		return text + "; if this lasts, its server log says why. If it has log that the cluster lacks (a forked timeline, divergence), " + rebuild
	}
	return text + "; if this lasts, it went with another leader: " + rebuild
}

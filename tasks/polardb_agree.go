package tasks

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/polarbook/polarbook/tasks/dma"
)

// found asks who leads, and keeps why nobody can be believed to. An error is about a change of the members that does not
// end: what the nodes say meanwhile is nothing to go by.
func (c *clusterArgs) found(ctx context.Context, h Host, list []wantedNode, patience time.Duration) (memberFound, error) {
	leader, survey, err := c.leader(ctx, h, list, patience)
	found := memberFound{Leader: leader, Survey: survey}
	var changing *changingError
	if errors.As(err, &changing) {
		return found, err
	}
	if err != nil {
		found.NoLeader = err.Error()
	}
	return found, nil
}

// downPatience is for how long a node may have no server at all before nobody waits for it any longer: one that changes
// its role keeps its port.
const downPatience = 10 * time.Second

// await surveys the cluster until a leader can be believed and doubt has nothing to say against what is seen. When the
// limit is over, or what is waited for is a node whose server is gone, it returns what was seen last, in saw.
func (c *clusterArgs) await(ctx context.Context, h Host, list []wantedNode, limit time.Duration, doubt func(dma.Survey, dma.View) string) (leader dma.View, survey dma.Survey, saw string, err error) {
	deadline := time.Now().Add(limit)
	said := ""
	var down time.Time // since when saw is that a server is gone
	for {
		if survey, err = c.survey(ctx, h, list); err != nil {
			return leader, survey, saw, err
		}
		if leader, err = leads(survey); err != nil {
			saw = err.Error()
		} else {
			saw = doubt(survey, leader)
		}
		switch {
		case !gone(survey, saw):
			down = time.Time{}
		case down.IsZero():
			down = time.Now()
		case time.Since(down) > downPatience:
			return leader, survey, saw, ctx.Err()
		}
		if saw == "" || time.Now().After(deadline) {
			return leader, survey, saw, ctx.Err()
		}
		if saw != said {
			h.Say(saw)
			said = saw
		}
		if err := sleep(ctx, 300*time.Millisecond); err != nil {
			return leader, survey, saw, err
		}
	}
}

// gone says that what was seen is a node on whose port nobody listens.
func gone(survey dma.Survey, saw string) bool {
	for _, v := range survey {
		if errors.Is(v.Err, syscall.ECONNREFUSED) && saw == v.String() {
			return true
		}
	}
	return false
}

// living lists the members that answer, each with the role that the leader lists for it, whatever the inventory says.
func living(survey dma.Survey, leader dma.View, list []wantedNode) []wantedNode {
	var alive []wantedNode
	for _, n := range list {
		row, member := leader.Member(n.Address)
		if v, _ := survey.Of(n.Name); !member || v.Err != nil {
			continue
		}
		alive = append(alive, as(n, row))
	}
	return alive
}

// as is the node with the role that the leader lists for it. A logger is listed as a follower.
func as(n wantedNode, row dma.Member) wantedNode {
	switch {
	case row.Role == dma.Learner:
		n.Role = "learner"
	case n.Role == "learner":
		n.Role = "follower"
	}
	return n
}

// agreement says in what the first of these nodes that disagrees with the leader does so; empty: all are of one mind,
// in their roles, numbers and member lists, and stream.
func agreement(survey dma.Survey, leader dma.View, nodes []wantedNode) string {
	for _, n := range nodes {
		if d := disagreement(survey, leader, n); d != "" {
			return d
		}
	}
	return ""
}

// behind is how many log entries a member lacks, as the leader sees it.
func behind(leader dma.View, row dma.Member) int64 {
	if row.IPPort == leader.Address.Consensus() {
		return 0
	}
	return max(0, leader.Status.LastLogIndex-row.MatchIndex)
}

// votes says how many of the voters are alive.
func votes(survey dma.Survey, leader dma.View) string {
	voters, live := survey.Voters(leader)
	return fmt.Sprintf("%d of %d voters alive", len(live), len(voters))
}

// proveRow writes a row on the leader and reads it on the other nodes that hold data.
func (c *clusterArgs) proveRow(ctx context.Context, h Host, leader dma.View, nodes []wantedNode, limit time.Duration) error {
	p := &proofAction{args: &proofArgs{clusterArgs: *c, Timeout: int(limit / time.Second)}, list: nodes}
	return p.row(ctx, h, leader, time.Now().Add(limit))
}

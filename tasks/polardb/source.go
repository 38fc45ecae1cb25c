package polardb

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
)

// sourceLag is how many log entries a node may lack that is copied instead of the leader.
const sourceLag = 1000

// backupSource chooses the node for a backup: a name, the leader, or with wanted "follower" a node that spares the leader: the
// host's own, then learners, then followers, those with the least lag first, and the leader only when none of them is fit. It
// returns why the others are not.
func backupSource(survey dma.Survey, leader dma.View, list []WantedNode, wanted, here string) (dma.View, []string, error) {
	switch wanted {
	case "leader":
		return leader, nil, nil
	case "follower":
	default:
		n, err := NodeNamed(list, wanted)
		if err != nil {
			return dma.View{}, nil, err
		}
		if n.Name == leader.Node {
			return leader, nil, nil
		}
		view, doubt := fitSource(survey, leader, n)
		if doubt != "" {
			return dma.View{}, nil, &tasks.Failure{Msg: "no backup is taken of " + doubt,
				Hint: "name another node (-e source=NAME), or leave source out"}
		}
		return view, nil, nil
	}
	var fit []dma.View
	var doubts []string
	for _, n := range list {
		if n.Name == leader.Node {
			continue
		}
		view, doubt := fitSource(survey, leader, n)
		if doubt != "" {
			doubts = append(doubts, doubt)
			continue
		}
		fit = append(fit, view)
	}
	if len(fit) == 0 {
		return leader, doubts, nil
	}
	rank := func(v dma.View) int {
		row, _ := leader.Member(v.Address)
		switch {
		case v.Node == here:
			return 0
		case row.Role == dma.Learner:
			return 1
		}
		return 2
	}
	slices.SortStableFunc(fit, func(a, b dma.View) int {
		one, _ := leader.Member(a.Address)
		other, _ := leader.Member(b.Address)
		return cmp.Or(rank(a)-rank(b), cmp.Compare(behind(leader, one), behind(leader, other)))
	})
	return fit[0], doubts, nil
}

// fitSource returns a node's view, and why it cannot stand in for the leader in a backup; "": it can.
func fitSource(survey dma.Survey, leader dma.View, n WantedNode) (dma.View, string) {
	v, _ := survey.Of(n.Name)
	row, member := leader.Member(v.Address)
	_, streams := leader.ReplicaOf(v.Address.Consensus())
	switch {
	case n.Role == roleLogger:
		return v, n.Name + ", which is a logger and holds no data"
	case v.Err != nil:
		return v, strings.TrimSpace(v.String())
	case v.NoViews || !v.InRecovery:
		return v, n.Name + ", which does not follow"
	case !member:
		return v, n.Name + ", which the leader does not list"
	case !streams:
		return v, n.Name + ", which does not stream from " + leader.Node
	case behind(leader, row) > sourceLag:
		return v, fmt.Sprintf("%s, which is %d log entries behind", n.Name, behind(leader, row))
	}
	return v, ""
}

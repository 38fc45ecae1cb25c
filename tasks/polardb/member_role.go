package polardb

import (
	"fmt"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
)

// override gives the node the role that was asked for. Where the inventory has it as a logger it stays one: a logger
// that has no vote yet is given its vote like any other.
func (a *memberArgs) override(list []WantedNode) error {
	n, err := NodeNamed(list, a.Node)
	switch {
	case err != nil:
		return err
	case n.Role == roleLogger && a.Role == roleLearner:
		return &tasks.Failure{Msg: n.Name + " is a logger, and a logger is no learner", Hint: "take it out with drop-node.yml"}
	}
	for i := range list {
		if list[i].Name == n.Name && list[i].Role != roleLogger {
			list[i].Role = a.Role
		}
	}
	return nil
}

// mayChange refuses what no wait would make possible for a member that was named.
func mayChange(survey dma.Survey, leader dma.View, n WantedNode) error {
	row, member := leader.Member(n.Address)
	self, _ := survey.Of(n.Name)
	switch {
	case !member:
		return &tasks.Failure{Msg: n.Name + " is not a member of the cluster", Hint: "add it: polarbook run add-node.yml --limit " + n.Name}
	case n.Voter() && row.Role == dma.Learner && self.Err != nil:
		return &tasks.Failure{Msg: fmt.Sprintf("%s does not answer (%v) and is not given a vote", n.Name, self.Err), Hint: "the engine would give it one all the same, and the cluster would lose its majority sooner"}
	}
	return nil
}

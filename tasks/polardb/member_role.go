package polardb

import (
	"fmt"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
)

// override gives the node the role in the argument role. A logger in the inventory stays one: it gets its vote like any other
// learner.
func (a *memberArgs) override(list []WantedNode) error {
	n, err := NodeNamed(list, a.Node)
	switch {
	case err != nil:
		return err
	case n.Role == roleLogger && a.Role == roleLearner:
		return &tasks.Failure{Msg: n.Name + " is a logger, and a logger cannot be a learner", Hint: "drop it with drop-node.yml"}
	}
	for i := range list {
		if list[i].Name == n.Name && list[i].Role != roleLogger {
			list[i].Role = a.Role
		}
	}
	return nil
}

// mayChange refuses a change of role that would stay impossible however long one waited.
func mayChange(survey dma.Survey, leader dma.View, n WantedNode) error {
	row, member := leader.Member(n.Address)
	self, _ := survey.Of(n.Name)
	switch {
	case !member:
		return &tasks.Failure{Msg: n.Name + " is not a member of the cluster", Hint: "add it: polarbook run add-node.yml --limit " + n.Name}
	case n.Voter() && row.Role == dma.Learner && self.Err != nil:
		return &tasks.Failure{Msg: fmt.Sprintf("%s does not answer (%v) and is not given a vote", n.Name, self.Err),
			Hint: "start it first: the engine would give it a vote all the same, and the cluster would lose its majority sooner"}
	}
	return nil
}

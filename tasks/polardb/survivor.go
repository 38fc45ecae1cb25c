package polardb

import (
	"fmt"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
)

// alone reports whether the node is the only voter by its own list: it has nobody to wait for, and no way back.
func (s *singletonAction) alone(v dma.View) bool {
	if v.Err != nil {
		return slices.Contains(s.args.Alone, v.Node)
	}
	own, _ := v.Members.At(int64(v.Members.Self))
	return !v.NoViews && v.Status.Role != dma.Learner && len(v.Members.Entries) == 1 && own.IPPort == v.Address.Consensus()
}

// waiting returns the survivor that was asked for, or that an earlier run chose, when it cannot be asked or is alone already,
// and when every other node that has data and a vote by the inventory is named as lost and does not answer.
func (s *singletonAction) waiting(survey dma.Survey) (dma.View, bool) {
	name := s.args.Survivor
	if name == "" && s.begun != nil && !slices.Contains(s.args.Lost, s.begun.Survivor) {
		name = s.begun.Survivor
	}
	if only := s.onlyVoter(survey); name == "" && only != "" {
		name = only
	}
	if name == "" {
		return dma.View{}, false
	}
	for _, n := range s.list {
		v, _ := survey.Of(n.Name)
		waits := dma.StartingUp(v.Err)
		switch {
		case n.Role == roleLearner || n.Role == roleLogger:
			if n.Name == name {
				return v, false
			}
		case n.Name == name:
			if !waits && !s.alone(v) && (v.Err == nil || !slices.Contains(s.args.Stopped, n.Name)) {
				return v, false
			}
		case v.Err == nil || waits || !slices.Contains(s.args.Lost, n.Name):
			return v, false
		}
	}
	return survey.Of(name)
}

// onlyVoter returns the node that is alone already by its own list, and is not lost; empty: there is none, or several.
func (s *singletonAction) onlyVoter(survey dma.Survey) string {
	only := ""
	for _, n := range s.list {
		v, _ := survey.Of(n.Name)
		switch {
		case n.Role == roleLearner || n.Role == roleLogger || slices.Contains(s.args.Lost, n.Name) || !s.alone(v):
		case only != "":
			return ""
		default:
			only = n.Name
		}
	}
	return only
}

// survivor returns the node that was asked for, or of the voters that answer the one with the most log.
func (s *singletonAction) survivor(survey dma.Survey) (dma.View, error) {
	var best []dma.View
	var reasons []string
	for _, n := range s.list {
		v, _ := survey.Of(n.Name)
		if why := cannotGoOn(v, n); why != "" {
			reasons = append(reasons, n.Name+" "+why)
			continue
		}
		best = append(best, v)
	}
	if len(best) == 0 {
		return dma.View{}, &tasks.Failure{
			Msg: "no voter is left that can go on: " + strings.Join(reasons, "; "),
			Hint: "bring one of them back, or restore a backup into a new cluster." +
				" A server that is starting up waits for a leader; it goes on alone when it is named (-e survivor=NAME)" +
				" and all others are named as lost" + s.unfinished(),
		}
	}
	slices.SortStableFunc(best, func(a, b dma.View) int {
		switch {
		case moreLog(a.Status, b.Status):
			return -1
		case moreLog(b.Status, a.Status):
			return 1
		}
		return 0
	})
	if s.args.Survivor == "" || s.args.Survivor == best[0].Node {
		return best[0], nil
	}
	n, err := NodeNamed(s.list, s.args.Survivor)
	if err != nil {
		return dma.View{}, err
	}
	v, _ := survey.Of(n.Name)
	if why := cannotGoOn(v, n); why != "" {
		return v, &tasks.Failure{Msg: n.Name + " cannot go on alone: it " + why, Hint: best[0].Node + " could"}
	}
	if moreLog(best[0].Status, v.Status) && !s.args.Force {
		return v, &tasks.Failure{
			Msg: fmt.Sprintf("%s has less log than %s (index %d in term %d, against %d in term %d); what it lacks would be lost",
				v.Node, best[0].Node,
				v.Status.LastLogIndex, v.Status.LastLogTerm, best[0].Status.LastLogIndex, best[0].Status.LastLogTerm),
			Hint: "let " + best[0].Node + " go on; to lose it all the same: -e force=yes",
		}
	}
	return v, nil
}

// unfinished returns the end of a hint about an earlier run that was cut off; empty without one.
func (s *singletonAction) unfinished() string {
	if s.begun == nil || slices.Contains(s.args.Lost, s.begun.Survivor) {
		return ""
	}
	return fmt.Sprintf("; an earlier run began to let %s go on, and it will when all others are named as lost and their servers are stopped",
		s.begun.Survivor)
}

// cannotGoOn returns why a node cannot go on alone; empty: it can.
func cannotGoOn(v dma.View, n WantedNode) string {
	switch own, listed := v.Members.At(int64(v.Members.Self)); {
	case v.Err != nil:
		return fmt.Sprintf("does not answer (%v)", v.Err)
	case v.NoViews || n.Role == roleLogger:
		return "is a logger and holds no data"
	case v.Status.Role == dma.Learner:
		return "is a learner, which the engine does not allow to lead"
	case !listed || own.IPPort != n.Address.Consensus() || v.Members.Count(own.IPPort) != 1:
		return fmt.Sprintf("is not a voter by its own member list (%s)", v.Members)
	case own.Weight == 0:
		return "has weight 0: it would never stand for election"
	}
	return ""
}

// gone makes sure that the voters which the survivor forgets are not a majority that lives on elsewhere: each of them is named
// as lost, and none of them answers. noLeader is why there is no leader, for the case that enough voters answer.
func (s *singletonAction) gone(survey dma.Survey, survivor dma.View, noLeader string) error {
	voters := survivor.Members.Entries
	answer := 0
	var unnamed []string
	for _, m := range voters {
		v, known := survey.At(m.IPPort)
		name := s.called(survey, m.IPPort)
		lost := slices.Contains(s.args.Lost, name) || slices.Contains(s.args.Lost, clientAddress(m.IPPort))
		switch {
		case known && v.Err == nil && lost:
			return &tasks.Failure{
				Msg:  fmt.Sprintf("%s is named as lost, but answers (%s)", name, v),
				Hint: "to give it up, stop its server first: polarbook run stop.yml --limit " + name,
			}
		case known && v.Err == nil:
			answer++
		case known && dma.StartingUp(v.Err):
			return &tasks.Failure{Msg: fmt.Sprintf("%s runs, but accepts no connections: %v", name, v.Err),
				Hint: "with enough others it will elect a leader; to give it up, stop it first: polarbook run stop.yml --limit " + name}
		case !lost:
			unnamed = append(unnamed, name)
		}
	}
	needed := dma.Majority(len(voters))
	switch {
	case answer >= needed:
		return &tasks.Failure{
			Msg: fmt.Sprintf("%d of %d voters answer, and %d are a majority: they can elect a leader, so no node goes on alone; %s",
				answer, len(voters), needed, noLeader),
			Hint: "see polarbook status; when the election is stuck: polarbook run force-election.yml -e node=NAME",
		}
	case len(unnamed) > 0:
		return &tasks.Failure{
			Msg: fmt.Sprintf("%d of %d voters answer, and %d are needed; nobody said that %s will not come back",
				answer, len(voters), needed, strings.Join(unnamed, " and ")),
			Hint: "bring them back if you can (polarbook run start.yml). If they were alive where you cannot see them, " +
				"there would be two clusters. If they are lost for good: -e lost=" + strings.Join(unnamed, ","),
		}
	}
	for _, name := range s.args.Lost {
		listed := slices.ContainsFunc(voters, func(m dma.Entry) bool {
			return name == s.called(survey, m.IPPort) || name == clientAddress(m.IPPort)
		})
		if !listed {
			return &tasks.Failure{
				Msg: fmt.Sprintf("%s is named as lost, but is not a voter that %s knows: %s", name, survivor.Node, survivor.Members),
			}
		}
	}
	return nil
}

// called returns a member's name in the inventory, or else its client address.
func (s *singletonAction) called(survey dma.Survey, ipPort string) string {
	if v, known := survey.At(ipPort); known {
		return v.Node
	}
	return clientAddress(ipPort)
}

func clientAddress(ipPort string) string {
	a, err := dma.FromConsensus(ipPort)
	if err != nil {
		return ipPort
	}
	return a.String()
}

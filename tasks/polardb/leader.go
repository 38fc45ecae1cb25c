package polardb

import (
	"errors"
	"fmt"
	"strings"

	"github.com/polarbook/polarbook/tasks/dma"
)

// leads returns the node that leads. When none does and followers were told to wait before they stand for election, the error
// tells so and what to do, because nothing else shows it.
func leads(survey dma.Survey) (dma.View, error) {
	leader, err := survey.Leader()
	var none *dma.NoLeaderError
	if errors.As(err, &none) {
		if waits := delayedElections(survey); waits != "" {
			err = fmt.Errorf("%w; %s", err, waits)
		}
	}
	return leader, err
}

// delayedElections returns which nodes have polar_dma_delay_election on, since when, and how to end that; "": none has.
func delayedElections(survey dma.Survey) string {
	var names []string
	var first dma.View // the node with the most log, which should stand for election
	since := ""
	for _, v := range survey {
		if !v.DelayElection {
			continue
		}
		names = append(names, v.Node)
		if v.DelaySince != "" && (since == "" || v.DelaySince < since) {
			since = v.DelaySince
		}
		if v.Status.Role != dma.Learner && (first.Node == "" || v.Status.LastLogIndex > first.Status.LastLogIndex) {
			first = v
		}
	}
	if len(names) == 0 {
		return ""
	}
	text := fmt.Sprintf("polar_dma_delay_election is on on %s", strings.Join(names, ", "))
	if since != "" {
		text += " since " + since
	}
	text += fmt.Sprintf(": a follower waits for up to %s after its leader is gone before it stands for election; "+
		"to end that: polarbook run delay-election.yml -e delay=off", delayOf(survey, names[0]))
	if first.Node != "" {
		text += fmt.Sprintf("; to have a leader now: polarbook run force-election.yml -e node=%s", first.Node)
	}
	return text
}

func delayOf(survey dma.Survey, node string) string {
	v, _ := survey.Of(node)
	if v.DelayTimeout == "" {
		return "polar_dma_delay_election_timeout"
	}
	return v.DelayTimeout
}

// delayWarnings returns the warnings of a run that leaves elections delayed.
func delayWarnings(survey dma.Survey) []string {
	if text := delayedElections(survey); text != "" {
		return []string{text}
	}
	return nil
}

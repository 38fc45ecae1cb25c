package faults

import (
	"maps"
	"testing"

	"github.com/polarbook/polarbook/test/site"
)

// The target is lighter than the leader, so it temporarily gets the leader's weight, and must have its own again in the end,
// whoever died.
func TestSwitchover(t *testing.T) {
	t.Parallel()
	s := newCluster(t, nil)
	deaths := []struct{ name, who, sign string }{
		{"the leader dies once the target was lifted", "leader", "WEIGHT TO"},
		{"the leader dies once it was told", "leader", "CHANGE LEADER TO"},
		{"the target dies once it has begun", "target", "Hand the lead over"},
		{"the target dies once the leader was told", "target", "CHANGE LEADER TO"},
	}
	if testing.Short() {
		i := site.Dice(t).IntN(len(deaths))
		deaths = deaths[i : i+1]
	}
	for _, c := range deaths {
		s.Subtest(t, c.name, func(*testing.T) {
			dies(s, func(from, to string) *site.Outcome {
				victim := map[string]string{"leader": from, "target": to}[c.who]
				return when(s, c.sign, func() { kill(s, victim) }, "switchover.yml", "-e", "to="+to)
			})
		})
	}
	s.Subtest(t, "the leader dies once it lifted the target, and never says so", func(*testing.T) {
		dies(s, func(from, to string) *site.Outcome {
			s.On(from, "echo change node weight to > "+s.Pgdata(from)+"/polarsim.dies")
			o := s.Start(nil, "run", "switchover.yml", "--output", "json", "-e", "to="+to).Wait()
			s.On(from, "test ! -e "+s.Pgdata(from)+"/polarsim.dies")
			return o
		})
	})
}

func dies(s *site.Site, switchover func(from, to string) *site.Outcome) {
	c := s.Settles()
	from, to := c.Leader, c.Followers()[0]
	for _, n := range nodes {
		w := "5"
		if n == from {
			w = "8"
		}
		s.Run(0, "set-weight.yml", "-e", "node="+n, "-e", "weight="+w)
	}
	before := weights(s.Whole())
	// When the leader dies, any other node may be elected. If it is the target, the switchover is done too.
	o := ends(switchover(from, to), 0, 2)
	if o.Code == 0 && s.StatusNow().Leader != to {
		s.T.Errorf("it ended well, and %+v\n%s", s.StatusNow(), o.Story())
	}
	s.Run(0, "start.yml")
	s.Settles()
	s.Run(0, "switchover.yml", "-e", "to="+to)
	after := s.Settles()
	if after.Leader != to {
		s.T.Errorf("%s leads, want %s", after.Leader, to)
	}
	if !maps.Equal(weights(after), before) {
		s.T.Errorf("the weights were %v and are %v\n%s", before, weights(after), o.Story())
	}
}

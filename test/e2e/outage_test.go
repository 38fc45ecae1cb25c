package e2e

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/polarbook/polarbook/test/lab"
	"github.com/polarbook/polarbook/test/site"
)

// TestOutages cuts the network and the power at random moments of new-cluster.yml. With both back, the same command finishes
// the work.
func TestOutages(t *testing.T) {
	t.Parallel()
	dice := site.Dice(t)
	s := site.New(t, site.Options{User: "dba", Cluster: "e2e", Specs: site.Hosts("node1", "node2", "node3")})
	layForeign(s)
	host := func() *lab.Host { return s.Lab.Host(s.Names()[dice.IntN(3)]) }
	// Three moments, each in a later part of a run than the one before; a run begins some 60 tasks.
	moments := []int{1 + dice.IntN(20), 1 + dice.IntN(45), 1 + dice.IntN(45)}
	slices.Sort(moments)

	s.Subtest(t, "a short silence is waited through", func(t *testing.T) {
		s.File("slow.yml", slowPlaybook)
		h := host()
		s.Disturb("slow.yml", 1, func() {
			do(s, h.Unplug())
			time.Sleep(3 * time.Second)
			do(s, h.Plug())
		}, "-e", "seconds=6").Exits(0)
	})
	s.Subtest(t, "the network of one host is cut", func(t *testing.T) {
		h := host()
		t.Logf("%s is cut off after task %d", h.Name, moments[0])
		o := s.Disturb("new-cluster.yml", moments[0], func() { do(s, h.Unplug()) })
		interrupted(o, 4, 2)
		do(s, h.Plug())
	})
	s.Subtest(t, "one host loses power", func(t *testing.T) {
		h := host()
		t.Logf("%s is killed after task %d", h.Name, moments[1])
		o := s.Disturb("new-cluster.yml", moments[1], func() { do(s, h.Kill(context.Background())) })
		interrupted(o, 4, 2)
		do(s, h.Boot(context.Background()))
	})
	s.Subtest(t, "all hosts lose power", func(t *testing.T) {
		t.Logf("all are killed after task %d", moments[2])
		o := s.Disturb("new-cluster.yml", moments[2], func() {
			for _, h := range s.Lab.Hosts() {
				do(s, h.Kill(context.Background()))
			}
		})
		interrupted(o, 4, 2)
		for _, h := range s.Lab.Hosts() {
			do(s, h.Boot(context.Background()))
		}
	})
	s.Subtest(t, "the work is finished", func(t *testing.T) {
		s.Run(0, "new-cluster.yml")
		s.Whole()
		s.Run(0, "new-cluster.yml").Unchanged(s.Names()...)
		foreignKept(s)
		tidy(s)
	})
}

// interrupted checks that a run said why it could not go on.
func interrupted(o *site.Outcome, codes ...int) {
	o.T.Helper()
	if !slices.Contains(codes, o.Code) {
		o.T.Fatalf("exit code %d, want one of %v\n%s", o.Code, codes, o.Story())
	}
	o.T.Logf("exit code %d after %s: %s", o.Code, o.Took.Round(time.Millisecond), o.Stderr)
}

func do(s *site.Site, err error) {
	s.T.Helper()
	if err != nil {
		s.T.Error(err)
	}
}

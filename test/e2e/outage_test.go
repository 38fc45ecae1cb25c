package e2e

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/polarbook/polarbook/test/lab"
)

// TestOutages cuts the network and the power at random moments of new-cluster.yml. The same command finishes the work
// when they are back.
func TestOutages(t *testing.T) {
	dice := rand.New(rand.NewPCG(random(t).Uint64(), 0))
	s := newSite(t, "dba", bookworm("node1", "node2", "node3"), nil)
	s.layForeign()
	host := func() *lab.Host { return s.lab.Host(s.names()[dice.IntN(3)]) }
	// Three moments, each in a later part of a run than the one before; a run begins some 60 tasks.
	moments := []int{1 + dice.IntN(20), 1 + dice.IntN(45), 1 + dice.IntN(45)}
	slices.Sort(moments)

	s.subtest(t, "a short silence is waited through", func(t *testing.T) {
		s.file("slow.yml", slowPlaybook)
		h := host()
		s.disturb("slow.yml", 1, func() {
			s.do(h.Unplug())
			time.Sleep(3 * time.Second)
			s.do(h.Plug())
		}, "-e", "seconds=6").exit(0)
	})
	s.subtest(t, "the network of one host is cut", func(t *testing.T) {
		h := host()
		t.Logf("%s is cut off after task %d", h.Name, moments[0])
		o := s.disturb("new-cluster.yml", moments[0], func() { s.do(h.Unplug()) })
		o.interrupted(4, 2)
		s.do(h.Plug())
	})
	s.subtest(t, "one host loses power", func(t *testing.T) {
		s.unlocked()
		h := host()
		t.Logf("%s is killed after task %d", h.Name, moments[1])
		o := s.disturb("new-cluster.yml", moments[1], func() { s.do(h.Kill(context.Background())) })
		o.interrupted(4, 2)
		s.do(h.Boot(context.Background()))
	})
	s.subtest(t, "all hosts lose power", func(t *testing.T) {
		s.unlocked()
		t.Logf("all are killed after task %d", moments[2])
		o := s.disturb("new-cluster.yml", moments[2], func() {
			for _, h := range s.lab.Hosts() {
				s.do(h.Kill(context.Background()))
			}
		})
		o.interrupted(4, 2)
		for _, h := range s.lab.Hosts() {
			s.do(h.Boot(context.Background()))
		}
	})
	s.subtest(t, "the work is finished", func(t *testing.T) {
		s.unlocked()
		s.run(0, "new-cluster.yml")
		s.whole()
		s.run(0, "new-cluster.yml").unchanged(s.names()...)
		s.foreignKept()
		s.tidy()
	})
}

// disturb runs a playbook and breaks something once the moment-th task has begun.
func (s *site) disturb(playbook string, moment int, breakIt func(), args ...string) *outcome {
	s.t.Helper()
	began, broken := 0, make(chan struct{})
	r := s.start(func(_ *running, e event) {
		if e.Type == "task_started" {
			if began++; began == moment {
				go func() { defer close(broken); breakIt() }()
			}
		}
	}, append([]string{"run", playbook, "--output", "json"}, args...)...)
	o := r.wait()
	if began < moment {
		s.t.Fatalf("the run began %d tasks, want %d at least\n%s", began, moment, o.story())
	}
	<-broken
	return o
}

// interrupted wants a run that said why it could not go on.
func (o *outcome) interrupted(codes ...int) {
	o.t.Helper()
	if !slices.Contains(codes, o.code) {
		o.t.Fatalf("exit code %d, want one of %v\n%s", o.code, codes, o.story())
	}
	o.t.Logf("exit code %d after %s: %s", o.code, o.took.Round(time.Millisecond), o.stderr)
}

func (s *site) do(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Error(err)
	}
}

// unlocked waits until no host is locked by a run that it has not noticed the end of.
func (s *site) unlocked() {
	s.t.Helper()
	deadline := time.Now().Add(3 * time.Minute)
	for {
		o := s.start(nil, "run", "check.yml", "--output", "json").wait()
		if o.code != 5 {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("the hosts are still locked\n%s", o.story())
		}
		time.Sleep(time.Second)
	}
}

package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/polarbook/polarbook/test/site"
)

// polarbook is killed wantKills times in all, on clusters that are each set up from bare hosts through killsEach kills.
const (
	wantKills = 20
	killsEach = 10
)

// TestKilled kills polarbook at random moments of new-cluster.yml and runs it again until it finishes. Moments are counted
// in tasks, to spread them over the whole run on any machine, plus a random time, so that they also fall into long steps.
func TestKilled(t *testing.T) {
	t.Parallel()
	dice := site.Dice(t)
	// A run begins the same number of tasks whether it has everything to do or nothing. The first cluster shows that number.
	length, kills := 60, 0
	for i := 1; kills < wantKills && i <= 2*wantKills/killsEach && !t.Failed(); i++ {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			tasks, killed := killing(t, rand.New(rand.NewPCG(dice.Uint64(), 0)), length)
			length, kills = tasks, kills+killed
		})
	}
	t.Logf("killed %d times", kills)
	if kills < wantKills && !t.Failed() {
		t.Errorf("killed %d times, want at least %d", kills, wantKills)
	}
}

// killing sets a cluster up through its kills, at moments of a run that begins so many tasks. It returns how many the last
// run began.
func killing(t *testing.T, dice *rand.Rand, length int) (tasks, kills int) {
	s := site.New(t, site.Options{User: []string{"root", "dba"}[dice.IntN(2)], Cluster: "e2e", Specs: site.Hosts("node1", "node2", "node3")})
	layForeign(s)
	moments := make([]int, killsEach)
	for i := range moments {
		moments[i] = 1 + dice.IntN(length-1) // a run that begins another task is sure to be killed
	}
	// In this order every run gets further than the one before.
	slices.Sort(moments)
	watch := watchCopies(s)
	for _, moment := range moments {
		// Most steps take some milliseconds, some a few seconds.
		late := time.Duration(dice.Float64() * dice.Float64() * float64(2*time.Second))
		if !s.KillAt("new-cluster.yml", moment, late) {
			continue
		}
		kills++
		if dice.IntN(2) == 0 {
			time.Sleep(time.Duration(dice.IntN(2000)) * time.Millisecond)
		}
	}
	o := s.Run(0, "new-cluster.yml")
	watch()
	s.Whole()
	s.Run(0, "new-cluster.yml").Unchanged(s.Names()...)
	foreignKept(s)
	tidy(s)
	return tasksOf(o), kills
}

// tasksOf returns the number of tasks that the run began.
func tasksOf(o *site.Outcome) int {
	n := 0
	for _, e := range o.Events {
		if e.Type == "task_started" {
			n++
		}
	}
	return n
}

// layForeign puts foreign files beside everything that polarbook makes.
func layForeign(s *site.Site) {
	s.T.Helper()
	for _, n := range s.Names() {
		s.On(n, `for d in /var/lib/polardb/others /opt/polardb/versions/others /var/lib/polardb/pgdata-others; do
mkdir -p $d; echo precious >$d/file; done; echo precious >/var/lib/polardb/file; echo precious >/var/lib/polardb/pgdata.save`)
	}
}

// foreignKept checks that they have not changed.
func foreignKept(s *site.Site) {
	s.T.Helper()
	for _, n := range s.Names() {
		got := s.On(n,
			`cat /var/lib/polardb/others/file /opt/polardb/versions/others/file /var/lib/polardb/pgdata-others/file /var/lib/polardb/file /var/lib/polardb/pgdata.save`)
		if got != strings.Repeat("precious\n", 5) {
			s.T.Errorf("somebody else's files on %s were changed: %q", n, got)
		}
	}
}

// watchCopies checks the hosts now and then, until the returned function is called, for two base backups at once on one of
// them and for passwords in the arguments of processes.
func watchCopies(s *site.Site) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	looks := 0
	names := s.Names()
	all.Go(func() {
		for ctx.Err() == nil {
			for _, n := range names {
				looks++
				look(s, n)
			}
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	})
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			all.Wait()
			if looks < len(names) {
				s.T.Error("nobody looked at the hosts")
			}
		})
	}
	s.T.Cleanup(stop)
	return stop
}

// look reads the command lines of all processes at one moment. A base backup's own helper is its child.
func look(s *site.Site, name string) {
	processes, err := s.Lab.Host(name).Processes()
	if err != nil {
		return // the host is down, or the test over
	}
	copies := map[int]int{} // to the parent
	for _, p := range processes {
		line := strings.Join(p.Args, " ")
		if strings.Contains(line, s.Password) || strings.Contains(line, s.Lab.Password()) {
			s.T.Errorf("a password is among the arguments of a process on %s: %s", name, line)
		}
		if p.Name == "pg_basebackup" || strings.HasPrefix(p.Name, "polar_basebacku") {
			copies[p.PID] = p.Parent
		}
	}
	top := 0
	for _, parent := range copies {
		if _, helper := copies[parent]; !helper {
			top++
		}
	}
	if top > 1 {
		s.T.Errorf("%d base backups at once on %s: %v\n%+v", top, name, copies, processes)
	}
}

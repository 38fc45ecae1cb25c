package differential

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/test/lab"
	"github.com/polarbook/polarbook/test/site"
)

// TestFlips has hosts converged by one program and then runs the same play with the other, which must find nothing to change:
// a fleet moves to polarbook, and back, without a restart. One play is run, all of them when DIFFERENTIAL is all or -run names them.
func TestFlips(t *testing.T) {
	site.Long(t)
	lab.Require(t)
	plays, err := filepath.Glob("testdata/flips/*")
	if err != nil || len(plays) == 0 {
		t.Fatal("no plays: ", err)
	}
	if os.Getenv("DIFFERENTIAL") != "all" && !filtered() {
		plays = []string{"testdata/flips/users"}
	}
	comparisons := map[string]*comparison{}
	for _, dir := range plays {
		b := &batch{name: "flips/" + filepath.Base(dir), dir: dir, runs: [][]string{{}}, cases: []*testCase{{}}, flavour: "debian"}
		if strings.HasSuffix(dir, "_rhel") {
			b.flavour = "rhel"
		}
		if !asked("TestFlips/" + filepath.Base(dir)) {
			continue
		}
		if comparisons[b.flavour] == nil {
			comparisons[b.flavour] = newComparison(t, ansibles, b.flavour, nil, newTable())
		}
		c := comparisons[b.flavour]
		t.Run(filepath.Base(dir), func(t *testing.T) {
			for _, s := range c.desks() {
				s.t = t
			}
			c.each(func(_ int, s *desk) {
				s.prepare(b)
				s.converges(b)
			})
			// Each program where the other was. Of the two versions of Ansible one comes after the other, on polarbook's hosts.
			for _, ansible := range c.ansibles {
				c.ours.on(ansible).unchanged(b)
				ansible.on(c.ours).unchanged(b)
			}
		})
	}
}

// on is the program of a desk with the hosts and files of another.
func (s *desk) on(other *desk) *desk {
	visitor := *other
	visitor.name, visitor.run, visitor.tree = s.name+" after "+other.name, s.run, s.tree
	return &visitor
}

func (s *desk) converges(b *batch) {
	s.t.Helper()
	o := s.run(s, b, nil)
	if o.code != 0 {
		s.t.Errorf("%s: exit code %d\n%s", s.name, o.code, o.text)
	}
	s.t.Logf("%s: %v", s.name, o.recap["node1"])
}

func (s *desk) unchanged(b *batch) {
	s.t.Helper()
	o := s.run(s, b, nil)
	if o.code != 0 || len(o.recap) == 0 {
		s.t.Errorf("%s: exit code %d\n%s", s.name, o.code, o.text)
	}
	for _, host := range slices.Sorted(maps.Keys(o.steps)) {
		for _, step := range o.steps[host] {
			if step.status == "changed" {
				s.t.Errorf("%s changes %s [%s]: %s", s.name, host, step.task, s.shown(step.values))
			}
		}
		if n := o.recap[host]["changed"]; n > 0 {
			s.t.Errorf("%s: %d tasks changed %s", s.name, n, host)
		}
	}
}

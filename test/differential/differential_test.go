package differential

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/polarbook/polarbook/test/lab"
)

// TestAsAnsible runs the cases that sample_test.go names, with the reference alone; all of them, with every version, when DIFFERENTIAL is
// all, and those that -run names when it names some. DIFFERENTIAL_TABLE is a file for the table, DIFFERENTIAL_KEEP a directory for what
// the programs said where they differ, DIFFERENTIAL_HOSTS a name under which the hosts are left up for the next time.
func TestAsAnsible(t *testing.T) {
	lab.Require(t)
	batches := load(t)
	known := readKnown(t)
	whole := os.Getenv("DIFFERENTIAL") == "all" && !filtered()
	versions := ansibles
	if os.Getenv("DIFFERENTIAL") != "all" && !filtered() {
		batches, versions = sampled(t, batches), ansibles[:1]
	}
	all := newTable()
	for _, flavour := range []string{"debian", "rhel"} {
		var some []*batch
		for _, b := range batches {
			if b.flavour == flavour && asked("TestAsAnsible/"+b.name) {
				some = append(some, b)
			}
		}
		if len(some) == 0 {
			continue
		}
		c := newComparison(t, versions, flavour, packagesFor(some), all)
		c.known = known
		for _, b := range some {
			t.Run(b.name, func(t *testing.T) { c.do(t, b) })
		}
	}
	if whole {
		for _, d := range known {
			if !d.met && d.kind != chance {
				t.Errorf("this difference is no more: %s: %s", d.pattern, d.reason)
			}
		}
	}
	text := all.String()
	t.Log("\n" + text)
	if file := os.Getenv("DIFFERENTIAL_TABLE"); file != "" {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Error(err)
		}
	}
}

// asked reports whether -run names a test.
func asked(test string) bool {
	patterns := strings.Split(flag.Lookup("test.run").Value.String(), "/")
	for i, part := range strings.Split(strings.ReplaceAll(test, " ", "_"), "/") {
		if i < len(patterns) && !regexp.MustCompile(patterns[i]).MatchString(part) {
			return false
		}
	}
	return true
}

// packagesFor are the packages that the hosts have for these batches.
func packagesFor(batches []*batch) []string {
	var all []string
	for _, b := range batches {
		all = append(all, b.packages...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// newComparison boots the hosts of all programs. It skips the test where there is no Ansible to compare with.
func newComparison(t *testing.T, versions []ansible, flavour string, packages []string, counts *table) *comparison {
	t.Helper()
	scratch, err := os.MkdirTemp("/tmp", "diff-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(scratch) })
	c := &comparison{reported: map[string]bool{}, table: counts}
	c.ours = newDesk(t, scratch, "p", "polarbook", flavour, packages)
	c.ours.run = runPolarbook
	for i, a := range versions {
		tree, err := findAnsible(t, a.version, a.release)
		if err != nil {
			why := fmt.Sprintf("SKIP Ansible %s: nothing is compared with it: %v", a.version, err)
			if os.Getenv("CI") == "true" {
				t.Fatal(why)
			}
			c.table.notes = append(c.table.notes, why)
			t.Log(why)
			continue
		}
		s := newDesk(t, scratch, []string{"b", "a"}[i], "Ansible "+a.version, flavour, packages)
		s.tree = tree
		t.Cleanup(func() { s.t = t; s.closeSockets() })
		c.ansibles = append(c.ansibles, s)
	}
	if len(c.ansibles) == 0 || c.ansibles[0].name != "Ansible "+ansibles[0].version {
		t.Skipf("SKIP differential: there is no Ansible %s, which is what polarbook is compared with", ansibles[0].version)
	}
	return c
}

// TestCases reads all cases, and wants the sample to be some of them.
func TestCases(t *testing.T) {
	all := load(t)
	if some := sampled(t, all); len(some) >= len(all) {
		t.Errorf("the sample has %d of %d", len(some), len(all))
	}
	readKnown(t)
	n := 0
	for _, b := range all {
		n += len(b.cases)
	}
	t.Logf("%d cases in %d runs", n, len(all))
}

// comparison is what all cases share.
type comparison struct {
	ansibles []*desk // the reference first
	ours     *desk
	known    []*knownDifference
	reported map[string]bool // differences of hosts that an earlier case left
	table    *table
}

func (c *comparison) desks() []*desk { return append(slices.Clone(c.ansibles), c.ours) }

// do runs a batch and says how its cases went.
func (c *comparison) do(t *testing.T, b *batch) {
	for _, s := range c.desks() {
		s.t = t
	}
	c.each(func(_ int, s *desk) { s.prepare(b) })
	// What differs from each Ansible, by the case.
	differs := make([]map[*testCase][]string, len(c.ansibles))
	for i := range differs {
		differs[i] = map[*testCase][]string{}
	}
	whole := b.cases[0]
	refused := map[*testCase]string{}
	for run, args := range b.runs {
		outcomes := make([]*outcome, len(c.desks()))
		c.each(func(i int, s *desk) { outcomes[i] = s.run(s, b, args) })
		got := outcomes[len(c.ansibles)]
		for of, why := range got.refused {
			refused[of] = why
		}
		got.refused = refused
		took := ""
		for i, s := range c.desks() {
			took += fmt.Sprintf("%s %.1f s  ", s.name, outcomes[i].took.Seconds())
		}
		t.Logf("run %d %s: %s", run+1, strings.Join(args, " "), took)
		if b.shared() && !outcomes[0].loaded {
			t.Errorf("%s does not load with %s: %s", b.name, c.ansibles[0].name, outcomes[0].text)
		}
		for i, s := range c.ansibles {
			for _, d := range compare(b, s, c.ours, outcomes[i], got) {
				of := d.of
				if of == nil {
					of = whole
				}
				differs[i][of] = append(differs[i][of], fmt.Sprintf("%s/%d %s", of.id, run+1, d.text))
			}
		}
		if dir := os.Getenv("DIFFERENTIAL_KEEP"); dir != "" {
			for i, s := range c.desks() {
				keep(t, filepath.Join(dir, b.folder(), fmt.Sprintf("%d-%s", run+1, filepath.Base(s.dir))), outcomes[i])
			}
		}
	}
	for i, s := range c.ansibles {
		for _, d := range append(compareFiles(s, c.ours), compareDesks(s, c.ours, b)...) {
			if key := s.name + d; !c.reported[key] {
				c.reported[key] = true
				of := whole
				for _, one := range b.cases {
					if one.dir != "" && strings.Contains(d+" ", one.dir) && strings.ContainsAny(strings.SplitN(d+" ", one.dir, 2)[1][:1], "/ ") {
						of = one
					}
				}
				differs[i][of] = append(differs[i][of], of.id+" "+d)
			}
		}
	}
	for _, one := range b.cases {
		c.verdict(t, b, one, differs)
	}
}

// each has all programs do something at once.
func (c *comparison) each(do func(i int, s *desk)) {
	var all sync.WaitGroup
	for i, s := range c.desks() {
		all.Go(func() { do(i, s) })
	}
	all.Wait()
}

// verdict counts a case in the table, and fails the test for what is not known of it.
func (c *comparison) verdict(t *testing.T, b *batch, one *testCase, differs []map[*testCase][]string) {
	asOther := ""
	if len(differs) > 1 && len(differs[1][one]) == 0 {
		asOther = " (as " + c.ansibles[1].name + ")"
	}
	worst := agreed
	if len(differs) > 1 && len(differs[1][one]) > 0 {
		worst = agreedWithReference
	}
	for _, d := range differs[0][one] {
		v := unexplained
		if entry := find(c.known, d); entry != nil {
			v = map[kind]verdict{stays: explained, chance: explained, later: toMend, absent: unsupported}[entry.kind]
			t.Logf("%s: %s%s", entry.kind, d, asOther)
		} else {
			t.Errorf("%s%s", d, asOther)
		}
		worst = max(worst, v)
	}
	c.table.count(b.section, worst)
}

// keep writes what a program said, to be read when it differs.
func keep(t *testing.T, path string, o *outcome) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(o.text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// filtered reports whether -run names some of the cases.
func filtered() bool { return strings.Contains(flag.Lookup("test.run").Value.String(), "/") }

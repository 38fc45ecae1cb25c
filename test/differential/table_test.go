package differential

import (
	"fmt"
	"strings"
)

// verdict is how a case went; of several differences the worst counts.
type verdict int

const (
	agreed              verdict = iota
	agreedWithReference         // where the other Ansible does otherwise
	explained
	toMend
	unsupported
	unexplained
	verdicts
)

// table counts the cases of each section.
type table struct {
	sections []string
	counts   map[string]*[verdicts]int
	notes    []string
}

func newTable() *table { return &table{counts: map[string]*[verdicts]int{}} }

func (t *table) count(section string, v verdict) {
	if t.counts[section] == nil {
		t.counts[section] = new([verdicts]int)
		t.sections = append(t.sections, section)
	}
	t.counts[section][v]++
}

// String is the table as it is printed.
func (t *table) String() string {
	var out strings.Builder
	line := func(section string, counts [verdicts]int) {
		all := 0
		for _, n := range counts {
			all += n
		}
		_, _ = fmt.Fprintf(&out, "%-28s %5d %7d %10d %11d %8d %14d %12d\n", section, all,
			counts[agreed]+counts[agreedWithReference], counts[agreedWithReference],
			counts[explained], counts[toMend], counts[unsupported], counts[unexplained])
	}
	_, _ = fmt.Fprintf(&out, "%-28s %5s %7s %10s %11s %8s %14s %12s\n", "section", "cases", "agreed", "2.19 alone", "differs for", "to mend",
		"not supported", "unexplained")
	var sum [verdicts]int
	for _, s := range t.sections {
		line(s, *t.counts[s])
		for v, n := range t.counts[s] {
			sum[v] += n
		}
	}
	line("all", sum)
	_, _ = fmt.Fprintln(&out, "2.19 alone: of the agreed, those where Ansible 2.14 does otherwise; differs for a reason that known.txt gives.")
	for _, n := range t.notes {
		_, _ = fmt.Fprintln(&out, n)
	}
	return out.String()
}

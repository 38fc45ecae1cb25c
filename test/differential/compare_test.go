package differential

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// difference is one way in which a case did not go as with Ansible. The case is nil when it cannot be told.
type difference struct {
	of   *testCase
	text string
}

// compare lists how the two runs differ: exit code, recap, tasks and their status by host, and whatever
// Ansible returned that polarbook did not return alike. What polarbook returns beyond that is not compared.
func compare(b *batch, ansible, ours *desk, want, got *outcome) []difference {
	var all []difference
	say := func(of *testCase, format string, args ...any) {
		all = append(all, difference{of, fmt.Sprintf(format, args...)})
	}
	whole := b.cases[0]
	if !want.loaded || !got.loaded {
		// What Ansible fails at in a run polarbook may find before it.
		if want.loaded != got.loaded && (got.loaded || want.code == 0) {
			say(whole, "load: Ansible %s, polarbook %s", loading(want), loading(got))
		}
		return all
	}
	if !b.shared() {
		if want.code != got.code {
			say(whole, "exit code: Ansible %d, polarbook %d", want.code, got.code)
		}
		for _, host := range hostsOf(want, got) {
			if w, g := want.counts(host), got.counts(host); !reflect.DeepEqual(w, g) {
				say(whole, "%s recap: Ansible %v, polarbook %v", host, w, g)
			}
		}
	}
	for _, host := range hostsOf(want, got) {
		for _, pair := range align(want.steps[host], got.steps[host]) {
			w, g := pair[0], pair[1]
			switch {
			case w == nil:
				say(b.of(g.play, g.task), "%s [%s]: only polarbook has it: %s", host, g.task, g.status)
			case g == nil:
				if of := b.of(w.play, w.task); got.refused[of] == "" {
					say(of, "%s [%s]: only Ansible has it: %s", host, w.task, w.status)
				}
			default:
				compareStep(ansible, ours, w, g, func(text string) {
					say(b.of(w.play, w.task), "%s [%s]%s", host, w.task, text)
				})
			}
		}
	}
	for c, why := range got.refused {
		if !fails(b, c, want) {
			say(c, "refused: %s", why)
		}
	}
	return all
}

// fails reports whether a task of the case failed with Ansible, which may find in a run what polarbook finds before it.
func fails(b *batch, c *testCase, o *outcome) bool {
	for _, steps := range o.steps {
		for _, s := range steps {
			if s.status == "failed" && b.of(s.play, s.task) == c {
				return true
			}
		}
	}
	return false
}

func loading(o *outcome) string {
	if o.loaded {
		return fmt.Sprintf("runs it, exit code %d", o.code)
	}
	first, _, _ := strings.Cut(strings.TrimSpace(o.text), "\n")
	return "refuses it: " + first
}

func compareStep(ansible, ours *desk, w, g *step, say func(text string)) {
	if w.status != g.status {
		say(fmt.Sprintf(": Ansible %s, polarbook %s: %s / %s", w.status, g.status, ansible.shown(w.values["msg"]), ours.shown(g.values["msg"])))
	}
	if w.values == nil {
		if g.values != nil {
			say(": Ansible hides the result, polarbook shows it")
		}
		return
	}
	spoken := speaks[fmt.Sprint(w.values["action"])] && w.status != "failed" || w.values["action"] == "fail"
	valuesDiffer(ansible, ours, "", w.values, g.values, func(path, why string) {
		if spoken || !message.MatchString(path) {
			say(fmt.Sprintf(" .%s: %s", path, why))
		}
	})
	if returnsAll.MatchString(fmt.Sprint(w.values["action"])) && w.status != "failed" && w.values["results"] == nil {
		for _, key := range slices.Sorted(maps.Keys(w.values)) {
			if _, there := g.values[key]; !there && uncompared[key] == "" && !returned[key] && !strings.HasPrefix(key, "_ansible_") {
				say(fmt.Sprintf(" .%s: only Ansible returns it: %s", key, ansible.shown(w.values[key])))
			}
		}
	}
	if facts := w.values["ansible_facts"]; facts != nil && finds[fmt.Sprint(w.values["action"])] {
		valuesDiffer(ansible, ours, "ansible_facts", facts, g.values["ansible_facts"], func(path, why string) {
			say(fmt.Sprintf(" .%s: %s", path, why))
		})
	}
}

func hostsOf(outcomes ...*outcome) []string {
	names := map[string]bool{}
	for _, o := range outcomes {
		for h := range o.steps {
			names[h] = true
		}
		for h := range o.recap {
			names[h] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// counts are a host's columns of the recap. A host that did nothing is not in Ansible's.
func (o *outcome) counts(host string) map[string]int {
	all := map[string]int{}
	for _, c := range counts {
		all[c[1]] = o.recap[host][c[1]]
	}
	return all
}

// message is where a module's own words are in its result.
var message = regexp.MustCompile(`^(results\[\d+\]\.)?msg$`)

// align pairs the steps of two runs by their names, in order, as diff pairs lines.
func align(a, b []step) [][2]*step {
	length := make([][]int, len(a)+1)
	for i := range length {
		length[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if same(a[i], b[j]) {
				length[i][j] = length[i+1][j+1] + 1
			} else {
				length[i][j] = max(length[i+1][j], length[i][j+1])
			}
		}
	}
	var pairs [][2]*step
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && same(a[i], b[j]):
			pairs = append(pairs, [2]*step{&a[i], &b[j]})
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && length[i+1][j] >= length[i][j+1]:
			pairs = append(pairs, [2]*step{&a[i], nil})
			i++
		default:
			pairs = append(pairs, [2]*step{nil, &b[j]})
			j++
		}
	}
	return pairs
}

func same(a, b step) bool { return a.play == b.play && a.task == b.task }

// valuesDiffer walks what Ansible returned and says where polarbook's is not the same.
func valuesDiffer(ansible, ours *desk, path string, want, got any, say func(path, why string)) {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			break
		}
		for _, key := range slices.Sorted(maps.Keys(w)) {
			if uncompared[key] != "" || strings.HasPrefix(key, "_ansible_") {
				continue
			}
			if _, unit := w[key].(map[string]any); key == "status" && unit { // its properties, with times and numbers of processes
				continue
			}
			at := strings.TrimPrefix(path+"."+key, ".")
			if value, ok := g[key]; ok {
				valuesDiffer(ansible, ours, at, w[key], value, say)
			} else if returned[key] || strings.HasPrefix(at, "ansible_facts.") {
				say(at, "only Ansible returns it: "+ansible.shown(w[key]))
			}
		}
		return
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			break
		}
		for i := range w {
			valuesDiffer(ansible, ours, fmt.Sprintf("%s[%d]", path, i), w[i], g[i], say)
		}
		return
	}
	if a, p := ansible.shown(want), ours.shown(got); a != p {
		say(path, fmt.Sprintf("Ansible %s, polarbook %s", a, p))
	}
}

// shown returns a value as it is compared and printed.
func (s *desk) shown(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		s.t.Error(err)
	}
	return s.plain(string(text))
}

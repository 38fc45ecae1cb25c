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

// compare lists how the two runs differ, one line each: exit code, recap, tasks and their status by host, and whatever
// Ansible returned that polarbook did not return alike. What polarbook returns beyond that is not compared.
func compare(ansible, ours *desk, want, got *outcome) []string {
	var all []string
	say := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	if want.code != got.code {
		say("exit code: Ansible %d, polarbook %d", want.code, got.code)
	}
	for _, host := range hostsOf(want, got) {
		if !reflect.DeepEqual(want.recap[host], got.recap[host]) {
			say("%s recap: Ansible %v, polarbook %v", host, want.recap[host], got.recap[host])
		}
		for _, pair := range align(want.steps[host], got.steps[host]) {
			w, g := pair[0], pair[1]
			switch {
			case w == nil:
				say("%s [%s]: only polarbook has it: %s", host, g.task, g.status)
			case g == nil:
				say("%s [%s]: only Ansible has it: %s", host, w.task, w.status)
			default:
				at := fmt.Sprintf("%s [%s]", host, w.task)
				if w.status != g.status {
					say("%s: Ansible %s, polarbook %s: %s / %s", at, w.status, g.status, ansible.shown(w.values["msg"]), ours.shown(g.values["msg"]))
				}
				if w.values == nil {
					if g.values != nil {
						say("%s: Ansible hides the result, polarbook shows it", at)
					}
					continue
				}
				valuesDiffer(ansible, ours, "", w.values, g.values, func(path, why string) {
					if speaks[fmt.Sprint(w.values["action"])] || !message.MatchString(path) {
						say("%s .%s: %s", at, path, why)
					}
				})
			}
		}
	}
	return all
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
			if a[i].task == b[j].task {
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
		case i < len(a) && j < len(b) && a[i].task == b[j].task:
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
			at := strings.TrimPrefix(path+"."+key, ".")
			if value, ok := g[key]; ok {
				valuesDiffer(ansible, ours, at, w[key], value, say)
			} else if returned[key] {
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
	// A template that is one expression keeps its type, as with Ansible's jinja2_native; without it numbers become text.
	if a, p := ansible.shown(want), ours.shown(got); strings.Trim(a, `"`) != strings.Trim(p, `"`) {
		say(path, fmt.Sprintf("Ansible %s, polarbook %s", a, p))
	}
}

// shown is a value as it is compared and printed.
func (s *desk) shown(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		s.t.Error(err)
	}
	return s.plain(string(text))
}

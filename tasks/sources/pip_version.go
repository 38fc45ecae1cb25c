package sources

import (
	"regexp"
	"strconv"
	"strings"
)

// requirement is a package with the versions that it may have, as PEP 508 writes it.
type requirement struct {
	name   string // as PEP 503 has it; empty: a URL or a path, of which nobody knows the package
	limits []limit
}

type limit struct{ operator, version string }

var (
	versionOperator = regexp.MustCompile(`^\s*(===|==|~=|!=|>=|<=|>|<)`)
	requirementName = regexp.MustCompile(`^\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^\]]*\])?\s*\(?([^;@)]*)\)?\s*(;.*)?$`)
	nameRuns        = regexp.MustCompile(`[-_.]+`)
)

func canonicalName(name string) string { return strings.ToLower(nameRuns.ReplaceAllString(name, "-")) }

func readRequirement(text string) requirement {
	m := requirementName.FindStringSubmatch(text)
	if m == nil {
		return requirement{}
	}
	r := requirement{name: canonicalName(m[1])}
	for _, part := range strings.Split(m[3], ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		operator := versionOperator.FindString(part)
		if operator == "" {
			return requirement{}
		}
		r.limits = append(r.limits, limit{strings.TrimSpace(operator), strings.TrimSpace(part[len(operator):])})
	}
	return r
}

// readFreeze reads what pip list --format=freeze prints: versions by names.
func readFreeze(text string) map[string]string {
	installed := map[string]string{}
	for _, line := range strings.Split(text, "\n") {
		if name, version, ok := strings.Cut(strings.TrimSpace(line), "=="); ok {
			installed[canonicalName(name)] = version
		}
	}
	return installed
}

// in reports whether a package is installed in one of the versions.
func (r requirement) in(installed map[string]string) bool {
	have, ok := installed[r.name]
	if !ok || r.name == "" {
		return false
	}
	for _, l := range r.limits {
		if !l.holds(have) {
			return false
		}
	}
	return true
}

// holds reports whether a version is within a limit.
func (l limit) holds(version string) bool {
	if prefix, ok := strings.CutSuffix(l.version, ".*"); ok {
		within := readVersion(version).begins(readVersion(prefix))
		return within == (l.operator == "==")
	}
	have, _, _ := strings.Cut(version, "+")
	want := l.version
	if strings.Contains(want, "+") {
		have = version
	}
	order := readVersion(have).compare(readVersion(want))
	switch l.operator {
	case "===":
		return version == want
	case "==":
		return order == 0 && (!strings.Contains(want, "+") || strings.EqualFold(version, want))
	case "!=":
		return order != 0
	case ">=":
		return order >= 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	case "<":
		return order < 0
	case "~=":
		cut := strings.LastIndex(want, ".")
		return order >= 0 && cut > 0 && readVersion(have).begins(readVersion(want[:cut]))
	}
	return false
}

// version is one of PEP 440, without what follows a plus: its release, and what comes before or after that.
type version struct {
	epoch   int
	release []int
	tail    [3]int // prerelease, post-release, development release: each by its order
}

var versionParts = regexp.MustCompile(`(?i)^v?(?:(\d+)!)?(\d+(?:\.\d+)*)[-_.]?(?:(a|b|c|rc|alpha|beta|pre|preview)[-_.]?(\d*))?` +
	`(?:-(\d+)|[-_.]?(post|rev|r)[-_.]?(\d*))?(?:[-_.]?(dev)[-_.]?(\d*))?`)

const final = 1 << 40 // later than every prerelease

func readVersion(text string) version {
	m := versionParts.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return version{}
	}
	number := func(s string) int { n, _ := strconv.Atoi(s); return n } // no digits are 0, says PEP 440
	v := version{epoch: number(m[1]), tail: [3]int{final, -1, final}}
	for _, part := range strings.Split(m[2], ".") {
		v.release = append(v.release, number(part))
	}
	if kind := strings.ToLower(m[3]); kind != "" {
		class := map[byte]int{'a': 0, 'b': 1}
		order, ok := class[kind[0]]
		if !ok {
			order = 2
		}
		v.tail[0] = order<<32 + number(m[4])
	}
	if m[5] != "" || m[6] != "" {
		v.tail[1] = number(m[5] + m[7])
	}
	if m[8] != "" {
		v.tail[2] = number(m[9])
		if m[3] == "" && v.tail[1] < 0 { // 1.0.dev1 is before 1.0a1
			v.tail[0] = -1
		}
	}
	return v
}

func (v version) at(i int) int {
	if i < len(v.release) {
		return v.release[i]
	}
	return 0
}

// begins reports whether the release of a version begins with that of another.
func (v version) begins(with version) bool {
	if v.epoch != with.epoch {
		return false
	}
	for i := range with.release {
		if v.at(i) != with.release[i] {
			return false
		}
	}
	return true
}

func (v version) compare(w version) int {
	a, b := []int{v.epoch}, []int{w.epoch}
	for i := range max(len(v.release), len(w.release)) {
		a, b = append(a, v.at(i)), append(b, w.at(i))
	}
	a, b = append(a, v.tail[:]...), append(b, w.tail[:]...)
	for i := range a {
		if a[i] != b[i] {
			if a[i] < b[i] {
				return -1
			}
			return 1
		}
	}
	return 0
}

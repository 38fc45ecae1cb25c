package ansible

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// The form of https://packaging.python.org/specifications/version-specifiers: epoch, release, pre-release, post-release,
// development release and local label.
var pep440Form = regexp.MustCompile(`(?i)^\s*v?(?:(\d+)!)?(\d+(?:\.\d+)*)` +
	`(?:[-_.]?(alpha|a|beta|b|preview|pre|c|rc)[-_.]?(\d+)?)?` +
	`(?:-(\d+)|[-_.]?(post|rev|r)[-_.]?(\d+)?)?` +
	`(?:[-_.]?(dev)[-_.]?(\d+)?)?` +
	`(?:\+([a-z0-9]+(?:[-_.][a-z0-9]+)*))?\s*$`)

// pep440 is a version of Python's packages. Numbers are kept as digits.
type pep440 struct {
	epoch           string
	release         []string
	rank            int // of the stage that pre names: 0 is a development release of the release itself, 4 no pre-release
	pre, post, dev  string
	hasPost, hasDev bool
	local           []string
}

func readPEP440(version string) (pep440, error) {
	m := pep440Form.FindStringSubmatch(version)
	if m == nil {
		return pep440{}, fmt.Errorf("%q is not a version as PEP 440 has them, such as 1.2rc1, 1.2.post1 or 1.2.dev3", version)
	}
	v := pep440{
		epoch: m[1], release: strings.Split(m[2], "."), pre: m[4], post: m[5] + m[7], hasPost: m[5] != "" || m[6] != "",
		dev: m[9], hasDev: m[8] != "",
	}
	for len(v.release) > 1 && strings.Trim(v.release[len(v.release)-1], "0") == "" {
		v.release = v.release[:len(v.release)-1]
	}
	switch strings.ToLower(m[3]) {
	case "a", "alpha":
		v.rank = 1
	case "b", "beta":
		v.rank = 2
	case "c", "rc", "pre", "preview":
		v.rank = 3
	default:
		if v.rank = 4; v.hasDev && !v.hasPost {
			v.rank = 0
		}
	}
	if m[10] != "" {
		v.local = strings.FieldsFunc(strings.ToLower(m[10]), func(r rune) bool { return strings.ContainsRune("-_.", r) })
	}
	return v, nil
}

// comparePEP440 orders as pip does: 1.0.dev1, 1.0a1, 1.0rc1, 1.0, 1.0+local, 1.0.post1.
func comparePEP440(a, b string) (int, error) {
	x, err := readPEP440(a)
	if err != nil {
		return 0, err
	}
	y, err := readPEP440(b)
	if err != nil {
		return 0, err
	}
	return cmp.Or(
		compareNumbers(x.epoch, y.epoch),
		slices.CompareFunc(x.release, y.release, compareNumbers),
		cmp.Compare(x.rank, y.rank),
		compareNumbers(x.pre, y.pre),
		absentFirst(x.hasPost, y.hasPost),
		compareNumbers(x.post, y.post),
		absentFirst(y.hasDev, x.hasDev),
		compareNumbers(x.dev, y.dev),
		slices.CompareFunc(x.local, y.local, compareLocal),
	), nil
}

// absentFirst puts what is absent before what is there.
func absentFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// compareLocal puts letters before numbers.
func compareLocal(a, b string) int {
	if first, second := isNumber(a), isNumber(b); first && second {
		return compareNumbers(a, b)
	} else if first != second {
		return absentFirst(first, second)
	}
	return strings.Compare(a, b)
}

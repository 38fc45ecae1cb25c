package ansible

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/templates/jinja"
)

// versionTest is Ansible's test version: two versions of one of the kinds in versionKinds, loose where none is named.
var versionTest = jinja.Callable{Parameters: "version! operator strict version_type", Do: func(c *jinja.Invocation) (any, error) {
	operator := c.Text("operator", "eq")
	aliases := map[string]string{
		"==": "eq", "=": "eq", "eq": "eq", "<": "lt", "lt": "lt", "<=": "le", "le": "le", ">": "gt", "gt": "gt",
		">=": "ge", "ge": "ge", "!=": "ne", "<>": "ne", "ne": "ne",
	}
	wanted, ok := aliases[operator]
	if !ok {
		return nil, fmt.Errorf("the test version has no operator %q; there are ==, !=, <, <=, > and >=", operator)
	}
	kind, err := versionKind(c)
	if err != nil {
		return nil, err
	}
	for _, value := range []any{c.Value, c.Bound["version"]} {
		if full, err := jinja.Truth(value); err != nil || !full {
			return nil, errors.Join(err, errors.New("the test version needs two versions, one is empty"))
		}
	}
	order, err := versionKinds[kind](jinja.Text(c.Value), c.Text("version", ""))
	if err != nil {
		return nil, err
	}
	return map[string]bool{
		"eq": order == 0, "ne": order != 0, "lt": order < 0, "le": order <= 0, "gt": order > 0, "ge": order >= 0,
	}[wanted], nil
}}

// versionKinds compare two versions: the result is below 0, 0 or above 0.
var versionKinds = map[string]func(a, b string) (int, error){
	"loose": compareLoose, "strict": compareStrict, "semver": compareSemantic, "semantic": compareSemantic, "pep440": comparePEP440,
}

func versionKind(c *jinja.Invocation) (string, error) {
	kind, given := c.Given("version_type")
	strict, hasStrict := c.Given("strict")
	given, hasStrict = given && kind != nil, hasStrict && strict != nil
	switch {
	case given && hasStrict:
		return "", errors.New("the test version takes strict or version_type, not both")
	case given:
		name := jinja.Text(kind)
		if _, ok := versionKinds[name]; !ok {
			return "", fmt.Errorf("the test version has no version_type %q; there are loose, strict, semver, semantic and pep440", name)
		}
		return name, nil
	case hasStrict:
		if yes, err := jinja.Truth(strict); yes || err != nil {
			return "strict", err
		}
	}
	return "loose", nil
}

// compareNumbers compares two numbers written in decimal digits, of any length.
func compareNumbers(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

func isNumber(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

var looseParts = regexp.MustCompile(`\d+|[a-z]+|\.`)

// compareLoose compares as Python's LooseVersion: numbers as numbers, letters as letters, and a number with letters not at all.
func compareLoose(a, b string) (int, error) {
	x, y := splitLoose(a), splitLoose(b)
	for at := range min(len(x), len(y)) {
		order := 0
		switch first, second := isNumber(x[at]), isNumber(y[at]); {
		case first && second:
			order = compareNumbers(x[at], y[at])
		case first != second:
			return 0, fmt.Errorf("the versions %q and %q cannot be compared: %q and %q are of different kinds", a, b, x[at], y[at])
		default:
			order = strings.Compare(x[at], y[at])
		}
		if order != 0 {
			return order, nil
		}
	}
	return len(x) - len(y), nil
}

func splitLoose(s string) []string {
	parts := []string{}
	last := 0
	add := func(part string) {
		if part != "" && part != "." {
			parts = append(parts, part)
		}
	}
	for _, match := range looseParts.FindAllStringIndex(s, -1) {
		add(s[last:match[0]])
		add(s[match[0]:match[1]])
		last = match[1]
	}
	add(s[last:])
	return parts
}

var strictForm = regexp.MustCompile(`^(\d+)\.(\d+)(?:\.(\d+))?(?:([ab])(\d+))?\n?$`)

// compareStrict compares versions of two or three numbers, with a1 or b1 behind them where they come before the release.
func compareStrict(a, b string) (int, error) {
	x, y := strictForm.FindStringSubmatch(a), strictForm.FindStringSubmatch(b)
	for version, match := range map[string][]string{a: x, b: y} {
		if match == nil {
			return 0, fmt.Errorf("%q is not a version of two or three numbers, with a1 or b1 for one before the release, as strict needs it",
				version)
		}
	}
	for at := 1; at <= 3; at++ {
		if order := compareNumbers(x[at], y[at]); order != 0 {
			return order, nil
		}
	}
	if order := cmp.Compare(max(1, len(y[4])*2), max(1, len(x[4])*2)); order != 0 {
		return order, nil
	}
	return cmp.Or(strings.Compare(x[4], y[4]), compareNumbers(x[5], y[5])), nil
}

var semanticForm = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)` +
	`(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?` +
	`(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?\n?$`)

// compareSemantic compares by https://semver.org: 1.0.0-rc.1 comes before 1.0.0, and what follows a + does not count.
func compareSemantic(a, b string) (int, error) {
	x, y := semanticForm.FindStringSubmatch(a), semanticForm.FindStringSubmatch(b)
	for version, match := range map[string][]string{a: x, b: y} {
		if match == nil {
			return 0, fmt.Errorf("%q is not a semantic version, such as 1.2.3 or 1.2.3-rc.1", version)
		}
	}
	for at := 1; at <= 3; at++ {
		if order := compareNumbers(x[at], y[at]); order != 0 {
			return order, nil
		}
	}
	switch {
	case x[4] == y[4]:
		return 0, nil
	case x[4] == "":
		return 1, nil
	case y[4] == "":
		return -1, nil
	}
	return slices.CompareFunc(strings.Split(x[4], "."), strings.Split(y[4], "."), func(a, b string) int {
		switch first, second := isNumber(a), isNumber(b); {
		case first && second:
			return compareNumbers(a, b)
		case first:
			return -1
		case second:
			return 1
		}
		return strings.Compare(a, b)
	}), nil
}

package ansible

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/templates/jinja"
)

var versionParts = regexp.MustCompile(`(\d+|[a-z]+|\.)`)

// versionTest is Ansible's test version, comparing as Python's LooseVersion does: numbers as
// numbers, letters as letters.
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
	if kind := c.Text("version_type", "loose"); kind != "loose" && kind != "semver" && kind != "strict" && kind != "semantic" {
		return nil, fmt.Errorf("the test version has no version_type %q", kind)
	}
	a, b := jinja.Text(c.Value), c.Text("version", "")
	if a == "" || b == "" {
		return nil, errors.New("the test version needs two versions, one is empty")
	}
	order, err := compareVersions(a, b)
	if err != nil {
		return nil, err
	}
	return map[string]bool{
		"eq": order == 0, "ne": order != 0, "lt": order < 0, "le": order <= 0, "gt": order > 0, "ge": order >= 0,
	}[wanted], nil
}}

func compareVersions(a, b string) (int, error) {
	x, y := splitVersion(a), splitVersion(b)
	for at := 0; at < len(x) && at < len(y); at++ {
		i, aErr := strconv.ParseUint(x[at], 10, 64)
		j, bErr := strconv.ParseUint(y[at], 10, 64)
		switch {
		case aErr == nil && bErr == nil:
			if i != j {
				if i < j {
					return -1, nil
				}
				return 1, nil
			}
		case aErr != nil && bErr != nil:
			if order := strings.Compare(x[at], y[at]); order != 0 {
				return order, nil
			}
		default:
			return 0, fmt.Errorf("the versions %q and %q cannot be compared: %q and %q are of different kinds", a, b, x[at], y[at])
		}
	}
	return len(x) - len(y), nil
}

func splitVersion(s string) []string {
	parts := []string{}
	last := 0
	add := func(part string) {
		if part != "" && part != "." {
			parts = append(parts, part)
		}
	}
	for _, match := range versionParts.FindAllStringIndex(s, -1) {
		add(s[last:match[0]])
		add(s[match[0]:match[1]])
		last = match[1]
	}
	add(s[last:])
	return parts
}
